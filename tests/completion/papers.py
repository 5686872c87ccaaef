"""What the tests of completion, archive, reporting and supervision share: one made-up learner on one class run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from bridge.completion.model import (
    Attendance,
    Earned,
    EarnedUnit,
    IssuedPaper,
    Paper,
    PaperKind,
    Standing,
    TestEvidence,
    TestScore,
)
from bridge.completion.paper_number import new_number, new_verify_code
from bridge.kernel.canonical import GENESIS, sha256_hex
from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    EventId,
    EvidenceId,
    InstitutionId,
    LearnerRef,
    OutlineId,
)
from bridge.kernel.time import epoch_ms
from bridge.registry.model import ClassRun, ClassRunSheet, Course, CourseUnit, Outline, OutlineUnit

INSTITUTION = InstitutionId("in_example")
LEARNER = LearnerRef("lr_example")
RUN = ClassRunId("cr_example")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
USCC = "91440101MA59EXAMPL"[:17] + "X"
CITIZEN_ID = "440106199001011236"
NAME = "陈晓安"
EMPLOYER = "广州示例机电有限公司"


@dataclass(frozen=True)
class Masked:
    name: str = "陈*安"
    citizen_id: str = "440***********1236"
    employer: str = EMPLOYER


@dataclass(frozen=True)
class Someone:
    name: str = NAME
    citizen_id: str = CITIZEN_ID
    employer: str = EMPLOYER

    def masked(self) -> Masked:
        return Masked()


@dataclass
class Identities:
    """Discloses one person and keeps the log."""

    person: Someone = field(default_factory=Someone)
    log: list[tuple[str, str, str, str]] = field(default_factory=list)

    def disclose(
        self, learner: LearnerRef, *, purpose: str, recipient: str, by: str, at: datetime | None = None
    ) -> Someone:
        self.log.append((learner, purpose, recipient, by))
        return self.person


SHEET = ClassRunSheet(
    institution=INSTITUTION,
    learner=LEARNER,
    class_run=ClassRun(
        RUN,
        "低压电工作业理论(示例)第 1 期",
        "initial",
        "low_voltage_electrician",
        "440100",
        date(2026, 11, 1),
        date(2027, 1, 31),
        "guangdong",
        OutlineId("ol_example"),
        CourseId("co_example"),
    ),
    packs=(),
    outline=Outline(
        OutlineId("ol_example"),
        "示例大纲",
        4,
        (
            OutlineUnit("online", "用电安全基础", "online", 2),
            OutlineUnit("offline", "现场应急", "offline", 2),
        ),
    ),
    course=Course(
        CourseId("co_example"),
        "1",
        "示例课程",
        (CourseUnit(CourseUnitId("u1"), "online", "第一单元", "study", 6_000_000, None),),
    ),
    enrolled_on=date(2026, 11, 2),
)


class Sheets:
    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        assert (class_run_id, learner) == (RUN, LEARNER)
        return SHEET


@dataclass
class Standings:
    value: Standing = field(
        default_factory=lambda: Standing("示例培训中心", USCC, "示例平台", True, True, False, "广州市")
    )

    def standing(self, sheet: ClassRunSheet, on: date) -> Standing:
        return self.value


EARNED = Earned(
    anchored=True,
    credited_seconds=5460,
    provisional_seconds=0,
    refused_seconds={"idle": 40, "check_missed": 75},
    online_class_hours=2,
    counted_online_class_hours=2,
    offline_class_hours=2,
    units=(
        EarnedUnit("online", "用电安全基础", "online", 2, 5400, True),
        EarnedUnit("offline", "现场应急", "offline", 2, 5400, True),
    ),
    online_done=True,
    offline_done=True,
    shares_allowed=True,
    reasons=(),
    first_ms=epoch_ms(NOW) - 9_000_000,
    last_ms=epoch_ms(NOW) - 3_000_000,
    ledger_head=GENESIS,
    packs=(("guangdong-2022-3", "0" * 64),),
    documents=("粤应急规〔2022〕3号", "AQ 8011-2023"),
    attendances=(
        Attendance("offline", epoch_ms(NOW), epoch_ms(NOW) + 5_400_000, "示例教室", "teacher-1", 2),
    ),
    timeline=((epoch_ms(NOW) - 9_000_000, epoch_ms(NOW) - 3_000_000, "credited", None),),
)
ONLINE_ONLY = replace(EARNED, offline_done=False, offline_class_hours=0, shares_allowed=False, attendances=())


@dataclass
class Hours:
    value: Earned = EARNED

    def earned(self, learner: LearnerRef, class_run: ClassRunId) -> Earned:
        return self.value


GOOD_EVIDENCE = TestEvidence(
    start_passed=True,
    in_test_checks_passed=2,
    in_test_checks_failed=0,
    covered_ms=590_000,
    attempt_ms=600_000,
)


@dataclass
class Presence:
    value: TestEvidence = GOOD_EVIDENCE

    def evidence(self, score: TestScore) -> TestEvidence:
        return self.value


def score(points: str = "88", maximum: str = "100", attempt: str = "1", message: str = "m1") -> TestScore:
    return TestScore(
        learner=LEARNER,
        class_run=RUN,
        unit="quiz",
        attempt=attempt,
        score=points,
        maximum=maximum,
        started_real="2026-11-23T07:40:00Z",
        finished_real="2026-11-23T07:50:00Z",
        message=message,
    )


@dataclass
class Told:
    """Collects events; a known idempotency key tells nothing, as the outbox does."""

    events: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    _keys: set[tuple[str, str]] = field(default_factory=set)

    def emit(
        self,
        type: str,
        subject: str,
        *,
        occurred_at: datetime,
        idempotency_key: str,
        data: Mapping[str, Any] | None = None,
        causation_id: str | None = None,
        schema_version: int = 1,
    ) -> EventId | None:
        if (type, idempotency_key) in self._keys:
            return None
        self._keys.add((type, idempotency_key))
        self.events.append((type, subject, dict(data or {})))
        return EventId(f"ev_{len(self.events)}")

    def types(self) -> list[str]:
        return [type_ for type_, _subject, _data in self.events]


class PlainPrinter:
    """Prints a paper as the bytes of what it would show; real PDFs have tests of their own."""

    def print_paper(self, paper: Paper, template: str | None = None) -> bytes:
        return repr(paper.printed()).encode()


def issued(kind: PaperKind = PaperKind.HOUR_CERTIFICATE, pdf: bytes = b"%PDF made up") -> IssuedPaper:
    return IssuedPaper(
        number=new_number("440100", 2026),
        kind=kind,
        learner=LEARNER,
        class_run=RUN,
        sha256=sha256_hex(pdf),
        status="valid",
        issued_at=NOW,
        evidence_id=EvidenceId("evi_1"),
        verify_code=new_verify_code(),
        mark=None,
        printed={},
        facts={
            "online_class_hours": 2,
            "offline_class_hours": 2,
            "class_hours": 2,
            "credited_seconds": 5460,
            "refused_seconds": {"idle": 40},
            "test": {
                "unit": "quiz",
                "attempt": "1",
                "score": "88",
                "maximum": "100",
                "finished_real": "2026-11-23T07:50:00Z",
                "checks_passed": 3,
            },
            "ledger_head": GENESIS,
            "packs": [],
        },
    )
