"""Evidence that is sealed and stored before its unit of work opens, so that nobody waits in there for another's disk.

The content lies under its name first and its row follows: a row is never without content. Content that no row came to
name is removed by who stored it; where the process ended in between, by the sweep. It knows such content by a mark, an
empty file of its name that lies there until the unit of work has ended, so that it need not look through all there is
and never touches what it finds beside an older copy of the database.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from bridge.db.data_keys import DataKeys
from bridge.db.key_ring import KeyRing
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.db.vault import BlobStore, EvidenceRow, StoredAhead, blob_of, store_sealed
from bridge.kernel.errors import BridgeError
from bridge.kernel.evidence import EvidenceScope
from bridge.kernel.ids import EvidenceId, new_id

log = structlog.get_logger()

LEFT_AFTER_SECONDS = 3600
"""After so long no unit of work is under way that could name the content; see `vault.FRESH_SECONDS`."""
_ID = re.compile(r"[0-9a-z_]{4,60}")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ScopeKey:
    """A scope's key as it was when it was looked up; `bare` lives as long as one request."""

    scope: EvidenceScope
    row: Any
    bare: bytes


class EvidenceAhead:
    """Stores content ahead of units of work.

    Args:
        marks: folder of the marks, on this machine.
    """

    def __init__(self, ring: KeyRing, blobs: BlobStore, marks: Path) -> None:
        self._ring = ring
        self._blobs = blobs
        self._marks = marks

    def key_of(self, tx: Tx, scope: EvidenceScope) -> ScopeKey | None:
        """Return the scope's key; None if it has none yet: its first content is stored within the unit of work.

        Raises:
            Unavailable: as `DataKeys.open`.
        """
        keys = DataKeys(tx, self._ring)
        row = keys.look(scope)
        return None if row is None else ScopeKey(scope, row, keys.open([row])[0])

    @contextmanager
    def stored(self, key: ScopeKey | None, content: bytes, media_type: str) -> Iterator[StoredAhead | None]:
        """Store the content for the unit of work that is done within the block; it is on disk when the block begins.

        That unit of work hands what it gets here to `Vault.take_along`. What no unit of work made evidence is removed.
        """
        if key is None:
            yield None
            return
        evidence_id = EvidenceId(new_id("evd"))
        mark = self._mark(evidence_id)
        stored = store_sealed(
            self._ring, self._blobs, evidence_id, key.scope, key.row, key.bare, content, media_type
        )
        try:
            yield stored
        except BridgeError:
            self._let_go(stored, mark)
            raise
        if stored.used:
            mark.unlink(missing_ok=True)
        else:
            self._let_go(stored, mark)

    def sweep(self, units: UnitOfWork) -> int:
        """Remove what was stored and came to nothing because the process ended; return how many pieces."""
        old = [mark for mark in self._all_marks() if time.time() - _written(mark) >= LEFT_AFTER_SECONDS]
        number = 0
        for at in range(0, len(old), _AT_ONCE):
            slice_ = old[at : at + _AT_ONCE]
            with units.across_institutions("find stored content that no row names", read_only=True) as tx:
                known = set(
                    tx.session.scalars(
                        select(EvidenceRow.id).where(EvidenceRow.id.in_([mark.name for mark in slice_]))
                    )
                )
            for mark in slice_:
                if mark.name in known:
                    mark.unlink(missing_ok=True)
                else:
                    self._remove(EvidenceId(mark.name), mark)
                    number += 1
        if number:
            log.info("evidence_without_row_removed", pieces=number)
        return number

    def _mark(self, evidence_id: EvidenceId) -> Path:
        mark = self._marks / evidence_id
        try:
            descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            self._marks.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(descriptor)
        return mark

    def _all_marks(self) -> list[Path]:
        if not self._marks.is_dir():
            return []
        return sorted(path for path in self._marks.iterdir() if _ID.fullmatch(path.name))

    def _let_go(self, stored: StoredAhead, mark: Path) -> None:
        # What a unit of work has named may be durable though it was refused in the end: where a commit's answer is
        # lost the work is done again, and then finds itself done. The sweep asks the table.
        if not stored.ever_used:
            self._remove(stored.id, mark)

    def _remove(self, evidence_id: EvidenceId, mark: Path) -> None:
        self._blobs.delete(blob_of(evidence_id))
        mark.unlink(missing_ok=True)


def _written(mark: Path) -> float:
    try:
        return mark.stat().st_mtime
    except FileNotFoundError:
        # Its unit of work has just ended.
        return time.time()
