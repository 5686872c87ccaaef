"""Rotation of the tool's keys, as instants alone: who signs, who is published, who is gone.

published → signing → retired but still published → gone. A new key is published before it signs, and an old
one after: a platform that keeps our key set for some time finds the right key at each moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

PUBLISHED_AHEAD = timedelta(hours=24)
PUBLISHED_AFTER = timedelta(hours=24)


class KeyState(Enum):
    """Where a key stands in its life; never an earlier state after a later one."""

    PLANNED = "planned"
    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """When a key is published and from when it may sign; keep the terms of keys that are gone as well.

    Args:
        kid: never given to another key.
        published_from, signs_from: aware; in this order.
        published_until: the first instant at which it is gone; None while it has no successor.

    Raises:
        ValueError: it would sign before it is published, or end before it begins.
    """

    kid: str
    published_from: datetime
    signs_from: datetime
    published_until: datetime | None = None

    def __post_init__(self) -> None:
        if self.signs_from < self.published_from:
            raise ValueError("a key is published before it signs")
        if self.published_until is not None and self.published_until < self.published_from:
            raise ValueError("a key is not gone before it is published")

    def is_published(self, now: datetime) -> bool:
        """Return whether the key stands in the published set at `now`."""
        return self.published_from <= now and (self.published_until is None or now < self.published_until)


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys at one moment, by kid.

    Args:
        signing: the one that signs.
        published: all that stand in the key set; the signing one first, then the newest first.
        states: of every key ever used.
    """

    signing: str
    published: tuple[str, ...]
    states: Mapping[str, KeyState]


def _state(term: KeyTerm, signing: KeyTerm, now: datetime) -> KeyState:
    if now < term.published_from:
        return KeyState.PLANNED
    if not term.is_published(now):
        return KeyState.GONE
    if term.kid == signing.kid:
        return KeyState.SIGNING
    return KeyState.PUBLISHED if now < term.signs_from else KeyState.RETIRED


def ring_at(keys: Iterable[KeyTerm], now: datetime) -> Ring:
    """Return the ring at `now`: of the published keys whose turn has come, the newest signs.

    Raises:
        ValueError: a kid occurs twice, or no key signs at `now`.
    """
    terms = sorted(keys, key=lambda term: (term.signs_from, term.kid), reverse=True)
    if len({term.kid for term in terms}) != len(terms):
        raise ValueError("each kid once")
    signing = next((term for term in terms if term.is_published(now) and term.signs_from <= now), None)
    if signing is None:
        raise ValueError("no key signs at that moment")
    others = tuple(term.kid for term in terms if term.is_published(now) and term is not signing)
    states = {term.kid: _state(term, signing, now) for term in terms}
    return Ring(signing.kid, (signing.kid, *others), states)


def rotate(
    keys: Sequence[KeyTerm],
    kid: str,
    now: datetime,
    *,
    at_once: bool = False,
    published_ahead: timedelta = PUBLISHED_AHEAD,
    published_after: timedelta = PUBLISHED_AFTER,
) -> tuple[KeyTerm, ...]:
    """Return the terms after a new key `kid` has joined at `now`; the first key signs from now on.

    Args:
        keys: of all keys ever used, those that are gone included.
        at_once: for a key that somebody else may know: all others are gone at `now`, and platforms that keep
            our old key set refuse us until they fetch it again.

    Raises:
        ValueError: `kid` was used before, or the last new key does not sign yet.
    """
    if any(term.kid == kid for term in keys):
        raise ValueError("a kid is never used again")
    if not keys or at_once:
        ended = (
            replace(term, published_until=_earlier(term, max(now, term.published_from))) for term in keys
        )
        return (*ended, KeyTerm(kid, now, now))
    if any(term.signs_from > now for term in keys):
        raise ValueError("the last new key does not sign yet")
    signs_from = now + published_ahead
    ended = (replace(term, published_until=_earlier(term, signs_from + published_after)) for term in keys)
    return (*ended, KeyTerm(kid, now, signs_from))


def _earlier(term: KeyTerm, end: datetime) -> datetime:
    return end if term.published_until is None else min(term.published_until, end)
