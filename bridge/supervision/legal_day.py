"""The legal day of an instant, said to the database, so that it can group by it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Date
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_AHEAD_MS = 8 * 3_600_000
_DAY_MS = 24 * 3_600_000
"""China has one zone and, since 1991, no summer time: eight hours ahead of UTC (kernel.time.LEGAL_ZONE)."""


class _OfInstant(FunctionElement[date]):
    type = Date()
    inherit_cache = True


class _OfMilliseconds(FunctionElement[date]):
    type = Date()
    inherit_cache = True


def legal_day_of(instant: ColumnElement[datetime]) -> ColumnElement[date]:
    """Return the legal day (Asia/Shanghai) of an instant."""
    return _OfInstant(instant)


def legal_day_of_ms(milliseconds: ColumnElement[Any]) -> ColumnElement[date]:
    """Return the legal day of an instant in epoch ms."""
    return _OfMilliseconds(milliseconds)


@compiles(_OfInstant, "postgresql")
def _instant_postgresql(element: _OfInstant, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(timezone('Asia/Shanghai', {compiler.process(element.clauses, **kw)}) AS DATE)"


@compiles(_OfInstant, "sqlite")
def _instant_sqlite(element: _OfInstant, compiler: SQLCompiler, **kw: Any) -> str:
    return f"date({compiler.process(element.clauses, **kw)}, '+8 hours')"


@compiles(_OfMilliseconds, "postgresql")
def _milliseconds_postgresql(element: _OfMilliseconds, compiler: SQLCompiler, **kw: Any) -> str:
    days = f"({compiler.process(element.clauses, **kw)} + {_AHEAD_MS}) / {_DAY_MS}"
    return f"(DATE '1970-01-01' + CAST({days} AS integer))"


@compiles(_OfMilliseconds, "sqlite")
def _milliseconds_sqlite(element: _OfMilliseconds, compiler: SQLCompiler, **kw: Any) -> str:
    return f"date(({compiler.process(element.clauses, **kw)} + {_AHEAD_MS}) / 1000, 'unixepoch')"
