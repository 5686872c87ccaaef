"""What came of an attack, by a measure that shares nothing with settlement but the ledger's last word.

*Forged* is a second that is finally credited without a check at both ends of its stretch that the right person passed,
live. Who was there the attacking client knows by itself: it moved the person.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.statement import SecondsStatement, Verdict
from plugins.simulators.attack.visit import Visit


@dataclass(frozen=True, slots=True)
class Result:
    """One row.

    Args:
        attempted_seconds: study that the client claimed with nobody there, by clock or by media, whichever is more.
        credited_seconds: finally, of all that was studied, the honest beginning and end included.
        forged_seconds: of those, what nobody was seen to study; a second that is counted twice is forged once.
        away_seconds: of those, what was credited of the time in which nobody was there: it lies between two passes in
            a row, so by the measure above it is not forged. The gap between checks is the bound of it.
        refused_seconds: reason → seconds.
        refusals: reason → requests that a door refused.
    """

    id: str
    title_zh: str
    defended_by: str
    in_total: bool
    attempted_seconds: int
    credited_seconds: int
    forged_seconds: int
    away_seconds: int
    refused_seconds: dict[str, int]
    refusals: dict[str, int]


def forged_ms(statement: SecondsStatement, visits: Iterable[Visit]) -> int:
    """Return the milliseconds that are credited but were not witnessed, and those that are credited twice."""
    witnessed = IntervalSet([span for visit in visits for span in visit.witnessed])
    credited = [(one.start_ms, one.end_ms) for one in statement.timeline if one.verdict is Verdict.CREDITED]
    once = IntervalSet(credited)
    twice = sum(end - start for start, end in credited) - once.total
    return (once - witnessed).total + twice


def away_ms(statement: SecondsStatement, away: tuple[int, int]) -> int:
    """Return the milliseconds that are credited within the span in which nobody was there."""
    credited = [(one.start_ms, one.end_ms) for one in statement.timeline if one.verdict is Verdict.CREDITED]
    return IntervalSet(credited).clip(*away).total
