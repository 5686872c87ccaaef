"""The gate's rows in, frozen dataclasses out."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, exists, func, not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import (
    ClassRunId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    RegistrationId,
    StudySessionId,
)
from bridge.presence.gate.model import (
    AttemptState,
    ControlAction,
    ControlEndpointFacts,
    ControlState,
    EndedBy,
    ExamGrant,
    GateOrigin,
    GrantState,
    TestAttempt,
    WatchedSession,
)
from bridge.presence.gate.tables import ExamGrantRow, TestAttemptRow, TestControlRow
from bridge.presence.model import Activity, PresenceCheck
from bridge.presence.store import SqlPresenceStore
from bridge.presence.tables import FaceFrameRow, StudySessionRow

_TABLE = TestAttemptRow.__tablename__


class SqlGateStore:
    """`ports.GateStore` on the unit of work's database."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._db = tx.session
        self._cipher = cipher
        self._presence = SqlPresenceStore(tx)

    def add(self, attempt: TestAttempt) -> bool:
        row = TestAttemptRow(
            institution_id=self._tx.institution_id, message_enc=None, **_attempt_columns(attempt)
        )
        try:
            with self._db.begin_nested():
                self._db.add(row)
        except IntegrityError:
            return False
        return True

    def get(self, attempt_id: str) -> TestAttempt | None:
        row = self._db.scalar(
            select(TestAttemptRow).where(TestAttemptRow.id == attempt_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        return None if row is None else _attempt(row)

    def read(self, attempt_id: str) -> TestAttempt | None:
        row = self._db.scalar(select(TestAttemptRow).where(TestAttemptRow.id == attempt_id))
        return None if row is None else _attempt(row)

    def find(self, account_id: str, attempt: str) -> TestAttempt | None:
        row = self._db.scalar(
            select(TestAttemptRow).where(
                TestAttemptRow.account_id == account_id, TestAttemptRow.attempt == attempt
            )
        )
        return None if row is None else _attempt(row)

    def latest(
        self, account_id: str, registration: RegistrationId, *, attempt_number: int | None = None
    ) -> TestAttempt | None:
        wanted = [TestAttemptRow.account_id == account_id, TestAttemptRow.registration == registration]
        if attempt_number is not None:
            wanted.append(TestAttemptRow.attempt_number == str(attempt_number))
        row = self._db.scalar(
            select(TestAttemptRow)
            .where(*wanted)
            .order_by(TestAttemptRow.asked_at.desc(), TestAttemptRow.id.desc())
            .limit(1)
        )
        return None if row is None else _attempt(row)

    def open_at_link(
        self, account_id: str, registration: RegistrationId, deployment_id: str, resource_link_id: str
    ) -> TestAttempt | None:
        row = self._db.scalar(
            select(TestAttemptRow)
            .where(
                TestAttemptRow.account_id == account_id,
                TestAttemptRow.registration == registration,
                TestAttemptRow.deployment_id == deployment_id,
                TestAttemptRow.resource_link_id == resource_link_id,
                TestAttemptRow.origin == GateOrigin.LINK.value,
                TestAttemptRow.state != AttemptState.ENDED.value,
            )
            .order_by(TestAttemptRow.asked_at.desc())
            .limit(1)
        )
        return None if row is None else _attempt(row)

    def of_learner(self, learner: LearnerRef, attempt: str) -> TestAttempt | None:
        row = self._db.scalar(
            select(TestAttemptRow).where(TestAttemptRow.learner == learner, TestAttemptRow.attempt == attempt)
        )
        return None if row is None else _attempt(row)

    def running_of(
        self, learner: LearnerRef, class_run: ClassRunId, unit: CourseUnitId
    ) -> TestAttempt | None:
        row = self._db.scalar(
            select(TestAttemptRow)
            .where(
                TestAttemptRow.learner == learner,
                TestAttemptRow.class_run == class_run,
                TestAttemptRow.unit == unit,
                TestAttemptRow.state == AttemptState.RUNNING.value,
            )
            .order_by(TestAttemptRow.asked_at.desc())
            .limit(1)
        )
        return None if row is None else _attempt(row)

    def of_class_run(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[TestAttempt]:
        """Return the learner's attempts in a class run, oldest first."""
        rows = self._db.scalars(
            select(TestAttemptRow)
            .where(TestAttemptRow.learner == learner, TestAttemptRow.class_run == class_run)
            .order_by(TestAttemptRow.asked_at, TestAttemptRow.id)
        )
        return [_attempt(row) for row in rows]

    def attempts_within(
        self, learner: LearnerRef, class_run: ClassRunId, unit: str, start: datetime, finish: datetime
    ) -> Sequence[TestAttempt]:
        """Return the attempts whose running touches [start, finish], real clock, oldest first."""
        rows = self._db.scalars(
            select(TestAttemptRow)
            .where(
                TestAttemptRow.learner == learner,
                TestAttemptRow.class_run == class_run,
                TestAttemptRow.unit == unit,
                TestAttemptRow.started_at <= finish,
            )
            .order_by(TestAttemptRow.started_at)
        )
        return [_attempt(row) for row in rows if row.ended_at is None or row.ended_at >= start]

    def save(self, attempt: TestAttempt) -> None:
        row = self._db.get_one(TestAttemptRow, attempt.id)
        for name, value in _attempt_columns(attempt).items():
            setattr(row, name, value)
        self._db.flush()

    def keep_message(self, attempt_id: str, message: str | None) -> None:
        row = self._db.get_one(TestAttemptRow, attempt_id)
        sealed = None if message is None else self._cipher.encrypt_text(message, table=_TABLE, row_id=row.id)
        row.message_enc = sealed
        self._db.flush()

    def message(self, attempt_id: str) -> str | None:
        row = self._db.get_one(TestAttemptRow, attempt_id)
        if row.message_enc is None:
            return None
        return self._cipher.decrypt_text(row.message_enc, table=_TABLE, row_id=row.id)

    def session(self, session_id: StudySessionId) -> WatchedSession | None:
        row = self._db.execute(
            select(
                StudySessionRow.id,
                StudySessionRow.learner,
                StudySessionRow.class_run,
                StudySessionRow.unit,
                StudySessionRow.attempt,
                StudySessionRow.open,
            ).where(StudySessionRow.id == session_id)
        ).one_or_none()
        if row is None:
            return None
        return WatchedSession(
            StudySessionId(row.id),
            LearnerRef(row.learner),
            ClassRunId(row.class_run),
            CourseUnitId(row.unit),
            row.attempt,
            row.open,
        )

    def checks(self, session_id: StudySessionId) -> Sequence[PresenceCheck]:
        return self._presence.checks_of_session(session_id)

    def best_likeness(self, check_id: str) -> float | None:
        return self._db.scalar(select(func.max(FaceFrameRow.score)).where(FaceFrameRow.check_id == check_id))

    def last_heard_ms(self, attempt: TestAttempt) -> int | None:
        heard = func.coalesce(StudySessionRow.last_received_ms, StudySessionRow.opened_ms)
        return self._db.scalar(
            select(func.max(heard)).where(
                StudySessionRow.learner == attempt.learner,
                StudySessionRow.class_run == attempt.class_run,
                StudySessionRow.unit == attempt.unit,
                StudySessionRow.activity == Activity.TEST.value,
                StudySessionRow.open.is_(True),
            )
        )

    def add_control(self, control: ControlAction) -> bool:
        row = TestControlRow(institution_id=self._tx.institution_id, **_control_columns(control))
        try:
            with self._db.begin_nested():
                self._db.add(row)
        except IntegrityError:
            return False
        return True

    def next_control(self, attempt_id: str) -> ControlAction | None:
        row = self._db.scalar(
            select(TestControlRow)
            .where(
                TestControlRow.attempt_id == attempt_id,
                TestControlRow.state == ControlState.WAITING.value,
            )
            .order_by(TestControlRow.incident_at, TestControlRow.id)
            .limit(1)
        )
        return None if row is None else _control(row)

    def controls(self, attempt_id: str) -> Sequence[ControlAction]:
        rows = self._db.scalars(
            select(TestControlRow)
            .where(TestControlRow.attempt_id == attempt_id)
            .order_by(TestControlRow.incident_at, TestControlRow.id)
        )
        return [_control(row) for row in rows]

    def save_control(self, control: ControlAction) -> None:
        row = self._db.get_one(TestControlRow, control.id)
        for name, value in _control_columns(control).items():
            setattr(row, name, value)
        self._db.flush()

    def add_grant(self, grant: ExamGrant) -> None:
        self._db.add(ExamGrantRow(institution_id=self._tx.institution_id, **_grant_columns(grant)))
        self._db.flush()

    def exam_grant(self, grant_id: str) -> ExamGrant | None:
        row = self._db.scalar(
            select(ExamGrantRow).where(ExamGrantRow.id == grant_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        return None if row is None else _grant(row)

    def read_grant(self, grant_id: str) -> ExamGrant | None:
        """Return the grant without locking it."""
        row = self._db.scalar(select(ExamGrantRow).where(ExamGrantRow.id == grant_id))
        return None if row is None else _grant(row)

    def grants(self, attempt_id: str) -> Sequence[ExamGrant]:
        rows = self._db.scalars(
            select(ExamGrantRow).where(ExamGrantRow.attempt_id == attempt_id).order_by(ExamGrantRow.id)
        )
        return [_grant(row) for row in rows]

    def save_grant(self, grant: ExamGrant) -> None:
        row = self._db.get_one(ExamGrantRow, grant.id)
        for name, value in _grant_columns(grant).items():
            setattr(row, name, value)
        self._db.flush()


def attempts_to_look_at(
    tx: Tx, heard_since_ms: int, abandoned_before: datetime
) -> list[tuple[InstitutionId, str]]:
    """Return the running attempts, of all institutions, that fell silent, are heard again, or were left for good.

    Args:
        heard_since_ms: study ms; who was heard since is there.
    """
    heard = func.coalesce(StudySessionRow.last_received_ms, StudySessionRow.opened_ms)
    there = exists().where(
        StudySessionRow.learner == TestAttemptRow.learner,
        StudySessionRow.class_run == TestAttemptRow.class_run,
        StudySessionRow.unit == TestAttemptRow.unit,
        StudySessionRow.activity == Activity.TEST.value,
        StudySessionRow.open.is_(True),
        heard >= heard_since_ms,
    )
    silent = TestAttemptRow.silent_since
    rows = tx.session.execute(
        select(TestAttemptRow.institution_id, TestAttemptRow.id)
        .where(
            TestAttemptRow.state == AttemptState.RUNNING.value,
            or_(
                and_(silent.is_(None), not_(there)),
                and_(silent.is_not(None), there),
                silent < abandoned_before,
            ),
        )
        .limit(500)
    )
    return [(InstitutionId(institution), attempt) for institution, attempt in rows]


def forget_messages(tx: Tx, asked_before: datetime) -> int:
    """Forget the messages that nobody answered, of all institutions; return how many."""
    result: Any = tx.session.execute(
        update(TestAttemptRow)
        .where(TestAttemptRow.message_enc.is_not(None), TestAttemptRow.asked_at < asked_before)
        .values(message_enc=None)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


def _attempt_columns(attempt: TestAttempt) -> dict[str, Any]:
    values = {name: getattr(attempt, name) for name in TestAttempt.__slots__ if name != "control"}
    number, control = attempt.attempt_number, attempt.control
    return {
        **values,
        "origin": attempt.origin.value,
        "attempt_number": None if number is None else str(number),
        "state": attempt.state.value,
        "ended_by": attempt.ended_by and attempt.ended_by.value,
        "control_url": control and control.url,
        "control_actions": list(control.actions) if control else [],
    }


def _attempt(row: TestAttemptRow) -> TestAttempt:
    control = None
    if row.control_url is not None:
        control = ControlEndpointFacts(row.control_url, tuple(row.control_actions))
    return TestAttempt(
        id=row.id,
        registration=RegistrationId(row.registration),
        deployment_id=row.deployment_id,
        resource_link_id=row.resource_link_id,
        account_id=row.account_id,
        class_run=ClassRunId(row.class_run),
        unit=CourseUnitId(row.unit),
        origin=GateOrigin(row.origin),
        attempt=row.attempt,
        attempt_number=None if row.attempt_number is None else int(row.attempt_number),
        learner=None if row.learner is None else LearnerRef(row.learner),
        state=AttemptState(row.state),
        asked_at=row.asked_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        ended_by=None if row.ended_by is None else EndedBy(row.ended_by),
        session=None if row.session is None else StudySessionId(row.session),
        start_session=None if row.start_session is None else StudySessionId(row.start_session),
        silent_since=row.silent_since,
        paused=row.paused,
        control=control,
        return_url=row.return_url,
    )


def _control_columns(control: ControlAction) -> dict[str, Any]:
    values = {name: getattr(control, name) for name in ControlAction.__slots__}
    return {**values, "severity": str(control.severity), "state": control.state.value}


def _control(row: TestControlRow) -> ControlAction:
    values = {name: getattr(row, name) for name in ControlAction.__slots__}
    return ControlAction(**{**values, "severity": Decimal(row.severity), "state": ControlState(row.state)})


def _grant_columns(grant: ExamGrant) -> dict[str, Any]:
    values = {name: getattr(grant, name) for name in ExamGrant.__slots__}
    return {**values, "state": grant.state.value}


def _grant(row: ExamGrantRow) -> ExamGrant:
    values = {name: getattr(row, name) for name in ExamGrant.__slots__}
    return ExamGrant(**{**values, "state": GrantState(row.state)})
