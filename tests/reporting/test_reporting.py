from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from bridge.completion.model import PaperKind
from bridge.db.base import Base
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.reporting.courier import Courier
from bridge.reporting.model import BatchState, RecordState
from plugins.reporting.guangdong.http_feed import HttpFeed
from tests.completion.papers import CITIZEN_ID, INSTITUTION, LEARNER, NAME, Someone, issued
from tests.reporting.stand import KEY, KINDS, House, open_house, right, serve_province


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    with open_house(database_url) as house:
        yield house


@pytest.fixture
def province(tmp_path: Path) -> Iterator[str]:
    """The simulator over real HTTP on loopback; yields its address."""
    with serve_province(tmp_path / "province") as address:
        yield address


def _courier(house: House, province: str, key: str = KEY) -> Courier:
    return Courier(house.open, HttpFeed(province, key))


def test_a_paper_goes_out_and_each_record_comes_back_with_its_verdict(house: House, province: str) -> None:
    batch_id = house.queue(issued())
    receipt = _courier(house, province).deliver(batch_id)
    assert receipt is not None
    assert receipt.status == "accepted"
    assert "模拟器" in receipt.system
    assert [verdict.kind for verdict in receipt.verdicts] == KINDS
    with house.open() as reporting:
        (report,) = reporting.reports()
    assert report.batch.state is BatchState.ACCEPTED
    assert {record.state for record in report.records} == {RecordState.ACCEPTED}
    assert [(attempt.number, attempt.outcome) for attempt in report.attempts] == [(1, "receipt")]
    assert house.told.types() == ["reporting.batch_ready", "reporting.receipt_received"]


def test_the_person_stands_in_the_batch_alone_and_the_disclosure_is_logged(house: House) -> None:
    batch_id = house.queue(issued())
    with house.open() as reporting:
        xml = reporting.batch_xml(batch_id).decode()
        report = reporting.report(batch_id)
    assert NAME in xml
    assert NAME not in repr(report)
    assert house.identities.log == [(LEARNER, "report_learner", "省级监管平台", "reporting")]
    if house.uow.engine.dialect.name == "sqlite":
        folder = Path(str(house.uow.engine.url.database)).parent
        raw = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
        assert batch_id.encode() in raw
        assert NAME.encode() not in raw


def test_queueing_twice_queues_once(house: House) -> None:
    paper = issued()
    house.queue(paper)
    with house.open() as reporting:
        assert reporting.queue_certificate(paper.number) == 0
        assert reporting.build_batch("440100") is None
        assert len(reporting.reports()) == 1


def test_a_second_paper_tells_only_what_is_new(house: House, province: str) -> None:
    _courier(house, province).deliver(house.queue(issued()))
    paper = issued(PaperKind.COMPLETION_STATEMENT)
    paper = replace(paper, facts={**paper.facts, "offline_class_hours": 1})
    second = house.queue(paper)
    receipt = _courier(house, province).deliver(second)
    assert receipt is not None
    assert receipt.status == "accepted"
    assert [(v.kind, v.revision) for v in receipt.verdicts] == [("HourSummary", 2), ("Certificate", 1)]


def test_delivering_again_sends_nothing(house: House, province: str) -> None:
    batch_id = house.queue(issued())
    _courier(house, province).deliver(batch_id)
    assert _courier(house, province).deliver(batch_id) is None


def test_a_process_that_died_after_sending_gets_the_same_receipt(house: House, province: str) -> None:
    batch_id = house.queue(issued())
    with house.open() as reporting:
        taken = reporting.take_out(batch_id)
    assert taken is not None
    first = HttpFeed(province, KEY).send(taken[0].xml, batch_id)
    receipt = _courier(house, province).deliver(batch_id)
    assert receipt is not None
    assert receipt.status == "accepted"
    with house.open() as reporting:
        report = reporting.report(batch_id)
    assert report.receipt_raw == first
    assert [attempt.outcome for attempt in report.attempts] == ["started", "receipt"]


def test_a_refused_record_keeps_the_provinces_words_and_drags_its_dependants(
    house: House, province: str
) -> None:
    wrong = "0" if right(CITIZEN_ID)[-1] != "0" else "1"
    house.identities.person = Someone(citizen_id=CITIZEN_ID[:17] + wrong)
    batch_id = house.queue(issued())
    receipt = _courier(house, province).deliver(batch_id)
    assert receipt is not None
    assert receipt.status == "partly_accepted"
    with house.open() as reporting:
        report = reporting.report(batch_id)
    fate = {record.kind: (record.state, record.reason) for record in report.records}
    assert fate["ClassInfo"] == (RecordState.ACCEPTED, None)  # type: ignore[index]
    assert fate["Learner"] == (RecordState.RETURNED, "公民身份号码的校验位不正确。")  # type: ignore[index]
    assert fate["Certificate"][0] is RecordState.RETURNED  # type: ignore[index]


def test_a_record_that_our_gate_refuses_is_held_with_line_and_field_and_the_others_go(house: House) -> None:
    house.identities.person = Someone(citizen_id="12345")
    batch_id = house.queue(issued())
    with house.open() as reporting:
        kinds = [record.kind for record in reporting.report(batch_id).records]
        xml = reporting.batch_xml(batch_id)
    assert kinds == [kind for kind in KINDS if kind != "Learner"]
    assert b"12345<" not in xml
    with house.uow.for_institution(INSTITUTION) as tx:
        row = tx.session.execute(
            Base.metadata.tables["report_record"]
            .select()
            .where(Base.metadata.tables["report_record"].c.state == "held")
        ).one()
    assert row.kind == "Learner"
    assert "公民身份号码" in row.reason
    assert "12345" not in row.reason


@pytest.mark.parametrize(
    ("key", "address", "reason", "permanent", "state"),
    [
        ("wrong", None, "regulator_key_refused", True, BatchState.FAILED),
        (KEY, "http://127.0.0.1:9", "regulator_unreachable", False, BatchState.READY),
    ],
)
def test_a_failed_attempt_is_kept_with_its_reason(
    house: House,
    province: str,
    key: str,
    address: str | None,
    reason: str,
    permanent: bool,
    state: BatchState,
) -> None:
    batch_id = house.queue(issued())
    with pytest.raises(Unavailable) as failed:
        _courier(house, address or province, key).deliver(batch_id)
    assert (failed.value.reason, failed.value.permanent) == (reason, permanent)
    with house.open() as reporting:
        report = reporting.report(batch_id)
    assert report.batch.state is state
    assert [attempt.outcome for attempt in report.attempts] == [reason]
    receipt = _courier(house, province).deliver(batch_id)
    assert receipt is not None
    assert receipt.status == "accepted"


class Answering:
    """A regulator's door that answers what it is told."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def send(self, batch: bytes, batch_id: str) -> bytes:
        return self._answer


def test_an_answer_that_is_no_receipt_of_ours_is_never_believed(house: House, province: str) -> None:
    other = house.queue(issued())
    with house.open() as reporting:
        taken = reporting.take_out(other)
    assert taken is not None
    foreign = HttpFeed(province, KEY).send(taken[0].xml, other)
    batch_id = house.queue(issued(PaperKind.COMPLETION_STATEMENT))
    for answer, reason in (
        (b"<html>", "receipt_malformed"),
        (b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", "receipt_malformed"),
        (foreign, "receipt_foreign"),
    ):
        with pytest.raises(Unavailable) as failed:
            Courier(house.open, Answering(answer)).deliver(batch_id)
        assert failed.value.reason == reason
        assert not failed.value.permanent
    with house.open() as reporting:
        assert {r.state for r in reporting.report(batch_id).records} == {RecordState.BATCHED}


def test_a_receipt_that_forgets_a_record_is_never_believed(house: House, province: str) -> None:
    batch_id = house.queue(issued())
    with house.open() as reporting:
        taken = reporting.take_out(batch_id)
    assert taken is not None
    root = etree.fromstring(HttpFeed(province, KEY).send(taken[0].xml, batch_id))
    root.remove(root[-1])
    with pytest.raises(Unavailable, match="receipt_incomplete"):
        Courier(house.open, Answering(etree.tostring(root))).deliver(batch_id)


def test_an_unknown_number_or_batch_is_refused(house: House) -> None:
    with house.open() as reporting, pytest.raises(InvalidInput, match="certificate_unknown"):
        reporting.queue_certificate("none")
    with house.open() as reporting, pytest.raises(InvalidInput, match="batch_unknown"):
        reporting.report("none")


def test_the_door_is_https_but_for_this_machine() -> None:
    for url in (
        "http://feed.example.cn",
        "ftp://127.0.0.1",
        "feed.example.cn",
        "http://127.0.0.1.example.cn",
    ):
        with pytest.raises(InvalidInput, match="regulator_url_not_https"):
            HttpFeed(url, KEY)
