"""Reading and writing changes to a person's record: values encrypted, numbers found by blind index."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.identity.change_model import VERSIONS, Change, ChangeKind, ChangeState, in_force
from bridge.identity.change_tables import IdentityChangeRow
from bridge.kernel.ids import EvidenceId, LearnerRef

_TABLE = IdentityChangeRow.__tablename__
_AT_MOST_MERGED = 20
"""Records of one human; a chain of merges that is longer was made by a fault."""


class SqlChanges:
    """Changes of one institution's people, within one unit of work."""

    def __init__(self, session: Session, cipher: FieldCipher, institution: str) -> None:
        self._session = session
        self._cipher = cipher
        self._institution = institution

    def add(self, change: Change) -> bool:
        """Add a proposed change.

        False, with nothing added, if one of its kind waits for this person already, or one to the same number for
        another person (`waits_elsewhere`).
        """
        row = IdentityChangeRow(
            id=change.id,
            institution_id=self._institution,
            kind=change.kind.value,
            learner=change.learner,
            other=change.other,
            value_enc=self._cipher.encrypt_text(change.value, table=_TABLE, row_id=change.id)
            if change.value
            else None,
            value_index=self.number_index(change.value) if change.kind is ChangeKind.DOCUMENT else None,
            from_date=None if change.from_date is None else change.from_date.isoformat(),
            reason=change.reason,
            evidence_kind=change.evidence_kind,
            evidence=change.evidence,
            evidence_sha256=change.evidence_sha256,
            evidence_type=change.evidence_type,
            proposed_by=change.proposed_by,
            proposed_at=change.proposed_at,
            state=change.state.value,
            decided_by=None,
            decided_at=None,
        )
        return self._flushed(row)

    def get(self, change_id: str) -> Change | None:
        """Return a change, locked until the unit of work ends."""
        row = self._session.scalar(
            select(IdentityChangeRow).where(IdentityChangeRow.id == change_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        return None if row is None else self._read(row)

    def decide(self, change_id: str, state: ChangeState, by: str, at: datetime) -> bool:
        """End a proposed change; False, with nothing changed, if another version begins on the same day."""
        row = self._session.get_one(IdentityChangeRow, change_id)
        try:
            with self._session.begin_nested():
                row.state, row.decided_by, row.decided_at = state.value, by, at
        except IntegrityError:
            return False
        return True

    def waits_elsewhere(self, learner: LearnerRef, number: str) -> bool:
        """Return whether a change of another person to a document of this number waits for its second person."""
        found = self._session.scalar(
            select(IdentityChangeRow.id)
            .where(
                IdentityChangeRow.kind == ChangeKind.DOCUMENT.value,
                IdentityChangeRow.state == ChangeState.PROPOSED.value,
                IdentityChangeRow.value_index == self.number_index(number),
                IdentityChangeRow.learner != learner,
            )
            .limit(1)
        )
        return found is not None

    def standing_merge(self, survivor: LearnerRef, other: LearnerRef) -> Change | None:
        """Return the merge by which `other` was given up for `survivor`, locked; None if none stands."""
        row = self._session.scalar(
            select(IdentityChangeRow)
            .where(IdentityChangeRow.learner == survivor, IdentityChangeRow.other == other, *_merged())
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        return None if row is None else self._read(row)

    def undo_merge(self, merge_id: str) -> None:
        """Let a merge stand no more; its evidence and its two people stay."""
        row = self._session.get_one(IdentityChangeRow, merge_id)
        row.state = ChangeState.UNDONE.value
        self._session.flush()

    def of(self, learner: LearnerRef) -> Sequence[Change]:
        """Return all changes to a record, oldest first, also those in which it was given up."""
        rows = self._session.scalars(
            select(IdentityChangeRow)
            .where(or_(IdentityChangeRow.learner == learner, IdentityChangeRow.other == learner))
            .order_by(IdentityChangeRow.proposed_at, IdentityChangeRow.id)
        )
        return [self._read(row) for row in rows]

    def value_on(
        self, learner: LearnerRef, kind: ChangeKind, on: date, known_at: datetime | None = None
    ) -> str | None:
        """Return what a record says of itself on a day; None where what it was made with is in force."""
        found = in_force((one for one in self.of(learner) if one.learner == learner), kind, on, known_at)
        return None if found is None else found.value

    def names_on(self, learners: Sequence[LearnerRef], on: date) -> Mapping[LearnerRef, str]:
        """Return the name in force on a day of those who changed theirs, in one query."""
        rows = self._session.scalars(
            select(IdentityChangeRow).where(
                IdentityChangeRow.learner.in_(learners),
                IdentityChangeRow.kind == ChangeKind.NAME.value,
                IdentityChangeRow.state == ChangeState.CONFIRMED.value,
            )
        )
        changes: dict[LearnerRef, list[Change]] = {}
        for row in rows:
            changes.setdefault(LearnerRef(row.learner), []).append(self._read(row))
        found = {learner: in_force(own, ChangeKind.NAME, on) for learner, own in changes.items()}
        return {learner: one.value for learner, one in found.items() if one is not None}

    def confirmed_values(self, learner: LearnerRef, kind: ChangeKind) -> Sequence[str]:
        """Return every confirmed value of a kind of version, whatever day it counts from."""
        return [
            one.value
            for one in self.of(learner)
            if one.learner == learner and one.kind is kind and one.state is ChangeState.CONFIRMED
        ]

    def learner_with(self, number: str) -> LearnerRef | None:
        """Return the record that has, or once had, a document of this number by a confirmed change."""
        found = self._session.scalar(
            select(IdentityChangeRow.learner)
            .where(
                IdentityChangeRow.kind == ChangeKind.DOCUMENT.value,
                IdentityChangeRow.state == ChangeState.CONFIRMED.value,
                IdentityChangeRow.value_index == self.number_index(number),
            )
            .limit(1)
        )
        return None if found is None else LearnerRef(found)

    def survivor_of(self, learner: LearnerRef) -> LearnerRef:
        """Return the record that goes on for the human of `learner`: itself, or the one that it was merged into."""
        for _ in range(_AT_MOST_MERGED):
            into = self._session.scalar(
                select(IdentityChangeRow.learner).where(IdentityChangeRow.other == learner, *_merged())
            )
            if into is None:
                return learner
            learner = LearnerRef(into)
        raise RuntimeError("records are merged in a circle")

    def records_of(self, learner: LearnerRef) -> Sequence[LearnerRef]:
        """Return all records of one human, the one that goes on first."""
        found = [self.survivor_of(learner)]
        for one in found:
            given_up = self._session.scalars(
                select(IdentityChangeRow.other)
                .where(IdentityChangeRow.learner == one, *_merged())
                .order_by(IdentityChangeRow.decided_at, IdentityChangeRow.id)
            )
            found.extend(LearnerRef(other) for other in given_up if other is not None and other not in found)
        return found

    def number_index(self, number: str) -> str:
        """Return the blind index of a document's number, the same as that of the tables of people and lists."""
        return self._cipher.blind_index(number, domain=f"{self._institution}:citizen_id")

    def _flushed(self, row: IdentityChangeRow) -> bool:
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    def _read(self, row: IdentityChangeRow) -> Change:
        kind = ChangeKind(row.kind)
        value = ""
        if row.value_enc is not None:
            value = self._cipher.decrypt_text(row.value_enc, table=_TABLE, row_id=row.id)
        return Change(
            row.id,
            kind,
            LearnerRef(row.learner),
            row.other,
            value,
            date.fromisoformat(row.from_date) if kind in VERSIONS and row.from_date else None,
            row.reason,
            row.evidence_kind,
            None if row.evidence is None else EvidenceId(row.evidence),
            row.evidence_sha256,
            row.evidence_type,
            row.proposed_by,
            row.proposed_at,
            ChangeState(row.state),
            row.decided_by,
            row.decided_at,
        )


def _merged() -> tuple[ColumnElement[bool], ...]:
    return (
        IdentityChangeRow.kind == ChangeKind.MERGE.value,
        IdentityChangeRow.state == ChangeState.CONFIRMED.value,
    )
