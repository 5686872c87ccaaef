"""What is counted for one day of one class run is found by indexes: a pass over all tests took all processors."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.supervision.rollup_sources import cell_of, days_of_learner, days_with_anything
from tests.completion.papers import NOW
from tests.servers.tables import make_tables
from tests.supervision.places import DAY, PLACES, fill

_LEADING = text(
    "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
)
RUN = ClassRunId(f"cr_{next(iter(PLACES))}")


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_engine(postgres_url)
    make_tables(engine)
    yield engine
    engine.dispose()


def asked_of_a_day(engine: Engine) -> list[tuple[str, Any]]:
    """Return each statement with which the figures of a day and of a learner are counted, and its values."""
    asked: list[tuple[str, Any]] = []
    uow = UnitOfWork(engine, FixedClock(NOW))
    fill(uow)

    def heard(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    with uow.across_institutions("test: what is asked", read_only=True) as tx:
        event.listen(engine, "before_cursor_execute", heard)
        cell_of(tx.session, RUN, DAY)
        days_with_anything(tx.session, RUN)
        days_of_learner(tx.session, LearnerRef("ln_1"), RUN)
        event.remove(engine, "before_cursor_execute", heard)
    return asked


def passes(node: dict[str, Any], leading: dict[str, str]) -> Iterator[str]:
    """Yield each table, and each index, of a plan that is read from end to end."""
    if "Seq Scan" in node["Node Type"]:
        yield node["Relation Name"]
    index = node.get("Index Name")
    if index is not None and leading[index] not in node.get("Index Cond", ""):
        yield index
    for part in node.get("Plans", ()):
        yield from passes(part, leading)


def test_no_count_passes_over_a_whole_table(engine: Engine) -> None:
    asked = asked_of_a_day(engine)
    assert len(asked) > len(("enrolment", "day", "check", "test", "paper", "signal"))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        leading = {str(name): str(column) for name, column in connection.execute(_LEADING)}
        driver: Any = connection.connection.dbapi_connection
        for statement, values in asked:
            ((plan,),) = driver.execute(f"EXPLAIN (FORMAT JSON) {statement}", values)
            assert list(passes(plan[0]["Plan"], leading)) == [], statement
