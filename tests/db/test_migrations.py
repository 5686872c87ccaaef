"""The migrations make exactly the tables that the code maps, triggers included, on both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bridge.db.engine import open_engine
from bridge.db.schema import is_current, newest_version, upgrade
from bridge.intake import days
from bridge.migrations.tables import metadata


def is_mapped(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether a table of the database is one that the code maps: the inbox's parts are behind it."""
    return kind != "table" or name is None or not name.startswith((days.CLAIMS, days.BEATS))


def is_compared(made: object, _name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Return whether it stands in the mapped table itself: keys of a table in parts are its parts' (see test_days)."""
    table = getattr(made, "table", None)
    in_parts = table is not None and table.name == "inbox_message" and kind in ("index", "unique_constraint")
    return not in_parts


def test_the_migrated_schema_is_the_mapped_one(database_url: str) -> None:
    engine = open_engine(database_url)
    assert not is_current(engine)
    upgrade(engine)
    with engine.connect() as connection:
        options = {}
        if engine.dialect.name == "postgresql":
            options = {"include_name": is_mapped, "include_object": is_compared}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert found == []


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    upgrade(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    engine.dispose()
    assert versions == [newest_version()]


@pytest.mark.parametrize("table", ["inbox_message", "ledger_entry"])
def test_a_migrated_database_refuses_to_change_what_is_append_only(database_url: str, table: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    columns = {
        "inbox_message": "id, chain, seq, source, idempotency_key, received_at, original_sha256, verification,"
        " payload, previous_hash, hash, institution_id",
        "ledger_entry": "id, learner_ref, class_run_id, seq, prev, hash, kind, natural_key, body, institution_id",
    }[table]
    values = {
        "inbox_message": "'m', 'c', 1, 's', 'k', '2026-11-23 00:00:00+00', 'o', 'v', '{}', 'p', 'h', 'org'",
        "ledger_entry": "'e', 'l', 'r', 1, 'p', 'h', 'check', 'n', '{}', 'org'",
    }[table]
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))  # noqa: S608
    for statement in (f"UPDATE {table} SET hash = 'x'", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_a_migrated_database_refuses_to_change_a_disclosure(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO learner (id, institution_id, name_enc, citizen_id_enc, citizen_id_index, created_at)"
                " VALUES ('ln', 'org', 'n', 'c', 'i', '2026-11-23 00:00:00+00')"
            )
        )
        connection.execute(
            text(
                'INSERT INTO disclosure (id, learner, purpose, recipient, "by", "at", institution_id)'
                " VALUES ('d', 'ln', 'p', 'r', 'b', '2026-11-23 00:00:00+00', 'org')"
            )
        )
    for statement in ("UPDATE disclosure SET purpose = 'x'", "DELETE FROM disclosure"):
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()
