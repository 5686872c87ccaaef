"""The simulator's faults: each strikes as its name says, and its books stay right under every one of them."""

import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.reporting.model import BatchHeader, Record, RecordKind
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.reporting.guangdong.http_feed import HttpFeed
from plugins.simulators.province.__main__ import main
from plugins.simulators.province.app import create_app
from plugins.simulators.province.archive import Received
from plugins.simulators.province.certificates import HOST, make_certificates, server_context
from plugins.simulators.province.faults import FAULTS, Answer, Dropped, Faults
from tests.completion.papers import NOW, USCC
from tests.plugins.simulators.test_province import CLASS
from tests.reporting.stand import KEY, serve_province, test_signer

RECEIVED = Received(
    "b1", "s", "t", "c", "u", "accepted", 200, b"<x/>", b'<r:2.0 receipt:2.0 result="accepted"/>'
)


def _batch(batch_id: str) -> bytes:
    form = GuangdongBatches(test_signer)
    record = Record(RecordKind.CLASS_INFO, "cr_1", 1, LearnerRef("lr_1"), ClassRunId("cr_1"), {})
    return form.sign(
        form.build(BatchHeader(batch_id, "anxue", "440100", USCC, NOW), [(record, CLASS)]).content
    )


def _certain(name: str) -> Faults:
    return Faults(frozenset({name}), chance=1, seed=4, slow_seconds=0.3)


def _answers(name: str, times: int = 24) -> list[Answer | None]:
    faults, found = _certain(name), list[Answer | None]()
    for _ in range(times):
        try:
            found.append(faults.around(lambda: RECEIVED))
        except Dropped:
            found.append(None)
    return found


def test_down_says_so_or_breaks_off_and_takes_nothing_in() -> None:
    assert {None if one is None else one.status for one in _answers("down")} == {None, 503}


def test_lossy_loses_the_request_or_the_answer() -> None:
    taken: list[int] = []
    faults = _certain("lossy")

    def take_in() -> Received:
        taken.append(1)
        return RECEIVED

    for _ in range(24):
        with pytest.raises(Dropped):
            faults.around(take_in)
    assert 0 < len(taken) < 24


def test_duplicating_takes_every_request_in_twice() -> None:
    taken: list[int] = []

    def take_in() -> Received:
        taken.append(1)
        return RECEIVED

    _certain("duplicating").around(take_in)
    assert len(taken) == 2


def test_reordering_takes_the_request_in_later() -> None:
    late = Event()

    def take_in() -> Received:
        late.set()
        return RECEIVED

    with pytest.raises(Dropped):
        _certain("reordering").around(take_in)
    assert late.wait(10)


def test_garbage_and_other_versions_are_no_receipts() -> None:
    assert all(one is not None and one.body != RECEIVED.receipt for one in _answers("schema"))
    statuses = {one.status for one in _answers("schema") if one is not None}
    assert statuses == {200, 415}
    garbage = [one.body for one in _answers("garbage") if one is not None]
    assert RECEIVED.receipt not in garbage[:1]
    assert len(set(garbage)) > 3


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("slow", {"regulator_unreachable"}),
        ("down", {"regulator_unreachable", "regulator_busy"}),
        ("lossy", {"regulator_unreachable"}),
        ("schema", {"regulator_schema_version", ""}),
    ],
)
def test_the_other_side_sees_a_failure_that_it_knows(name: str, reasons: set[str], tmp_path: Path) -> None:
    with serve_province(tmp_path, _certain(name)) as address:
        # A busy machine is slow too: only where that is the fault may little time be a failure.
        feed = HttpFeed(address, KEY, read_seconds=0.1 if name == "slow" else 15)
        seen = set()
        for number in range(6):
            try:
                feed.send(_batch(f"b{number}"), f"b{number}")
                seen.add("")
            except Unavailable as failed:
                seen.add(failed.reason)
    assert seen <= reasons
    assert seen


def test_under_all_faults_the_books_have_nothing_twice(tmp_path: Path) -> None:
    names = frozenset(FAULTS) - {"slow", "certificate", "down"}
    with serve_province(tmp_path, Faults(names, chance=0.4, seed=2)) as address:
        feed = HttpFeed(address, KEY)
        for _ in range(12):
            try:
                feed.send(_batch("b1"), "b1")
            except Unavailable:
                continue
    connection = sqlite3.connect(tmp_path / "province.sqlite3")
    rows = connection.execute("SELECT count(*), count(DISTINCT number || revision) FROM journal").fetchone()
    connection.close()
    assert rows[0] == rows[1]


def test_a_wrong_certificate_is_shown_by_chance_and_nothing_is_sent_to_it(tmp_path: Path) -> None:
    ca_file = make_certificates(tmp_path)
    shown = iter([True, False])
    context = server_context(tmp_path, lambda: next(shown))
    app = create_app(tmp_path, KEY)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        feed = HttpFeed(f"https://{HOST}:{server.port}", KEY, ca_file=ca_file)
        with pytest.raises(Unavailable, match="regulator_certificate") as failed:
            feed.send(_batch("b1"), "b1")
        assert failed.value.permanent
        assert b"accepted" in feed.send(_batch("b1"), "b1")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_command_knows_its_faults() -> None:
    refused = CliRunner().invoke(main, ["--port=1", "--state=x", "--key=k", "--faults=slow,earthquake"])
    assert refused.exit_code == 2
    assert "earthquake" in refused.output
    assert "模拟器" in CliRunner().invoke(main, ["--help"]).output
