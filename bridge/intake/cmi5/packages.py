"""Imported course packages: which AUs a course of the registry has, and which unit each teaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.intake.cmi5.model import Au, CourseStructure
from bridge.intake.cmi5.tables import Cmi5AuRow, Cmi5PackageRow
from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseId, new_id


@dataclass(frozen=True, slots=True)
class Package:
    """A package and its AUs: (id here, unit, AU) in the order of the course."""

    id: str
    course: CourseId
    structure: CourseStructure
    aus: tuple[tuple[str, str | None, Au], ...]
    imported_at: datetime
    retired_at: datetime | None


class Packages:
    """The packages of one institution, in an open unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def add(
        self, course: CourseId, structure: CourseStructure, sha256: str, units: Mapping[str, str], *, by: str
    ) -> Package:
        """Keep a package for a course.

        Args:
            units: an AU's publisher's id → unit of the course.

        Raises:
            InvalidInput: package_known (a package of this course that is in use has the same publisher's id),
                unit_twice, au_unknown.
        """
        unknown = units.keys() - {one.id for one in structure.aus}
        if unknown:
            raise InvalidInput("au_unknown", "课件中没有所指的课程单元(au),请核对其 id", http_status=422)
        if len(set(units.values())) != len(units):
            raise InvalidInput("unit_twice", "一个课程单元只能对应课件中的一个 au", http_status=422)
        for known in self.of_course(course):
            if known.structure.whole.id == structure.whole.id:
                raise InvalidInput(
                    "package_known", "该课程已导入这个课件;如需更换,请先停用旧的", http_status=409
                )
        row = Cmi5PackageRow(
            id=_plain_id("c5p"),
            institution_id=self._tx.institution_id,
            course_id=course,
            title=structure.whole.title,
            structure=structure.to_json(),
            sha256=sha256,
            imported_at=self._tx.clock.now(),
            imported_by=by,
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        self._tx.session.add_all(
            Cmi5AuRow(
                id=_plain_id("c5a"),
                institution_id=self._tx.institution_id,
                package_id=row.id,
                position=position,
                publisher_id=one.id,
                unit=units.get(one.id),
            )
            for position, one in enumerate(structure.aus)
        )
        self._tx.session.flush()
        return self._package(row)

    def of_course(self, course: CourseId) -> Sequence[Package]:
        """Return the packages in use, in the order of their import."""
        return [one for one in self.all() if one.course == course and one.retired_at is None]

    def all(self) -> Sequence[Package]:
        """Return all packages, in the order of their import."""
        rows = self._tx.session.scalars(
            select(Cmi5PackageRow).order_by(Cmi5PackageRow.imported_at, Cmi5PackageRow.id)
        )
        return [self._package(row) for row in rows]

    def get(self, package_id: str) -> Package:
        """Return the package; InvalidInput("package_unknown")."""
        row = self._tx.session.get(Cmi5PackageRow, package_id)
        if row is None:
            raise InvalidInput("package_unknown", "没有这个课件,请用 ./anxue intake cmi5 list 查看")
        return self._package(row)

    def of_au(self, au_id: str) -> tuple[Package, str | None, Au]:
        """Return the AU with its package and unit; InvalidInput("au_unknown") (404)."""
        row = self._tx.session.get(Cmi5AuRow, au_id)
        if row is None:
            raise InvalidInput("au_unknown", "没有这个课件单元", http_status=404)
        package = self.get(row.package_id)
        return package, row.unit, package.structure.au(row.publisher_id)

    def retire(self, package_id: str) -> Package:
        """Take a package out of use: it is launched no more; what was claimed stays."""
        package = self.get(package_id)
        row = self._tx.session.get_one(Cmi5PackageRow, package_id)
        row.retired_at = row.retired_at or self._tx.clock.now()
        self._tx.session.flush()
        return self._package(row) if package.retired_at is None else package

    def _package(self, row: Cmi5PackageRow) -> Package:
        structure = CourseStructure.from_json(row.structure)
        aus = self._tx.session.scalars(
            select(Cmi5AuRow).where(Cmi5AuRow.package_id == row.id).order_by(Cmi5AuRow.position)
        )
        by_id = {one.id: one for one in structure.aus}
        return Package(
            row.id,
            CourseId(row.course_id),
            structure,
            tuple((one.id, one.unit, by_id[one.publisher_id]) for one in aus),
            row.imported_at,
            row.retired_at,
        )


def _plain_id(prefix: str) -> str:
    """Return a new id in which nobody could read a telephone number: it stands in statements, and those are cleaned."""
    while True:
        made = new_id(prefix)
        if without_contact_text(made) == made:
            return made
