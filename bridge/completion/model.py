"""What a finished course is made of: the test's evidence, what was earned, and the papers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef
from bridge.rules.model import Reason


class PaperKind(StrEnum):
    """The two papers; they are never one."""

    HOUR_CERTIFICATE = "hour_certificate"
    """网络学时证明 (粤应急规〔2022〕3号 第二十五条): course and test done online."""
    COMPLETION_STATEMENT = "completion_statement"
    """结业说明 (第二条): the online and the offline part together."""


TITLES = {
    PaperKind.HOUR_CERTIFICATE: "网络学时证明",
    PaperKind.COMPLETION_STATEMENT: "结业说明",
}

REHEARSAL = "演练·无效"
"""The institution is not connected to the provincial system, or not registered in the city on these dates."""
DEMONSTRATION = "演示·无效"
"""The provincial system that it is connected to is a simulator."""


@dataclass(frozen=True, slots=True)
class TestScore:
    """A score as an LMS claimed it; `score` and `maximum` are decimal text, never floats."""

    __test__ = False

    learner: LearnerRef
    class_run: ClassRunId
    unit: str
    attempt: str
    score: str
    maximum: str
    started_real: str
    finished_real: str
    message: str


@dataclass(frozen=True, slots=True)
class TestEvidence:
    """What presence saw of one attempt.

    Args:
        start_passed: the check at the start was passed.
        in_test_checks_passed, in_test_checks_failed: final outcomes within the attempt; where staff supervise, each
            silence of theirs that was too long failed.
        covered_ms: how much of the attempt the agent's beats cover; by the same clock as `attempt_ms`.
        attempt_ms: how long the attempt took.
        references: the face references with which its passed checks were compared, where they have a name.
    """

    __test__ = False

    start_passed: bool
    in_test_checks_passed: int
    in_test_checks_failed: int
    covered_ms: int
    attempt_ms: int
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarnedUnit:
    """What one unit of the outline demands and what the learner has.

    Args:
        mode: "online" or "offline".
        earned_seconds: credited clock time (class hours are floored once, over all units).
    """

    id: str
    title: str
    mode: str
    required_class_hours: int
    earned_seconds: int
    met: bool


@dataclass(frozen=True, slots=True)
class Attendance:
    """One offline session that was attended."""

    outline_unit: str
    start_ms: int
    end_ms: int
    place: str
    teacher: str
    class_hours: int


@dataclass(frozen=True, slots=True)
class Earned:
    """All that a paper may say of a learner's hours, recomputed from the ledger.

    Args:
        online_done, offline_done: every outline unit of that mode is met.
        shares_allowed: both share rules hold (online cap and offline floor).
        reasons: why something of the three does not hold, or what was left out.
        first_ms, last_ms: study instants of the first and last credited moment; None if there is none.
        counted_online_class_hours: those within the cap.
        timeline: (start_ms, end_ms, verdict, reason code or None) of every stretch of study, oldest first.
        documents: the rule packs' documents, as a paper cites them.
        unanchored_tests: (unit, attempt) of accepted tests whose checks saw a face that is nobody's yet.
        whole: all entries were settled. Else a snapshot was, timeline and attendances are left out, and no paper and
            no file is made of it.
    """

    anchored: bool
    credited_seconds: int
    provisional_seconds: int
    refused_seconds: Mapping[str, int]
    online_class_hours: int
    counted_online_class_hours: int
    offline_class_hours: int
    units: tuple[EarnedUnit, ...]
    online_done: bool
    offline_done: bool
    shares_allowed: bool
    reasons: tuple[Reason, ...]
    first_ms: int | None
    last_ms: int | None
    ledger_head: str
    packs: tuple[tuple[str, str], ...]
    documents: tuple[str, ...]
    attendances: tuple[Attendance, ...] = ()
    timeline: tuple[tuple[int, int, str, str | None], ...] = ()
    whole: bool = True
    unanchored_tests: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the institution may do for a class run in its city, as far as papers show it.

    Args:
        provincially_connected: connected to a provincial supervision system (第四条).
        registered: registered in the class run's city on the class run's dates (第十三条).
        demonstration: that provincial system is a simulator.
        trial_seals: papers are sealed by certificates of a test CA, which nobody else vouches for.
        city_name: of the class run's city, e.g. "广州市"; "" where it is not known.
    """

    institution_name: str
    uscc: str
    operator_name: str
    provincially_connected: bool
    registered: bool
    demonstration: bool
    city_name: str = ""
    trial_seals: bool = False

    @property
    def mark(self) -> str | None:
        """The words across a paper that proves nothing; None on a real one."""
        if self.demonstration:
            return DEMONSTRATION
        real = self.provincially_connected and self.registered and not self.trial_seals
        return None if real else REHEARSAL


@dataclass(frozen=True, slots=True)
class PrintedField:
    """One line of a paper. `value` is None where it is personal and the reader must ask identity for it."""

    code: str
    label: str
    value: str | None


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A small table of a paper: a heading and rows of text, all of one width."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that is printed, in the order of printing; what the verify page shows too.

    Args:
        mark: words across the paper (演练·无效, 演示·无效) or None.
        verify_url: what the QR code holds.
        issued_at: real clock; also the PDF's own date.
    """

    kind: PaperKind
    number: str
    verify_code: str
    verify_url: str
    mark: str | None
    issuer: str
    uscc: str
    operator: str
    statement: str
    fields: tuple[PrintedField, ...]
    table: PrintedTable
    notes: tuple[str, ...]
    issued_on: date
    issued_at: datetime

    @property
    def title(self) -> str:
        return TITLES[self.kind]

    def printed(self) -> dict[str, Any]:
        """Return the paper as JSON values, what a printer sets."""
        return {
            "kind": self.kind.value,
            "title": self.title,
            "number": self.number,
            "verify_code": self.verify_code,
            "verify_url": self.verify_url,
            "mark": self.mark or "",
            "issuer": self.issuer,
            "uscc": self.uscc,
            "operator": self.operator,
            "statement": self.statement,
            "fields": [[one.code, one.label, one.value or ""] for one in self.fields],
            "table": {"heading": list(self.table.heading), "rows": [list(row) for row in self.table.rows]},
            "notes": list(self.notes),
            "issued_on": f"{self.issued_on.year} 年 {self.issued_on.month} 月 {self.issued_on.day} 日",
        }


PERSONAL_FIELDS = ("name", "citizen_id", "employer")
"""Codes of the printed fields that are kept by identity alone."""


def without_person(printed: Mapping[str, Any]) -> dict[str, Any]:
    """Return `printed` with the values of the personal fields taken out: what a row may keep."""
    kept = dict(printed)
    kept["fields"] = [
        [code, label, None if code in PERSONAL_FIELDS else value] for code, label, value in printed["fields"]
    ]
    return kept


@dataclass(frozen=True, slots=True)
class IssuedPaper:
    """A paper as it stands in the register of papers; no name, no citizen id.

    Args:
        printed: `Paper.printed()` without the personal values.
        facts: the figures behind it (class hours, seconds, test, ledger head), for archive and reporting.
        status: on the day of reading, one of `life_model`'s.
        expires_on: the first legal day on which it proves nothing; None where it does not end.
        replaced_by: the number of the paper that superseded it.
    """

    number: str
    kind: PaperKind
    learner: LearnerRef
    class_run: ClassRunId
    sha256: str
    status: str
    issued_at: datetime
    evidence_id: EvidenceId
    verify_code: str
    mark: str | None
    printed: Mapping[str, Any]
    facts: Mapping[str, Any]
    expires_on: date | None = None
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class PublicView:
    """What anyone who holds the number sees: every printed field, name and citizen id masked."""

    number: str
    title: str
    status: str
    mark: str | None
    sha256: str
    issued_on: str
    issuer: str
    uscc: str
    operator: str
    statement: str
    fields: tuple[tuple[str, str], ...]
    table: PrintedTable
    notes: tuple[str, ...]
    verify_code: str
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Which papers are due, and why the others are not."""

    papers: tuple[PaperKind, ...]
    missing: tuple[Reason, ...] = field(default_factory=tuple)
