"""What SQLite's files still hold of a wiped key: nothing, once its journal was taken over and cut off.

Freed parts of pages are overwritten at once (`PRAGMA secure_delete`, `bridge.db.engine`). The pages as they were before
stand in the write-ahead journal until that is emptied, which SQLite by itself does only at the end of its last process.
"""

import sqlite3

from sqlalchemy import func, select

from bridge.db.destruction import KeyDestructionRow
from bridge.db.unit_of_work import UnitOfWork

_WAIT_MS = 1_000
"""Practice: who reads or writes right then is waited for so long; the next sweep tries again."""


class WipedTraces:
    """Empties the journal after keys were destroyed, in whatever process that happened."""

    def __init__(self, units: UnitOfWork) -> None:
        self._units = units
        self._cleared: int | None = None

    def sweep(self) -> bool:
        """Empty the journal if a key was destroyed since it was last emptied here; return whether nothing is left.

        PostgreSQL's files are its own (docs/operate.md).
        """
        if self._units.engine.dialect.name != "sqlite":
            return True
        with self._units.across_institutions("see whether keys were destroyed", read_only=True) as tx:
            newest = tx.session.scalar(select(func.max(KeyDestructionRow.number))) or 0
        if newest != self._cleared and self._emptied():
            self._cleared = newest
        return newest == self._cleared

    def _emptied(self) -> bool:
        pooled = self._units.engine.raw_connection()
        try:
            # A connection of its own, so that its short patience is nobody else's.
            pooled.detach()
            driver: sqlite3.Connection = pooled.dbapi_connection  # type: ignore[assignment]  # SQLite's it is
            driver.execute(f"PRAGMA busy_timeout={_WAIT_MS}")
            busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            pooled.close()
        return not busy
