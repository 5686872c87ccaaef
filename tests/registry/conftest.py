"""The house that the registry's tests run in, empty, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.identity.house import House
from tests.registry.platforms import Room


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = House(database_url, tmp_path)
    yield built
    built.close()


@pytest.fixture
def room(house: House) -> Room:
    return Room(house)
