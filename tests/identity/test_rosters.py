"""Rosters: who was in an LMS course when; nobody is enrolled by one, and half of one makes nobody leave."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bridge.identity.roster_model import (
    DIFFERENCES,
    MemberSeen,
    Membership,
    MembershipState,
    RosterSeen,
    Source,
)
from bridge.identity.rosters import ROSTER_WANTED, Rosters, due_rosters
from bridge.migrations.tables import metadata
from tests.identity.house import ORG, PLATFORM, Desk, House, demo_catalogue
from tests.registry.platforms import OTHER_ORG

URL = "https://lms.example/roster/1"
HOUR = timedelta(hours=1)
ACTIVE, INACTIVE, DELETED = MembershipState.ACTIVE, MembershipState.INACTIVE, MembershipState.DELETED


def rosters(desk: Desk) -> Rosters:
    return Rosters(desk.tx, desk.identity_store)


def member(sub: str, role: str = "learner", state: MembershipState = ACTIVE) -> MemberSeen:
    return MemberSeen(sub, role, state)


def seen(*members: MemberSeen, full: bool = True, lost: int = 0, more: str | None = None) -> RosterSeen:
    return RosterSeen(full, members, {"entry_malformed": lost} if lost else {}, lost, 0, more)


def offer(house: House, context: str = "course-1") -> str:
    with house.desk() as desk:
        rosters(desk).offer(PLATFORM, context, URL)
        roster = rosters(desk).of_context(PLATFORM, context)
        assert roster is not None
        return roster.id


def take(house: House, roster: str, read: RosterSeen, context: str = "course-1") -> Sequence[Membership]:
    started = house.clock.now()
    house.clock.advance(seconds=1)
    with house.desk() as desk:
        rosters(desk).take_over(roster, read, started, HOUR)
        return rosters(desk).history(PLATFORM, context)


def told(history: Sequence[Membership]) -> list[tuple[str, MembershipState, bool]]:
    ordered = sorted(history, key=lambda one: (one.since, one.role, one.state))
    return [(one.role, one.state, one.until is None) for one in ordered]


def rows_of_everything_else(desk: Desk) -> dict[str, int | None]:
    """Return how many rows each table has but those that a roster is there to fill."""
    own = {"lms_roster", "lms_membership", "lms_roster_read", "lms_account"}
    counted = {name: text(f"SELECT count(*) FROM {name}") for name in metadata.tables if name not in own}  # noqa: S608
    return {name: desk.tx.session.scalar(count) for name, count in counted.items()}


def test_the_first_launch_has_the_roster_read_at_once_and_the_second_does_not(house: House) -> None:
    first = offer(house)

    assert offer(house) == first
    with house.desk() as desk:
        jobs = desk.tx.session.execute(text("SELECT kind, key, wanted FROM job")).all()
    assert [tuple(job) for job in jobs] == [(ROSTER_WANTED, first, 1)]


def test_a_further_address_is_read_at_once_and_the_old_differences_are_forgotten(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(more="https://lms.example/roster/1?since=7"))

    with house.desk() as desk:
        rosters(desk).offer(PLATFORM, "course-1", URL + "/moved")
        now = rosters(desk).get(roster)

    assert now is not None
    assert (now.memberships_url, now.differences_url) == (URL + "/moved", None)
    assert now.next_read_at == house.clock.now()


def test_members_become_accounts_and_no_more(house: House) -> None:
    roster = offer(house)
    with house.desk() as desk:
        before = rows_of_everything_else(desk)

    history = take(
        house, roster, seen(member("u-1"), member("u-2", "teacher"), member("u-3", state=INACTIVE))
    )

    assert told(history) == [("learner", ACTIVE, True), ("teacher", ACTIVE, True)]
    with house.desk() as desk:
        assert desk.identity.account_for(PLATFORM, "u-3") is None
        account = desk.identity.account_for(PLATFORM, "u-1")
        assert account is not None
        assert account.learner is None
        assert rows_of_everything_else(desk) == before


def test_nothing_of_a_person_stands_readable_in_the_tables(house: House) -> None:
    roster = offer(house)

    take(house, roster, seen(member("440199199003071219"), member("zhang.san@lms.example")))

    with house.engine.connect() as connection:
        for table in ("lms_roster", "lms_membership", "lms_roster_read", "lms_account", "job"):
            kept = str(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
            assert "440199199003071219" not in kept
            assert "zhang.san" not in kept


def test_who_is_gone_is_ended_and_never_deleted(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1"), member("u-2"), member("u-3")))

    history = take(house, roster, seen(member("u-1"), member("u-3", state=INACTIVE)))

    assert told(history) == [
        ("learner", MembershipState.ABSENT, False),
        ("learner", ACTIVE, True),
        ("learner", INACTIVE, False),
    ]


def test_a_change_of_role_is_a_further_row(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1")))

    history = take(house, roster, seen(member("u-1", "teacher")))

    assert told(history) == [
        ("learner", MembershipState.ROLE_CHANGED, False),
        ("teacher", ACTIVE, True),
    ]
    assert history[0].until == history[1].since


def test_who_comes_back_has_a_further_row(house: House) -> None:
    roster = offer(house)
    for read in (seen(member("u-1")), seen(), seen(member("u-1"))):
        history = take(house, roster, read)

    assert told(history) == [("learner", MembershipState.ABSENT, False), ("learner", ACTIVE, True)]


def test_differences_end_those_alone_whom_they_name(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1"), member("u-2")))

    history = take(house, roster, seen(member("u-2", state=DELETED), full=False))

    assert told(history) == [("learner", ACTIVE, True), ("learner", DELETED, False)]


def test_a_roster_with_entries_that_nobody_can_read_makes_nobody_leave(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1"), member("u-2")))

    history = take(house, roster, seen(member("u-1"), lost=1))

    assert told(history) == [("learner", ACTIVE, True)] * 2


def test_who_launches_while_the_roster_is_read_is_not_missing_from_it(house: House) -> None:
    roster = offer(house)
    started = house.clock.now()
    house.clock.advance(seconds=1)
    with house.desk() as desk:
        rosters(desk).see_launch(PLATFORM, "course-1", desk.account("u-9"), "learner")
        rosters(desk).take_over(roster, seen(member("u-1")), started, HOUR)
        history = rosters(desk).history(PLATFORM, "course-1")

    assert [(one.source, one.until) for one in history] == [(Source.LAUNCH, None), (Source.ROSTER, None)]


def test_a_launch_shows_a_role_once(house: House) -> None:
    with house.desk() as desk:
        account = desk.account("u-1")
        for role in ("learner", "learner", "teacher"):
            house.clock.advance(seconds=1)
            rosters(desk).see_launch(PLATFORM, "course-1", account, role)
        history = rosters(desk).history(PLATFORM, "course-1")
        now = rosters(desk).role_now(PLATFORM, "course-1", account)

    assert told(history) == [("learner", MembershipState.ROLE_CHANGED, False), ("teacher", ACTIVE, True)]
    assert now == "teacher"


def test_a_failed_reading_changes_nobody_is_kept_and_waits_longer_each_time(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1")))
    pauses = []
    for _ in range(7):
        with house.desk() as desk:
            rosters(desk).note_failure(roster, "platform_slow", house.clock.now(), HOUR, kind=DIFFERENCES)
            now = rosters(desk).get(roster)
        assert now is not None
        assert now.next_read_at is not None
        pauses.append((now.next_read_at - house.clock.now()) // HOUR)
    with house.desk() as desk:
        history = rosters(desk).history(PLATFORM, "course-1")
        reads = rosters(desk).reads(roster)

    assert pauses == [1, 2, 4, 8, 16, 24, 24]
    assert told(history) == [("learner", ACTIVE, True)]
    assert [(one.kind, one.outcome) for one in reads] == [("differences", "platform_slow")] * 7 + [
        ("full", "read")
    ]


def test_a_platform_that_asks_to_be_left_alone_is(house: House) -> None:
    roster = offer(house)
    with house.desk() as desk:
        asked = timedelta(hours=30)
        rosters(desk).note_failure(
            roster, "platform_error", house.clock.now(), HOUR, kind="full", retry_after=asked
        )
        now = rosters(desk).get(roster)
    assert now is not None
    assert now.next_read_at == house.clock.now() + asked


def test_differences_are_enough_for_a_day(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(more=URL + "?since=7"))
    with house.desk() as desk:
        now = rosters(desk).get(roster)
    assert now is not None

    assert now.may_read_differences(house.clock.now())
    assert not now.may_read_differences(house.clock.now() + timedelta(hours=24))


def test_a_roster_is_due_at_its_time_and_while_the_course_is_entered(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen())

    def due() -> list[str]:
        with house.units.across_institutions("test: what is due") as tx:
            return [roster_id for institution, roster_id in due_rosters(tx) if institution == ORG]

    assert due() == []
    house.clock.advance(minutes=60)
    assert due() == [roster]
    house.clock.advance(days=91)
    assert due() == []
    offer(house)
    assert due() == [roster]


def test_it_may_be_asked_for_at_once_where_a_launch_named_one(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen())

    with house.desk() as desk:
        assert rosters(desk).read_now(PLATFORM, "course-1")
        assert not rosters(desk).read_now(PLATFORM, "course-2")
        now = rosters(desk).get(roster)
    assert now is not None
    assert now.next_read_at == house.clock.now()


def test_another_institution_sees_and_ends_nothing(house: House) -> None:
    roster = offer(house)
    take(house, roster, seen(member("u-1")))

    with house.desk(OTHER_ORG) as desk:
        assert rosters(desk).get(roster) is None
        assert rosters(desk).history(PLATFORM, "course-1") == []
        assert rosters(desk).reads(roster) == []
        assert not rosters(desk).read_now(PLATFORM, "course-1")
        with pytest.raises(KeyError):
            rosters(desk).take_over(roster, seen(), house.clock.now(), HOUR)


_contexts = count(1)
_people = st.sampled_from(["u-1", "u-2", "u-3"])
_members = st.lists(
    st.builds(
        MemberSeen,
        sub=_people,
        role=st.sampled_from(["learner", "teacher"]),
        state=st.sampled_from([ACTIVE, ACTIVE, INACTIVE, DELETED]),
    ),
    max_size=3,
    unique_by=lambda one: one.sub,
)
_reads = st.builds(RosterSeen, st.booleans(), _members, st.just({}), st.integers(0, 1), st.just(0), st.none())


@pytest.fixture(scope="module")
def long_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("rosters")
    built = House(f"sqlite:///{folder / 'rosters.sqlite'}", folder)
    with built.desk() as desk:
        desk.registry.load_catalogue(demo_catalogue())
    return built


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reads=st.lists(_reads, max_size=6))
def test_a_history_never_overlaps_and_ends_as_the_last_reading_says(
    long_house: House, reads: list[RosterSeen]
) -> None:
    context = f"course-{next(_contexts)}"
    roster = offer(long_house, context)
    here: dict[str, str] = {}
    for read in reads:
        take(long_house, roster, read, context)
        history = take(long_house, roster, read, context)  # the same again adds nothing
        if read.full and not read.lost:
            here = {}
        for one in read.members:
            here.pop(one.sub, None)
            if one.state is ACTIVE:
                here[one.sub] = one.role
        with long_house.desk() as desk:
            names = {one.account_id: sub_of(desk, one.account_id) for one in history}
        assert {names[one.account_id]: one.role for one in history if one.until is None} == here
        for account in names:
            own = [one for one in history if one.account_id == account]
            for before, after in pairwise(own):
                assert before.until is not None
                assert before.until <= after.since
        assert all((one.until is None) == (one.state is ACTIVE) for one in history)


def sub_of(desk: Desk, account_id: str) -> str:
    account = desk.identity_store.account(account_id)
    assert account is not None
    return account.sub
