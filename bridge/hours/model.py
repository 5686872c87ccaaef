"""Class hours (学时) from settled milliseconds and offline sessions. Pure, exact, floored once at the end."""

from dataclasses import dataclass
from fractions import Fraction

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model import OfflineFact, SecondsStatement
from bridge.ledger.model.rules import day_start_ms, next_day_start_ms
from bridge.registry.model import ClassRunSheet, OutlineUnit, UnitMode
from bridge.rules.decisions import (
    offline_class_hours,
    offline_floor,
    online_cap,
    online_class_hours,
)
from bridge.rules.model import Decision, ProfileInForce, Reason, Resolved
from bridge.rules.wording import seconds_zh


@dataclass(frozen=True, slots=True)
class OutlineUnitHours:
    """What was done of one unit of the outline.

    Args:
        required_ms: its class hours by the measure of its mode.
        counted_ms: credited online time or attended offline time, but no more than `required_ms`: surplus in
            one unit never fills another.
        surplus_ms: what was credited beyond that, and earns nothing.
    """

    id: str
    title: str
    mode: UnitMode
    required_class_hours: int
    required_ms: int
    counted_ms: int
    surplus_ms: int

    @property
    def met(self) -> bool:
        return self.counted_ms >= self.required_ms

    @property
    def missing_seconds(self) -> int:
        """Return the seconds that are still to be studied, the last one begun counted whole."""
        return -((self.counted_ms - self.required_ms) // 1000)


@dataclass(frozen=True, slots=True)
class HoursStatement:
    """What one learner has earned in one class run.

    Args:
        exact_online: online time in class hours before the one flooring; for reading, never for a paper.
        online: whole online class hours over the class run; its reason is what is left over.
        offline: whole offline class hours from confirmed sessions; its reasons are what did not count.
        units: every unit of the outline, in its order.
        outline_met: whether each unit is met; a reason for each that is not.
        online_share: how many of the online class hours count towards the theory of the class run (the online cap):
            the outline's theory class hours, or what was taught if that is more.
        offline_share: how many offline theory class hours are missing from the floor; 0 if it is met.
    """

    exact_online: Fraction
    online: Decision[int]
    offline: Decision[int]
    units: tuple[OutlineUnitHours, ...]
    outline_met: Decision[bool]
    online_share: Decision[int]
    offline_share: Decision[int]

    @property
    def online_class_hours(self) -> int:
        return self.online.value

    @property
    def offline_class_hours(self) -> int:
        return self.offline.value

    @property
    def online_met(self) -> bool:
        """Whether every online unit of the outline is met: what the hour certificate needs of study."""
        return all(unit.met for unit in self.units if unit.mode == "online")

    @property
    def offline_met(self) -> bool:
        return all(unit.met for unit in self.units if unit.mode == "offline")

    @property
    def shares_allowed(self) -> bool:
        """Whether both share rules hold: all online hours count, and no offline hour is missing."""
        return self.online_share.value == self.online.value and self.offline_share.value == 0

    @property
    def complete(self) -> bool:
        """Whether outline and both share rules hold: what the completion statement needs of hours."""
        return self.outline_met.value and self.shares_allowed

    @property
    def decisions(self) -> tuple[Decision[int] | Decision[bool], ...]:
        """Return hours first, then the outline, then the two share rules."""
        return (self.online, self.offline, self.outline_met, self.online_share, self.offline_share)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return all reasons, in the order of `decisions`."""
        return tuple(reason for decision in self.decisions for reason in decision.reasons)

    @property
    def bound(self) -> tuple[Resolved, ...]:
        """Return each rule that bound a decision, once, in their order: its document, and what it beat."""
        return tuple({one.parameter.name: one for each in self.decisions for one in each.bound}.values())


def credit_class_hours(
    statement: SecondsStatement,
    sheet: ClassRunSheet,
    rules: ProfileInForce,
    *,
    online_share_override: str | None = None,
) -> HoursStatement:
    """Return the class hours that `statement` makes for `sheet`, and why the rest makes none.

    Online time is added up over the class run to the millisecond and floored once. An offline session counts
    the hours that were entered, but no more than its clock time holds.

    Args:
        online_share_override: a reason for departing from the online cap ("in principle"), beside the one that
            `sheet` may hold.

    Raises:
        NoRuleInForce: a needed rule has no value on the day the class run opens.

    Source: 粤应急规〔2022〕3号 第十四条, 第十九条; AQ 8011-2023 4.4.4.
    """
    opening = sheet.class_run.opens_on
    online_measure = rules.value("hours.minutes_per_online_class_hour", opening).integer() * 60_000
    online_units = _online_units(statement, sheet, online_measure)
    counted_ms = sum(unit.counted_ms for unit in online_units)
    online = online_class_hours(counted_ms // 1000, rules, opening)
    offline, offline_units = _offline(statement, sheet, rules)
    by_id = {unit.id: unit for unit in (*online_units, *offline_units)}
    units = tuple(by_id[unit.id] for unit in sheet.outline.units)
    return HoursStatement(
        exact_online=Fraction(counted_ms, online_measure),
        online=Decision(
            online.value, (*online.reasons, *_left_out(statement, sheet, units, rules)), online.bound
        ),
        offline=offline,
        units=units,
        outline_met=_outline_met(units, sheet, rules),
        online_share=online_cap(
            online.value,
            # Until the offline part is taught, what the outline foresees stands for the theory that is taught.
            max(online.value + offline.value, sheet.outline.theory_class_hours),
            sheet.class_run.kind,
            rules,
            opening,
            online_share_override or sheet.online_cap_exception,
        ),
        offline_share=offline_floor(offline.value, sheet.outline.theory_class_hours, rules, opening),
    )


def _online_units(
    statement: SecondsStatement, sheet: ClassRunSheet, measure_ms: int
) -> list[OutlineUnitHours]:
    credited = statement.credited_ms_by_unit
    done = []
    for unit in sheet.outline.units:
        if unit.mode == "online":
            taught_in = (one.id for one in sheet.course.units if one.outline_unit_id == unit.id)
            done.append(_unit(unit, measure_ms, sum(credited.get(one, 0) for one in taught_in)))
    return done


def _unit(unit: OutlineUnit, measure_ms: int, done_ms: int) -> OutlineUnitHours:
    required = unit.class_hours * measure_ms
    counted = min(done_ms, required)
    return OutlineUnitHours(
        unit.id, unit.title, unit.mode, unit.class_hours, required, counted, done_ms - counted
    )


def _left_out(
    statement: SecondsStatement,
    sheet: ClassRunSheet,
    units: tuple[OutlineUnitHours, ...],
    rules: ProfileInForce,
) -> list[Reason]:
    """Return why credited time makes no hours: a unit is full, or it is no online part of the outline."""
    opening = sheet.class_run.opens_on
    outline = rules.value("institution.outline_required", opening)
    reasons = []
    for unit in units:
        if unit.mode == "online" and unit.surplus_ms >= 1000:
            seconds = unit.surplus_ms // 1000
            sentence = (
                f"“{unit.title}”已学满大纲规定的 {unit.required_class_hours} 学时,"
                f"超出的 {seconds_zh(seconds)}不能抵作其他部分的学时,请学习尚未学满的部分。"
            )
            reasons.append(outline.reason("surplus_in_outline_unit", sentence, seconds=seconds))
    online = {unit.id for unit in units if unit.mode == "online"}
    outside = {one.id for one in sheet.course.units if one.outline_unit_id not in online}
    credited = statement.credited_ms_by_unit
    outside_ms = sum(ms for unit, ms in credited.items() if unit in outside)
    if outside_ms >= 1000:
        practical = rules.value("hours.practical_online_allowed", opening)
        sentence = "大纲规定在线下进行(含实操)或大纲以外的内容,线上学习不计学时,请按机构安排参加线下培训。"
        reasons.append(practical.reason("not_an_online_part", sentence, seconds=outside_ms // 1000))
    return reasons


def _offline(
    statement: SecondsStatement, sheet: ClassRunSheet, rules: ProfileInForce
) -> tuple[Decision[int], list[OutlineUnitHours]]:
    """Return the offline hours and units. Each session is rounded alone: it was entered in whole hours."""
    run = sheet.class_run
    measure = rules.value("hours.minutes_per_offline_class_hour", run.opens_on)
    measure_ms = measure.integer() * 60_000
    units = {unit.id: unit for unit in sheet.outline.units if unit.mode == "offline"}
    hours_of = dict.fromkeys(units, 0)
    free = IntervalSet(
        [
            (day_start_ms(run.opens_on), next_day_start_ms(day_start_ms(run.closes_on))),
            *((session.start_ms, session.end_ms) for session in statement.carried_offline),
        ]
    )
    reasons: list[Reason] = []
    for session in statement.offline:
        if session.outline_unit not in units:
            sentence = "线下培训登记的内容不是大纲的线下部分,不计学时,请机构核对登记。"
            reasons.append(measure.reason("offline_unit_unknown", sentence))
            continue
        held_ms = (IntervalSet([(session.start_ms, session.end_ms)]) & free).total
        free -= IntervalSet([(session.start_ms, session.end_ms)])
        held = offline_class_hours(held_ms // 1000, rules, run.opens_on).value
        hours_of[session.outline_unit] += min(session.class_hours, held)
        if held < session.class_hours:
            reasons.append(_too_short(session, held, measure))
    done = [_unit(unit, measure_ms, hours_of[unit.id] * measure_ms) for unit in units.values()]
    total = sum(unit.counted_ms for unit in done) // measure_ms
    return Decision(total, tuple(reasons), (measure,)), done


def _too_short(session: OfflineFact, held: int, measure: Resolved) -> Reason:
    sentence = (
        f"线下培训登记 {session.class_hours} 学时,但班次期间内未与其他线下培训重叠的时间只够 {held} 学时,"
        "按实际时间计,请机构核对登记。"
    )
    return measure.reason("offline_time_too_short", sentence)


def _outline_met(
    units: tuple[OutlineUnitHours, ...], sheet: ClassRunSheet, rules: ProfileInForce
) -> Decision[bool]:
    outline = rules.value("institution.outline_required", sheet.class_run.opens_on)
    reasons = tuple(
        outline.reason(
            "outline_unit_not_met",
            f"“{unit.title}”须满 {unit.required_class_hours} 学时,还差 {seconds_zh(unit.missing_seconds)},"
            + ("请继续线上学习。" if unit.mode == "online" else "请参加线下培训。"),
            seconds=unit.missing_seconds,
        )
        for unit in units
        if not unit.met
    )
    return Decision(not reasons, reasons, (outline,))
