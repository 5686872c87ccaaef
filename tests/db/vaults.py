"""A vault on a real database and a real folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bridge.db.destruction import Receipts
from bridge.db.engine import open_engine
from bridge.db.key_ring import KeyRing
from bridge.db.unit_of_work import UnitOfWork
from bridge.db.vault import Vault
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.ledger.signatures import SigningKey
from plugins.storage.local_folder import LocalFolderBlobs
from tests.servers.tables import make_tables

ORG = InstitutionId("org_a")
SIGNING_KEY = SigningKey.generate()


def made_receipts(written: Callable[[], None] = lambda: None) -> Receipts:
    """Return receipts under a key that lives as long as the tests."""
    return Receipts(
        lambda _session, content: (SIGNING_KEY.public.id, SIGNING_KEY.sign(content)), written=written
    )


class VaultRoom:
    """Opens units of work with a vault in each."""

    def __init__(self, database_url: str, folder: Path, master_key: bytes = bytes(32)) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        self.units = UnitOfWork(self.engine, FixedClock(datetime(2026, 11, 23, tzinfo=UTC)))
        self.folder = folder
        self.ring = KeyRing(master_key)
        self.receipts = made_receipts()

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[Vault]:
        with self.units.for_institution(institution) as tx:
            yield Vault(tx, self.ring, LocalFolderBlobs(self.folder), self.receipts)

    def close(self) -> None:
        self.engine.dispose()
