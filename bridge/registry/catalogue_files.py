"""The shapes of the catalogue's files. Unknown fields are refused; values are never coerced."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from bridge.kernel.errors import InvalidInput
from bridge.registry.model import Activity, ClassRunKind, UnitMode
from bridge.registry.uscc import check_uscc
from lti.registration import KEY_TYPES


def refused(message: str) -> PydanticCustomError:
    """Return the error by which a validator says `message` (Chinese, without the value) of its field."""
    return PydanticCustomError("refused", "{message}", {"message": message})


def _uscc(text: str) -> str:
    try:
        return check_uscc(text)
    except InvalidInput as error:
        raise refused(error.message) from error


def _day(value: Any) -> date:
    # type(), not isinstance: a datetime is a date, too.
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise refused("应为日期,如 2026-11-01") from error


def _algorithm(value: str) -> str:
    if value not in KEY_TYPES:
        raise refused("应为 " + "、".join(KEY_TYPES) + " 之一")
    return value


Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,39}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Division = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]
Day = Annotated[date, BeforeValidator(_day)]
LooseDay = Annotated[str | date, Field(union_mode="left_to_right")]
"""A day, or "today-7d" / "today+60d"; read by `catalogue`."""
Login = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{2,39}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class InstitutionShape(_Shape):
    """`institution:` in institution.yaml."""

    id: Key
    name: Annotated[str, StringConstraints(min_length=2, max_length=120)]
    uscc: Annotated[str, AfterValidator(_uscc)]
    operator_name: Annotated[str, StringConstraints(min_length=2, max_length=120)]
    provincial_connected: bool
    division_code: Division | None = None


class CityRegistrationShape(_Shape):
    """One of `city_registrations:`."""

    division_code: Division
    document_number: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    valid_from: Day
    valid_until: Day


class LtiRegistrationShape(_Shape):
    """One of `lti_registrations:`; texts may hold {names} that the wiring fills in."""

    id: Key
    issuer: Text
    client_id: Text
    auth_login_url: Text
    auth_token_url: Text
    jwks_url: Text
    deployment_ids: Annotated[list[Text], Field(max_length=50)] = []
    algorithm: Annotated[str, AfterValidator(_algorithm)] = "RS256"
    demo: bool = False
    private_hosts: list[Text] = []
    allowed_origin: Text
    webhook_secret: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    name: Annotated[str, StringConstraints(max_length=120)] = ""
    anonymous_allowed: bool = False
    token_audience: Text | None = None
    service_origins: list[Text] = []


class StaffShape(_Shape):
    """One of `staff:`; passwords never stand in files."""

    login: Login


class InstitutionFile(_Shape):
    """institution.yaml."""

    institution: InstitutionShape
    city_registrations: list[CityRegistrationShape]
    staff: list[StaffShape]
    lti_registrations: list[LtiRegistrationShape] = []


class OutlineUnitShape(_Shape):
    """One of an outline's `units:`."""

    id: Key
    title: Title
    mode: UnitMode
    class_hours: Annotated[int, Field(ge=1, le=500)]


class OutlineShape(_Shape):
    """One of `outlines:`; `basis` says whose outline it is, and only practice may be invented."""

    id: Key
    title: Title
    basis: Literal["law", "standard", "practice", "operator"]
    theory_class_hours: Annotated[int, Field(ge=1, le=500)]
    units: Annotated[list[OutlineUnitShape], Field(min_length=1, max_length=200)]


class CourseUnitShape(_Shape):
    """One of a course's `units:`; `nominal_ms` is the reviewed length of its media."""

    id: Key
    title: Title
    activity: Activity
    outline_unit: Key | None = None
    nominal_ms: Annotated[int, Field(ge=1_000, le=86_400_000)]
    resource_link_id: Text | None = None


class CourseShape(_Shape):
    """One of `courses:`."""

    id: Key
    version: Word
    title: Title
    units: Annotated[list[CourseUnitShape], Field(min_length=1, max_length=500)]


class CourseFile(_Shape):
    """course.yaml."""

    outlines: list[OutlineShape]
    courses: list[CourseShape]


class LtiContextShape(_Shape):
    """The LMS course of a class run."""

    registration: Key
    context_id: Text


class ClassRunShape(_Shape):
    """One of `class_runs:`."""

    id: Key
    title: Title
    kind: ClassRunKind
    category: Word
    division_code: Division
    opens_on: LooseDay
    closes_on: LooseDay
    profile: Word
    outline: Key
    course: Key
    lti_contexts: list[LtiContextShape] = []


class ClassRunFile(_Shape):
    """class_runs.yaml."""

    class_runs: list[ClassRunShape]


class ListedLearnerShape(_Shape):
    """One of `learners:`; identity checks the name and the citizen id."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    citizen_id: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    employer: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    photo: Word | None = None


class EnrolmentFile(_Shape):
    """enrolment_list.yaml."""

    class_run: Key
    learners: list[ListedLearnerShape]


class OfficialShape(_Shape):
    """One of `officials:`; sees the class runs of its division only."""

    login: Login
    division_code: Division


class OfficialsFile(_Shape):
    """officials.yaml."""

    officials: list[OfficialShape]
