"""A batch of beats: what the model refuses before anything looks at it."""

from typing import Any

import pytest

from bridge.intake.model import MAX_EVENTS_IN_BATCH, BeatBatch, BeatEvent
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput

EVENT = BeatEvent(1_000, 500, True, 900, 1000)
MOST = 2**43


def batch(*events: BeatEvent, session: str = "ss_1") -> BeatBatch:
    return BeatBatch(session, 1, "n" * 32, events, ending=False)


@pytest.mark.parametrize("count", [1, MAX_EVENTS_IN_BATCH])
def test_a_batch_holds_one_to_two_hundred_events(count: int) -> None:
    assert len(batch(*[EVENT] * count).events) == count


@pytest.mark.parametrize("count", [0, MAX_EVENTS_IN_BATCH + 1])
def test_no_fewer_and_no_more(count: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        batch(*[EVENT] * count)
    assert (refused.value.reason, refused.value.http_status) == ("events_count", 422)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"client_ms": -1}, "event_out_of_range"),
        ({"client_ms": MOST + 1}, "event_out_of_range"),
        ({"media_ms": -1}, "event_out_of_range"),
        ({"media_ms": 10**30}, "event_out_of_range"),
        ({"interaction_ms": -1}, "event_out_of_range"),
        ({"interaction_ms": 10**30}, "event_out_of_range"),
        ({"rate_permille": -1}, "rate_out_of_range"),
        ({"rate_permille": 16_001}, "rate_out_of_range"),
    ],
)
def test_numbers_beyond_sense_are_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        batch(EVENT._replace(**wrong))
    assert (refused.value.reason, refused.value.http_status) == (reason, 422)


def test_the_widest_batch_is_still_json_at_the_fastest_study_clock() -> None:
    widest = batch(BeatEvent(0, 0, True, 0, 0), BeatEvent(MOST, MOST, True, 0, 16_000))
    span = widest.events[-1].client_ms - widest.events[0].client_ms
    assert canonical_json([1_800_000_000_000 - span * 600, span * 600])


def test_events_are_told_in_the_order_of_the_clients_clock() -> None:
    with pytest.raises(InvalidInput, match="events_out_of_order"):
        batch(EVENT, EVENT._replace(client_ms=999))
    assert batch(EVENT, EVENT).events == (EVENT, EVENT)


@pytest.mark.parametrize("session", ["", "a b", "ss_\0", "会话", "s" * 41])
def test_a_session_that_no_bridge_named_is_refused(session: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        batch(EVENT, session=session)
    assert (refused.value.reason, refused.value.http_status) == ("session_malformed", 422)
