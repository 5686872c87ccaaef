"""The platform's side of Proctoring Services 1.0: the tool checks first, then the quiz starts, then the tool is told.

A quiz that is begun here has no agent in its page: what the tool knows of the person it found out before the start,
and through the Assessment Control Service it may pause, resume, end or lengthen the attempt.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.ids import random_ref
from bridge.kernel.time import parse_rfc3339, rfc3339
from plugins.simulators.demo_lms.access import Refused, require_scope, service_blueprint
from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import Desk, desk, require_form_token, signed_in_user
from plugins.simulators.demo_lms.names import (
    ACS,
    ATTEMPT_NUMBER,
    CONTROL_SCOPE,
    END_RETURN,
    ERROR_MESSAGE,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    SESSION_DATA,
    START_URL,
    VERIFIED_USER,
)
from plugins.simulators.demo_lms.opening import Opening, send_to_tool
from plugins.simulators.demo_lms.tool_documents import NotGenuine, tool_message

blueprint = Blueprint("proctoring", __name__)
control = service_blueprint("assessment_control")

_MEDIA_TYPE = "application/vnd.ims.lti-ap.v1.control+json"
_ACTIONS = ("flag", "pause", "resume", "terminate", "update")
_AFTER = {"pause": "paused", "resume": "running", "terminate": "terminated"}
_FULL_MARKS = 100
_MOST_EXTRA_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Proctored:
    """One attempt; `state` is asked, running, paused, terminated or complete."""

    attempt: str
    sub: str
    number: int
    session_data: str
    state: str
    extra_minutes: int


@blueprint.post("/proctored")
def begin() -> AnyResponse:
    """Open an attempt and send the learner to be checked."""
    require_form_token()
    here, user = desk(), _user()
    attempt, session_data = random_ref("att"), secrets.token_urlsafe(32)
    with here.store.transaction() as db:
        number = 1 + db.execute("SELECT count(*) FROM proctored WHERE sub = ?", (user.sub,)).fetchone()[0]
        db.execute(
            "INSERT INTO proctored VALUES (?,?,?,?,'asked',0)", (attempt, user.sub, number, session_data)
        )
    control_service = {
        "assessment_control_url": f"{here.lms.issuer}/lti/assessment-control",
        "actions": list(_ACTIONS),
    }
    claims = {
        MESSAGE_TYPE: "LtiStartProctoring",
        START_URL: f"{here.lms.issuer}/lti/start-assessment",
        SESSION_DATA: session_data,
        ATTEMPT_NUMBER: number,
        ACS: control_service,
    }
    return _send(here, user, claims)


@blueprint.post("/lti/start-assessment")
def start() -> AnyResponse:
    """Take the tool's permission, which the browser brings, and open the questions."""
    here = desk()
    try:
        claims = tool_message(request.form.get("JWT", ""), "LtiStartAssessment")
        attempt = _permitted(here, claims)
    except NotGenuine as refused:
        page = render_template("proctored_refused.html", user=signed_in_user(), refused=refused.what)
        return make_response(page, 503 if refused.unreachable else 400)
    # Not before: an attempt that waits for its start is what the other way into the quiz takes up.
    here.store.new_attempt(attempt.attempt, attempt.sub)
    here.store.start_attempt(attempt.attempt, rfc3339(here.clock.now()))
    return redirect(f"/proctored/{attempt.attempt}", 303)


def _permitted(here: Desk, claims: dict[str, Any]) -> Proctored:
    """Return the attempt that the permission is for; it is running now.

    Raises:
        NotGenuine: session_data, attempt_number, resource_link or verified_user is not what was sent.
    """
    session_data, number, link = (
        claims.get(SESSION_DATA),
        claims.get(ATTEMPT_NUMBER),
        claims.get(RESOURCE_LINK),
    )
    found = None
    if isinstance(session_data, str):
        found = next(
            (each for each in _all(here) if hmac.compare_digest(each.session_data, session_data)), None
        )
    if found is None:
        raise NotGenuine("session_data")
    if type(number) is not int or number != found.number:
        raise NotGenuine("attempt_number")
    if not isinstance(link, dict) or link.get("id") != here.lms.course.quiz.resource_link_id:
        raise NotGenuine("resource_link")
    if not isinstance(claims.get(END_RETURN, False), bool):
        raise NotGenuine("end_assessment_return")
    user, verified = here.lms.user(found.sub), claims.get(VERIFIED_USER, {})
    named = {"given_name", "family_name"}
    if not isinstance(verified, dict) or any(
        verified[each] != getattr(user, each) for each in named & set(verified)
    ):
        raise NotGenuine("verified_user")
    if not _move(here, found.attempt, "running", only_from=("asked",)):
        raise NotGenuine("the attempt was started before")
    return found


@blueprint.get("/proctored/<attempt>")
def take(attempt: str) -> str:
    """The questions, if the attempt runs; else in words how it stands."""
    here, user = desk(), _user()
    return render_template("proctored_quiz.html", user=user, attempt=_own(here, user, attempt))


@blueprint.post("/proctored/<attempt>/answers")
def hand_in(attempt: str) -> AnyResponse:
    """Take the answers, grade them, and tell the tool that the test is over."""
    require_form_token()
    here, user = desk(), _user()
    found, questions = _own(here, user, attempt), here.lms.course.quiz.questions
    if not _move(here, found.attempt, "complete", only_from=("running",)):
        abort(409)
    chosen = {
        name: int(value)
        for name, value in request.form.items()
        if name.isdecimal() and int(name) < len(questions) and value.isdecimal()
    }
    right = sum(chosen.get(str(number)) == question.answer for number, question in enumerate(questions))
    score = str(_FULL_MARKS * right // len(questions))
    here.store.finish_attempt(found.attempt, rfc3339(here.clock.now()), chosen, score)
    return _tell_end(here, user, found, "")


@blueprint.post("/proctored/<attempt>/end")
def end(attempt: str) -> AnyResponse:
    """Tell the tool that a test which was ended early is over."""
    require_form_token()
    here, user = desk(), _user()
    found = _own(here, user, attempt)
    if found.state != "terminated":
        abort(409)
    return _tell_end(here, user, found, "监考系统终止了考试。")


def _tell_end(here: Desk, user: User, attempt: Proctored, error: str) -> AnyResponse:
    claims: dict[str, Any] = {MESSAGE_TYPE: "LtiEndAssessment", ATTEMPT_NUMBER: attempt.number}
    if error:
        claims[ERROR_MESSAGE] = error
    return _send(here, user, claims)


def _send(here: Desk, user: User, claims: dict[str, Any]) -> AnyResponse:
    quiz = here.lms.course.quiz
    return send_to_tool(here, user, Opening(quiz.resource_link_id, quiz.title, claims=claims))


# -- Assessment Control Service -------------------------------------------------------------------------


@control.post("/lti/assessment-control")
def act() -> Response:
    """Carry out what the tool asks of a running attempt, and record it."""
    require_scope(CONTROL_SCOPE)
    here = desk()
    if request.mimetype != _MEDIA_TYPE:
        raise Refused("unsupported_media_type", _MEDIA_TYPE, 415)
    body: Any = request.get_json(force=True, silent=True)
    if not isinstance(body, dict) or body.get("action") not in _ACTIONS:
        raise Refused("invalid_request", "action")
    attempt = _meant(here, body)
    severity, at = body.get("incident_severity", 0), body.get("incident_time")
    if isinstance(severity, bool) or not isinstance(severity, int | float) or not 0 <= severity <= 1:
        raise Refused("invalid_request", "incident_severity")
    try:
        parse_rfc3339(str(at))
    except ValueError as error:
        raise Refused("invalid_request", "incident_time") from error
    extra = body.get("extra_time", 0)
    if type(extra) is not int or not 0 <= extra <= _MOST_EXTRA_MINUTES:
        raise Refused("invalid_request", "extra_time")
    if attempt.state in ("terminated", "complete") and body["action"] != "flag":
        raise Refused("invalid_request", f"the attempt is {attempt.state}", 409)
    with here.store.transaction() as db:
        db.execute(
            "INSERT INTO control (attempt, at, action, severity, code) VALUES (?,?,?,?,?)",
            (attempt.attempt, at, body["action"], str(severity), str(body.get("reason_code", ""))[:64]),
        )
        if body["action"] == "update":
            db.execute("UPDATE proctored SET extra_minutes = ? WHERE attempt = ?", (extra, attempt.attempt))
    if body["action"] in _AFTER:
        _move(here, attempt.attempt, _AFTER[body["action"]], only_from=("asked", "running", "paused"))
    now = next(each for each in _all(here) if each.attempt == attempt.attempt)
    state = "none" if now.state == "asked" else now.state
    reply = jsonify(status=state, extra_time=now.extra_minutes)
    reply.headers["Content-Type"] = _MEDIA_TYPE
    return reply


def _meant(here: Desk, body: dict[str, Any]) -> Proctored:
    who, link, number = body.get("user"), body.get("resource_link"), body.get("attempt_number")
    if not isinstance(who, dict) or who.get("iss") != here.lms.issuer:
        raise Refused("invalid_request", "user")
    if not isinstance(link, dict) or link.get("id") != here.lms.course.quiz.resource_link_id:
        raise Refused("invalid_request", "resource_link")
    for each in _all(here):
        if each.sub == who.get("sub") and type(number) is int and each.number == number:
            return each
    raise Refused("not_found", "attempt", 404)


@blueprint.get("/simulator/assessment-control")
def controls() -> Response:
    """What tools asked of attempts, the newest first."""
    with desk().store.transaction() as db:
        rows = db.execute("SELECT * FROM control ORDER BY number DESC LIMIT 100").fetchall()
    return jsonify(simulator=True, actions=[dict(row) for row in rows])


def _user() -> User:
    user = signed_in_user()
    if user is None or user.role != "learner":
        abort(403)
    return user


def _all(here: Desk) -> list[Proctored]:
    with here.store.transaction() as db:
        rows = db.execute("SELECT * FROM proctored").fetchall()
    return [Proctored(*row) for row in rows]


def _own(here: Desk, user: User, attempt: str) -> Proctored:
    found = next((each for each in _all(here) if each.attempt == attempt and each.sub == user.sub), None)
    if found is None:
        abort(404)
    return found


def _move(here: Desk, attempt: str, state: str, *, only_from: tuple[str, ...]) -> bool:
    """Return whether the attempt went on to `state`."""
    marks = ",".join("?" * len(only_from))
    with here.store.transaction() as db:
        cursor = db.execute(
            f"UPDATE proctored SET state = ? WHERE attempt = ? AND state IN ({marks})",  # noqa: S608 - marks alone
            (state, attempt, *only_from),
        )
        return cursor.rowcount == 1
