"""Whole tables as they leave the house in Parquet files: columns, units, versions. Pure.

A column is never renamed and never changes its meaning or type within a version; new ones are added at the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "int64", "bool", "date", "instant", "registrations"]
PREFIX = "pq_"
"""Of an export's kind: `pq_` + the table."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; its unit, where it has one, is the end of its name."""

    name: str
    kind: Kind
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class ExportTable:
    """One table.

    Args:
        names: whether it holds masked names; each is a logged disclosure.
    """

    title_zh: str
    version: int
    columns: tuple[Column, ...]
    names: bool = False


def _columns(written: str) -> tuple[Column, ...]:
    """Return columns from `name:kind` words; a `?` behind says that it may be null."""
    kinds: Mapping[str, Kind] = {
        "s": "string",
        "n": "int64",
        "b": "bool",
        "d": "date",
        "t": "instant",
        "r": "registrations",
    }
    found = []
    for word in written.split():
        name, _, kind = word.partition(":")
        found.append(Column(name, kinds[kind.rstrip("?")], kind.endswith("?")))
    return tuple(found)


_HOURS = (
    "credited_seconds:n provisional_seconds:n refused_seconds:n online_class_hours:n offline_class_hours:n"
)

TABLES: Mapping[str, ExportTable] = {
    "institutions": ExportTable(
        "培训机构",
        1,
        _columns(
            "institution:s uscc:s name:s operator_name:s division_code:s? provincial_connected:b class_runs:n"
            " registrations:r"
        ),
    ),
    "class_runs": ExportTable(
        "班次",
        1,
        _columns(
            "class_run:s title:s training_kind:s category:s division_code:s opens_on:d closes_on:d status:s"
            " institution:s institution_name:s uscc:s learners:n papers:n"
        ),
    ),
    "learners": ExportTable(
        "学员(姓名和号码只显示一部分)",
        1,
        _columns(
            f"learner:s class_run:s institution:s enrolled_on:d {_HOURS} hour_certificate:s?"
            " completion_statement:s? masked_name:s? masked_citizen_id:s? employer:s?"
        ),
        names=True,
    ),
    "hours": ExportTable(
        "学时(学员代号)", 1, _columns(f"learner:s class_run:s uscc:s division_code:s {_HOURS} noted_at:t?")
    ),
    "papers": ExportTable(
        "证明",
        1,
        _columns(
            "number:s kind:s status:s mark:s? class_hours:n issued_at:t sha256:s learner:s class_run:s uscc:s"
        ),
    ),
    "signals": ExportTable(
        "异常信号",
        1,
        _columns(
            "signal:s kind:s source:s learner:s? class_run:s uscc:s before:s? after:s? occurred_at:t raised_at:t"
            " acknowledged_at:t? acknowledgement:s?"
        ),
    ),
    "report_records": ExportTable(
        "报送记录与结果",
        1,
        _columns(
            "record:s batch:s? kind:s number:s revision:n state:s reason:s? queued_at:t learner:s? class_run:s"
            " uscc:s"
        ),
    ),
    "figures": ExportTable(
        "按日按市的统计(最近 368 天)",
        1,
        _columns(
            "day:d city:s enrolled:n credited_ms:n provisional_ms:n refused_ms:n checks_passed:n checks_missed:n"
            " checks_failed:n checks_declined:n tests_passed:n tests_refused:n papers:n paper_class_hours:n"
            " signals:n"
        ),
    ),
}


def table_of(kind: str) -> str | None:
    """Return the table that an export of `kind` holds; None for a list that is made as an Excel file."""
    return kind.removeprefix(PREFIX) if kind.startswith(PREFIX) else None
