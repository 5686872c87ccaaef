"""What happens to a record after it was returned, held, taken back or given up; the order and the room for batches."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from bridge.completion.model import PaperKind
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import LearnerRef
from bridge.reporting.courier import Courier
from bridge.reporting.door import DoorRules, Window
from bridge.reporting.model import Action, BatchState, RecordKind, RecordState
from plugins.reporting.guangdong.batch_reading import read_batch
from plugins.reporting.guangdong.http_feed import HttpFeed
from tests.completion.papers import CITIZEN_ID, LEARNER, RUN, Identities, Someone, issued
from tests.reporting.stand import CITY, KEY, House, open_house, right, serve_province

OF_LEARNER = f"{RUN}.{LEARNER}"


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    with open_house(database_url) as house:
        yield house


@pytest.fixture
def province(tmp_path: Path) -> Iterator[str]:
    with serve_province(tmp_path / "province") as address:
        yield address


def _deliver(house: House, province: str, batch_id: str) -> str:
    receipt = Courier(house.open, HttpFeed(province, KEY)).deliver(batch_id)
    assert receipt is not None
    return receipt.status


def test_what_was_returned_is_corrected_at_its_source_and_sent_as_a_new_revision(
    house: House, province: str
) -> None:
    house.identities.person = Someone(
        citizen_id=CITIZEN_ID[:17] + ("0" if right(CITIZEN_ID)[-1] != "0" else "1")
    )
    assert _deliver(house, province, house.queue(issued())) == "partly_accepted"
    with house.store() as store:
        returned = store.to_correct(100)
    assert {one.kind for one in returned} == {
        RecordKind.LEARNER,
        RecordKind.STUDY_SESSION,
        RecordKind.CHECK,
        RecordKind.HOUR_SUMMARY,
        RecordKind.TEST_RESULT,
        RecordKind.CERTIFICATE,
    }
    house.identities.person = Someone(citizen_id=right(CITIZEN_ID))
    with house.open() as reporting:
        for one in returned:
            assert reporting.renew(one).revision == 2
        second = house.build(reporting)
    assert _deliver(house, province, second) == "accepted"
    with house.store() as store:
        assert store.to_correct(100) == ()
        newest = store.newest(RecordKind.LEARNER, OF_LEARNER)
    assert newest is not None
    assert (newest.revision, newest.state) == (2, RecordState.ACCEPTED)


def test_what_is_accepted_or_under_way_is_not_corrected(house: House, province: str) -> None:
    batch_id = house.queue(issued())
    with house.store() as store:
        record = store.newest(RecordKind.LEARNER, OF_LEARNER)
    assert record is not None
    with house.open() as reporting, pytest.raises(InvalidInput, match="record_not_to_correct"):
        reporting.renew(record)
    _deliver(house, province, batch_id)
    with house.open() as reporting, pytest.raises(InvalidInput, match="record_not_to_correct"):
        reporting.renew(record)


def test_a_record_is_taken_back_by_a_revision_and_no_event_brings_it_in_again(
    house: House, province: str
) -> None:
    paper = issued()
    _deliver(house, province, house.queue(paper))
    with house.open() as reporting:
        queued = reporting.withdraw(RecordKind.HOUR_SUMMARY, OF_LEARNER, "entered_in_error")
        second = house.build(reporting)
    assert (queued.revision, queued.action) == (2, Action.WITHDRAW)
    assert _deliver(house, province, second) == "accepted"
    with house.open() as reporting:
        xml = reporting.batch_xml(second).decode()
        assert reporting.queue_certificate(paper.number) == 0
        with pytest.raises(InvalidInput, match="record_withdrawn"):
            reporting.withdraw(RecordKind.HOUR_SUMMARY, OF_LEARNER, "entered_in_error")
        with pytest.raises(InvalidInput, match="withdrawal_reason"):
            reporting.withdraw(RecordKind.LEARNER, OF_LEARNER, "because")
        with pytest.raises(InvalidInput, match="record_unknown"):
            reporting.withdraw(RecordKind.LEARNER, "nobody", "entered_in_error")
    assert "<Kind>HourSummary</Kind>" in xml
    assert "<Reason>entered_in_error</Reason>" in xml


def test_what_becomes_of_an_older_paper_tells_no_older_hours(house: House) -> None:
    first, second = issued(), issued(PaperKind.COMPLETION_STATEMENT)
    first = replace(first, facts={**first.facts, "offline_class_hours": 0})
    with house.open() as reporting:
        reporting.queue_certificate(house.register.add(first))
        reporting.queue_certificate(house.register.add(second))
    with house.store() as store:
        before = store.newest(RecordKind.HOUR_SUMMARY, OF_LEARNER)

    house.register.add(replace(first, status="revoked"))
    with house.open() as reporting:
        assert reporting.queue_status(first.number) == 1

    with house.store() as store:
        paper = store.newest(RecordKind.CERTIFICATE, first.number)
        assert (store.newest(RecordKind.HOUR_SUMMARY, OF_LEARNER), before is None) == (before, False)
    assert paper is not None
    assert (paper.revision, paper.fields["Status"]) == (2, "revoked")


def test_of_two_revisions_that_wait_only_the_later_one_goes(house: House) -> None:
    paper = issued()
    with house.open() as reporting:
        reporting.queue_certificate(house.register.add(paper))
        house.register.add(replace(paper, status="revoked"))
        reporting.queue_certificate(paper.number)
        batch_id = house.build(reporting)
    with house.open() as reporting:
        _, records = read_batch(reporting.batch_xml(batch_id))
    papers = [
        (one.revision, values["Status"]) for one, values in records if one.kind is RecordKind.CERTIFICATE
    ]
    assert papers == [(2, "revoked")]


def test_a_batch_goes_after_those_before_it_and_waits_where_the_first_one_waits(house: House) -> None:
    first = house.queue(issued())
    second = house.queue(issued(PaperKind.COMPLETION_STATEMENT))
    with house.open() as reporting:
        assert reporting.next_due(CITY) == first
    with pytest.raises(Unavailable):
        Courier(house.open, HttpFeed("http://127.0.0.1:9", KEY)).deliver(first)
    with house.open() as reporting:
        assert reporting.next_due(CITY) is None
    house.clock.at += timedelta(seconds=3)
    with house.open() as reporting:
        assert reporting.next_due(CITY) == first
        assert {first, second} == {one.batch.id for one in reporting.reports()}


def test_after_failures_in_a_row_nothing_is_tried_until_it_is_time(house: House) -> None:
    house.rules = DoorRules(failures_until_open=2, pause_seconds=1, longest_pause_seconds=1, open_seconds=60)
    batch_id = house.queue(issued())
    for _ in range(2):
        with pytest.raises(Unavailable):
            Courier(house.open, HttpFeed("http://127.0.0.1:9", KEY)).deliver(batch_id)
        house.clock.at += timedelta(seconds=2)
    with house.open() as reporting:
        assert reporting.next_due(CITY) is None
    house.clock.at += timedelta(seconds=60)
    with house.open() as reporting:
        assert reporting.next_due(CITY) == batch_id


def test_nothing_is_tried_in_a_maintenance_window(house: House) -> None:
    batch_id = house.queue(issued())
    house.rules = DoorRules(maintenance=(Window(time(15, 30), time(16, 30)),))  # it is 16:00 in China
    with house.open() as reporting:
        assert reporting.next_due(CITY) is None
    house.clock.at += timedelta(minutes=30)
    with house.open() as reporting:
        assert reporting.next_due(CITY) == batch_id


def test_records_wait_where_as_many_batches_as_allowed_wait_for_receipts(house: House) -> None:
    house.rules = DoorRules(most_undelivered=1)
    house.queue(issued())
    with house.open() as reporting:
        assert reporting.queue_certificate(house.register.add(issued(PaperKind.COMPLETION_STATEMENT))) > 0
        assert reporting.build_batch(CITY) is None


def test_a_stopped_door_opens_and_the_batch_goes_out_as_it_was(house: House, province: str) -> None:
    batch_id = house.queue(issued())
    with house.open() as reporting:
        before = reporting.batch_xml(batch_id)
        with pytest.raises(InvalidInput, match="batch_not_failed"):
            reporting.send_again(batch_id)
    with pytest.raises(Unavailable, match="regulator_key_refused"):
        Courier(house.open, HttpFeed(province, "wrong")).deliver(batch_id)
    house.queue(issued(PaperKind.COMPLETION_STATEMENT))
    with house.open() as reporting:
        assert reporting.next_due(CITY) is None
        assert reporting.report(batch_id).batch.reason == "regulator_key_refused"
        reporting.send_again(batch_id)
        assert reporting.next_due(CITY) == batch_id
        assert reporting.batch_xml(batch_id) == before
    assert _deliver(house, province, batch_id) == "accepted"


class Noting(Identities):
    """Discloses a person whose number our gate refuses, and notes of which moment."""

    def __init__(self) -> None:
        super().__init__(Someone(citizen_id="12345"))
        self.moments: list[datetime | None] = []

    def disclose(
        self, learner: LearnerRef, *, purpose: str, recipient: str, by: str, at: datetime | None = None
    ) -> Someone:
        self.moments.append(at)
        return self.person


def test_names_are_those_of_the_papers_moment_and_after_a_correction_those_of_now(house: House) -> None:
    house.identities = noting = Noting()
    paper = issued()
    house.queue(paper)
    with house.store() as store:
        (held,) = store.to_correct(10)
    assert held.state is RecordState.HELD
    with house.open() as reporting:
        reporting.renew(held)
        assert reporting.build_batch(CITY) is None
    assert noting.moments == [paper.issued_at, None]


def test_a_dry_run_shows_both_forms_and_keeps_nothing(house: House) -> None:
    with house.open() as reporting:
        reporting.queue_certificate(house.register.add(issued()))
        xml, json, faults = reporting.try_out(CITY)
        assert reporting.reports() == ()
    assert b"<HourSummary" in xml
    assert "公民身份号码".encode() not in json
    assert b'"citizenId"' in json
    assert faults == ()
    with house.open() as reporting:
        assert reporting.report(house.build(reporting)).batch.state is BatchState.READY
