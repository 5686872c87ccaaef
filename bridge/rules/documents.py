"""From checked YAML documents to packs, profiles and cases. Pure: it sees data, never a file.

What a JSON schema cannot say is said here: that dates are days and in order, that a value has its parameter's
type, that a practice cites no article.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import InvalidInput
from bridge.rules.model import Parameter, Profile, RulePack, SignOff, Value
from bridge.rules.wording import value_zh

Path = tuple[str | int, ...]
"""Where in a document: keys and indexes from its root."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one file, and what to do about it.

    Args:
        line: from 1; None where the file as a whole is meant.
    """

    file: str
    line: int | None
    reason: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file} 第 {self.line} 行" if self.line else self.file
        return f"{where}:{self.message}"


class PackInvalid(InvalidInput):
    """Files that cannot be used; `problems` lists all that is wrong with them, `reason` is the first's."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].reason, "\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file, read and checked against its schema.

    Args:
        data: strings, integers, booleans, null, lists and objects; no floats, no dates.
        lines: the line (from 1) on which each key or item stands.
    """

    file: str
    data: Mapping[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)

    def problem(self, reason: str, message: str, *path: str | int) -> Problem:
        """Return a problem at `path`, or at the nearest place above it that stands on a line."""
        at: Path = path
        while at and at not in self.lines:
            at = at[:-1]
        return Problem(self.file, self.lines.get(at), reason, message)

    def invalid(self, reason: str, message: str, *path: str | int) -> PackInvalid:
        """Return the error that holds only `problem`."""
        return PackInvalid([self.problem(reason, message, *path)])


@dataclass(frozen=True, slots=True)
class Case:
    """What a pack or profile must say on a day.

    Args:
        home: the id of the pack or profile beside which the case stands; it is asked.
        asked: {"parameter": name} or {"decision": name, "with": {…}}.
        expected: value, pack, reasons or error, as config/schema/cases.schema.json says.
    """

    home: str
    name: str
    on: date
    asked: Mapping[str, Any]
    expected: Mapping[str, Any]
    document: Document
    index: int


def build_pack(pack: Document, parameters: Sequence[Document], sign_off: Document | None = None) -> RulePack:
    """Return the pack that a pack.yaml, its parameter files and, where there is one, its sign-off make.

    Raises:
        PackInvalid: with every problem found.
    """
    problems: list[Problem] = []
    found: list[Parameter] = []
    seen: dict[str, str] = {}
    data = pack.data
    start = _day(pack, "effective_from")
    end = _day(pack, "effective_until") if "effective_until" in data else None
    if end is not None and end <= start:
        problems.append(
            pack.problem("dates_reversed", "effective_until 须晚于 effective_from。", "effective_until")
        )
    for document in parameters:
        name = document.data["name"]
        if name in seen:
            problems.append(
                document.problem("parameter_twice", f"参数 {name} 已在 {seen[name]} 中定义,请合并。", "name")
            )
            continue
        seen[name] = document.file
        try:
            found.extend(_parameters(document, pack, start, end))
        except PackInvalid as error:
            problems.extend(error.problems)
    if not parameters:
        problems.append(pack.problem("pack_empty", "规则包没有任何参数,请在 parameters/ 下添加。"))
    if problems:
        raise PackInvalid(problems)
    content = {"pack": data, "parameters": {document.data["name"]: document.data for document in parameters}}
    content_hash = sha256_hex(canonical_json(content))
    signed = _sign_off(sign_off, {one.name for one in found}) if sign_off is not None else None
    if signed is not None and signed.content_hash == content_hash:
        found = [_signed(one, signed, data["title_zh"]) for one in found]
    return RulePack(
        id=data["id"],
        title_zh=data["title_zh"],
        document=data["document"],
        version=data["version"],
        effective_from=start,
        effective_until=end,
        content_hash=content_hash,
        parameters=tuple(sorted(found, key=lambda one: (one.name, one.effective_from))),
        note_zh=data.get("note_zh"),
        sign_off=signed,
        is_regulation=data.get("is_regulation", False),
    )


def build_profile(document: Document) -> Profile:
    """Return the profile that a profile.yaml describes."""
    data = document.data
    return Profile(
        data["id"],
        data["title_zh"],
        tuple(data["packs"]),
        dict(data.get("named", {})),
        tuple(tuple(packs) for packs in data.get("earlier", [])),
        dict(data.get("not_given", {})),
    )


def build_cases(document: Document, home: str) -> tuple[Case, ...]:
    """Return the cases of one file; PackInvalid where a date is no day."""
    return tuple(
        Case(
            home=home,
            name=case["name"],
            on=_day(document, "cases", index, "date"),
            asked=case["input"],
            expected=case["expected"],
            document=document,
            index=index,
        )
        for index, case in enumerate(document.data["cases"])
    )


def parse_value(raw: object, kind: str) -> Value:
    """Return `raw` as an exact value of `kind` (the schema's "type"); ValueError (Chinese) if it is none."""
    match kind, raw:
        case "boolean", bool():
            return raw
        case "integer", int() if not isinstance(raw, bool):
            return raw
        case "string", str() if raw:
            return raw
        case "list", list() if raw:
            return tuple(raw)
        case "fraction", str():
            try:
                return Fraction(raw)
            except (ValueError, ZeroDivisionError) as error:
                raise ValueError('分数须写成加引号的 "4/5" 或 "0.80"') from error
        case "fraction", int() if not isinstance(raw, bool):
            raise ValueError('分数须加引号,如 "1" 或 "4/5"')
    raise ValueError(f"值与类型 {kind} 不符")


def _parameters(document: Document, pack: Document, start: date, end: date | None) -> list[Parameter]:
    data = document.data
    labels: Mapping[str, str] = data.get("labels_zh", {})
    made: list[Parameter] = []
    keyed = any("for" in entry for entry in data["values"])
    for index, entry in enumerate(data["values"]):
        at = ("values", index)
        try:
            value = parse_value(entry["value"], data["type"])
        except ValueError as error:
            raise document.invalid("value_type", f"{error}。", *at, "value") from error
        if isinstance(value, int | Fraction) and value < 0:
            raise document.invalid("value_negative", "规则中的数值不能为负。", *at, "value")
        if data["unit"] == "share" and not (isinstance(value, int | Fraction) and value <= 1):
            raise document.invalid("share_out_of_range", "比例须在 0 与 1 之间。", *at, "value")
        codes = value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()
        for code in codes:
            if code not in labels:
                raise document.invalid(
                    "label_missing", f"请在 labels_zh 中给出 {code} 的中文名称。", *at, "value"
                )
        if keyed and "for" not in entry:
            raise document.invalid("key_missing", "同一参数的值须都写明 for,或都不写。", *at)
        for key in entry.get("for", ()):
            if key not in labels:
                raise document.invalid(
                    "label_missing", f"请在 labels_zh 中给出 {key} 的中文名称。", *at, "for"
                )
        begins = _day(document, *at, "effective_from") if "effective_from" in entry else start
        ends = _day(document, *at, "effective_until") if "effective_until" in entry else end
        if ends is not None and ends <= begins:
            raise document.invalid("dates_reversed", "effective_until 须晚于 effective_from。", *at)
        if begins < start or (end is not None and (ends is None or ends > end)):
            raise document.invalid("dates_outside_pack", "参数的有效期不能超出规则包的有效期。", *at)
        confirmed: bool = entry.get("confirmed", True)
        if not confirmed and "note_zh" not in entry:
            raise document.invalid("source_missing", "未经确认的值须在 note_zh 中写明来源。", *at)
        words = entry["text_zh"].replace("{value}", value_zh(value, data["unit"], labels))
        for key in entry.get("for", (None,)):
            one = Parameter(
                name=data["name"] if key is None else f"{data['name']}.{key}",
                value=value,
                unit=data["unit"],
                citation=_citation(document, pack, entry, *at),
                effective_from=begins,
                effective_until=ends,
                read_on=data["read_on"],
                stricter=data.get("stricter"),
                text_zh=words if key is None else words.replace("{for}", labels[key]),
                title_zh=data["title_zh"] if key is None else f"{data['title_zh']}({labels[key]})",
                labels_zh=dict(labels),
                override_with_reason=data.get("override_with_reason", False),
                note_zh=entry.get("note_zh"),
                confirmed=confirmed,
            )
            if any(earlier.name == one.name and earlier.meets(one) for earlier in made):
                raise document.invalid("dates_overlap", "同一参数在同一天有两个值,请改正有效期。", *at)
            made.append(one)
    return made


def _citation(document: Document, pack: Document, entry: Mapping[str, Any], *at: str | int) -> Citation:
    basis = Basis(entry["basis"])
    article = entry.get("article")
    if basis in (Basis.PRACTICE, Basis.OPERATOR):
        if article is not None:
            raise document.invalid(
                "article_not_allowed", "惯例和运营方设定不得引用条文,请删去 article。", *at, "article"
            )
        return Citation(basis, pack.data["title_zh"])
    if article is None and (basis is Basis.LAW or "note_zh" not in entry):
        raise document.invalid(
            "article_missing",
            "依据为法规的须写明 article(原文未见的写 basis: practice 和 confirmed: false);"
            "标准的条号不明的须在 note_zh 中说明。",
            *at,
        )
    return Citation(basis, pack.data["document"], article)


def _sign_off(document: Document, names: set[str]) -> SignOff:
    data = document.data
    signed = tuple(data.get("parameters", ()))
    known = {".".join(name.split(".")[:2]) for name in names}
    unknown = [name for name in signed if name not in known]
    if unknown:
        raise document.invalid("parameter_unknown", f"规则包中没有参数 {'、'.join(unknown)}。", "parameters")
    return SignOff(
        data["content_hash"], data["signed_by"], _day(document, "signed_on"), data["reason_zh"], signed
    )


def _signed(one: Parameter, sign_off: SignOff, title_zh: str) -> Parameter:
    """Return `one` as the operator's own word if it was unconfirmed and is among what was signed."""
    named = not sign_off.parameters or any(
        one.name == name or one.name.startswith(f"{name}.") for name in sign_off.parameters
    )
    if one.confirmed or not named:
        return one
    known = (Basis.LAW, Basis.STANDARD)
    citation = one.citation if one.citation.basis in known else Citation(Basis.OPERATOR, title_zh)
    return replace(one, citation=citation, confirmed=True)


def _day(document: Document, *path: str | int) -> date:
    value: Any = document.data
    for step in path:
        value = value[step]
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise document.invalid("date_invalid", f"{value} 不是有效日期。", *path) from error
