"""The daily comparison with the regulator's books, and what becomes of a difference."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.kernel.time import legal_date
from bridge.reporting.courier import Courier
from bridge.reporting.model import BookEntry, Books, RecordKind, RecordState
from bridge.reporting.reconciliation import (
    DIFFERS,
    MISSING_THERE,
    RETURNED_THERE,
    UNKNOWN_HERE,
    Compared,
    Day,
    compare,
    day_sha256,
    differences,
)
from plugins.reporting.guangdong.day_books import read_books
from plugins.reporting.guangdong.http_feed import HttpFeed
from plugins.simulators.province.archive import Archive
from tests.completion.papers import LEARNER, RUN, USCC, issued
from tests.reporting.stand import CITY, KEY, House, open_house, serve_province

OF_LEARNER = f"{RUN}.{LEARNER}"
ENTRY = BookEntry(RecordKind.LEARNER, "n1", 1, "a" * 64)
OTHER = BookEntry(RecordKind.CHECK, "n2", 1, "b" * 64)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "province"


@pytest.fixture
def province(state: Path) -> Iterator[str]:
    with serve_province(state) as address:
        yield address


@pytest.fixture
def house(database_url: str, province: str) -> Iterator[House]:
    """A house whose one batch was accepted."""
    with open_house(database_url) as house:
        receipt = Courier(house.open, HttpFeed(province, KEY)).deliver(house.queue(issued()))
        assert receipt is not None
        assert receipt.status == "accepted"
        yield house


def _compared(house: House, province: str) -> Compared:
    with house.reconciling() as reconciling:
        # The simulator lives by real time.
        ours = reconciling.ours(CITY, legal_date(datetime.now(UTC)))
    compared = compare(ours, HttpFeed(province, KEY).books, read_books)
    with house.reconciling() as reconciling:
        kept = reconciling.keep(compared, by="test")
        assert reconciling.newest()[0] == kept
    assert kept.agrees is (compared.failure is None and not compared.differences)
    return compared


def test_the_books_agree_by_count_hash_and_record(house: House, province: str) -> None:
    compared = _compared(house, province)
    assert compared.theirs is not None
    assert compared.theirs.count == len(compared.ours.entries) == 8
    assert compared.theirs.sha256 == day_sha256(compared.ours.entries)


def test_a_record_that_is_returned_after_it_was_accepted_comes_back_to_people(
    house: House, province: str, state: Path
) -> None:
    archive = Archive(state)
    with archive.open() as connection:
        archive.give_back(connection, USCC, "HourSummary", OF_LEARNER, 1, "学时与现场记录不符")
    (difference,) = _compared(house, province).differences
    assert difference.what == RETURNED_THERE
    assert "学时与现场记录不符" in difference.sentence_zh
    with house.store() as store:
        (returned,) = store.to_correct(10)
    assert (returned.kind, returned.state) == (RecordKind.HOUR_SUMMARY, RecordState.RETURNED)
    assert returned.reason == difference.sentence_zh
    # Known on both sides now: the same day compared again agrees.
    assert _compared(house, province).differences == ()


def test_a_record_that_they_lost_is_found_and_sent_again(house: House, province: str, state: Path) -> None:
    with Archive(state).open() as connection:
        connection.execute("DELETE FROM record WHERE kind = 'TestResult'")
    (difference,) = _compared(house, province).differences
    assert difference.what == MISSING_THERE
    with house.store() as store:
        (lost,) = store.to_correct(10)
    with house.open() as reporting:
        reporting.renew(lost)
        batch_id = house.build(reporting)
    receipt = Courier(house.open, HttpFeed(province, KEY)).deliver(batch_id)
    assert receipt is not None
    assert receipt.status == "accepted"
    assert _compared(house, province).differences == ()


def test_books_that_cannot_be_had_or_read_are_a_failure_and_never_an_agreement(house: House) -> None:
    assert _compared(house, "http://127.0.0.1:9").failure == "regulator_unreachable"
    day = Day(USCC, CITY, datetime.now(UTC).date(), (ENTRY,))

    def fetch(_uscc: str, _city: str, _day: str) -> bytes:
        return b"<html>"

    assert compare(day, fetch, read_books).failure == "books_malformed"
    lying = Books(2, day_sha256([ENTRY]), (ENTRY,))
    assert compare(day, fetch, lambda _raw: lying).failure == "books_inconsistent"
    lying = Books(1, "c" * 64, (ENTRY,))
    assert compare(day, fetch, lambda _raw: lying).failure == "books_inconsistent"


def test_each_difference_is_named() -> None:
    found = differences(
        [ENTRY, replace(ENTRY, number="n3"), replace(ENTRY, number="n4")],
        [
            replace(ENTRY, sha256="c" * 64),
            OTHER,
            replace(ENTRY, number="n3", returned=True, reason_code="x", reason="原因"),
        ],
    )
    assert [(one.what, one.entry.number) for one in found] == [
        (UNKNOWN_HERE, "n2"),
        (DIFFERS, "n1"),
        (RETURNED_THERE, "n3"),
        (MISSING_THERE, "n4"),
    ]
    assert differences([ENTRY, OTHER], [OTHER, ENTRY]) == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"count": 1, "sha256": "x", "records": []}',
        b'{"count": true, "sha256": "%s", "records": []}' % (b"a" * 64),
        b'{"count": 1, "sha256": "%s", "records": [{"kind": "Person"}]}' % (b"a" * 64),
        b'{"count": 1, "sha256": "%s", "records": [{"kind": "Learner", "number": "<b>", "revision": 1,'
        b' "sha256": "%s", "state": "accepted"}]}' % (b"a" * 64, b"a" * 64),
    ],
)
def test_what_is_no_book_is_refused(raw: bytes) -> None:
    with pytest.raises(Exception, match="books_malformed"):
        read_books(raw)
