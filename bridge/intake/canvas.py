"""Canvas Live Events in Canvas's own format (metadata and body), each kept by allow-list.

Only documented fields are read. Canvas names users and courses by its global ids, which become blind references of the
same IRIs as in its Caliper form, so that both say the same of the same person. A mark here is an activity and no score:
`grade_change` says neither when an attempt began nor when it ended.

Source: developerdocs.instructure.com, Canvas ▸ Data Services ▸ Live Events ▸ Event format ▸ Canvas (grade_change,
quiz_submitted, submission_created/updated, asset_accessed, course_completed, course_progress, enrollment_created/
updated, user_account_association_created, logged_in/out) and Caliper (the IRIs), as generated from canvas-lms
doc/api/data_services/json.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.intake.learning import (
    UNKNOWN,
    Blind,
    LearningEvent,
    canvas_event_known,
    count,
    mark,
    strict_instant,
)
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput

MAX_EVENT_BYTES = 512 * 1024
OLDEST = timedelta(days=35)
"""Signing keys change every month: what is older cannot be a late delivery."""
_SKEW_SECONDS = 60
_ID = re.compile(r"[0-9]{1,20}")
_KIND = re.compile(r"[a-z_:]{1,60}")
_CATEGORIES_WORDS = """
    announcements assignments calendar collaborations conferences external_tools external_urls files
    grades home modules outcomes pages quizzes roster syllabus topics wiki
"""
_CATEGORIES = frozenset(_CATEGORIES_WORDS.split())
"""Of asset_accessed."""
_COUNTED = frozenset({"course_completed", "course_progress"})


def check_claims_in_time(payload: Mapping[str, Any], now: datetime) -> None:
    """Hold a signed payload against the times that its signer put on it, if it did (RFC 7519 §4.1.4–6).

    Raises:
        InvalidInput: token_expired, token_not_yet_valid, instant_malformed (422).
    """
    instant = now.timestamp()
    for name, ahead in (("exp", False), ("nbf", True), ("iat", True)):
        at = payload.get(name)
        if at is None:
            continue
        if isinstance(at, bool) or not isinstance(at, int | float):
            raise InvalidInput("instant_malformed", f"签名中的 {name} 不是时间", http_status=422)
        if ahead and at > instant + _SKEW_SECONDS:
            raise InvalidInput("token_not_yet_valid", "签名的时间晚于服务器时间", http_status=422)
        if not ahead and at <= instant - _SKEW_SECONDS:
            raise InvalidInput("token_expired", "签名已过期", http_status=422)


def check_recent(event: LearningEvent, now: datetime) -> None:
    """Refuse an event that is too old to be a late delivery; InvalidInput("event_too_old") (422)."""
    if event.occurred_at < now - OLDEST:
        raise InvalidInput(
            "event_too_old", f"事件发生在 {OLDEST.days} 天以前,不是正常的延迟送达", http_status=422
        )


def is_canvas_format(value: Any) -> bool:
    """Return whether decoded JSON is an event in Canvas's own format."""
    return isinstance(value, dict) and "metadata" in value and "body" in value


def root_account_of(value: Mapping[str, Any]) -> str | None:
    """Return which Canvas account an event in Canvas's own format says it is of."""
    metadata = value.get("metadata")
    found = metadata.get("root_account_uuid") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def root_account_of_caliper(event: Any) -> str | None:
    """Return which Canvas account an event in Caliper form says it is of; None where it does not say."""
    found = event
    for name in ("actor", "extensions", "com.instructure.canvas", "root_account_uuid"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def read_event(value: Mapping[str, Any], blind: Blind, now: datetime) -> LearningEvent:
    """Return the event as it is kept.

    Raises:
        InvalidInput: event_malformed, instant_malformed, occurred_in_future (422).
    """
    metadata, body = value.get("metadata"), value.get("body")
    if not isinstance(metadata, dict) or not isinstance(body, dict):
        raise InvalidInput("event_malformed", "Canvas 事件应有 metadata 和 body", http_status=422)
    name = metadata.get("event_name")
    if not isinstance(name, str) or not name:
        raise InvalidInput("event_malformed", "Canvas 事件缺少 event_name", http_status=422)
    known = name if canvas_event_known(name) else UNKNOWN
    here = _Reader(metadata, body, blind)
    return LearningEvent(
        form="canvas",
        event=known,
        action="",
        key=_key(metadata, body, blind),
        occurred_at=strict_instant(metadata.get("event_time"), "event_time", now),
        context=here.context(),
        **({} if known == UNKNOWN else here.facts(known)),
    )


class _Reader:
    """Reads the documented fields of one event."""

    def __init__(self, metadata: Mapping[str, Any], body: Mapping[str, Any], blind: Blind) -> None:
        self._metadata = metadata
        self._body = body
        self._blind = blind

    def context(self) -> str | None:
        if self._metadata.get("context_type") == "Course":
            return self._ref("course", self._metadata.get("context_id"))
        return self._ref("course", self._body.get("course_id"))

    def facts(self, name: str) -> dict[str, Any]:
        user = self._ref("user", self._metadata.get("user_id"))
        body = self._body
        if name == "grade_change":
            return {
                "actor": self._ref("user", body.get("grader_id")),
                "learner": self._ref("user", body.get("user_id")),
                "object": self._ref("assignment", body.get("assignment_id")),
                "attempt": self._ref("submission", body.get("submission_id")),
                "score": mark(body.get("score")),
                "maximum": mark(body.get("points_possible")),
                "before": mark(body.get("old_score")),
            }
        if name in ("submission_created", "submission_updated"):
            return {
                "actor": user,
                "learner": self._ref("user", body.get("user_id")),
                "object": self._ref("assignment", body.get("assignment_id")),
                "attempt": self._ref("submission", body.get("submission_id")),
                "score": mark(body.get("score")),
            }
        if name == "quiz_submitted":
            return {
                "actor": user,
                "learner": user,
                "object": self._ref("quiz", body.get("quiz_id")),
                "attempt": self._ref("submission", body.get("submission_id")),
            }
        if name == "asset_accessed":
            category = body.get("category")
            known = isinstance(category, str) and category in _CATEGORIES
            # Its id is of its type, whose names Canvas does not list in full: they only make the reference.
            return {
                "actor": user,
                "learner": user,
                "object": self._ref(body.get("asset_type"), body.get("asset_id")),
                "object_type": category if known else UNKNOWN,
            }
        if name in _COUNTED:
            return {"actor": user, "learner": user, **self._requirements()}
        if name in ("logged_in", "logged_out"):
            return {"actor": user, "learner": user}
        # Enrolments and associations: somebody is enrolled, perhaps by another.
        return {"actor": user, "learner": self._ref("user", body.get("user_id"))}

    def _requirements(self) -> dict[str, Any]:
        # The ids in this body are the account's own small numbers, not the global ones: they are not read.
        progress = self._body.get("progress")
        found = progress if isinstance(progress, dict) else {}
        return {
            "done": count(found.get("requirement_completed_count")),
            "of": count(found.get("requirement_count")),
        }

    def _ref(self, kind: Any, identifier: Any) -> str | None:
        text = (
            str(identifier)
            if isinstance(identifier, int) and not isinstance(identifier, bool)
            else identifier
        )
        named = isinstance(text, str) and isinstance(kind, str)
        if not named or not _ID.fullmatch(str(text)) or not _KIND.fullmatch(kind):
            return None
        return self._blind(f"urn:instructure:canvas:{kind}:{text}")


def _key(metadata: Mapping[str, Any], body: Mapping[str, Any], blind: Blind) -> str:
    """Return what makes an event the same event: Canvas's own format has no id of it.

    Blind, since a body of few fields could be guessed from its bare hash.
    """
    named = {name: metadata.get(name) for name in ("event_name", "event_time", "request_id", "job_id")}
    said = json.dumps([named, body], sort_keys=True, separators=(",", ":"))
    return blind(f"urn:sha256:{sha256_hex(said.encode())}")
