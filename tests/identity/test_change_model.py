"""Which version of a name, an employer or a document is in force: on every day exactly one, whoever entered it when."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.change_model import Change, ChangeKind, ChangeState, in_force
from bridge.kernel.ids import LearnerRef

DAY = date(2026, 1, 1)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
ME = LearnerRef("ln_made_up")


def version(
    number: int,
    day: int,
    *,
    kind: ChangeKind = ChangeKind.NAME,
    state: ChangeState = ChangeState.CONFIRMED,
    known: int = 0,
) -> Change:
    decided = None if state is ChangeState.PROPOSED else THEN + timedelta(days=known)
    return Change(
        f"idc_{number}", kind, ME, None, f"value {number}", DAY + timedelta(days=day), "", "new_card", None,
        "", "", "stf_a", THEN, state, "stf_b" if decided else None, decided,
    )  # fmt: skip


one_a_day = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 60)), unique_by=lambda one: one[0], max_size=8
)


@given(one_a_day, st.integers(-5, 50), st.randoms())
def test_on_every_day_one_version_is_in_force_and_the_order_of_entry_is_nothing(
    days: list[tuple[int, int]], on: int, chance: object
) -> None:
    changes = [version(number, day, known=known) for number, (day, known) in enumerate(days)]
    wanted = max((day for day, _ in days if day <= on), default=None)
    found = in_force(changes, ChangeKind.NAME, DAY + timedelta(days=on))
    assert (None if found is None else found.from_date) == (
        None if wanted is None else DAY + timedelta(days=wanted)
    )
    shuffled = list(changes)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' own Random
    assert in_force(shuffled, ChangeKind.NAME, DAY + timedelta(days=on)) == found


@given(one_a_day, st.integers(-5, 50), st.integers(0, 60))
def test_what_was_confirmed_later_changes_nothing_of_what_was_known_before(
    days: list[tuple[int, int]], on: int, known_at: int
) -> None:
    changes = [version(number, day, known=known) for number, (day, known) in enumerate(days)]
    known = [one for one, (_, at) in zip(changes, days, strict=True) if at <= known_at]
    day, instant = DAY + timedelta(days=on), THEN + timedelta(days=known_at)
    assert in_force(changes, ChangeKind.NAME, day, instant) == in_force(known, ChangeKind.NAME, day)


@given(st.sampled_from([state for state in ChangeState if state is not ChangeState.CONFIRMED]))
def test_what_nobody_confirmed_is_never_in_force(state: ChangeState) -> None:
    assert in_force([version(1, 0, state=state)], ChangeKind.NAME, DAY) is None


def test_a_name_says_nothing_of_an_employer() -> None:
    assert in_force([version(1, 0)], ChangeKind.EMPLOYER, DAY) is None


def test_a_version_begins_on_its_day_and_not_before() -> None:
    changes = [version(1, 10)]
    assert in_force(changes, ChangeKind.NAME, DAY + timedelta(days=9)) is None
    assert in_force(changes, ChangeKind.NAME, DAY + timedelta(days=10)) == changes[0]
