"""Rows of article 27: who runs our plugin, what was counted, what was signed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, RegistrationId, new_id
from bridge.registry.contact_gate import (
    ContactException,
    ContactScan,
    ContactStanding,
    CourseContact,
    Signature,
)
from bridge.registry.contact_tables import (
    ContactExceptionRow,
    ContactScanRow,
    ContactSignatureRow,
    LmsPluginRow,
)
from bridge.registry.tables import LtiContextRow

_HEX_DIGITS = 32
"""Of a blind index; 128 bits, and with its prefix as long as any other reference."""


def blind_reference(
    cipher: FieldCipher, institution: InstitutionId, registration: RegistrationId, what: str, text: str
) -> str:
    """Return a reference that is the same for the same `text` of one LMS, and says nothing else."""
    index = cipher.blind_index(text, domain=f"{institution}:{registration}:{what}")
    return f"blind_{index[:_HEX_DIGITS]}"


def course_reference(
    cipher: FieldCipher, institution: InstitutionId, registration: RegistrationId, context_id: str
) -> str:
    """Return the blind reference of an LMS course; counts are kept under it, class run or not."""
    return blind_reference(cipher, institution, registration, "lms_context", context_id)


class SqlContactStore:
    """What the gate of article 27 reads and writes, for the institution of the unit of work."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._session = tx.session
        self._cipher = cipher
        self._tenant = tx.institution_id

    def standing(self, class_run: ClassRunId) -> ContactStanding:
        """Return all that the gate looks at for a class run."""
        rows = self._session.scalars(
            select(LtiContextRow)
            .where(LtiContextRow.class_run_id == class_run)
            .order_by(LtiContextRow.registration_id, LtiContextRow.context_id)
        )
        courses = tuple(self._course(RegistrationId(row.registration_id), row.context_id) for row in rows)
        return ContactStanding(courses, self.exceptions(class_run))

    def plugins(self) -> tuple[Mapping[str, Any], ...]:
        """Return the platforms with our plugin, by registration."""
        names = ("registration_id", "heard_at", "moodle", "plugin", "clock_skew_seconds", "pinged_at")
        rows = self._session.scalars(select(LmsPluginRow).order_by(LmsPluginRow.registration_id))
        return tuple({name: getattr(row, name) for name in names} for row in rows)

    def note_plugin(self, registration: RegistrationId, at: datetime) -> None:
        """Remember that the platform runs our plugin; twice is once."""
        if self._session.get(LmsPluginRow, registration) is None:
            self._session.add(
                LmsPluginRow(registration_id=registration, institution_id=self._tenant, heard_at=at)
            )
            self._session.flush()

    def note_ping(
        self, registration: RegistrationId, at: datetime, moodle: str, plugin: str, skew_seconds: int
    ) -> None:
        """Keep what the newest ping says of the platform."""
        self.note_plugin(registration, at)
        row = self._session.get_one(LmsPluginRow, registration, with_for_update=True)
        if row.pinged_at is None or row.pinged_at <= at:
            row.moodle, row.plugin, row.clock_skew_seconds, row.pinged_at = moodle, plugin, skew_seconds, at
            self._session.flush()

    def newest_scan(self, registration: RegistrationId, course: str) -> ContactScan | None:
        """Return the newest count of the LMS course with this blind reference."""
        row = self._session.scalar(
            select(ContactScanRow)
            .where(ContactScanRow.registration_id == registration, ContactScanRow.context == course)
            .order_by(ContactScanRow.occurred_at.desc(), ContactScanRow.id.desc())
            .limit(1)
        )
        return None if row is None else _scan(row)

    def add_scan(
        self, registration: RegistrationId, course: str, scan: ContactScan, message: str, at: datetime
    ) -> bool:
        """Keep a count; False, with nothing changed, if its message is known."""
        if self._session.scalar(select(ContactScanRow.id).where(ContactScanRow.message == message)):
            return False
        self._session.add(
            ContactScanRow(
                id=new_id("scan"),
                institution_id=self._tenant,
                registration_id=registration,
                context=course,
                learners=scan.learners,
                with_contact=scan.with_contact,
                counts=list(scan.counts),
                occurred_at=scan.occurred_at,
                noted_at=at,
                message=message,
            )
        )
        self._session.flush()
        return True

    def exceptions(self, class_run: ClassRunId) -> tuple[ContactException, ...]:
        """Return the class run's exceptions, oldest first."""
        rows = self._session.scalars(
            select(ContactExceptionRow)
            .where(ContactExceptionRow.class_run_id == class_run)
            .order_by(ContactExceptionRow.id)
        )
        return tuple(map(self._exception, rows.all()))

    def exception(self, exception_id: str) -> ContactException | None:
        row = self._session.scalar(select(ContactExceptionRow).where(ContactExceptionRow.id == exception_id))
        return None if row is None else self._exception(row)

    def add_exception(self, class_run: ClassRunId, reason: str, with_contact: int, until: date) -> str:
        """Keep an exception that nobody has signed yet; return its id."""
        row = ContactExceptionRow(
            id=new_id("exc"),
            institution_id=self._tenant,
            class_run_id=class_run,
            reason=reason,
            with_contact=with_contact,
            until=until,
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def sign(self, exception_id: str, by: str, at: datetime) -> bool:
        """Add a signature; False if this person has signed."""
        row = ContactSignatureRow(
            id=new_id("sig"), institution_id=self._tenant, exception_id=exception_id, by=by, at=at
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
                self._session.flush()
        except IntegrityError:
            return False
        return True

    def _course(self, registration: RegistrationId, context_id: str) -> CourseContact:
        course = course_reference(self._cipher, self._tenant, registration, context_id)
        here = (ContactScanRow.registration_id == registration, ContactScanRow.context == course)
        clean_at = self._session.scalar(
            select(func.max(ContactScanRow.occurred_at)).where(
                *here, ContactScanRow.with_contact == 0, ContactScanRow.learners > 0
            )
        )
        found = select(func.min(ContactScanRow.occurred_at)).where(*here, ContactScanRow.with_contact > 0)
        if clean_at is not None:
            found = found.where(ContactScanRow.occurred_at > clean_at)
        return CourseContact(
            registration=registration,
            context_id=context_id,
            plugin=self._session.get(LmsPluginRow, registration) is not None,
            newest=self.newest_scan(registration, course),
            clean_at=clean_at,
            found_since=self._session.scalar(found),
        )

    def _exception(self, row: ContactExceptionRow) -> ContactException:
        signed = self._session.scalars(
            select(ContactSignatureRow)
            .where(ContactSignatureRow.exception_id == row.id)
            .order_by(ContactSignatureRow.at, ContactSignatureRow.id)
        )
        return ContactException(
            id=row.id,
            class_run=ClassRunId(row.class_run_id),
            reason=row.reason,
            with_contact=row.with_contact,
            until=row.until,
            signatures=tuple(Signature(one.by, one.at) for one in signed),
        )


def _scan(row: ContactScanRow) -> ContactScan:
    return ContactScan(row.learners, row.with_contact, tuple(row.counts), row.occurred_at)
