"""What an authority sees. People are references here; a name appears masked, for a logged purpose. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef

_CODE = re.compile(r"[1-9][0-9]{5}")


@dataclass(frozen=True, slots=True)
class Area:
    """An authority's area by its GB/T 2260 code: province (…0000), city (…00) or county."""

    division_code: str

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.division_code) is None:
            raise InvalidInput("division_code_malformed", "行政区划代码应为六位数字,请联系管理员更正账号。")

    @property
    def prefix(self) -> str:
        """What every division code within the area begins with."""
        code = self.division_code
        if code.endswith("0000"):
            return code[:2]
        return code[:4] if code.endswith("00") else code

    def holds(self, division_code: str) -> bool:
        """Return whether `division_code` lies in the area."""
        return division_code.startswith(self.prefix)


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
    """A batch to the province, with its fate."""

    id: str
    institution_id: InstitutionId
    institution_name: str
    division_code: str
    state: str
    created_at: datetime
    attempts: int
    receipt_status: str | None
    records: tuple[RecordView, ...]


@dataclass(frozen=True, slots=True)
class FoundLearner:
    """A learner found by citizen id, shown masked."""

    name: str
    citizen_id: str
    employer: str
    learner: LearnerView
    class_run: ClassRunView
