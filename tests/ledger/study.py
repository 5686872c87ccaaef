"""Made-up study: a sheet, and ledger entries that say who sat where and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    OutlineId,
)
from bridge.kernel.time import epoch_ms
from bridge.ledger.model import LedgerEntry, LedgerHead, ProfileStudyRules, next_entry
from bridge.registry.model import (
    ClassRun,
    ClassRunSheet,
    Course,
    CourseUnit,
    Outline,
    OutlineUnit,
    PackRef,
)
from bridge.rules.loader import load_rule_book
from bridge.rules.model import ProfileInForce

START = epoch_ms(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))
"""09:00 in Guangzhou."""
SECOND = 1000
MINUTE = 60 * SECOND
BEAT = 10 * SECOND


@cache
def guangdong() -> ProfileInForce:
    return load_rule_book().profile("guangdong")


@cache
def sheet(nominal_ms: int = 3_000_000) -> ClassRunSheet:
    """Four theory hours: two online in two course units and a test, two offline."""
    return ClassRunSheet(
        institution=InstitutionId("inst_made_up"),
        learner=LearnerRef("lrn_made_up"),
        class_run=ClassRun(
            id=ClassRunId("run_made_up"),
            title="示例班次",
            kind="initial",
            category="low_voltage_electrician",
            division_code="440100",
            opens_on=date(2026, 11, 20),
            closes_on=date(2026, 12, 20),
            profile="guangdong",
            outline_id=OutlineId("outline_made_up"),
            course_id=CourseId("course_made_up"),
        ),
        packs=tuple(PackRef(pack, digest) for pack, digest in guangdong().pack_hashes),
        outline=Outline(
            id=OutlineId("outline_made_up"),
            title="示例大纲",
            theory_class_hours=4,
            units=(
                OutlineUnit("online-part", "线上理论", "online", 2),
                OutlineUnit("offline-part", "线下理论", "offline", 2),
            ),
        ),
        course=Course(
            id=CourseId("course_made_up"),
            version="1",
            title="示例课程",
            units=(
                CourseUnit(CourseUnitId("unit-1"), "online-part", "第一讲", "study", nominal_ms, None),
                CourseUnit(CourseUnitId("unit-2"), "online-part", "第二讲", "study", nominal_ms, None),
                CourseUnit(CourseUnitId("quiz"), None, "测试", "test", 1_200_000, None),
            ),
        ),
        enrolled_on=date(2026, 11, 20),
    )


def rules(of: ClassRunSheet | None = None) -> ProfileStudyRules:
    return ProfileStudyRules(guangdong(), of or sheet())


Beat = tuple[int, int, int, int | None, int]


@dataclass
class Study:
    """Collects facts and makes a chain of them. Times are ms after `START` unless a name says otherwise."""

    facts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def anchor(self, at: int = 0) -> "Study":
        self.facts.append(("anchor", {"at_ms": START + at, "method": "id_photo", "good_frames": 3}))
        return self

    def beats(
        self,
        session: str,
        beats: Sequence[Beat],
        *,
        received: int | None = None,
        previous: int | None,
        unit: str = "unit-1",
        activity: str = "study",
    ) -> "Study":
        """One batch; each beat is (at, media, visible, interaction age, rate permille)."""
        self.facts.append(
            (
                "beats",
                {
                    "session": session,
                    "unit": unit,
                    "activity": activity,
                    "received_ms": START + (beats[-1][0] if received is None else received),
                    "previous_received_ms": None if previous is None else START + previous,
                    "beats": [[START + beat[0], *beat[1:]] for beat in beats],
                },
            )
        )
        return self

    def watch(
        self,
        session: str,
        start: int,
        length: int,
        *,
        media: int = 0,
        speed: int = 1,
        visible: int = 1,
        age: int | None = 0,
        rate: int = 1000,
        unit: str = "unit-1",
        activity: str = "study",
    ) -> "Study":
        """Study evenly, one beat a batch, every ten seconds and once at the end."""
        previous: int | None = None
        at = 0
        while True:
            beat = (start + at, media + at * speed, visible, age, rate)
            self.beats(session, [beat], previous=previous, unit=unit, activity=activity)
            if at == length:
                return self
            previous = start + at
            at = min(at + BEAT, length)

    def check(self, session: str, at: int, outcome: str = "passed", *, due: int | None = None) -> "Study":
        self.facts.append(
            (
                "check",
                {
                    "learner": "lrn_made_up",
                    "class_run": "run_made_up",
                    "check": f"chk_{session}_{at}",
                    "kind": "random",
                    "session": session,
                    "due_ms": START + (at if due is None else due),
                    "at_ms": START + at,
                    "outcome": outcome,
                    "reason": None,
                },
            )
        )
        return self

    def prompt(self, session: str, at: int, outcome: str = "answered", *, due: int | None = None) -> "Study":
        self.facts.append(
            (
                "prompt",
                {
                    "learner": "lrn_made_up",
                    "class_run": "run_made_up",
                    "prompt": f"prm_{session}_{at}",
                    "kind": "random",
                    "session": session,
                    "due_ms": START + (at if due is None else due),
                    "at_ms": START + at,
                    "outcome": outcome,
                },
            )
        )
        return self

    def passes(self, session: str, *times: int) -> "Study":
        for at in times:
            self.check(session, at)
        return self

    def offline(self, start: int, end: int, class_hours: int = 2, unit: str = "offline-part") -> "Study":
        self.facts.append(
            (
                "offline",
                {
                    "learner": "lrn_made_up",
                    "class_run": "run_made_up",
                    "outline_unit": unit,
                    "class_hours": class_hours,
                    "start_ms": START + start,
                    "end_ms": START + end,
                    "teacher": "teacher_1",
                    "place": "room_1",
                    "sheet_sha256": "ab" * 32,
                    "entered_by": "staff_1",
                    "confirmed_by": "staff_2",
                },
            )
        )
        return self

    def entries(self) -> list[LedgerEntry]:
        return chain(self.facts)


def chain(facts: Iterable[tuple[str, dict[str, Any]]]) -> list[LedgerEntry]:
    """Return the entries that record `facts` in this order."""
    head = LedgerHead()
    made: list[LedgerEntry] = []
    for kind, data in facts:
        entry = next_entry(head, at_ms=START, kind=kind, packs=guangdong().pack_hashes, data=data)
        made.append(entry)
        head = LedgerHead(entry.seq, entry.hash)
    return made


def with_nominal(unit: str, nominal_ms: int) -> ClassRunSheet:
    """Return the sheet with one unit's reviewed length changed."""
    made = sheet()
    units = tuple(replace(u, nominal_ms=nominal_ms) if u.id == unit else u for u in made.course.units)
    return replace(made, course=replace(made.course, units=units))
