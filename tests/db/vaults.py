"""A vault on a real database and a real folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.db.vault import Vault
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from plugins.storage.local_folder import LocalFolderBlobs

ORG = InstitutionId("org_a")


class VaultRoom:
    """Opens units of work with a vault in each."""

    def __init__(self, database_url: str, folder: Path, master_key: bytes = bytes(32)) -> None:
        self.engine = open_engine(database_url)
        Base.metadata.create_all(self.engine)
        self.units = UnitOfWork(self.engine, FixedClock(datetime(2026, 11, 23, tzinfo=UTC)))
        self.folder = folder
        self.master_key = master_key

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[Vault]:
        with self.units.for_institution(institution) as tx:
            yield Vault(tx, self.master_key, LocalFolderBlobs(self.folder))

    def close(self) -> None:
        self.engine.dispose()
