"""Snapshots over a real house: kept by the job behind a batch, not believed from others, no ground for a paper."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bridge.db.outbox import EventRow
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import LearnerRef
from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model import Figures, SecondsStatement
from bridge.ledger.model.statement import UnitSeconds
from bridge.ledger.settling import Standing
from bridge.ledger.snapshot_store import LedgerSnapshotPartRow, SqlSnapshotStore
from bridge.ledger.snapshots import read_snapshot, write_snapshot
from bridge.wiring.cohorts import explain_learner
from bridge.wiring.ledger_snapshots import snapshot_faults
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, RUN, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path, with_fonts=True)  # a test that is passed asks for the printer
    yield made
    made.house.close()


@pytest.fixture
def learner(furnished: Furnished) -> LearnerRef:
    """Somebody who studied two units, the first of them in a session that is over."""
    _account, learner = furnished.enrol("chen", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    return learner


def standing(furnished: Furnished, learner: LearnerRef) -> Standing:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = furnished.house.at(tx).ledger.standing(learner, RUN)
        tuple(found.statement.timeline)
        return found


def whole(furnished: Furnished, learner: LearnerRef) -> SecondsStatement:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).ledger.statement(learner, RUN)


def faults(furnished: Furnished) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.code, one.what) for one in snapshot_faults(furnished.house, None)]


WITHDRAWN = (
    "correction",
    {
        "correction": "cor_1",
        "what": "withdraw",
        "reason": "entered_wrongly",
        "document_sha256": None,
        "proposed_by": "staff_1",
        "confirmed_by": "staff_2",
        "start_ms": 0,
        "end_ms": 2**42,
    },
)
"""All that was studied."""


def change(furnished: Furnished, sql: str, **values: str) -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        assert tx.session.execute(text(sql), values).rowcount == 1  # type: ignore[attr-defined]  # of an UPDATE


def give_time(furnished: Furnished, learner: LearnerRef) -> None:
    """Write, as only the bridge itself could, a snapshot by which everything was studied."""
    with furnished.house.uow.for_institution(ORG) as tx:
        store = SqlSnapshotStore(tx, furnished.house.ledger_marks)
        body = store.body(learner, RUN)
        assert body is not None
        kept = read_snapshot(body)
        assert kept is not None
        hours = dict.fromkeys(("unit_electric", "unit_fire"), 9 * 3600000)
        units = {
            name: UnitSeconds(name, Figures(ms, 0, {}), IntervalSet([(0, ms)]), 0)
            for name, ms in hours.items()
        }
        past = replace(kept.past, units=units, credited_ms=hours)
        (part,) = store.parts(learner, RUN)
        store.keep(learner, RUN, write_snapshot(replace(kept, past=past)), part, 0)


def test_the_job_behind_a_batch_keeps_a_snapshot_that_says_what_the_ledger_says(
    furnished: Furnished, learner: LearnerRef
) -> None:
    found = standing(furnished, learner)
    assert found.from_snapshot
    assert found.statement == whole(furnished, learner)
    assert faults(furnished) == []


def test_the_timeline_grows_by_parts_and_begins_anew_after_a_correction(
    furnished: Furnished, learner: LearnerRef
) -> None:
    def parts() -> int:
        with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            return tx.session.scalar(select(func.count()).select_from(LedgerSnapshotPartRow)) or 0

    assert parts() == 1
    start = NOW - timedelta(minutes=30)
    furnished.watch(learner, "ses_third", "unit_fire", start, 600)
    furnished.check(learner, "ses_third", start)
    furnished.check(learner, "ses_third", start + timedelta(minutes=10))
    furnished.work_off()
    assert parts() == 2
    assert standing(furnished, learner).statement == whole(furnished, learner)

    furnished.record(learner, [WITHDRAWN])
    assert not standing(furnished, learner).from_snapshot
    furnished.work_off()
    assert parts() == 1
    found = standing(furnished, learner)
    assert found.from_snapshot
    assert found.statement == whole(furnished, learner)
    assert found.statement.credited_ms == 0


def test_a_snapshot_that_somebody_else_wrote_makes_no_time_and_is_named(
    furnished: Furnished, learner: LearnerRef
) -> None:
    change(
        furnished, "UPDATE ledger_snapshot SET body = replace(body, :a, :b)", a="unit_electric", b="unit_fire"
    )

    found = standing(furnished, learner)
    assert not found.from_snapshot
    assert found.statement == whole(furnished, learner)
    assert faults(furnished) == [("snapshot_not_ours", ("mark",))]


def test_a_snapshot_of_another_learner_is_not_believed(furnished: Furnished, learner: LearnerRef) -> None:
    change(furnished, "UPDATE ledger_snapshot SET learner_ref = :other", other="lrn_other")

    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        store = SqlSnapshotStore(tx, furnished.house.ledger_marks)
        assert store.exists(LearnerRef("lrn_other"), RUN)
        assert store.body(LearnerRef("lrn_other"), RUN) is None
    assert faults(furnished) == [("snapshot_not_ours", ("mark",))]


def test_a_changed_timeline_is_made_anew_and_is_named(furnished: Furnished, learner: LearnerRef) -> None:
    change(
        furnished, "UPDATE ledger_snapshot_part SET body = replace(body, :a, :b)", a="refused", b="credited"
    )

    assert standing(furnished, learner).statement == whole(furnished, learner)
    assert faults(furnished) == [("snapshot_differs", ("timeline",))]


def test_a_snapshot_that_gives_time_is_named_and_makes_no_paper(
    furnished: Furnished, learner: LearnerRef
) -> None:
    furnished.record(learner, [WITHDRAWN])
    furnished.work_off()
    give_time(furnished, learner)

    assert faults(furnished) == [("snapshot_differs", ("past",))]
    assert standing(furnished, learner).statement.credited_ms_by_unit["unit_electric"] >= 9 * 3_600_000
    with pytest.raises(Unavailable) as caught:
        explain_learner(furnished.house, learner, RUN, whole=True)
    assert caught.value.reason == "snapshot_differs"

    # The job behind the next batch finds everything done; the paper is made of the ledger all the same.
    furnished.pass_test(learner)
    furnished.watch(learner, "ses_more", "unit_fire", NOW - timedelta(minutes=20), 60)
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        due = select(func.count()).select_from(EventRow).where(EventRow.type == "completion.due")
        assert tx.session.scalar(due)
    assert furnished.papers(learner) == ()


def test_the_explanation_is_the_same_from_the_snapshot_and_whole(
    furnished: Furnished, learner: LearnerRef
) -> None:
    quick = explain_learner(furnished.house, learner, RUN)
    assert quick == explain_learner(furnished.house, learner, RUN, whole=True)
    assert quick.stretches
