"""Signals of article 16: raised once, seen by the institution and its area's authority, acknowledged, never deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

import bridge.identity.tables
import bridge.registry.contact_tables
import bridge.registry.lti_tables
import bridge.supervision.signals_store  # noqa: F401
from bridge.db.unit_of_work import UnitOfWork
from bridge.flow import FLOW, Row
from bridge.intake.model import SIGNAL_KINDS
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.supervision.signals import SignalService, signal_page
from bridge.supervision.signals_model import (
    EXPLANATIONS,
    WEEKS_SHOWN,
    SignalCount,
    SignalKind,
    by_week,
    monday_of,
)
from bridge.supervision.signals_store import SqlAreaSignals, SqlSignalStore
from tests.completion.papers import NOW
from tests.supervision.test_supervision import PLACES, SEES, scope, uow

__all__ = ["uow"]  # the fixture: one institution, class run and learner in each of four places

RUN = ClassRunId("cr_gz")
GZ = InstitutionId("in_gz")


@contextmanager
def service(uow: UnitOfWork, institution: InstitutionId = GZ) -> Iterator[SignalService]:
    with uow.for_institution(institution) as tx:
        yield SignalService(SqlSignalStore(tx), uow.clock)


def told(**changed: Any) -> dict[str, Any]:
    right = {
        "kind": "login_as",
        "occurred_at": "2026-11-20T01:00:00.000Z",
        "class_run": RUN,
        "unit": None,
        "learner": "lr_gz",
        "account": "acc_1",
        "actor": "blind_2",
        "before": None,
        "after": None,
        "message": "msg_1",
    }
    return {**right, **changed}


def decided(*reasons: str) -> dict[str, Any]:
    return {
        "reasons": list(reasons),
        "message": "msg_2",
        "finished_real": "2026-11-20T01:00:00.000Z",
        "class_run": RUN,
        "unit": "unit_quiz",
        "learner": "lr_gz",
        "score": "88",
    }


def raise_everywhere(uow: UnitOfWork) -> None:
    for place in PLACES:
        with service(uow, InstitutionId(f"in_{place}")) as signals:
            signals.raise_from_lms(told(class_run=f"cr_{place}", learner=f"lr_{place}"))


def test_every_kind_is_explained_and_an_lms_may_send_what_intake_takes() -> None:
    assert set(EXPLANATIONS) == set(SignalKind)
    assert {SignalKind(kind) for kind in SIGNAL_KINDS} < set(SignalKind)
    for one in EXPLANATIONS.values():
        assert one.title
        assert one.meaning.endswith("。")
        assert one.to_do.endswith("。")


def test_a_signal_is_raised_once_and_seen_with_all_that_it_is_about(uow: UnitOfWork) -> None:
    for _ in range(2):
        with service(uow) as signals:
            signals.raise_from_lms(told(kind="pass_mark_lowered", before="80", after="60.5"))
    with service(uow) as signals:
        page = signals.page(None)
    (seen,) = page.signals
    assert (seen.kind, seen.source, seen.change) == (SignalKind.PASS_MARK_LOWERED, "lms", "80 → 60.5")
    assert (seen.class_run, seen.class_run_title, seen.learner) == (RUN, "班次gz", "lr_gz")
    assert (seen.account, seen.actor, seen.acknowledgement) == ("acc_1", "blind_2", None)
    assert (seen.occurred_at, seen.raised_at) == (datetime(2026, 11, 20, 1, tzinfo=UTC), NOW)
    assert (page.count, page.left_out) == (SignalCount(1, 1), 0)


def test_a_score_without_presence_is_raised_and_no_other_refusal(uow: UnitOfWork) -> None:
    with service(uow) as signals:
        signals.raise_for_score(decided())
        signals.raise_for_score(decided("below_pass_mark"))
        assert signals.page(None).signals == ()
        signals.raise_for_score(decided("score_without_presence", "below_pass_mark"))
        (seen,) = signals.page(None).signals
    assert (seen.kind, seen.source, seen.change) == (SignalKind.SCORE_WITHOUT_PRESENCE, "bridge", "得分 88")


def test_who_studies_for_long_without_being_seen_to_be_the_person_is_raised_once(uow: UnitOfWork) -> None:
    with service(uow) as signals:
        for seconds in (5400, 9000):
            signals.raise_for_unanchored(LearnerRef("lr_gz"), RUN, seconds)
        (seen,) = signals.page(None).signals
    assert (seen.kind, seen.learner, seen.change) == (
        SignalKind.STUDIED_UNANCHORED,
        "lr_gz",
        "待确认 5400 秒",
    )


def test_one_face_under_two_names_is_raised_of_both_in_their_own_class_runs_and_once(uow: UnitOfWork) -> None:
    data = {
        "likeness": "lik_1",
        "learner": "lr_gz",
        "class_run": RUN,
        "other": "lr_other",
        "other_class_run": "cr_other",
        "at": "2026-11-20T01:00:00.000Z",
    }
    with service(uow) as signals:
        for _ in range(2):
            signals.raise_for_faces(data)
        seen = signals.page(None).signals
    assert {(one.kind, one.source, one.change) for one in seen} == {
        (SignalKind.FACE_UNDER_TWO_NAMES, "bridge", "")
    }
    assert sorted((one.learner, one.class_run, one.other) for one in seen) == [
        ("lr_gz", RUN, "lr_other"),
        ("lr_other", "cr_other", "lr_gz"),
    ]


def test_a_registration_under_suspicion_is_raised_once_and_says_why(uow: UnitOfWork) -> None:
    data = {
        "challenge": "chl_1",
        "learner": "lr_gz",
        "class_run": RUN,
        "suspicions": ["suspected_virtual_camera", "virtual_camera_name"],
        "at": "2026-11-20T01:00:00.000Z",
    }
    with service(uow) as signals:
        for _ in range(2):
            signals.raise_for_registration(data)
        (seen,) = signals.page(None).signals
    assert (seen.kind, seen.learner) == (SignalKind.FACE_REGISTRATION_SUSPECTED, "lr_gz")
    assert "疑似虚拟摄像头" in seen.change
    assert "只是线索" in seen.explanation.meaning


def test_what_staff_do_by_hand_is_raised_in_each_class_run_that_it_touches(uow: UnitOfWork) -> None:
    data = {"learner": "lr_gz", "account": "acc_1", "by": "staff_lin", "at": "2026-11-20T01:00:00.000Z"}
    with service(uow) as signals:
        for _ in range(2):
            signals.raise_for_release(data, [RUN, ClassRunId("cr_other")])
        seen = signals.page(None).signals
    assert {one.class_run for one in seen} == {RUN, "cr_other"}
    assert {(one.kind, one.actor) for one in seen} == {(SignalKind.ACCOUNT_RELEASED, "staff_lin")}
    assert len(seen) == 2


@pytest.mark.parametrize(("code", "places"), SEES)
def test_an_authority_sees_the_signals_of_its_own_area(uow: UnitOfWork, code: str, places: set[str]) -> None:
    raise_everywhere(uow)
    with service(uow) as signals:
        signals.raise_from_lms(told(message="msg_nowhere", class_run=None))
    with uow.across_institutions("signals test") as tx:
        store = SqlAreaSignals(scope(tx, code))
        page = signal_page(store, None, NOW)
        alone = {place: signal_page(store, ClassRunId(f"cr_{place}"), NOW) for place in PLACES}
    runs = {f"cr_{place}" for place in places}
    assert {one.class_run for one in page.signals} == runs
    assert page.count.all == len(runs)
    assert sum(page.by_kind.get(SignalKind.LOGIN_AS, (0,))) == len(runs)
    for place, one in alone.items():
        assert (len(one.signals), one.count.all) == ((1, 1) if place in places else (0, 0))


def test_an_institution_sees_its_own_signals_alone(uow: UnitOfWork) -> None:
    raise_everywhere(uow)
    with service(uow) as signals:
        assert {one.class_run for one in signals.page(None).signals} == {RUN}
        assert signals.page(ClassRunId("cr_sz")).signals == ()
        assert signals.count(None) == SignalCount(1, 1)


def test_a_signal_is_acknowledged_once_and_stays(uow: UnitOfWork) -> None:
    with service(uow) as signals:
        signals.raise_from_lms(told())
        (seen,) = signals.page(None).signals
        signals.acknowledge(seen.id, by="staff_lin", note="  排查  播放故障 ")
    with service(uow) as signals, pytest.raises(InvalidInput, match="signal_acknowledged"):
        signals.acknowledge(seen.id, by="staff_zhou", note="另一个说法")
    with service(uow) as signals:
        page = signals.page(None)
    (stays,) = page.signals
    assert page.count == SignalCount(1, 0)
    assert stays.acknowledgement is not None
    assert (stays.acknowledgement.by, stays.acknowledgement.note) == ("staff_lin", "排查 播放故障")


@pytest.mark.parametrize("note", ["", "   ", "好的", "好" * 301, "写了\x00一些字"])
def test_a_note_says_something(uow: UnitOfWork, note: str) -> None:
    with service(uow) as signals:
        signals.raise_from_lms(told())
        (seen,) = signals.page(None).signals
        with pytest.raises(InvalidInput, match="signal_note_malformed"):
            signals.acknowledge(seen.id, by="staff_lin", note=note)
        assert signals.count(None).open == 1


def test_another_institutions_signal_is_unknown(uow: UnitOfWork) -> None:
    raise_everywhere(uow)
    with service(uow) as signals:
        (seen,) = signals.page(None).signals
    with service(uow, InstitutionId("in_sz")) as signals, pytest.raises(InvalidInput, match="signal_unknown"):
        signals.acknowledge(seen.id, by="staff_ping", note="与我们无关")


@pytest.mark.parametrize("table", ["supervision_signal", "supervision_signal_acknowledgement"])
def test_the_database_itself_refuses_to_change_or_delete_one(uow: UnitOfWork, table: str) -> None:
    with service(uow) as signals:
        signals.raise_from_lms(told())
        signals.acknowledge(signals.page(None).signals[0].id, by="staff_lin", note="排查播放故障")
    for statement in (f"UPDATE {table} SET institution_id = 'x'", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(DatabaseError, match="append-only"), uow.engine.begin() as connection:
            connection.execute(text(statement))


def test_a_page_begins_with_what_nobody_has_looked_into(uow: UnitOfWork) -> None:
    with service(uow) as signals:
        for number in range(3):
            signals.raise_from_lms(told(message=f"msg_{number}", after=str(number)))
        newest = signals.page(None).signals[0]
        signals.acknowledge(newest.id, by="staff_lin", note="排查播放故障")
        assert [one.after for one in signals.page(None).signals] == ["1", "0", "2"]


def test_more_than_a_page_holds_are_counted_and_not_forgotten(uow: UnitOfWork) -> None:
    with service(uow) as signals:
        for number in range(203):
            signals.raise_from_lms(told(message=f"msg_{number}"))
        page = signals.page(None)
    assert (len(page.signals), page.left_out, page.count.all) == (200, 3, 203)


def test_weeks_begin_on_mondays_of_the_legal_zone() -> None:
    sunday_evening_utc = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    assert monday_of(sunday_evening_utc) == date(2026, 11, 23)
    assert monday_of(sunday_evening_utc - timedelta(minutes=31)) == date(2026, 11, 16)


def test_the_weeks_picture_holds_what_was_raised_in_them() -> None:
    now = datetime(2026, 11, 25, 2, tzinfo=UTC)
    raised = [
        (SignalKind.LOGIN_AS, legal_date(now), 1),
        (SignalKind.LOGIN_AS, legal_date(now - timedelta(days=7)), 1),
        (SignalKind.GRADE_OVERRIDDEN, legal_date(now - timedelta(weeks=WEEKS_SHOWN - 1)), 1),
        (SignalKind.GRADE_OVERRIDDEN, legal_date(now - timedelta(weeks=WEEKS_SHOWN)), 1),
    ]
    weeks, by_kind = by_week(raised, now)
    assert (len(weeks), weeks[-1]) == (WEEKS_SHOWN, date(2026, 11, 23))
    assert by_kind[SignalKind.LOGIN_AS][-2:] == (1, 1)
    assert (by_kind[SignalKind.GRADE_OVERRIDDEN][0], sum(by_kind[SignalKind.GRADE_OVERRIDDEN])) == (1, 1)


class SignalsOnly:
    """`Stations` of which a step of article 16 may use signals, and the registry's list of class runs."""

    def __init__(self) -> None:
        self.signals = self
        self.registry = self
        self.raised: list[str] = []

    def class_runs_of(self, _learner: str) -> list[str]:
        return []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("raise_"):
            raise AssertionError(f"a step of article 16 asks for {name}")
        return lambda *_data: self.raised.append(name)


@pytest.mark.parametrize("row", [row for row in FLOW if row.article == 16], ids=lambda row: str(row.event))
def test_no_step_of_article_16_does_more_than_raise_a_signal(row: Row) -> None:
    stations = SignalsOnly()
    row.do(stations, {"learner": "lr_gz", "key": "lr_gz|run_1"})  # type: ignore[arg-type]  # the least that it may use
    assert len(stations.raised) == 1


def test_what_an_lms_tells_reaches_signals_and_the_gate_alone() -> None:
    """Were there another row, a platform's word could move credit."""
    told = {
        "intake.signal_received",
        "intake.contact_scanned",
        "intake.plugin_heard",
        "intake.platform_pinged",
    }
    assert sorted((row.event, row.article) for row in FLOW if row.event in told) == [
        ("intake.contact_scanned", 27),
        ("intake.platform_pinged", 5),
        ("intake.plugin_heard", 27),
        ("intake.signal_received", 16),
    ]
