"""A registry, an identity and a vault on one real database, with the demonstration's catalogue at hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from bridge.db.engine import open_engine
from bridge.db.field_cipher import FieldCipher
from bridge.db.key_ring import KeyRing
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.db.vault import Vault
from bridge.identity.name_checks import OnTheSpot
from bridge.identity.service import IdentityService
from bridge.identity.sign_in import SignIn
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId
from bridge.kernel.time import FixedClock, legal_date
from bridge.registry.catalogue import read_catalogue
from bridge.registry.model import Catalogue
from bridge.registry.service import RegistryService
from bridge.registry.store import SqlRegistryStore
from bridge.rules.loader import load_rule_book
from bridge.rules.model import RuleBook
from plugins.identity.roster import RosterProvider
from plugins.storage.local_folder import LocalFolderBlobs
from tests.db.vaults import made_receipts
from tests.servers.tables import make_tables

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
VARIABLES = {"lms_url": "http://127.0.0.1:8123", "webhook_secret": "w" * 40}
ORG, RUN, PLATFORM = InstitutionId("org_demo"), ClassRunId("run_demo"), RegistrationId("reg_demo_lms")
CHEN, CHEN_ID = "陈晓安", "440199199003071219"
HUANG, HUANG_ID = "黄志强", "440199198511151317"
STRANGER, STRANGER_ID = "李未名", "440199199309221611"
CONTEXT = {"https://purl.imsglobal.org/spec/lti/claim/context": {"id": "demo-course-1"}}
JPEG = b"\xff\xd8\xff\xe0 not a photograph, but it begins like one"


def no_photographs(symbol: str) -> bytes:
    raise LookupError(symbol)


@cache
def demo_catalogue(now: datetime = NOW) -> Catalogue:
    """Return the demonstration's catalogue, which cannot be changed: it is read once."""
    return read_catalogue(DEMO, today=legal_date(now), variables=VARIABLES)


@dataclass
class Desk:
    """The services inside one unit of work."""

    tx: Tx
    registry: RegistryService
    identity: IdentityService
    identity_store: SqlIdentityStore
    vault: Vault

    def load(self, catalogue: Catalogue) -> None:
        self.registry.load_catalogue(catalogue)
        self.identity.load_enrolment_list(
            catalogue.enrolment_list, {"learner": JPEG, "second_learner": JPEG}.__getitem__
        )

    def account(self, sub: str = "lms-user-1001") -> str:
        return self.identity.recognise(PLATFORM, sub, CONTEXT).account_id

    def verified(self, sub: str = "lms-user-1001", name: str = CHEN, citizen_id: str = CHEN_ID) -> LearnerRef:
        learner = self.identity.verify_real_name(self.account(sub), RUN, name, citizen_id).value
        assert learner is not None
        return learner


@cache
def _rules() -> RuleBook:
    return load_rule_book()


class House:
    """One installation: a database, a blob folder, a master key, a clock that stands."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        self.clock = FixedClock(NOW)
        self.units = UnitOfWork(self.engine, self.clock)
        self.master_key = bytes(range(32))
        self.cipher = FieldCipher(self.master_key)
        self.blob_folder = folder / "blobs"
        self.blobs = LocalFolderBlobs(self.blob_folder)
        self.rules = _rules()
        self.sign_in = SignIn(
            self.units, self.clock, self.cipher, b"k" * 32, tries=5, longest_wait=timedelta(hours=1)
        )

    @contextmanager
    def desk(self, institution: InstitutionId = ORG) -> Iterator[Desk]:
        with self.units.for_institution(institution) as tx:
            registry = RegistryService(SqlRegistryStore(tx, self.cipher), tx, self.clock, self.rules)
            store = SqlIdentityStore(tx, self.cipher)
            vault = Vault(tx, KeyRing(self.master_key), self.blobs, made_receipts())
            desk = OnTheSpot(RosterProvider(store.names_listed_for))
            identity = IdentityService(store, tx, self.clock, desk, registry, vault)
            yield Desk(tx, registry, identity, store, vault)

    def loaded(self) -> "House":
        with self.desk() as desk:
            desk.load(demo_catalogue())
        return self

    def close(self) -> None:
        self.engine.dispose()
