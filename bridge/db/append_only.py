"""Tables whose rows are only ever added: the database itself refuses to change or delete one."""

from typing import Any

from sqlalchemy import DDL, event

_VERBS = ("update", "delete")


def append_only_ddl(table: str, dialect: str) -> tuple[str, ...]:
    """Return the statements that make `table` append-only, for a migration or for `guard`."""
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in _VERBS
        )
    return (
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()",
    )


def guard(row: Any) -> None:
    """Make the table of the mapped class `row` append-only wherever it is created."""
    for dialect in ("sqlite", "postgresql"):
        for statement in append_only_ddl(row.__tablename__, dialect):
            made = DDL(statement).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]  # SQLAlchemy's own
            event.listen(row.__table__, "after_create", made)
