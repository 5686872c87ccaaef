"""What a stored message claims, held against what the bridge has: nothing is ever doubled, nothing rewritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.outbox import EventRow
from bridge.db.unit_of_work import Tx
from bridge.intake.model import InboxRecord
from bridge.intake.normalisers import BatchClaim, Claim, EventClaim, StatementsClaim, tell
from bridge.intake.xapi.tables import XapiStatementRow
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import StudySessionId
from bridge.wiring.inbox_batches import laid_on_study_clock

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


class Outcome(StrEnum):
    """How a claim stands to what the bridge has of it."""

    SAME = "same"
    """It is there."""
    MISSING = "missing"
    """It is not there: it is told on, or entered."""
    DIFFERS = "differs"
    """It was taken with other content, which stays: only a correction changes what is recorded."""
    LOST = "lost"
    """The message names content that is not there any more."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """One claim of a message; `key` is its natural key."""

    outcome: Outcome
    key: str


class Claims:
    """Claims in one unit of work."""

    def __init__(self, tx: Tx, stations: "Stations") -> None:
        self._tx = tx
        self._stations = stations

    def weigh(self, claim: Claim) -> Sequence[Weighed]:
        """Return how the claim stands; nothing is changed."""
        if isinstance(claim, EventClaim):
            return [self._event(claim)]
        if isinstance(claim, BatchClaim):
            return [self._batch(claim)]
        return self._statements(claim)

    def take(self, record: InboxRecord, claim: Claim) -> Sequence[Weighed]:
        """Tell on or enter what is missing; return how it stood before."""
        weighed = self.weigh(claim)
        if all(one.outcome is not Outcome.MISSING for one in weighed):
            return weighed
        if isinstance(claim, EventClaim):
            tell(self._tx, claim, record.id)
        elif isinstance(claim, BatchClaim):
            session, batch = StudySessionId(claim.session), laid_on_study_clock(claim)
            ledger = self._stations.ledger
            # First what waits in its turn: entered out of turn, this one would be taken for the last.
            ledger.record_beats(session)
            ledger.record_batch(session, batch)
        return weighed

    def _event(self, claim: EventClaim) -> Weighed:
        key = f"{claim.type}|{claim.idempotency_key}"
        told = self._tx.session.scalar(
            select(EventRow.data).where(
                EventRow.institution_id == self._tx.institution_id,
                EventRow.type == claim.type,
                EventRow.idempotency_key == claim.idempotency_key,
            )
        )
        if told is None:
            return Weighed(Outcome.MISSING, key)
        same = canonical_json(told) == canonical_json(claim.data)
        return Weighed(Outcome.SAME if same else Outcome.DIFFERS, key)

    def _batch(self, claim: BatchClaim) -> Weighed:
        key = f"beats|{claim.session}|{claim.seq}"
        try:
            known = self._stations.ledger.is_recorded(
                StudySessionId(claim.session), laid_on_study_clock(claim)
            )
        except InvalidInput as fault:
            if fault.reason == "session_unknown":
                return Weighed(Outcome.LOST, key)
            if fault.reason != "ledger_entry_conflict":
                raise
            return Weighed(Outcome.DIFFERS, key)
        return Weighed(Outcome.SAME if known else Outcome.MISSING, key)

    def _statements(self, claim: StatementsClaim) -> Sequence[Weighed]:
        ids = [one for one, _sha256 in claim.statements]
        rows = self._tx.session.execute(
            select(XapiStatementRow.statement_id, XapiStatementRow.payload).where(
                XapiStatementRow.store == claim.store, XapiStatementRow.statement_id.in_(ids)
            )
        )
        kept = {statement: sha256_hex(payload.encode()) for statement, payload in rows}
        return [
            Weighed(
                Outcome.SAME if kept.get(statement) == sha256 else Outcome.LOST,
                f"statement|{claim.store}|{statement}",
            )
            for statement, sha256 in claim.statements
        ]
