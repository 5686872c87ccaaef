"""Study sessions, checks, frames and references of one institution, in an open unit of work."""

import json
from typing import Any

from sqlalchemy import (
    delete,
    func,
    select,
    update,
)

from bridge.db.prepared import Question
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import (
    CheckId,
    ClassRunId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    StudySessionId,
)
from bridge.presence.model import (
    Activity,
    CheckKind,
    CheckState,
    FaceFrame,
    FaceReference,
    PresenceCheck,
    SeenCheck,
    StudySession,
)
from bridge.presence.movement import Asked
from bridge.presence.search.model import SEARCH_WAITING, place_of
from bridge.presence.statements import (
    ASKED_SAVED,
    BATCH_SAVED,
    FRAME_ADDED,
    FRAME_KNOWN,
    REFERENCE_OF,
    SEEN,
    SESSION_LOCKED,
    SESSION_OF_CHECK,
)
from bridge.presence.tables import FaceFrameRow, FaceReferenceRow, PresenceCheckRow, StudySessionRow
from bridge.presence.waiting import LastEnd


def _listed(value: Any) -> list[str]:
    """Return a JSON list as the driver hands it over: SQLite's as its text."""
    found: list[str] = json.loads(value) if isinstance(value, str) else value
    return found


def _asked(value: Any) -> Asked | None:
    """Return the movement of a JSON column, as `_listed`."""
    stored = json.loads(value) if isinstance(value, str) else value
    return None if stored is None else Asked.from_json(stored)


def _session(row: Any) -> StudySession:
    return StudySession(
        id=StudySessionId(row.id),
        learner=LearnerRef(row.learner),
        class_run=ClassRunId(row.class_run),
        unit=CourseUnitId(row.unit),
        activity=Activity(row.activity),
        attempt=row.attempt,
        account_id=row.account_id,
        open=bool(row.open),
        opened_ms=row.opened_ms,
        next_seq=row.next_seq,
        last_batch_sha256=row.last_batch_sha256,
        last_received_ms=row.last_received_ms,
        chain_seq=row.chain_seq,
        chain_hash=row.chain_hash,
        next_due_ms=row.next_due_ms,
        credited_seconds=row.credited_seconds,
        provisional_seconds=row.provisional_seconds,
        refused_seconds=row.refused_seconds,
        closed_reason=row.closed_reason,
        next_prompt_ms=row.next_prompt_ms,
        prompt_idle_ms=row.prompt_idle_ms,
        attended_ms=row.attended_ms,
        news=row.news,
        orders=row.orders,
        method=row.method,
    )


def _check(row: PresenceCheckRow) -> PresenceCheck:
    return PresenceCheck(
        id=CheckId(row.id),
        session=StudySessionId(row.session),
        learner=LearnerRef(row.learner),
        class_run=ClassRunId(row.class_run),
        kind=CheckKind(row.kind),
        due_ms=row.due_ms,
        opened_ms=row.opened_ms,
        answer_by_ms=row.answer_by_ms,
        attempts_left=row.attempts_left,
        state=CheckState(row.state),
        nonce=row.nonce,
        verdicts=tuple(_listed(row.verdicts)),
        reference=row.reference,
        with_movement=bool(row.with_movement),
        asked=_asked(row.asked),
    )


class SqlPresenceStore:
    """`PresenceStore` on the unit of work's database."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._db = tx.session

    def add_session(self, session: StudySession, secret_sha256: str, token_id: str) -> bool:
        if self._db.scalar(select(StudySessionRow.id).where(StudySessionRow.token_id == token_id)):
            return False
        values = {name: getattr(session, name) for name in StudySession.__slots__}
        self._db.add(
            StudySessionRow(
                **{**values, "activity": session.activity.value},
                institution_id=self._tx.institution_id,
                secret_sha256=secret_sha256,
                token_id=token_id,
            )
        )
        self._db.flush()
        return True

    def session(self, session_id: StudySessionId) -> tuple[StudySession, str] | None:
        # Core, not ORM: this is the hot path of every beat. The lock keeps a session's batches in a row.
        row = SESSION_LOCKED.row(self._db, {"session_id": session_id, "institution": self._tx.institution_id})
        return None if row is None else (_session(row), row.secret_sha256)

    def whose(self, session_id: StudySessionId) -> tuple[LearnerRef, ClassRunId, CourseUnitId, str] | None:
        """Return learner, class run, unit and activity of a session, which never change; nothing is locked."""
        row = self._db.execute(
            select(
                StudySessionRow.learner,
                StudySessionRow.class_run,
                StudySessionRow.unit,
                StudySessionRow.activity,
            ).where(StudySessionRow.id == session_id)
        ).one_or_none()
        if row is None:
            return None
        return LearnerRef(row.learner), ClassRunId(row.class_run), CourseUnitId(row.unit), row.activity

    @property
    def _sqlite(self) -> bool:
        return self._db.get_bind().dialect.name == "sqlite"

    def save_batch(self, session: StudySession) -> None:
        BATCH_SAVED.run(
            self._db,
            {
                "session_id": session.id,
                "institution": self._tx.institution_id,
                "next_seq": session.next_seq,
                "last_batch_sha256": session.last_batch_sha256,
                "last_received_ms": session.last_received_ms,
                "chain_seq": session.chain_seq,
                "chain_hash": session.chain_hash,
                "next_due_ms": session.next_due_ms,
            },
        )

    def save_session(self, session: StudySession) -> None:
        values = {name: getattr(session, name) for name in StudySession.__slots__ if name != "id"}
        self._db.execute(
            update(StudySessionRow)
            .where(StudySessionRow.id == session.id)
            .values({**values, "activity": session.activity.value})
        )

    def note_totals(
        self, learner: LearnerRef, class_run: ClassRunId, credited: int, provisional: int, refused: int
    ) -> None:
        """Keep a learner's totals (seconds) on the open sessions, to be told in the next reply."""
        self._db.execute(
            update(StudySessionRow)
            .where(
                StudySessionRow.learner == learner,
                StudySessionRow.class_run == class_run,
                StudySessionRow.open.is_(True),
            )
            .values(credited_seconds=credited, provisional_seconds=provisional, refused_seconds=refused)
        )

    def open_sessions(self, learner: LearnerRef) -> list[StudySession]:
        if not self._sqlite:
            # Rows can only be locked once they are there; two devices that begin at once queue up here.
            self._db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(learner, 0))))
        rows = self._db.scalars(
            select(StudySessionRow)
            .where(StudySessionRow.learner == learner, StudySessionRow.open.is_(True))
            .with_for_update()
        )
        return [_session(row) for row in rows]

    def sessions_of_attempt(
        self, learner: LearnerRef, class_run: ClassRunId, attempt: str
    ) -> list[StudySession]:
        """Return the test sessions of one attempt, oldest first."""
        rows = self._db.scalars(
            select(StudySessionRow)
            .where(
                StudySessionRow.learner == learner,
                StudySessionRow.class_run == class_run,
                StudySessionRow.activity == Activity.TEST.value,
                StudySessionRow.attempt == attempt,
            )
            .order_by(StudySessionRow.opened_ms)
        )
        return [_session(row) for row in rows]

    def add_check(self, check: PresenceCheck) -> None:
        self._db.add(
            PresenceCheckRow(institution_id=self._tx.institution_id, decided_ms=None, **_columns(check))
        )
        self._db.flush()

    def check(self, check_id: CheckId) -> PresenceCheck | None:
        # One order of locks, session before check, which is a batch's order too: else two could wait for each other.
        self.which_session_of(check_id).row(self._db)
        row = self._db.get(PresenceCheckRow, check_id, populate_existing=True)
        return None if row is None else _check(row)

    def seen(self, check_id: CheckId, *, locked: bool = False) -> SeenCheck | None:
        if locked:
            # A statement of its own: one that had to wait for its lock still reads other rows as they were before.
            self.which_session_of(check_id).row(self._db)
        row = self.which_check(check_id).row(self._db)
        if row is None:
            return None
        return SeenCheck(_check(row), Activity(row.activity), row.secret_sha256, row.waiting, row.said or "")

    def which_check(self, check_id: CheckId) -> Question:
        """Return what `seen` asks the database."""
        # Prepared: a page asks for it several times a second while its frame is judged.
        return Question(SEEN, {"check_id": check_id, "institution": self._tx.institution_id})

    def which_session_of(self, check_id: CheckId) -> Question:
        """Return what `seen` locks before it asks: the session of the check, as a batch does."""
        return Question(SESSION_OF_CHECK, {"check_id": check_id, "institution": self._tx.institution_id})

    def open_check(self, session_id: StudySessionId) -> PresenceCheck | None:
        row = self._db.scalars(
            select(PresenceCheckRow).where(
                PresenceCheckRow.session == session_id, PresenceCheckRow.state == CheckState.OPEN.value
            )
        ).one_or_none()
        return None if row is None else _check(row)

    def save_check(self, check: PresenceCheck, decided_ms: int | None) -> None:
        row = self._db.get_one(PresenceCheckRow, check.id)
        for name, value in _columns(check).items():
            setattr(row, name, value)
        row.decided_ms = decided_ms
        self._db.flush()

    def save_asked(self, check: PresenceCheck) -> None:
        values = {"check_id": check.id, "institution": self._tx.institution_id}
        ASKED_SAVED.run(self._db, {**values, "now_asked": check.asked and check.asked.as_json()})

    def last_passed_ms(self, session_id: StudySessionId) -> int | None:
        return self._db.scalar(
            select(func.max(PresenceCheckRow.decided_ms)).where(
                PresenceCheckRow.session == session_id, PresenceCheckRow.state == CheckState.PASSED.value
            )
        )

    def last_end(self, session_id: StudySessionId) -> LastEnd | None:
        """Return how the session's latest decided check ended; None if none was decided."""
        row = self._db.execute(
            select(PresenceCheckRow.state, PresenceCheckRow.decided_ms)
            .where(PresenceCheckRow.session == session_id, PresenceCheckRow.decided_ms.is_not(None))
            .order_by(PresenceCheckRow.decided_ms.desc(), PresenceCheckRow.opened_ms.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else LastEnd(CheckState(row.state), row.decided_ms)

    def checks_of(self, learner: LearnerRef, class_run: ClassRunId) -> list[PresenceCheck]:
        """Return all checks of a learner in a class run, oldest first."""
        rows = self._db.scalars(
            select(PresenceCheckRow)
            .where(PresenceCheckRow.learner == learner, PresenceCheckRow.class_run == class_run)
            .order_by(PresenceCheckRow.opened_ms, PresenceCheckRow.id)
        )
        return [_check(row) for row in rows]

    def checks_of_session(self, session_id: StudySessionId) -> list[PresenceCheck]:
        rows = self._db.scalars(
            select(PresenceCheckRow)
            .where(PresenceCheckRow.session == session_id)
            .order_by(PresenceCheckRow.opened_ms)
        )
        return [_check(row) for row in rows]

    def waiting_frames(self, check_id: CheckId) -> int:
        return (
            self._db.scalar(
                select(func.count())
                .select_from(FaceFrameRow)
                .where(FaceFrameRow.check_id == check_id, FaceFrameRow.verdict.is_(None))
            )
            or 0
        )

    def last_message(self, check_id: CheckId) -> str:
        """Return what the learner was told about the last judged frame of the check; "" if none was judged."""
        return (
            self._db.scalar(
                select(FaceFrameRow.message)
                .where(FaceFrameRow.check_id == check_id, FaceFrameRow.verdict.is_not(None))
                .order_by(FaceFrameRow.received_real.desc())
                .limit(1)
            )
            or ""
        )

    def frame_known(self, learner: LearnerRef, sha256: str) -> bool:
        return self.which_frame(learner, sha256).row(self._db) is not None

    def which_frame(self, learner: LearnerRef, sha256: str) -> Question:
        """Return what `frame_known` asks the database."""
        values = {"institution": self._tx.institution_id, "learner": learner, "sha256": sha256}
        return Question(FRAME_KNOWN, values)

    def add_frame(self, frame: FaceFrame) -> bool:
        values = {name: getattr(frame, name) for name in FaceFrame.__slots__}
        return FRAME_ADDED.row(self._db, {**values, "institution_id": self._tx.institution_id}) is not None

    def frame(self, frame_id: str) -> FaceFrame | None:
        row = self._db.get(FaceFrameRow, frame_id, with_for_update=True)
        return None if row is None else _frame(row)

    def save_frame(self, frame: FaceFrame) -> None:
        row = self._db.get_one(FaceFrameRow, frame.id)
        for name in FaceFrame.__slots__:
            setattr(row, name, getattr(frame, name))
        self._db.flush()

    def frames_of_check(self, check_id: CheckId) -> list[FaceFrame]:
        """Return the frames of one check, oldest first."""
        rows = self._db.scalars(
            select(FaceFrameRow)
            .where(FaceFrameRow.check_id == check_id)
            .order_by(FaceFrameRow.received_real, FaceFrameRow.id)
        )
        return [_frame(row) for row in rows]

    def frames_of(self, learner: LearnerRef, class_run: ClassRunId) -> list[FaceFrame]:
        """Return all frames of a learner in a class run, oldest first."""
        rows = self._db.scalars(
            select(FaceFrameRow)
            .where(FaceFrameRow.learner == learner, FaceFrameRow.class_run == class_run)
            .order_by(FaceFrameRow.received_real)
        )
        return [_frame(row) for row in rows]

    def reference(self, learner: LearnerRef, class_run: ClassRunId) -> FaceReference | None:
        row = self.which_reference(learner, class_run).row(self._db)
        if row is None:
            return None
        values = {name: getattr(row, name) for name in FaceReference.__slots__}
        return FaceReference(**{**values, "templates": tuple(row.templates)})

    def which_reference(self, learner: LearnerRef, class_run: ClassRunId) -> Question:
        """Return what `reference` asks the database."""
        values = {"institution": self._tx.institution_id, "learner": learner, "class_run": class_run}
        return Question(REFERENCE_OF, values)

    def save_reference(self, reference: FaceReference) -> None:
        values = {name: getattr(reference, name) for name in FaceReference.__slots__}
        self._db.merge(
            FaceReferenceRow(
                institution_id=self._tx.institution_id,
                **{**values, "templates": list(reference.templates)},
            )
        )
        self._db.flush()
        # Whoever keeps a reference, by whatever road: it is searched where that is allowed.
        self._tx.want(SEARCH_WAITING, place_of(reference.learner, reference.class_run))

    def forget_references(self, learner: LearnerRef) -> None:
        """Delete the learner's references; their templates are evidence and end with their key."""
        self._db.execute(delete(FaceReferenceRow).where(FaceReferenceRow.learner == learner))


def _frame(row: FaceFrameRow) -> FaceFrame:
    return FaceFrame(**{name: getattr(row, name) for name in FaceFrame.__slots__})


def _columns(check: PresenceCheck) -> dict[str, Any]:
    values = {name: getattr(check, name) for name in PresenceCheck.__slots__}
    return {
        **values,
        "kind": check.kind.value,
        "state": check.state.value,
        "verdicts": list(check.verdicts),
        "asked": None if check.asked is None else check.asked.as_json(),
    }


def open_checks(tx: Tx) -> int:
    """Return how many checks are open over all institutions."""
    return (
        tx.session.scalar(
            select(func.count())
            .select_from(PresenceCheckRow)
            .where(PresenceCheckRow.state == CheckState.OPEN.value)
        )
        or 0
    )


def overdue_checks(tx: Tx, now_ms: int) -> list[tuple[InstitutionId, CheckId]]:
    """Return the open checks, of all institutions, whose answer window is over."""
    rows = tx.session.execute(
        select(PresenceCheckRow.institution_id, PresenceCheckRow.id)
        .where(PresenceCheckRow.state == CheckState.OPEN.value, PresenceCheckRow.answer_by_ms <= now_ms)
        .limit(500)
    )
    return [(InstitutionId(institution), CheckId(check)) for institution, check in rows]
