"""When two statements say the same (1.0.3 Part Two §2.3.1; durations to a hundredth of a second, §4.6)."""

import re
from collections.abc import Mapping
from typing import Any

from bridge.intake.xapi import formats

_SET_HERE = frozenset({"id", "stored", "authority", "version", "timestamp"})
"""Properties that the bridge may set itself: no reason to call two statements different."""
_BEYOND_HUNDREDTHS = re.compile(r"([.,][0-9]{2})[0-9]+(?=S)")


def same_statement(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether a kept statement and one that was just sent under its id say the same."""
    if "timestamp" in now and formats.instant(before["timestamp"]) != formats.instant(now["timestamp"]):
        return False
    return bare(before) == bare(now)


def bare(statement: Mapping[str, Any], *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return what of a statement is compared."""
    kept = {name: item for name, item in statement.items() if name not in _SET_HERE and name not in without}
    duration = kept.get("result", {}).get("duration")
    if duration is not None:
        kept["result"] = {**kept["result"], "duration": _BEYOND_HUNDREDTHS.sub(r"\1", duration)}
    if kept["object"].get("objectType") == "SubStatement":
        kept["object"] = bare(kept["object"])
    return kept
