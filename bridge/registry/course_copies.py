"""LMS courses that a platform made from a class run's course, until somebody says which class run they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, RegistrationId, new_id
from bridge.kernel.time import parse_rfc3339
from bridge.registry.contact_store import course_reference
from bridge.registry.link_tables import LmsCourseCopyRow
from bridge.registry.tables import ClassRunRow, LtiContextRow


@dataclass(frozen=True, slots=True)
class CourseCopy:
    """A copy that is no class run's yet.

    Args:
        class_run, class_run_title: whose course was copied, and whose links came along.
        copied_at: the platform's word.
    """

    id: str
    institution: InstitutionId
    registration: RegistrationId
    class_run: ClassRunId
    class_run_title: str
    copied_at: datetime


class CourseCopies:
    """Copies of the unit of work's institution, or of all of them."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher

    def note(self, data: Mapping[str, Any]) -> None:
        """Note a copy (data of `intake.context_copied`), once for each class run whose course was copied.

        A copy of a course that is no class run's brought no link of ours along and is not noted.
        """
        made = data["context"]
        runs = {one["class_run"] for one in data["origin_contexts"]} - {None}
        for class_run in sorted(runs) if made is not None else ():
            row = LmsCourseCopyRow(
                id=new_id("cpy"),
                institution_id=self._tx.institution_id,
                registration_id=data["registration"],
                context_ref=made["context"],
                class_run_id=class_run,
                copied_at=parse_rfc3339(data["happened_at"]),
                noted_at=self._tx.clock.now(),
                message=data["message"],
                set_aside_at=None,
                set_aside_by=None,
            )
            try:
                with self._session.begin_nested():
                    self._session.add(row)
            except IntegrityError:
                continue  # told again by another notice

    def waiting(
        self, *, class_run: ClassRunId | None = None, registration: RegistrationId | None = None
    ) -> Sequence[CourseCopy]:
        """Return the copies that are linked to no class run and not set aside, oldest first."""
        statement = (
            select(LmsCourseCopyRow, ClassRunRow.title)
            .join(ClassRunRow, ClassRunRow.id == LmsCourseCopyRow.class_run_id)
            .where(LmsCourseCopyRow.set_aside_at.is_(None))
            .order_by(LmsCourseCopyRow.copied_at, LmsCourseCopyRow.id)
        )
        if class_run is not None:
            statement = statement.where(LmsCourseCopyRow.class_run_id == class_run)
        if registration is not None:
            statement = statement.where(LmsCourseCopyRow.registration_id == registration)
        found = self._session.execute(statement).all()
        linked = self._linked({row.registration_id for row, _title in found})
        return [
            CourseCopy(
                row.id,
                InstitutionId(row.institution_id),
                RegistrationId(row.registration_id),
                ClassRunId(row.class_run_id),
                title,
                row.copied_at,
            )
            for row, title in found
            if (row.registration_id, row.context_ref) not in linked
        ]

    def set_aside(self, copy_id: str, class_run: ClassRunId, *, by: str) -> None:
        """Write down that `by` says that the copy is for no class run of ours; again changes nothing.

        Raises:
            InvalidInput("course_copy_unknown"): also for another institution's or another class run's.
        """
        row = self._session.scalar(
            select(LmsCourseCopyRow).where(
                LmsCourseCopyRow.id == copy_id, LmsCourseCopyRow.class_run_id == class_run
            )
        )
        if row is None:
            raise InvalidInput("course_copy_unknown", "没有这条复制记录,请刷新页面。", http_status=404)
        if row.set_aside_at is None:
            row.set_aside_at, row.set_aside_by = self._tx.clock.now(), by
            self._session.flush()

    def _linked(self, registrations: set[str]) -> set[tuple[str, str]]:
        """Return (registration, blind reference) of the courses that are a class run's."""
        rows = self._session.scalars(
            select(LtiContextRow).where(LtiContextRow.registration_id.in_(registrations))
        )
        return {
            (
                row.registration_id,
                course_reference(
                    self._cipher,
                    InstitutionId(row.institution_id),
                    RegistrationId(row.registration_id),
                    row.context_id,
                ),
            )
            for row in rows
        }
