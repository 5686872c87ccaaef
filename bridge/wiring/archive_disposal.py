"""Ends a class run's archive once its term is over: all its evidence's keys, with one signed receipt over theirs."""

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.archive.disposal import Disposal
from bridge.archive.retention import Retention
from bridge.db.data_keys import DataKeyRow
from bridge.db.destruction import head_of, receipts_after
from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import legal_date
from bridge.registry.model import ClassRun
from bridge.wiring.archive_files import kept_until

if TYPE_CHECKING:
    from bridge.wiring.house import House


def objection(house: "House", tx: Tx, run: ClassRun) -> str | None:
    """Return why the class run's archive may not end today, as a sentence; None where it may."""
    kept = kept_until(house, run)
    if kept is None:
        return "没有有效的保存年限规定,档案不得销毁。"
    if not kept.over(legal_date(house.clock.now())):
        return f"保存期未满:至 {kept.last_day} 止不得销毁。"
    if house.at(tx).legal_holds.binds(run.id):
        return "有保全在生效,档案不得销毁。"
    return None


def propose(house: "House", institution: InstitutionId, class_run: ClassRunId, by: str) -> Disposal:
    """Propose the end of the class run's archive.

    Raises:
        InvalidInput: class_run_unknown; archive_not_over: the term is not over, or a hold binds.
    """
    with house.uow.for_institution(institution) as tx:
        kept = _allowed(house, tx, class_run)
        return house.at(tx).disposals.propose(class_run, kept, by)


def carry_out(house: "House", institution: InstitutionId, class_run: ClassRunId, by: str) -> int:
    """End the class run's archive as the second person; return how many keys were wiped.

    The identities of people, their ledgers and the register of papers stay: none of them opens anything here.

    Raises:
        InvalidInput: as `propose`; disposal_not_proposed, disposal_done.
        NotPermitted("second_person_required")
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        stations.legal_holds.take_turn(class_run)
        kept = _allowed(house, tx, class_run)
        found = stations.disposals.confirmable(class_run, by)
        house.receipts.turn(tx.session)
        before, _ = head_of(tx.session)
        keys = tx.session.scalars(
            select(DataKeyRow)
            .where(DataKeyRow.class_run_id == class_run, DataKeyRow.destroyed_at.is_(None))
            .order_by(DataKeyRow.id)
        ).all()
        for key in keys:
            scope = EvidenceScope(institution, key.subject, EvidencePurpose(key.purpose), class_run)
            stations.vault.destroy(scope, reason="archive_expired", by=by)
        written = [
            {"number": row.number, "sha256": row.sha256, "key": row.key_id, "pieces": _pieces(row.body)}
            for row in receipts_after(tx.session, before)
        ]
        body = stations.disposals.receipt_body(found, kept, by, written)
        signed_by, signature = house.ledger_keys.sign_within(tx.session, canonical_json(body))
        stations.disposals.keep(class_run, body, by, signed_by, signature)
    return len(keys)


def _allowed(house: "House", tx: Tx, class_run: ClassRunId) -> Retention:
    run = house.at(tx).registry.class_run(class_run)
    against = objection(house, tx, run)
    kept = kept_until(house, run)
    if against is not None or kept is None:
        raise InvalidInput("archive_not_over", against or "档案不得销毁。", http_status=409)
    return kept


def _pieces(body: str) -> int:
    return int(json.loads(body)["pieces"])
