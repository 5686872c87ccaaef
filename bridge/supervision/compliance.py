"""Article by article: which rules enforce it, what shows today that it is kept, what lapses, what nobody has. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bridge.kernel.citation import Basis
from bridge.rules.articles import Articles, Duty, Unseen
from bridge.rules.model import Parameter, ProfileInForce, RulePack

EvidenceState = Literal["good", "attention", "none"]
RowState = Literal["kept", "attention", "missing", "people", "nothing"]

_DIGITS = "零一二三四五六七八九"
_NUMBER = re.compile(r"第([一二三四五六七八九十百零]+)条")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows today that an article is kept.

    Args:
        state: "good", "attention" (something is wrong or unsure), "none" (nothing shows it yet).
    """

    name: str
    state: EvidenceState
    sentence_zh: str


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """One article of one document.

    Args:
        rules: its parameters that hold today.
        steps: events of bridge/flow.py whose step serves it.
        lapses_on: the first day on which one of the rules no longer holds; None if none ends.
    """

    duty: Duty
    rules: tuple[Parameter, ...]
    steps: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    lapses_on: date | None

    @property
    def unconfirmed(self) -> tuple[Parameter, ...]:
        return tuple(one for one in self.rules if not one.confirmed)

    @property
    def state(self) -> RowState:
        """How the article stands: nobody's duty, people's, kept, wanting a look, or without what would show it."""
        states = {one.state for one in self.evidence}
        if self.duty.kind == "none":
            return "nothing"
        if "attention" in states or self.unconfirmed:
            return "attention"
        if self.duty.kind == "people":
            return "people"
        if "none" in states or not (self.rules or self.steps):
            return "missing"
        return "kept"


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """One law or standard of a profile, by article."""

    pack: RulePack
    in_force: bool
    rows: tuple[ArticleRow, ...]
    unseen: tuple[Unseen, ...]


def compliance(
    rules: ProfileInForce,
    articles: Mapping[str, Articles],
    steps: Mapping[tuple[str, str], Sequence[str]],
    evidence: Mapping[str, Evidence],
    today: date,
) -> tuple[DocumentPart, ...]:
    """Return every law and standard of the profile, article by article, as of the legal day `today`.

    A document without articles.yaml is told by what its parameters cite.

    Args:
        articles: by pack id.
        steps: by (document, article).
        evidence: by the names that duties use; KeyError for a name that nobody knows.
    """
    parts = []
    for pack in rules.packs:
        cites = any(one.citation.basis in (Basis.LAW, Basis.STANDARD) for one in pack.parameters)
        if not (cites or pack.is_regulation):
            continue
        known = articles[pack.id]
        cited = {one.citation.article or "" for one in pack.parameters}
        listed = {duty.article for duty in known.duties}
        duties = [*known.duties, *(_told(pack, place) for place in sorted(cited - listed, key=_order))]
        in_force = pack.effective_from <= today and (
            pack.effective_until is None or today < pack.effective_until
        )
        rows = tuple(_row(duty, pack, steps, evidence, today) for duty in duties)
        parts.append(DocumentPart(pack, in_force, rows, known.unseen))
    return tuple(parts)


def article_zh(number: int) -> str:
    """Return e.g. "第二十四条"; ValueError beyond 99."""
    if not 1 <= number <= 99:
        raise ValueError(f"no article {number}")
    tens, ones = divmod(number, 10)
    ten = "" if not tens else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return f"第{ten}{_DIGITS[ones] if ones else ''}条"


def _row(
    duty: Duty,
    pack: RulePack,
    steps: Mapping[tuple[str, str], Sequence[str]],
    evidence: Mapping[str, Evidence],
    today: date,
) -> ArticleRow:
    mine = [
        one
        for one in pack.parameters
        if (one.citation.article or "") == duty.article or one.name in duty.enforced_by
    ]
    hold = tuple(one for one in mine if one.in_force(today))
    ends = [one.effective_until for one in hold if one.effective_until is not None]
    return ArticleRow(
        duty=duty,
        rules=hold,
        steps=tuple(dict.fromkeys(steps.get((pack.document, duty.article), ()))),
        evidence=tuple(evidence[name] for name in duty.evidence),
        lapses_on=min(ends, default=None),
    )


def _told(pack: RulePack, place: str) -> Duty:
    """Return the duty of a place that articles.yaml does not list, as its parameters name it."""
    titles = dict.fromkeys(
        one.title_zh.partition("(")[0] for one in pack.parameters if (one.citation.article or "") == place
    )
    return Duty(place, "、".join(titles), "system")


def _order(place: str) -> tuple[int, str]:
    found = _NUMBER.fullmatch(place)
    if found is None:
        return (1000 if not place else 500), place
    tens, _, ones = found[1].rpartition("十")
    if "十" not in found[1]:
        return _DIGITS.index(found[1]), place
    return (_DIGITS.index(tens) if tens else 1) * 10 + (_DIGITS.index(ones) if ones else 0), place
