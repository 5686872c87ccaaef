"""The simulator's pages: choose a user, the course, slides, quiz, result."""

from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.ids import random_ref
from bridge.kernel.time import rfc3339
from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.deep_links import tool_items
from plugins.simulators.demo_lms.desk import desk, require_form_token, signed_in_user
from plugins.simulators.demo_lms.oidc import LINE_ITEM
from plugins.simulators.demo_lms.store import Attempt, Delivery
from plugins.simulators.demo_lms.webhook import graded_body

blueprint = Blueprint("pages", __name__)

_FULL_MARKS = 100


@blueprint.before_request
def _protect_forms() -> AnyResponse | None:
    if request.method == "POST":
        require_form_token()
    if request.endpoint not in ("pages.front", "pages.sign_in") and signed_in_user() is None:
        return redirect("/")
    return None


def _user() -> User:
    user = signed_in_user()
    if user is None:
        abort(403)
    return user


def _attempt(attempt_id: str) -> Attempt:
    attempt = desk().store.attempt(attempt_id, _user().sub)
    if attempt is None:
        abort(404)
    return attempt


@blueprint.get("/")
def front() -> str:
    """The list of users; a click signs in, and the page says that there is no password."""
    return render_template("front.html", users=desk().lms.users, user=signed_in_user())


@blueprint.post("/sign-in")
def sign_in() -> AnyResponse:
    """Sign in as the chosen user."""
    user = desk().lms.user(request.form.get("sub", ""))
    if user is None:
        abort(400)
    session.clear()
    session["sub"] = user.sub
    return redirect("/course", 303)


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    """Forget who is signed in."""
    session.clear()
    return redirect("/", 303)


@blueprint.get("/course")
def course() -> str:
    """The course in three steps, with the quiz's score and the hours that the bridge returned."""
    here, user = desk(), _user()
    finished = [attempt for attempt in here.store.attempts(user.sub) if attempt.finished_at is not None]
    return render_template(
        "course.html",
        user=user,
        latest=finished[0] if finished else None,
        hours=here.store.score(LINE_ITEM, user.sub),
        tool_items=tool_items(here),
    )


@blueprint.get("/study/<resource_link_id>")
def study(resource_link_id: str) -> str:
    """The slides of one unit, with the agent."""
    here, user = desk(), _user()
    unit = here.lms.unit(resource_link_id)
    if unit is None:
        abort(404)
    token = here.session_token(user, resource_link_id, "study")
    return render_template("study.html", user=user, unit=unit, token=token)


@blueprint.get("/quiz")
def quiz() -> str:
    """What to know before the quiz, and the attempts so far."""
    user = _user()
    return render_template("quiz_start.html", user=user, attempts=desk().store.attempts(user.sub))


@blueprint.post("/quiz/attempts")
def open_attempt() -> AnyResponse:
    """Open an attempt; one that was opened but not begun is used first."""
    here, user = desk(), _user()
    for attempt in here.store.attempts(user.sub):
        if attempt.started_at is None:
            return redirect(f"/attempts/{attempt.id}", 303)
    attempt_id = random_ref("att")
    here.store.new_attempt(attempt_id, user.sub)
    return redirect(f"/attempts/{attempt_id}", 303)


@blueprint.get("/attempts/<attempt_id>")
def take_quiz(attempt_id: str) -> str | AnyResponse:
    """The questions, with the agent; they show once the agent's session runs."""
    here, user, attempt = desk(), _user(), _attempt(attempt_id)
    if attempt.finished_at is not None:
        return redirect(f"/attempts/{attempt.id}/result")
    token = here.session_token(user, here.lms.course.quiz.resource_link_id, "test", attempt.id)
    return render_template("quiz.html", user=user, attempt=attempt, token=token)


@blueprint.post("/attempts/<attempt_id>/begin")
def begin(attempt_id: str) -> Response:
    """The agent's session runs and its first check is passed: the attempt starts now."""
    attempt = _attempt(attempt_id)
    desk().store.start_attempt(attempt.id, rfc3339(desk().clock.now()))
    return jsonify(begun=True)


@blueprint.post("/attempts/<attempt_id>/answers")
def hand_in(attempt_id: str) -> Response:
    """Take the answers, once; the attempt ends at this moment and is graded."""
    here, attempt = desk(), _attempt(attempt_id)
    questions = here.lms.course.quiz.questions
    body: Any = request.get_json(silent=True)
    chosen = body.get("answers") if isinstance(body, dict) else None
    if not isinstance(chosen, dict) or not all(
        name.isdecimal() and int(name) < len(questions) and type(value) is int
        for name, value in chosen.items()
    ):
        return Response('{"reason":"answers_malformed"}', 400, mimetype="application/json")
    right = sum(chosen.get(str(number)) == question.answer for number, question in enumerate(questions))
    score = str(_FULL_MARKS * right // len(questions))
    if not here.store.finish_attempt(attempt.id, rfc3339(here.clock.now()), chosen, score):
        return Response('{"reason":"attempt_not_open"}', 409, mimetype="application/json")
    return jsonify(handed_in=True)


@blueprint.post("/attempts/<attempt_id>/deliver")
def deliver(attempt_id: str) -> AnyResponse:
    """Send the graded attempt to the bridge (again, if it refused it), then show the result."""
    here, attempt = desk(), _attempt(attempt_id)
    if attempt.finished_at is None:
        abort(409)
    here.store.queue_delivery(attempt.id, graded_body(attempt, here.lms.course.quiz.resource_link_id))
    here.courier.wake()
    return redirect(f"/attempts/{attempt.id}/result", 303)


@blueprint.get("/attempts/<attempt_id>/result")
def result(attempt_id: str) -> str:
    """The score, and in words what the bridge answered."""
    attempt = _attempt(attempt_id)
    if attempt.finished_at is None:
        abort(404)
    delivery = desk().store.delivery(attempt.id)
    return render_template("result.html", user=_user(), attempt=attempt, delivery=_delivery_view(delivery))


@blueprint.get("/attempts/<attempt_id>/delivery")
def delivery_state(attempt_id: str) -> Response:
    """The state of the webhook, for the result page's script."""
    return jsonify(_delivery_view(desk().store.delivery(_attempt(attempt_id).id)))


def _delivery_view(delivery: Delivery | None) -> dict[str, str]:
    if delivery is None:
        return {"state": "none", "words": "成绩还没有发送给安学桥。"}
    return {"state": delivery.state, "words": delivery.words or "正在发送给安学桥…"}
