"""The score intake (Assignment and Grade Services 2.0 §3.4), with the manners of the standard or of Moodle 4.5."""

import json
from datetime import datetime
from typing import Any

from flask import Response, make_response, request

from bridge.kernel.time import parse_rfc3339
from plugins.simulators.demo_lms.access import Refused, require_scope, service_blueprint
from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.faults import Manners
from plugins.simulators.demo_lms.grades import known_line_item
from plugins.simulators.demo_lms.names import SCORE_SCOPE
from plugins.simulators.demo_lms.store import Score

blueprint = service_blueprint("scores")

_SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
_ACTIVITY = {"Initialized", "Started", "InProgress", "Submitted", "Completed"}
_GRADING = {"FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"}
_FINAL = "FullyGraded"


@blueprint.post("/lti/lineitems/<line_item>/scores")
def take_score(line_item: str) -> Response:
    """Store a score; one that is not newer than what stands is refused with 409."""
    require_scope(SCORE_SCOPE)
    here = desk()
    if not known_line_item(here.store, line_item):
        raise Refused("not_found", "line item", 404)
    if request.mimetype != _SCORE_TYPE:
        raise Refused("unsupported_media_type", _SCORE_TYPE, 415)
    body = _body()
    user = here.lms.user(str(body.get("userId")))
    moodle = here.faults.manners is Manners.MOODLE
    if moodle and (user is None or user.role != "learner" or body.get("scoreMaximum") is None):
        # Moodle says so in text, with what was sent in the reason; the bridge must not need more than the status.
        return Response("Incorrect score received", 400, mimetype="text/html")
    score = _score(body, user, moodle=moodle)
    if not here.store.put_score(line_item, body["userId"], score):
        raise Refused("conflict", "a score with the same or a later timestamp stands", 409)
    return make_response("", 200 if moodle else 204)


def _body() -> dict[str, Any]:
    try:
        body: Any = json.loads(request.get_data(), parse_float=str)
    except ValueError as error:
        raise Refused("invalid_request", "no JSON") from error
    if not isinstance(body, dict):
        raise Refused("invalid_request", "no JSON object")
    return body


def _score(body: dict[str, Any], user: User | None, *, moodle: bool) -> Score:
    """Return the score as the grade book keeps it.

    Moodle compares whole seconds, and a score that is not final takes the grade away that stands.
    """
    if user is None:
        raise Refused("invalid_request", "userId", 404)
    if body.get("activityProgress") not in _ACTIVITY or body.get("gradingProgress") not in _GRADING:
        raise Refused("invalid_request", "activityProgress and gradingProgress")
    given, maximum = _number(body, "scoreGiven"), _number(body, "scoreMaximum")
    if given is not None and (maximum is None or float(maximum) <= 0):
        raise Refused("invalid_request", "scoreMaximum")
    comment = body.get("comment", "")
    if not isinstance(comment, str) or len(comment) > 2000:
        raise Refused("invalid_request", "comment")
    at = _timestamp(body)
    if moodle:
        at = at.replace(microsecond=0)
        given = given if body["gradingProgress"] == _FINAL else None
    return Score(at.isoformat(timespec="microseconds"), given, maximum, comment)


def _number(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    # floats were kept as their text, so that "2.5" stays "2.5"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Refused("invalid_request", name)
    text = str(value)
    try:
        number = float(text)
    except ValueError as error:
        raise Refused("invalid_request", name) from error
    if not 0 <= number < 1e9:
        raise Refused("invalid_request", name)
    return text


def _timestamp(body: dict[str, Any]) -> datetime:
    try:
        return parse_rfc3339(body["timestamp"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("invalid_request", "timestamp") from error
