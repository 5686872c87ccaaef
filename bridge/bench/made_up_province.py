"""A province for the bench `supervision`, made by the database: nobody in it is a person, nothing was studied.

What pages and figures read is made in the amounts of a real one, with ids as long as real ones; a study session, which
no page of an authority reads by itself, is kept slim. `made_up_province_sql` says what there is of each.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Connection, Engine, text

from bridge.bench.made_up_province_sql import LOADS, PLACES, SUMS, Load
from bridge.supervision.rollup_tables import FIGURES

PER_RUN = 50
_BULK = (
    "study_session", "presence_check", "supervised_day", "supervised_class_day", "supervised_area_day",
    "supervised_city_day", "supervised_run_area",
    "supervised_area", "supervised_progress", "enrolment", "certificate",
    "test_decision", "report_record", "supervision_signal",
)  # fmt: skip


def synthesise(
    engine: Engine,
    divisions: Mapping[str, str],
    learners: int,
    sessions: int,
    last: date,
    say: Callable[[str], None] = lambda _sentence: None,
) -> None:
    """Make institutions, class runs, learners, their sessions, checks, tests and papers, and the figures by day.

    The figures are counted here by statements of their own; whether they are what the bridge would count is for the
    recount to say.

    Args:
        divisions: name by code, of one province.
        learners: a multiple of `PER_RUN`.
        sessions: of each learner.
        last: the last day on which anything was studied.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Guards and foreign keys are for what people and programs write; here a whole table comes at once.
        connection.execute(text("SET session_replication_role = replica"))
        _places(connection, divisions)
        with _without_indexes(connection, say):
            for load in (*LOADS, *SUMS):
                say(f"{load.table} …")
                _run(connection, load, learners, sessions, last)
        for name in ("made_up_place", "made_up_run", "made_up_learner"):
            connection.execute(text(f"DROP TABLE {name}"))
        say("VACUUM ANALYZE …")
        connection.execute(text("VACUUM ANALYZE"))


def _places(connection: Connection, divisions: Mapping[str, str]) -> None:
    """Keep the cities in turn, and of each the places in it: its counties, or itself where it has none."""
    connection.execute(text(PLACES))
    cities = sorted(code for code in divisions if code.endswith("00") and not code.endswith("0000"))
    for number, city in enumerate(cities):
        within = [code for code in sorted(divisions) if code[:4] == city[:4] and code != city] or [city]
        for at, county in enumerate(within):
            connection.execute(
                text("INSERT INTO made_up_place VALUES (:number, :city, :at, :many, :county)"),
                {"number": number, "city": city, "at": at, "many": len(within), "county": county},
            )


def _run(connection: Connection, load: Load, learners: int, sessions: int, last: date) -> None:
    words = {
        "<learners>": str(learners),
        "<runs>": str(learners // PER_RUN),
        "<per run>": str(PER_RUN),
        "<institutions>": str(max(21, learners // PER_RUN // 100)),
        "<sessions>": str(sessions),
        "<last>": f"DATE '{last.isoformat()}'",
        "<figures>": ", ".join(FIGURES),
        "<sums>": ", ".join(f"sum({name})" for name in FIGURES),
        "<found>": ", ".join(f"coalesce(sum({name}), 0)" for name in FIGURES),
    }
    connection.execute(text("BEGIN"))
    for turn in range(sessions if load.for_each_session else 1):
        statement = load.statement.replace("<session>", str(turn))
        for word, value in words.items():
            statement = statement.replace(word, value)
        connection.execute(text(statement))
    connection.execute(text("COMMIT"))
    if load.scratch:
        connection.execute(text(f"ANALYZE {load.table}"))


@contextmanager
def _without_indexes(connection: Connection, say: Callable[[str], None]) -> Iterator[None]:
    """Take the indexes of the great tables away, and make them again when the rows are there."""
    keys, indexes = _foreign_keys(connection), _indexes(connection)
    for table, name, definition in (*keys, *indexes):
        made_by_table = not definition.startswith("CREATE ")
        connection.exec_driver_sql(
            f"ALTER TABLE {table} DROP CONSTRAINT {name}" if made_by_table else f"DROP INDEX {name}"
        )
    yield
    for table, name, definition in (*indexes, *keys):
        say(f"{name} …")
        made_by_table = not definition.startswith("CREATE ")
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" if made_by_table else definition
        )


def _foreign_keys(connection: Connection) -> list[tuple[str, str, str]]:
    """Return table, name and definition of the foreign keys that point to a great table."""
    return _found(
        connection,
        "SELECT CAST(CAST(conrelid AS regclass) AS text), conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = ANY(CAST(:tables AS regclass[]))",
    )


def _indexes(connection: Connection) -> list[tuple[str, str, str]]:
    """Return table, name and definition: of a constraint what follows its name, of an index the whole statement."""
    return _found(
        connection,
        "SELECT t.relname, i.relname, coalesce(pg_get_constraintdef(c.oid), pg_get_indexdef(i.oid))"
        " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid"
        " LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.contype IN ('p', 'u')"
        " WHERE x.indrelid = ANY(CAST(:tables AS regclass[])) ORDER BY 1, 2",
    )


def _found(connection: Connection, query: str) -> list[tuple[str, str, str]]:
    rows = connection.execute(text(query), {"tables": list(_BULK)})
    return [(row[0], row[1], row[2]) for row in rows]
