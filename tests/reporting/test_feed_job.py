"""The job that builds and delivers, as the worker runs it; what asks for it; and the evidence that staff take out."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.db.outbox import LEASE, JobRow
from bridge.identity.tables import DisclosureRow
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.time import legal_date
from bridge.reporting.door import Circuit, Door
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.model import FEED, RECONCILE, BatchState, RecordKind
from bridge.wiring import feed_desk
from bridge.wiring.feed_jobs import sweep_feed, sweep_reconciliations
from plugins.reporting.rehearsal.books import outcome
from plugins.reporting.rehearsal.stand import CITY, CLASS_RUN, INSTITUTION, Stand, open_stand
from tests.reporting.stand import KEY, serve_province


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "province"


@pytest.fixture
def stand(state: Path, tmp_path: Path) -> Iterator[Stand]:
    """A bridge with the records of three learners waiting, and the simulator beside it."""
    with serve_province(state) as address, open_stand(tmp_path, address, KEY) as stand:
        stand.queue_class()
        stand.queue_learners(3)
        yield stand


def _deliver(stand: Stand) -> None:
    stand.house.runner.run_all({FEED: LEASE})


def _batch(stand: Stand) -> str:
    with stand.house.uow.for_institution(INSTITUTION) as tx:
        return stand.house.at(tx).reporting.reports()[0].batch.id


def test_the_job_builds_and_delivers_and_both_books_agree(stand: Stand, state: Path) -> None:
    _deliver(stand)
    found = outcome(stand, state)
    assert found.sound
    assert found.states == {"accepted": 2 + 3 * 7}
    today = legal_date(stand.house.clock.now())
    assert feed_desk.reconcile_day(stand.house, INSTITUTION, CITY, today, "test").agrees


def test_a_batch_whose_bytes_are_gone_is_set_aside_and_the_later_ones_go(stand: Stand) -> None:
    house = stand.house
    with house.uow.for_institution(INSTITUTION) as tx:
        broken = house.at(tx).reporting.build_batch(CITY)
        assert broken is not None
        scope = EvidenceScope(INSTITUTION, broken.id, EvidencePurpose.REGULATOR_BATCH, None)
        house.at(tx).vault.destroy(scope, reason="archive_expired", by="schedule")
    stand.queue_class()
    stand.queue_learners(1)
    _deliver(stand)
    with house.uow.for_institution(INSTITUTION) as tx:
        found = {one.batch.id: one.batch for one in house.at(tx).reporting.reports()}
    assert (found[broken.id].state, found[broken.id].reason) == (BatchState.FAILED, "evidence_unknown")
    assert len(found) == 2


def test_without_a_way_to_sign_the_door_stops_with_the_reason_and_records_wait(
    stand: Stand, state: Path
) -> None:
    house = stand.house

    def sign_with(name: str) -> None:
        house.settings = house.settings.model_copy(update={"regulator_signature": name})
        house.__dict__.pop("batch_format", None)

    def door() -> Door:
        with house.uow.across_institutions("look", read_only=True) as tx:
            return SqlDoorStore(tx).door()

    sign_with("sm2")  # and no key is set
    _deliver(stand)
    assert (door().circuit, door().reason) == (Circuit.STOPPED, "signing_key_missing")
    assert feed_desk.states(house, INSTITUTION) == {"records": {"waiting": 23}, "batches": {}}
    sweep_feed(house)
    with house.uow.across_institutions("look", read_only=True) as tx:
        assert not tx.session.scalars(select(JobRow.id).where(JobRow.wanted > JobRow.done)).all()
    sign_with("xmldsig")
    feed_desk.send_all_again(house, INSTITUTION, "test")
    sweep_feed(house)
    _deliver(stand)
    assert outcome(stand, state).states == {"accepted": 23}


def test_the_sweep_asks_for_what_waits_and_for_nothing_when_all_is_done(stand: Stand) -> None:
    def open_jobs() -> list[str]:
        with stand.house.uow.across_institutions("look", read_only=True) as tx:
            return list(
                tx.session.scalars(
                    select(JobRow.kind).where(JobRow.kind == FEED, JobRow.wanted > JobRow.done)
                )
            )

    with stand.house.uow.across_institutions("forget the job") as tx:
        for job in tx.session.scalars(select(JobRow)):
            tx.session.delete(job)
    sweep_feed(stand.house)
    assert open_jobs() == [FEED]
    _deliver(stand)
    sweep_feed(stand.house)
    assert open_jobs() == []


def test_yesterday_is_compared_once_by_the_clock(stand: Stand) -> None:
    _deliver(stand)
    sweep_reconciliations(stand.house)
    stand.house.runner.run_all({RECONCILE: LEASE})
    sweep_reconciliations(stand.house)
    stand.house.runner.run_all({RECONCILE: LEASE})
    with stand.house.uow.for_institution(INSTITUTION) as tx:
        (kept,) = stand.house.at(tx).reconciliation.newest()
    # Nothing was reported yesterday, and the regulator has nothing of it.
    assert (kept.agrees, kept.our_count, kept.their_count) == (True, 0, 0)
    assert datetime.fromisoformat(kept.day).date() == legal_date(stand.house.clock.now()) - timedelta(days=1)


def test_what_is_taken_back_is_known_on_both_sides(stand: Stand, state: Path) -> None:
    _deliver(stand)
    number = f"{CLASS_RUN}.{stand.learners[0]}.e1"
    feed_desk.withdraw(stand.house, INSTITUTION, RecordKind.EVALUATION, number, "entered_in_error", "staff_1")
    _deliver(stand)
    assert outcome(stand, state).sound
    with pytest.raises(InvalidInput, match="record_unknown"):
        feed_desk.correct(stand.house, INSTITUTION, RecordKind.EVALUATION, "nobody", "staff_1")


def test_the_evidence_bundle_is_whole_and_each_person_in_it_is_logged(stand: Stand) -> None:
    _deliver(stand)
    batch_id = _batch(stand)
    made = feed_desk.evidence_bundle(stand.house, INSTITUTION, batch_id, recipient="市应急局", by="staff_1")
    with zipfile.ZipFile(io.BytesIO(made)) as bundle:
        files = {name.partition("/")[2]: bundle.read(name) for name in bundle.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: sha256_hex(content) for name, content in files.items()}
    assert sha256_hex(files["batch.xml"]).encode() in files["receipt.xml"]
    assert json.loads(files["attempts.json"])[0]["outcome"] == "receipt"
    assert len(json.loads(files["records.json"])) == 23
    assert b"44019919900101000" not in files["records.json"]
    assert b"schemas/feed.xsd" in files["README.txt"]
    with stand.house.uow.for_institution(INSTITUTION) as tx:
        logged = tx.session.scalars(
            select(DisclosureRow.learner).where(DisclosureRow.purpose == feed_desk.TAKEN_OUT)
        ).all()
    assert sorted(logged) == sorted(stand.learners)


def test_the_nightly_form_holds_what_the_day_sent(stand: Stand) -> None:
    _deliver(stand)
    out = io.BytesIO()
    today = legal_date(stand.house.clock.now())
    count = feed_desk.nightly_form(
        stand.house, INSTITUTION, CITY, today, out, recipient="省级监管平台", by="staff_1"
    )
    assert count == 23
    assert out.getvalue().count(b"<Part ") == 1
