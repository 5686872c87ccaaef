"""An empty office on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.db.rooms import Office


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    built = Office(database_url)
    yield built
    built.close()
