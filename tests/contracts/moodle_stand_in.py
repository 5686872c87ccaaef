"""A stand-in for the web services of local_anxue, in the shape of Moodle's answers; not a Moodle, and it says so."""

import json
from typing import Any

from werkzeug.wrappers import Request, Response

TOKEN = "0123456789abcdef0123456789abcdef"  # made up
PATH = "/site/webservice/rest/server.php"


class MoodleStandIn:
    """Answers grants and learners' states as the plugin does: 200 with `exception` for a refusal."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[str, str, int]] = {}
        self.revoked: dict[str, str] = {}
        self.scores: list[dict[str, Any]] = []
        """In the order of their attempts' ids, each as (id, data)."""
        self.states: dict[tuple[str, str], tuple[bool, int]] = {}
        self.status = 200
        self.body: bytes | None = None
        self.seen: list[Request] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        form = request.form.to_dict()
        self.seen.append(request)
        answer: Any = {"exception": "moodle_exception", "errorcode": "invalidrecord", "message": "no"}
        if self.status == 200 and request.path == PATH and request.method == "POST" and not request.args:
            answer = self._answer(form)
        body = self.body if self.body is not None else json.dumps(answer).encode()
        response = Response(body, status=self.status, content_type="application/json")
        return response(environ, start_response)

    def _answer(self, form: dict[str, str]) -> dict[str, Any]:
        if form.get("wstoken") != TOKEN or form.get("moodlewsrestformat") != "json":
            return {
                "exception": "webservice_access_exception",
                "errorcode": "accessexception",
                "message": "no",
            }
        if form["wsfunction"] == "local_anxue_attempts":
            return self._listed(form)
        if form["wsfunction"] == "local_anxue_set_learner_state":
            return self._state(form)
        grant_id = form["grant_id"]
        if form["wsfunction"] == "local_anxue_grant_exam":
            if not form["sub"].isdigit() or grant_id in self.revoked:
                return {"exception": "moodle_exception", "errorcode": "notlearner", "message": "no"}
            status = "known" if grant_id in self.open else "granted"
            self.open[grant_id] = (form["sub"], f"cm-{form['cmid']}", int(form["expires_at"]))
            return {"grant_id": grant_id, "status": status, "expires_at": int(form["expires_at"])}
        known = self.open.pop(grant_id, None)
        status = "revoked" if known else "already" if grant_id in self.revoked else "unknown"
        self.revoked.setdefault(grant_id, form["reason"])
        return {"grant_id": grant_id, "status": status}

    def _listed(self, form: dict[str, str]) -> dict[str, Any]:
        after, most = int(form["after"]), int(form["limit"])
        behind = [one for one in self.scores if int(one["data"]["attempt"]) > after]
        page = behind[:most]
        following = int(page[-1]["data"]["attempt"]) if len(behind) > most else 0
        return {"status": "told", "scores": page, "next": following}

    def _state(self, form: dict[str, str]) -> dict[str, Any]:
        if not (form["sub"].isdigit() and form["context_id"].isdigit()) or form["real_name"] not in (
            "0",
            "1",
        ):
            return {"exception": "moodle_exception", "errorcode": "notlearner", "message": "no"}
        self.states[form["sub"], form["context_id"]] = (form["real_name"] == "1", int(form["class_hours"]))
        return {"status": "kept"}
