"""Snapshots held against the entries that they stand for; a snapshot that differs is named, never mended in silence."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.ledger.faults import LedgerFault
from bridge.ledger.model.entries import LedgerInvalid
from bridge.ledger.snapshot_store import LedgerSnapshotRow
from bridge.rules.model import NoRuleInForce

if TYPE_CHECKING:
    from bridge.wiring.house import House

_NOT_OURS = ("snapshot_not_ours", "快照不是本系统写入的(插入或改写),系统不会采用,可以删除")
_DIFFERS = ("snapshot_differs", "快照与全部台账重算的结果不符,请保留现场并查明原因")


def snapshots_of(
    house: "House", institution: str | None
) -> list[tuple[InstitutionId, LearnerRef, ClassRunId]]:
    """Return whose snapshots there are, of one institution or of all."""
    row = LedgerSnapshotRow
    with house.uow.across_institutions("which ledgers have a snapshot", read_only=True) as tx:
        rows = tx.session.execute(
            select(row.institution_id, row.learner_ref, row.class_run_id).order_by(
                row.institution_id, row.learner_ref, row.class_run_id
            )
        ).all()
    return [
        (InstitutionId(org), LearnerRef(learner), ClassRunId(run))
        for org, learner, run in rows
        if institution in (None, org)
    ]


def snapshot_fault(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId
) -> LedgerFault | None:
    """Return what is wrong with one snapshot; None if its ledger says the same."""
    differs: str | None = None
    # A chain that cannot be believed is named for itself, and without a rule nothing can be settled at all.
    with (
        suppress(LedgerInvalid, NoRuleInForce),
        house.uow.for_institution(institution, read_only=True) as tx,
    ):
        try:
            differs = house.at(tx).ledger.snapshot_differs(learner, class_run)
        except LedgerInvalid:
            raise
        except InvalidInput:
            differs = "mark"  # of a learner or class run that there is not
    if differs is None:
        return None
    code, sentence = _NOT_OURS if differs == "mark" else _DIFFERS
    return LedgerFault(
        code,
        institution,
        f"学员 {learner} 在班次 {class_run} 的台账:{sentence}(不符之处:{differs})。",
        learner=learner,
        class_run=class_run,
        what=(differs,),
    )


def snapshot_faults(house: "House", institution: str | None) -> Iterator[LedgerFault]:
    """Yield what is wrong with the snapshots of one institution or of all."""
    for owner in snapshots_of(house, institution):
        fault = snapshot_fault(house, *owner)
        if fault is not None:
            yield fault
