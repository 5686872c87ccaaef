"""The profile's rules on what an AU says, one breach at a time."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.cmi5.model import (
    CMI5,
    MASTERY_SCORE,
    MOVE_ON,
    PROGRESS,
    SESSION_ID,
    Cmi5Fault,
    LaunchMode,
    Verb,
)
from bridge.intake.cmi5.rules import Launched, Standing, judge

Json = dict[str, Any]
SESSION = "2a9a1f0e-7c37-4c0e-9d3e-3f2c9a1b5e11"
REGISTRATION = "0c2c7d1e-55a4-4f0c-8f4e-6f2f5f4f7c22"
ACTIVITY = "https://bridge.example/cmi5/activities/c5a_1"
PUBLISHER = "https://publisher.example/au/1"
ACCOUNT = ("https://bridge.example/xAPI/blind", "blind_0123456789abcdef")
AT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
BEGUN = Standing(said=frozenset({Verb.INITIALIZED}), initialized_at=AT, last_at=AT)


def launched(mode: LaunchMode = LaunchMode.NORMAL, mastery: str | None = "0.8") -> Launched:
    score = None if mastery is None else Decimal(mastery)
    return Launched(SESSION, REGISTRATION, ACTIVITY, PUBLISHER, ACCOUNT, mode, score)


def said(
    verb: str, *, defined: bool = True, result: Json | None = None, at: str = "2026-11-24T04:00:10Z"
) -> Json:
    categories = [{"id": CMI5}] if defined else []
    if defined and result and ({"success", "completion"} & result.keys()):
        categories.append({"id": MOVE_ON})
    made: Json = {
        "id": "f5a9a1b5-0000-4000-8000-000000000001",
        "timestamp": at,
        "actor": {"objectType": "Agent", "account": {"homePage": ACCOUNT[0], "name": ACCOUNT[1]}},
        "verb": {"id": verb},
        "object": {"id": ACTIVITY},
        "context": {
            "registration": REGISTRATION,
            "contextActivities": {"grouping": [{"id": PUBLISHER}], "category": categories},
            "extensions": {SESSION_ID: SESSION},
        },
    }
    return made if result is None else {**made, "result": result}


def passed(scaled: float | None = 0.8, **more: Any) -> Json:
    result: Json = {"success": True, "duration": "PT10S", **more}
    if scaled is not None:
        result["score"] = {"scaled": scaled, **result.get("score", {})}
    made = said(Verb.PASSED, result=result)
    made["context"]["extensions"][MASTERY_SCORE] = 0.8
    return made


def failed(scaled: float | None = 0.79) -> Json:
    made = passed(scaled, success=False)
    made["verb"]["id"] = Verb.FAILED
    return made


def completed(**more: Any) -> Json:
    return said(Verb.COMPLETED, result={"completion": True, "duration": "PT10S", **more})


def terminated(**more: Any) -> Json:
    return said(Verb.TERMINATED, result={"duration": "PT10S"}, **more)


EXPERIENCED = "http://adlnet.gov/expapi/verbs/experienced"


@pytest.mark.parametrize(
    ("statement", "verb"),
    [
        (passed(), Verb.PASSED),
        (passed(None), Verb.PASSED),
        (passed(1, score={"raw": 9, "min": 0, "max": 9}), Verb.PASSED),
        (failed(), Verb.FAILED),
        (failed(None), Verb.FAILED),
        (completed(), Verb.COMPLETED),
        (completed(extensions={PROGRESS: 100}), Verb.COMPLETED),
        (terminated(), Verb.TERMINATED),
        (said(EXPERIENCED, defined=False), None),
        (said(EXPERIENCED, defined=False, result={"completion": True}), None),
        (said(Verb.COMPLETED, defined=False), None),
    ],
)
def test_what_keeps_to_the_profile_is_taken(statement: Json, verb: Verb | None) -> None:
    after, heard = judge(statement, launched(), BEGUN)
    assert heard is verb
    assert after.said == BEGUN.said | ({verb} if verb else set())


def without(*path: str) -> Callable[[Json], None]:
    def change(statement: Json) -> None:
        at = statement
        for name in path[:-1]:
            at = at[name]
        del at[path[-1]]

    return change


def with_(value: Any, *path: str) -> Callable[[Json], None]:
    def change(statement: Json) -> None:
        at = statement
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("statement", "change", "reason"),
    [
        (completed(), without("id"), "cmi5_id_missing"),
        (completed(), without("timestamp"), "cmi5_timestamp"),
        (completed(), with_("2026-11-24T12:00:10+08:00", "timestamp"), "cmi5_timestamp"),
        (completed(), with_("2026-11-24T04:00:10", "timestamp"), "cmi5_timestamp"),
        (completed(), with_("Group", "actor", "objectType"), "cmi5_actor"),
        (completed(), with_("blind_ffffffffffffffff", "actor", "account", "name"), "cmi5_actor"),
        (completed(), with_({"mbox": "mailto:x@lms.example"}, "actor"), "cmi5_actor"),
        (completed(), without("context", "registration"), "cmi5_registration"),
        (completed(), with_(SESSION, "context", "registration"), "cmi5_registration"),
        (completed(), without("context"), "cmi5_registration"),
        (completed(), without("context", "extensions", SESSION_ID), "cmi5_session"),
        (completed(), with_(REGISTRATION, "context", "extensions", SESSION_ID), "cmi5_session"),
        (completed(), without("context", "contextActivities", "grouping"), "cmi5_template"),
        (
            said(EXPERIENCED, defined=False),
            with_("http://adlnet.gov/expapi/verbs/voided", "verb", "id"),
            "cmi5_voiding",
        ),
        (completed(), with_(EXPERIENCED, "verb", "id"), "cmi5_verb_undefined"),
        (completed(), with_(str(Verb.SATISFIED), "verb", "id"), "cmi5_verb_of_lms"),
        (said(EXPERIENCED, defined=False), with_(str(Verb.WAIVED), "verb", "id"), "cmi5_verb_of_lms"),
        (completed(), with_("https://a.example/other", "object", "id"), "cmi5_object"),
        (completed(), with_("2026-11-24T03:59:59Z", "timestamp"), "cmi5_order"),
        (completed(), without("result", "completion"), "cmi5_completion"),
        (completed(), with_(False, "result", "completion"), "cmi5_completion"),
        (completed(), with_(True, "result", "success"), "cmi5_success"),
        (completed(), with_({"scaled": 0.5}, "result", "score"), "cmi5_score"),
        (completed(), without("result", "duration"), "cmi5_duration"),
        (completed(), with_({PROGRESS: 101}, "result", "extensions"), "cmi5_progress"),
        (completed(), with_({PROGRESS: 50.5}, "result", "extensions"), "cmi5_progress"),
        (terminated(), without("result"), "cmi5_duration"),
        (passed(), without("result", "success"), "cmi5_success"),
        (passed(), with_(False, "result", "success"), "cmi5_success"),
        (passed(), with_(True, "result", "completion"), "cmi5_completion"),
        (passed(), without("result", "duration"), "cmi5_duration"),
        (passed(), with_(0.7999, "result", "score", "scaled"), "cmi5_mastery"),
        (passed(), with_(-0.1, "result", "score", "scaled"), "cmi5_score"),
        (passed(), with_({"raw": 9}, "result", "score"), "cmi5_score"),
        (passed(), with_({"raw": 9, "min": 0}, "result", "score"), "cmi5_score"),
        (passed(), without("context", "extensions", MASTERY_SCORE), "cmi5_mastery_extension"),
        (passed(), with_(0.5, "context", "extensions", MASTERY_SCORE), "cmi5_mastery_extension"),
        (passed(), with_("0.8", "context", "extensions", MASTERY_SCORE), "cmi5_mastery_extension"),
        (failed(), with_(0.8, "result", "score", "scaled"), "cmi5_mastery"),
        (failed(), with_(True, "result", "success"), "cmi5_success"),
    ],
)
def test_each_breach_is_refused_with_its_reason(
    statement: Json, change: Callable[[Json], None], reason: str
) -> None:
    broken = copy.deepcopy(statement)
    change(broken)
    with pytest.raises(Cmi5Fault) as caught:
        judge(broken, launched(), BEGUN)
    assert (caught.value.reason, caught.value.http_status) == (reason, 403)


def categories(statement: Json, *ids: str) -> Json:
    changed = copy.deepcopy(statement)
    changed["context"]["contextActivities"]["category"] = [{"id": one} for one in ids]
    return changed


@pytest.mark.parametrize(
    "statement",
    [
        categories(completed(), CMI5),
        categories(passed(), CMI5),
        categories(terminated(), CMI5, MOVE_ON),
        categories(said(EXPERIENCED, defined=False), MOVE_ON),
    ],
)
def test_the_move_on_category_belongs_to_statements_on_success_and_completion_alone(statement: Json) -> None:
    with pytest.raises(Cmi5Fault) as caught:
        judge(statement, launched(), BEGUN)
    assert caught.value.reason == "cmi5_move_on_category"


def reason_of(
    before: Standing, statement: Json, mode: LaunchMode = LaunchMode.NORMAL, fixed: Launched | None = None
) -> str | None:
    try:
        judge(statement, fixed or launched(mode), before)
    except Cmi5Fault as fault:
        return fault.reason
    return None


def after(*verbs: Verb, **more: Any) -> Standing:
    return Standing(said=frozenset({Verb.INITIALIZED, *verbs}), initialized_at=AT, last_at=AT, **more)


def test_the_first_statement_of_any_kind_is_initialized_and_the_last_is_terminated() -> None:
    initialized = said(Verb.INITIALIZED)
    for statement in (completed(), terminated(), said(EXPERIENCED, defined=False)):
        assert reason_of(Standing(), statement) == "cmi5_not_initialized"
        assert reason_of(after(Verb.TERMINATED), statement) == "cmi5_after_terminated"
    assert reason_of(Standing(), said(Verb.INITIALIZED, defined=False)) == "cmi5_not_initialized"
    assert reason_of(Standing(), initialized) is None
    assert reason_of(Standing(prepared=False), initialized) == "cmi5_preferences_unread"
    assert reason_of(BEGUN, initialized) == "cmi5_repeated"
    late = Standing(said=BEGUN.said, initialized_at=AT, last_at=datetime(2026, 11, 24, 4, 1, tzinfo=UTC))
    assert reason_of(late, terminated()) == "cmi5_order"


def test_each_verb_is_said_once_in_a_session_and_completed_and_passed_once_in_a_registration() -> None:
    assert reason_of(after(Verb.COMPLETED), completed()) == "cmi5_repeated"
    assert reason_of(after(completed=True), completed()) == "cmi5_repeated"
    assert reason_of(after(Verb.PASSED), passed()) == "cmi5_repeated"
    assert reason_of(after(Verb.FAILED), passed()) == "cmi5_passed_or_failed"
    assert reason_of(after(passed=True), passed()) == "cmi5_passed_or_failed"
    assert reason_of(after(passed=True), failed()) == "cmi5_passed_or_failed"
    assert reason_of(after(Verb.COMPLETED), passed()) is None


@pytest.mark.parametrize("mode", [LaunchMode.BROWSE, LaunchMode.REVIEW])
def test_who_only_looks_around_records_no_result(mode: LaunchMode) -> None:
    for statement in (completed(), passed(), failed()):
        assert reason_of(BEGUN, statement, mode) == "cmi5_mode"
    assert reason_of(BEGUN, terminated(), mode) is None
    assert reason_of(Standing(), said(Verb.INITIALIZED), mode) is None


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_score_passes_exactly_from_the_mastery_score_on(scaled: int, mastery: int) -> None:
    """Whatever the four decimals: no float's error decides."""
    line, score = Decimal(mastery) / 10_000, scaled / 10_000
    fixed = launched(mastery=str(line))
    for make, should in ((passed, scaled >= mastery), (failed, scaled < mastery)):
        statement = make(score)
        statement["context"]["extensions"][MASTERY_SCORE] = float(line)
        assert reason_of(BEGUN, statement, fixed=fixed) == (None if should else "cmi5_mastery")
