"""Real name and hours on their way to a platform: told once, told again, taken back, never to who takes none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import LearnerRef
from bridge.ledger.service import EXTENDED_JOB
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.registry.tables import LtiContextRow
from tests.contracts.moodle_stand_in import TOKEN, MoodleStandIn
from tests.contracts.remembered_states import RememberedStates
from tests.lti.platform import TEACHER
from tests.lti.served import served
from tests.web.furnished import CHEN, CHEN_ID, ORG, PLATFORM, RUN, STRANGER, STRANGER_ID
from tests.wiring.lms import COURSE, SUB, Lms

SECOND_SUB = "lms-user-1077"


def set_up(lms: Lms, base_url: str | None = None) -> None:
    with lms.house.uow.for_institution(ORG) as tx:
        services = lms.house.at(tx).exam_services
        services.set_up(PLATFORM, base_url=base_url or lms.services.origin, token=TOKEN, by="staff_lin")


@contextmanager
def platform_that_keeps(lms: Lms, monkeypatch: pytest.MonkeyPatch) -> Iterator[RememberedStates]:
    fake = RememberedStates()
    monkeypatch.setattr(lms.house, "learner_states_maker", lambda _kind: lambda *_: fake)
    set_up(lms)
    lms.work()
    yield fake


@pytest.fixture
def keeper(lms: Lms, monkeypatch: pytest.MonkeyPatch) -> Iterator[RememberedStates]:
    with platform_that_keeps(lms, monkeypatch) as fake:
        yield fake


def prove(
    lms: Lms, account: str, name: str = CHEN, citizen_id: str = CHEN_ID, *, consent: bool = True
) -> LearnerRef:
    with lms.house.uow.for_institution(ORG) as tx:
        identity = lms.house.at(tx).identity
        if consent:
            identity.give_consent(account, FACE, FACE_CONSENT.version)
        learner = identity.verify_real_name(account, RUN, name, citizen_id).value
    assert learner is not None
    lms.work()
    return LearnerRef(learner)


def come(lms: Lms, sub: str = SUB) -> str:
    account = lms.launch(sub)
    assert account is not None
    lms.work()
    return account


def release(lms: Lms, account: str) -> None:
    lms.pass_time(seconds=1)
    with lms.house.uow.for_institution(ORG) as tx:
        assert lms.house.at(tx).identity.release_account(account, reason="换账号", by="staff_lin")
    lms.work()


def rows(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT state, reason FROM lms_learner_state")


def jobs(lms: Lms) -> int:
    return len(lms.rows("SELECT id FROM job WHERE kind LIKE 'learner_state%'"))


def test_a_proved_name_is_told_once(lms: Lms, keeper: RememberedStates) -> None:
    account = come(lms)
    assert keeper.told == []

    prove(lms, account)
    prove(lms, account)
    lms.pass_time(hours=1)
    lms.work()

    assert keeper.told == [(SUB, COURSE, True, 0)]
    assert rows(lms) == [("told", "")]


def test_whoever_is_not_asked_for_consent_yet_has_withdrawn_none(lms: Lms, keeper: RememberedStates) -> None:
    prove(lms, come(lms), consent=False)
    assert keeper.states == {(SUB, COURSE): (True, 0)}


def test_a_platform_without_the_service_gets_nothing_queued(lms: Lms) -> None:
    learner = prove(lms, come(lms))
    with lms.house.uow.for_institution(ORG) as tx:
        tx.want(EXTENDED_JOB, f"{learner}|{RUN}")
    lms.work()

    assert rows(lms) == []
    assert jobs(lms) == 0


def test_setting_the_service_up_tells_of_those_who_were_proved_before(
    lms: Lms, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(lms, come(lms))
    with platform_that_keeps(lms, monkeypatch) as keeper:
        assert keeper.told == [(SUB, COURSE, True, 0)]


def test_staff_can_have_everything_told_again(lms: Lms, keeper: RememberedStates) -> None:
    prove(lms, come(lms))
    lms.pass_time(seconds=1)
    with lms.house.uow.for_institution(ORG) as tx:
        assert lms.house.at(tx).exam_services.tell_states_again(PLATFORM)
    lms.work()

    assert keeper.told == [(SUB, COURSE, True, 0)] * 2


def test_a_teachers_account_is_told_of_by_nobody(lms: Lms, keeper: RememberedStates) -> None:
    account = come(lms)
    lms.pass_time(seconds=1)
    with lms.house.uow.for_institution(ORG) as tx:
        lms.house.at(tx).rosters.see_launch(PLATFORM, COURSE, account, "teacher")
    lms.launch("teacher-1", roles=TEACHER)
    prove(lms, account)

    assert keeper.told == []


def test_hours_that_were_credited_are_told_and_only_whole_ones(
    studied: Lms, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform_that_keeps(studied, monkeypatch) as keeper:
        come(studied)
        assert keeper.told == [(SUB, COURSE, True, 2)]
        for _ in range(2):
            with studied.house.uow.for_institution(ORG) as tx:
                tx.want(EXTENDED_JOB, f"{studied.learner}|{RUN}")
            studied.work()

        assert len(keeper.told) == 1


def test_hours_follow_when_the_ledger_has_grown(studied: Lms, monkeypatch: pytest.MonkeyPatch) -> None:
    with platform_that_keeps(studied, monkeypatch) as keeper:
        come(studied)
        with studied.house.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE lms_learner_state SET class_hours = 1, told_class_hours = 1"
            )  # as if the second hour were new
        with studied.house.uow.for_institution(ORG) as tx:
            tx.want(EXTENDED_JOB, f"{studied.learner}|{RUN}")
        studied.work()

        assert keeper.told[1:] == [(SUB, COURSE, True, 2)]


def test_a_released_account_is_taken_back_and_the_next_one_is_told(
    lms: Lms, keeper: RememberedStates
) -> None:
    account, other = come(lms), come(lms, SECOND_SUB)
    prove(lms, account)
    release(lms, account)
    assert keeper.states == {(SUB, COURSE): (False, 0)}
    lms.pass_time(seconds=1)
    prove(lms, other)

    assert keeper.states == {(SUB, COURSE): (False, 0), (SECOND_SUB, COURSE): (True, 0)}


def test_a_withdrawn_consent_to_faces_closes_nothing_at_the_platform(
    lms: Lms, keeper: RememberedStates
) -> None:
    account = come(lms)
    prove(lms, account)
    for given in (False, True):
        lms.pass_time(seconds=1)
        with lms.house.uow.for_institution(ORG) as tx:
            identity = lms.house.at(tx).identity
            if given:
                identity.give_consent(account, FACE, FACE_CONSENT.version)
            else:
                identity.revoke_consent(account)
        lms.work()

    assert [real_name for _, _, real_name, _ in keeper.told] == [True]


def test_nobody_is_told_of_who_never_proved_a_name(lms: Lms, keeper: RememberedStates) -> None:
    account = come(lms)
    with lms.house.uow.for_institution(ORG) as tx:
        refused = lms.house.at(tx).identity.verify_real_name(account, RUN, STRANGER, STRANGER_ID)
    assert refused.value is None
    lms.work()

    assert keeper.told == []


def test_whoever_comes_to_a_second_course_later_is_told_of_there_too(
    lms: Lms, keeper: RememberedStates
) -> None:
    prove(lms, come(lms))
    with lms.house.uow.for_institution(ORG) as tx:
        row = tx.session.query(LtiContextRow).filter_by(registration_id=PLATFORM).one()
        columns = {c.name: getattr(row, c.name) for c in LtiContextRow.__table__.columns}
        tx.session.add(LtiContextRow(**{**columns, "context_id": "course-2", "id": "ctx_second"}))
    lms.launch(SUB, context="course-2")
    lms.work()

    assert keeper.states == {(SUB, COURSE): (True, 0), (SUB, "course-2"): (True, 0)}


def test_a_platform_that_is_away_is_tried_again_with_longer_pauses(
    lms: Lms, keeper: RememberedStates
) -> None:
    keeper.fault = Unavailable("exam_service_away", "稍后再试")
    prove(lms, come(lms))
    assert rows(lms) == [("waiting", "exam_service_away")]
    for _ in range(6):
        lms.pass_time(seconds=5)
        lms.work()
    tries = len(keeper.told)
    assert 3 <= tries <= 4  # after 5, 10, 20 seconds …

    keeper.fault = None
    lms.pass_time(minutes=2)
    lms.work()
    assert keeper.states == {(SUB, COURSE): (True, 0)}
    assert rows(lms) == [("told", "")]


def test_a_refusal_is_kept_with_its_reason_and_not_tried_for_ever(lms: Lms, keeper: RememberedStates) -> None:
    keeper.fault = Unavailable("exam_service_refused", "不行", permanent=True)
    prove(lms, come(lms))
    lms.pass_time(hours=5)
    lms.work()

    assert len(keeper.told) == 1
    assert rows(lms) == [("refused", "exam_service_refused")]


def test_a_service_that_was_removed_is_asked_for_nothing(lms: Lms, keeper: RememberedStates) -> None:
    keeper.fault = Unavailable("exam_service_away", "稍后再试")
    prove(lms, come(lms))
    tries = len(keeper.told)
    keeper.fault = None
    with lms.house.uow.for_institution(ORG) as tx:
        lms.house.at(tx).exam_services.remove(PLATFORM)
    lms.pass_time(minutes=1)
    lms.work()

    assert len(keeper.told) == tries
    assert rows(lms) == [("refused", "exam_service_missing")]


def test_a_disabled_platform_is_not_called(lms: Lms, keeper: RememberedStates) -> None:
    account = come(lms)
    with lms.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lti_registration SET status = 'disabled'")
    prove(lms, account)

    assert keeper.told == []
    assert rows(lms) == [("waiting", "registration_disabled")]


def test_no_unit_of_work_is_open_while_the_platform_thinks(
    lms: Lms, keeper: RememberedStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = come(lms)
    prove(lms, account)
    seen: list[tuple[Any, ...]] = []
    tell = keeper.set_learner_state

    def look_from_elsewhere(**said: Any) -> None:
        # A writer beside it is let in at once, and sees that what the platform has is not known now.
        with lms.house.uow.for_institution(ORG) as tx:
            tx.want("test.nothing", "x", after=lms.house.clock.now().replace(year=2099))
        seen.extend(lms.rows("SELECT told_real_name, told_class_hours, state FROM lms_learner_state"))
        assert lms.house.engine.pool.checkedout() == 0
        tell(**said)

    monkeypatch.setattr(keeper, "set_learner_state", look_from_elsewhere)
    release(lms, account)

    assert seen == [(None, None, "waiting")]
    assert rows(lms) == [("told", "")]


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_else_follows(
    lms: Lms, keeper: RememberedStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keeper.set_learner_state

    def keep_and_lose(**said: Any) -> None:
        kept(**said)
        raise Unavailable("exam_service_away", "没有听到回答")

    monkeypatch.setattr(keeper, "set_learner_state", keep_and_lose)
    prove(lms, come(lms))
    monkeypatch.setattr(keeper, "set_learner_state", kept)
    lms.pass_time(minutes=1)
    lms.work()
    lms.pass_time(hours=1)
    lms.work()

    assert keeper.told == [(SUB, COURSE, True, 0)] * 2
    assert rows(lms) == [("told", "")]


def test_over_http_the_platform_hears_it_in_its_own_words(lms: Lms) -> None:
    """The adapter as it is loaded, before a stand-in of local_anxue's web services."""
    moodle = MoodleStandIn()
    with served(moodle) as origin:
        with lms.house.uow.across_institutions("test: the platform's own site") as tx:
            tx.session.get_one(LtiRegistrationRow, PLATFORM).auth_login_url = f"{origin}/auth"
            tx.session.query(LtiContextRow).filter_by(registration_id=PLATFORM).one().context_id = "7"
        set_up(lms, f"{origin}/site")
        account = lms.launch("42", context="7")
        assert account is not None
        prove(lms, account)
        assert moodle.states == {("42", "7"): (True, 0)}
        release(lms, account)

    assert moodle.states == {("42", "7"): (False, 0)}
    assert moodle.open == {}
