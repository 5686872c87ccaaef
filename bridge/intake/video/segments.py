"""`played-segments` of the xAPI video profile: text and intervals of media, in whole milliseconds. Pure."""

import re
from collections.abc import Iterable
from decimal import Decimal

from bridge.kernel.intervals import IntervalSet

MAX_SEGMENTS = 5000
_POINT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_TO, _AND = "[.]", "[,]"


def read_segments(text: str) -> tuple[tuple[int, int], ...]:
    """Return the segments of `text` in their order, as (start, end) in milliseconds.

    They are in the order of watching and may overlap; one of no length is kept as it was said.

    Raises:
        ValueError: not "start[.]end" joined by "[,]", in seconds with at most three decimals; or one that ends before
            it starts; or more than `MAX_SEGMENTS`.
    """
    if not text:
        return ()
    found = []
    for piece in text.split(_AND):
        start, to, end = piece.partition(_TO)
        if not to or not _POINT.fullmatch(start) or not _POINT.fullmatch(end):
            raise ValueError("not start[.]end")
        pair = (_milliseconds(start), _milliseconds(end))
        if pair[1] < pair[0]:
            raise ValueError("ends before it starts")
        found.append(pair)
    if len(found) > MAX_SEGMENTS:
        raise ValueError("too many")
    return tuple(found)


def write_segments(segments: Iterable[tuple[int, int]]) -> str:
    """Return the text for segments; `read_segments` reads the same from it."""
    return _AND.join(f"{_seconds(start)}{_TO}{_seconds(end)}" for start, end in segments)


def watched(segments: Iterable[tuple[int, int]]) -> IntervalSet:
    """Return what was watched at least once."""
    return IntervalSet(segments)


def _milliseconds(text: str) -> int:
    return int(Decimal(text) * 1000)


def _seconds(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return str(whole) if not rest else f"{whole}.{rest:03d}".rstrip("0")
