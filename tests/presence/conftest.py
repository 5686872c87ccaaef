"""Presence, empty, on SQLite (`test_at_once` asks PostgreSQL too); and with a learner whose face is registered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.presence.room import Room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    built = Room(f"sqlite:///{tmp_path / 'presence.sqlite'}")
    yield built
    built.close()


@pytest.fixture
def known(room: Room) -> Room:
    """A room in which the learner has three good frames that match the ID photo."""
    room.know()
    return room
