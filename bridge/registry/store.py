"""The registry's store: rows in, frozen dataclasses out."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import (
    Select,
    exists,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    OutlineId,
    RegistrationId,
    new_id,
)
from bridge.registry.cap_tables import CapExceptionRow
from bridge.registry.contact_gate import ContactStanding
from bridge.registry.contact_store import SqlContactStore
from bridge.registry.leaving import standing_of
from bridge.registry.leaving_model import Leaving
from bridge.registry.link_model import UNDONE
from bridge.registry.link_tables import LmsLinkRow
from bridge.registry.lti_catalogue import keep_catalogue_entry
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.registry.model import (
    CityRegistration,
    ClassRun,
    Course,
    CourseUnit,
    Institution,
    LtiContext,
    LtiRegistrationEntry,
    OfflineSession,
    Outline,
    OutlineUnit,
)
from bridge.registry.suspension_model import Suspension
from bridge.registry.suspensions import suspensions_of
from bridge.registry.tables import (
    CityRegistrationRow,
    ClassRunRow,
    CourseRow,
    CourseUnitRow,
    EnrolmentRow,
    InstitutionRow,
    LtiContextRow,
    OfflineAttendanceRow,
    OfflineSessionRow,
    OutlineRow,
)

_NAMED = (OutlineRow, CourseRow, ClassRunRow, LtiRegistrationRow, InstitutionRow)


class SqlRegistryStore:
    """`ports.RegistryStore` on the tables above."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher
        self._tenant: InstitutionId = tx.institution_id

    def institution(self) -> Institution | None:
        row = self._session.get(InstitutionRow, self._tenant)
        if row is None:
            return None
        return Institution(
            self._tenant, row.uscc, row.name, row.operator_name, row.provincial_connected, row.division_code
        )

    def city_registrations(self) -> Sequence[CityRegistration]:
        rows = self._session.scalars(select(CityRegistrationRow).order_by(CityRegistrationRow.valid_from))
        return [
            CityRegistration(r.division_code, r.document_number, r.valid_from, r.valid_until) for r in rows
        ]

    def outline(self, outline_id: OutlineId) -> Outline | None:
        row = self._session.scalar(select(OutlineRow).where(OutlineRow.id == outline_id))
        if row is None:
            return None
        units = tuple(OutlineUnit(*unit) for unit in row.units)
        return Outline(OutlineId(row.id), row.title, row.theory_class_hours, units)

    def course(self, course_id: CourseId) -> Course | None:
        row = self._session.scalar(select(CourseRow).where(CourseRow.id == course_id))
        if row is None:
            return None
        units = self._session.scalars(
            select(CourseUnitRow).where(CourseUnitRow.course_id == course_id).order_by(CourseUnitRow.position)
        )
        return Course(CourseId(row.id), row.version, row.title, tuple(map(_course_unit, units)))

    def class_run(self, class_run_id: ClassRunId) -> ClassRun | None:
        row = self._session.scalar(select(ClassRunRow).where(ClassRunRow.id == class_run_id))
        return None if row is None else _class_run(row)

    def class_runs(self) -> Sequence[ClassRun]:
        rows = self._session.scalars(select(ClassRunRow).order_by(ClassRunRow.opens_on, ClassRunRow.id))
        return [_class_run(row) for row in rows]

    def taken_elsewhere(self, ids: Collection[str]) -> frozenset[str]:
        taken: set[str] = set()
        for row in _NAMED:
            # The table, not the class: the tenant rule would hide exactly what is looked for.
            table = row.__table__
            taken.update(
                self._session.scalars(
                    select(table.c.id).where(table.c.id.in_(ids), table.c.institution_id != self._tenant)
                )
            )
        return frozenset(taken)

    def save_institution(self, institution: Institution) -> None:
        stands = self._session.get(InstitutionRow, institution.id)
        # A catalogue that does not say where it sits leaves what an officer registered.
        seat = institution.division_code or (stands.division_code if stands is not None else None)
        self._session.merge(
            InstitutionRow(
                id=institution.id,
                institution_id=self._tenant,
                uscc=institution.uscc,
                name=institution.name,
                operator_name=institution.operator_name,
                provincial_connected=institution.provincial_connected,
                division_code=seat,
            )
        )
        self._flush("uscc_taken", "这个统一社会信用代码已属于另一家机构,请核对。")

    def add_city_registration(self, registration: CityRegistration) -> None:
        self._session.add(
            CityRegistrationRow(
                id=new_id("city"),
                institution_id=self._tenant,
                division_code=registration.division_code,
                document_number=registration.document_number,
                valid_from=registration.valid_from,
                valid_until=registration.valid_until,
            )
        )

    def add_outline(self, outline: Outline) -> None:
        self._session.add(
            OutlineRow(
                id=outline.id,
                institution_id=self._tenant,
                title=outline.title,
                theory_class_hours=outline.theory_class_hours,
                units=[[u.id, u.title, u.mode, u.class_hours] for u in outline.units],
            )
        )

    def add_course(self, course: Course) -> None:
        self._session.add(
            CourseRow(id=course.id, institution_id=self._tenant, version=course.version, title=course.title)
        )
        self._session.flush()
        for position, unit in enumerate(course.units):
            self._session.add(
                CourseUnitRow(
                    course_id=course.id,
                    id=unit.id,
                    institution_id=self._tenant,
                    position=position,
                    outline_unit_id=unit.outline_unit_id,
                    title=unit.title,
                    activity=unit.activity,
                    nominal_ms=unit.nominal_ms,
                    resource_link_id=unit.resource_link_id,
                )
            )

    def add_class_run(self, class_run: ClassRun) -> None:
        self._session.flush()
        self._session.add(
            ClassRunRow(
                institution_id=self._tenant,
                **{name: getattr(class_run, name) for name in ClassRun.__slots__},
            )
        )
        self._session.flush()

    def save_lti_registration(self, entry: LtiRegistrationEntry) -> None:
        keep_catalogue_entry(self._tx, self._cipher, entry)

    def save_lti_context(self, context: LtiContext) -> None:
        row = self._session.scalar(_context_row(context.registration_id, context.context_id))
        if row is None:
            self._session.add(
                LtiContextRow(
                    id=new_id("ctx"),
                    institution_id=self._tenant,
                    registration_id=context.registration_id,
                    context_id=context.context_id,
                    class_run_id=context.class_run_id,
                )
            )
        else:
            row.class_run_id = context.class_run_id
        self._session.flush()

    def class_run_of_context(self, registration_id: RegistrationId, context_id: str) -> ClassRunId | None:
        row = self._session.scalar(_context_row(registration_id, context_id))
        return None if row is None else ClassRunId(row.class_run_id)

    def units_of_link(
        self, registration_id: RegistrationId, resource_link_id: str
    ) -> Sequence[tuple[CourseId, CourseUnitId]]:
        linked = self._linked_units(registration_id, resource_link_id)
        if linked:
            return linked
        taught = (
            select(ClassRunRow.course_id)
            .join(LtiContextRow, LtiContextRow.class_run_id == ClassRunRow.id)
            .where(LtiContextRow.registration_id == registration_id)
        )
        rows = self._session.execute(
            select(CourseUnitRow.course_id, CourseUnitRow.id).where(
                CourseUnitRow.resource_link_id == resource_link_id, CourseUnitRow.course_id.in_(taught)
            )
        )
        return [(CourseId(course_id), CourseUnitId(unit_id)) for course_id, unit_id in rows]

    def _linked_units(
        self, registration_id: RegistrationId, resource_link_id: str
    ) -> list[tuple[CourseId, CourseUnitId]]:
        """Return the units that the link is for, in each deployment as it stands now; what staff undid is not there."""
        rows = self._session.scalars(
            select(LmsLinkRow)
            .where(
                LmsLinkRow.registration_id == registration_id, LmsLinkRow.resource_link_id == resource_link_id
            )
            .order_by(LmsLinkRow.seq)
        )
        in_force = {
            row.deployment_id: (row.course_id, None if row.set_by.startswith(UNDONE) else row.unit_id)
            for row in rows
        }
        return [
            (CourseId(course_id), CourseUnitId(unit_id))
            for course_id, unit_id in dict.fromkeys(in_force.values())
            if unit_id is not None
        ]

    def contact_standing(self, class_run_id: ClassRunId) -> ContactStanding:
        return SqlContactStore(self._tx, self._cipher).standing(class_run_id)

    def enrolled_on(self, class_run_id: ClassRunId, learner: LearnerRef) -> date | None:
        return self._session.scalar(
            select(EnrolmentRow.enrolled_on).where(
                EnrolmentRow.class_run_id == class_run_id, EnrolmentRow.learner == learner
            )
        )

    def add_enrolment(
        self, class_run_id: ClassRunId, learner: LearnerRef, list_row: str, enrolled_on: date, at: datetime
    ) -> None:
        self._session.add(
            EnrolmentRow(
                id=new_id("enr"),
                institution_id=self._tenant,
                class_run_id=class_run_id,
                learner=learner,
                list_row=list_row,
                enrolled_on=enrolled_on,
                enrolled_at=at,
            )
        )
        self._session.flush()

    def enrolled(self, class_run_id: ClassRunId) -> Sequence[LearnerRef]:
        rows = self._session.scalars(
            select(EnrolmentRow.learner)
            .where(EnrolmentRow.class_run_id == class_run_id)
            .order_by(EnrolmentRow.enrolled_at, EnrolmentRow.id)
        )
        return [LearnerRef(learner) for learner in rows]

    def class_runs_of(self, learner: LearnerRef) -> Sequence[ClassRunId]:
        rows = self._session.scalars(
            select(EnrolmentRow.class_run_id)
            .where(EnrolmentRow.learner == learner)
            .order_by(EnrolmentRow.enrolled_at)
        )
        return [ClassRunId(run) for run in rows]

    def suspensions(self) -> Sequence[Suspension]:
        return suspensions_of(self._session)

    def leaving(self) -> Leaving | None:
        return standing_of(self._session, self._tenant)

    def cap_exception(self, class_run_id: ClassRunId) -> str | None:
        return self._session.scalar(
            select(CapExceptionRow.reason).where(
                CapExceptionRow.class_run_id == class_run_id, CapExceptionRow.confirmed_by.is_not(None)
            )
        )

    def offline_session(self, session_id: str) -> OfflineSession | None:
        row = self._session.scalar(
            select(OfflineSessionRow).where(OfflineSessionRow.id == session_id),
            # Another unit of work may have confirmed it since it was first read in this one.
            execution_options={"populate_existing": True},
        )
        return None if row is None else self._offline_session(row)

    def offline_sessions(self, class_run_id: ClassRunId) -> Sequence[OfflineSession]:
        rows = self._session.scalars(
            select(OfflineSessionRow)
            .where(OfflineSessionRow.class_run_id == class_run_id)
            .order_by(OfflineSessionRow.starts_at, OfflineSessionRow.id)
        ).all()
        return [self._offline_session(row) for row in rows]

    def add_offline_session(self, session: OfflineSession, at: datetime) -> None:
        values = {name: getattr(session, name) for name in OfflineSession.__slots__ if name != "learners"}
        self._session.add(
            OfflineSessionRow(institution_id=self._tenant, entered_at=at, confirmed_at=None, **values)
        )
        self._session.flush()
        for learner in session.learners:
            self._session.add(
                OfflineAttendanceRow(session_id=session.id, institution_id=self._tenant, learner=learner)
            )
        self._session.flush()

    def confirm_offline_session(self, session_id: str, by: str, at: datetime) -> None:
        # Only an unconfirmed row changes: of two who confirm at once, the first stands.
        self._session.execute(
            update(OfflineSessionRow)
            .where(
                OfflineSessionRow.id == session_id,
                OfflineSessionRow.institution_id == self._tenant,
                OfflineSessionRow.confirmed_by.is_(None),
            )
            .values(confirmed_by=by, confirmed_at=at)
        )

    def busy_offline(
        self, learners: Iterable[LearnerRef], starts_at: datetime, ends_at: datetime
    ) -> frozenset[LearnerRef]:
        rows = self._session.scalars(
            select(OfflineAttendanceRow.learner).where(
                OfflineAttendanceRow.learner.in_(list(learners)),
                exists().where(
                    OfflineSessionRow.id == OfflineAttendanceRow.session_id,
                    OfflineSessionRow.starts_at < ends_at,
                    OfflineSessionRow.ends_at > starts_at,
                ),
            )
        )
        return frozenset(LearnerRef(learner) for learner in rows)

    def _offline_session(self, row: OfflineSessionRow) -> OfflineSession:
        learners = self._session.scalars(
            select(OfflineAttendanceRow.learner)
            .where(OfflineAttendanceRow.session_id == row.id)
            .order_by(OfflineAttendanceRow.learner)
        )
        values = {name: getattr(row, name) for name in OfflineSession.__slots__ if name != "learners"}
        return OfflineSession(**values, learners=tuple(LearnerRef(learner) for learner in learners))

    def _flush(self, reason: str, message: str) -> None:
        try:
            self._session.flush()
        except IntegrityError as error:
            raise InvalidInput(reason, message, http_status=409) from error


def _context_row(registration_id: RegistrationId, context_id: str) -> Select[LtiContextRow]:
    return select(LtiContextRow).where(
        LtiContextRow.registration_id == registration_id, LtiContextRow.context_id == context_id
    )


def _class_run(row: ClassRunRow) -> ClassRun:
    return ClassRun(**{name: getattr(row, name) for name in ClassRun.__slots__})


def _course_unit(row: CourseUnitRow) -> CourseUnit:
    return CourseUnit(**{name: getattr(row, name) for name in CourseUnit.__slots__})
