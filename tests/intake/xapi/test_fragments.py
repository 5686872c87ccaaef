"""The laws of what is remembered: it changes nothing, keeps nothing of anybody, and stays small."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.xapi.cleaning import AsSent, Blinded
from bridge.intake.xapi.fragments import NOTHING, Fragment, Fragments, Recall, text_of
from bridge.intake.xapi.model import Caller, StatementFault, Store, Version
from bridge.intake.xapi.packing import Packed
from bridge.intake.xapi.service import pack, read_batch
from bridge.kernel.ids import InstitutionId
from tests.intake.xapi.statements import ACTIVITY, LEARNER, Json, statement, uid

PAGE = "https://bridge.example/xAPI/blind"
MAIL, PHONE = "canary@lms.example", "13900020001"
SESSION = "https://w3id.org/xapi/video/extensions/session-id"
SOMEONE = {"mbox": f"mailto:{MAIL}"}

_ACTORS = [LEARNER, SOMEONE, {"account": {"homePage": PAGE, "name": "blind_" + "0" * 32}}]
_VERBS = [
    {"id": "https://v.example/played", "display": {"zh": "播放"}},
    {"id": "https://v.example/paused"},
    {"id": "https://v.example/called", "display": {"zh": f"致电 {PHONE}"}},
]
_OBJECTS = [
    ACTIVITY,
    {**ACTIVITY, "definition": {"interactionType": "choice"}},
    {**ACTIVITY, "definition": {"name": {"zh": MAIL}}},
    {**SOMEONE, "objectType": "Agent"},
    {"objectType": "StatementRef", "id": uid(7)},
    {
        **statement(
            context={"contextActivities": {"parent": ACTIVITY}}, timestamp="2026-11-28T08:00:00+08:00"
        ),
        "objectType": "SubStatement",
    },
]
_CONTEXTS = [
    None,
    {"registration": uid(1), "contextActivities": {"category": [{"id": "https://w3id.org/xapi/video"}]}},
    {"contextActivities": {"parent": ACTIVITY}, "extensions": {SESSION: uid(2)}},
    {"contextActivities": {"parent": [ACTIVITY]}, "extensions": {SESSION: uid(2)}},
    *({"extensions": {"https://x.example/n": number}} for number in (1, 1.0, True, 13900020001)),
    {"extensions": {"https://x.example/real_name": "某某", "https://x.example/n": 1}},
    {"instructor": SOMEONE, "language": "zh"},
]
_RESULTS = [None, {"response": "甲", "success": True}, {"extensions": {"https://x.example/t": 1.5}}]
_statements = st.builds(
    lambda actor, verb, about, context, result: statement(
        actor=actor, verb=verb, object=about, context=context, result=result
    ),
    *(st.sampled_from(pool) for pool in (_ACTORS, _VERBS, _OBJECTS, _CONTEXTS, _RESULTS)),
)
_batches = st.lists(st.lists(_statements, min_size=1, max_size=5), min_size=1, max_size=5)


def caller(store: Store = Store.RECORDS, institution: str = "org") -> Caller:
    return Caller("xk", InstitutionId(institution), "s", frozenset(), store, None, Version.TWO)


def blinded() -> Blinded:
    return Blinded(lambda kind, text: f"blind_{abs(hash((kind, text))):032x}"[:38], PAGE)


def packed(
    statements: list[Json], recall: Recall = NOTHING, version: Version = Version.TWO, **of: Any
) -> tuple[Packed, ...]:
    """Return what is kept of statements that come in one request."""
    who = caller(**of)
    keeping = AsSent() if who.store is Store.CONFORMANCE else blinded()
    sent = [{"id": uid(100 + number), **copy.deepcopy(one)} for number, one in enumerate(statements)]
    return pack(read_batch(sent, (), version, b"", recall), keeping, who, recall)


@given(
    batches=_batches,
    version=st.sampled_from(Version),
    store=st.sampled_from(Store),
    limit=st.integers(0, 9000),
)
def test_what_is_remembered_changes_nothing(
    batches: list[list[Json]], version: Version, store: Store, limit: int
) -> None:
    fragments = Fragments(limit)
    for statements in [*batches, *batches]:
        recall = fragments.of(caller(store), version)
        assert packed(statements, recall, version, store=store) == packed(
            statements, NOTHING, version, store=store
        )
        assert fragments.size_bytes <= limit


def test_what_is_clean_is_remembered() -> None:
    fragments = Fragments()
    recall = fragments.of(caller(), Version.TWO)
    packed([statement(context=_CONTEXTS[1])], recall)
    for name, value in (("verb", statement()["verb"]), ("object", ACTIVITY), ("context", _CONTEXTS[1])):
        assert recall.get(name, text_of(value)) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"verb": _VERBS[2]},
        {"object": {**ACTIVITY, "definition": {"description": {"zh": f"微信 {'wx_abcdef'} {MAIL}"}}}},
        {"object": {**SOMEONE, "objectType": "Agent"}},
        {"object": {**statement(actor=SOMEONE), "objectType": "SubStatement"}},
        {"context": {"instructor": SOMEONE}},
        {"context": {"platform": f"call {PHONE}"}},
        {"context": {"extensions": {"https://x.example/real_name": "某某 canary"}}},
        {"context": {"extensions": {"https://x.example/token": "s3cret-canary"}}},
    ],
)
def test_contact_data_is_taken_out_each_time_and_never_remembered(changed: Json) -> None:
    fragments = Fragments()
    recall = fragments.of(caller(), Version.TWO)
    told = statement(actor=SOMEONE, **changed)
    for _ in range(3):
        for one in packed([told, told], recall):
            assert not any(
                trace in json.dumps(one.value(), ensure_ascii=False) for trace in (MAIL, PHONE, "canary")
            )
        for name, value in [("actor", SOMEONE), *changed.items()]:
            assert recall.get(name, text_of(value)) is None


def test_who_acted_is_never_remembered() -> None:
    recall = Fragments().of(caller(), Version.TWO)
    for actor in _ACTORS:
        packed([statement(actor=actor)], recall)
        assert recall.get("actor", text_of(actor)) is None


def test_what_is_wrong_stays_wrong_and_what_is_right_in_one_version_is_not_so_in_another() -> None:
    fragments = Fragments()
    one, two = (fragments.of(caller(Store.CONFORMANCE), version) for version in (Version.ONE, Version.TWO))
    wrong = statement(verb={"id": "no IRI"})
    agents = statement(context={"contextAgents": [{"objectType": "contextAgent", "agent": LEARNER}]})
    for _ in range(2):
        with pytest.raises(StatementFault, match="iri_malformed"):
            packed([wrong, wrong], two)
        packed([agents, agents], two, store=Store.CONFORMANCE)
        with pytest.raises(StatementFault, match="property_unknown"):
            packed([agents], one, Version.ONE, store=Store.CONFORMANCE)


@pytest.mark.parametrize("other", [caller(institution="other"), caller(Store.CONFORMANCE)])
def test_no_store_recalls_what_another_was_told(other: Caller) -> None:
    fragments = Fragments()
    packed([statement()], fragments.of(caller(), Version.TWO))
    assert fragments.of(other, Version.TWO).get("object", text_of(ACTIVITY)) is None
    mine, theirs = (packed([statement()], institution=name)[0].terms.keys() for name in ("org", "other"))
    assert mine.isdisjoint(theirs)


def test_what_is_asked_for_stays_and_the_whole_stays_bounded() -> None:
    limit = 40_000
    fragments = Fragments(limit)
    recall = fragments.of(caller(), Version.TWO)
    recall.remember("verb", b"often", Fragment({}, b"often", {}, {}))
    for number in range(500):
        assert recall.get("verb", b"often") is not None
        recall.remember(
            "context", b"%d" % number, Fragment({}, b"x" * 200, {"a": True}, {"b": False, "c": False})
        )
        assert fragments.size_bytes <= limit
    assert recall.get("context", b"0") is None
    assert recall.get("context", b"499") is not None
    recall.remember("context", b"y" * 5_000, Fragment({}, b"y" * 5_000, {}, {}))
    assert recall.get("context", b"y" * 5_000) is None
