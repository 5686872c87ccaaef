"""Names that differ in traditional and simplified characters alone: a hint for a member of staff, never a match.

Simplified writing makes one character of several (後 and 后, 髮 and 發), so equality after conversion does not say
that two names are one person's.
"""

from functools import cache

from opencc import OpenCC

from bridge.identity.model import normalise_name


def differ_in_variants_alone(one: str, other: str) -> bool:
    """Return whether the names are not equal as names are compared, yet are once written in simplified characters."""
    first, second = normalise_name(one), normalise_name(other)
    return first != second and _simplified(first) == _simplified(second)


def _simplified(name: str) -> str:
    # One by one: a name is no phrase, and what stands beside a character must not change it.
    return "".join(_converter().convert(character) for character in name)


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")
