"""What an LMS says in a batch: no contact data gets past the door, and nothing of it moves a second of credit."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.intake.service import IntakeService
from tests.attacks.doors.agent import Agent, ask_session
from tests.attacks.doors.lms_batches import (
    KINDS,
    NOTED,
    activity,
    batch,
    bridge,
    clean_afterwards,
    deliver,
    learner,
    ping,
    scan,
    score_message,
    send,
    signal,
    statuses,
    told,
)
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import RUN, BridgeServer, refusal, refused

__all__ = ["bridge", "learner"]  # fixtures


def test_nobodys_contact_data_gets_past_the_door_in_whatever_field(
    bridge: BridgeServer, learner: Person
) -> None:
    """Each field of each message in turn holds a person's data: it is left at the door, or the message is refused."""
    person = bridge.someone()
    for canary in person.canaries:
        messages: list[dict[str, Any]] = []
        for right in (activity(bridge, learner), signal(bridge, learner), scan(bridge, 0), ping(bridge)):
            names = (*right["data"], "email", "phone", "sessionid", "fullname")
            messages += [told(bridge, right["type"], {**right["data"], name: canary}) for name in names]
        results = deliver(bridge, *messages)
        assert {"accepted", "refused"} == set(statuses(results))
        for result in results:
            if result["status"] == "refused":
                refusal({name: result[name] for name in ("reason", "message")}, result["reason"])
    bridge.drain()
    # That nothing of them stands in any row, file or log is held after each test and after all of them.


def test_contact_data_for_an_id_is_refused_and_told_to_nobody_else(bridge: BridgeServer) -> None:
    person = bridge.someone()
    with bridge.unchanged():
        for canary in person.canaries:
            (result,) = deliver(bridge, {**ping(bridge), "id": canary})
            assert result["status"] == "refused"
            assert result["reason"] in {"id_malformed", "person_in_id", "message_id_malformed"}
            assert canary not in result["message"]


def test_a_message_that_trips_us_keeps_none_of_its_neighbours_waiting(
    bridge: BridgeServer, learner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = signal(bridge, learner)
    receive = IntakeService.receive_from_batch

    def trips(self: IntakeService, registration: Any, value: Any, **more: Any) -> Any:
        answer = receive(self, registration, value, **more)
        if value["id"] == poison["id"]:
            raise ZeroDivisionError(learner.name)
        return answer

    monkeypatch.setattr(IntakeService, "receive_from_batch", trips)
    good = [ping(bridge), ping(bridge)]

    answer = send(bridge, batch(bridge, good[0], poison, good[1]))

    assert answer.status_code == 200
    assert [(one["id"], one["status"]) for one in answer.json()["results"]] == [
        (one["id"], "accepted") for one in good
    ]
    both = send(bridge, batch(bridge, ping(bridge), poison, poison, ping(bridge)))
    refused(both, 500, "internal_error")
    monkeypatch.undo()
    assert statuses(deliver(bridge, poison)) == ["accepted"]
    bridge.drain()


@pytest.mark.parametrize("kind", KINDS)
def test_no_signal_moves_a_second_of_credit(bridge: BridgeServer, kind: str) -> None:
    """SECURITY-CASES.md §4: each is seen by institution and authority; none of them moves credit."""
    agent = Agent.ready(bridge)
    assert agent.pass_check()["state"] == "passed"
    agent.study(120)
    before, entries = agent.statement(), list(agent.ledger())
    assert before.provisional_seconds + before.credited_seconds > 0

    with bridge.unchanged(*NOTED):
        results = deliver(
            bridge,
            signal(bridge, agent.person, kind=kind, before="100", after="0"),
            signal(bridge, agent.person, kind=kind, resource_link_id="unit-1", before=None, after=None),
            activity(bridge, agent.person, event="core\\event\\course_completed"),
            activity(bridge, agent.person, event="core\\event\\course_module_completion_updated"),
        )
        bridge.drain()

    assert statuses(results) == ["accepted"] * 4
    assert list(agent.ledger()) == entries
    assert agent.statement() == before
    assert bridge.papers(agent.learner) == []
    raised = bridge.rows("supervision_signal", learner_ref=agent.learner)
    assert [(row["kind"], row["class_run_id"]) for row in raised] == [(kind, RUN)] * 2


def test_a_score_that_nobody_was_seen_to_earn_is_a_signal(bridge: BridgeServer) -> None:
    person, ref = bridge.ready()

    assert statuses(deliver(bridge, score_message(bridge, person))) == ["accepted"]
    bridge.drain()

    (raised,) = bridge.rows("supervision_signal", learner_ref=ref)
    assert (raised["kind"], raised["source"], raised["after"]) == ("score_without_presence", "bridge", "88")


def test_a_class_run_whose_lms_keeps_contact_data_does_not_start(bridge: BridgeServer) -> None:
    """Article 27, at the door where study begins; a clean count opens it again."""
    person, _ref = bridge.ready()
    bridge.clock.advance(1)
    with clean_afterwards(bridge):
        # Far enough that what was taught clean before is no excuse.
        for _day in range(5):
            assert statuses(deliver(bridge, scan(bridge, 2))) == ["accepted"]
            bridge.drain()
            bridge.clock.advance(int(timedelta(days=1).total_seconds()))
        with bridge.unchanged():
            told_back = refused(ask_session(bridge, person), 403, "class_run_not_open")
        assert "联系方式" in told_back["message"]
    assert ask_session(bridge, person).status_code == 201
    kinds = {row["kind"] for row in bridge.rows("supervision_signal", class_run_id=RUN, source="bridge")}
    assert "contact_data_found" in kinds
