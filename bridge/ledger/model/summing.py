"""From what sessions came to, and the past before them, to the statement over all. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.ledger.model.corrections import Corrected
from bridge.ledger.model.facts import Facts
from bridge.ledger.model.media import DailyUse, UnitMedia
from bridge.ledger.model.order import Reach
from bridge.ledger.model.past import Past
from bridge.ledger.model.reasons import explain
from bridge.ledger.model.rules import StudyRules, legal_day
from bridge.ledger.model.statement import (
    Figures,
    LongTimeline,
    LongUnits,
    SecondsStatement,
    Segment,
    UnitSeconds,
    added,
    figures_of,
    with_carried,
)

_NO_FIGURES = Figures(0, 0, {})


@dataclass(frozen=True, slots=True)
class Settled:
    """What sessions came to, and where they left off.

    Args:
        media: of each unit that was studied or carried.
        reached: how far each unit was played.
        figures_by_unit: over the timeline, of each unit that was studied.
        reasons: as `Past.reasons`, those of the past within.
    """

    timeline: tuple[Segment, ...]
    media: Mapping[str, UnitMedia]
    reached: Mapping[str, Reach]
    daily: DailyUse
    figures_by_unit: Mapping[str, Figures]
    reasons: Mapping[str, tuple[int, int]]

    def furthest_ms(self, unit: str) -> int:
        """Return how far the unit was played, in media ms."""
        return self.reached[unit].furthest_ms if unit in self.reached else 0


def statement_of(
    facts: Facts,
    corrected: Corrected,
    past: Past,
    settled: Settled,
    rules: StudyRules,
    earlier: Callable[[], tuple[Segment, ...]] | None,
) -> SecondsStatement:
    """Return the statement over the past and what was settled after it.

    Args:
        facts, corrected: see `set_aside`.
        earlier: returns the segments of the past; None where there are none.
    """
    carried: dict[str, int] = {}
    for brought in corrected.carried:
        carried[brought.unit] = carried.get(brought.unit, 0) + brought.credited_ms
    carried_ms = sum(carried.values())

    def touched_unit(unit: str) -> UnitSeconds:
        before = past.units.get(unit)
        own = settled.figures_by_unit.get(unit, _NO_FIGURES)
        figures = own if before is None else added(before.figures, own)
        media = settled.media[unit]
        return UnitSeconds(
            unit,
            with_carried(figures, carried.get(unit, 0)),
            media.seen.as_set(),
            media.skipped_ms,
            settled.furthest_ms(unit),
        )

    whole = (
        figures_of(settled.timeline) if earlier is None else added(past.figures, figures_of(settled.timeline))
    )
    touched = {name: touched_unit(name) for name in settled.media}
    units: Sequence[UnitSeconds] = tuple(touched[name] for name in sorted(touched))
    if earlier is not None:
        credited_ms = {name: unit.figures.credited_ms for name, unit in touched.items()}
        units = LongUnits(
            lambda name: touched[name] if name in touched else past.units[name],
            {**past.credited_ms, **credited_ms},
        )
    return SecondsStatement(
        figures=with_carried(whole, carried_ms),
        units=units,
        timeline=(
            settled.timeline if earlier is None else LongTimeline(earlier, settled.timeline, past.credited)
        ),
        reasons={
            code: explain(code, rules, legal_day(first), total)
            for code, (first, total) in sorted(settled.reasons.items())
        },
        anchored=facts.anchored,
        offline=facts.offline,
        tests=facts.tests,
        carried_ms=carried_ms,
        carried_offline=tuple(one for one in facts.offline if one in corrected.carried_offline),
        unanchored_tests=frozenset(
            (test.unit, test.attempt) for test in facts.tests if not test.stands_on(facts.anchors)
        ),
    )
