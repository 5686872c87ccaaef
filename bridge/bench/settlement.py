"""Bench `settlement`: what one new batch costs to settle after ever longer study, and what one explanation takes.

A made-up learner's chain stands in a SQLite file as the bridge keeps it. Ours settles it from its snapshot and makes
class hours of it, as the job behind each batch does; the peer is our settlement of the whole chain, in the same run.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.hours.explanation import explain
from bridge.hours.service import HoursService
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    OutlineId,
    StudySessionId,
)
from bridge.kernel.time import FixedClock, epoch_ms
from bridge.ledger.marks import RowMarks
from bridge.ledger.model import LedgerHead, next_entry
from bridge.ledger.ports import Batch, SessionFacts
from bridge.ledger.service import LedgerService
from bridge.ledger.snapshot_store import LedgerSnapshotPartRow, LedgerSnapshotRow, SqlSnapshotStore
from bridge.ledger.store import LedgerEntryRow, LedgerHeadRow, SqlLedgerStore
from bridge.ledger.tree_tables import LedgerTreeHeadRow
from bridge.registry.model import ClassRun, ClassRunSheet, Course, CourseUnit, Outline, OutlineUnit, PackRef
from bridge.rules.loader import load_rule_book
from bridge.rules.model import ProfileInForce

HOURS = (1, 10, 50, 100, 250, 500)
_LECTURE_MS = 45 * 60_000
_LECTURES_A_DAY = 8
_BEAT_MS = 10_000
_BATCHES = 40
"""Settled one after another at each length, ten minutes into a lecture."""
_BEFORE = 60
_ORG, _LEARNER, _RUN = InstitutionId("inst_bench"), LearnerRef("lrn_bench"), ClassRunId("run_bench")
_OPENS = date(2026, 8, 3)
_DAYS = 120
_NOW = datetime(2026, 11, 30, tzinfo=UTC)
_MARKS = RowMarks(b"bench" * 7)
_Fact = tuple[str, str, dict[str, Any]]
"""Natural key, kind and data."""


def run() -> dict[str, Any]:
    """Return {"name", "n", "flat", "ratio", "curve", "explain_ms", "explain_whole_ms", "peers"}; times in ms."""
    sys.stderr.write(f"anxue: 正在准备一名虚构学员 {HOURS[-1]} 小时的台账 …\n")
    with tempfile.TemporaryDirectory(prefix="anxue-bench-") as folder:
        bench = _Bench(Path(folder))
        try:
            curve = [bench.measured(hours) for hours in HOURS]
            explained = bench.explained()
        finally:
            bench.engine.dispose()
    first, last = curve[0], curve[-1]
    return {
        "name": "settlement",
        "n": _BATCHES * len(HOURS),
        "flat": last["ms"] / first["ms"],
        "ratio": last["ms"] / last["whole_ms"],
        "curve": curve,
        **explained,
        "peers": [
            {
                "name": f"the whole chain, {one['hours']} h",
                "figure": one["whole_ms"],
                "unit": "ms",
                "ratio": one["ms"] / one["whole_ms"],
            }
            for one in curve
        ],
    }


class _Bench:
    def __init__(self, folder: Path) -> None:
        self.engine = open_engine(f"sqlite:///{folder / 'bench.sqlite3'}")
        tables = (
            LedgerEntryRow,
            LedgerHeadRow,
            LedgerTreeHeadRow,
            LedgerSnapshotRow,
            LedgerSnapshotPartRow,
        )
        Base.metadata.create_all(self.engine, tables=[row.__table__ for row in tables])  # type: ignore[misc]  # SQLAlchemy types __table__ wider than it is
        self._work = UnitOfWork(self.engine, FixedClock(_NOW))
        self._rules = load_rule_book().profile("guangdong")
        self._sheet = _sheet(self._rules)
        self._head = LedgerHead()
        self._lectures = 0
        anchor = {"learner": _LEARNER, "class_run": _RUN, "at_ms": 0, "method": "id_photo"}
        self._append([("anchor", "anchor", anchor)])

    def measured(self, hours: int) -> dict[str, float]:
        """Study up to `hours`, then return what a batch costs from there on."""
        while (self._lectures + 1) * _LECTURE_MS <= hours * 3_600_000:
            self._append(list(_lecture(self._lectures)))
            self._lectures += 1
            if self._lectures % 50 == 1:
                self._settle()  # as after each batch in life: the snapshot goes along
        lecture = list(_lecture(self._lectures))
        self._lectures += 1
        self._append(lecture[:_BEFORE])
        self._settle()
        taken = []
        for fact in lecture[_BEFORE : _BEFORE + _BATCHES]:
            self._append([fact])
            taken.append(_timed(self._settle))
        self._require_same()
        whole = [_timed(partial(self._settle, whole=True)) for _ in range(3)]
        self._append(lecture[_BEFORE + _BATCHES :])
        return {"hours": hours, "entries": self._head.seq, "ms": _median(taken), "whole_ms": _median(whole)}

    def explained(self) -> dict[str, float]:
        """Return what the explanation of all that was studied takes, from the snapshot and whole."""
        self._settle()
        found = {}
        for name, whole, times in (("explain_ms", False, 11), ("explain_whole_ms", True, 3)):
            found[name] = _median([_timed(partial(self._explain, whole=whole)) for _ in range(times)])
        return {**found, "explain_stretches": float(self._explain(whole=False))}

    def _settle(self, *, whole: bool = False) -> None:
        with self._work.for_institution(_ORG) as tx:
            ledger, hours = self._services(tx)
            if whole:
                hours.of(ledger.statement(_LEARNER, _RUN), _LEARNER, _RUN)
                return
            standing = ledger.standing(_LEARNER, _RUN)
            hours.of(standing.statement, _LEARNER, _RUN)
            ledger.keep(_LEARNER, _RUN, standing)

    def _explain(self, *, whole: bool) -> int:
        with self._work.for_institution(_ORG, read_only=True) as tx:
            _, hours = self._services(tx)
            earned = hours.earned(_LEARNER, _RUN, whole=whole)
            told = explain(self._sheet, earned.seconds, earned.hours, self._rules, earned.ledger_head)
            return len(told.stretches)

    def _require_same(self) -> None:
        with self._work.for_institution(_ORG, read_only=True) as tx:
            ledger, _ = self._services(tx)
            standing = ledger.standing(_LEARNER, _RUN)
            if not standing.from_snapshot or standing.statement != ledger.statement(_LEARNER, _RUN):
                raise Unavailable("bench_peer_differs", "快照与全量结算的结果不符", permanent=True)

    def _services(self, tx: Tx) -> tuple[LedgerService, HoursService]:
        def rules_for(_: ClassRunSheet) -> ProfileInForce:
            return self._rules

        ledger = LedgerService(
            SqlLedgerStore(tx, _MARKS),
            rules_for,
            self,
            _NoBeats(),
            tx,
            FixedClock(_NOW),
            SqlSnapshotStore(tx, _MARKS),
        )
        return ledger, HoursService(ledger, self, rules_for)

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        return self._sheet

    def _append(self, facts: Sequence[_Fact]) -> None:
        entries = []
        for _, kind, data in facts:
            packs = self._rules.pack_hashes
            entry = next_entry(self._head, at_ms=epoch_ms(_NOW), kind=kind, packs=packs, data=data)
            entries.append(entry)
            self._head = LedgerHead(entry.seq, entry.hash)
        with self._work.for_institution(_ORG) as tx:
            store = SqlLedgerStore(tx, _MARKS)
            store.append(_LEARNER, _RUN, [key for key, _, _ in facts], entries)


class _NoBeats:
    """`BeatSource` that is never asked: the bench writes the chain itself."""

    def session_facts(self, session: StudySessionId) -> SessionFacts:
        raise KeyError(session)

    def waiting(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        return ()

    readable = waiting


def _timed(what: Callable[[], object]) -> float:
    begin = time.perf_counter()
    what()
    return (time.perf_counter() - begin) * 1000


def _median(taken: Sequence[float]) -> float:
    return sorted(taken)[len(taken) // 2]


def _lecture(number: int) -> Iterator[_Fact]:
    """Yield a lecture as the bridge would record it: beats with jitter, and checks that are passed."""
    dice = random.Random(number)  # noqa: S311 - made-up study, the same on each run
    day, place = divmod(number, _LECTURES_A_DAY)
    opened = epoch_ms(datetime(2026, 8, 3, 0, 30, tzinfo=UTC) + timedelta(days=day, minutes=55 * place))
    session, unit = f"ses_bench{number:04}", f"unit-{number}"
    heard: int | None = None
    check, checks = opened, 0
    for step in range(_LECTURE_MS // _BEAT_MS + 1):
        at = opened + step * _BEAT_MS + dice.randrange(40)
        received = at + dice.randrange(30, 120)
        yield (
            f"beats|{session}|{step + 1}",
            "beats",
            {
                "session": session,
                "unit": unit,
                "activity": "study",
                "seq": step + 1,
                "received_ms": received,
                "previous_received_ms": heard,
                "beats": [[at, step * _BEAT_MS + dice.randrange(40), 1, dice.randrange(120_000), 1000]],
            },
        )
        heard = received
        if received >= check or step * _BEAT_MS == _LECTURE_MS:
            checks += 1
            yield (
                f"check|{session}-{checks}",
                "check",
                {
                    "learner": _LEARNER,
                    "class_run": _RUN,
                    "check": f"{session}-{checks}",
                    "kind": "random",
                    "session": session,
                    "due_ms": received,
                    "at_ms": received,
                    "outcome": "passed",
                },
            )
            check = received + dice.randrange(300_000, 800_000)


def _sheet(rules: ProfileInForce) -> ClassRunSheet:
    lectures = HOURS[-1] * 3_600_000 // _LECTURE_MS + len(HOURS)
    return ClassRunSheet(
        institution=_ORG,
        learner=_LEARNER,
        class_run=ClassRun(
            id=_RUN,
            title="测量用班次",
            kind="initial",
            category="low_voltage_electrician",
            division_code="440100",
            opens_on=_OPENS,
            closes_on=_OPENS + timedelta(days=_DAYS),
            profile="guangdong",
            outline_id=OutlineId("outline_bench"),
            course_id=CourseId("course_bench"),
        ),
        packs=tuple(PackRef(pack, digest) for pack, digest in rules.pack_hashes),
        outline=Outline(
            OutlineId("outline_bench"),
            "测量用大纲",
            lectures,
            (OutlineUnit("part", "理论", "online", lectures),),
        ),
        course=Course(
            CourseId("course_bench"),
            "1",
            "测量用课程",
            tuple(
                CourseUnit(
                    CourseUnitId(f"unit-{number}"),
                    "part",
                    f"第 {number + 1} 讲",
                    "study",
                    _LECTURE_MS,
                    None,
                )
                for number in range(lectures)
            ),
        ),
        enrolled_on=_OPENS,
    )
