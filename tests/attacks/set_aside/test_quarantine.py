"""What cannot be taken is set aside with its reason: what comes behind it goes on, and nothing is lost or doubled."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.db.outbox import LEASE, MAX_LOST, take
from bridge.intake import normalisers
from bridge.intake.model import InboxRecord
from bridge.intake.normalisers import Claim, Normaliser, PoisonMessage
from bridge.intake.quarantine_model import Kind, SetAside, State
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import InstitutionId
from bridge.presence.frames import FRAME_WAITING
from bridge.presence.service import BEATS_WAITING
from bridge.wiring.intake_jobs import replay_one, tidy_quarantine
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.lms_batches import deliver, score_message, told
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, BridgeServer
from tests.attacks.doors.test_webhook import decisions_on
from tests.presence.pictures import PictureEngine, picture


def set_aside(bridge: BridgeServer, state: State | None = State.WAITING) -> list[SetAside]:
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(bridge.house.at(tx).quarantine.list(state=state))


def newest(bridge: BridgeServer) -> SetAside:
    return set_aside(bridge, None)[0]


def let_in(bridge: BridgeServer, person: Person) -> Any:
    account = bridge.account(person)
    bridge.consent(account)
    return bridge.name(account, person)


@contextmanager
def refusing(refuses: Callable[[InboxRecord], bool]) -> Iterator[None]:
    """Have the agent's reader be of a version that does not know some of its messages."""
    right = normalisers.NORMALISERS["agent"]

    def read(record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
        if refuses(record):
            raise PoisonMessage("version_unknown", "本版本不认识这条消息的版本")
        return right.readers[1](record, payload)

    known = dict(normalisers.NORMALISERS)
    try:
        normalisers.NORMALISERS = {**known, "agent": Normaliser("", {1: read})}
        yield
    finally:
        normalisers.NORMALISERS = known


def test_a_score_that_came_before_the_real_name_is_taken_once_the_name_is_proved(
    bridge: BridgeServer,
) -> None:
    person = bridge.someone()
    bridge.account(person)
    message = score_message(bridge, person)

    (result,) = deliver(bridge, message)

    assert (result["status"], result["reason"]) == ("refused", "account_unknown")
    held = newest(bridge)
    assert (held.kind, held.reason, held.state) == (Kind.ARRIVED, "account_unknown", State.WAITING)
    assert "已隔离保存" in result["message"]
    ref = let_in(bridge, person)
    bridge.drain()
    assert [one["attempt"] for one in decisions_on(bridge, ref)] == [message["data"]["attempt"]]
    assert newest(bridge).state is State.TAKEN
    assert [one["status"] for one in deliver(bridge, message)] == ["duplicate"]
    bridge.drain()
    assert len(decisions_on(bridge, ref)) == 1


def test_sent_again_before_it_is_replayed_it_is_still_taken_once(bridge: BridgeServer) -> None:
    person = bridge.someone()
    bridge.account(person)
    message = score_message(bridge, person)
    for _ in range(3):
        deliver(bridge, message)
    held = newest(bridge)
    assert held.attempts == 3
    with bridge.house.uow.for_institution(ORG) as tx:
        # Nobody is woken: the sender is faster than the bridge.
        bridge.house.at(tx).quarantine.discard(held.id, by="staff_1", note="发送方会重发")
    ref = let_in(bridge, person)
    assert [one["status"] for one in deliver(bridge, message)] == ["accepted"]
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).quarantine.restore(held.id, by="staff_1")

    assert replay_one(bridge.house, ORG, held.id, by="staff_1").state is State.TAKEN

    bridge.drain()
    assert len(decisions_on(bridge, ref)) == 1


def test_a_score_whose_test_is_unknown_waits_and_is_tried_again_by_the_clock(bridge: BridgeServer) -> None:
    person, _ref = bridge.ready()
    deliver(bridge, score_message(bridge, person, resource_link_id="quiz-of-next-week"))
    held = newest(bridge)
    assert (held.reason, held.attempts) == ("unit_unknown", 1)
    assert held.next_try_at is not None

    bridge.clock.advance(int((held.next_try_at - bridge.clock.now()).total_seconds()) + 1)
    bridge.house.sweep()
    bridge.drain()

    again = newest(bridge)
    assert (again.id, again.attempts, again.state) == (held.id, 2, State.WAITING)
    assert again.next_try_at is not None
    assert again.next_try_at > held.next_try_at


def test_of_a_message_of_an_unknown_type_no_free_text_is_kept(bridge: BridgeServer) -> None:
    person = bridge.someone()
    data = {
        "sub": person.sub,
        "note": f"{person.name} 请联系 {person.phone}",
        "email": person.email,
        "display_name": "somebody",
        "number": int(person.phone),
        person.email: "x",
        "token": "secret-value",
        "nested": [{"text": "free text", "mark": "88"}],
        "resource_link_id": "quiz-1",
    }
    (result,) = deliver(bridge, told(bridge, "lms.of_tomorrow", data))
    assert (result["status"], result["reason"]) == ("refused", "webhook_type_unknown")

    held = newest(bridge)
    with bridge.house.uow.for_institution(ORG) as tx:
        kept = bridge.house.at(tx).quarantine.held(held.id).value

    assert kept["data"] == {
        "sub": person.sub,
        "note": None,
        "number": None,
        "nested": [{"text": None, "mark": "88"}],
        "resource_link_id": "quiz-1",
    }
    assert replay_one(bridge.house, ORG, held.id, by="staff_1").reason == "webhook_type_unknown"


def test_what_can_never_be_right_is_not_kept(bridge: BridgeServer) -> None:
    person, _ref = bridge.ready()
    before = len(set_aside(bridge, None))
    deliver(bridge, score_message(bridge, person, score="101"), {"v": 2}, "x", None)
    assert len(set_aside(bridge, None)) == before


def test_a_poison_batch_holds_up_no_batch_behind_it_and_is_entered_after_the_mending(
    bridge: BridgeServer,
) -> None:
    agent = Agent.ready(bridge)
    assert agent.pass_check()["state"] == "passed"
    with refusing(lambda record: record.chain == agent.session and record.seq in (2, 3)):
        agent.study(300)
        agent.statement()
        entered = [entry.data["seq"] for entry in agent.ledger() if entry.kind == "beats"]
        assert entered == [1, *range(4, 31)]
    poison = [one for one in set_aside(bridge) if one.chain == agent.session]
    assert {(one.seq, one.kind, one.reason) for one in poison} == {
        (2, Kind.STORED, "version_unknown"),
        (3, Kind.STORED, "version_unknown"),
    }

    for one in poison:
        assert replay_one(bridge.house, ORG, one.id, by="staff_1").state is State.TAKEN

    entered = [entry.data["seq"] for entry in agent.ledger() if entry.kind == "beats"]
    assert sorted(entered) == list(range(1, 31))
    with pytest.raises(InvalidInput, match="quarantine_not_waiting"):
        replay_one(bridge.house, ORG, poison[0].id, by="staff_1")
    agent.study(20)
    agent.statement()
    assert len([entry for entry in agent.ledger() if entry.kind == "beats"]) == 32


def test_more_poison_than_is_read_at_once_hides_nothing(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    agent.pass_check()
    with refusing(lambda record: record.chain == agent.session and record.seq <= 45):
        agent.study(500)
        agent.statement()
        entered = [entry.data["seq"] for entry in agent.ledger() if entry.kind == "beats"]
        assert entered == list(range(46, 51))


def test_a_page_whose_clock_jumps_by_centuries_does_not_spoil_its_ledger(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    agent.pass_check()
    agent.study(100)
    bridge.clock.advance(10)
    agent.beat(agent.event(client_ms=0, interaction_ms=0), agent.event(client_ms=2**43))

    assert agent.statement().timeline != ()


def test_a_frame_that_nobody_can_judge_lets_its_check_go_on(
    bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent.ready(bridge)
    asked = agent.check()
    assert asked is not None

    def broken(_self: PictureEngine, _jpeg: bytes) -> None:
        raise Unavailable("face_licence", "模型不可用", permanent=True)

    with monkeypatch.context() as broken_models:
        broken_models.setattr(PictureEngine, "observe", broken)
        assert agent.frame(picture("0"), asked).status_code == 202
        assert agent.look(asked["check"]).json()["state"] == "judging"
        bridge.drain()

    state = agent.look(asked["check"]).json()
    assert (state["state"], state["final"], state["attempts_left"]) == ("open", False, asked["attempts_left"])
    assert "不是您的原因" in state["message"]
    gave_up = newest(bridge)
    assert (gave_up.kind, gave_up.source, gave_up.reason) == (Kind.JOB, FRAME_WAITING, "face_licence")
    agent.commands = [asked]
    assert agent.pass_check()["state"] == "passed"


def test_a_job_that_kills_every_worker_ends_and_the_next_ones_go_on(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    agent.beat()
    (job,) = [row for row in bridge.rows("job", kind=BEATS_WAITING) if row["key"] == agent.session]
    for _ in range(MAX_LOST):
        with bridge.house.uow.across_institutions("test: a worker takes it and is killed") as tx:
            assert take(tx.session, job["id"], bridge.clock.now()) is not None
        bridge.clock.advance(int(LEASE.total_seconds()) + 1)

    bridge.house.sweep()

    (dead,) = bridge.rows("job", id=job["id"])
    assert (dead["state"], dead["last_error"]) == ("dead", "worker_lost")
    gave_up = newest(bridge)
    assert (gave_up.job, gave_up.reason) == (job["id"], "worker_lost")
    replay_one(bridge.house, ORG, gave_up.id, by="staff_1")
    bridge.drain()
    assert [entry.kind for entry in agent.ledger()].count("beats") == 1
    tidy_quarantine(bridge.house)
    assert newest(bridge).state is State.TAKEN


def test_a_worker_that_is_killed_now_and_then_gives_nothing_up(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    for _ in range(3 * MAX_LOST):
        agent.beat()
        (job,) = [row for row in bridge.rows("job", kind=BEATS_WAITING) if row["key"] == agent.session]
        with bridge.house.uow.across_institutions("test: a worker takes it and is killed") as tx:
            assert take(tx.session, job["id"], bridge.clock.now()) is not None
        bridge.clock.advance(int(LEASE.total_seconds()) + 1)
        bridge.drain()
    (job,) = [row for row in bridge.rows("job", kind=BEATS_WAITING) if row["key"] == agent.session]
    assert (job["state"], job["lost"]) == ("done", 0)


def test_dead_jobs_of_before_are_set_aside_too(bridge: BridgeServer) -> None:
    with bridge.house.uow.for_institution(ORG) as tx:
        tx.want("kind.of_yesterday", "x")
    bridge.house.runner._on_dead = lambda _tx, _job, _reason: None
    bridge.drain()
    del bridge.house.__dict__["runner"]
    assert "kind.of_yesterday" not in {one.source for one in set_aside(bridge, None)}

    tidy_quarantine(bridge.house)
    tidy_quarantine(bridge.house)

    (one,) = [one for one in set_aside(bridge) if one.source == "kind.of_yesterday"]
    assert one.reason == "kind_unknown:kind.of_yesterday"


def test_giving_up_wants_a_reason_stays_on_record_and_can_be_taken_back(bridge: BridgeServer) -> None:
    person = bridge.someone()
    deliver(bridge, score_message(bridge, person))
    held = newest(bridge)

    with bridge.house.uow.for_institution(ORG) as tx:
        quarantine = bridge.house.at(tx).quarantine
        for note, reason in (("", "note_missing"), (f"请打 {person.phone}", "note_contact")):
            with pytest.raises(InvalidInput, match=reason):
                quarantine.discard(held.id, by="staff_1", note=note)
        quarantine.discard(held.id, by="staff_1", note="学员已转到别的机构")
        with pytest.raises(InvalidInput, match="quarantine_not_waiting"):
            quarantine.discard(held.id, by="staff_2", note="再放弃一次")
    assert deliver(bridge, score_message(bridge, person))[0]["status"] == "refused"
    with bridge.house.uow.for_institution(ORG) as tx:
        quarantine = bridge.house.at(tx).quarantine
        assert quarantine.get(held.id).state is State.DISCARDED
        quarantine.restore(held.id, by="staff_2", note="机构又转回来了")
        with pytest.raises(InvalidInput, match="quarantine_not_discarded"):
            quarantine.restore(held.id, by="staff_2")
        steps = [(step.what, step.by, step.note) for step in quarantine.steps(held.id)]
    assert steps == [
        ("set_aside", "bridge", ""),
        ("discarded", "staff_1", "学员已转到别的机构"),
        ("restored", "staff_2", "机构又转回来了"),
    ]


def test_another_institutions_things_are_not_there(bridge: BridgeServer) -> None:
    deliver(bridge, score_message(bridge, bridge.someone()))
    held = newest(bridge)
    with bridge.house.uow.for_institution(InstitutionId("org_other")) as tx:
        other = bridge.house.at(tx).quarantine
        assert list(other.list(state=None)) == []
        with pytest.raises(InvalidInput, match="quarantine_unknown"):
            other.discard(held.id, by="staff_1", note="不是我的")


def test_what_is_held_cannot_be_read_in_the_database(bridge: BridgeServer) -> None:
    person = bridge.someone()
    deliver(bridge, score_message(bridge, person))
    (row,) = [row for row in bridge.rows("intake_quarantine") if row["id"] == newest(bridge).id]
    kept = json.dumps({name: str(value) for name, value in row.items()})
    assert row["content"].startswith("v1.")
    for word in (person.sub, "quiz-1", "attempt-1", '"88"'):
        assert word not in kept


def test_only_so_many_wait(bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.intake.quarantine.MOST_HELD", len(set_aside(bridge)))
    before = len(set_aside(bridge, None))

    (result,) = deliver(bridge, score_message(bridge, bridge.someone()))

    assert len(set_aside(bridge, None)) == before
    assert "已隔离保存" not in result["message"]
    assert "quarantine_full" in bridge.log.getvalue()
