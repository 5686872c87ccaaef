"""Many rows at once are the rows that INSERT would have made, and are refused as it refuses them."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from bridge.db.copying import COPY_FROM_ROWS, add_rows
from tests.db.rooms import NOW, ORG, NoteRow, Office

NOTE: Any = NoteRow.__table__
_text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


def row(number: int, text: str = "x", about: str | None = None) -> dict[str, Any]:
    return {
        "id": f"n{number}",
        "institution_id": ORG,
        "text": text,
        "about": about,
        "at": NOW,
        "more": {"a": [1]},
    }


@pytest.mark.parametrize("count", [0, 1, COPY_FROM_ROWS - 1, COPY_FROM_ROWS, 128, 200, 387])
def test_rows_are_added_with_their_values(office: Office, count: int) -> None:
    rows = [row(number) for number in range(count)]
    with office.uow.for_institution(ORG) as tx:
        add_rows(tx.session, NOTE, rows)
    with office.uow.for_institution(ORG) as tx:
        found = tx.session.execute(select(NOTE)).mappings().all()
    assert sorted(map(dict, found), key=lambda one: int(one["id"][1:])) == rows


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(_text, st.none() | _text), min_size=COPY_FROM_ROWS, max_size=6))
def test_no_text_comes_out_other_than_it_went_in(office: Office, texts: list[tuple[str, str | None]]) -> None:
    rows = [row(number, *text) for number, text in enumerate(texts)]
    with office.uow.for_institution(ORG) as tx:
        tx.session.execute(delete(NOTE))
        add_rows(tx.session, NOTE, rows)
        copied = {one.id: (one.text, one.about) for one in tx.session.execute(select(NOTE))}
        tx.session.execute(delete(NOTE))
        tx.session.execute(insert(NOTE), rows)
        inserted = {one.id: (one.text, one.about) for one in tx.session.execute(select(NOTE))}
    assert copied == inserted == {one["id"]: (one["text"], one["about"]) for one in rows}


def test_rows_and_the_unit_of_work_stand_or_fall_together(office: Office) -> None:
    def fail() -> None:
        with office.uow.for_institution(ORG) as tx:
            add_rows(tx.session, NOTE, [row(number) for number in range(10)])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with office.uow.for_institution(ORG) as tx:
        assert tx.session.execute(select(NOTE)).all() == []


def test_a_key_that_stands_already_is_refused_like_an_inserts(office: Office) -> None:
    with pytest.raises(IntegrityError), office.uow.for_institution(ORG) as tx:
        add_rows(tx.session, NOTE, [row(1), row(2), row(3), row(1)])


def test_an_instant_without_its_zone_is_refused(office: Office) -> None:
    naive = {**row(1), "at": datetime(2026, 11, 28)}  # noqa: DTZ001  # what is refused
    with pytest.raises(ValueError, match="UTC"), office.uow.for_institution(ORG) as tx:
        add_rows(tx.session, NOTE, [row(2), row(3), naive])


def test_what_no_text_may_hold_is_refused_like_an_inserts(postgres_url: str) -> None:
    office = Office(postgres_url)
    try:
        with pytest.raises(DataError), office.uow.for_institution(ORG) as tx:
            add_rows(tx.session, NOTE, [row(number, "a\0b") for number in range(COPY_FROM_ROWS)])
    finally:
        office.close()
