"""What comes at once, on both databases: SQLite has one writer, PostgreSQL has locks to take in one order."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bridge.kernel.errors import BridgeError, InvalidInput
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, RUN, Agent, Room, body_sha256, inbox


@pytest.fixture
def room(database_url: str) -> Iterator[Room]:
    built = Room(database_url)
    yield built
    built.close()


def test_the_whole_road_of_a_session(known: Room) -> None:
    agent = known.begin().pass_check()
    agent.beat()
    agent.beat(after_seconds=600)
    agent.pass_check()
    agent.beat(after_seconds=60, ending=True)
    agent.pass_check().beat(ending=True)
    assert agent.commands[0]["reason"] == "finished"
    assert [event["kind"] for event in known.events("presence.check_decided")] == ["entry", "random", "exit"]
    assert [record.seq for record in inbox(known, agent)] == [1, 2, 3, 4]
    assert len(known.events("presence.anchored")) == 1


def test_of_many_devices_at_once_one_session_counts(room: Room) -> None:
    with ThreadPoolExecutor(6) as devices:
        agents = list(devices.map(lambda n: room.begin(token=f"token-{n}"), range(6)))
    with room.open() as desk:
        still_open = desk.store.open_sessions(agents[0].session.learner)
    assert len(still_open) == 1


def test_of_the_same_batch_sent_by_many_at_once_one_is_chained(room: Room) -> None:
    agent = room.begin()
    batch = agent.batch()

    def send(_: int) -> str:
        try:
            return Agent.send(_copy(agent), batch).nonce
        except BridgeError as error:
            return error.reason

    with ThreadPoolExecutor(6) as senders:
        answers = set(senders.map(send, range(6)))
    assert len(answers) == 1
    assert len(inbox(room, agent)) == 1


def test_a_look_at_a_check_and_a_batch_at_once_do_not_wait_for_each_other(known: Room) -> None:
    agent = known.begin()
    check_id = agent.check
    known.pass_time(seconds=61)

    def look() -> str:
        with known.open() as desk:
            return desk.presence.check_state(check_id, agent.secret)[0].state

    with ThreadPoolExecutor(1) as client:
        with known.open() as desk:
            desk.store.session(agent.session.id)
            looking = client.submit(look)
            # Long enough for the other to come as far as it can while this one holds the session.
            time.sleep(0.3)
            batch = agent.batch()
            desk.presence.accept_batch(batch, agent.secret, body_sha256(batch), known.clock.now())
        assert looking.result(timeout=20) == "missed"


def test_a_picture_that_waited_for_a_judge_is_taken_with_what_the_judge_saw(known: Room) -> None:
    agent = known.begin()
    check_id = agent.check

    def attempts_seen() -> int:
        with known.open() as desk:
            return desk.presence.for_frame(check_id, agent.secret).check.attempts_left

    with ThreadPoolExecutor(1) as client:
        with known.open() as desk:
            check = desk.store.check(check_id)
            assert check is not None
            coming = client.submit(attempts_seen)
            # Long enough for the other to come as far as it can while this one holds the session.
            time.sleep(0.3)
            desk.store.save_check(replace(check, attempts_left=check.attempts_left - 1), None)
        assert coming.result(timeout=20) == check.attempts_left - 1


def test_the_same_file_sent_twice_at_once_is_taken_once(room: Room) -> None:
    once = picture("0")

    def send(_: int) -> str:
        try:
            with room.open() as desk:
                desk.frames.submit_for_reference(LEARNER, RUN, once)
        except InvalidInput as error:
            return error.reason
        return "taken"

    with ThreadPoolExecutor(6) as senders:
        answers = sorted(senders.map(send, range(6)))
    assert answers == ["frame_repeated"] * 5 + ["taken"]


def _copy(agent: Agent) -> Agent:
    twin = object.__new__(Agent)
    twin.__dict__.update(agent.__dict__)
    return twin
