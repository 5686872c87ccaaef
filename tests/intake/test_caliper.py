import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.caliper import MAX_EVENTS, VERSIONS, is_described_entity, read_envelope, read_event
from bridge.intake.learning import KINDS, UNKNOWN, learning_claim, mark
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from tests.intake.learning_vectors import NEVER_KEPT, NOW, blind, hold, vectors

V1, V2 = VERSIONS
CASES = vectors("caliper_events")
EVENT: dict[str, Any] = CASES[0]["event"]
ENVELOPE: dict[str, Any] = {
    "sensor": "https://lms.example/sensor",
    "sendTime": "2026-11-24T03:00:01.000Z",
    "dataVersion": V1,
    "data": [EVENT],
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_event_claims_what_it_says_and_names_nobody(case: dict[str, Any]) -> None:
    hold(read_event(case["event"], VERSIONS[case["version"]], blind, NOW), case["expect"])


def test_the_vectors_meet_each_profile_of_learning_records() -> None:
    kinds = {case["expect"]["kind"] for case in CASES}
    assert {kind.partition(".")[0] for kind in kinds} == {
        "session", "viewed", "media", "assessment", "assignable", "graded", "tool", UNKNOWN
    }  # fmt: skip
    assert kinds <= KINDS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "urn:uuid:1"}, "event_id_malformed"),
        ({"id": "https://lms.example/events/chen.xiaoan@lms.example"}, "event_id_malformed"),
        ({"id": None}, "event_id_malformed"),
        ({"type": None}, "field_missing"),
        ({"action": ""}, "field_missing"),
        ({"actor": None}, "field_missing"),
        ({"object": None}, "field_missing"),
        ({"actor": {"type": "Person"}}, "entity_malformed"),
        ({"actor": "陈晓安"}, "entity_malformed"),
        ({"actor": "https://lms.example/\ud800"}, "entity_malformed"),
        ({"actor": "https://lms.example/a b"}, "entity_malformed"),
        ({"object": ["https://lms.example/1"]}, "entity_malformed"),
        ({"object": "https://lms.example/" + "x" * 2048}, "entity_malformed"),
        ({"eventTime": None}, "instant_malformed"),
        ({"eventTime": "2026-11-24T11:00:00+08:00"}, "instant_malformed"),
        ({"eventTime": "2026-11-24 03:00:00Z"}, "instant_malformed"),
        ({"eventTime": "2026-02-30T03:00:00.000Z"}, "instant_malformed"),
        ({"eventTime": 1}, "instant_malformed"),
        ({"eventTime": "2026-11-24T04:05:01.000Z"}, "occurred_in_future"),
    ],
)
def test_an_event_that_breaks_the_standard_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_event({**EVENT, **change}, "caliper-1.1", blind, NOW)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p0"}, "version_unknown"),
        ({"dataVersion": [V1]}, "version_unknown"),
        ({"sensor": "not an IRI"}, "sensor_malformed"),
        ({"sendTime": "yesterday"}, "instant_malformed"),
        ({"sendTime": "2026-11-24T05:00:00.000Z"}, "occurred_in_future"),
        ({"data": []}, "events_count"),
        ({"data": EVENT}, "events_count"),
        ({"data": [EVENT] * (MAX_EVENTS + 1)}, "events_count"),
    ],
)
def test_an_envelope_that_breaks_the_standard_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_envelope({**ENVELOPE, **change}, NOW)
    assert refused.value.reason == reason


def test_both_versions_are_read_and_a_described_entity_is_known_for_one() -> None:
    assert read_envelope(ENVELOPE, NOW).form == "caliper-1.1"
    assert read_envelope({**ENVELOPE, "dataVersion": V2}, NOW).form == "caliper-1.2"
    assert is_described_entity({"id": "https://lms.example/users/1", "type": "Person"})
    assert not is_described_entity(EVENT)


def test_the_same_identifier_is_the_same_person_as_an_object_and_as_an_iri() -> None:
    as_iri = {**EVENT, "actor": EVENT["actor"]["id"]}
    assert (
        read_event(EVENT, "caliper-1.1", blind, NOW).actor
        == read_event(as_iri, "caliper-1.1", blind, NOW).actor
    )


def test_an_instant_up_to_the_allowed_skew_ahead_is_taken() -> None:
    at = (NOW + timedelta(seconds=300)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert read_event({**EVENT, "eventTime": at}, "caliper-1.1", blind, NOW).occurred_at > NOW


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (5, "5"),
        (87.5, "87.5"),
        (0, "0"),
        (-1, "-1"),
        ("10.50", "10.5"),
        (100, "100"),
        (1e9, None),
        (True, None),
        ("A", None),
        (None, None),
        (float("nan"), None),
        ([1], None),
        ("1/3", None),
    ],
)
def test_a_mark_is_kept_as_decimal_digits(value: Any, kept: str | None) -> None:
    assert mark(value) == kept


_TEXT = st.one_of(st.sampled_from(NEVER_KEPT), st.text(max_size=30))
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), _TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["id", "type", "name", "extensions", "assignee"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*EVENT, "generated", "group", "target", "name"]), _JSON))
def test_whatever_is_sent_nothing_personal_is_kept(change: dict[str, Any]) -> None:
    """A reference is made of digits that may hold a short number by chance: it is looked at no further."""
    try:
        event = read_event({**EVENT, **change}, "caliper-1.1", blind, NOW)
    except InvalidInput:
        return
    kept = {name: value for name, value in event.payload().items() if not str(value).startswith("blind_")}
    text = canonical_json(kept).decode()
    assert not [one for one in NEVER_KEPT if one in text]
    assert learning_claim(json.loads(canonical_json(event.payload()))).kind in KINDS
