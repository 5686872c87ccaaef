"""The receiver's signed receipt, checked at the sender's: with it the institution has left."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.archive.tables import ArchiveHandoverRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.ledger.signatures import PublicKey
from bridge.registry.leaving import Leavings
from bridge.registry.leaving_model import GONE, Leaving
from bridge.wiring.handover_model import MANIFEST, RECEIPT, ReceiverKind, Signed, read_signed
from bridge.wiring.handover_rows import count_rows, moved_tables

if TYPE_CHECKING:
    from bridge.wiring.house import House


def keep_receipt(
    house: "House", institution: InstitutionId, content: bytes, keys: Mapping[str, PublicKey]
) -> Signed:
    """Keep the receiver's receipt with the hand-over that it is for; the institution is handed over then.

    Told again it is the same receipt. Only the key counts that the manifest names.

    Args:
        keys: the receiver's, from its file.

    Raises:
        InvalidInput: handover_malformed, handover_unknown, handover_signature_wrong, handover_rows_differ (it took
            in less than was sent and does not say so), handover_receipted (another receipt is kept),
            leaving_step_wrong (the hand-over was taken back).
    """
    receipt = read_signed(content, RECEIPT)
    if not receipt.holds(keys):
        raise _signature_wrong()
    with house.uow.for_institution(institution) as tx:
        row = tx.session.scalar(
            select(ArchiveHandoverRow)
            .where(ArchiveHandoverRow.manifest_sha256 == receipt.body.get("manifest_sha256"))
            .with_for_update()
        )
        if row is None or receipt.body.get("handover") != row.id:
            raise InvalidInput("handover_unknown", "没有这份回执对应的移交。", http_status=404)
        manifest = read_signed(row.manifest.encode(), MANIFEST)
        if manifest.body["receiver_signs"] != receipt.signed_by:
            raise _signature_wrong()
        if receipt.body.get("counts") != _told(manifest):
            raise InvalidInput("handover_rows_differ", "回执所列的数量与清单不符,请接收方重新导入。")
        kept = receipt.to_bytes().decode()
        if row.receipt not in (None, kept):
            raise InvalidInput("handover_receipted", "这次移交已有另一份回执。", http_status=409)
        if row.receipt is None:
            row.receipt, row.receipt_at = kept, house.clock.now()
            if ReceiverKind(row.receiver_kind).gets_records:
                _hand_over(house, tx, row)
    return receipt


def changed_since(house: "House", institution: InstitutionId, handover: str) -> list[str]:
    """Return the tables that have not as many rows as when the package was packed: something came after it."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        row = tx.session.get(ArchiveHandoverRow, handover)
        if row is None:
            raise InvalidInput("handover_unknown", "没有这次移交。", http_status=404)
        counts = read_signed(row.manifest.encode(), MANIFEST).body["counts"]
        return [
            table.name
            for table in moved_tables()
            if count_rows(tx.session, table, institution) != counts.get(f"rows.{table.name}", 0)
        ]


def _hand_over(house: "House", tx: Tx, row: ArchiveHandoverRow) -> None:
    leavings = Leavings(tx, house.clock)
    if leavings.now() in GONE:
        # A second receiver's: the first one's made it final.
        return
    leavings.take(
        Leaving.HANDED_OVER, reason=f"接收回执 {row.id}", by=row.made_by, approved_by=row.approved_by
    )


def _told(manifest: Signed) -> dict[str, int]:
    """Return what a receipt of everything counts: logs are for reading, and nothing is nothing."""
    counts: dict[str, int] = manifest.body["counts"]
    return {name: number for name, number in counts.items() if number and not name.startswith("log.")}


def _signature_wrong() -> InvalidInput:
    return InvalidInput("handover_signature_wrong", "接收回执的签名不符。")
