from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.intake.xapi import formats
from bridge.intake.xapi.model import StatementFault


@pytest.mark.parametrize(
    "text",
    ["PT4H35M59.14S", "P3Y1M29DT4H35M59.14S", "P3Y", "P4W", "PT16559.14S", "P1DT12H36M0.12567S", "PT0S"],
)
def test_durations_of_iso_8601_pass(text: str) -> None:
    formats.duration(text)


@pytest.mark.parametrize("text", ["P", "PT", "P4W1D", "PA1H0M0S", "PT1.5H3M", "P0003-06-04T12:30:05", "1H"])
def test_other_durations_do_not(text: str) -> None:
    with pytest.raises(StatementFault, match="duration_malformed"):
        formats.duration(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-28T08:00:00Z", datetime(2026, 11, 28, 8, tzinfo=UTC)),
        ("2026-11-28T08:00:00.139Z", datetime(2026, 11, 28, 8, 0, 0, 139_000, tzinfo=UTC)),
        ("2026-11-28T08:00:00.139002Z", datetime(2026, 11, 28, 8, 0, 0, 139_002, tzinfo=UTC)),
        ("2026-11-28T08:00:00.1390029Z", datetime(2026, 11, 28, 8, 0, 0, 139_002, tzinfo=UTC)),
        ("2026-11-28T08:00:00.1234567+08:00", datetime(2026, 11, 28, 0, 0, 0, 123456, tzinfo=UTC)),
        ("20261128T080000+0800", datetime(2026, 11, 28, tzinfo=UTC)),
        ("2026-11-28T08:00+08", datetime(2026, 11, 28, tzinfo=UTC)),
        ("2026-11-28T08:00:00", datetime(2026, 11, 28, 8, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_exactly(text: str, instant: datetime) -> None:
    assert formats.instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28",
        "01/011/2015",
        "2026-11-28T08:00:00-00",
        "2026-11-28T08:00:00-0000",
        "2026-11-28T08:00:00-00:00",
        "2026-02-30T08:00:00Z",
        "2026-11-28T25:00:00Z",
        "2026-13-28T08:00:00.000Z",
        "0000-11-28T08:00:00Z",
        "2026-11-28T08:00:61Z",
        "2026-11-28T08:00:00+24:00",
        "0001-01-01T00:00:00+08:00",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(StatementFault, match="timestamp_malformed"):
        formats.instant(text)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (formats.text, "\ud800"),
        (formats.iri, "https://a.example/\ud800"),
        (formats.iri, "https://a.example/ b"),
        (formats.iri, "https://" + "a" * 4000),
        (formats.number, True),
        (formats.count, -1),
        (formats.boolean, "true"),
        (formats.filled_text, ""),
        (formats.media_type, "text"),
        (formats.sha2, "a" * 40),
    ],
)
def test_what_no_database_or_reader_could_take_is_refused(
    check: Callable[[Any], None], value: object
) -> None:
    with pytest.raises(StatementFault):
        check(value)
