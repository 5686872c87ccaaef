"""moveOn of an AU, and what its being met satisfies: blocks from the inside, the course last, each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.cmi5.model import Block, CourseStructure, MoveOn, newly_satisfied


@pytest.mark.parametrize(
    ("move_on", "nothing", "completed", "passed", "both"),
    [
        (MoveOn.COMPLETED, False, True, False, True),
        (MoveOn.PASSED, False, False, True, True),
        (MoveOn.BOTH, False, False, False, True),
        (MoveOn.EITHER, False, True, True, True),
        (MoveOn.ALWAYS, True, True, True, True),
    ],
)
def test_move_on(move_on: MoveOn, nothing: bool, completed: bool, passed: bool, both: bool) -> None:
    said = [(False, False), (True, False), (False, True), (True, True)]
    found = [move_on.met(completed=done, passed=good) for done, good in said]
    assert found == [nothing, completed, passed, both]


@st.composite
def courses(draw: st.DrawFn) -> CourseStructure:
    """A course of up to four levels; ids are made in order, so that each is its own."""
    numbers = iter(range(10_000))

    def parts(depth: int) -> tuple[Block | str, ...]:
        return tuple(
            Block(f"block-{next(numbers)}", "", parts(depth - 1))
            if depth and draw(st.booleans())
            else f"au-{next(numbers)}"
            for _ in range(draw(st.integers(1, 3)))
        )

    return CourseStructure(Block("course", "", parts(3)), ())


@given(courses(), st.randoms(use_true_random=False))
def test_in_whatever_order_aus_are_satisfied_each_block_is_told_once_when_its_last_au_is(
    structure: CourseStructure, chance: "object"
) -> None:
    aus = sorted(structure.whole.au_ids())
    chance.shuffle(aus)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    satisfied: set[str] = set()
    told: list[str] = []
    for au in aus:
        satisfied.add(au)
        new = [one.id for one in newly_satisfied(structure, frozenset(satisfied), frozenset(told))]
        by_id = {one.id: one for one in structure.whole.blocks()}
        assert all(set(by_id[one].au_ids()) <= satisfied and au in by_id[one].au_ids() for one in new)
        told += new
    assert sorted(told) == sorted(one.id for one in structure.whole.blocks())
    assert told[-1] == "course"
