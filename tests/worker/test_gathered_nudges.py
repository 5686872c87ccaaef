"""Gathered nudges: nobody waits for the broker, nobody is forgotten, and a few messages tell of many frames."""

import threading
from collections.abc import Sequence

from bridge.db.outbox import WantedJob
from bridge.kernel.ids import JobId
from bridge.worker.gathered_nudges import GatheredNudges


def frame(number: int) -> WantedJob:
    return WantedJob(JobId(f"job_{number}"), "frame")


def other(number: int) -> WantedJob:
    return WantedJob(JobId(f"job_{number}"), "other")


class Broker:
    """Notes what is sent, each time on whose thread; it is slow as long as a test wants."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, ...]] = []
        self.threads: list[threading.Thread] = []
        self.entered = threading.Event()
        self.lets = threading.Event()
        self.lets.set()

    def send(self, jobs: Sequence[WantedJob]) -> None:
        self.entered.set()
        assert self.lets.wait(20)
        self.sent.append(tuple(one.id for one in jobs))
        self.threads.append(threading.current_thread())


def test_what_is_not_gathered_is_sent_at_once_job_by_job() -> None:
    broker = Broker()
    nudge = GatheredNudges(broker.send, {"frame"}, 2)
    nudge([other(1), other(2), other(3)])
    assert broker.sent == [("job_1", "job_2", "job_3")]
    assert broker.threads == [threading.current_thread()]


def test_a_frame_is_told_without_the_caller_waiting_for_the_broker() -> None:
    broker = Broker()
    broker.lets.clear()
    nudge = GatheredNudges(broker.send, {"frame"}, 2)
    nudge([frame(1)])
    assert broker.sent == []
    broker.lets.set()
    nudge.settle()
    assert broker.sent == [("job_1",)]


def test_who_asks_while_a_message_is_on_its_way_is_told_of_by_a_later_one() -> None:
    broker = Broker()
    broker.lets.clear()
    nudge = GatheredNudges(broker.send, {"frame"}, 2)
    nudge([frame(1)])
    assert broker.entered.wait(20)
    assert nudge._sender is not None, "who is sending takes along whoever comes meanwhile"
    for number in range(2, 9):
        nudge([frame(number)])
    broker.lets.set()
    nudge.settle()
    # One more message for each judge, whatever number of frames they tell of.
    assert broker.sent == [("job_1",), ("job_2", "job_3")]
    nudge([frame(9)])
    nudge.settle()
    assert broker.sent[2:] == [("job_9",)]


def test_a_mixed_unit_of_work_has_both_told() -> None:
    broker = Broker()
    nudge = GatheredNudges(broker.send, {"frame"}, 2)
    nudge([frame(1), other(2)])
    nudge.settle()
    assert sorted(broker.sent) == [("job_1",), ("job_2",)]
