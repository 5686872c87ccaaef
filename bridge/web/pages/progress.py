"""What a learner sees of the seconds: figures, a picture of the time, and why some of it does not count. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bridge.ledger.model.statement import SecondsStatement, Segment, Verdict
from bridge.registry.model import CourseUnit
from bridge.web.pages.wording import source, span, typeset

_ROWS = 300


@dataclass(frozen=True)
class Stretch:
    """Neighbouring segments of one unit and session that fare alike. [start_ms, end_ms), study clock."""

    start_ms: int
    end_ms: int
    unit: str
    session: str
    verdict: Verdict
    reason: str | None

    @property
    def seconds(self) -> int:
        return (self.end_ms - self.start_ms) // 1000

    @cached_property  # the picture and the table both say it
    def when(self) -> str:
        return span(self.start_ms, self.end_ms)


@dataclass(frozen=True, slots=True)
class Why:
    """What a reason says, and what it rests on, as a page says it."""

    sentence: str
    source: str


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """One reason with all the time that it concerns, what it rests on, and what to do (in its sentence)."""

    code: str
    sentence: str
    source: str
    seconds: int
    refused: bool


@dataclass(frozen=True, slots=True)
class ProgressView:
    """Everything of the progress part of the page.

    Args:
        rows: the newest stretches first, at most 300; `left_out` says how many older ones are not shown.
        picture: JSON values for static/progress.js.
    """

    credited_seconds: int
    provisional_seconds: int
    refused_seconds: int
    reasons: tuple[ReasonLine, ...]
    rows: tuple[tuple[Stretch, str, Why | None], ...]
    left_out: int
    picture: Mapping[str, Any]


def view_progress(statement: SecondsStatement, units: Sequence[CourseUnit]) -> ProgressView:
    """Return what the page shows of `statement`; `units` give titles and the order of the rows."""
    titles: dict[str, str] = {unit.id: unit.title for unit in units}
    stretches = join(statement.timeline)
    newest = sorted(stretches, key=lambda one: one.start_ms, reverse=True)
    figures = statement.figures
    why = {code: Why(typeset(one.sentence_zh), source(one)) for code, one in statement.reasons.items()}
    return ProgressView(
        credited_seconds=figures.credited_seconds,
        provisional_seconds=figures.provisional_seconds,
        refused_seconds=figures.refused_seconds_total,
        reasons=_reason_lines(why, stretches),
        rows=tuple(
            (one, titles.get(one.unit, one.unit), why.get(one.reason or "")) for one in newest[:_ROWS]
        ),
        left_out=max(0, len(newest) - _ROWS),
        picture=_picture(stretches, why, units),
    )


def join(timeline: Iterable[Segment]) -> list[Stretch]:
    """Return the timeline with neighbours that fare alike made one, in the order of their starts."""
    joined: list[Stretch] = []
    open_at: dict[str, int] = {}
    for one in timeline:
        at = open_at.get(one.session)
        last = None if at is None else joined[at]
        alike = (one.start_ms, one.unit, one.verdict, one.reason)
        if (
            at is not None
            and last is not None
            and alike == (last.end_ms, last.unit, last.verdict, last.reason)
        ):
            joined[at] = Stretch(last.start_ms, one.end_ms, one.unit, one.session, one.verdict, one.reason)
            continue
        open_at[one.session] = len(joined)
        joined.append(Stretch(one.start_ms, one.end_ms, one.unit, one.session, one.verdict, one.reason))
    return joined


def _reason_lines(why: Mapping[str, Why], stretches: Iterable[Stretch]) -> tuple[ReasonLine, ...]:
    totals: dict[tuple[str, bool], int] = {}
    for one in stretches:
        if one.reason is not None:
            key = (one.reason, one.verdict is Verdict.REFUSED)
            totals[key] = totals.get(key, 0) + one.end_ms - one.start_ms
    lines = []
    for (code, refused), milliseconds in totals.items():
        said = why.get(code)
        if said is not None and milliseconds >= 1000:
            lines.append(ReasonLine(code, said.sentence, said.source, milliseconds // 1000, refused))
    return tuple(sorted(lines, key=lambda line: (line.refused, -line.seconds)))


def _picture(
    stretches: Sequence[Stretch], why: Mapping[str, Why], units: Sequence[CourseUnit]
) -> dict[str, Any]:
    codes = sorted({one.reason for one in stretches if one.reason in why} - {None}, key=str)
    studied = {one.unit for one in stretches}
    return {
        "reasons": [{"text": why[code].sentence, "source": why[code].source} for code in codes if code],
        "units": [
            {
                "title": unit.title,
                "segments": [
                    {
                        "ms": one.end_ms - one.start_ms,
                        "verdict": one.verdict.value,
                        "when": one.when,
                        "reason": codes.index(one.reason) if one.reason in codes else None,
                    }
                    for one in stretches
                    if one.unit == unit.id
                ],
            }
            for unit in units
            if unit.activity == "study" or unit.id in studied
        ],
    }
