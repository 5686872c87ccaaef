"""Rotation of the tool's keys: no moment without a key that signs, none that a platform cannot verify."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti.key_rotation import KeyState, KeyTerm, ring_at, rotate
from tests.lti.platform import START

HOUR = timedelta(hours=1)
AHEAD, AFTER = 2 * HOUR, 3 * HOUR


def turned(
    keys: tuple[KeyTerm, ...], kid: str, now: datetime, *, at_once: bool = False
) -> tuple[KeyTerm, ...]:
    return rotate(keys, kid, now, at_once=at_once, published_ahead=AHEAD, published_after=AFTER)


FIRST = turned((), "a", START)
SECOND = turned(FIRST, "b", START + 10 * HOUR)


@pytest.mark.parametrize(
    ("hours", "states", "published"),
    [
        (0, {"a": KeyState.SIGNING, "b": KeyState.PLANNED}, ("a",)),
        (9.99, {"a": KeyState.SIGNING, "b": KeyState.PLANNED}, ("a",)),
        (10, {"a": KeyState.SIGNING, "b": KeyState.PUBLISHED}, ("a", "b")),
        (11.99, {"a": KeyState.SIGNING, "b": KeyState.PUBLISHED}, ("a", "b")),
        (12, {"a": KeyState.RETIRED, "b": KeyState.SIGNING}, ("b", "a")),
        (14.99, {"a": KeyState.RETIRED, "b": KeyState.SIGNING}, ("b", "a")),
        (15, {"a": KeyState.GONE, "b": KeyState.SIGNING}, ("b",)),
        (9999, {"a": KeyState.GONE, "b": KeyState.SIGNING}, ("b",)),
    ],
)
def test_a_rotation_overlaps(hours: float, states: dict[str, KeyState], published: tuple[str, ...]) -> None:
    ring = ring_at(SECOND, START + hours * HOUR)
    assert (dict(ring.states), ring.published, ring.signing) == (states, published, published[0])


def test_a_key_that_somebody_knows_is_gone_at_once() -> None:
    ring = ring_at(turned(SECOND, "c", START + 11 * HOUR, at_once=True), START + 11 * HOUR)
    assert ring.published == ("c",)
    assert {ring.states["a"], ring.states["b"]} == {KeyState.GONE}


def test_a_kid_is_never_used_again_not_even_of_a_key_that_is_gone() -> None:
    for at_once in (False, True):
        with pytest.raises(ValueError, match="never used again"):
            turned(SECOND, "a", START + 9999 * HOUR, at_once=at_once)
    with pytest.raises(ValueError, match="each kid once"):
        ring_at([*FIRST, *FIRST], START)


def test_the_end_of_a_key_is_not_moved_by_later_rotations() -> None:
    for hours, at_once in ((12, False), (20, False), (14, True), (20, True)):
        first = turned(SECOND, "c", START + hours * HOUR, at_once=at_once)[0]
        assert first.published_until == START + min(15, hours if at_once else 15) * HOUR


def test_rotations_do_not_overtake_each_other() -> None:
    with pytest.raises(ValueError, match="does not sign yet"):
        turned(SECOND, "c", START + 11 * HOUR)
    assert len(turned(SECOND, "c", START + 12 * HOUR)) == 3


@pytest.mark.parametrize(("keys", "hours"), [((), 0), (FIRST, -1), ((KeyTerm("x", START, START, START),), 0)])
def test_a_moment_without_a_signing_key_is_an_error(keys: tuple[KeyTerm, ...], hours: int) -> None:
    with pytest.raises(ValueError, match="no key signs"):
        ring_at(keys, START + hours * HOUR)


def test_a_term_runs_forward() -> None:
    with pytest.raises(ValueError, match="before it signs"):
        KeyTerm("a", START, START - HOUR)
    with pytest.raises(ValueError, match="not gone before"):
        KeyTerm("a", START, START, START - HOUR)


ROTATIONS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=6)
ORDER = list(KeyState)


@given(ROTATIONS, st.lists(st.integers(0, 150), min_size=1, max_size=20))
def test_the_laws_of_rotation(rotations: list[tuple[int, bool]], moments: list[int]) -> None:
    keys, at, forced = FIRST, START, False
    for number, (hours, at_once) in enumerate(rotations):
        at += hours * HOUR
        try:
            keys = turned(keys, f"k{number}", at, at_once=at_once)
        except ValueError:
            continue
        forced = forced or at_once
    rings = [(now, ring_at(keys, now)) for now in (START + hours * HOUR for hours in sorted(moments))]
    for _, ring in rings:
        assert list(ring.states.values()).count(KeyState.SIGNING) == 1
        live = {KeyState.PUBLISHED, KeyState.SIGNING, KeyState.RETIRED}
        assert set(ring.published) == {kid for kid, state in ring.states.items() if state in live}
    for (_, before), (_, after) in pairwise(rings):
        for kid, state in before.states.items():
            assert ORDER.index(state) <= ORDER.index(after.states[kid])
    if forced:
        return  # an emergency gives up the overlap
    for now, ring in rings:
        for then, other in rings:
            # What signs now was published a while ago, and will be for a while.
            if -AHEAD <= then - now < AFTER and then >= START and keys[0].kid != ring.signing:
                assert ring.signing in other.published
            if timedelta() <= then - now < AFTER:
                assert ring.signing in other.published
