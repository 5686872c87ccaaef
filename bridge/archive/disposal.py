"""The end of a class run's archive: proposed by one person, carried out by another, kept with its signed receipt."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from bridge.archive.retention import Retention
from bridge.archive.tables import ArchiveDisposalRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, new_id
from bridge.kernel.time import Clock, rfc3339

RECEIPT = "anxue-archive-disposal"


@dataclass(frozen=True, slots=True)
class Disposal:
    """A proposal, or what became of it."""

    class_run: ClassRunId
    due_on: date
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None

    @property
    def done(self) -> bool:
        """Return whether it was carried out."""
        return self.confirmed_at is not None


class Disposals:
    """Disposals of one institution, within one unit of work."""

    def __init__(self, tx: Tx, clock: Clock) -> None:
        self._tx = tx
        self._clock = clock

    def of(self, class_run: ClassRunId) -> Disposal | None:
        """Return the class run's disposal, or None."""
        row = self._row(class_run)
        return None if row is None else _disposal(row)

    def propose(self, class_run: ClassRunId, retention: Retention, by: str) -> Disposal:
        """Propose it; told again by anyone it is the same proposal, and stays the first person's."""
        row = self._row(class_run)
        if row is None:
            row = ArchiveDisposalRow(
                id=new_id("disp"),
                institution_id=self._tx.institution_id,
                class_run_id=class_run,
                due_on=retention.last_day,
                rule=retention.facts(),
                proposed_by=by,
                proposed_at=self._clock.now(),
            )
            self._tx.session.add(row)
            self._tx.session.flush()
        return _disposal(row)

    def confirmable(self, class_run: ClassRunId, by: str) -> Disposal:
        """Return the proposal that `by` may carry out, locked.

        Raises:
            InvalidInput: disposal_not_proposed, disposal_done.
            NotPermitted("second_person_required")
        """
        row = self._row(class_run, for_update=True)
        if row is None:
            raise InvalidInput("disposal_not_proposed", "没有人提出销毁这个班次的档案。", http_status=409)
        if row.confirmed_at is not None:
            raise InvalidInput("disposal_done", "这个班次的档案已经销毁。", http_status=409)
        if row.proposed_by == by:
            raise NotPermitted("second_person_required", "须由另一名工作人员确认,提出的人不能自己确认。")
        return _disposal(row)

    def receipt_body(
        self, found: Disposal, retention: Retention, by: str, keys: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return what is signed; it names nobody but staff, by id.

        Args:
            keys: number, SHA-256 and pieces of each key destruction's own receipt.
        """
        return {
            "type": RECEIPT,
            "v": 1,
            "institution": self._tx.institution_id,
            "class_run": found.class_run,
            "rule": retention.facts(),
            "proposed_by": found.proposed_by,
            "proposed_at": rfc3339(found.proposed_at),
            "confirmed_by": by,
            "confirmed_at": rfc3339(self._clock.now()),
            "keys": keys,
            "pieces": sum(int(one["pieces"]) for one in keys),
        }

    def keep(
        self, class_run: ClassRunId, body: dict[str, Any], by: str, signed_by: str, signature: str
    ) -> None:
        """Keep the signed receipt with who carried it out."""
        row = self._row(class_run)
        if row is None:
            raise RuntimeError("a disposal is carried out once it was proposed")
        content = canonical_json(body)
        row.confirmed_by, row.confirmed_at = by, self._clock.now()
        row.receipt, row.sha256 = content.decode(), sha256_hex(content)
        row.signed_by, row.signature = signed_by, signature
        self._tx.session.flush()

    def receipt(self, class_run: ClassRunId) -> bytes:
        """Return the signed receipt as JSON; InvalidInput("disposal_unknown")."""
        row = self._row(class_run)
        if row is None or row.receipt is None:
            raise InvalidInput("disposal_unknown", "这个班次没有销毁回执。", http_status=404)
        said = {
            "receipt": json.loads(row.receipt),
            "sha256": row.sha256,
            "key": row.signed_by,
            "signature": row.signature,
        }
        return (json.dumps(said, ensure_ascii=False, indent=2) + "\n").encode()

    def _row(self, class_run: ClassRunId, *, for_update: bool = False) -> ArchiveDisposalRow | None:
        wanted = select(ArchiveDisposalRow).where(ArchiveDisposalRow.class_run_id == class_run)
        if for_update:
            wanted = wanted.with_for_update().execution_options(populate_existing=True)
        return self._tx.session.scalar(wanted)


def _disposal(row: ArchiveDisposalRow) -> Disposal:
    return Disposal(
        ClassRunId(row.class_run_id),
        row.due_on,
        row.proposed_by,
        row.proposed_at,
        row.confirmed_by,
        row.confirmed_at,
    )
