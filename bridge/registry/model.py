"""The nouns of the registry. Pure; every station may import it.

Class hours are whole numbers (学时), media time integer milliseconds, dates legal days in Asia/Shanghai.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self, get_args

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    OutlineId,
    RegistrationId,
)

ClassRunKind = Literal["initial", "review", "renewal", "yearly_retraining"]
"""初次, 复审, 换证, 再培训. The rules say which may open: no 复审 (special operations) since 2026-06-01."""
UnitMode = Literal["online", "offline"]
Activity = Literal["study", "test"]
StaffRole = Literal["administrator", "institution", "authority", "operator"]

DIVISION_CODE = re.compile(r"[1-9][0-9]{5}")
"""GB/T 2260, six digits."""


@dataclass(frozen=True, slots=True)
class Institution:
    """A network training institution (网络培训机构).

    Args:
        uscc: unified social credit code, GB 32100, checked.
        operator_name: who runs the bridge for it (网络平台建设主体).
        provincial_connected: whether the operator is connected to the provincial system (article 4).
        division_code: where the institution itself sits, to the county if known; None where nobody said.
    """

    id: InstitutionId
    uscc: str
    name: str
    operator_name: str
    provincial_connected: bool
    division_code: str | None = None


@dataclass(frozen=True, slots=True)
class CityRegistration:
    """A city's registration of an institution (article 13); valid on both its first and last day."""

    division_code: str
    document_number: str
    valid_from: date
    valid_until: date

    def covers(self, division_code: str, on: date) -> bool:
        """Return whether it registers the institution for `division_code` on the day `on`."""
        return self.division_code == division_code and self.valid_from <= on <= self.valid_until


@dataclass(frozen=True, slots=True)
class OutlineUnit:
    """One part of an outline, with the class hours that it asks for."""

    id: str
    title: str
    mode: UnitMode
    class_hours: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A training outline (培训大纲): what must be taught, for how many theory class hours."""

    id: OutlineId
    title: str
    theory_class_hours: int
    units: tuple[OutlineUnit, ...]


@dataclass(frozen=True, slots=True)
class CourseUnit:
    """One thing that a learner opens in the LMS.

    Args:
        outline_unit_id: the part of the outline that it teaches; None for a test over the whole course.
        nominal_ms: the reviewed length of its media; nothing beyond it is credited.
        resource_link_id: the LTI resource link that opens it; None if it is not opened from an LMS.
    """

    id: CourseUnitId
    outline_unit_id: str | None
    title: str
    activity: Activity
    nominal_ms: int
    resource_link_id: str | None


@dataclass(frozen=True, slots=True)
class Course:
    """A course in one reviewed version; a changed course is a new course."""

    id: CourseId
    version: str
    title: str
    units: tuple[CourseUnit, ...]


@dataclass(frozen=True, slots=True)
class ClassRun:
    """A class run (班次): one course taught to one list of learners in one city.

    Args:
        category: who is trained, e.g. "low_voltage_electrician"; the operator's own code.
        division_code: the city whose authority registers and supervises it.
        opens_on, closes_on: first and last day of study.
        profile: the rule profile that decides, e.g. "guangdong".
    """

    id: ClassRunId
    title: str
    kind: ClassRunKind
    category: str
    division_code: str
    opens_on: date
    closes_on: date
    profile: str
    outline_id: OutlineId
    course_id: CourseId


@dataclass(frozen=True, slots=True)
class PackRef:
    """A rule pack by name and content."""

    id: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class ClassRunSheet:
    """All that the line needs to know of one learner in one class run; the header of `ledger.jsonl`.

    Args:
        online_cap_exception: why two people let the class run depart from the online cap; None where nobody did.
    """

    institution: InstitutionId
    learner: LearnerRef
    class_run: ClassRun
    packs: tuple[PackRef, ...]
    outline: Outline
    course: Course
    enrolled_on: date
    online_cap_exception: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the header line as JSON values (kernel.canonical can write it)."""
        run = self.class_run
        excepted = self.online_cap_exception
        return {
            **({} if excepted is None else {"online_cap_exception": excepted}),
            "v": 1,
            "kind": "header",
            "institution": self.institution,
            "learner": self.learner,
            "class_run": {
                "id": run.id,
                "title": run.title,
                "kind": run.kind,
                "category": run.category,
                "opens_on": run.opens_on.isoformat(),
                "closes_on": run.closes_on.isoformat(),
                "division_code": run.division_code,
            },
            "profile": run.profile,
            "packs": [{"id": p.id, "content_hash": p.content_hash} for p in self.packs],
            "outline": {
                "id": self.outline.id,
                "title": self.outline.title,
                "theory_class_hours": self.outline.theory_class_hours,
                "units": [
                    {"id": u.id, "title": u.title, "mode": u.mode, "class_hours": u.class_hours}
                    for u in self.outline.units
                ],
            },
            "course": {
                "id": self.course.id,
                "version": self.course.version,
                "title": self.course.title,
                "units": [
                    {
                        "id": u.id,
                        "outline_unit": u.outline_unit_id,
                        "title": u.title,
                        "activity": u.activity,
                        "nominal_ms": u.nominal_ms,
                    }
                    for u in self.course.units
                ],
            },
            "enrolled_on": self.enrolled_on.isoformat(),
        }

    @classmethod
    def from_json(cls, header: Mapping[str, Any]) -> Self:
        """Return the sheet that `header` describes.

        Resource links are not part of a header, so they come back as None. Unknown fields are ignored.

        Raises:
            InvalidInput("ledger_header_malformed"): a field is missing or is not what it should be.
        """
        try:
            return cls._from_json(header)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                "ledger_header_malformed", "学时台账的首行不完整或格式不对,请重新导出。"
            ) from error

    @classmethod
    def _from_json(cls, header: Mapping[str, Any]) -> Self:
        if header["v"] != 1 or header["kind"] != "header":
            raise ValueError("not a version 1 header")
        run, outline, course = header["class_run"], header["outline"], header["course"]
        outline_id, course_id = OutlineId(_text(outline, "id")), CourseId(_text(course, "id"))
        return cls(
            institution=InstitutionId(_text(header, "institution")),
            learner=LearnerRef(_text(header, "learner")),
            class_run=ClassRun(
                id=ClassRunId(_text(run, "id")),
                title=_text(run, "title"),
                kind=_one_of(run, "kind", get_args(ClassRunKind)),
                category=_text(run, "category") if "category" in run else "",
                division_code=_text(run, "division_code"),
                opens_on=date.fromisoformat(run["opens_on"]),
                closes_on=date.fromisoformat(run["closes_on"]),
                profile=_text(header, "profile"),
                outline_id=outline_id,
                course_id=course_id,
            ),
            packs=tuple(PackRef(_text(p, "id"), _text(p, "content_hash")) for p in header["packs"]),
            outline=Outline(
                id=outline_id,
                title=_text(outline, "title"),
                theory_class_hours=_whole(outline, "theory_class_hours"),
                units=tuple(
                    OutlineUnit(
                        _text(u, "id"),
                        _text(u, "title"),
                        _one_of(u, "mode", ("online", "offline")),
                        _whole(u, "class_hours"),
                    )
                    for u in outline["units"]
                ),
            ),
            course=Course(
                id=course_id,
                version=_text(course, "version"),
                title=_text(course, "title") if "title" in course else "",
                units=tuple(
                    CourseUnit(
                        CourseUnitId(_text(u, "id")),
                        None if u["outline_unit"] is None else _text(u, "outline_unit"),
                        _text(u, "title"),
                        _one_of(u, "activity", ("study", "test")),
                        _whole(u, "nominal_ms"),
                        None,
                    )
                    for u in course["units"]
                ),
            ),
            enrolled_on=date.fromisoformat(header["enrolled_on"]),
            online_cap_exception=_text(header, "online_cap_exception")
            if "online_cap_exception" in header
            else None,
        )


@dataclass(frozen=True, slots=True)
class OfflineSession:
    """A lesson in a room, as one member of staff entered it and another confirmed it.

    Args:
        teacher: a reference, never a name.
        sheet_sha256: of the scanned attendance sheet.
        confirmed_by: None until a second person confirms; only then does it count.
    """

    id: str
    class_run_id: ClassRunId
    outline_unit_id: str
    class_hours: int
    starts_at: datetime
    ends_at: datetime
    teacher: str
    place: str
    sheet_sha256: str
    learners: tuple[LearnerRef, ...]
    entered_by: str
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class LtiRegistrationEntry:
    """An LTI 1.3 platform as the operator's YAML has it; see `lti_model.Platform` for what becomes of it."""

    id: RegistrationId
    issuer: str
    client_id: str
    auth_login_url: str
    auth_token_url: str
    jwks_url: str
    deployment_ids: frozenset[str]
    algorithm: str
    demo: bool
    private_hosts: frozenset[str]
    allowed_origin: str
    webhook_secret: str = field(repr=False)
    name: str = ""
    anonymous_allowed: bool = False
    token_audience: str | None = None
    service_origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LtiContext:
    """The LMS course (context) in which a class run is taught."""

    registration_id: RegistrationId
    context_id: str
    class_run_id: ClassRunId


@dataclass(frozen=True, slots=True)
class EnrolmentEntry:
    """One person of an enrolment list, as read. On its way to identity, which alone stores it.

    Args:
        photo: a symbol that the wiring turns into the bytes of the ID photo; None if there is none.
        read_from: file and place in it, for error messages.
    """

    class_run_id: ClassRunId
    name: str = field(repr=False)
    citizen_id: str = field(repr=False)
    employer: str = field(repr=False)
    photo: str | None
    read_from: str


@dataclass(frozen=True, slots=True)
class StaffEntry:
    """A member of staff or an official, as read. On its way to identity's staff accounts."""

    login: str
    role: StaffRole
    institution_id: InstitutionId | None
    division_code: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a folder of YAML files says of one institution; cross-references are checked.

    Args:
        floating: class runs whose dates are written relative to the day of loading; what an earlier
            load wrote stays.
    """

    institution: Institution
    city_registrations: tuple[CityRegistration, ...]
    outlines: tuple[Outline, ...]
    courses: tuple[Course, ...]
    class_runs: tuple[ClassRun, ...]
    floating: frozenset[ClassRunId]
    lti_registrations: tuple[LtiRegistrationEntry, ...]
    lti_contexts: tuple[LtiContext, ...]
    enrolment_list: tuple[EnrolmentEntry, ...]
    staff: tuple[StaffEntry, ...]


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def _whole(values: Mapping[str, Any], key: str) -> int:
    value = values[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(key)
    return value


def _one_of(values: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> Any:
    value = values[key]
    if value not in allowed:
        raise ValueError(key)
    return value
