"""The learner's page beside a test at the platform: who is there first, then the test, with the agent all the while."""

from typing import Any

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import NotPermitted
from bridge.presence.gate.model import AttemptState, EndedBy, GrantState
from bridge.web.pages.lms_visits import unsealed
from bridge.web.pages.test_gate_view import gather
from bridge.web.pages.visitors import LearnerVisit, learner_visit
from bridge.web.platform_post import platform_post
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.test_gates import GateView, finish, gate_token, look, permit

_BY_ACCOUNT = "account:{}"


def test_gate_pages(house: House) -> Blueprint:
    """Return the blueprint of `/test-gate…`."""
    pages = Blueprint("test_gate", __name__, url_prefix="/test-gate")

    @pages.get("/<attempt_id>")
    @require_role("learner")
    def show(attempt_id: str) -> AnyResponse:
        visit = learner_visit()
        page = gather(house, visit, attempt_id)
        # The steps before the test are taken on the learner's own pages, which then lead back here.
        session["test_gate"] = None if page.ended else page.view.attempt.id
        session["class_run"] = page.view.attempt.class_run
        return make_response(
            render_template("learner/test_gate.html", page=page, visit=visit, said=_said(house, visit))
        )

    @pages.get("/<attempt_id>/state")
    @require_role("learner")
    def state(attempt_id: str) -> Response:
        visit = learner_visit()
        return jsonify(_state(look(house, visit.institution, visit.account_id, attempt_id)))

    @pages.post("/<attempt_id>/token")
    @require_role("learner")
    @rate_limited("30 per minute", key=lambda: _BY_ACCOUNT.format(session["account_id"]))
    def token(attempt_id: str) -> Response:
        visit = learner_visit()
        view = look(house, visit.institution, visit.account_id, attempt_id)
        if view.attempt.state is AttemptState.ENDED:
            raise NotPermitted("attempt_over", "这一次考试的监考已经结束。", http_status=409)
        return jsonify({"token": gate_token(house, visit.institution, view.attempt)})

    @pages.post("/<attempt_id>/start")
    @require_role("learner")
    @rate_limited("30 per minute", key=lambda: _BY_ACCOUNT.format(session["account_id"]))
    def start(attempt_id: str) -> AnyResponse:
        """Open the test: the answer carries our permission to a platform that waits for it."""
        visit = learner_visit()
        view, post = permit(house, visit.institution, visit.account_id, attempt_id)
        return jsonify(_state(view)) if post is None else platform_post(post)

    @pages.post("/<attempt_id>/finish")
    @require_role("learner")
    def end(attempt_id: str) -> AnyResponse:
        visit = learner_visit()
        finish(house, visit.institution, visit.account_id, attempt_id, EndedBy.LEARNER)
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(_state(look(house, visit.institution, visit.account_id, attempt_id)))
        return redirect(url_for("test_gate.show", attempt_id=attempt_id), code=303)

    @pages.app_template_global()
    def waiting_test() -> str | None:
        """Return the gate that this learner came for and has not ended, for the pages of the steps before it."""
        attempt_id = session.get("test_gate")
        return url_for("test_gate.show", attempt_id=attempt_id) if attempt_id else None

    return pages


def _state(view: GateView) -> dict[str, Any]:
    """Return what the page's script looks at: states and no person."""
    attempt, check, grant = view.attempt, view.check, view.grant
    opened = attempt.state is AttemptState.RUNNING and (grant is None or grant.state is GrantState.GRANTED)
    return {
        "state": attempt.state.value,
        "ended_by": attempt.ended_by.value if attempt.ended_by else None,
        "session_open": check.opened,
        "check_passed": check.passed,
        "check_failed": check.failed,
        "paused": attempt.paused,
        "grant": None if grant is None else grant.state.value,
        "test_url": view.test_url if opened else None,
    }


def _said(house: House, visit: LearnerVisit) -> str:
    """Return what the platform said at the end, once."""
    kept = session.pop("end_said", None)
    return "" if kept is None else str(unsealed(house, visit.account_id, kept)["said"])
