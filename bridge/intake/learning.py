"""What Caliper and Canvas tell of learning, in one kept form, and what that claims. It credits nothing.

A kept event holds times, numbers, words of the standards' own vocabularies and blind references: no id, name, address
or free text of the sender's. What it claims is read from it anew whenever it is replayed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import parse_rfc3339, rfc3339

KEPT = "learning.event"
UNKNOWN = "unknown"
AHEAD = timedelta(seconds=300)
"""How far a sender's clock may be ahead of ours."""
_NUMBER = re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,6})?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")

Blind = Callable[[str], str]
"""An identifier of the sender's → a reference that is the same for the same identifier, and says nothing else."""


@dataclass(frozen=True, slots=True)
class LearningEvent:
    """One event as it is kept.

    Args:
        form: "caliper-1.1", "caliper-1.2" or "canvas".
        event, action: words of the form's own vocabulary, `UNKNOWN` for others; Canvas has no actions.
        key: the sender's id of the event: what makes it the same event again.
        actor: who did it; learner: whose learning it is.
        object, object_type: what it is about; context: the course.
        score, maximum, before: decimal digits.
        position_ms: where in the media; done, of: requirements met, of how many.
    """

    form: str
    event: str
    action: str
    key: str
    occurred_at: datetime
    actor: str | None = None
    learner: str | None = None
    object: str | None = None
    object_type: str | None = None
    context: str | None = None
    attempt: str | None = None
    score: str | None = None
    maximum: str | None = None
    before: str | None = None
    position_ms: int | None = None
    done: int | None = None
    of: int | None = None

    def payload(self) -> dict[str, Any]:
        """Return what is chained; the key stands beside it."""
        kept = {name: getattr(self, name) for name in self.__slots__ if name != "key"}
        return {"v": 1, "type": KEPT, **kept, "occurred_at": rfc3339(self.occurred_at)}


@dataclass(frozen=True, slots=True)
class LearningClaim:
    """What a kept event claims.

    Args:
        kind: of `KINDS`; `UNKNOWN` for what is only kept.
        overridden: whether a person put another mark in the place of one that stood.
    """

    kind: str
    occurred_at: datetime
    actor: str | None = field(repr=False)
    learner: str | None = field(repr=False)
    object: str | None
    context: str | None
    attempt: str | None
    score: str | None
    maximum: str | None
    before: str | None
    overridden: bool


_MEDIA_WORDS = """
    Started Paused Resumed Restarted Ended ForwardedTo JumpedTo ChangedSpeed ChangedVolume Muted Unmuted
    EnteredFullScreen ExitedFullScreen ChangedSize ChangedResolution EnabledClosedCaptioning
    DisabledClosedCaptioning OpenedPopout ClosedPopout
"""
_MEDIA = tuple(_MEDIA_WORDS.split())
_ATTEMPT = {
    "Started": "started",
    "Paused": "paused",
    "Resumed": "resumed",
    "Restarted": "restarted",
    "Reset": "reset",
    "Submitted": "submitted",
    "Completed": "completed",
}
_CALIPER: Mapping[tuple[str, str], str] = {
    ("SessionEvent", "LoggedIn"): "session.logged_in",
    ("SessionEvent", "LoggedOut"): "session.logged_out",
    ("SessionEvent", "TimedOut"): "session.timed_out",
    ("NavigationEvent", "NavigatedTo"): "viewed",
    ("ViewEvent", "Viewed"): "viewed",
    ("ToolUseEvent", "Used"): "tool.used",
    ("ToolLaunchEvent", "Launched"): "tool.launched",
    ("ToolLaunchEvent", "Returned"): "tool.returned",
    ("GradeEvent", "Graded"): "graded",
    **{("MediaEvent", action): f"media.{action.lower()}" for action in _MEDIA},
    **{("AssessmentEvent", action): f"assessment.{word}" for action, word in _ATTEMPT.items()},
    **{("AssessmentItemEvent", action): f"item.{word}" for action, word in _ATTEMPT.items()},
    **{("AssignableEvent", action): f"assignable.{word}" for action, word in _ATTEMPT.items()},
}
_CANVAS: Mapping[str, str] = {
    "asset_accessed": "viewed",
    "course_completed": "course.completed",
    "course_progress": "course.progressed",
    "enrollment_created": "enrolment.created",
    "enrollment_updated": "enrolment.updated",
    "grade_change": "graded",
    "logged_in": "session.logged_in",
    "logged_out": "session.logged_out",
    "quiz_submitted": "assessment.submitted",
    "submission_created": "assignable.submitted",
    "submission_updated": "assignable.updated",
    "user_account_association_created": "account.associated",
}
KINDS = frozenset({*_CALIPER.values(), *_CANVAS.values(), UNKNOWN})


def learning_claim(payload: Mapping[str, Any]) -> LearningClaim:
    """Return what a kept event claims; ValueError, TypeError or KeyError for a payload that is none.

    Pure: the same payload claims the same, whenever and in whatever order it is read.
    """
    if payload["type"] != KEPT:
        raise ValueError("another type of payload")
    texts = {name: _text(payload[name]) for name in ("actor", "learner", "object", "context", "attempt")}
    marks = {name: _mark(payload[name]) for name in ("score", "maximum", "before")}
    kind = _kind(payload["form"], payload["event"], payload["action"])
    by_another = texts["actor"] is not None and texts["actor"] != texts["learner"]
    changed = None not in (marks["before"], marks["score"]) and marks["before"] != marks["score"]
    return LearningClaim(
        kind=kind,
        occurred_at=parse_rfc3339(payload["occurred_at"]),
        overridden=kind == "graded" and by_another and changed,
        **texts,
        **marks,
    )


def _kind(form: str, event: str, action: str) -> str:
    if form == "canvas":
        return _CANVAS.get(event, UNKNOWN)
    if form not in ("caliper-1.1", "caliper-1.2"):
        raise ValueError("another form")
    return _CALIPER.get((event, action), UNKNOWN)


def canvas_event_known(name: object) -> bool:
    """Return whether a Canvas event of this name is read."""
    return isinstance(name, str) and name in _CANVAS


def strict_instant(value: Any, name: str, now: datetime) -> datetime:
    """Return the instant in a field of an event.

    Raises:
        InvalidInput: instant_malformed (not ISO 8601 in UTC), occurred_in_future (422).
    """
    try:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise ValueError("not an instant in UTC")
        instant = parse_rfc3339(value)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            "instant_malformed",
            f"{name} 应为 ISO 8601 的 UTC 时间,如 2026-11-28T08:00:00.000Z",
            http_status=422,
        ) from error
    if instant > now + AHEAD:
        raise InvalidInput("occurred_in_future", "事件的时间晚于服务器时间,请校准时钟", http_status=422)
    return instant


def mark(value: Any) -> str | None:
    """Return a mark as decimal digits; None for none and for what is no number (a letter grade)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        text = value if isinstance(value, str) else format(Decimal(str(value)), "f")
    except (ValueError, ArithmeticError):
        return None
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return format(number.normalize() if number else Decimal(0), "f")


def count(value: Any) -> int | None:
    """Return a small whole number; None for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
    return value if whole else None


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _mark(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise TypeError("digits expected")
    return value
