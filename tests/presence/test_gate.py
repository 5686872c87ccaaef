"""The gate's own rules and use cases, on SQLite and PostgreSQL: what a finding leads to, and what is asked once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from bridge.db.field_cipher import FieldCipher
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, RegistrationId
from bridge.presence.gate.model import (
    SESSION_LOST,
    AttemptState,
    ControlEndpointFacts,
    ControlPolicy,
    ControlState,
    EndedBy,
    GateOrigin,
    GrantState,
    TestAttempt,
    actions_on,
    new_attempt,
    proctored_attempt,
    severity,
)
from bridge.presence.gate.service import CONTROL_WAITING, GRANT_WAITING, GateService
from bridge.presence.gate.store import SqlGateStore, forget_messages
from bridge.presence.model import Activity, CheckState
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, NOW, ORG, OTHER_ORG, RUN, UNIT, Desk, Room

ALL = ("flag", "pause", "resume", "terminate")
FLAG_ONLY = ControlPolicy(
    severities={
        **{state.value: Fraction(1, 2) for state in CheckState},
        CheckState.OTHER_PERSON: Fraction(9, 10),
        SESSION_LOST: Fraction(1, 2),
    },
    pause_from=None,
    terminate_from=None,
)
STRICT = replace(FLAG_ONLY, pause_from=Fraction(3, 5), terminate_from=Fraction(19, 20))


@dataclass
class MadeGateRules:
    """`GateRules` whose values a test sets."""

    policy: ControlPolicy = FLAG_ONLY

    def control(self, class_run: ClassRunId) -> ControlPolicy:
        return self.policy

    def session_lost_ms(self, class_run: ClassRunId) -> int:
        return 120_000

    def grant_seconds(self, class_run: ClassRunId, nominal_ms: int) -> int:
        return nominal_ms // 1000 + 600


@dataclass
class Gate:
    """The gate of one room, with rules and a platform that a test sets."""

    room: Room
    rules: MadeGateRules
    opens_tests: bool = False

    @contextmanager
    def open(self) -> Iterator[tuple[GateService, SqlGateStore, Desk]]:
        with self.room.open() as desk:
            store = SqlGateStore(desk.tx, FieldCipher(b"m" * 32))
            service = GateService(
                store,
                desk.presence,
                self.rules,
                desk.tx,
                self.room.clock,
                self.room.study_clock,
                lambda _registration: self.opens_tests,
            )
            yield service, store, desk

    def attempt(
        self, number: int = 1, *, actions: tuple[str, ...] = ALL, message: str | None = "m"
    ) -> TestAttempt:
        with self.open() as (service, _, _desk):
            return service.ask(wanted(number, actions), message)

    def running(self, *, actions: tuple[str, ...] = ALL) -> TestAttempt:
        """Return an attempt whose learner passed the start check and whose test runs."""
        asked = self.attempt(actions=actions)
        with self.open() as (service, _, desk):
            opened = desk.presence.open_session(
                learner=LEARNER,
                class_run=RUN,
                unit=UNIT,
                activity=Activity.TEST,
                attempt=asked.attempt,
                account_id="acc_1",
                token_id=f"token-{asked.id}",
            )
            service.watch(asked, LEARNER, opened.session.id)
        (command,) = opened.commands
        assert self.room.answer(command["check"], picture("0")).state is CheckState.PASSED
        with self.open() as (service, _, _desk):
            attempt, _message = service.start(service.own(asked.id, "acc_1"))
            return attempt

    def decided(
        self, attempt: TestAttempt, outcome: CheckState, check: str = "chk_1", kind: str = "in_test"
    ) -> None:
        """Tell that a check of the attempt's session ended so."""
        with self.open() as (service, _, _desk):
            service.note_check(
                {"session": attempt.session, "check": check, "kind": kind, "outcome": outcome.value}
            )

    def actions(self, attempt: TestAttempt) -> list[tuple[str, ControlState]]:
        with self.open() as (service, _, _desk):
            return sorted((one.action, one.state) for one in service.controls(attempt.id))


def wanted(number: int = 1, actions: tuple[str, ...] = ALL, account: str = "acc_1") -> TestAttempt:
    return new_attempt(
        NOW,
        registration=RegistrationId("reg_1"),
        deployment_id="1",
        resource_link_id="exam",
        account_id=account,
        class_run=RUN,
        unit=UNIT,
        origin=GateOrigin.PROCTORING,
        attempt=proctored_attempt(RegistrationId("reg_1"), "1", "exam", number),
        attempt_number=number,
        control=ControlEndpointFacts("https://lms.example/control", actions),
        return_url=None,
    )


@pytest.fixture
def gate(database_url: str, tmp_path: Path) -> Iterator[Gate]:
    room = Room(database_url)
    room.know()
    yield Gate(room, MadeGateRules())
    room.close()


# ---- pure ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "likeness", "grave"),
    [
        (CheckState.MISSED, None, "0.50"),
        (CheckState.OTHER_PERSON, None, "0.90"),
        (CheckState.OTHER_PERSON, 0.05, "0.95"),
        (CheckState.OTHER_PERSON, 0.4, "0.90"),
        (CheckState.OTHER_PERSON, -0.3, "1.00"),
        (SESSION_LOST, 0.0, "0.50"),
    ],
)
def test_how_grave_a_finding_is(finding: str, likeness: float | None, grave: str) -> None:
    assert severity(finding, FLAG_ONLY, likeness) == Decimal(grave)


def test_a_passed_check_is_no_finding() -> None:
    with pytest.raises(KeyError):
        severity("made_up", FLAG_ONLY)


@pytest.mark.parametrize(
    ("grave", "policy", "paused", "actions"),
    [
        ("1.00", FLAG_ONLY, False, ("flag",)),
        ("0.50", STRICT, False, ("flag",)),
        ("0.60", STRICT, False, ("flag", "pause")),
        ("0.60", STRICT, True, ("flag",)),
        ("0.95", STRICT, True, ("flag", "terminate")),
    ],
)
def test_what_is_asked_of_the_platform(
    grave: str, policy: ControlPolicy, paused: bool, actions: tuple[str, ...]
) -> None:
    assert actions_on(Decimal(grave), policy, paused=paused) == actions


def test_the_id_of_an_attempt_is_stable_and_differs_in_each_part() -> None:
    parts = [("reg_1", "1", "exam", 1), ("reg_2", "1", "exam", 1), ("reg_1", "2", "exam", 1)]
    parts += [("reg_1", "1", "other", 1), ("reg_1", "1", "exam", 2)]
    ids = [proctored_attempt(RegistrationId(a), b, c, d) for a, b, c, d in parts]

    assert len(set(ids)) == len(ids)
    assert ids[0] == proctored_attempt(RegistrationId("reg_1"), "1", "exam", 1)
    assert all(len(one) <= 80 for one in ids)


# ---- on both databases -------------------------------------------------------------------------------------


def test_an_attempt_is_asked_for_once_and_keeps_the_newest_message(gate: Gate) -> None:
    first = gate.attempt(message="first")
    gate.room.pass_time(minutes=3)
    again = gate.attempt(message="second")

    assert again.id == first.id
    with gate.open() as (_, store, _desk):
        assert store.message(first.id) == "second"


def test_an_account_sees_its_own_attempts_alone(gate: Gate) -> None:
    attempt = gate.attempt()
    with gate.open() as (service, _, _desk), pytest.raises(InvalidInput) as refused:
        service.own(attempt.id, "acc_2")
    assert refused.value.reason == "attempt_unknown"


def test_another_institution_sees_no_attempt(gate: Gate) -> None:
    attempt = gate.attempt()
    with gate.room.open(OTHER_ORG) as desk:
        assert SqlGateStore(desk.tx, FieldCipher(b"m" * 32)).get(attempt.id) is None
    with gate.room.open(ORG) as desk:
        assert SqlGateStore(desk.tx, FieldCipher(b"m" * 32)).get(attempt.id) is not None


def test_by_default_a_finding_is_flagged_and_nothing_stops_the_test(gate: Gate) -> None:
    attempt = gate.running()

    gate.decided(attempt, CheckState.OTHER_PERSON)

    assert gate.actions(attempt) == [("flag", ControlState.WAITING)]


def test_a_finding_told_twice_is_acted_on_once(gate: Gate) -> None:
    attempt = gate.running()

    for _ in range(2):
        gate.decided(attempt, CheckState.MISSED)

    assert gate.actions(attempt) == [("flag", ControlState.WAITING)]
    assert gate.room.jobs(CONTROL_WAITING) == [(attempt.id, 1)]


def test_a_pack_that_allows_it_pauses_and_the_next_passed_check_resumes(gate: Gate) -> None:
    gate.rules.policy = replace(STRICT, terminate_from=None)
    attempt = gate.running()

    gate.decided(attempt, CheckState.OTHER_PERSON, "chk_1")
    gate.decided(attempt, CheckState.OTHER_PERSON, "chk_2")
    gate.room.pass_time(seconds=10)
    gate.decided(attempt, CheckState.PASSED, "chk_3")
    gate.decided(attempt, CheckState.PASSED, "chk_4")

    actions = [action for action, _ in gate.actions(attempt)]
    assert actions == ["flag", "flag", "pause", "resume"]
    with gate.open() as (_, store, _desk):
        found = store.get(attempt.id)
        assert found is not None
        assert not found.paused


def test_actions_are_sent_in_the_order_of_what_happened(gate: Gate) -> None:
    gate.rules.policy = replace(STRICT, terminate_from=None)
    attempt = gate.running(actions=("pause", "resume"))
    gate.decided(attempt, CheckState.OTHER_PERSON, "chk_1")
    gate.room.pass_time(seconds=10)
    gate.decided(attempt, CheckState.PASSED, "chk_2")

    sent = []
    with gate.open() as (service, store, _desk):
        while (control := store.next_control(attempt.id)) is not None:
            sent.append(control.action)
            service.note_answer(attempt.id, control, "running", None)

    assert sent == ["pause", "resume"]


def test_what_the_platform_did_not_offer_is_kept_and_never_sent(gate: Gate) -> None:
    gate.rules.policy = STRICT
    attempt = gate.running(actions=("flag",))

    gate.decided(attempt, CheckState.OTHER_PERSON)

    assert gate.actions(attempt) == [
        ("flag", ControlState.WAITING),
        ("pause", ControlState.NOT_OFFERED),
    ]
    with gate.open() as (_, store, _desk):
        found = store.get(attempt.id)
        assert found is not None
        assert not found.paused  # nobody paused it


def test_before_the_test_and_after_it_nothing_is_told_to_the_platform(gate: Gate) -> None:
    attempt = gate.running()
    with gate.open() as (service, _store, _desk):
        service.end(service.own(attempt.id, "acc_1"), EndedBy.PLATFORM)

    gate.decided(attempt, CheckState.MISSED)

    assert gate.actions(attempt) == []


def test_the_check_on_leaving_is_no_finding(gate: Gate) -> None:
    attempt = gate.running()

    gate.decided(attempt, CheckState.MISSED, kind="exit")

    assert gate.actions(attempt) == []


def test_answers_and_refusals_of_the_platform_are_kept(gate: Gate) -> None:
    attempt = gate.running()
    gate.decided(attempt, CheckState.MISSED, "chk_1")
    gate.room.pass_time(seconds=1)
    gate.decided(attempt, CheckState.MISSED, "chk_2")

    with gate.open() as (service, store, _desk):
        first = store.next_control(attempt.id)
        assert first is not None
        service.note_answer(attempt.id, first, "running", None)
        second = store.next_control(attempt.id)
        assert second is not None
        service.note_answer(attempt.id, second, None, "control_refused")
        found = [(one.state, one.answer, one.error) for one in service.controls(attempt.id)]

    assert found == [
        (ControlState.SENT, "running", ""),
        (ControlState.REFUSED, None, "control_refused"),
    ]


def test_where_nothing_is_set_up_no_test_is_opened(gate: Gate) -> None:
    attempt = gate.running()
    with gate.open() as (service, store, _desk):
        assert service.grant(attempt, "cm-7", 1_800_000) is None
        assert store.grants(attempt.id) == []
    assert gate.room.jobs(GRANT_WAITING) == []


def test_a_grant_is_asked_for_once_and_ends_with_the_test(gate: Gate) -> None:
    gate.opens_tests = True
    attempt = gate.running()
    with gate.open() as (service, _, _desk):
        grant = service.grant(attempt, "cm-7", 1_800_000)
        again = service.grant(attempt, "cm-7", 1_800_000)
    assert grant is not None
    assert again is not None
    assert (again.id, grant.resource_link_id) == (grant.id, "cm-7")
    assert grant.expires_at == NOW + timedelta(seconds=2400)

    with gate.open() as (service, store, _desk):
        service.note_grant(grant.id, GrantState.ASKED, None)
        service.end(service.own(attempt.id, "acc_1"), EndedBy.PLATFORM)
        (kept,) = store.grants(attempt.id)
    assert kept.state is GrantState.REVOKING


def test_a_grant_taken_back_while_it_was_being_asked_for_is_taken_back_at_the_platform_too(
    gate: Gate,
) -> None:
    gate.opens_tests = True
    attempt = gate.running()
    with gate.open() as (service, _, _desk):
        grant = service.grant(attempt, "cm-7", 0)
    assert grant is not None
    with gate.open() as (service, _, _desk):
        service.revoke_grants(attempt, "失去联系")

    with gate.open() as (service, store, _desk):
        service.note_grant(grant.id, GrantState.ASKED, None)  # the answer to what was asked before
        (kept,) = store.grants(attempt.id)
    assert kept.state is GrantState.REVOKING
    assert gate.room.jobs(GRANT_WAITING)[0][1] == 3


def test_silence_takes_the_grant_back(gate: Gate) -> None:
    gate.opens_tests = True
    attempt = gate.running()
    with gate.open() as (service, _, _desk):
        service.grant(attempt, "cm-7", 0)
    gate.room.pass_time(seconds=121)

    with gate.open() as (service, store, _desk):
        service.look_at(attempt.id)
        (grant,) = store.grants(attempt.id)
    assert grant.state is GrantState.REVOKING
    assert [action for action, _ in gate.actions(attempt)] == ["flag"]


def test_a_pause_by_the_packs_policy_closes_a_test_that_our_grant_opened(gate: Gate) -> None:
    gate.opens_tests, gate.rules.policy = True, replace(STRICT, terminate_from=None)
    attempt = gate.running()
    with gate.open() as (service, _, _desk):
        service.grant(attempt, "cm-7", 0)

    gate.decided(attempt, CheckState.SEVERAL_FACES, "chk_1")
    with gate.open() as (_, store, _desk):
        assert store.grants(attempt.id)[0].state is GrantState.ASKED
    gate.decided(attempt, CheckState.OTHER_PERSON, "chk_2")
    with gate.open() as (_, store, _desk):
        assert store.grants(attempt.id)[0].state is GrantState.REVOKING


def test_an_attempt_that_the_platform_ended_stays_ended(gate: Gate) -> None:
    attempt = gate.running()
    with gate.open() as (service, _, _desk):
        service.end(service.own(attempt.id, "acc_1"), EndedBy.PLATFORM)
    gate.room.pass_time(minutes=1)

    with gate.open() as (service, _, _desk):
        ended = service.end(service.own(attempt.id, "acc_1"), EndedBy.LEARNER)
    assert (ended.ended_by, ended.ended_at) == (EndedBy.PLATFORM, NOW)
    with gate.open() as (service, _, _desk), pytest.raises(NotPermitted) as refused:
        service.ask(wanted(), "m")
    assert refused.value.reason == "attempt_over"
    assert len(gate.room.events("proctoring.assessment_ended")) == 1


def test_a_finding_of_an_agent_in_the_platforms_own_page_counts_for_the_gate_that_opened_it(
    gate: Gate,
) -> None:
    attempt = gate.running()
    with gate.open() as (_service, _store, desk):
        inside = desk.presence.open_session(
            learner=LEARNER,
            class_run=RUN,
            unit=UNIT,
            activity=Activity.TEST,
            attempt="attempt-of-the-lms",
            account_id="acc_1",
            token_id="token-of-the-lms",
        )

    gate.decided(replace(attempt, session=inside.session.id), CheckState.SEVERAL_FACES)

    assert gate.actions(attempt) == [("flag", ControlState.WAITING)]


def test_a_message_that_nobody_answered_is_forgotten(gate: Gate) -> None:
    attempt = gate.attempt()
    with gate.room.uow.across_institutions("test") as tx:
        assert forget_messages(tx, NOW) == 0
        assert forget_messages(tx, NOW + timedelta(seconds=1)) == 1
    with gate.open() as (_, store, _desk):
        assert store.message(attempt.id) is None


def test_two_accounts_with_the_same_attempt_number_have_an_attempt_each(gate: Gate) -> None:
    first = gate.attempt()
    with gate.open() as (service, _, _desk):
        second = service.ask(wanted(account="acc_2"), "m")
    assert first.id != second.id
    assert second.state is AttemptState.WAITING
