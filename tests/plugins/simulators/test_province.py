import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient
from lxml import etree

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.reporting.model import BatchHeader, Record, RecordKind
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.simulators.province.app import create_app
from tests.completion.papers import NOW, USCC
from tests.reporting.stand import test_signer
from tests.servers.children import free_port

FORMAT = GuangdongBatches(test_signer)
CLASS = {
    "ClassRun": "cr_1",
    "Title": "示例班",
    "TrainingKind": "initial",
    "Category": "x",
    "DivisionCode": "440100",
    "OutlineTitle": "示例大纲",
    "TheoryClassHours": "4",
    "OpensOn": "2026-11-01",
    "ClosesOn": "2027-01-31",
    "RegisteredInCity": "yes",
}
Change = dict[str, str]


def _batch(batch_id: str, *records: tuple[RecordKind, str, int, Change]) -> bytes:
    built = FORMAT.build(
        BatchHeader(batch_id, "anxue", "440100", USCC, NOW),
        [
            (Record(kind, number, revision, LearnerRef("lr_1"), ClassRunId("cr_1"), {}), values)
            for kind, number, revision, values in records
        ],
    )
    return FORMAT.sign(built.content)


def _class(revision: int = 1, **change: str) -> tuple[RecordKind, str, int, Change]:
    return RecordKind.CLASS_INFO, "cr_1", revision, {**CLASS, **change}


@pytest.fixture
def province(tmp_path: Path) -> FlaskClient:
    return create_app(tmp_path, "key").test_client()


def _post(province: FlaskClient, batch_id: str, xml: bytes, key: str = "key") -> tuple[int, bytes]:
    answer = province.post(
        "/feed/v1/batches",
        data=xml,
        headers={"Authorization": f"Bearer {key}", "Idempotency-Key": batch_id},
    )
    return answer.status_code, answer.data


def _results(receipt: bytes) -> list[tuple[str, str | None]]:
    parsed = FORMAT.read_receipt(receipt)
    return [(verdict.result, verdict.reason_code) for verdict in parsed.verdicts]


def test_the_same_batch_again_gives_the_same_receipt_byte_for_byte(province: FlaskClient) -> None:
    xml = _batch("b1", _class())
    first = _post(province, "b1", xml)
    assert first[0] == 200
    assert _post(province, "b1", xml) == first
    assert _post(province, "b1", _batch("b1", _class(Title="另一班")))[0] == 409


def test_a_known_record_is_a_duplicate_or_a_conflict_and_a_new_revision_is_taken(
    province: FlaskClient,
) -> None:
    _post(province, "b1", _batch("b1", _class()))
    assert _results(_post(province, "b2", _batch("b2", _class()))[1]) == [("duplicate", None)]
    changed = _class(Title="另一班")
    assert _results(_post(province, "b3", _batch("b3", changed))[1]) == [("returned", "revision_conflict")]
    assert _results(_post(province, "b4", _batch("b4", _class(2, Title="另一班")))[1]) == [("accepted", None)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_class(DivisionCode="440300"), "division_differs"),
        (_class(ClosesOn="2026-10-01"), "dates_reversed"),
        (
            (
                RecordKind.HOUR_SUMMARY,
                "h1",
                1,
                {
                    "LearnerNumber": "lr_9",
                    "ClassRun": "cr_9",
                    "CreditedSeconds": "1",
                    "RefusedSeconds": "0",
                    "OnlineClassHours": "0",
                    "OfflineClassHours": "0",
                    "LedgerHead": "0" * 64,
                },
            ),
            "class_unknown",
        ),
    ],
)
def test_a_bad_record_is_refused_with_a_reason(
    province: FlaskClient, record: tuple[RecordKind, str, int, Change], reason: str
) -> None:
    status, receipt = _post(province, "b1", _batch("b1", record))
    assert status == 200
    assert _results(receipt) == [("returned", reason)]
    assert FORMAT.read_receipt(receipt).status == "refused"


def test_a_batch_that_breaks_the_schema_is_refused_whole_with_a_receipt(province: FlaskClient) -> None:
    sound = _batch("b1", _class())
    for number, xml in enumerate(
        (b"<x", sound.replace(b"initial", b"wrong"), sound.replace("示例班".encode(), "别的班".encode()))
    ):
        status, receipt = _post(province, f"bad{number}", xml)
        assert status == 422
        parsed = FORMAT.read_receipt(receipt)
        assert (parsed.status, parsed.verdicts) == ("refused", ())
        assert parsed.reason


def test_who_has_no_key_or_no_id_is_turned_away(province: FlaskClient) -> None:
    xml = _batch("b1", _class())
    assert _post(province, "b1", xml, key="other")[0] == 401
    assert _post(province, "../b1", xml)[0] == 400
    assert "还没有收到批次" in province.get("/").text


def test_every_page_and_receipt_says_that_it_is_a_simulator(province: FlaskClient) -> None:
    _status, receipt = _post(province, "b1", _batch("b1", _class()))
    for path in ("/", "/batches/b1", "/batches/none"):
        page = province.get(path)
        assert "模拟器" in page.text
        assert page.headers["X-Simulator"] == "anxue-province"
    assert "模拟器" in (etree.fromstring(receipt).findtext("{*}System") or "")


@pytest.mark.e2e
def test_the_process_keeps_its_state_over_a_kill(tmp_path: Path) -> None:
    xml = _batch("b1", _class())
    receipts = []
    for ending in (signal.SIGKILL, signal.SIGTERM):
        port = free_port()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "plugins.simulators.province",
                f"--port={port}",
                f"--state={tmp_path}",
                "--key=key",
            ],
            cwd=Path(__file__).parents[3],
            env={**os.environ},
            stderr=subprocess.DEVNULL,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait(address)
            headers = {"Authorization": "Bearer key", "Idempotency-Key": "b1"}
            receipts.append(
                requests.post(f"{address}/feed/v1/batches", xml, headers=headers, timeout=5).content
            )
        finally:
            process.send_signal(ending)
            code = process.wait(10)
    assert receipts[0] == receipts[1]
    assert code == 0


def _wait(address: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"{address}/healthz", timeout=1).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
