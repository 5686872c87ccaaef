"""Orders of an authority: they hold from a day on, in their area alone, take nothing back, and end by another order."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import FixedClock, legal_date
from bridge.registry.suspension_model import Suspension, covers
from bridge.registry.suspensions import Suspensions
from tests.identity.house import NOW, RUN, Desk, House, demo_catalogue

TODAY = legal_date(NOW)
IN_A_WEEK = TODAY + timedelta(days=7)


def order(desk: Desk, from_day: date = IN_A_WEEK, division: str = "440100") -> Suspension:
    return Suspensions(desk.tx, FixedClock(NOW)).order(
        division_code=division,
        authority="广州市应急管理部门",
        document_number="穗应急停〔2026〕1号",
        reason="抽查发现学时造假",
        notice="请学员联系机构办理退费。",
        from_day=from_day,
        by="st_1",
    )


def reasons(desk: Desk, on: date) -> list[str]:
    return [one.code for one in desk.registry.opening_decision(desk.registry.class_run(RUN), on).reasons]


@pytest.fixture
def loaded(house: House) -> House:
    with house.desk() as desk:
        desk.registry.load_catalogue(demo_catalogue())
    return house


def test_an_order_stops_teaching_from_its_day_on_and_a_restoration_lets_it_go_on(loaded: House) -> None:
    with loaded.desk() as desk:
        made = order(desk)
    with loaded.desk() as desk:
        assert reasons(desk, IN_A_WEEK - timedelta(days=1)) == []
        assert reasons(desk, IN_A_WEEK) == ["suspended"]
        said = desk.registry.opening_decision(desk.registry.class_run(RUN), IN_A_WEEK).reasons[0]
        assert "穗应急停〔2026〕1号" in said.sentence_zh
        assert "退费" in said.sentence_zh
        assert said.citation.basis.value == "practice"
        again = IN_A_WEEK + timedelta(days=3)
        Suspensions(desk.tx, FixedClock(NOW)).restore(
            made.id,
            document_number="穗应急复〔2026〕1号",
            reason="整改合格,恢复培训",
            from_day=again,
            by="st_1",
        )
    with loaded.desk() as desk:
        assert reasons(desk, again - timedelta(days=1)) == ["suspended"]
        assert reasons(desk, again) == []


def test_nothing_is_ordered_or_restored_for_a_day_that_is_over(loaded: House) -> None:
    with loaded.desk() as desk:
        suspensions = Suspensions(desk.tx, FixedClock(NOW))
        with pytest.raises(InvalidInput, match="suspension_backdated"):
            order(desk, TODAY - timedelta(days=1))
        made = order(desk)
        for day in (TODAY - timedelta(days=1), IN_A_WEEK - timedelta(days=1)):
            with pytest.raises(InvalidInput, match="suspension_backdated"):
                suspensions.restore(
                    made.id,
                    document_number="穗应急复1号",
                    reason="整改合格,恢复培训",
                    from_day=day,
                    by="st_1",
                )


def test_an_order_ends_once(loaded: House) -> None:
    with loaded.desk() as desk:
        made = order(desk)
        suspensions = Suspensions(desk.tx, FixedClock(NOW))
        said = {
            "document_number": "穗应急复1号",
            "reason": "整改合格,恢复培训",
            "from_day": IN_A_WEEK,
            "by": "st",
        }
        suspensions.restore(made.id, **said)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="suspension_restored"):
            suspensions.restore(made.id, **said)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="suspension_unknown"):
            suspensions.restore("susp_none", **said)  # type: ignore[arg-type]


def test_an_order_holds_in_its_area_alone(loaded: House) -> None:
    with loaded.desk() as desk:
        order(desk, division="440300")
        assert reasons(desk, IN_A_WEEK) == []
        order(desk, division="440000")
        assert reasons(desk, IN_A_WEEK) == ["suspended"]


@pytest.mark.parametrize(
    ("area", "division", "within"),
    [
        ("440000", "441900", True),
        ("441000", "441000", True),
        ("441000", "441100", False),
        ("440100", "440106", True),
        ("440106", "440100", False),
        ("441900", "441900", True),
    ],
)
def test_an_area_covers_what_lies_below_it(area: str, division: str, within: bool) -> None:
    assert covers(area, division) is within


def test_an_order_is_never_changed(loaded: House) -> None:
    with loaded.desk() as desk:
        order(desk)
    for statement in ("UPDATE suspension SET reason = 'x'", "DELETE FROM suspension"):
        with pytest.raises(DatabaseError, match="append-only"), loaded.desk() as desk:
            desk.tx.session.execute(text(statement))
