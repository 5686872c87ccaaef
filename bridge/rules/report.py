"""What `rules check` and `rules show` say, as data. Reads packs through the loader; knows no terminal."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bridge.kernel.errors import InvalidInput
from bridge.rules.cases import CaseResult, run_case
from bridge.rules.documents import Problem
from bridge.rules.loader import CONFIG, load_all
from bridge.rules.model import NoRuleInForce, Parameter, ProfileInForce, Resolved, RuleBook, RulePack
from bridge.rules.wording import citation_zh, period_zh, value_zh


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is right today and will not stay so."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The state of all packs and profiles on a day.

    Args:
        values: what holds on `today` in each profile: (profile id, resolved).
    """

    today: date
    packs: tuple[RulePack, ...]
    profiles: tuple[ProfileInForce, ...]
    problems: tuple[Problem, ...]
    cases: tuple[CaseResult, ...]
    values: tuple[tuple[str, Resolved], ...]
    warnings: tuple[Notice, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is valid, there is a pack, and every case held. Warnings do not fail a check."""
        return bool(self.packs) and not self.problems and all(result.passed for result in self.cases)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values; fractions are strings such as "4/5"."""
        failed = [result for result in self.cases if not result.passed]
        return {
            "ok": self.ok,
            "today": self.today.isoformat(),
            "packs": [
                {
                    "id": pack.id,
                    "title_zh": pack.title_zh,
                    "document": pack.document,
                    "version": pack.version,
                    "content_hash": pack.content_hash,
                    "parameters": len({one.name for one in pack.parameters}),
                    "unconfirmed": len({one.name for one in pack.parameters if not one.confirmed}),
                    "signed_by": pack.sign_off.signed_by if pack.sign_off else None,
                    **_period(pack),
                }
                for pack in self.packs
            ],
            "profiles": [{"id": one.profile.id, "packs": list(one.profile.packs)} for one in self.profiles],
            "problems": [
                {"file": one.file, "line": one.line, "reason": one.reason, "message": one.message}
                for one in self.problems
            ],
            "cases_run": len(self.cases),
            "cases_failed": [
                {
                    "home": one.case.home,
                    "file": one.case.document.file,
                    "name": one.case.name,
                    "difference": one.difference,
                }
                for one in failed
            ],
            "values": [{"profile": profile, **as_row(resolved)} for profile, resolved in self.values],
            "warnings": [{"code": one.code, "message": one.message} for one in self.warnings],
        }


def check(dirs: Sequence[Path], today: date, config: Path = CONFIG) -> CheckReport:
    """Return what is right and wrong with the bridge's own packs and profiles and the packs in `dirs`."""
    loaded = load_all([config / "rulepacks", *dirs], [config / "profiles"])
    book = RuleBook(loaded.packs, loaded.profiles)
    profiles = tuple(book.profiles.values())
    values = tuple((one.profile.id, resolved) for one in profiles for resolved in one.values(today))
    return CheckReport(
        today=today,
        packs=loaded.packs,
        profiles=profiles,
        problems=loaded.problems,
        cases=tuple(run_case(case, book) for case in loaded.cases),
        values=values,
        warnings=_warnings(book, today),
    )


def show(book: RuleBook, name: str, on: date) -> tuple[tuple[str, Resolved], ...]:
    """Return what holds on `on` for a profile, pack or parameter: (profile or pack id, resolved), by name.

    A parameter is shown as each profile resolves it.

    Raises:
        InvalidInput: nothing has that name ("rule_name_unknown").
        NoRuleInForce: it exists, but nothing of it holds on that day.
    """
    if name in book.profiles or name in book.packs:
        asked, sources = "(全部)", name
        rules = book.profiles.get(name) or book.pack_alone(name)
        rows = tuple((name, resolved) for resolved in rules.values(on))
    else:
        askable = [one for one in book.profiles.values() if name in one.names]
        if not askable:
            askable = [book.pack_alone(one) for one in book.packs if name in book.pack_alone(one).names]
        if not askable:
            raise _unknown(book, name)
        asked, sources = name, "、".join(one.profile.id for one in askable)
        rows = tuple(
            (one.profile.id, resolved)
            for one in askable
            for resolved in one.values(on)
            if resolved.parameter.name == name
        )
    if not rows:
        raise NoRuleInForce(asked, sources, on)
    return rows


def as_row(resolved: Resolved) -> dict[str, Any]:
    """Return one resolved value as JSON values."""
    parameter = resolved.parameter
    return {
        "parameter": parameter.name,
        "value": _json_value(resolved),
        "value_zh": value_zh(resolved.value, parameter.unit, parameter.labels_zh),
        "unit": parameter.unit,
        "text_zh": parameter.text_zh,
        "pack": resolved.pack_id,
        "pack_hash": resolved.pack_hash,
        "basis": parameter.citation.basis.value,
        "document": parameter.citation.document,
        "article": parameter.citation.article,
        **_period(parameter),
        "read_on": parameter.read_on,
        "override_with_reason": parameter.override_with_reason,
        "confirmed": parameter.confirmed,
        "note_zh": parameter.note_zh,
        "beaten": [{"pack": one.pack_id, "value": _json_value(one)} for one in resolved.beaten],
    }


def _json_value(resolved: Resolved) -> int | bool | str | list[str]:
    value = resolved.value
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | str) else str(value)


def _period(dated: RulePack | Parameter) -> dict[str, str | None]:
    until = dated.effective_until
    return {
        "effective_from": dated.effective_from.isoformat(),
        "effective_until": until.isoformat() if until else None,
    }


def _unknown(book: RuleBook, name: str) -> InvalidInput:
    names = {*book.profiles, *book.packs}
    names.update(parameter.name for pack in book.packs.values() for parameter in pack.parameters)
    near = difflib.get_close_matches(name, sorted(names), n=3)
    hint = f"是否要找:{'、'.join(near)}?" if near else "请用 rules check 查看全部名称。"
    return InvalidInput("rule_name_unknown", f"没有名为 {name} 的规则方案、规则包或参数。{hint}")


def _warnings(book: RuleBook, today: date) -> tuple[Notice, ...]:
    found: list[Notice] = []
    horizon = _a_year_after(today)
    for pack in book.packs.values():
        if pack.effective_until is not None and pack.effective_until <= horizon:
            held = period_zh(pack.effective_from, pack.effective_until)
            lapsed = pack.effective_until <= today
            message = (
                f"规则包 {pack.id}({pack.document})有效期为 {held},{'已经失效' if lapsed else '一年内失效'}。"
            )
            found.append(Notice("pack_lapsed" if lapsed else "pack_lapses", message))
        if pack.sign_off_is_stale:
            message = f"规则包 {pack.id} 的内容在签认之后有变化,签认不再有效;请核对后用 rules sign 重新签认。"
            found.append(Notice("sign_off_stale", message))
        unsure = {one.name for one in pack.parameters if not one.confirmed and one.in_force(today)}
        if unsure:
            message = (
                f"规则包 {pack.id} 有 {len(unsure)} 个值未经确认(来源见 note_zh),请核对后用 rules sign 签认。"
            )
            found.append(Notice("unconfirmed", message))
        for one in pack.parameters:
            ends = one.effective_until
            if ends is not None and ends != pack.effective_until and today < ends <= horizon:
                message = f"规则包 {pack.id} 的参数 {one.name} 的当前值自 {ends.isoformat()} 起不再有效。"
                found.append(Notice("parameter_lapses", message))
    for rules in book.profiles.values():
        lost, changed = _what_goes(rules, today, horizon)
        if lost:
            names = "、".join(lost)
            message = f"规则方案 {rules.profile.id} 一年内将失去以下参数的规定,届时相关业务会停止:{names}。"
            found.append(Notice("profile_loses_rules", message))
        found += [Notice("profile_value_changes", f"规则方案 {rules.profile.id}:{one}") for one in changed]
    return tuple(found)


def _what_goes(rules: ProfileInForce, today: date, horizon: date) -> tuple[list[str], list[str]]:
    """Return which of today's parameters have no value some day up to `horizon`, and which change it."""
    ends = {
        day
        for pack in rules.packs
        for one in pack.parameters
        for day in (one.effective_from, one.effective_until)
        if day is not None and today < day <= horizon
    }
    lost: list[str] = []
    changed: list[str] = []
    for now in rules.values(today):
        name, before = now.parameter.name, now
        for day in sorted(ends):
            try:
                after = rules.value(name, day)
            except NoRuleInForce:
                lost.append(name)
                break
            if after.value != before.value:
                old = value_zh(before.value, before.parameter.unit, before.parameter.labels_zh)
                new = value_zh(after.value, after.parameter.unit, after.parameter.labels_zh)
                source = citation_zh(after.parameter.citation)
                changed.append(f"参数 {name} 自 {day.isoformat()} 起由 {old} 变为 {new}({source})。")
                before = after
    return lost, changed


def _a_year_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + 1, month=3, day=1)
