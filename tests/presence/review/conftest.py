"""A desk on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.presence.review.desk import Desk


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    built = Desk(database_url)
    yield built
    built.close()
