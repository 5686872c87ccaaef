"""The ledger on real databases: each fact once, nothing changed afterwards, the same result from the file."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.exc import DatabaseError

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.outbox import JobRow
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef, StudySessionId
from bridge.kernel.time import FixedClock
from bridge.ledger.marks import RowMarks
from bridge.ledger.model import Beat, LedgerInvalid, read_ledger, settle, verify_chain
from bridge.ledger.ports import Batch, SessionFacts
from bridge.ledger.service import LedgerService
from bridge.ledger.snapshot_store import LedgerSnapshotPartRow, LedgerSnapshotRow, SqlSnapshotStore
from bridge.ledger.store import LedgerEntryRow, LedgerHeadRow, LedgerIsAppendOnly, SqlLedgerStore
from bridge.ledger.tree_tables import LedgerTreeHeadRow
from bridge.registry.model import ClassRunSheet
from tests.ledger.study import BEAT, START, Study, guangdong, rules, sheet

INSTITUTION = InstitutionId("inst_made_up")
LEARNER = LearnerRef("lrn_made_up")
CLASS_RUN = ClassRunId("run_made_up")
SESSION = StudySessionId("ses_made_up")
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MARKS = RowMarks(b"made up" * 5)


class Batches:
    """`BeatSource` in memory; gives three batches at a time."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def study(self, beats: int) -> None:
        for _ in range(beats):
            seq = len(self.batches) + 1
            at = START + (seq - 1) * BEAT
            previous = None if seq == 1 else at - BEAT
            self.batches.append(Batch(seq, at, previous, (Beat(at, (seq - 1) * BEAT, 1, 0, 1000),)))

    def session_facts(self, session: StudySessionId) -> SessionFacts:
        return SessionFacts(LEARNER, CLASS_RUN, CourseUnitId("unit-1"), "study")

    def waiting(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        return [batch for batch in self.batches if batch.seq > after_seq][:3]

    readable = waiting


class Sheets:
    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        return sheet()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    Base.metadata.create_all(
        engine,
        tables=[
            row.__table__  # type: ignore[misc]
            for row in (
                LedgerEntryRow,
                LedgerHeadRow,
                LedgerTreeHeadRow,
                LedgerSnapshotRow,
                LedgerSnapshotPartRow,
                JobRow,
            )
        ],
    )
    yield engine
    engine.dispose()


@pytest.fixture
def work(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, FixedClock(NOW))


@pytest.fixture
def batches() -> Batches:
    return Batches()


def service(tx: Tx, batches: Batches) -> LedgerService:
    return LedgerService(
        SqlLedgerStore(tx, MARKS),
        lambda _: guangdong(),
        Sheets(),
        batches,
        tx,
        FixedClock(NOW),
        SqlSnapshotStore(tx, MARKS),
    )


def facts(study: Study) -> dict[str, Any]:
    """Return the last fact with what every event names."""
    return {"learner": LEARNER, "class_run": CLASS_RUN, **study.facts[-1][1]}


def test_each_batch_is_recorded_once(work: UnitOfWork, batches: Batches) -> None:
    batches.study(5)
    with work.for_institution(INSTITUTION) as tx:
        assert service(tx, batches).record_beats(SESSION) == 5
    batches.study(2)
    with work.for_institution(INSTITUTION) as tx:
        assert service(tx, batches).record_beats(SESSION) == 2
        assert service(tx, batches).record_beats(SESSION) == 0

    with work.for_institution(INSTITUTION) as tx:
        entries = service(tx, batches).entries(LEARNER, CLASS_RUN)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert entries[0].packs == guangdong().pack_hashes


def test_what_was_read_before_is_recorded_as_if_it_were_read_now(work: UnitOfWork, batches: Batches) -> None:
    batches.study(2)
    with work.for_institution(INSTITUTION, read_only=True) as tx:
        read = service(tx, batches).read_beats(SESSION)
    batches.study(1)
    with work.for_institution(INSTITUTION) as tx:
        # What came since waits for its own turn.
        assert service(tx, batches).record_beats(SESSION, lots=1, read=read) == 2
    with work.for_institution(INSTITUTION) as tx:
        # Read before others recorded it: nothing is recorded twice, nothing is left out.
        assert service(tx, batches).record_beats(SESSION, lots=1, read=read) == 1
        assert service(tx, batches).record_beats(SESSION, lots=1, read=read) == 0

    with work.for_institution(INSTITUTION) as tx:
        entries = service(tx, batches).entries(LEARNER, CLASS_RUN)
    assert [entry.data["seq"] for entry in entries] == [1, 2, 3]


def test_facts_are_recorded_once_and_ask_for_an_assessment(work: UnitOfWork, batches: Batches) -> None:
    anchor, check = facts(Study().anchor()), facts(Study().check("s", 0))
    offline = facts(Study().offline(0, 90 * 60_000))
    test = {
        "learner": LEARNER,
        "class_run": CLASS_RUN,
        "unit": "quiz",
        "attempt": "长" * 300,
        "decision": "accepted",
        "reasons": [],
    }
    with work.for_institution(INSTITUTION) as tx:
        ledger = service(tx, batches)
        for record, data in (
            (ledger.record_anchor, anchor),
            (ledger.record_check, check),
            (ledger.record_offline, offline),
            (ledger.record_test, test),
        ):
            assert record(data)
            assert not record(data)

    with work.for_institution(INSTITUTION) as tx:
        assert len(service(tx, batches).entries(LEARNER, CLASS_RUN)) == 4
        jobs = tx.session.execute(select(JobRow.kind, JobRow.key)).all()
    assert [tuple(job) for job in jobs] == [("ledger.extended", f"{LEARNER}|{CLASS_RUN}")]


def test_another_version_of_a_recorded_fact_is_refused(work: UnitOfWork, batches: Batches) -> None:
    check = facts(Study().check("s", 0))
    with work.for_institution(INSTITUTION) as tx:
        ledger = service(tx, batches)
        ledger.record_check(check)

        with pytest.raises(InvalidInput, match="ledger_entry_conflict"):
            ledger.record_check({**check, "outcome": "missed"})


@pytest.mark.parametrize("missing", ["learner", "check", "outcome", "at_ms"])
def test_a_fact_that_says_too_little_is_not_recorded(
    work: UnitOfWork, batches: Batches, missing: str
) -> None:
    check = facts(Study().check("s", 0))
    del check[missing]
    with work.for_institution(INSTITUTION) as tx:
        with pytest.raises(InvalidInput, match="ledger_fact_invalid"):
            service(tx, batches).record_check(check)
        assert tx.session.scalar(select(func.count()).select_from(LedgerEntryRow)) == 0


def test_an_offline_session_confirmed_by_the_one_who_entered_it_is_refused(
    work: UnitOfWork, batches: Batches
) -> None:
    alone = {**facts(Study().offline(0, 1)), "confirmed_by": "staff_1"}
    with work.for_institution(INSTITUTION) as tx, pytest.raises(InvalidInput, match="ledger_fact_invalid"):
        service(tx, batches).record_offline(alone)


def test_the_file_gives_the_same_statement_as_the_database(work: UnitOfWork, batches: Batches) -> None:
    batches.study(31)
    with work.for_institution(INSTITUTION) as tx:
        ledger = service(tx, batches)
        ledger.record_anchor(facts(Study().anchor()))
        ledger.record_beats(SESSION)
        for at in (0, 300_000):
            ledger.record_check(facts(Study().check(SESSION, at)))

    with work.for_institution(INSTITUTION, read_only=True) as tx:
        ledger = service(tx, batches)
        statement = ledger.statement(LEARNER, CLASS_RUN)
        content = ledger.export_jsonl(LEARNER, CLASS_RUN)
        head = ledger.head(LEARNER, CLASS_RUN)

    read = read_ledger(content, expected_head=head.hash)
    again = settle(ClassRunSheet.from_json(read.header), read.entries, rules())
    assert statement.credited_seconds == 300
    assert again == statement


def test_another_institution_sees_nothing(work: UnitOfWork, batches: Batches) -> None:
    with work.for_institution(INSTITUTION) as tx:
        service(tx, batches).record_anchor(facts(Study().anchor()))
    with work.for_institution(InstitutionId("inst_other")) as tx:
        ledger = service(tx, batches)

        assert ledger.entries(LEARNER, CLASS_RUN) == []
        assert ledger.head(LEARNER, CLASS_RUN).seq == 0


def test_no_entry_can_be_changed_through_the_orm(work: UnitOfWork, batches: Batches) -> None:
    with work.for_institution(INSTITUTION) as tx:
        service(tx, batches).record_anchor(facts(Study().anchor()))

    for change in (_change_row, _delete_row, _bulk_update, _bulk_delete):
        with pytest.raises(LedgerIsAppendOnly), work.for_institution(INSTITUTION) as tx:
            change(tx)


@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET body = '{}'", "DELETE FROM ledger_entry"])
def test_the_database_itself_refuses_changes(
    engine: Engine, work: UnitOfWork, batches: Batches, statement: str
) -> None:
    with work.for_institution(INSTITUTION) as tx:
        service(tx, batches).record_anchor(facts(Study().anchor()))

    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


def test_a_row_changed_behind_the_guards_stops_the_statement(
    engine: Engine, work: UnitOfWork, batches: Batches
) -> None:
    batches.study(3)
    with work.for_institution(INSTITUTION) as tx:
        service(tx, batches).record_beats(SESSION)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER ledger_entry_no_update"))
        else:
            connection.execute(text("DROP TRIGGER ledger_entry_append_only ON ledger_entry"))
        connection.execute(
            text("UPDATE ledger_entry SET body = replace(body, '1000]', '1001]') WHERE seq = 2")
        )

    with work.for_institution(INSTITUTION) as tx, pytest.raises(LedgerInvalid, match="chain_broken"):
        service(tx, batches).statement(LEARNER, CLASS_RUN)


@pytest.mark.parametrize("mark", ["0" * 64, None])
def test_a_head_that_the_bridge_did_not_write_stops_the_statement(
    engine: Engine, work: UnitOfWork, batches: Batches, mark: str | None
) -> None:
    batches.study(3)
    with work.for_institution(INSTITUTION) as tx:
        service(tx, batches).record_beats(SESSION)
        tx.session.add(
            LedgerTreeHeadRow(
                institution_id=INSTITUTION, tree_size=1, root="0" * 64, at_ms=1, key_id="k", signature="s"
            )
        )
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_head SET mark = :mark"), {"mark": mark})

    with work.for_institution(INSTITUTION) as tx:
        ledger = service(tx, batches)
        for use in (ledger.statement, ledger.head, ledger.entries, ledger.lock):
            with pytest.raises(LedgerInvalid, match="head_not_marked"):
                use(LEARNER, CLASS_RUN)


def test_a_head_of_before_there_were_marks_is_believed_until_the_first_seal(
    engine: Engine, work: UnitOfWork, batches: Batches
) -> None:
    batches.study(3)
    with work.for_institution(INSTITUTION) as tx:
        service(tx, batches).record_beats(SESSION)
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_head SET mark = NULL"))

    with work.for_institution(INSTITUTION) as tx:
        assert service(tx, batches).head(LEARNER, CLASS_RUN).seq == 3


def test_writers_at_once_make_one_chain(work: UnitOfWork, batches: Batches) -> None:
    def record(at: int) -> bool:
        with work.for_institution(INSTITUTION) as tx:
            return service(tx, batches).record_check(facts(Study().check("s", at % 12)))

    with ThreadPoolExecutor(4) as pool:
        recorded = list(pool.map(record, range(24)))

    assert sum(recorded) == 12
    with work.for_institution(INSTITUTION) as tx:
        entries = service(tx, batches).entries(LEARNER, CLASS_RUN)
    assert len(entries) == 12
    assert verify_chain(entries).seq == 12


def _row(tx: Tx) -> LedgerEntryRow:
    return tx.session.scalars(select(LedgerEntryRow)).one()


def _change_row(tx: Tx) -> None:
    _row(tx).body = "{}"
    tx.session.flush()


def _delete_row(tx: Tx) -> None:
    tx.session.delete(_row(tx))
    tx.session.flush()


def _bulk_update(tx: Tx) -> None:
    tx.session.execute(update(LedgerEntryRow).values(body="{}"))


def _bulk_delete(tx: Tx) -> None:
    tx.session.execute(delete(LedgerEntryRow))
