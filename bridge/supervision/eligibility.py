"""Who of a class run may apply for the exam, and what is missing of each; columns are data. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REQUIREMENTS: Mapping[str, str] = {
    "photo": "报名证件照",
    "test": "测试合格",
    "hour_certificate": "有效的网络学时证明",
    "completion_statement": "有效的结业说明",
}
ITEMS = frozenset(
    {
        "name",
        "citizen_id",
        "employer",
        "trade",
        "class_run",
        "kind",
        "category",
        "opens_on",
        "closes_on",
        "online_class_hours",
        "offline_class_hours",
        "test_score",
        "hour_certificate",
        "completion_statement",
        "photo",
        "eligible",
        "missing",
    }
)
_MISSING_MARK = "无"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file."""

    title_zh: str
    item: str
    width: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapping of an exam office's form (config/exports/…).

    Args:
        requires: names of `REQUIREMENTS` without which nobody is eligible.
    """

    title_zh: str
    columns: tuple[Column, ...]
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One learner of the class run.

    Args:
        values: each of `ITEMS` but photo, eligible and missing, as text; "" where there is none.
        has: which of `REQUIREMENTS` are there.
    """

    values: Mapping[str, str]
    has: frozenset[str]


def missing(candidate: Candidate, mapping: Mapped) -> tuple[str, ...]:
    """Return the names of what is missing, in the mapping's order; empty for who may apply."""
    return tuple(REQUIREMENTS[name] for name in mapping.requires if name not in candidate.has)


def sheet(candidates: Sequence[Candidate], mapping: Mapped) -> list[list[str]]:
    """Return heading and rows; a learner of whom something is missing stands among the others, with its name."""
    rows = [[column.title_zh for column in mapping.columns]]
    for one in candidates:
        lacks = missing(one, mapping)
        values = {
            **one.values,
            "photo": "有" if "photo" in one.has else _MISSING_MARK,
            "eligible": "否" if lacks else "是",
            "missing": "、".join(lacks),
        }
        rows.append([values.get(column.item, "") for column in mapping.columns])
    return rows
