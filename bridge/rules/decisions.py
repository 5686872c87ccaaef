"""The small decisions that the packs' cases check: class hours, the two shares, what may be taught. Pure, exact.

All are read on the day on which the class run opens, so that one class run has one measure. Each names the
rules that bound it, also where it refuses nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from bridge.kernel.errors import InvalidInput
from bridge.rules.model import Decision, NoRuleInForce, ProfileInForce, Reason, Resolved
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
    bound = (minutes, rounding)
    if not left:
        return Decision(hours, bound=bound)
    sentence = (
        f"累计时长中有 {seconds_zh(left)}不足 1 学时(每学时 {minutes.integer()} 分钟),"
        "暂不计学时,在本班次内继续累计。"
    )
    return Decision(hours, (minutes.reason("remainder_below_class_hour", sentence, seconds=left),), bound)


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
        NoRuleInForce: neither a cap nor the kinds that it binds hold on that day, and the profile does not say
            that it goes without.

    Source: 粤应急规〔2022〕3号 第十九条.
    """
    without = rules.missing("hours.online_share_cap_training_kinds")
    if without is not None:
        return Decision(online_class_hours, (replace(without, code="online_cap_not_given"),))
    kinds = rules.value("hours.online_share_cap_training_kinds", opening)
    if training_kind not in kinds.strings():
        return Decision(online_class_hours, bound=(kinds,))
    cap = rules.value("hours.online_share_cap_of_theory", opening)
    most = floor(cap.fraction() * theory_class_hours)
    if online_class_hours <= most:
        return Decision(online_class_hours, bound=(cap, kinds))
    share = value_zh(cap.value, cap.parameter.unit)
    over = online_class_hours - most
    if override_reason and override_reason.strip():
        if cap.parameter.override_with_reason:
            sentence = f"线上学时超出理论学时的 {share}(超出 {over} 学时),已按登记的理由作为例外计入。"
            return Decision(
                online_class_hours, (cap.reason("online_cap_overridden", sentence),), (cap, kinds)
            )
        refusal = cap.reason("override_not_allowed", f"线上学时不超过理论学时 {share} 的规定不允许例外。")
    else:
        refusal = None
    sentence = (
        f"线上最多计入理论学时的 {share},即 {most} 学时;超出的 {over} 学时不计入,请安排线下理论培训补足。"
    )
    reasons: tuple[Reason, ...] = (cap.reason("online_cap_exceeded", sentence),)
    return Decision(most, (*reasons, refusal) if refusal else reasons, (cap, kinds))


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
        return Decision(0, bound=(rule,))
    share = value_zh(rule.value, rule.parameter.unit)
    sentence = (
        f"线下理论学时不得少于大纲理论学时的 {share},即 {least} 学时;还差 {missing} 学时,请参加线下理论培训。"
    )
    return Decision(missing, (rule.reason("offline_floor_not_met", sentence),), (rule,))


def practical_online(rules: ProfileInForce, opening: date) -> Decision[bool]:
    """Return whether practical training (实操) may be done online; NoRuleInForce if no rule says.

    Source: 粤应急规〔2022〕3号 第十九条; AQ 8011-2023.
    """
    rule = rules.value("hours.practical_online_allowed", opening)
    if rule.boolean():
        return Decision(True, bound=(rule,))
    sentence = "实操内容不能通过网络学习,本段不计学时,请按机构安排参加线下实操。"
    return Decision(False, (rule.reason("practical_content", sentence),), (rule,))


def review_class(rules: ProfileInForce, opening: date) -> Decision[bool]:
    """Return whether a class run for the review (复审) of special-operation certificates may open.

    Initial training, renewal (换证) and the yearly retraining (再培训) are other kinds, and never asked here.

    Raises:
        NoRuleInForce: no order on special operations holds on that day.

    Source: 国家安全监管总局令第30号 until 2026-05-31, 应急管理部令第19号 from 2026-06-01.
    """
    rule = rules.value("training.review_allowed", opening)
    if rule.boolean():
        return Decision(True, bound=(rule,))
    sentence = "特种作业操作证已取消复审,不再开办复审培训班;到期换证请开换证班,每年的再培训请开再培训班。"
    return Decision(False, (rule.reason("review_abolished", sentence),), (rule,))


def outline_hours(
    theory_class_hours: int,
    category: str,
    training_kind: TrainingKind,
    rules: ProfileInForce,
    opening: date,
) -> Decision[bool]:
    """Return whether an outline's theory is long enough for whom it trains.

    Held against the theory class hours of the category, or, for those who learn no practical part, all class
    hours of the kind. An unconfirmed rule gives a reason but never False: it may not hold here.

    Raises:
        NoRuleInForce: no table knows this category and kind on that day. Unknown is not enough.

    Source: 粤应急规〔2022〕3号 第十四条, 第十八条; the numbers are those of Order 3 and of the outlines.
    """
    rule = _first_known(
        (
            f"outline.{training_kind}_theory_class_hours.{category}",
            f"outline.{training_kind}_class_hours.{category}",
        ),
        rules,
        opening,
    )
    binding = [one for one in (rule, *rule.beaten) if one.integer() > theory_class_hours]
    reasons = tuple(
        one.reason(
            "outline_below_minimum" if one.parameter.confirmed else "outline_below_unconfirmed",
            f"大纲理论 {theory_class_hours} 学时,少于{one.parameter.title_zh} {one.integer()} 学时;"
            + ("请补足大纲后开班。" if one.parameter.confirmed else "该数值未经确认,请运营方核对后签认。"),
        )
        for one in binding
    )
    return Decision(not any(reason.confirmed for reason in reasons), reasons, (rule,))


def _first_known(names: tuple[str, ...], rules: ProfileInForce, on: date) -> Resolved:
    for name in names[:-1]:
        try:
            return rules.value(name, on)
        except NoRuleInForce:
            continue
    return rules.value(names[-1], on)
