"""Statements of hot paths: compiled once for each dialect, then handed to the driver as they are.

What SQLAlchemy does for each execution of a Core statement costs several times what the statement costs (measured in
the bench `ingest`). Types of columns are not applied to what comes back: a boolean of SQLite is 0 or 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CursorResult, Dialect
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ClauseElement


@dataclass(frozen=True, slots=True)
class _Form:
    """The statement in a dialect: `order` of its values, None where the driver takes them by name."""

    text: str
    order: tuple[str, ...] | None
    fixed: Mapping[str, Any]
    bound: Mapping[str, Callable[[Any], Any]]


class Prepared:
    """One statement.

    Args:
        make: dialect's name → the statement; its values are `bindparam`s or fixed.
    """

    def __init__(self, make: Callable[[str], ClauseElement]) -> None:
        self._make = make
        self._forms: dict[str, _Form] = {}

    def run(self, session: Session, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run the statement with these values, by their names, in the session's unit of work."""
        session.flush()
        connection = session.connection()
        dialect = connection.dialect
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form(self._make(dialect.name), dialect)
        given = {**form.fixed, **values} if form.fixed else dict(values)
        for name, bind in form.bound.items():
            given[name] = bind(given[name])
        if form.order is None:
            return connection.exec_driver_sql(form.text, given)
        return connection.exec_driver_sql(form.text, tuple(given[name] for name in form.order))


def _form(statement: ClauseElement, dialect: Dialect) -> _Form:
    compiled: Any = statement.compile(dialect=dialect)
    bound = {
        name: bind
        for name, parameter in compiled.binds.items()
        if (bind := parameter.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    fixed = {name: parameter.value for name, parameter in compiled.binds.items() if not parameter.required}
    order = None if compiled.positiontup is None else tuple(compiled.positiontup)
    return _Form(str(compiled), order, fixed, bound)
