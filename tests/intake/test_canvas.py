from datetime import timedelta
from typing import Any

import pytest

from bridge.intake import canvas
from bridge.intake.caliper import read_event as read_caliper_event
from bridge.intake.learning import LearningEvent
from bridge.kernel.errors import InvalidInput
from tests.intake.learning_vectors import NOW, blind, hold, vectors

CASES = vectors("canvas_events")
EVENT: dict[str, Any] = CASES[0]["event"]


def read(value: dict[str, Any]) -> LearningEvent:
    return canvas.read_event(value, blind, NOW)


def changed(part: str, **change: Any) -> dict[str, Any]:
    return {**EVENT, part: {**EVENT[part], **change}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_event_claims_what_it_says_and_names_nobody(case: dict[str, Any]) -> None:
    hold(read(case["event"]), case["expect"])


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"metadata": {}, "body": {}}, "event_malformed"),
        ({"metadata": [], "body": {}}, "event_malformed"),
        (changed("metadata", event_name=7), "event_malformed"),
        (changed("metadata", event_time="2026-11-24"), "instant_malformed"),
        (changed("metadata", event_time="2026-11-24T05:00:00Z"), "occurred_in_future"),
    ],
)
def test_an_event_that_cannot_be_read_is_refused(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(event)
    assert refused.value.reason == reason


def test_the_same_event_has_the_same_key_and_any_other_one_has_not() -> None:
    assert read(EVENT).key == read({"body": EVENT["body"], "metadata": dict(EVENT["metadata"])}).key
    others = [changed("body", score=6), changed("metadata", event_time="2026-11-24T03:00:01Z")]
    others.append(changed("metadata", request_id="another"))
    assert len({read(one).key for one in [EVENT, *others]}) == 4


def test_both_forms_of_canvas_name_the_same_person_alike() -> None:
    person = "urn:instructure:canvas:user:10000000000048"
    event = {
        "id": "urn:uuid:06e01cb6-fdde-4327-b3f0-4c47a95d0f52",
        "type": "SessionEvent",
        "action": "LoggedIn",
        "actor": {"id": person, "type": "Person"},
        "object": "https://school.lms.example/",
        "eventTime": "2026-11-24T03:00:00.000Z",
    }
    assert read_caliper_event(event, "caliper-1.1", blind, NOW).learner == read(EVENT).learner


@pytest.mark.parametrize(
    "asset", [("陈晓安", "1"), ("page", "1 or more"), (None, "1"), ("page", None), (7, 7)]
)
def test_an_asset_whose_name_is_no_name_of_an_asset_is_not_referred_to(asset: tuple[Any, Any]) -> None:
    viewed = {**EVENT["metadata"], "event_name": "asset_accessed"}
    event = read({"metadata": viewed, "body": {"asset_type": asset[0], "asset_id": asset[1]}})
    assert (event.object, event.object_type) == (None, "unknown")


def test_an_old_event_is_no_late_delivery() -> None:
    edge = NOW - canvas.OLDEST
    canvas.check_recent(read(changed("metadata", event_time=f"{edge:%Y-%m-%dT%H:%M:%SZ}")), NOW)
    older = edge - timedelta(seconds=1)
    with pytest.raises(InvalidInput, match="event_too_old"):
        canvas.check_recent(read(changed("metadata", event_time=f"{older:%Y-%m-%dT%H:%M:%SZ}")), NOW)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW.timestamp() - 60}, "token_expired"),
        ({"nbf": NOW.timestamp() + 61}, "token_not_yet_valid"),
        ({"iat": NOW.timestamp() + 61}, "token_not_yet_valid"),
        ({"exp": "tomorrow"}, "instant_malformed"),
        ({"exp": True}, "instant_malformed"),
    ],
)
def test_the_times_of_a_signature_are_held(claims: dict[str, Any], reason: str) -> None:
    canvas.check_claims_in_time({"exp": NOW.timestamp() + 1, "iat": NOW.timestamp()}, NOW)
    canvas.check_claims_in_time({}, NOW)
    with pytest.raises(InvalidInput) as refused:
        canvas.check_claims_in_time(claims, NOW)
    assert refused.value.reason == reason
