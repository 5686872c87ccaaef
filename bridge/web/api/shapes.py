"""What the read API answers: the shapes of its JSON, from which the OpenAPI document is made."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Seconds = Annotated[int, Field(ge=0, description="秒")]
ClassHours = Annotated[int, Field(ge=0, description="学时")]
Number = Annotated[int, Field(ge=0)]
Division = Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$", description="GB/T 2260 行政区划代码")]
Learner = Annotated[str, Field(description="学员代号:随机,不含个人信息", examples=["lr_0demo"])]
ClassRunId = Annotated[str, Field(description="班次编号", examples=["run_demo"])]
InstitutionId = Annotated[str, Field(description="机构编号", examples=["org_demo"])]
Uscc = Annotated[str, Field(description="统一社会信用代码", examples=["52440199MJK000001Y"])]


class Shape(BaseModel):
    """Base of all; an answer holds what the document names and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listing(Shape, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: Annotated[str | None, Field(description="下一页的网址;最后一页为 null")]


class Registration(Shape):
    """A city's registration (第十三条)."""

    division_code: Division
    document_number: str
    valid_from: date
    valid_until: date


class Institution(Shape):
    """An institution (网络培训机构); the list is in the order of codes, nothing ranks it (第十一条)."""

    institution: InstitutionId
    uscc: Uscc
    name: Annotated[str, Field(examples=["示例安全培训中心"])]
    operator_name: Annotated[str, Field(description="网络平台运营单位")]
    division_code: Annotated[Division | None, Field(description="所在地")]
    provincial_connected: Annotated[bool, Field(description="是否已接入省级监管平台")]
    class_runs: Annotated[Number, Field(description="看得到的班次数")]
    registrations: list[Registration]


class ClassRun(Shape):
    """A class run (班次)."""

    class_run: ClassRunId
    title: Annotated[str, Field(examples=["低压电工作业初次培训 2026 年第 1 期"])]
    training_kind: Annotated[str, Field(examples=["initial"])]
    category: str
    division_code: Division
    opens_on: date
    closes_on: date
    status: Literal["upcoming", "open", "closed"]
    institution: InstitutionId
    institution_name: str
    uscc: Uscc
    learners: Number
    papers: Number


class Unit(Shape):
    """One unit of the course: what was taught."""

    title: str
    activity: str
    nominal_ms: Annotated[int, Field(ge=0, description="毫秒")]


class Totals(Shape):
    """Sums over the learners of a class run."""

    credited_seconds: Seconds
    provisional_seconds: Seconds
    refused_seconds: Seconds
    online_class_hours: ClassHours
    offline_class_hours: ClassHours
    learners_with_hour_certificate: Number
    learners_with_completion_statement: Number


class ClassRunFile(ClassRun):
    """A class run with its content, its hours and how many completed it."""

    units: list[Unit]
    totals: Totals


class Person(Shape):
    """Who a learner is, masked; given for a stated purpose alone, and logged."""

    name: Annotated[str, Field(examples=["陈*安"])]
    citizen_id: Annotated[str, Field(examples=["440***********1219"])]
    employer: str


class LearnerRow(Shape):
    """A learner in a class run, with progress and valid papers."""

    learner: Learner
    class_run: ClassRunId
    institution: InstitutionId
    enrolled_on: date
    credited_seconds: Seconds
    provisional_seconds: Seconds
    refused_seconds: Seconds
    online_class_hours: ClassHours
    offline_class_hours: ClassHours
    hour_certificate: Annotated[str | None, Field(description="有效的网络学时证明的编号")]
    completion_statement: Annotated[str | None, Field(description="有效的结业说明的编号")]
    person: Annotated[Person | None, Field(description="只在写明事由时给出")]


class HoursRow(Shape):
    """The newest hours of a learner in a class run."""

    learner: Learner
    class_run: ClassRunId
    uscc: Uscc
    division_code: Division
    credited_seconds: Seconds
    provisional_seconds: Seconds
    refused_seconds: Seconds
    online_class_hours: ClassHours
    offline_class_hours: ClassHours
    noted_at: Annotated[datetime | None, Field(description="最近一次更新;还没有学习记录时为 null")]


class Paper(Shape):
    """A paper in the register; its public check is the verify page's."""

    number: str
    kind: Literal["hour_certificate", "completion_statement"]
    status: Annotated[str, Field(examples=["valid"])]
    mark: Annotated[str | None, Field(description="例如 演练·无效;有效文书为 null")]
    class_hours: ClassHours
    issued_at: datetime
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="PDF 的 SHA-256")]
    learner: Learner
    class_run: ClassRunId
    uscc: Uscc


class Signal(Shape):
    """A signal that the system raised against its own operator; nobody can delete or change one."""

    signal: str
    kind: Annotated[str, Field(examples=["login_as"])]
    title: Annotated[str, Field(examples=["以学员身份登录"])]
    source: Annotated[str, Field(description="lms:学习平台所报;bridge:本桥所见")]
    learner: Learner | None
    class_run: ClassRunId
    class_run_title: str
    uscc: Uscc
    before: str | None
    after: str | None
    occurred_at: datetime
    raised_at: datetime
    acknowledged_at: Annotated[datetime | None, Field(description="机构核实的时间")]
    acknowledgement: str | None


class FindingStep(Shape):
    """What was done about a finding."""

    step: str
    note: str
    at: datetime
    until: date | None


class Finding(Shape):
    """One finding of a spot check."""

    finding: str
    subject: str
    text: str
    state: str
    due: Annotated[date, Field(description="整改期限(含延长)")]
    overdue: bool
    steps: list[FindingStep]


class SpotCheck(Shape):
    """A spot check with its findings."""

    spot_check: str
    institution: InstitutionId
    institution_name: str
    class_run: ClassRunId | None
    division_code: Division
    office: Division
    authority: str
    reason: str
    checked_on: date
    opened_at: datetime
    closed_at: datetime | None
    conclusion: str | None
    findings: list[Finding]


class Batch(Shape):
    """A batch to the province, with how many of its records fared how."""

    batch: str
    uscc: Uscc
    division_code: Division
    state: str
    sha256: str
    schema_version: str
    created_at: datetime
    records: Annotated[dict[str, int], Field(description="状态 → 条数", examples=[{"accepted": 3}])]


class Record(Shape):
    """One record of a batch with the province's verdict."""

    record: str
    batch: str | None
    kind: str
    number: str
    revision: Annotated[int, Field(ge=1)]
    state: str
    reason: Annotated[str | None, Field(description="退回或拒绝的原因")]
    queued_at: datetime
    learner: Learner | None
    class_run: ClassRunId
    uscc: Uscc


class Figures(Shape):
    """What happened on one day in one city."""

    day: date
    city: Division
    enrolled: Number
    credited_ms: Number
    provisional_ms: Number
    refused_ms: Number
    checks_passed: Number
    checks_missed: Number
    checks_failed: Number
    checks_declined: Number
    tests_passed: Number
    tests_refused: Number
    papers: Number
    paper_class_hours: Number
    signals: Number


class Export(Shape):
    """A whole table that may be fetched as a Parquet file now."""

    export: str
    table: Annotated[str, Field(examples=["class_runs"])]
    purpose: str
    recipient: str
    allowed_at: datetime
    fetch_until: datetime


class Stretch(Shape):
    """A stretch of study that fares alike, [start_ms, end_ms) of the study clock."""

    start_ms: int
    end_ms: int
    unit: str
    session: str
    verdict: Literal["credited", "provisional", "pending", "frozen", "refused"]
    reason: str | None


class Reason(Shape):
    """Why some of the time does not count, and on what that rests."""

    code: str
    sentence: str
    source: str


class Timeline(Shape):
    """A learner's study, second by second."""

    credited_seconds: Seconds
    provisional_seconds: Seconds
    refused_seconds: Seconds
    ledger_head: Annotated[str, Field(description="台账末条散列")]
    stretches: list[Stretch]
    reasons: list[Reason]


class Check(Shape):
    """A check of presence; epoch milliseconds of the study clock."""

    check: str
    kind: str
    state: str
    due_ms: int
    decided_ms: int | None
    session: str


class Test(Shape):
    """A decided score."""

    __test__ = False

    unit: str
    attempt: str
    score: str
    maximum: str
    accepted: bool
    reasons: list[str]
    decided_at: datetime


class LearnerRecord(Shape):
    """What was reported of the learner."""

    kind: str
    number: str
    revision: int
    state: str
    reason: str | None


class LearnerSignal(Shape):
    """A signal about the learner."""

    kind: str
    title: str
    raised_at: datetime
    acknowledged: bool


class LearnerFile(Shape):
    """One learner of one class run: who (masked), timeline, checks, tests, papers, reports, signals."""

    learner: Learner
    class_run: ClassRunId
    person: Person
    enrolled_on: date
    online_class_hours: ClassHours
    offline_class_hours: ClassHours
    timeline: Annotated[Timeline | None, Field(description="当日没有适用规则时为 null,stopped 说明原因")]
    stopped: str | None
    checks: list[Check]
    tests: list[Test]
    papers: list[str]
    records: list[LearnerRecord]
    signals: list[LearnerSignal]


class Problem(Shape):
    """An error (RFC 9457)."""

    type: Annotated[str, Field(examples=["urn:anxue:reason:not_in_area"])]
    title: Annotated[str, Field(examples=["Not Found"])]
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Field(description="中文说明", examples=["本辖区没有这条记录。"])]
    reason: Annotated[str, Field(description="稳定的原因代码", examples=["not_in_area"])]


def shaped(shape: type[Any], rows: Any) -> list[Any]:
    """Return each row in its shape."""
    return [shape.model_validate(dict(row)) for row in rows]
