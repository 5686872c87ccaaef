"""Whether an AU may say this now: the profile's rules on statements, held against the session. Pure.

Source: cmi5 Specification Profile for xAPI (Quartz, 1st edition) §§7.1, 9.1–9.7, 10.2. Statements come here after the
xAPI door's own check, so each is whole; here it is only asked whether it keeps to cmi5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.intake.cmi5.model import (
    CMI5,
    MASTERY_SCORE,
    MOVE_ON,
    OF_THE_AU,
    OF_THE_LMS,
    PROGRESS,
    SESSION_ID,
    Cmi5Fault,
    LaunchMode,
    Verb,
)
from bridge.intake.xapi.formats import instant
from bridge.intake.xapi.model import VOIDED

_JUDGED = frozenset({Verb.PASSED, Verb.FAILED})
_WITH_DURATION = _JUDGED | {Verb.COMPLETED, Verb.TERMINATED}
_IN_ANY_MODE = frozenset({Verb.INITIALIZED, Verb.TERMINATED})
_MAX_PROGRESS = 100


@dataclass(frozen=True, slots=True)
class Launched:
    """What a launch fixed.

    Args:
        account: homePage and name, as the launch's `actor` has them.
        mastery_score: of the launch data; None if the course names none.
    """

    session_id: str
    registration: str
    activity_id: str
    publisher_id: str
    account: tuple[str, str]
    mode: LaunchMode
    mastery_score: Decimal | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What was said before.

    Args:
        said: defined verbs of this session.
        completed, passed: in the registration, by any session of the AU.
        prepared: whether the AU has read the learner's preferences (§11 asks it to, at its start).
        initialized_at, last_at: the statements' own times.
    """

    said: frozenset[Verb] = field(default_factory=frozenset)
    completed: bool = False
    passed: bool = False
    initialized_at: datetime | None = None
    last_at: datetime | None = None
    prepared: bool = True


def judge(statement: Mapping[str, Any], launched: Launched, before: Standing) -> tuple[Standing, Verb | None]:
    """Return what stands after the statement, and its verb if it is a cmi5 defined one.

    Raises:
        Cmi5Fault: the first rule that it breaks.
    """
    at = _check_surroundings(statement, launched)
    categories = _ids(statement, "category")
    defined = CMI5 in categories
    verb = _verb(statement, defined=defined)
    _check_order(verb, at, before)
    if defined and verb is not None:
        _check_defined(statement, verb, launched, before)
        _check_result(statement, verb, launched)
    moves_on = defined and _moves_on(statement)
    if (MOVE_ON in categories) != moves_on:
        raise Cmi5Fault("cmi5_move_on_category")
    after = replace(before, last_at=at if before.last_at is None else max(at, before.last_at))
    if not defined or verb is None:
        return after, None
    return (
        replace(
            after,
            said=before.said | {verb},
            completed=before.completed or verb is Verb.COMPLETED,
            passed=before.passed or verb is Verb.PASSED,
            initialized_at=at if verb is Verb.INITIALIZED else before.initialized_at,
        ),
        verb,
    )


def _check_surroundings(statement: Mapping[str, Any], launched: Launched) -> datetime:
    """Return the statement's time if who says it, and where, is as the launch fixed it."""
    if not statement.get("id"):
        raise Cmi5Fault("cmi5_id_missing")
    at = instant(statement["timestamp"]) if "timestamp" in statement else None
    if at is None or not statement["timestamp"].endswith(("Z", "+00:00", "+0000", "+00")):
        raise Cmi5Fault("cmi5_timestamp")
    if statement["verb"]["id"] == VOIDED:
        raise Cmi5Fault("cmi5_voiding")
    actor = statement["actor"]
    account = actor.get("account") or {}
    named = (account.get("homePage"), account.get("name"))
    if actor.get("objectType", "Agent") != "Agent" or named != launched.account:
        raise Cmi5Fault("cmi5_actor")
    context = statement.get("context", {})
    if str(context.get("registration", "")).lower() != launched.registration:
        raise Cmi5Fault("cmi5_registration")
    if context.get("extensions", {}).get(SESSION_ID) != launched.session_id:
        raise Cmi5Fault("cmi5_session")
    if launched.publisher_id not in _ids(statement, "grouping"):
        raise Cmi5Fault("cmi5_template")
    return at


def _verb(statement: Mapping[str, Any], *, defined: bool) -> Verb | None:
    try:
        verb = Verb(statement["verb"]["id"])
    except ValueError:
        if defined:
            raise Cmi5Fault("cmi5_verb_undefined") from None
        return None
    if verb in OF_THE_LMS:
        raise Cmi5Fault("cmi5_verb_of_lms")
    return verb if defined else None


def _check_order(verb: Verb | None, at: datetime, before: Standing) -> None:
    if Verb.TERMINATED in before.said:
        raise Cmi5Fault("cmi5_after_terminated")
    if before.initialized_at is None:
        if verb is not Verb.INITIALIZED:
            raise Cmi5Fault("cmi5_not_initialized")
        if not before.prepared:
            raise Cmi5Fault("cmi5_preferences_unread")
        return
    if at < before.initialized_at:
        raise Cmi5Fault("cmi5_order")
    if verb is Verb.TERMINATED and before.last_at is not None and at < before.last_at:
        raise Cmi5Fault("cmi5_order")


def _check_defined(statement: Mapping[str, Any], verb: Verb, launched: Launched, before: Standing) -> None:
    if verb not in OF_THE_AU:
        raise Cmi5Fault("cmi5_verb_of_lms")
    if launched.mode is not LaunchMode.NORMAL and verb not in _IN_ANY_MODE:
        raise Cmi5Fault("cmi5_mode")
    about = statement["object"]
    if about.get("objectType", "Activity") != "Activity" or about["id"] != launched.activity_id:
        raise Cmi5Fault("cmi5_object")
    if verb in before.said or (verb is Verb.COMPLETED and before.completed):
        raise Cmi5Fault("cmi5_repeated")
    if verb in _JUDGED and (before.said & _JUDGED or before.passed):
        raise Cmi5Fault("cmi5_passed_or_failed")


def _check_result(statement: Mapping[str, Any], verb: Verb, launched: Launched) -> None:
    result = statement.get("result", {})
    if result.get("success") is not {Verb.PASSED: True, Verb.FAILED: False}.get(verb):
        raise Cmi5Fault("cmi5_success")
    if result.get("completion") is not (True if verb is Verb.COMPLETED else None):
        raise Cmi5Fault("cmi5_completion")
    if verb in _WITH_DURATION and "duration" not in result:
        raise Cmi5Fault("cmi5_duration")
    progress = result.get("extensions", {}).get(PROGRESS)
    if progress is not None and not (type(progress) is int and 0 <= progress <= _MAX_PROGRESS):
        raise Cmi5Fault("cmi5_progress")
    score = result.get("score")
    if score is not None:
        _check_score(score, verb)
    if verb in _JUDGED and launched.mastery_score is not None:
        _check_mastery(statement, verb, score or {}, launched.mastery_score)


def _check_score(score: Mapping[str, Any], verb: Verb) -> None:
    scaled = score.get("scaled")
    whole = "raw" not in score or ("min" in score and "max" in score)
    if verb not in _JUDGED or not whole or (scaled is not None and not 0 <= scaled <= 1):
        raise Cmi5Fault("cmi5_score")


def _check_mastery(
    statement: Mapping[str, Any], verb: Verb, score: Mapping[str, Any], mastery_score: Decimal
) -> None:
    said = statement["context"]["extensions"].get(MASTERY_SCORE)
    scaled = score.get("scaled")
    if said is None and scaled is not None:
        raise Cmi5Fault("cmi5_mastery_extension")
    if said is not None and (
        isinstance(said, bool) or not isinstance(said, int | float) or _exact(said) != mastery_score
    ):
        raise Cmi5Fault("cmi5_mastery_extension")
    if scaled is not None and (_exact(scaled) >= mastery_score) != (verb is Verb.PASSED):
        raise Cmi5Fault("cmi5_mastery")


def _moves_on(statement: Mapping[str, Any]) -> bool:
    result = statement.get("result", {})
    return "success" in result or "completion" in result


def _ids(statement: Mapping[str, Any], kind: str) -> frozenset[str]:
    activities = statement.get("context", {}).get("contextActivities", {}).get(kind, [])
    return frozenset(one["id"] for one in (activities if isinstance(activities, list) else [activities]))


def _exact(number: int | float) -> Decimal:
    """Return the decimal that was written: a float of at most 15 digits prints as it was read."""
    return Decimal(str(number))


def iso_duration(length: timedelta) -> str:
    """Return a duration as xAPI writes it, to a hundredth of a second."""
    hundredths = max(0, round(length / timedelta(milliseconds=10)))
    seconds, rest = divmod(hundredths, 100)
    return f"PT{seconds}S" if not rest else f"PT{seconds}.{rest:02d}S"
