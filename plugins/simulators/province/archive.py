"""What the simulator has received, in one SQLite file: batches, their receipts, the accepted records, its journal."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS batch (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, received_at TEXT NOT NULL,
    city TEXT NOT NULL, uscc TEXT NOT NULL,
    status TEXT NOT NULL, http_status INTEGER NOT NULL, xml BLOB NOT NULL, receipt BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS record (
    uscc TEXT NOT NULL, kind TEXT NOT NULL, number TEXT NOT NULL, revision INTEGER NOT NULL,
    sha256 TEXT NOT NULL, facts TEXT NOT NULL, city TEXT NOT NULL DEFAULT '', day TEXT NOT NULL DEFAULT '',
    withdrawn INTEGER NOT NULL DEFAULT 0, returned TEXT, PRIMARY KEY (uscc, kind, number, revision)
);
CREATE INDEX IF NOT EXISTS record_of_day ON record (uscc, city, day);
CREATE INDEX IF NOT EXISTS record_of_learner ON record (
    uscc, kind, json_extract(facts, '$.LearnerNumber'), json_extract(facts, '$.ClassRun')
);
CREATE TABLE IF NOT EXISTS journal (
    uscc TEXT NOT NULL, kind TEXT NOT NULL, number TEXT NOT NULL, revision INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS signer (platform TEXT PRIMARY KEY, key_sha256 TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Received:
    """One batch as it was received and answered."""

    id: str
    sha256: str
    received_at: str
    city: str
    uscc: str
    status: str
    http_status: int
    xml: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """An accepted record: its newest revision, that revision's hash, and its values but for the person's."""

    revision: int
    sha256: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Booked:
    """One accepted revision of a day. `returned`: why it was returned after it was accepted, or None."""

    kind: str
    number: str
    revision: int
    sha256: str
    returned: str | None


class Archive:
    """The simulator's state under one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "province.sqlite3"
        with self.open() as connection:
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open one transaction; it commits when left without an exception."""
        connection = sqlite3.connect(self.path, timeout=15, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        finally:
            connection.close()

    def batch(self, connection: sqlite3.Connection, batch_id: str) -> Received | None:
        """Return the batch with that id, or None."""
        row = connection.execute("SELECT * FROM batch WHERE id = ?", (batch_id,)).fetchone()
        return None if row is None else Received(*row)

    def batches(self, connection: sqlite3.Connection) -> list[Received]:
        """Return all batches, newest first."""
        rows = connection.execute("SELECT * FROM batch ORDER BY received_at DESC, id DESC")
        return [Received(*row) for row in rows]

    def keep(self, connection: sqlite3.Connection, received: Received) -> None:
        """Keep a batch with its receipt."""
        connection.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(received))

    def known(self, connection: sqlite3.Connection, uscc: str, kind: str, number: str) -> Known | None:
        """Return the newest accepted revision of a record, or None."""
        row = connection.execute(
            "SELECT revision, sha256, facts FROM record WHERE uscc = ? AND kind = ? AND number = ?"
            " ORDER BY revision DESC LIMIT 1",
            (uscc, kind, number),
        ).fetchone()
        return None if row is None else Known(row[0], row[1], json.loads(row[2]))

    def has_learner(self, connection: sqlite3.Connection, uscc: str, learner: str, class_run: str) -> bool:
        """Return whether that learner of that class run was accepted."""
        row = connection.execute(
            "SELECT 1 FROM record WHERE uscc = ? AND kind = 'Learner'"
            " AND json_extract(facts, '$.LearnerNumber') = ? AND json_extract(facts, '$.ClassRun') = ? LIMIT 1",
            (uscc, learner, class_run),
        ).fetchone()
        return row is not None

    def accept(
        self,
        connection: sqlite3.Connection,
        uscc: str,
        kind: str,
        number: str,
        known: Known,
        *,
        city: str = "",
        day: str = "",
        withdrawn: bool = False,
    ) -> None:
        """Keep an accepted revision, and write the journal: what is accepted twice stands in it twice."""
        facts = json.dumps(known.facts, ensure_ascii=False)
        connection.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (uscc, kind, number, known.revision, known.sha256, facts, city, day, int(withdrawn)),
        )
        connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (uscc, kind, number, known.revision))

    def day(self, connection: sqlite3.Connection, uscc: str, city: str, day: str) -> list[Booked]:
        """Return what was accepted on a legal day, sorted by its key."""
        rows = connection.execute(
            "SELECT kind, number, revision, sha256, returned FROM record WHERE uscc = ? AND city = ? AND day = ?"
            " ORDER BY kind, number, revision",
            (uscc, city, day),
        )
        return [Booked(*row) for row in rows]

    def give_back(
        self, connection: sqlite3.Connection, uscc: str, kind: str, number: str, revision: int, reason: str
    ) -> None:
        """Return a record for correction that was accepted before, as a regulator's reviewer does."""
        connection.execute(
            "UPDATE record SET returned = ? WHERE uscc = ? AND kind = ? AND number = ? AND revision = ?",
            (reason, uscc, kind, number, revision),
        )

    def signer(self, connection: sqlite3.Connection, platform: str, key_sha256: str) -> str:
        """Return the key that signs for a platform; the first one that is seen is registered."""
        connection.execute("INSERT OR IGNORE INTO signer VALUES (?, ?)", (platform, key_sha256))
        row = connection.execute("SELECT key_sha256 FROM signer WHERE platform = ?", (platform,)).fetchone()
        return str(row[0])
