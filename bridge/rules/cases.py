"""Runs the cases that stand beside packs and profiles. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from bridge.kernel.errors import InvalidInput
from bridge.rules import decisions
from bridge.rules.documents import Case, parse_value
from bridge.rules.model import Decision, NoRuleInForce, ProfileInForce, RuleBook, Value


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Whether a case held; `difference` (Chinese) says what came instead, empty if it held."""

    case: Case
    difference: str

    @property
    def passed(self) -> bool:
        return not self.difference


class _WrongInput(Exception):
    """The case asks a decision without what it needs."""


class _Inputs:
    """What a case gives a decision; remembers what was taken, so that a misspelt input is found."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._taken: set[str] = set()

    def whole(self, name: str) -> int:
        value = self._given.get(name)
        self._taken.add(name)
        if not isinstance(value, int) or value < 0:
            raise _WrongInput(f"输入 {name} 须为非负整数")
        return value

    def text(self, name: str) -> str | None:
        value = self._given.get(name)
        self._taken.add(name)
        return value if isinstance(value, str) else None

    def training_kind(self) -> decisions.TrainingKind:
        given = self.text("training_kind")
        for kind in get_args(decisions.TrainingKind):
            if kind == given:
                return kind  # type: ignore[no-any-return]  # get_args loses the literal's type
        raise _WrongInput(f"输入 training_kind 只能是 {'、'.join(get_args(decisions.TrainingKind))}")

    def require_all_taken(self) -> None:
        extra = set(self._given) - self._taken
        if extra:
            raise _WrongInput(f"多余的输入 {'、'.join(sorted(extra))}")


def _online_cap(given: _Inputs, rules: ProfileInForce, on: date) -> Decision[int]:
    return decisions.online_cap(
        given.whole("online_class_hours"),
        given.whole("theory_class_hours"),
        given.training_kind(),
        rules,
        on,
        given.text("override_reason"),
    )


def _offline_floor(given: _Inputs, rules: ProfileInForce, on: date) -> Decision[int]:
    return decisions.offline_floor(
        given.whole("offline_theory_class_hours"), given.whole("outline_theory_class_hours"), rules, on
    )


def _outline_hours(given: _Inputs, rules: ProfileInForce, on: date) -> Decision[bool]:
    theory, category = given.whole("theory_class_hours"), given.text("category") or ""
    return decisions.outline_hours(theory, category, given.training_kind(), rules, on)


_DECISIONS: Mapping[str, Callable[[_Inputs, ProfileInForce, date], Decision[int] | Decision[bool]]] = {
    "online_class_hours": lambda given, rules, on: decisions.online_class_hours(
        given.whole("seconds"), rules, on
    ),
    "offline_class_hours": lambda given, rules, on: decisions.offline_class_hours(
        given.whole("seconds"), rules, on
    ),
    "online_cap": _online_cap,
    "offline_floor": _offline_floor,
    "practical_online": lambda given, rules, on: decisions.practical_online(rules, on),
    "review_class": lambda given, rules, on: decisions.review_class(rules, on),
    "outline_hours": _outline_hours,
}


def run_case(case: Case, book: RuleBook) -> CaseResult:
    """Return how `case` went against its own pack alone, or its profile with all its packs."""
    rules = book.profiles.get(case.home) or book.pack_alone(case.home)
    try:
        got = _ask(case, rules)
    except NoRuleInForce as error:
        got = {"error": error.reason}
    except InvalidInput as error:  # the pack gives a value that the decision cannot use
        return CaseResult(case, error.message)
    except _WrongInput as error:
        return CaseResult(case, f"{error}。")
    expected = dict(case.expected)
    if "value" in expected and "value" in got:
        kind = _kind(got["value"])
        try:
            expected["value"] = parse_value(expected["value"], kind)
        except ValueError as error:
            return CaseResult(case, f"期望值有误:{error}。")
    wrong = sorted(key for key in expected if expected.get(key) != got.get(key))
    return CaseResult(
        case, ";".join(f"{key} 应为 {_text(expected.get(key))},实为 {_text(got.get(key))}" for key in wrong)
    )


def _ask(case: Case, rules: ProfileInForce) -> dict[str, Any]:
    if "parameter" in case.asked:
        resolved = rules.value(case.asked["parameter"], case.on)
        return {"value": resolved.value, "pack": resolved.pack_id}
    given = _Inputs(case.asked.get("with", {}))
    decision = _DECISIONS[case.asked["decision"]](given, rules, case.on)
    given.require_all_taken()
    return {"value": decision.value, "reasons": [reason.code for reason in decision.reasons]}


def _kind(value: Value) -> str:
    names: dict[type, str] = {bool: "boolean", int: "integer", str: "string", tuple: "list"}
    return names.get(type(value), "fraction")


def _text(value: object) -> str:
    if value is None:
        return "(无)"
    if isinstance(value, list | tuple):
        return "[" + "、".join(map(str, value)) + "]"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
