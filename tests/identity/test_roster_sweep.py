"""Readings of rosters do not pile up for ever, on both databases; the last of each course stay."""

from datetime import timedelta

from sqlalchemy import text

from bridge.identity.roster_sweep import READS_KEPT, sweep_roster_reads
from tests.identity.house import House
from tests.identity.test_rosters import HOUR, member, offer, rosters, seen, take

DAY = timedelta(days=1)


def fail(house: House, roster: str) -> None:
    with house.desk() as desk:
        rosters(desk).note_failure(roster, "roster_refused", house.clock.now(), HOUR, kind="full")


def kept(house: House) -> list[tuple[str, str]]:
    """Return (roster, outcome) of the readings that are left, oldest first."""
    with house.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT roster_id, outcome FROM lms_roster_read ORDER BY ended_at, id")
        )
        return [(row[0], row[1]) for row in rows]


def sweep(house: House) -> int:
    return sweep_roster_reads(house.units, house.clock.now())


def test_old_readings_go_and_young_ones_stay(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1")))
    house.clock.advance(days=1)
    take(house, roster, seen(member("u-1")))
    assert sweep(house) == 0

    house.clock.at += READS_KEPT - DAY
    take(house, roster, seen(member("u-1"), member("u-2")))

    assert sweep(house) == 1
    assert len(kept(house)) == 2
    house.clock.at += DAY
    assert (sweep(house), sweep(house)) == (1, 0)
    assert kept(house) == [(roster, "read")]


def test_the_last_of_each_course_stays_however_old_and_so_does_the_last_that_was_taken_over(
    house: House,
) -> None:
    first, second = offer(house, "course-1"), offer(house, "course-2")
    for roster in (first, second):
        for _ in range(2):
            take(house, roster, seen(member("u-1")), "course-1" if roster == first else "course-2")
    for _ in range(3):
        fail(house, second)
        house.clock.advance(minutes=1)

    house.clock.at += 2 * READS_KEPT

    assert sweep(house) == 4
    assert kept(house) == [(first, "read"), (second, "read"), (second, "roster_refused")]
    with house.desk() as desk:
        assert [one.outcome for one in rosters(desk).reads(second)] == ["roster_refused", "read"]


def test_who_was_in_the_course_is_not_touched(house: House) -> None:
    roster = offer(house)
    for subs in (("u-1", "u-2"), ("u-1",), ("u-1",)):
        history = take(house, roster, seen(*map(member, subs)))
    house.clock.at += 2 * READS_KEPT

    sweep(house)

    assert take(house, roster, seen(member("u-1"))) == history
