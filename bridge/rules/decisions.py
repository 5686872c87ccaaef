"""The small decisions that the packs' cases check: class hours and the two shares. Pure and exact.

All are read on the day on which the class run opens, so that one class run has one measure.
"""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from bridge.kernel.errors import InvalidInput
from bridge.rules.model import Decision, ProfileInForce, Reason
from bridge.rules.wording import seconds_zh, value_zh

TrainingKind = Literal["initial", "review", "renewal", "yearly_retraining"]
"""初次培训, 复审 (special operations, until 2026-05-31), 换证, 再培训: four kinds, never mixed."""

_ROUNDING: dict[str, Callable[[Fraction], int]] = {"floor": floor}


def class_hours(seconds: int, minutes_per_class_hour: int) -> int:
    """Return the whole class hours (学时) in `seconds`; what is left over earns none yet.

    Call it once, on the sum over the class run: rounding unit by unit would lose the learner's remainders.
    """
    if seconds < 0 or minutes_per_class_hour <= 0:
        raise ValueError("seconds are not negative and a class hour is not empty")
    return seconds // (minutes_per_class_hour * 60)


def online_class_hours(seconds: int, rules: ProfileInForce, opening: date) -> Decision[int]:
    """Return the online class hours that the credited `seconds` of one class run make.

    Raises:
        NoRuleInForce: no measure or no rounding holds on that day.

    Source: 粤应急规〔2022〕3号 第十九条; AQ 8011-2023 4.4.4.
    """
    return _whole_hours(seconds, "hours.minutes_per_online_class_hour", rules, opening)


def offline_class_hours(seconds: int, rules: ProfileInForce, opening: date) -> Decision[int]:
    """Return the offline class hours that the attended `seconds` of one class run make; else as online."""
    return _whole_hours(seconds, "hours.minutes_per_offline_class_hour", rules, opening)


def _whole_hours(seconds: int, measure: str, rules: ProfileInForce, opening: date) -> Decision[int]:
    minutes = rules.value(measure, opening)
    rounding = rules.value("hours.rounding", opening)
    if rounding.string() not in _ROUNDING:
        raise InvalidInput("rounding_unknown", f"不支持的学时取整方式 {rounding.string()},请修正规则包。")
    if minutes.integer() == 0:
        raise InvalidInput("class_hour_empty", f"规则包 {minutes.pack_id} 的每学时分钟数为 0,请修正规则包。")
    hours = class_hours(seconds, minutes.integer())
    left = seconds - hours * minutes.integer() * 60
    if not left:
        return Decision(hours)
    sentence = (
        f"累计时长中有 {seconds_zh(left)}不足 1 学时(每学时 {minutes.integer()} 分钟),"
        "暂不计学时,在本班次内继续累计。"
    )
    return Decision(hours, (minutes.reason("remainder_below_class_hour", sentence, seconds=left),))


def online_cap(
    online_class_hours: int,
    theory_class_hours: int,
    training_kind: TrainingKind,
    rules: ProfileInForce,
    opening: date,
    override_reason: str | None = None,
) -> Decision[int]:
    """Return how many of the online class hours count towards theory.

    Args:
        theory_class_hours: the theory that is taught, online and offline.
        override_reason: why a person departs from the cap; heeded only if the rule says "in principle".

    Raises:
        NoRuleInForce: neither a cap nor the kinds that it binds hold on that day.

    Source: 粤应急规〔2022〕3号 第十九条.
    """
    kinds = rules.value("hours.online_share_cap_training_kinds", opening)
    if training_kind not in kinds.strings():
        return Decision(online_class_hours)
    cap = rules.value("hours.online_share_cap_of_theory", opening)
    most = floor(cap.fraction() * theory_class_hours)
    if online_class_hours <= most:
        return Decision(online_class_hours)
    share = value_zh(cap.value, cap.parameter.unit)
    over = online_class_hours - most
    if override_reason and override_reason.strip():
        if cap.parameter.override_with_reason:
            sentence = f"线上学时超出理论学时的 {share}(超出 {over} 学时),已按登记的理由作为例外计入。"
            return Decision(online_class_hours, (cap.reason("online_cap_overridden", sentence),))
        refusal = cap.reason("override_not_allowed", f"线上学时不超过理论学时 {share} 的规定不允许例外。")
    else:
        refusal = None
    sentence = (
        f"线上最多计入理论学时的 {share},即 {most} 学时;超出的 {over} 学时不计入,请安排线下理论培训补足。"
    )
    reasons: tuple[Reason, ...] = (cap.reason("online_cap_exceeded", sentence),)
    return Decision(most, (*reasons, refusal) if refusal else reasons)


def offline_floor(
    offline_theory_class_hours: int, outline_theory_class_hours: int, rules: ProfileInForce, opening: date
) -> Decision[int]:
    """Return how many offline theory class hours are still missing; 0 if the floor is met.

    The base is the outline's theory, not what was taught, and nobody may depart from it.

    Raises:
        NoRuleInForce: no floor holds on that day.

    Source: AQ 8011-2023 4.4.4.
    """
    rule = rules.value("hours.offline_share_floor_of_theory", opening)
    least = ceil(rule.fraction() * outline_theory_class_hours)
    missing = max(0, least - offline_theory_class_hours)
    if not missing:
        return Decision(0)
    share = value_zh(rule.value, rule.parameter.unit)
    sentence = (
        f"线下理论学时不得少于大纲理论学时的 {share},即 {least} 学时;还差 {missing} 学时,请参加线下理论培训。"
    )
    return Decision(missing, (rule.reason("offline_floor_not_met", sentence),))


def practical_online(rules: ProfileInForce, opening: date) -> Decision[bool]:
    """Return whether practical training (实操) may be done online; NoRuleInForce if no rule says.

    Source: 粤应急规〔2022〕3号 第十九条; AQ 8011-2023.
    """
    rule = rules.value("hours.practical_online_allowed", opening)
    if rule.boolean():
        return Decision(True)
    sentence = "实操内容不能通过网络学习,本段不计学时,请按机构安排参加线下实操。"
    return Decision(False, (rule.reason("practical_content", sentence),))
