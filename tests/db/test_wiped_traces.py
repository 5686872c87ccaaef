"""Of a destroyed key SQLite's files keep nothing, while the bridge goes on running."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from bridge.db.data_keys import DataKeyRow
from bridge.db.vault import Vault
from bridge.db.wiped_traces import WipedTraces
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from plugins.storage.local_folder import LocalFolderBlobs
from tests.db.vaults import ORG, VaultRoom

SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1"))
MANY = 60
"""Keys: so many that their rows are moved from page to page."""


class NoContent(LocalFolderBlobs):
    """A store of nothing: content is not what is looked at here."""

    def put(self, name: str, content: bytes) -> None:
        pass


class Room(VaultRoom):
    """A vault on SQLite, and its files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder / 'v.sqlite'}", folder / "blobs")
        self._folder = folder
        self.traces = WipedTraces(self.units)

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[Vault]:
        with self.units.for_institution(institution) as tx:
            yield Vault(tx, self.ring, NoContent(self.folder), self.receipts)

    def put(self, numbers: range) -> list[bytes]:
        """Put something for so many people; return their wrapped keys."""
        with self.open() as vault:
            for number in numbers:
                vault.put(replace(SCOPE, subject=LearnerRef(f"ln_{number}")), b"x", "x/y")
        with self.units.for_institution(ORG, read_only=True) as tx:
            return list(tx.session.scalars(select(DataKeyRow.wrapped).order_by(DataKeyRow.created_at)))

    def destroy(self, numbers: range) -> None:
        with self.open() as vault:
            for number in numbers:
                scope = replace(SCOPE, subject=LearnerRef(f"ln_{number}"))
                vault.destroy(scope, reason="requested", by="stf_lin")

    def files(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self._folder.glob("v.sqlite*")))

    def journal(self) -> int:
        """Return the bytes of the write-ahead journal."""
        path = self._folder / "v.sqlite-wal"
        return path.stat().st_size if path.exists() else 0

    def left(self, keys: list[bytes]) -> int:
        """Return of how many keys a part is still in a file: the row that replaced one may lie over the rest."""
        files = self.files()
        return sum(any(key[at : at + 8] in files for at in range(0, len(key) - 7, 8)) for key in keys)


@pytest.fixture
def plain_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite as its authors publish it: what is deleted stays until it is written over (Debian's build does not)."""
    connect = sqlite3.dbapi2.connect

    def plain(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **kwargs)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", plain)


@pytest.fixture
def room(tmp_path: Path, plain_sqlite: None) -> Iterator[Room]:
    built = Room(tmp_path)
    yield built
    built.close()


def test_nothing_of_destroyed_keys_is_left_while_the_database_is_open(room: Room) -> None:
    keys = room.put(range(MANY))
    assert len(keys) == MANY
    assert room.left(keys) == MANY
    room.destroy(range(MANY // 2))
    assert room.traces.sweep()
    with room.units.for_institution(ORG, read_only=True) as tx:
        alive = list(tx.session.scalars(select(DataKeyRow.wrapped).where(DataKeyRow.destroyed_at.is_(None))))
    assert len(alive) == MANY // 2
    assert room.left(alive) == len(alive)
    assert room.left([key for key in keys if key not in alive]) == 0


def test_while_somebody_reads_an_earlier_state_it_is_tried_again(room: Room) -> None:
    (key,) = room.put(range(1))
    with room.units.for_institution(ORG, read_only=True) as reading:
        reading.session.execute(text("SELECT count(*) FROM data_key"))
        room.destroy(range(1))
        assert not room.traces.sweep()
        assert room.left([key]) == 1
    assert room.traces.sweep()
    assert room.left([key]) == 0


def test_without_a_destruction_the_journal_is_left_alone(room: Room) -> None:
    room.put(range(2))
    assert room.traces.sweep()
    assert room.journal() == 0, "a process that has just started does not know what was before it"
    room.put(range(2, 4))
    assert room.traces.sweep()
    assert room.journal() > 0
    room.destroy(range(1))
    assert room.traces.sweep()
    assert room.journal() == 0


def test_postgresql_keeps_house_itself(postgres_url: str, tmp_path: Path) -> None:
    room = VaultRoom(postgres_url, tmp_path / "blobs")
    try:
        assert WipedTraces(room.units).sweep()
    finally:
        room.close()
