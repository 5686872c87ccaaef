"""Bench `hours`: learner-days recomputed from the ledger, against gaps and islands in DuckDB on one core.

Made-up ledgers stand in a SQLite file as the bridge keeps them. Ours reads each chain, proves it, settles it in
columns and makes class hours of it; see `duckdb_peer` for the peer, which has the same rows in its own store and
does less with them. One process and one thread on either side.
"""

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from os import environ
from pathlib import Path
from typing import Any

from bridge.hours.model import credit_class_hours
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId, InstitutionId, LearnerRef, OutlineId
from bridge.kernel.time import epoch_ms
from bridge.ledger.chain_columns import ChainInColumns, read_chain, without_collecting
from bridge.ledger.columns import settle_chain
from bridge.ledger.model import LedgerHead, ProfileStudyRules, next_entry
from bridge.registry.model import ClassRun, ClassRunSheet, Course, CourseUnit, Outline, OutlineUnit, PackRef
from bridge.rules.loader import load_rule_book
from bridge.rules.model import ProfileInForce
from bridge.setup.peer_environment import DUCKDB, ensure_peer

LEARNER_DAYS = 100_000
LEARNERS, DAYS = 25, 20
_OPENS = date(2026, 11, 2)
_BEAT_MS, _LECTURE_MS = 10_000, 45 * 60_000
_SECONDS_APART = 0.01
"""How far the peer's credited time may lie from ours: it knows neither checks nor banked time."""


def run() -> dict[str, Any]:
    """Return {"name", "n", "learner_days_per_second", "ratio", "ratio_columns", "ratio_peer_unproved", "peers"}."""
    python = ensure_peer(DUCKDB)
    rules = load_rule_book().profile("guangdong")
    with tempfile.TemporaryDirectory(prefix="anxue-bench-") as folder:
        ledgers, lines = Path(folder) / "ledgers.sqlite3", Path(folder) / "ledgers.jsonl"
        _make_up(ledgers, lines, rules)
        passes = LEARNER_DAYS // (LEARNERS * DAYS)
        with without_collecting():
            first, credited_ms = _recompute(ledgers, rules, passes // 2)
            theirs = _peer(python, lines)
            second, _ = _recompute(ledgers, rules, passes - passes // 2)
            columns = _settle_alone(ledgers, rules)
    if theirs["broken"] or abs(theirs["credited_ms"] / credited_ms - 1) > _SECONDS_APART:
        raise Unavailable("bench_peer_differs", f"对照组的结果与本系统不符:{theirs}", permanent=True)
    days = LEARNERS * DAYS
    rate = passes * days / (first + second)
    peers = {
        "DuckDB, proving the chain": (days / theirs["proved_seconds"], rate),
        "DuckDB, not proving it": (days / theirs["unproved_seconds"], rate),
        "DuckDB, from columns made before": (days / theirs["columns_seconds"], days / columns),
    }
    return {
        "name": "hours",
        "n": passes * days,
        "learner_days_per_second": rate,
        "beats_per_learner_day": _LECTURE_MS // _BEAT_MS + 1,
        "ratio": rate * theirs["proved_seconds"] / days,
        "ratio_peer_unproved": rate * theirs["unproved_seconds"] / days,
        "ratio_columns": theirs["columns_seconds"] / columns,
        "peers": [
            {"name": name, "figure": figure, "unit": "learner-days/s", "ratio": ours / figure}
            for name, (figure, ours) in peers.items()
        ],
    }


def _recompute(ledgers: Path, rules: ProfileInForce, passes: int) -> tuple[float, int]:
    """Return the seconds that `passes` over all ledgers take, and the credited ms of one."""
    begin = time.perf_counter()
    for _ in range(passes):
        credited_ms = _worth(_chains(ledgers), rules)
    return time.perf_counter() - begin, credited_ms


def _worth(chains: Iterable[tuple[str, ChainInColumns]], rules: ProfileInForce) -> int:
    """Return the credited ms of a class run, whose learners all enrolled on one day: they share its study rules."""
    credited_ms = 0
    study_rules = ProfileStudyRules(rules, _sheet("", rules))
    for learner, read in chains:
        sheet = _sheet(learner, rules)
        seconds = settle_chain(sheet, read, study_rules)
        credit_class_hours(seconds, sheet, rules)
        credited_ms += seconds.credited_ms
    return credited_ms


def _settle_alone(ledgers: Path, rules: ProfileInForce) -> float:
    """Return the seconds that all ledgers take from columns on."""
    chains = list(_chains(ledgers))
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        _worth(chains, rules)
        taken.append(time.perf_counter() - begin)
    return sorted(taken)[len(taken) // 2]


def _chains(ledgers: Path) -> Iterator[tuple[str, ChainInColumns]]:
    db = sqlite3.connect(ledgers)
    db.execute("PRAGMA mmap_size = 1073741824")  # the peer has its rows in memory as well
    try:
        for (learner,) in db.execute("SELECT DISTINCT learner FROM ledger ORDER BY learner").fetchall():
            rows = db.execute("SELECT body, hash FROM ledger WHERE learner = ? ORDER BY seq", (learner,))
            yield learner, read_chain(rows)
    finally:
        db.close()


def _peer(python: Path, lines: Path) -> dict[str, Any]:
    clean = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    script = Path(__file__).with_name("duckdb_peer.py")
    done = subprocess.run([python, script, lines], env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("bench_peer_failed", f"对照组 DuckDB 没有运行成功:{done.stderr[-400:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _make_up(ledgers: Path, lines: Path, rules: ProfileInForce) -> None:
    """Write the ledgers of made-up learners, one lecture of 45 minutes a day, as SQLite and as lines for the peer."""
    sys.stderr.write(f"anxue: 正在准备 {LEARNERS} 名虚构学员各 {DAYS} 天的台账 …\n")
    dice = random.Random(20261128)  # noqa: S311 - made-up study, the same on each run
    db = sqlite3.connect(ledgers)
    db.execute(
        "CREATE TABLE ledger (learner TEXT, seq INTEGER, body TEXT, hash TEXT, PRIMARY KEY (learner, seq))"
    )
    packs = rules.pack_hashes
    with lines.open("w") as file:
        for index in range(LEARNERS):
            learner, head = f"lr_bench{index:04}", LedgerHead()
            for kind, data in _facts(learner, dice):
                entry = next_entry(head, at_ms=data.get("received_ms", 0), kind=kind, packs=packs, data=data)
                head = LedgerHead(entry.seq, entry.hash)
                row = (learner, entry.seq, entry.canonical().decode(), entry.hash)
                db.execute("INSERT INTO ledger VALUES (?, ?, ?, ?)", row)
                file.write(json.dumps(dict(zip(("learner", "seq", "body", "hash"), row, strict=True))) + "\n")
    db.commit()
    db.close()


def _facts(learner: str, dice: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "anchor", {"learner": learner, "class_run": "cr_bench", "at_ms": 0, "method": "id_photo"}
    for day in range(DAYS):
        opened = epoch_ms(datetime(2026, 11, 2, 1, tzinfo=UTC) + timedelta(days=day)) + dice.randrange(
            3_600_000
        )
        yield from _lecture(learner, f"ss_{day:03}", opened, day * _LECTURE_MS, dice)


def _lecture(
    learner: str, session: str, opened: int, media: int, dice: random.Random
) -> Iterator[tuple[str, dict[str, Any]]]:
    heard: int | None = None
    check, checks = opened, 0
    for step in range(_LECTURE_MS // _BEAT_MS + 1):
        # The page's timers and the network are never quite on time.
        at = opened + step * _BEAT_MS + dice.randrange(40)
        received = at + dice.randrange(30, 120)
        place = media + step * _BEAT_MS + dice.randrange(40)
        yield (
            "beats",
            {
                "session": session,
                "unit": "cu_bench",
                "activity": "study",
                "seq": step + 1,
                "received_ms": received,
                "previous_received_ms": heard,
                "beats": [[at, place, 1, dice.randrange(120_000) if step > 12 else 0, 1000]],
            },
        )
        heard = received
        if received >= check or step * _BEAT_MS == _LECTURE_MS:
            checks += 1
            yield (
                "check",
                {
                    "learner": learner,
                    "class_run": "cr_bench",
                    "check": f"{session}-{checks}",
                    "kind": "random",
                    "session": session,
                    "due_ms": received,
                    "at_ms": received,
                    "outcome": "passed",
                },
            )
            check = received + dice.randrange(300_000, 800_000)


def _sheet(learner: str, rules: ProfileInForce) -> ClassRunSheet:
    return ClassRunSheet(
        institution=InstitutionId("inst_bench"),
        learner=LearnerRef(learner),
        class_run=ClassRun(
            id=ClassRunId("cr_bench"),
            title="测量用班次",
            kind="initial",
            category="low_voltage_electrician",
            division_code="440100",
            opens_on=_OPENS,
            closes_on=_OPENS + timedelta(days=DAYS),
            profile="guangdong",
            outline_id=OutlineId("ol_bench"),
            course_id=CourseId("co_bench"),
        ),
        packs=tuple(PackRef(pack, digest) for pack, digest in rules.pack_hashes),
        outline=Outline(
            OutlineId("ol_bench"), "测量用大纲", DAYS, (OutlineUnit("part", "理论", "online", DAYS),)
        ),
        course=Course(
            CourseId("co_bench"),
            "1",
            "测量用课程",
            (CourseUnit(CourseUnitId("cu_bench"), "part", "讲座", "study", DAYS * _LECTURE_MS, None),),
        ),
        enrolled_on=_OPENS,
    )
