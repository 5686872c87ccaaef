"""How a person's binding ends, and whether a record has anything in a class run: for merges and for their undoing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations

EndSessions = Callable[[Tx, InstitutionId, str], None]
"""Ends the pages that are open under an account."""

ENDED_BY_STAFF = "account_released"


def end_binding(
    tx: Tx,
    stations: "Stations",
    learner: LearnerRef,
    account: str,
    reason: str,
    by: str,
    end_sessions: EndSessions,
) -> None:
    """End a binding with all that is open under the account."""
    stations.identity.release_account(account, reason=reason, by=by)
    stations.presence.end_study(learner, ENDED_BY_STAFF)
    end_sessions(tx, tx.institution_id, account)


def counts(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> bool:
    """Return whether the record has, or may yet have, time or a paper in the class run."""
    said = stations.ledger.statement(learner, class_run)
    figures = said.figures
    kept = figures.credited_ms + figures.provisional_ms + figures.frozen_ms + figures.pending_ms
    return bool(kept or said.offline or stations.completion_store.papers(learner, class_run))
