"""Prepared statements: rows by name, errors as of any statement, and a broken connection harms nobody else."""

from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from bridge.db.prepared import Prepared
from bridge.db.unit_of_work import Tx
from tests.db.rooms import NOW, ORG, NoteRow, Office

_NOTE: Any = NoteRow.__table__
_ADD = Prepared(
    lambda _dialect: insert(_NOTE).values({column.name: bindparam(column.name) for column in _NOTE.c})
)
_FIND = Prepared(lambda _dialect: select(_NOTE.c.text, _NOTE.c.about).where(_NOTE.c.id == bindparam("of")))
_VALUES = {"institution_id": ORG, "id": "a", "text": "文", "about": None, "at": NOW, "more": {"n": 1}}


def test_a_row_comes_by_its_columns_names(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        _ADD.run(tx.session, _VALUES)
        found = _FIND.row(tx.session, {"of": "a"})
        assert (found.text, found.about) == ("文", None)
        assert _FIND.row(tx.session, {"of": "b"}) is None
    with office.uow.for_institution(ORG) as tx:
        kept = tx.session.scalars(select(NoteRow)).one()
        assert (kept.at, kept.more) == (NOW, {"n": 1})


def add_twice(tx: Tx) -> None:
    _ADD.run(tx.session, _VALUES)
    _ADD.run(tx.session, _VALUES)


def test_what_the_database_refuses_is_refused_as_from_any_statement(office: Office) -> None:
    with pytest.raises(IntegrityError) as refused:
        office.uow.together(ORG, add_twice)
    assert "文" not in str(refused.value)
    with office.uow.for_institution(ORG) as tx:
        assert _FIND.row(tx.session, {"of": "a"}) is None


def test_a_connection_that_broke_is_not_used_again(office: Office) -> None:
    def break_it(tx: Tx) -> None:
        driver: Any = tx.session.connection().connection.dbapi_connection
        if office.engine.dialect.name == "sqlite":
            driver.close()
        else:
            with office.engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({driver.info.backend_pid})")
        _ADD.run(tx.session, _VALUES)

    with pytest.raises(DBAPIError):
        office.uow.together(ORG, break_it)
    office.uow.together(ORG, lambda tx: _ADD.run(tx.session, _VALUES))
