"""Where the demonstration's bridge keeps its rows: its own SQLite file, or a schema of its own in PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.engine import make_url

from bridge.db.engine import open_engine


def broker_url() -> str:
    """Return the broker that the environment names for the bridge; empty means a folder."""
    return os.environ.get("ANXUE_BROKER_URL", "")


@contextmanager
def own_database(*, keep: bool) -> Iterator[str]:
    """Yield the database URL for the demonstration's bridge; empty means a fresh SQLite file.

    With a PostgreSQL in ANXUE_DATABASE_URL a new schema is made there, and nothing else there is touched.

    Args:
        keep: leave the schema standing at the end.
    """
    given = os.environ.get("ANXUE_DATABASE_URL", "")
    if not given or make_url(given).get_backend_name() != "postgresql":
        yield ""
        return
    schema = f"anxue_demo_{datetime.now(UTC).strftime('%Y%m%d_%H%M%S_%f')}"
    url = make_url(given)
    options = f"{url.query.get('options', '')} -csearch_path={schema}".strip()
    own = url.update_query_dict({"options": options})
    _run(given, f'CREATE SCHEMA "{schema}"')
    try:
        yield own.render_as_string(hide_password=False)
    finally:
        if not keep:
            _run(given, f'DROP SCHEMA "{schema}" CASCADE')


def _run(url: str, statement: str) -> None:
    engine = open_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
