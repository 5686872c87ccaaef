"""The list of destroyed keys outside of the database, which no backup of the database brings back.

An old backup holds keys that were destroyed since. The list says which: a database that does not know the list's last
receipt is older than the list, and is not read before those keys are wiped again (`./anxue privacy keys reapply`).
"""

import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, inspect

from bridge.db.destruction import KeyDestructionRow, Receipt, has_receipt, receipts_after
from bridge.db.file_master_key import locked
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import Unavailable

log = structlog.get_logger()

_TAIL_BYTES = 1 << 16
_WHY = "the list of destroyed keys is the whole bridge's"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line.

    Args:
        genuine: whether it bears the mark of this bridge's root key.
    """

    receipt: Receipt
    genuine: bool


class DestroyedList:
    """The list in a file (JSON lines, 0600).

    Args:
        mark_key: 32 bytes, derived from the root key: whoever else writes lines can destroy nothing by them.
    """

    def __init__(self, path: Path, mark_key: bytes) -> None:
        self.path = path
        self._mark_key = mark_key

    def lines(self) -> Iterator[Listed | None]:
        """Yield each line, oldest first; None for one that cannot be read."""
        if self.path.exists():
            with self.path.open("rb") as file:
                for line in file:
                    if line.strip():
                        yield self._read(line)

    def last(self) -> Receipt | None:
        """Return the newest receipt of the list that is genuine; None if there is none."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read().splitlines()
        for line in reversed(tail):
            found = self._read(line)
            if found is not None and found.genuine:
                return found.receipt
        return None

    def sync(self, units: UnitOfWork) -> int:
        """Append the receipts that the database has and the list has not; return how many."""
        with locked(self.path.parent), units.across_institutions(_WHY, read_only=True) as tx:
            last = self.last()
            rows = receipts_after(tx.session, 0 if last is None else last.body["number"])
            lines = [self._line(receipt_of(row)) for row in rows]
            if lines:
                self._append(b"".join(lines))
        return len(lines)

    def sync_if_possible(self, units: UnitOfWork) -> None:
        """Append what is missing; what fails is told and tried again by the sweep."""
        try:
            self.sync(units)
        except OSError as error:
            log.error("destroyed_keys_not_listed", error=type(error).__name__)

    def relist(self, units: UnitOfWork) -> None:
        """Append all receipts of the database that the list has not, so that it ends with the database's newest."""
        with locked(self.path.parent), units.across_institutions(_WHY, read_only=True) as tx:
            known = {one.receipt.sha256 for one in self.lines() if one is not None and one.genuine}
            receipts = [receipt_of(row) for row in receipts_after(tx.session, 0)]
            last = self.last()
            missing = [one for one in receipts if one.sha256 not in known]
            if (
                not missing
                and receipts
                and last is not None
                and last.sha256 not in {r.sha256 for r in receipts}
            ):
                missing = receipts[-1:]
            if missing:
                self._append(b"".join(map(self._line, missing)))

    def at_start(self, engine: Engine, units: UnitOfWork) -> None:
        """Let a process start whose database knows all destructions of the list, and complete the list.

        Raises:
            Unavailable("backup_destructions_missing"): permanent; it is a backup from before some of them.
        """
        has_table = inspect(engine).has_table(KeyDestructionRow.__tablename__)
        if not self._applied(units, has_table=has_table):
            raise behind()
        if has_table:
            self.sync_if_possible(units)

    def _applied(self, units: UnitOfWork, *, has_table: bool) -> bool:
        last = self.last()
        if last is None or not has_table:
            return last is None
        with units.across_institutions(_WHY, read_only=True) as tx:
            return has_receipt(tx.session, last.sha256)

    def _append(self, content: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    # What a crash left of a line must not swallow the next one.
                    content = b"\n" + content
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _line(self, receipt: Receipt) -> bytes:
        said = receipt.to_json()
        return canonical_json({**said, "mark": self._mark(said)}) + b"\n"

    def _mark(self, said: dict[str, Any]) -> str:
        return hmac.new(self._mark_key, canonical_json(said), sha256).hexdigest()

    def _read(self, line: bytes) -> Listed | None:
        try:
            said = json.loads(line)
            mark = said.pop("mark")
            receipt = Receipt(said["receipt"], said["sha256"], said["key"], said["signature"])
            genuine = hmac.compare_digest(str(mark), self._mark(said))
            return Listed(receipt, genuine) if isinstance(receipt.body["number"], int) else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


def behind() -> Unavailable:
    """Return the refusal of a database that does not know what the list says was destroyed."""
    return Unavailable(
        "backup_destructions_missing",
        "数据库是较早的备份,其中有后来已销毁的密钥。请先运行 ./anxue privacy keys reapply 重新销毁,再启动。",
        permanent=True,
    )


def receipt_of(row: KeyDestructionRow) -> Receipt:
    """Return the row's receipt."""
    return Receipt(json.loads(row.body), row.sha256, row.signed_by, row.signature)
