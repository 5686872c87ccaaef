"""Rule packs, profiles, and what they say on a day. Pure: the standard library and the kernel.

A pack is one document; a parameter is one dated, cited value in it. A profile names the packs that apply.
Where two packs give one parameter on one day they *meet*, and the stricter value wins unless the profile
names a pack. All dates are legal days (Asia/Shanghai) and every range is half-open: `effective_until`
is the first day on which the value no longer holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Generic, Literal, TypeVar, get_args

from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import BridgeError, InvalidInput

Value = int | str | bool | Fraction | tuple[str, ...]
ReadOn = Literal["enrolment", "opening", "study_second", "issue", "event"]
"""The day on which a parameter is read: of enrolment, of the class run's opening, of the second studied, of
the paper's issue, or of the event itself where no learner's road is meant (a ticket, an upload, a visit)."""
READ_ON: tuple[str, ...] = get_args(ReadOn)
Stricter = Literal["min", "max"]
T = TypeVar("T")

_WEIGHT = {Basis.LAW: 0, Basis.STANDARD: 1, Basis.PRACTICE: 2, Basis.OPERATOR: 3}


class NoRuleInForce(BridgeError):
    """A needed parameter has no value on that day. Stop: unknown is never zero, "pass" or the last value."""

    http_status = 503

    def __init__(self, parameter: str, profile: str, on: date | None) -> None:
        when = f"在 {on.isoformat()} " if on else ""
        super().__init__(
            "no_rule_in_force",
            f"规则方案“{profile}”{when}没有参数 {parameter} 的有效规定,已停止处理。"
            "请管理员补充或更新规则包后重试。",
        )
        self.parameter = parameter
        self.profile = profile
        self.on = on


class PackConflict(InvalidInput):
    """Two packs of one profile meet in a way that nobody has decided; `reason` says how they differ."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value with its dates and its source.

    Args:
        name: "area.name", with ".key" where each key (a learner category) has its own value; the unit of a
            number stands at its end where there is one.
        value: a number is exact; a tuple is a set of codes, or an order of steps where `stricter` is None.
        unit: see config/schema/parameter.schema.json; "none" for flags and codes.
        effective_from, effective_until: [from, until); None has no end.
        stricter: which of two meeting values binds harder. For tuples "max" is the larger set (all are
            demanded), "min" the smaller (only these are allowed); for bool False < True.
        text_zh: what the value means, one sentence for learners and officials.
        labels_zh: the Chinese name of each code where the value is a string or a tuple.
        override_with_reason: the text holds "in principle", so a person may depart from it with a reason.
        note_zh: what is uncertain, or where a practice comes from.
        confirmed: False where nobody who may has said that the value holds here; an operator's sign-off
            makes it True. It still binds: unknown is never "pass".
    """

    name: str
    value: Value
    unit: str
    citation: Citation
    effective_from: date
    effective_until: date | None
    read_on: ReadOn
    stricter: Stricter | None
    text_zh: str
    title_zh: str = ""
    labels_zh: Mapping[str, str] = field(default_factory=dict)
    override_with_reason: bool = False
    note_zh: str | None = None
    confirmed: bool = True

    def in_force(self, on: date) -> bool:
        """Return whether the value holds on the legal day `on`."""
        return self.effective_from <= on and (self.effective_until is None or on < self.effective_until)

    def meets(self, other: "Parameter") -> bool:
        """Return whether some day lies in both ranges."""
        return (self.effective_until is None or other.effective_from < self.effective_until) and (
            other.effective_until is None or self.effective_from < other.effective_until
        )


@dataclass(frozen=True, slots=True)
class SignOff:
    """An operator's word that the unconfirmed values of a pack hold here (sign_off.yaml beside pack.yaml).

    Args:
        content_hash: of the pack that was signed; another content is unsigned again.
        parameters: names without key; empty for all of the pack.
    """

    content_hash: str
    signed_by: str
    signed_on: date
    reason_zh: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulePack:
    """One document as data.

    Args:
        content_hash: SHA-256 (hex) of the RFC 8785 JSON of pack.yaml and all parameter files, without cases
            and sign-off.
        parameters: several with one name are one after the other in time.
        note_zh: what of the document is not known.
        is_regulation: the document is law, also where no value may be called so since nobody here has its words.
    """

    id: str
    title_zh: str
    document: str
    version: str
    effective_from: date
    effective_until: date | None
    content_hash: str
    parameters: tuple[Parameter, ...]
    note_zh: str | None = None
    sign_off: SignOff | None = None
    is_regulation: bool = False

    @property
    def sign_off_is_stale(self) -> bool:
        """Whether what was signed is not what the pack says now."""
        return self.sign_off is not None and self.sign_off.content_hash != self.content_hash


@dataclass(frozen=True, slots=True)
class Profile:
    """Which packs apply.

    Args:
        packs: pack ids.
        named: parameter → the pack that wins where packs meet; everything else goes to the stricter value.
            A named pack that gives nothing on a day leaves that day to the others.
        earlier: sets of packs that the profile consisted of before; ledgers may still name them.
        not_given: parameter → why no pack gives it (Chinese). A decision may then go without the rule and says
            so; `value` still raises. Nothing else makes a missing rule harmless.
    """

    id: str
    title_zh: str
    packs: tuple[str, ...]
    named: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[tuple[str, ...], ...] = ()
    not_given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a decision is what it is: the rule, its source, a sentence that a learner can read.

    Args:
        seconds: the study time concerned; None where none is.
        confirmed: False where the rule's value is unconfirmed.
    """

    code: str
    sentence_zh: str
    pack_id: str
    parameter: str
    citation: Citation
    seconds: int | None = None
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """A value and the reasons for what it leaves out. A refusal is such a value, never an exception.

    Args:
        bound: the rules that were read for it, also where nothing was left out: each names its document, and
            what it beat.
    """

    value: T
    reasons: tuple[Reason, ...] = ()
    bound: tuple["Resolved", ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What holds on a day, where it comes from, and what it beat (those have no `beaten` of their own)."""

    value: Value
    parameter: Parameter
    pack_id: str
    pack_hash: str
    beaten: tuple["Resolved", ...] = ()

    def integer(self) -> int:
        """Return the value if it is a whole number, else raise InvalidInput("rule_type")."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self._mistyped("整数")
        return self.value

    def fraction(self) -> Fraction:
        """Return the value, exact, if it is a number, else raise InvalidInput("rule_type")."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | Fraction):
            raise self._mistyped("数值")
        return Fraction(self.value)

    def boolean(self) -> bool:
        """Return the value if it is a flag, else raise InvalidInput("rule_type")."""
        if not isinstance(self.value, bool):
            raise self._mistyped("是/否")
        return self.value

    def string(self) -> str:
        """Return the value if it is a code, else raise InvalidInput("rule_type")."""
        if not isinstance(self.value, str):
            raise self._mistyped("代码")
        return self.value

    def strings(self) -> tuple[str, ...]:
        """Return the value if it is a list of codes, else raise InvalidInput("rule_type")."""
        if not isinstance(self.value, tuple):
            raise self._mistyped("列表")
        return self.value

    def reason(self, code: str, sentence_zh: str, *, seconds: int | None = None) -> Reason:
        """Return a reason that rests on this rule."""
        one = self.parameter
        return Reason(code, sentence_zh, self.pack_id, one.name, one.citation, seconds, one.confirmed)

    def _mistyped(self, wanted: str) -> InvalidInput:
        name = self.parameter.name
        return InvalidInput("rule_type", f"规则包 {self.pack_id} 的参数 {name} 应为{wanted},请修正规则包。")


@dataclass(frozen=True, slots=True)
class LegalDates:
    """The legal days of one learner's road, as far as they are known."""

    enrolment: date | None = None
    opening: date | None = None
    study_second: date | None = None
    issue: date | None = None
    event: date | None = None


class ProfileInForce:
    """A profile with its packs at hand: answers what holds on a day. Immutable."""

    def __init__(self, profile: Profile, packs: Iterable[RulePack]) -> None:
        """Check that the packs agree on how they meet.

        Raises:
            PackConflict: a pack is missing, or two packs meet in a parameter with another direction, type,
                unit or reading date, or with values of which neither is stricter, and no pack is named.
        """
        by_id = {pack.id: pack for pack in packs}
        for pack_id in profile.packs:
            if pack_id not in by_id:
                raise PackConflict(
                    "pack_missing", f"规则方案 {profile.id} 引用的规则包 {pack_id} 不存在,请放入该规则包。"
                )
        self.profile = profile
        self.packs: tuple[RulePack, ...] = tuple(by_id[pack_id] for pack_id in profile.packs)
        self._by_name: dict[str, list[Resolved]] = {}
        for pack in self.packs:
            for parameter in pack.parameters:
                one = Resolved(parameter.value, parameter, pack.id, pack.content_hash)
                self._by_name.setdefault(parameter.name, []).append(one)
        for name, pack_id in profile.named.items():
            if not any(one.pack_id == pack_id for one in self._by_name.get(name, ())):
                raise PackConflict(
                    "named_pack_has_no_value",
                    f"规则方案 {profile.id} 指定由 {pack_id} 决定参数 {name},但其中没有此参数,请改正方案。",
                )
        given = [name for name in profile.not_given if name in self._by_name]
        if given:
            raise PackConflict(
                "not_given_is_given",
                f"规则方案 {profile.id} 称没有 {'、'.join(given)} 的规定,但其规则包中有,请改正方案。",
            )
        for found in self._by_name.values():
            self._require_agreement(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that some pack of the profile gives on some day, sorted."""
        return tuple(sorted(self._by_name))

    @property
    def pack_hashes(self) -> tuple[tuple[str, str], ...]:
        """(pack id, content hash) of each pack, in the profile's order; what a ledger's first line names."""
        return tuple((pack.id, pack.content_hash) for pack in self.packs)

    def value(self, name: str, on: date) -> Resolved:
        """Return what holds for `name` on the legal day `on`, and what it beat.

        Raises:
            NoRuleInForce: no pack of the profile gives a value on that day.
        """
        found = [one for one in self._by_name.get(name, ()) if one.parameter.in_force(on)]
        if not found:
            raise NoRuleInForce(name, self.profile.id, on)
        found.sort(key=_standing)
        named = self.profile.named.get(name)
        winner = next((one for one in found if one.pack_id == named), None)
        if winner is None:
            winner = found[0]
            for one in found[1:]:
                if _binds_harder(one.parameter, winner.parameter):
                    winner = one
        return replace(winner, beaten=tuple(one for one in found if one is not winner))

    def read(self, name: str, dates: LegalDates) -> Resolved:
        """Return `value` on the one of `dates` that the parameter is read on.

        Raises:
            NoRuleInForce: as `value`; also where no pack knows the parameter.
            ValueError: that date is not known; the caller asks too early.
        """
        read_on = self.read_on(name)
        on: date | None = getattr(dates, read_on)
        if on is None:
            raise ValueError(f"{name} is read on the day of {read_on}, which is not given")
        return self.value(name, on)

    def read_on(self, name: str) -> ReadOn:
        """Return which day `name` is read on; NoRuleInForce (with no day) if no pack ever gives it."""
        found = self._by_name.get(name)
        if not found:
            raise NoRuleInForce(name, self.profile.id, None)
        return found[0].parameter.read_on

    def missing(self, name: str) -> Reason | None:
        """Return why the profile goes without `name`; None where it does not say so (then `value` stops)."""
        why = self.profile.not_given.get(name)
        if why is None:
            return None
        citation = Citation(Basis.OPERATOR, self.profile.title_zh)
        return Reason("rule_not_given", why, self.profile.id, name, citation, confirmed=False)

    def values(self, on: date) -> tuple[Resolved, ...]:
        """Return everything that holds on the legal day `on`, by name."""
        return tuple(
            self.value(name, on)
            for name in self.names
            if any(one.parameter.in_force(on) for one in self._by_name[name])
        )

    def _require_agreement(self, found: Sequence[Resolved]) -> None:
        for index, one in enumerate(found):
            for other in found[index + 1 :]:
                a, b = one.parameter, other.parameter
                if a.read_on != b.read_on:  # the caller knows one day only, whichever pack answers
                    raise self._conflict("read_on_differs", one, other, "读取日期不一致")
                if one.pack_id == other.pack_id or not a.meets(b):
                    continue
                if type(a.value) is not type(b.value) or a.unit != b.unit:
                    raise self._conflict("unit_differs", one, other, "类型或单位不一致")
                if a.stricter != b.stricter:
                    raise self._conflict("stricter_differs", one, other, "“从严”的方向不一致")
                if a.name not in self.profile.named and not _comparable(a, b):
                    raise self._conflict(
                        "neither_is_stricter", one, other, "无法比较宽严,须在方案中指定以哪个规则包为准"
                    )

    def _conflict(self, code: str, one: Resolved, other: Resolved, what: str) -> PackConflict:
        packs = f"{one.pack_id} 与 {other.pack_id}"
        return PackConflict(
            code,
            f"规则方案 {self.profile.id}:{packs} 的参数 {one.parameter.name} {what},请改正规则包或方案。",
        )


def _standing(one: Resolved) -> tuple[int, str]:
    """Sort key: of equal values the law's is cited first; the order of the packs in a profile is nothing."""
    return _WEIGHT[one.parameter.citation.basis], one.pack_id


def _comparable(a: Parameter, b: Parameter) -> bool:
    if a.value == b.value:
        return True
    if a.stricter is None or isinstance(a.value, str):
        return False
    if isinstance(a.value, tuple) and isinstance(b.value, tuple):
        return set(a.value) <= set(b.value) or set(b.value) <= set(a.value)
    return True


def _binds_harder(a: Parameter, b: Parameter) -> bool:
    """Return whether `a` is strictly the stricter of two comparable parameters."""
    if isinstance(a.value, tuple) and isinstance(b.value, tuple):
        greater, less = set(a.value) > set(b.value), set(a.value) < set(b.value)
    elif isinstance(a.value, int | Fraction) and isinstance(b.value, int | Fraction):
        greater, less = a.value > b.value, a.value < b.value
    else:
        return False
    return greater if a.stricter == "max" else less


class RuleBook:
    """All packs and profiles that were loaded."""

    def __init__(self, packs: Iterable[RulePack], profiles: Iterable[Profile]) -> None:
        self.packs: Mapping[str, RulePack] = {pack.id: pack for pack in packs}
        self.profiles: Mapping[str, ProfileInForce] = {
            profile.id: ProfileInForce(profile, self.packs.values()) for profile in profiles
        }

    def profile(self, profile_id: str) -> ProfileInForce:
        """Return a profile with its packs; InvalidInput("profile_unknown")."""
        if profile_id not in self.profiles:
            known = "、".join(sorted(self.profiles))
            raise InvalidInput("profile_unknown", f"没有名为 {profile_id} 的规则方案;可用的有:{known}。")
        return self.profiles[profile_id]

    def pack_alone(self, pack_id: str) -> ProfileInForce:
        """Return one pack as if it were a profile of its own; InvalidInput("pack_unknown")."""
        if pack_id not in self.packs:
            known = "、".join(sorted(self.packs))
            raise InvalidInput("pack_unknown", f"没有名为 {pack_id} 的规则包;可用的有:{known}。")
        pack = self.packs[pack_id]
        return ProfileInForce(Profile(pack.id, pack.title_zh, (pack.id,)), [pack])
