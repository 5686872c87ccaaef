"""Learners of the made-up province who have everything that a page shows of one: made by the bridge's own stations.

Each has a ledger of fifty sessions (chained, marked, settled, with a snapshot), a check and more of each session, their
frames with pictures in the evidence store, and a record in identity. Nobody of them is a person.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import text

from bridge.identity.store import SqlIdentityStore
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import CheckId, ClassRunId, CourseUnitId, InstitutionId, LearnerRef, new_id, random_ref
from bridge.kernel.time import epoch_ms, legal_date
from bridge.ledger.model import LedgerHead, next_entry
from bridge.ledger.store import SqlLedgerStore
from bridge.presence.model import Activity, CheckState, FaceFrame
from bridge.presence.tables import PresenceCheckRow
from bridge.settings import Settings
from bridge.wiring import House

_SESSIONS, _SESSIONS_A_DAY = 50, 5
_SESSION_MS, _BEAT_MS, _UNIT_MS = 20 * 60_000, 10_000, 45 * 60_000
_CHECK_EACH_MS = 9 * 60_000
_PICTURE_BYTES = 20_000
_PICTURE_EACH = 5
_Fact = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A learner whom an official looks into.

    Args:
        area: of an official who may.
    """

    area: str
    institution: str
    class_run: str
    learner: str
    frame: str


def make_watched(house: House, areas: Sequence[str], of_each: int, last: date) -> list[Watched]:
    """Make so many learners in class runs of each area, by which other areas see them too."""
    made = []
    with house.uow.across_institutions("bench: class runs", read_only=True) as tx:
        runs = [
            (area, row)
            for area in areas
            for row in tx.session.execute(
                text(
                    "SELECT r.id, r.institution_id, r.opens_on FROM class_run r JOIN institution i"
                    " ON i.id = r.institution_id WHERE (r.division_code = :area OR (i.division_code = :area"
                    " AND r.division_code = left(:area, 4) || '00')) AND r.opens_on BETWEEN :first AND :last"
                    " ORDER BY r.id LIMIT :number"
                ),
                {
                    "area": area,
                    "number": of_each,
                    "first": last - timedelta(days=40),
                    "last": last - timedelta(days=15),
                },
            )
        ]
    for number, (area, row) in enumerate(runs):
        with house.uow.for_institution(InstitutionId(row.institution_id)) as tx:
            learner = SqlIdentityStore(tx, house.cipher).add_learner(
                "测量学员", random_ref("nobody"), house.clock.now()
            )
            stations = house.at(tx)
            stations.registry.enrol(learner, ClassRunId(row.id), "bench")
            stations.learner_areas.note(ClassRunId(row.id), [learner], area, by="st_bench")
        made.append(_studied(house, area, row, learner, number))
    return made


def settle(house: House, watched: Sequence[Watched]) -> None:
    """Keep each ledger's snapshot as the worker does after a batch: one of other rules or code is not used."""
    for one in watched:
        pair = LearnerRef(one.learner), ClassRunId(one.class_run)
        with house.uow.for_institution(InstitutionId(one.institution)) as tx:
            stations = house.at(tx)
            stations.ledger.keep(*pair, stations.ledger.standing(*pair))


@contextmanager
def studying(settings: Settings, seconds: float) -> Iterator[Callable[[], int]]:
    """Have somebody new begin to study every so many seconds; yield what ends that and returns how many did.

    They are a process of their own: what makes them must not hold up the clock of who measures.
    """
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_study_on, args=(settings, theirs, seconds))
    process.start()
    theirs.close()

    def ended() -> int:
        ours.send(None)
        return int(ours.recv())

    try:
        ours.recv()
        yield ended
    finally:
        # Its end of the pipe reads as a word to stop.
        ours.close()
        process.join()


def _study_on(settings: Settings, told: Connection, seconds: float) -> None:
    """Until something is told, have somebody new begin to study every so many seconds; say when, and how many did.

    Each is enrolled somewhere in the province, where they work is noted, and their entry check is passed: what comes of
    that reaches the figures by events and jobs alone.
    """
    house = House.build(settings)
    dice = random.Random(1)  # noqa: S311  # which class runs; nothing secret
    today = legal_date(house.study_clock.now())
    with house.uow.across_institutions("bench: class runs that are taught", read_only=True) as tx:
        taught = tx.session.execute(
            text(
                "SELECT id, institution_id, division_code FROM class_run"
                " WHERE opens_on <= :today AND closes_on >= :today ORDER BY id"
            ),
            {"today": today},
        ).all()
    begun = 0
    told.send(None)
    while not told.poll(seconds):
        run = dice.choice(taught)
        class_run = ClassRunId(run.id)
        with house.uow.for_institution(InstitutionId(run.institution_id)) as tx:
            stations, learner = house.at(tx), LearnerRef(random_ref("ln"))
            stations.registry.enrol(learner, class_run, "bench")
            stations.learner_areas.note(class_run, [learner], run.division_code, by="st_bench")
            unit = stations.registry.class_run_sheet(class_run, learner).course.units[0]
            opened = stations.presence.open_session(
                learner=learner,
                class_run=class_run,
                unit=CourseUnitId(unit.id),
                activity=Activity.STUDY,
                attempt=None,
                account_id="bench",
                token_id=random_ref("tok"),
            )
            check = stations.presence_store.open_check(opened.session.id)
            if check is not None:
                stations.presence.decide(
                    check, CheckState.PASSED, check.attempts_left, opened.session.opened_ms
                )
        begun += 1
    told.send(begun)
    house.close()


def _studied(house: House, area: str, run: Any, learner: LearnerRef, number: int) -> Watched:
    """Write what the learner studied; an institution's unit of work each, as long as one session takes."""
    institution, class_run = InstitutionId(run.institution_id), ClassRunId(run.id)
    dice = random.Random(number)  # noqa: S311  # made-up study
    frame = ""
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        packs = house.rules.profile("guangdong").pack_hashes
        store, head = SqlLedgerStore(tx, house.ledger_marks), LedgerHead()
        anchor = {"learner": learner, "class_run": class_run, "at_ms": 0, "method": "id_photo"}
        sessions = [_session(learner, class_run, run.opens_on, at, dice) for at in range(_SESSIONS)]
        facts: list[_Fact] = [("anchor", "anchor", anchor), *(fact for one in sessions for fact in one)]
        entries = []
        for _, kind, data in facts:
            entry = next_entry(head, at_ms=epoch_ms(house.clock.now()), kind=kind, packs=packs, data=data)
            entries.append(entry)
            head = LedgerHead(entry.seq, entry.hash)
        store.append(learner, class_run, [key for key, _, _ in facts], entries)
        checks = [data for _, kind, data in facts if kind == "check"]
        for place, data in enumerate(checks):
            check = CheckId(data["check"])
            tx.session.add(_check_row(institution, check, data))
            if place % _PICTURE_EACH == 0:
                frame = new_id("frm")
                whose = EvidenceScope(institution, learner, EvidencePurpose.FACE_FRAME, class_run)
                kept = stations.vault.put(whose, os.urandom(_PICTURE_BYTES), "image/jpeg")
                stations.presence_store.add_frame(
                    FaceFrame(
                        id=frame,
                        learner=learner,
                        class_run=class_run,
                        check_id=check,
                        evidence_id=kept,
                        sha256=f"{number:032}{place:032}",
                        received_real=datetime.fromtimestamp(data["at_ms"] / 1000, UTC),
                        verdict="same",
                        score=0.7,
                    )
                )
        tx.session.flush()
        stations.rollups.ask_learner(learner, class_run)
        stations.rollups.ask_all(class_run)
    return Watched(area, institution, class_run, learner, frame)


def _check_row(institution: InstitutionId, check: CheckId, data: dict[str, Any]) -> PresenceCheckRow:
    return PresenceCheckRow(
        id=check,
        institution_id=institution,
        session=data["session"],
        learner=data["learner"],
        class_run=data["class_run"],
        kind=data["kind"],
        due_ms=data["due_ms"],
        opened_ms=data["due_ms"],
        answer_by_ms=data["due_ms"] + 60_000,
        attempts_left=1,
        state="passed",
        nonce="n",
        verdicts=[],
        decided_ms=data["at_ms"],
    )


def _session(
    learner: LearnerRef, class_run: ClassRunId, opens_on: date, number: int, dice: random.Random
) -> Iterator[_Fact]:
    """Yield a session of twenty minutes as the bridge would record it: beats with jitter, checks passed."""
    day, place = divmod(number, _SESSIONS_A_DAY)
    began = datetime(opens_on.year, opens_on.month, opens_on.day, 1, tzinfo=UTC)
    opened = epoch_ms(began + timedelta(days=day, hours=place))
    session = new_id("ses")
    heard: int | None = None
    checks = 0
    for step in range(_SESSION_MS // _BEAT_MS + 1):
        at = opened + step * _BEAT_MS + dice.randrange(40)
        received = at + dice.randrange(30, 120)
        studied = number * _SESSION_MS + step * _BEAT_MS
        yield (
            f"beats|{session}|{step + 1}",
            "beats",
            {
                "session": session,
                "unit": f"unit_{1 + studied // _UNIT_MS}",
                "activity": "study",
                "seq": step + 1,
                "received_ms": received,
                "previous_received_ms": heard,
                "beats": [[at, studied % _UNIT_MS, 1, dice.randrange(120_000), 1000]],
            },
        )
        heard = received
        if step * _BEAT_MS >= checks * _CHECK_EACH_MS:
            checks += 1
            check = new_id("chk")
            yield (
                f"check|{check}",
                "check",
                {
                    "learner": learner,
                    "class_run": class_run,
                    "check": check,
                    "kind": "entry" if checks == 1 else "random",
                    "session": session,
                    "due_ms": received,
                    "at_ms": received,
                    "outcome": "passed",
                },
            )
