"""A ledger database with made-up chains, its seals and its audit."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.ledger.audit import Audited, audit
from bridge.ledger.marks import RowMarks
from bridge.ledger.model import LedgerHead, next_entry
from bridge.ledger.model.seals import SignedHead
from bridge.ledger.sealing import LedgerSealing, Sealed
from bridge.ledger.signatures import PublicKey
from bridge.ledger.signing_keys import LedgerKeys
from bridge.ledger.store import LedgerEntryRow, LedgerHeadRow, SqlLedgerStore
from bridge.ledger.tree_store import SqlTreeStore
from bridge.ledger.tree_tables import LedgerKeyRow, LedgerLeafRow, LedgerSubtreeRow, LedgerTreeHeadRow

ORG = InstitutionId("inst_made_up")
RUN = ClassRunId("run_made_up")
MARKS = RowMarks(b"made up" * 5)
MASTER = b"m" * 32
PACKS = (("pack-made-up", "ab" * 32),)
GUARDED = ("ledger_entry", "ledger_leaf", "ledger_subtree", "ledger_tree_head")


@dataclass
class Ledgers:
    """One bridge's ledgers."""

    engine: Engine
    clock: FixedClock

    @classmethod
    def made(cls, database_url: str) -> "Ledgers":
        engine = open_engine(database_url)
        rows = (
            LedgerEntryRow,
            LedgerHeadRow,
            LedgerLeafRow,
            LedgerSubtreeRow,
            LedgerTreeHeadRow,
            LedgerKeyRow,
        )
        Base.metadata.create_all(engine, tables=[row.__table__ for row in rows])  # type: ignore[misc]
        return cls(engine, FixedClock(datetime(2026, 11, 24, 2, 0, tzinfo=UTC)))

    @property
    def work(self) -> UnitOfWork:
        return UnitOfWork(self.engine, self.clock)

    @property
    def keys(self) -> LedgerKeys:
        return LedgerKeys(self.work, FieldCipher(MASTER), MARKS)

    def public(self) -> dict[str, PublicKey]:
        return {one.public.id: one.public for one in self.keys.known()}

    def add(self, learner: str, entries: int, *, org: InstitutionId = ORG, run: ClassRunId = RUN) -> None:
        """Add beats and checks to a chain, through the store."""
        self.add_to_all([learner], entries, org=org, run=run)

    def add_to_all(
        self, learners: Sequence[str], entries: int, *, org: InstitutionId = ORG, run: ClassRunId = RUN
    ) -> None:
        """Add as many entries to several chains, in one unit of work."""
        with self.work.for_institution(org) as tx:
            store = SqlLedgerStore(tx, MARKS)
            for learner in learners:
                head = store.lock_head(LearnerRef(learner), run)
                made, keys = [], []
                for number in range(head.seq + 1, head.seq + entries + 1):
                    kind, key, data = _fact(learner, run, number)
                    entry = next_entry(head, at_ms=number, kind=kind, packs=PACKS, data=data)
                    made.append(entry)
                    keys.append(key)
                    head = LedgerHead(entry.seq, entry.hash)
                store.append(LearnerRef(learner), run, keys, made)

    def seal(self, *, org: InstitutionId = ORG, most: int = 2000) -> Sealed:
        key = self.keys.signing()
        with self.work.for_institution(org) as tx:
            return LedgerSealing(SqlTreeStore(tx, MARKS), org, self.clock).seal(key, most=most)

    def audit(self, witnessed: Sequence[SignedHead] = ()) -> Audited:
        with self.work.across_institutions("test", read_only=True) as tx:
            return audit(tx, MARKS, self.public(), witnessed=witnessed)

    def after(self, tamper: Callable[[Connection], object]) -> Audited:
        """Return what the audit finds after `tamper`, which is then taken back."""
        public = self.public()
        with self.engine.connect() as connection, connection.begin() as transaction:
            tamper(connection)
            with Session(bind=connection, info={"across": "test"}) as session:
                found = audit(Tx(session, self.clock, None), MARKS, public)
            transaction.rollback()
        return found

    def drop_guards(self) -> None:
        """Take the triggers away that refuse changes, as somebody with the database's password can."""
        with self.engine.begin() as connection:
            for table in GUARDED:
                if self.engine.dialect.name == "sqlite":
                    for verb in ("update", "delete"):
                        connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
                else:
                    connection.execute(text(f"DROP TRIGGER {table}_append_only ON {table}"))


def _fact(learner: str, run: str, number: int) -> tuple[str, str, dict[str, object]]:
    if number % 3:
        beats = [[number * 10_000, number * 10_000, 1, 0, 1000]]
        session = f"ses_{learner}"
        data: dict[str, object] = {
            "session": session,
            "unit": "unit-1",
            "activity": "study",
            "received_ms": number * 10_000,
            "previous_received_ms": (number - 1) * 10_000,
            "beats": beats,
        }
        return "beats", f"beats|{session}|{number}", data
    data = {
        "learner": learner,
        "class_run": run,
        "check": f"chk_{learner}_{number}",
        "kind": "random",
        "session": f"ses_{learner}",
        "due_ms": number * 10_000,
        "at_ms": number * 10_000,
        "outcome": "passed",
        "reason": None,
    }
    return "check", f"check|{data['check']}", data


def body_of(connection: Connection, learner: str, seq: int) -> dict[str, object]:
    """Return an entry's content."""
    found = connection.execute(
        text("SELECT body FROM ledger_entry WHERE learner_ref = :learner AND seq = :seq"),
        {"learner": learner, "seq": seq},
    ).scalar_one()
    read: dict[str, object] = json.loads(found)
    return read
