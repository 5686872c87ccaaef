"""Every stretch of study with its verdict and clause, and which document bound the hours. Pure."""

from dataclasses import dataclass
from typing import Any

from bridge.hours.model import HoursStatement
from bridge.kernel.time import LEGAL_ZONE, from_epoch_ms
from bridge.ledger.model import ProfileStudyRules, SecondsStatement, Verdict
from bridge.ledger.model.reasons import explain as explain_refusal
from bridge.ledger.model.rules import legal_day
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce, Reason, Resolved
from bridge.rules.wording import value_zh


@dataclass(frozen=True, slots=True)
class ExplainedStretch:
    """[start_ms, end_ms) of one session, study clock, with the rule that decided it.

    Args:
        reason: always there; for credited time it is the measure by which it counts.
    """

    start_ms: int
    end_ms: int
    unit: str
    unit_title: str
    session: str
    verdict: Verdict
    reason: Reason

    @property
    def seconds(self) -> int:
        return (self.end_ms - self.start_ms) // 1000


@dataclass(frozen=True, slots=True)
class Explanation:
    """One learner's time in one class run, told in full.

    Args:
        stretches: by start; those of each session tile its wall time.
        bound: each rule that bound the hours, with what it beat.
    """

    sheet: ClassRunSheet
    seconds: SecondsStatement
    hours: HoursStatement
    ledger_head: str
    stretches: tuple[ExplainedStretch, ...]
    bound: tuple[Resolved, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: times as RFC 3339 in Asia/Shanghai, durations as whole seconds and exact ms."""
        return {
            "learner": self.sheet.learner,
            "class_run": self.sheet.class_run.id,
            "kind": self.sheet.class_run.kind,
            "category": self.sheet.class_run.category,
            "profile": self.sheet.class_run.profile,
            "packs": [{"id": pack.id, "content_hash": pack.content_hash} for pack in self.sheet.packs],
            "ledger_head": self.ledger_head,
            "anchored": self.seconds.anchored,
            "credited_seconds": self.seconds.credited_seconds,
            "provisional_seconds": self.seconds.provisional_seconds,
            "refused_seconds": self.seconds.refused_seconds,
            "online_class_hours": self.hours.online_class_hours,
            "counted_online_class_hours": self.hours.online_share.value,
            "offline_class_hours": self.hours.offline_class_hours,
            "missing_offline_class_hours": self.hours.offline_share.value,
            "complete": self.hours.complete,
            "units": [
                {
                    "id": unit.id,
                    "title": unit.title,
                    "mode": unit.mode,
                    "required_class_hours": unit.required_class_hours,
                    "counted_ms": unit.counted_ms,
                    "surplus_ms": unit.surplus_ms,
                    "met": unit.met,
                }
                for unit in self.hours.units
            ],
            "bound": [bound_row(one) for one in self.bound],
            "hours_reasons": [_reason_row(reason) for reason in self.hours.reasons],
            "stretches": [
                {
                    "start": _instant(one.start_ms),
                    "end": _instant(one.end_ms),
                    "ms": one.end_ms - one.start_ms,
                    "unit": one.unit,
                    "unit_title": one.unit_title,
                    "session": one.session,
                    "verdict": one.verdict.value,
                    **_reason_row(one.reason),
                }
                for one in self.stretches
            ],
        }


def explain(
    sheet: ClassRunSheet,
    seconds: SecondsStatement,
    hours: HoursStatement,
    rules: ProfileInForce,
    ledger_head: str,
) -> Explanation:
    """Return the whole explanation; each refused stretch is cited as of the day on which it was studied.

    Raises:
        NoRuleInForce: a rule that decided has no value on its day.
    """
    study = ProfileStudyRules(rules, sheet)
    measure = rules.value("hours.minutes_per_online_class_hour", sheet.class_run.opens_on)
    counts = measure.reason(
        "credited",
        f"本人在场的新学内容,计入学习时长;累计每满 {measure.integer()} 分钟计 1 学时。",
    )
    titles: dict[str, str] = {unit.id: unit.title for unit in sheet.course.units}
    told: dict[tuple[str, object], Reason] = {}
    stretches = []
    for one in seconds.timeline:
        reason = counts
        if one.reason is not None:
            key = (one.reason, legal_day(one.start_ms))
            if key not in told:
                told[key] = explain_refusal(one.reason, study, key[1], one.length_ms)
            reason = told[key]
        title = titles.get(one.unit, one.unit)
        stretches.append(
            ExplainedStretch(one.start_ms, one.end_ms, one.unit, title, one.session, one.verdict, reason)
        )
    return Explanation(sheet, seconds, hours, ledger_head, tuple(stretches), hours.bound)


def bound_row(rule: Resolved) -> dict[str, Any]:
    """Return a rule with its document, and what it beat, as JSON values."""
    one = rule.parameter
    return {
        "parameter": one.name,
        "title_zh": one.title_zh,
        "value_zh": value_zh(rule.value, one.unit, one.labels_zh),
        "pack": rule.pack_id,
        "document": one.citation.document,
        "article": one.citation.article,
        "basis": one.citation.basis.value,
        "confirmed": one.confirmed,
        "read_on": one.read_on,
        "beaten": [
            {
                "pack": beaten.pack_id,
                "document": beaten.parameter.citation.document,
                "value_zh": value_zh(beaten.value, one.unit, one.labels_zh),
            }
            for beaten in rule.beaten
        ],
    }


def _reason_row(reason: Reason) -> dict[str, Any]:
    return {
        "reason": reason.code,
        "sentence_zh": reason.sentence_zh,
        "pack": reason.pack_id,
        "parameter": reason.parameter,
        "document": reason.citation.document,
        "article": reason.citation.article,
        "basis": reason.citation.basis.value,
        "confirmed": reason.confirmed,
    }


def _instant(milliseconds: int) -> str:
    return from_epoch_ms(milliseconds).astimezone(LEGAL_ZONE).isoformat(timespec="milliseconds")
