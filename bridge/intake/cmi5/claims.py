"""What platforms and AUs claim of a learner's units, the last word of each kind. Claims are shown; none is credit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.intake.cmi5.tables import UnitClaimRow
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id


@dataclass(frozen=True, slots=True)
class UnitClaim:
    """One claim; see `UnitClaimRow`."""

    unit: str
    profile: str
    kind: str
    at: datetime
    value: Mapping[str, Any]
    statement_id: str


class UnitClaims:
    """The claims of one institution, in an open unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def note(self, learner: LearnerRef, class_run: ClassRunId, claim: UnitClaim) -> None:
        """Keep the claim in place of an earlier one of its kind."""
        row = self._row(learner, class_run, claim.unit, claim.profile, claim.kind)
        if row is None:
            row = UnitClaimRow(
                id=new_id("clm"),
                institution_id=self._tx.institution_id,
                learner=learner,
                class_run_id=class_run,
                unit=claim.unit,
                profile=claim.profile,
                kind=claim.kind,
            )
            self._tx.session.add(row)
        row.at = claim.at
        row.value = dict(claim.value)
        row.statement_id = claim.statement_id
        row.noted_at = self._tx.clock.now()
        self._tx.session.flush()

    def value(
        self, learner: LearnerRef, class_run: ClassRunId, unit: str, profile: str, kind: str
    ) -> Mapping[str, Any] | None:
        """Return what the claim of this kind holds; None if there is none."""
        row = self._row(learner, class_run, unit, profile, kind)
        return None if row is None else row.value

    def of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[UnitClaim]:
        """Return all claims of the learner's units, in the order of unit, profile and kind."""
        rows = self._tx.session.scalars(
            select(UnitClaimRow).where(
                UnitClaimRow.learner == learner, UnitClaimRow.class_run_id == class_run
            )
        )
        found = [UnitClaim(r.unit, r.profile, r.kind, r.at, r.value, r.statement_id) for r in rows]
        return sorted(found, key=lambda one: (one.unit, one.profile, one.kind))

    def _row(
        self, learner: LearnerRef, class_run: ClassRunId, unit: str, profile: str, kind: str
    ) -> UnitClaimRow | None:
        return self._tx.session.scalar(
            select(UnitClaimRow).where(
                UnitClaimRow.learner == learner,
                UnitClaimRow.class_run_id == class_run,
                UnitClaimRow.unit == unit,
                UnitClaimRow.profile == profile,
                UnitClaimRow.kind == kind,
            )
        )
