"""What the simulator keeps between requests and restarts: one SQLite file in its state folder."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message_hint (
    hint TEXT PRIMARY KEY, sub TEXT, resource_link_id TEXT, until INTEGER);
CREATE TABLE IF NOT EXISTS assertion (jti TEXT PRIMARY KEY, until INTEGER);
CREATE TABLE IF NOT EXISTS access_token (token TEXT PRIMARY KEY, scopes TEXT, until INTEGER);
CREATE TABLE IF NOT EXISTS score (
    line_item TEXT, sub TEXT, timestamp TEXT, given TEXT, maximum TEXT, comment TEXT,
    PRIMARY KEY (line_item, sub));
CREATE TABLE IF NOT EXISTS tool_item (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT, line_item TEXT);
CREATE TABLE IF NOT EXISTS proctored (
    attempt TEXT PRIMARY KEY, sub TEXT, number INTEGER, session_data TEXT, state TEXT, extra_minutes INTEGER,
    UNIQUE (sub, number));
CREATE TABLE IF NOT EXISTS control (
    number INTEGER PRIMARY KEY AUTOINCREMENT, attempt TEXT, at TEXT, action TEXT, severity TEXT, code TEXT);
CREATE TABLE IF NOT EXISTS notice_handler (notice_type TEXT PRIMARY KEY, url TEXT, most INTEGER);
CREATE TABLE IF NOT EXISTS line_item (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT);
CREATE TABLE IF NOT EXISTS attempt (
    id TEXT PRIMARY KEY, sub TEXT, started_at TEXT, finished_at TEXT, answers TEXT, score TEXT);
CREATE TABLE IF NOT EXISTS delivery (
    attempt TEXT PRIMARY KEY, body BLOB, state TEXT, tries INTEGER, due REAL, status INTEGER, words TEXT);
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at the quiz; instants are RFC 3339, None until reached; `score` is out of 100."""

    id: str
    sub: str
    started_at: str | None
    finished_at: str | None
    answers: dict[str, int]
    score: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook on its way; `state` is waiting, accepted or refused; `words` say what the bridge answered."""

    attempt: str
    body: bytes
    state: str
    tries: int
    status: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Score:
    """The last score that the bridge put on a line item for one user (numbers as received, text)."""

    timestamp: str
    given: str | None
    maximum: str | None
    comment: str


class Store:
    """One connection, one lock: the simulator serves a handful of people."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; the store is not used afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for a block that is kept whole or not at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # -- LTI ---------------------------------------------------------------------------------------

    def put_hint(self, hint: str, sub: str, opening: str, until: int) -> None:
        """Remember what `sub` is opening, until the epoch second `until`; a hint that stands already raises."""
        with self.transaction() as db:
            db.execute("INSERT INTO message_hint VALUES (?,?,?,?)", (hint, sub, opening, until))

    def take_hint(self, hint: str, now: int) -> tuple[str, str] | None:
        """Return (sub, what was opened) of `hint` and forget it; None if unknown, used or expired."""
        with self.transaction() as db:
            row = db.execute(
                "DELETE FROM message_hint WHERE hint = ? RETURNING sub, resource_link_id, until", (hint,)
            ).fetchone()
        return (row["sub"], row["resource_link_id"]) if row is not None and row["until"] >= now else None

    def use_assertion(self, jti: str, until: int) -> bool:
        """Return whether `jti` was new; it is used from now on."""
        with self.transaction() as db:
            cursor = db.execute("INSERT OR IGNORE INTO assertion VALUES (?,?)", (jti, until))
            return cursor.rowcount == 1

    def put_token(self, token_sha256: str, scopes: frozenset[str], until: int) -> None:
        """Remember an access token by its hash."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO access_token VALUES (?,?,?)", (token_sha256, " ".join(sorted(scopes)), until)
            )

    def token_scopes(self, token_sha256: str, now: int) -> frozenset[str] | None:
        """Return what the token allows, or None if it is unknown or expired."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT scopes FROM access_token WHERE token = ? AND until > ?", (token_sha256, now)
            ).fetchone()
        return frozenset(row["scopes"].split()) if row is not None else None

    def score(self, line_item: str, sub: str) -> Score | None:
        """Return the score that stands for `sub`, or None."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT * FROM score WHERE line_item = ? AND sub = ?", (line_item, sub)
            ).fetchone()
        return (
            Score(row["timestamp"], row["given"], row["maximum"], row["comment"]) if row is not None else None
        )

    def put_score(self, line_item: str, sub: str, score: Score) -> bool:
        """Store `score` unless one with the same or a later timestamp stands; return whether it was stored.

        Timestamps are compared as given here: normalised UTC with microseconds.
        """
        with self.transaction() as db:
            cursor = db.execute(
                "INSERT INTO score VALUES (?,?,?,?,?,?) ON CONFLICT (line_item, sub) DO UPDATE SET"
                " timestamp = excluded.timestamp, given = excluded.given, maximum = excluded.maximum,"
                " comment = excluded.comment WHERE excluded.timestamp > score.timestamp",
                (line_item, sub, score.timestamp, score.given, score.maximum, score.comment),
            )
            return cursor.rowcount == 1

    def scores(self, line_item: str) -> dict[str, Score]:
        """Return all scores of a line item, by user."""
        with self.transaction() as db:
            rows = db.execute("SELECT * FROM score WHERE line_item = ? ORDER BY sub", (line_item,)).fetchall()
        return {
            row["sub"]: Score(row["timestamp"], row["given"], row["maximum"], row["comment"]) for row in rows
        }

    # -- quiz --------------------------------------------------------------------------------------

    def new_attempt(self, attempt: str, sub: str) -> None:
        """Open an attempt; it has not started yet."""
        with self.transaction() as db:
            db.execute("INSERT INTO attempt VALUES (?,?,NULL,NULL,'{}',NULL)", (attempt, sub))

    def attempt(self, attempt: str, sub: str) -> Attempt | None:
        """Return `sub`'s own attempt, or None."""
        with self.transaction() as db:
            row = db.execute("SELECT * FROM attempt WHERE id = ? AND sub = ?", (attempt, sub)).fetchone()
        return _attempt(row) if row is not None else None

    def attempts(self, sub: str) -> list[Attempt]:
        """Return the attempts of `sub`, newest first."""
        with self.transaction() as db:
            rows = db.execute("SELECT * FROM attempt WHERE sub = ? ORDER BY rowid DESC", (sub,)).fetchall()
        return [_attempt(row) for row in rows]

    def start_attempt(self, attempt: str, at: str) -> None:
        """Set the start, once."""
        with self.transaction() as db:
            db.execute("UPDATE attempt SET started_at = ? WHERE id = ? AND started_at IS NULL", (at, attempt))

    def finish_attempt(self, attempt: str, at: str, answers: dict[str, int], score: str) -> bool:
        """Set answers, end and score, once; return whether this call did."""
        with self.transaction() as db:
            cursor = db.execute(
                "UPDATE attempt SET finished_at = ?, answers = ?, score = ?"
                " WHERE id = ? AND started_at IS NOT NULL AND finished_at IS NULL",
                (at, json.dumps(answers), score, attempt),
            )
            return cursor.rowcount == 1

    def marks(self) -> dict[str, str]:
        """Return the mark of each user's last attempt that was handed in, by user."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT sub, score FROM attempt WHERE score IS NOT NULL ORDER BY finished_at, rowid"
            ).fetchall()
        return {row["sub"]: row["score"] for row in rows}

    # -- webhook -----------------------------------------------------------------------------------

    def queue_delivery(self, attempt: str, body: bytes) -> None:
        """Queue the attempt's webhook; one queued before is made due again only if refused."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO delivery VALUES (?,?,'waiting',0,0,NULL,'') ON CONFLICT (attempt) DO UPDATE SET"
                " state = 'waiting', due = 0 WHERE delivery.state = 'refused'",
                (attempt, body),
            )

    def due_delivery(self, now: float) -> Delivery | None:
        """Return the delivery that is due longest, or None."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT * FROM delivery WHERE state = 'waiting' AND due <= ? ORDER BY due LIMIT 1", (now,)
            ).fetchone()
        return _delivery(row) if row is not None else None

    def record_delivery(
        self, attempt: str, *, state: str, status: int | None, words: str, due: float = 0.0
    ) -> None:
        """Record one try: its answer in words, and when the next is due if it is still waiting."""
        with self.transaction() as db:
            db.execute(
                "UPDATE delivery SET state = ?, status = ?, words = ?, due = ?, tries = tries + 1"
                " WHERE attempt = ?",
                (state, status, words, due, attempt),
            )

    def delivery(self, attempt: str) -> Delivery | None:
        """Return what became of the attempt's webhook, or None if none was queued."""
        with self.transaction() as db:
            row = db.execute("SELECT * FROM delivery WHERE attempt = ?", (attempt,)).fetchone()
        return _delivery(row) if row is not None else None


def _attempt(row: Any) -> Attempt:
    return Attempt(
        row["id"], row["sub"], row["started_at"], row["finished_at"], json.loads(row["answers"]), row["score"]
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        row["attempt"], bytes(row["body"]), row["state"], row["tries"], row["status"], row["words"]
    )
