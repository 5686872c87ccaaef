"""Article 27 at the opening: no class run starts while its LMS keeps contact data, unless people signed for it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from bridge.db.outbox import EventRow
from bridge.kernel.citation import Basis
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.registry.contact_service import CONTACT_FOUND, EXCEPTION_SIGNED, ContactGate
from bridge.registry.contact_store import SqlContactStore, blind_reference, course_reference
from bridge.registry.model import LtiContext
from bridge.rules.model import Decision
from tests.identity.house import NOW, ORG, PLATFORM, RUN, Desk, House, demo_catalogue

TODAY = date(2026, 11, 23)
"""The class run opened on 2026-11-16 and closes with the catalogue's dates."""
REASON = "集团统一登录仍在使用邮箱,已排期停用,预计两周内完成清理。"
LIN, ZHOU, WU = "staff_lin", "staff_zhou", "staff_wu"


def gate(house: House, desk: Desk) -> ContactGate:
    store = SqlContactStore(desk.tx, house.cipher)
    return ContactGate(store, desk.registry, desk.tx, house.clock, house.clock, house.rules)


def loaded(house: House) -> House:
    with house.desk() as desk:
        desk.registry.load_catalogue(demo_catalogue())
    return house


def scan(
    house: House,
    with_contact: int,
    *,
    at: datetime = NOW,
    learners: int = 40,
    course: str = "demo-course-1",
    message: str = "",
) -> None:
    """Count, as a platform's plugin does each night."""
    with house.desk() as desk:
        gate(house, desk).note_scan(
            {
                "registration": PLATFORM,
                "context": course_reference(house.cipher, ORG, PLATFORM, course),
                "class_run": RUN,
                "learners": learners,
                "with_contact": with_contact,
                "counts": [with_contact, 0, 0, 0, 0],
                "occurred_at": at.isoformat().replace("+00:00", "Z"),
                "message": message or f"msg_{at.timestamp()}_{with_contact}_{course}"[:40],
            }
        )


def hear_plugin(house: House) -> None:
    with house.desk() as desk:
        gate(house, desk).note_plugin({"registration": PLATFORM})


def opening(house: House, on: date = TODAY) -> Decision[bool]:
    with house.desk() as desk:
        return desk.registry.opening_decision(desk.registry.class_run(RUN), on)


def codes(house: House, on: date = TODAY) -> list[str]:
    return [reason.code for reason in opening(house, on).reasons]


def events(house: House, type_: str) -> list[dict[str, Any]]:
    with house.units.across_institutions("read a test's events") as tx:
        return [row.data for row in tx.session.scalars(select(EventRow).where(EventRow.type == type_))]


def write(house: House, *, by: str = LIN, **changes: Any) -> str:
    with house.desk() as desk:
        fields: dict[str, Any] = {"reason": REASON, "until": TODAY + timedelta(days=10), "by": by}
        return gate(house, desk).write_exception(RUN, **{**fields, **changes})


def sign(house: House, exception: str, by: str = ZHOU) -> None:
    with house.desk() as desk:
        gate(house, desk).sign_exception(exception, by)


def days(number: int) -> datetime:
    return NOW + timedelta(days=number)


def test_a_platform_without_our_plugin_is_asked_for_nothing(house: House) -> None:
    assert opening(loaded(house)).value is True


def test_once_the_plugin_is_known_a_missing_scan_stops_the_class_run(house: House) -> None:
    hear_plugin(loaded(house))
    decision = opening(house)
    assert decision.value is False
    (reason,) = decision.reasons
    assert (reason.code, reason.citation.basis) == ("contact_scan_missing", Basis.PRACTICE)


def test_contact_data_in_the_lms_stops_it_by_law(house: House) -> None:
    scan(loaded(house), 3)
    decision = opening(house)
    assert decision.value is False
    (reason,) = decision.reasons
    assert (reason.code, str(reason.citation)) == ("contact_data_in_lms", "粤应急规〔2022〕3号第二十七条")
    assert "3 名学员" in reason.sentence_zh


def test_a_later_clean_scan_opens_it_again(house: House) -> None:
    scan(loaded(house), 3)
    assert codes(house) == ["contact_data_in_lms"]
    scan(house, 0, at=NOW + timedelta(minutes=1))
    assert codes(house) == []


def test_a_clean_scan_that_comes_late_but_was_made_earlier_opens_nothing(house: House) -> None:
    scan(loaded(house), 3)
    scan(house, 0, at=datetime(2026, 11, 15, 2, tzinfo=UTC))
    assert codes(house) == ["contact_data_in_lms"]


def test_a_scan_is_good_for_seven_days(house: House) -> None:
    scan(loaded(house), 0, at=days(-7))
    hear_plugin(house)
    assert codes(house) == []
    assert codes(house, TODAY + timedelta(days=1)) == ["contact_scan_outdated"]
    scan(house, 0, at=days(1))
    assert codes(house, TODAY + timedelta(days=1)) == []


def test_what_turns_up_in_a_class_run_taught_clean_may_be_cleaned_within_three_days(house: House) -> None:
    scan(loaded(house), 0, at=days(-3))
    scan(house, 1, at=days(-2))
    scan(house, 1, at=days(-1))
    assert codes(house) == []
    assert codes(house, TODAY + timedelta(days=1)) == []
    assert codes(house, TODAY + timedelta(days=2)) == ["contact_data_in_lms"]


@pytest.mark.parametrize(
    ("clean", "learners"),
    [(datetime(2026, 11, 15, 2, tzinfo=UTC), 40), (datetime(2026, 11, 20, 2, tzinfo=UTC), 0)],
    ids=["clean before the opening day only", "clean for want of learners"],
)
def test_without_having_been_taught_clean_there_is_no_such_time(
    house: House, clean: datetime, learners: int
) -> None:
    scan(loaded(house), 0, at=clean, learners=learners)
    scan(house, 1, at=days(-1))
    assert codes(house) == ["contact_data_in_lms"]


def test_every_course_of_the_class_run_must_be_clean(house: House) -> None:
    scan(loaded(house), 0)
    with house.desk() as desk:
        desk.registry._store.save_lti_context(LtiContext(PLATFORM, "course-2", RUN))
    hear_plugin(house)
    assert codes(house) == ["contact_scan_missing"]
    scan(house, 2, course="course-2")
    assert codes(house) == ["contact_data_in_lms"]


def test_a_scan_of_a_course_counts_from_the_day_on_which_a_class_run_is_taught_there(house: House) -> None:
    scan(loaded(house), 2, course="course-2")
    assert codes(house) == []
    with house.desk() as desk:
        desk.registry._store.save_lti_context(LtiContext(PLATFORM, "course-2", RUN))
    assert codes(house) == ["contact_data_in_lms"]


def test_another_institutions_scan_is_nothing_here(house: House) -> None:
    loaded(house)
    here = course_reference(house.cipher, ORG, PLATFORM, "demo-course-1")
    there = course_reference(house.cipher, InstitutionId("org_other"), PLATFORM, "demo-course-1")
    assert here != there
    assert here != blind_reference(house.cipher, ORG, PLATFORM, "lms_person", "demo-course-1")


def test_one_person_signs_and_nothing_opens_until_another_does(house: House) -> None:
    scan(loaded(house), 3)
    exception = write(house)
    assert codes(house) == ["contact_data_in_lms"]
    with pytest.raises(NotPermitted, match="second_person_required"):
        sign(house, exception, LIN)
    assert codes(house) == ["contact_data_in_lms"]
    assert events(house, EXCEPTION_SIGNED) == []
    sign(house, exception)
    assert codes(house) == []
    (told,) = events(house, EXCEPTION_SIGNED)
    assert (told["class_run"], told["with_contact"]) == (RUN, 3)
    assert told["signed_by"] == [LIN, ZHOU]


def test_an_exception_ends_with_its_last_day(house: House) -> None:
    scan(loaded(house), 3)
    sign(house, write(house, until=TODAY + timedelta(days=2)))
    assert codes(house, TODAY + timedelta(days=2)) == []
    assert codes(house, TODAY + timedelta(days=3)) == ["contact_data_in_lms"]


def test_an_exception_is_for_as_many_learners_as_were_counted(house: House) -> None:
    scan(loaded(house), 3)
    sign(house, write(house))
    scan(house, 2, at=NOW + timedelta(minutes=1))
    assert codes(house) == []
    scan(house, 4, at=NOW + timedelta(minutes=2))
    assert codes(house) == ["contact_data_in_lms"]


def test_an_exception_also_stands_for_a_scan_that_is_not_there(house: House) -> None:
    hear_plugin(loaded(house))
    sign(house, write(house))
    assert codes(house) == []
    scan(house, 1)
    assert codes(house) == ["contact_data_in_lms"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reason": "太忙"}, "exception_reason_malformed"),
        ({"reason": "忙" * 301}, "exception_reason_malformed"),
        ({"reason": "一个足够长的理由\x00里有控制字符"}, "exception_reason_malformed"),
        ({"until": TODAY - timedelta(days=1)}, "exception_until_malformed"),
        ({"until": TODAY + timedelta(days=31)}, "exception_until_malformed"),
        ({"by": "林老师"}, "reference_malformed"),
    ],
)
def test_an_exception_that_cannot_stand_is_refused(
    house: House, changes: dict[str, Any], reason: str
) -> None:
    scan(loaded(house), 3)
    with pytest.raises(InvalidInput, match=reason):
        write(house, **changes)
    with house.desk() as desk:
        assert gate(house, desk).sheet(RUN).standing.exceptions == ()


def test_nobody_signs_what_is_not_needed_or_waits_already(house: House) -> None:
    loaded(house)
    with pytest.raises(InvalidInput, match="exception_not_needed"):
        write(house)
    scan(house, 3)
    exception = write(house)
    with pytest.raises(InvalidInput, match="exception_waiting"):
        write(house, by=WU)
    sign(house, exception)
    with pytest.raises(InvalidInput, match="exception_not_needed"):
        write(house, by=WU)


def test_what_is_over_or_another_institutions_cannot_be_signed(house: House) -> None:
    scan(loaded(house), 3)
    exception = write(house, until=TODAY)
    with (
        house.desk(InstitutionId("org_other")) as desk,
        pytest.raises(InvalidInput, match="exception_unknown"),
    ):
        gate(house, desk).sign_exception(exception, ZHOU)
    house.clock.at += timedelta(days=1)
    with pytest.raises(InvalidInput, match="exception_over"):
        sign(house, exception)


def test_a_scan_is_told_when_it_is_worse_than_the_one_before(house: House) -> None:
    loaded(house)
    for minute, found in enumerate((0, 2, 2, 1, 5)):
        scan(house, found, at=NOW + timedelta(minutes=minute))
    assert [(told["before"], told["after"]) for told in events(house, CONTACT_FOUND)] == [
        ("0", "2"),
        ("1", "5"),
    ]


def test_the_same_scan_again_changes_nothing(house: House) -> None:
    loaded(house)
    for _ in range(2):
        scan(house, 2, message="msg_one")
    assert len(events(house, CONTACT_FOUND)) == 1
    with house.desk() as desk:
        assert desk.tx.session.scalar(text("SELECT count(*) FROM contact_scan")) == 1


def test_the_newest_ping_describes_the_platform(house: House) -> None:
    loaded(house)
    with house.desk() as desk:
        for minutes, plugin in ((2, "2026112801"), (1, "2026112800")):
            gate(house, desk).note_ping(
                {
                    "registration": PLATFORM,
                    "occurred_at": (NOW + timedelta(minutes=minutes)).isoformat(),
                    "moodle": "4.5.5",
                    "plugin": plugin,
                    "clock_skew_seconds": minutes,
                }
            )
    with house.desk() as desk:
        (known,) = SqlContactStore(desk.tx, house.cipher).plugins()
    assert (known["plugin"], known["clock_skew_seconds"]) == ("2026112801", 2)
    assert codes(house) == ["contact_scan_missing"]


@pytest.mark.parametrize("table", ["contact_scan", "contact_exception", "contact_exception_signature"])
def test_the_database_itself_refuses_to_change_what_was_counted_or_signed(house: House, table: str) -> None:
    scan(loaded(house), 3)
    write(house)
    for statement in (f"UPDATE {table} SET institution_id = 'x'", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(DatabaseError, match="append-only"), house.engine.begin() as connection:
            connection.execute(text(statement))


def test_a_class_run_that_is_not_there_has_no_sheet(house: House) -> None:
    with loaded(house).desk() as desk, pytest.raises(InvalidInput, match="class_run_unknown"):
        gate(house, desk).sheet(ClassRunId("run_none"))
