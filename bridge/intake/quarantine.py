"""What could not be taken is set aside with its reason, so that what comes behind it goes on; nothing is forgotten.

Three kinds: a message that *arrived* and names whom or what nobody here knows yet, one that is *stored* and cannot be
read, and a *job* that gave up. Each can be replayed, discarded with a reason, and taken back from that.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.intake.contact import without_contact_text
from bridge.intake.model import InboxRecord
from bridge.intake.quarantine_model import HeldMessage, Kind, SetAside, State, Step
from bridge.intake.quarantine_tables import IntakeQuarantineRow, IntakeQuarantineStepRow
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, new_id
from lti.contact import without_citizen_ids

HELD = "intake.held"
"""Kind of the job that tries a held message again; its key is the quarantine's id."""
BRIDGE = "bridge"
"""Who takes the steps that nobody asked for."""
WAITING_REASONS = frozenset({"account_unknown", "unit_unknown"})
"""What may come right by itself: the person proves a name, the unit is registered."""
MOST_HELD = 20_000
"""Practice: of one institution, that wait; who sends more is told and must send again."""
MAX_NOTE = 300
_TABLE = IntakeQuarantineRow.__tablename__
_PAUSES = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
_TRIED_FOR = timedelta(days=60)
"""Practice: longer than any class run waits for its learners' real names."""


class Quarantine:
    """What one institution has set aside, in one unit of work."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher

    def hold(self, message: HeldMessage, reason: str) -> str | None:
        """Keep a message that arrived, once for each key; None if too many wait already."""
        key = _key(Kind.ARRIVED, f"{message.source}|{message.key}")
        known = self._known(key)
        if known is not None:
            if known.state == State.WAITING:
                self._note(known, reason)
            return known.id
        if self.counts().get(State.WAITING, 0) >= MOST_HELD:
            return None
        row = self._row(Kind.ARRIVED, key, message.source, reason)
        row.content = self._cipher.encrypt_text(
            canonical_json(message.value).decode(), table=_TABLE, row_id=row.id
        )
        row.original_sha256, row.verification = message.original_sha256, message.verification
        row.waits_for = message.waits_for
        row.next_try_at = self._next_try(row, reason)
        return self._added(row)

    def set_aside(self, record: InboxRecord, reason: str) -> str:
        """Note that a stored message cannot be read; again is only one more attempt."""
        key = _key(Kind.STORED, f"{record.chain}|{record.seq}")
        known = self._known(key)
        if known is None:
            row = self._row(Kind.STORED, key, record.source, reason)
            row.chain, row.seq = record.chain, record.seq
            return self._added(row)
        if known.state != State.DISCARDED:
            known.state = State.WAITING.value
            self._note(known, reason)
        return known.id

    def set_aside_job(self, job: Job, reason: str) -> str:
        """Note that a job gave up; one that was replayed and gives up again waits again."""
        key = _key(Kind.JOB, f"{job.kind}|{job.key}")
        known = self._known(key)
        if known is None:
            row = self._row(Kind.JOB, key, job.kind, reason)
            row.job = job.id
            return self._added(row)
        if known.state == State.TAKEN:
            known.state = State.WAITING.value
            self._step(known, "set_aside", by=BRIDGE)
        self._note(known, reason)
        return known.id

    def get(self, quarantine_id: str) -> SetAside:
        """Return it; InvalidInput("quarantine_unknown") for another institution's too."""
        return _set_aside(self._locked(quarantine_id))

    def list(
        self, *, state: State | None = State.WAITING, source: str | None = None, limit: int = 200
    ) -> Sequence[SetAside]:
        """Return what was set aside, newest first; `source` also by its part before the colon."""
        wanted = select(IntakeQuarantineRow)
        if state is not None:
            wanted = wanted.where(IntakeQuarantineRow.state == state)
        if source is not None:
            family = IntakeQuarantineRow.source.startswith(f"{source}:", autoescape=True)
            wanted = wanted.where((IntakeQuarantineRow.source == source) | family)
        newest = (IntakeQuarantineRow.set_aside_at.desc(), IntakeQuarantineRow.id.desc())
        return [_set_aside(row) for row in self._session.scalars(wanted.order_by(*newest).limit(limit))]

    def steps(self, quarantine_id: str) -> Sequence[Step]:
        """Return what was done over it, oldest first."""
        rows = self._session.scalars(
            select(IntakeQuarantineStepRow)
            .where(IntakeQuarantineStepRow.quarantine_id == quarantine_id)
            .order_by(IntakeQuarantineStepRow.at, IntakeQuarantineStepRow.id)
        )
        return [Step(row.what, row.reason, row.note, row.by, row.at) for row in rows]

    def counts(self) -> Mapping[str, int]:
        """Return how many there are in each state."""
        rows = self._session.execute(
            select(IntakeQuarantineRow.state, func.count()).group_by(IntakeQuarantineRow.state)
        )
        return {str(state): int(number) for state, number in rows}

    def held(self, quarantine_id: str) -> HeldMessage:
        """Return a message that arrived, with its content."""
        row = self._locked(quarantine_id)
        if row.content is None:
            raise InvalidInput("quarantine_kind", "这一项没有保存消息内容", http_status=409)
        value = json.loads(self._cipher.decrypt_text(row.content, table=_TABLE, row_id=row.id))
        return HeldMessage(
            row.source, str(value.get("id")), value, row.original_sha256 or "", row.verification or ""
        )

    def require_waiting(self, quarantine_id: str) -> SetAside:
        """Return it, locked; InvalidInput: quarantine_unknown, quarantine_not_waiting."""
        found = self.get(quarantine_id)
        if found.state is not State.WAITING:
            raise InvalidInput("quarantine_not_waiting", "这一项已处理过,不能再次处理", http_status=409)
        return found

    def note_taken(self, quarantine_id: str, *, by: str) -> None:
        """Keep that it was taken in after all; its content is not kept any longer."""
        row = self._locked(quarantine_id)
        row.state, row.next_try_at, row.content = State.TAKEN.value, None, None
        row.tried_at = self._tx.clock.now()
        self._step(row, "taken", by=by)

    def note_failed(self, quarantine_id: str, reason: str, *, by: str) -> None:
        """Keep that a replay came to nothing, and why."""
        row = self._locked(quarantine_id)
        self._note(row, reason)
        if by != BRIDGE:
            self._step(row, "tried", by=by)

    def discard(self, quarantine_id: str, *, by: str, note: str) -> None:
        """Give it up; it stays on record and can be taken back.

        Raises:
            InvalidInput: quarantine_unknown, quarantine_not_waiting, note_missing, note_contact.
        """
        said = _checked(note)
        self.require_waiting(quarantine_id)
        row = self._locked(quarantine_id)
        row.state, row.next_try_at = State.DISCARDED.value, None
        self._step(row, "discarded", by=by, note=said)

    def restore(self, quarantine_id: str, *, by: str, note: str = "") -> None:
        """Take back that it was given up; InvalidInput: quarantine_unknown, quarantine_not_discarded."""
        row = self._locked(quarantine_id)
        if row.state != State.DISCARDED:
            raise InvalidInput("quarantine_not_discarded", "这一项没有被放弃,无需撤销", http_status=409)
        said = _checked(note) if note else ""
        row.state = State.WAITING.value
        row.next_try_at = self._next_try(row, row.reason)
        self._step(row, "restored", by=by, note=said)

    def wake(self, references: Sequence[str]) -> None:
        """Have tried again at once what waits for one of these people."""
        if references:
            self._wake(IntakeQuarantineRow.waits_for.in_(references))

    def wake_units(self, registration: str) -> None:
        """Have tried again at once what waits for a unit of this platform."""
        self._wake(
            (IntakeQuarantineRow.source == f"webhook:{registration}")
            & (IntakeQuarantineRow.reason == "unit_unknown")
        )

    def holds(self, source: str, key: str) -> str | None:
        """Return under which id a message of the sender's own id waits; None if it does not."""
        return self._session.scalar(
            select(IntakeQuarantineRow.id).where(
                IntakeQuarantineRow.natural_key == _key(Kind.ARRIVED, f"{source}|{key}"),
                IntakeQuarantineRow.state == State.WAITING,
            )
        )

    def has_job(self, job: Job) -> bool:
        """Return whether the job is set aside and waits, or was given up."""
        known = self._known(_key(Kind.JOB, f"{job.kind}|{job.key}"))
        return known is not None and known.state != State.TAKEN

    def jobs_waiting(self) -> Sequence[SetAside]:
        """Return the jobs that are set aside."""
        rows = self._session.scalars(
            select(IntakeQuarantineRow).where(
                IntakeQuarantineRow.state == State.WAITING, IntakeQuarantineRow.kind == Kind.JOB
            )
        )
        return [_set_aside(row) for row in rows]

    def _wake(self, which: Any) -> None:
        rows = self._session.scalars(
            select(IntakeQuarantineRow.id).where(
                IntakeQuarantineRow.state == State.WAITING, IntakeQuarantineRow.kind == Kind.ARRIVED, which
            )
        )
        for quarantine_id in rows.all():
            self._tx.want(HELD, quarantine_id)

    def _row(self, kind: Kind, key: str, source: str, reason: str) -> IntakeQuarantineRow:
        now = self._tx.clock.now()
        return IntakeQuarantineRow(
            id=new_id("qua"),
            institution_id=self._tx.institution_id,
            kind=kind.value,
            natural_key=key,
            source=source,
            chain=None,
            seq=None,
            job=None,
            content=None,
            original_sha256=None,
            verification=None,
            waits_for=None,
            reason=reason[:64],
            attempts=1,
            state=State.WAITING.value,
            set_aside_at=now,
            tried_at=now,
            next_try_at=None,
        )

    def _added(self, row: IntakeQuarantineRow) -> str:
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            # Another unit of work set the same thing aside at the same time.
            known = self._known(row.natural_key)
            if known is None:
                raise
            return known.id
        self._step(row, "set_aside", by=BRIDGE)
        return row.id

    def _note(self, row: IntakeQuarantineRow, reason: str) -> None:
        row.reason, row.tried_at = reason[:64], self._tx.clock.now()
        row.attempts += 1
        row.next_try_at = self._next_try(row, reason)
        self._session.flush()

    def _next_try(self, row: IntakeQuarantineRow, reason: str) -> datetime | None:
        now = self._tx.clock.now()
        if row.kind != Kind.ARRIVED or reason not in WAITING_REASONS or now - row.set_aside_at > _TRIED_FOR:
            return None
        return now + _PAUSES[min(row.attempts, len(_PAUSES)) - 1]

    def _step(self, row: IntakeQuarantineRow, what: str, *, by: str, note: str = "") -> None:
        self._session.add(
            IntakeQuarantineStepRow(
                id=new_id("qst"),
                institution_id=self._tx.institution_id,
                quarantine_id=row.id,
                what=what,
                reason=row.reason,
                note=note,
                by=by,
                at=self._tx.clock.now(),
            )
        )
        self._session.flush()

    def _known(self, key: str) -> IntakeQuarantineRow | None:
        return self._session.scalar(
            select(IntakeQuarantineRow).where(IntakeQuarantineRow.natural_key == key).with_for_update()
        )

    def _locked(self, quarantine_id: str) -> IntakeQuarantineRow:
        row = self._session.scalar(
            select(IntakeQuarantineRow).where(IntakeQuarantineRow.id == quarantine_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        if row is None:
            raise InvalidInput("quarantine_unknown", "没有这一项,请核对编号", http_status=404)
        return row


def due_held(tx: Tx, limit: int = 200) -> Sequence[tuple[InstitutionId, str]]:
    """Return which held messages are to be tried now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(IntakeQuarantineRow.institution_id, IntakeQuarantineRow.id)
        .where(IntakeQuarantineRow.next_try_at <= tx.clock.now(), IntakeQuarantineRow.state == State.WAITING)
        .order_by(IntakeQuarantineRow.next_try_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), quarantine_id) for institution, quarantine_id in rows]


def institutions_with_jobs_set_aside(tx: Tx) -> Sequence[InstitutionId]:
    """Return whose jobs are set aside, in a unit of work over all institutions."""
    rows = tx.session.scalars(
        select(IntakeQuarantineRow.institution_id)
        .where(IntakeQuarantineRow.state == State.WAITING, IntakeQuarantineRow.kind == Kind.JOB)
        .distinct()
    )
    return [InstitutionId(one) for one in rows]


def _key(kind: Kind, text: str) -> str:
    return sha256_hex(f"{kind.value}|{text}".encode())


def _checked(note: str) -> str:
    said = note.strip()
    if not 2 <= len(said) <= MAX_NOTE or not said.isprintable():
        raise InvalidInput("note_missing", f"请写明原因,2–{MAX_NOTE} 字", http_status=422)
    if without_citizen_ids(without_contact_text(said)) != said:
        raise InvalidInput("note_contact", "原因中请勿填写电话、邮箱、身份证号等", http_status=422)
    return said


def _set_aside(row: IntakeQuarantineRow) -> SetAside:
    return SetAside(
        id=row.id,
        kind=Kind(row.kind),
        source=row.source,
        chain=row.chain,
        seq=row.seq,
        job=row.job,
        reason=row.reason,
        attempts=row.attempts,
        state=State(row.state),
        set_aside_at=row.set_aside_at,
        tried_at=row.tried_at,
        next_try_at=row.next_try_at,
    )
