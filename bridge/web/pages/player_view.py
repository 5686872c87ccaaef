"""What the player says beside the lesson: what counted today, the next milestone, what did not count and why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bridge.ledger.model.statement import SecondsStatement, Verdict
from bridge.registry.model import CourseUnit
from bridge.rules.wording import seconds_zh
from bridge.web.pages.wording import source, typeset
from bridge.wiring.player import PlayerView

NEARLY_SECONDS = 15 * 60
"""Practice: so long before the day's cap is reached the learner hears of it."""
_NEARLY_ALL_MS = 1000
"""A last second that a beat missed is no reason to say that a unit is not finished."""
_TO_DO = {
    "repeated": "这一段已经学过,请点进度条上空白的部分继续。",
    "hidden": "请让页面保持在前台;空白的部分可以回看补学。",
    "idle": "学习时请不时滑动或点击页面;空白的部分可以回看补学。",
    "beat_gap": "网络中断的部分没有计入,网络好时可以回看补学。",
    "check_missed": "请在提示时及时完成人脸核验;空白的部分可以回看补学。",
    "other_person": "请本人学习;空白的部分可以回看补学。",
    "suspected_spoof": "请本人正对摄像头核验;空白的部分可以回看补学。",
    "over_daily_cap": "今天已经学够,明天再来;空白的部分可以回看补学。",
    "over_rate": "请按正常速度播放;空白的部分可以回看补学。",
    "beyond_furthest": "请不要快进;空白的部分可以回看补学。",
    "not_progressing": "画面停住的时间不计,请继续播放。",
}
_OTHERWISE = "空白的部分可以回看补学。"


@dataclass(frozen=True, slots=True)
class UnitStanding:
    """How far one unit is.

    Args:
        seen: [start, end) of media milliseconds that need no more watching.
        furthest_ms: where the last of them ends.
    """

    seen: tuple[tuple[int, int], ...]
    seen_ms: int
    furthest_ms: int
    finished: bool
    complete: bool


def unit_standing(statement: SecondsStatement, unit: CourseUnit) -> UnitStanding:
    """Return how far the unit is; `finished` once its end was reached, `complete` once nothing is missing."""
    part = statement.unit(unit.id)
    pairs = () if part is None else tuple((start, end) for start, end in part.seen_media.pairs())
    seen_ms = sum(end - start for start, end in pairs)
    furthest_ms = max((end for _, end in pairs), default=0)
    least = unit.nominal_ms - _NEARLY_ALL_MS
    return UnitStanding(pairs, seen_ms, furthest_ms, furthest_ms >= least, seen_ms >= least)


def standing_json(view: PlayerView) -> Mapping[str, Any]:
    """Return what the player's page is told, ready to be shown."""
    statement, unit = view.earned.seconds, view.own.unit
    here = unit_standing(statement, unit)
    study = [one for one in view.sheet.course.units if one.activity == "study"]
    warning = cap_warning(view.today_seconds, view.daily_cap_seconds)
    left = [one for one in study if not unit_standing(statement, one).complete]
    return {
        "unit": {
            "seen": [list(pair) for pair in here.seen],
            "seen_ms": here.seen_ms,
            "furthest_ms": here.furthest_ms,
            "nominal_ms": unit.nominal_ms,
            "finished": here.finished,
            "complete": here.complete,
        },
        "today": seconds_zh(view.today_seconds),
        "today_seconds": view.today_seconds,
        "warning": None if warning is None else typeset(warning),
        "milestone": typeset(milestone(view)),
        "units_left": len(left),
        "next_unit": next((one.title for one in left if one.id != unit.id), None),
        "reasons": [dict(line) for line in _reasons(statement, unit)],
    }


def cap_warning(today_seconds: int, cap_seconds: int | None) -> str | None:
    """Return what to say about the day's cap; None while it is far away, or there is none."""
    if cap_seconds is None or cap_seconds - today_seconds > NEARLY_SECONDS:
        return None
    left = cap_seconds - today_seconds
    if left <= 0:
        return f"今天已计满 {seconds_zh(cap_seconds)},继续学习今天不再计时,请明天再来。"
    return f"今天最多计 {seconds_zh(cap_seconds)},还可以计 {seconds_zh(left)},之后请明天再学。"


def milestone(view: PlayerView) -> str:
    """Return how far the next class hour is, or that all that is asked for online is done."""
    hours = view.earned.hours
    if hours.online_met:
        return "线上学时已达到大纲要求。"
    missing = seconds_to_next_hour(hours.exact_online, view.minutes_per_class_hour)
    return f"再计入 {seconds_zh(missing)},累计满 {int(hours.exact_online) + 1} 学时。"


def seconds_to_next_hour(exact_online: Fraction, minutes_per_class_hour: int) -> int:
    """Return how many seconds are missing from the next whole class hour, the last one begun counted whole."""
    missing = (int(exact_online) + 1 - exact_online) * minutes_per_class_hour * 60
    return -(-missing.numerator // missing.denominator)


def _reasons(statement: SecondsStatement, unit: CourseUnit) -> Sequence[Mapping[str, Any]]:
    totals: dict[tuple[str, str], int] = {}
    for one in statement.timeline:
        if one.unit == unit.id and one.reason is not None and one.verdict is not Verdict.CREDITED:
            kind = "refused" if one.verdict is Verdict.REFUSED else "waiting"
            totals[one.reason, kind] = totals.get((one.reason, kind), 0) + one.length_ms
    lines = []
    for (code, kind), milliseconds in sorted(totals.items(), key=lambda line: -line[1]):
        reason = statement.reasons.get(code)
        if reason is None or milliseconds < 1000:
            continue
        lines.append(
            {
                "code": code,
                "kind": kind,
                "time": seconds_zh(milliseconds // 1000),
                "sentence": typeset(reason.sentence_zh),
                "source": source(reason),
                "todo": typeset(_TO_DO.get(code, _OTHERWISE)) if kind == "refused" else "",
            }
        )
    return lines
