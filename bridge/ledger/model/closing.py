"""Settling from a closed past, and closing more of it. Pure; it says what `settlement.settle` says of all entries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bridge.ledger.model.facts import CheckFact, Facts, together
from bridge.ledger.model.past import Past
from bridge.ledger.model.rules import StudyRules, legal_day
from bridge.ledger.model.sessions import StudiedSession
from bridge.ledger.model.settlement import (
    MODEL,
    Ways,
    last_passes,
    set_aside,
    settle_stretch,
)
from bridge.ledger.model.statement import (
    SecondsStatement,
    Segment,
    UnitSeconds,
    added,
    credited_span,
    figures_of,
    widest_span,
)
from bridge.ledger.model.summing import Settled, statement_of
from bridge.registry.model import ClassRunSheet


@dataclass(frozen=True, slots=True)
class Heard:
    """What entries say, the beats among them gathered.

    Args:
        facts: without beats, or with them: nobody looks.
        begun: every session of which there is a beat, and when its first one was.
    """

    facts: Facts
    sessions: list[StudiedSession]
    begun: Mapping[str, int]


def is_later(past: Past, heard: Heard) -> bool:
    """Return whether nothing of what came to the ledger since changes the past.

    Args:
        heard: what came since, once more what `past.facts` says at will.
    """
    known, facts = past.facts, heard.facts
    return not (
        any(session.wall.start < past.until_ms for session in heard.sessions)
        or not past.sessions.isdisjoint(heard.begun)
        or any(check.session in past.sessions for check in facts.checks)
        or any(prompt.session in past.sessions for prompt in facts.prompts)
        or set(facts.anchors) - set(known.anchors)
        # A release frees what was frozen, a correction may set aside anything, a test may end what was pending.
        or set(facts.releases) - set(known.releases)
        or set(facts.corrections) - set(known.corrections)
        or set(facts.tests) - set(known.tests)
        or any(one.start_ms < past.until_ms for one in set(facts.offline) - set(known.offline))
        or any(one.start_ms < past.until_ms for one in set(facts.freezes) - set(known.freezes))
    )


@dataclass(frozen=True, slots=True)
class Closed:
    """A past that reaches further than before, and the segments that it has more."""

    past: Past
    segments: tuple[Segment, ...]


def settle_on(
    sheet: ClassRunSheet,
    past: Past,
    heard: Heard,
    rules: StudyRules,
    earlier: Callable[[], tuple[Segment, ...]],
    ways: Ways = MODEL,
) -> tuple[SecondsStatement, Closed | None]:
    """Return what a ledger is worth whose `past` is closed, and more of it closed where that can be.

    Args:
        heard: for which `past.is_later` holds.
        earlier: returns the segments of `past`.

    Raises:
        NoRuleInForce: as `settlement.settle`.
    """
    until_ms = _closed_until(heard.sessions, set_aside(together(past.facts, heard.facts))[0].checks)
    closed = None if until_ms is None else close(sheet, past, heard, until_ms, rules, ways)
    base, more = (past, ()) if closed is None else (closed.past, closed.segments)
    rest = [one for one in heard.sessions if one.wall.start >= base.until_ms]
    facts, corrected = set_aside(together(base.facts, heard.facts))
    settled = settle_stretch(sheet, facts, corrected, rest, rules, ways, base)
    statement = statement_of(facts, corrected, base, settled, rules, lambda: (*earlier(), *more))
    return statement, closed


def close(
    sheet: ClassRunSheet,
    past: Past,
    heard: Heard,
    until_ms: int,
    rules: StudyRules,
    ways: Ways = MODEL,
) -> Closed:
    """Return the past up to `until_ms`, a moment that no session straddles and before which all is decided."""
    known = together(past.facts, heard.facts)
    facts, corrected = set_aside(known)
    ended = [one for one in heard.sessions if one.wall.start < until_ms]
    passes = last_passes(facts.checks)
    later_pass = max((passes.get(one.id, -1) for one in heard.sessions[len(ended) :]), default=-1)
    settled = settle_stretch(sheet, facts, corrected, ended, rules, ways, past, later_pass)
    names = past.sessions | {name for name, at_ms in heard.begun.items() if at_ms < until_ms}
    figures = figures_of(settled.timeline)
    units = _units(past, settled)
    return Closed(
        Past(
            until_ms=until_ms,
            sessions=names,
            figures=added(past.figures, figures),
            units={**past.units, **units},
            credited_ms={
                **past.credited_ms,
                **{name: unit.figures.credited_ms for name, unit in units.items()},
            },
            reached=settled.reached,
            reasons=settled.reasons,
            used={day: ms for day, ms in settled.daily.used.items() if day >= legal_day(until_ms)},
            credited=widest_span(past.credited, credited_span(settled.timeline)),
            facts=replace(
                known,
                beats=(),
                checks=tuple(one for one in known.checks if one.session not in names),
                prompts=tuple(one for one in known.prompts if one.session not in names),
            ),
        ),
        settled.timeline,
    )


def _units(past: Past, settled: Settled) -> dict[str, UnitSeconds]:
    return {
        unit: UnitSeconds(
            unit,
            added(past.units[unit].figures, figures) if unit in past.units else figures,
            settled.media[unit].seen.as_set(),
            settled.media[unit].skipped_ms,
            settled.furthest_ms(unit),
        )
        for unit, figures in settled.figures_by_unit.items()
    }


def _closed_until(sessions: list[StudiedSession], checks: tuple[CheckFact, ...]) -> int | None:
    """Return the latest beginning of a session before which all others ended, and are decided for good.

    The last session may go on at any time, and what a passed check elsewhere would still refuse is not decided.
    """
    passes = last_passes(checks)
    first_pass_after: list[int] = []
    latest = -1
    for session in reversed(sessions):
        first_pass_after.append(latest)
        latest = max(latest, passes.get(session.id, -1))
    until = None
    ended = -1
    for session, later_pass in zip(sessions, reversed(first_pass_after), strict=True):
        if ended >= 0 and session.wall.start >= ended:
            until = session.wall.start
        own = passes.get(session.id, -1)
        if 0 <= own < session.wall.end and later_pass < session.wall.end:
            break
        ended = max(ended, session.wall.end)
    return until
