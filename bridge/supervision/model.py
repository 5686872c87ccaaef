"""What an authority sees. People are references here; a name appears masked, for a logged purpose. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef

_CODE = re.compile(r"[1-9][0-9]{5}")

Level = Literal["province", "city", "county"]


class AreaOfRecord(StrEnum):
    """Whose area a record lies in. Both are kept; the pack decides (supervision.area_of_record)."""

    INSTITUTION = "institution"
    """The city in which the class run is registered; the institution's own county within it."""
    LEARNER = "learner"
    """Where the learner works, as the institution wrote it down."""
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Area:
    """An authority's area by its GB/T 2260 code: province (…0000), city (…00) or county."""

    division_code: str

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.division_code) is None:
            raise InvalidInput("division_code_malformed", "行政区划代码应为六位数字,请联系管理员更正账号。")

    @property
    def level(self) -> Level:
        """Province, city or county, by the code's zeros; 东莞 and 中山 are cities, with no county below them."""
        if self.division_code.endswith("0000"):
            return "province"
        return "city" if self.division_code.endswith("00") else "county"

    @property
    def prefix(self) -> str:
        """What every division code within the area begins with."""
        return self.division_code[: {"province": 2, "city": 4, "county": 6}[self.level]]

    def holds(self, division_code: str) -> bool:
        """Return whether `division_code` lies in the area."""
        return division_code.startswith(self.prefix)


def areas_over(division_code: str) -> tuple[str, ...]:
    """Return the codes of the areas that hold a division, itself among them: province, city, county."""
    found = (f"{division_code[:2]}0000", f"{division_code[:4]}00", division_code)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class ClassRunView:
    """A class run (班次) as its authority sees it."""

    id: ClassRunId
    title: str
    training_kind: str
    division_code: str
    opens_on: date
    closes_on: date
    institution_id: InstitutionId
    institution_name: str
    uscc: str
    learners: int
    papers: int


@dataclass(frozen=True, slots=True)
class PaperView:
    """A paper in the register."""

    number: str
    kind: str
    status: str
    mark: str | None
    class_hours: int
    issued_at: datetime
    sha256: str
    verify_code: str


@dataclass(frozen=True, slots=True)
class LearnerView:
    """A learner in a class run: progress and what was proved (第二十九条). Seconds are 0 before any study."""

    learner: LearnerRef
    class_run: ClassRunId
    institution_id: InstitutionId
    enrolled_on: date
    credited_seconds: int
    provisional_seconds: int
    refused_seconds: int
    online_class_hours: int
    offline_class_hours: int
    papers: tuple[PaperView, ...]


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a batch, with the province's verdict."""

    kind: str
    number: str
    revision: int
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch to the province, with its fate.

    Args:
        record_count: of the area.
        records: some of them: in a list those that are not accepted.
    """

    id: str
    institution_id: InstitutionId
    institution_name: str
    division_code: str
    state: str
    created_at: datetime
    attempts: int
    receipt_status: str | None
    record_count: int
    records: tuple[RecordView, ...]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which class runs a list shows; dates are inclusive.

    Args:
        on: only those that are taught on this day.
        institution: only those of one institution.
    """

    opens_from: date | None = None
    opens_until: date | None = None
    on: date | None = None
    institution: InstitutionId | None = None


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A city's registration of an institution (第十三条)."""

    division_code: str
    document_number: str
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True)
class InstitutionView:
    """An institution as an authority lists it: by its code, never by any figure (第十一条)."""

    id: InstitutionId
    uscc: str
    name: str
    operator_name: str
    division_code: str | None
    provincial_connected: bool
    class_runs: int
    registrations: tuple[RegistrationView, ...]


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check of presence and how it ended; epoch ms, study clock."""

    id: str
    kind: str
    state: str
    due_ms: int
    decided_ms: int | None
    session: str


@dataclass(frozen=True, slots=True)
class TestView:
    """A decided score of a test."""

    __test__ = False

    unit: str
    attempt: str
    score: str
    maximum: str
    accepted: bool
    reasons: tuple[str, ...]
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit of a class run's course: the content that was taught."""

    title: str
    activity: str
    nominal_ms: int


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day's sums in one city (GB/T 2260 code of the institution's area, to the city)."""

    day: date
    city: str
    figures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FoundLearner:
    """A learner found by citizen id, shown masked."""

    name: str
    citizen_id: str
    employer: str
    learner: LearnerView
    class_run: ClassRunView
