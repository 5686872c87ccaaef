"""Statements of hot paths: compiled once for each dialect, then handed to the driver as they are.

What SQLAlchemy does for each execution of a Core statement costs several times what the statement costs (measured in
the bench `ingest`). Types of columns are not applied to what comes back unless that is asked for: a boolean of SQLite
is 0 or 1.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql.elements import ClauseElement

_AHEAD = "asked_ahead"
_HELD = "held_writes"


@dataclass(frozen=True, slots=True)
class _Form:
    """The statement in a dialect: `order` of its values, None where the driver takes them by name.

    Args:
        options: of the driver's `execute`.
    """

    text: str
    order: tuple[str, ...] | None
    fixed: Mapping[str, Any]
    bound: Mapping[str, Callable[[Any], Any]]
    read: tuple[Callable[[Any], Any] | None, ...]
    options: Mapping[str, Any]


class Prepared:
    """One statement.

    Args:
        make: dialect's name → the statement; its values are `bindparam`s or fixed.
        typed: whether what a SELECT brings is turned into what its columns' types say.
    """

    def __init__(self, make: Callable[[str], ClauseElement], *, typed: bool = False) -> None:
        self._make = make
        self._typed = typed
        self._forms: dict[str, _Form] = {}
        self._row: Callable[[Any], Any] | None = None

    def run(self, session: Session, values: Mapping[str, Any]) -> None:
        """Run the statement with these values, by their names, in the session's unit of work.

        Within `asked_ahead` it goes along with what is run next.

        Raises:
            sqlalchemy.exc.DBAPIError: as for any statement.
        """
        held = session.info.get(_HELD)
        if held is None:
            self._cursor(session, values)
        else:
            held.append(Question(self, values))

    def row(self, session: Session, values: Mapping[str, Any]) -> Any:
        """Run it so; return the one row, its columns by their names, or None if there is none."""
        cursor, form = self._cursor(session, values)
        found = cursor.fetchone()
        return None if found is None else self._made(cursor, form, found)

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[Any]:
        """Run it so; return all rows."""
        return self._all(*self._cursor(session, values))

    def _all(self, cursor: Any, form: _Form) -> list[Any]:
        return [self._made(cursor, form, found) for found in cursor.fetchall()]

    def _made(self, cursor: Any, form: _Form, found: Sequence[Any]) -> Any:
        row = self._row = self._row or _row_of([column[0] for column in cursor.description])
        if form.read:
            found = [
                value if read is None else read(value) for read, value in zip(form.read, found, strict=True)
            ]
        return row(found)

    def _cursor(self, session: Session, values: Mapping[str, Any]) -> tuple[Any, _Form]:
        session.flush()
        if not session.info.get(_HELD):
            return self._on(session.connection(), values)
        *_, answer = _at_once(session, (*_let_go(session), Question(self, values)))
        return answer

    def _on(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, _Form]:
        dialect = connection.dialect
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form(self._make(dialect.name), dialect, typed=self._typed)
        given = {**form.fixed, **values} if form.fixed else dict(values)
        for name, bind in form.bound.items():
            given[name] = bind(given[name])
        parameters = given if form.order is None else tuple(given[name] for name in form.order)
        return on_driver(connection, form.text, parameters, **form.options), form


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that looks something up, with its values."""

    statement: Prepared
    values: Mapping[str, Any]

    def row(self, session: Session) -> Any:
        """Return the one row, as `Prepared.row`; what was asked ahead is not asked again."""
        known = session.info.get(_AHEAD)
        if known and (rows := known.pop(self._name, None)) is not None:
            return rows[0] if rows else None
        return self.statement.row(session, self.values)

    def rows(self, session: Session) -> list[Any]:
        """Return all rows so."""
        known = session.info.get(_AHEAD)
        if known and (rows := known.pop(self._name, None)) is not None:
            return list(rows)
        return self.statement.rows(session, self.values)

    @property
    def _name(self) -> Any:
        return id(self.statement), frozenset(self.values.items())


@contextmanager
def asked_ahead(session: Session, questions: Sequence[Question]) -> Iterator[None]:
    """Ask all questions in one round trip, in their order; within the block each is answered once from there.

    What is only written within the block goes along with the next statement, or with the block's end.

    For what is asked again and again at a distance: in a class that is checked at once each wait for the database lets
    others in between (measured in `./anxue acceptance face-load`). A driver that has no round trips is asked later.

    Raises:
        sqlalchemy.exc.DBAPIError: as for any statement.
    """
    connection = session.connection()
    if not questions or connection.dialect.name == "sqlite":
        yield
        return
    session.flush()
    session.info[_AHEAD] = {
        one._name: one.statement._all(*answer)
        for one, answer in zip(questions, _at_once(session, questions), strict=True)
    }
    session.info[_HELD] = []
    try:
        yield
        _send_held(session)
    finally:
        del session.info[_AHEAD], session.info[_HELD]


def _at_once(session: Session, questions: Sequence[Question]) -> list[tuple[Any, _Form]]:
    """Ask in one round trip, in this order; return each cursor with its form."""
    connection = session.connection()
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.pipeline():
            return [one.statement._on(connection, one.values) for one in questions]
    except connection.dialect.loaded_dbapi.Error as error:
        raise _refused(connection, "asked at once", error) from error


def _let_go(session: Session) -> Sequence[Question]:
    """Return the writes that are held, which are held no more."""
    held: Sequence[Question] = session.info[_HELD]
    session.info[_HELD] = []
    return held


def _send_held(session: Session) -> None:
    if session.info.get(_HELD):
        _at_once(session, _let_go(session))


@event.listens_for(Session, "do_orm_execute")
def _before_any_other(state: ORMExecuteState) -> None:
    _send_held(state.session)


@event.listens_for(Session, "before_flush")
def _before_a_flush(session: Session, *_given: Any) -> None:
    _send_held(session)


def on_driver(connection: Connection, text: str, parameters: Any = (), **options: Any) -> Any:
    """Have the driver run a statement in the connection's transaction; return the driver's cursor.

    Raises:
        sqlalchemy.exc.DBAPIError: as for any statement.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        return driver.execute(text, parameters, **options)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _refused(connection, text, error) from error


def _refused(connection: Connection, text: str, error: Exception) -> BaseException:
    return DBAPIError.instance(
        text, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
    )


def _row_of(columns: Sequence[str]) -> Callable[[Any], Any]:
    row: Any = namedtuple("Row", columns)  # type: ignore[misc]  # the names come with the statement
    made: Callable[[Any], Any] = row._make
    return made


def _form(statement: Any, dialect: Dialect, *, typed: bool) -> _Form:
    compiled: Any = statement.compile(dialect=dialect)
    read: tuple[Callable[[Any], Any] | None, ...] = ()
    if typed:
        kinds = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        read = tuple(kind.result_processor(dialect, None) for kind in kinds)
    bound = {
        name: bind
        for name, parameter in compiled.binds.items()
        if (bind := parameter.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    fixed = {name: parameter.value for name, parameter in compiled.binds.items() if not parameter.required}
    order = None if compiled.positiontup is None else tuple(compiled.positiontup)
    # By itself psycopg has a statement parsed anew until a connection has seen it five times.
    options = {"prepare": True} if dialect.driver == "psycopg" else {}
    return _Form(str(compiled), order, fixed, bound, read, options)
