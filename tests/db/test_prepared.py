"""Prepared statements: rows by name, errors as of any statement, and a broken connection harms nobody else."""

from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, literal_column, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from bridge.db.prepared import Prepared, Question, asked_ahead
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


def test_what_is_asked_ahead_is_what_is_answered(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        _ADD.run(tx.session, _VALUES)
        known, unknown = Question(_FIND, {"of": "a"}), Question(_FIND, {"of": "b"})
        with asked_ahead(tx.session, [known, unknown, known]):
            assert known.row(tx.session).text == "文"
            assert unknown.row(tx.session) is None
            assert [row.text for row in known.rows(tx.session)] == ["文"]


def test_an_answer_from_ahead_is_given_once_and_not_after_its_block(postgres_url: str) -> None:
    office = Office(postgres_url)
    question = Question(_FIND, {"of": "a"})
    with office.uow.for_institution(ORG) as tx:
        with asked_ahead(tx.session, [question]):
            _ADD.run(tx.session, _VALUES)
            assert question.row(tx.session) is None, "it was not asked ahead"
            assert question.row(tx.session).text == "文"
        with asked_ahead(tx.session, [question]):
            tx.session.execute(delete(NoteRow))
        assert question.row(tx.session) is None
    office.close()


def test_what_is_refused_ahead_is_refused_as_from_any_statement(office: Office) -> None:
    wrong = Prepared(lambda _dialect: select(literal_column("1 / no_such_column")))

    def ask(tx: Tx) -> None:
        with asked_ahead(tx.session, [Question(_FIND, {"of": "a"}), Question(wrong, {})]):
            Question(wrong, {}).row(tx.session)

    with pytest.raises(DBAPIError):
        office.uow.together(ORG, ask)
    office.uow.together(ORG, lambda tx: _ADD.run(tx.session, _VALUES))


@pytest.mark.parametrize("reader", ["prepared", "core", "orm", "nobody"])
def test_what_is_written_in_a_block_is_there_for_whoever_reads_next(office: Office, reader: str) -> None:
    with office.uow.for_institution(ORG) as tx:
        with asked_ahead(tx.session, [Question(_FIND, {"of": "b"})]):
            _ADD.run(tx.session, _VALUES)
            if reader == "prepared":
                assert _FIND.row(tx.session, {"of": "a"}).text == "文"
            elif reader == "core":
                assert tx.session.execute(select(_NOTE.c.text)).scalars().all() == ["文"]
            elif reader == "orm":
                assert tx.session.get_one(NoteRow, "a").text == "文"
        assert tx.session.connection().execute(select(_NOTE.c.text)).scalars().all() == ["文"]


def test_what_is_written_in_a_block_and_refused_ends_the_unit_of_work(office: Office) -> None:
    def adds(tx: Tx) -> None:
        with asked_ahead(tx.session, [Question(_FIND, {"of": "b"})]):
            add_twice(tx)

    with pytest.raises(IntegrityError) as refused:
        office.uow.together(ORG, adds)
    assert "文" not in str(refused.value)
    with office.uow.for_institution(ORG) as tx:
        assert tx.session.scalars(select(NoteRow)).all() == []
