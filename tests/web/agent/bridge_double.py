"""A double of the bridge for tests of the agent: speaks agent protocol v1 strictly, judges no face.

It refuses what the bridge refuses (a wrong nonce, a gap in seq, other bytes under the same seq) and does what
a test tells it: open a check with given verdicts, drop an answer, fail, close.
"""

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, make_response, request, send_from_directory
from werkzeug.serving import BaseWSGIServer, make_server

AGENT = Path(__file__).parents[3] / "bridge" / "web" / "static" / "agent"


class Served:
    """A WSGI application on a free loopback port, in a thread."""

    def __init__(self, app: Flask) -> None:
        self.server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join(5)
        self.server.server_close()


@dataclass
class Check:
    """A check and the states that its frames will get, in order; after the last the check is final."""

    id: str
    kind: str
    verdicts: list[dict[str, Any]]
    seconds: int
    message: str
    frames: list[bytes] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=lambda: {"state": "open", "final": False})
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    polls: int = 0
    delay_polls: int = 2

    def command(self) -> dict[str, Any]:
        return {
            "type": "check",
            "check": self.id,
            "kind": self.kind,
            "answer_within_seconds": self.seconds,
            "attempts_left": len(self.verdicts),
            "message": self.message,
        }


@dataclass
class Prompt:
    """A question and those that follow a wrong answer; after the last the prompt is wrong."""

    id: str
    questions: list[tuple[str, list[str], list[str]]]
    seconds: int
    state: str = "open"
    given: list[list[str]] = field(default_factory=list)
    nonce: str = ""

    def command(self) -> dict[str, Any]:
        return {
            "type": "prompt",
            "prompt": self.id,
            "answer_within_seconds": self.seconds,
            "attempts_left": len(self.questions),
            "message": "请回答下面的问题,学习即可继续。",
        }

    def told(self, message: str) -> dict[str, Any]:
        asked = None
        if self.state == "open":
            text, labels, answer = self.questions[0]
            choices = [{"id": f"id-{label}", "label": label} for label in labels]
            asked = {"kind": "number", "text": text, "choices": choices, "pick": len(answer)}
        return {
            "prompt": self.id,
            "state": self.state,
            "final": self.state != "open",
            "attempts_left": len(self.questions),
            "answer_within_seconds": self.seconds,
            "question": asked,
            "nonce": self.nonce,
            "message": message,
        }


@dataclass
class Batch:
    raw: bytes
    body: dict[str, Any]
    repeated: bool


class BridgeDouble:
    """One session at a time; everything that came in is kept for the test to look at."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.factor = 100
        self.answer_seconds = 0.0
        self.clock_stands = False
        self.study_ms, self._ran = 1_795_482_000_000, time.monotonic()
        self.beat_interval_ms = 10_000
        self.nominal_ms = 60_000
        self.resume_media_ms = 0
        self.credited_media: list[list[int]] = []
        self.refuse_session: tuple[int, dict[str, Any]] | None = None
        self.tokens: list[str] = []
        self.resumed = 0
        self.after_open: Callable[[], None] | None = None
        self.batches: list[Batch] = []
        self.complaints: list[str] = []
        self.check: Check | None = None
        self.checks: list[Check] = []
        self.exit_check: Check | None = None
        self.commands: list[dict[str, Any]] = []
        self.prompt: Prompt | None = None
        self.prompts: list[Prompt] = []
        self.beacons: list[str] = []
        self.today = {"credited_seconds": 754, "provisional_seconds": 95, "refused_seconds": 12}
        self.answers: list[Callable[[], Response | None]] = []
        self.reference: list[dict[str, str]] = []
        self.reference_replies: list[dict[str, Any]] = []
        self.webhooks: list[tuple[dict[str, str], bytes]] = []
        self.webhook_replies: list[tuple[int, dict[str, Any]]] = []
        self.page = "<!doctype html><title>bridge</title>"
        self._reset("")
        self.served = Served(self._app())
        self.url = self.served.url

    def _reset(self, session: str) -> None:
        self.session, self.secret, self.nonce = session, secrets.token_hex(8), secrets.token_hex(8)
        self.seq = 1
        self.last_raw: bytes | None = None
        self.last_answer: dict[str, Any] = {}
        self.closed = False

    # -- what a test says -------------------------------------------------------------------------

    def open_check(
        self, *verdicts: dict[str, Any], kind: str = "random", seconds: int = 60, message: str = "请看摄像头"
    ) -> Check:
        check = Check(secrets.token_hex(6), kind, list(verdicts), seconds, message)
        with self.lock:
            self.check = check
            self.checks.append(check)
        return check

    def put_prompt(self, *questions: tuple[str, list[str], list[str]], seconds: int = 60) -> Prompt:
        """Ask: each question is its text, its labels and those to be tapped, in order."""
        prompt = Prompt(secrets.token_hex(6), list(questions), seconds)
        with self.lock:
            self.prompt = prompt
            self.prompts.append(prompt)
        return prompt

    def drop_next_answer(self) -> None:
        """The next batch is taken, but its answer never arrives."""
        self.answers.append(_hang_up)

    def fail_next(self, status: int) -> None:
        """The next batch is not taken."""
        self.answers.append(lambda: make_response(jsonify(reason="busy", message="忙"), status))

    def events(self) -> list[dict[str, Any]]:
        with self.lock:
            return [event for batch in self.batches if not batch.repeated for event in batch.body["events"]]

    # -- the doors --------------------------------------------------------------------------------

    def _app(self) -> Flask:
        app = Flask("bridge_double")
        app.add_url_rule("/agent/v1/sessions", view_func=self._open, methods=["POST"])
        app.add_url_rule("/agent/v1/batches", view_func=self._batch, methods=["POST"])
        app.add_url_rule("/agent/v1/batches/last", view_func=self._last_words, methods=["POST"])
        app.add_url_rule("/agent/v1/prompts/<prompt>", view_func=self._prompt, methods=["GET", "POST"])
        app.add_url_rule("/agent/v1/checks/<check>", view_func=self._check_state)
        app.add_url_rule("/agent/v1/checks/<check>/frames", view_func=self._frame, methods=["POST"])
        app.add_url_rule("/reference", view_func=self._reference, methods=["POST"])
        app.add_url_rule("/webhooks/v1/<registration>", view_func=self._webhook, methods=["POST"])
        app.add_url_rule("/page", view_func=self._page)
        app.add_url_rule(
            "/static/agent/<name>", "agent", lambda name: send_from_directory(AGENT, name, max_age=0)
        )

        @app.after_request
        def cross_origin(response: Response) -> Response:
            origin = request.headers.get("Origin")
            if origin and request.path.startswith("/agent/"):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Allow-Headers"] = (
                    "Authorization, Content-Type, X-Anxue-Nonce"
                )
                response.headers["Access-Control-Max-Age"] = "600"
                response.headers["Vary"] = "Origin"
            if request.path == "/page":
                response.headers["Content-Security-Policy"] = (
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
                )
                response.set_cookie("bridge_session", "cookie-of-the-page", samesite="Lax")
            return response

        return app

    def _page(self) -> str:
        return self.page

    def _open(self) -> Response:
        body = request.get_json()
        with self.lock:
            if self.refuse_session is not None:
                return make_response(jsonify(self.refuse_session[1]), self.refuse_session[0])
            self.tokens.append(body["token"])
            if body.get("resume") == {"session": self.session, "secret": self.secret} and not self.closed:
                self.resumed += 1
            else:
                self._reset(secrets.token_hex(6))
            opened = {
                "v": 1,
                "session": self.session,
                "secret": self.secret,
                "nonce": self.nonce,
                "next_seq": self.seq,
                "beat_interval_ms": self.beat_interval_ms,
                "study_factor": self._factor(),
                "resume_media_ms": self.resume_media_ms,
                "nominal_ms": self.nominal_ms,
                "credited_media": self.credited_media,
                "commands": self._commands(),
                "a_field_of_tomorrow": True,
            }
            after, self.after_open = self.after_open, None
            if after is not None:
                after()
            return make_response(jsonify(opened), 201)

    def _batch(self) -> Response:
        raw, body = request.get_data(), request.get_json()
        with self.lock:
            failing = self.answers.pop(0) if self.answers else None
            if failing is not None and failing is not _hang_up:
                refused = failing()
                assert refused is not None
                self.batches.append(Batch(raw, body, True))
                return refused
            answer, status = self._take(raw, body)
        if failing is _hang_up:
            _hang_up()
        time.sleep(self.answer_seconds)
        return make_response(jsonify(answer), status)

    def _last_words(self) -> Response:
        assert request.mimetype == "text/plain"
        secret, _, raw = request.get_data().partition(b"\n")
        with self.lock:
            self.beacons.append(raw.decode())
            answer, status = self._take(raw, json.loads(raw), secret.decode())
        return make_response(jsonify(answer), status)

    def _prompt(self, prompt: str) -> Response:
        with self.lock:
            asked = next(one for one in self.prompts if one.id == prompt)
            if request.headers.get("Authorization") != f"Bearer {self.secret}":
                return make_response(jsonify(self._complain("secret", 401)[0]), 401)
            message = "请回答下面的问题,学习即可继续。"
            if request.method == "POST":
                given = request.get_json()
                if given["nonce"] != asked.nonce or asked.state != "open":
                    return make_response(jsonify(self._complain("prompt", 409)[0]), 409)
                asked.given.append(given["answer"])
                if given["answer"] == [f"id-{label}" for label in asked.questions[0][2]]:
                    asked.state, message = "answered", "回答正确,请继续学习。"
                else:
                    asked.questions.pop(0)
                    message = "回答不对,请再看一遍题目,重新回答。"
                    if not asked.questions:
                        asked.state, message = "wrong", "多次回答不对。"
                if asked.state != "open" and self.prompt is asked:
                    self.prompt = None
            asked.nonce = secrets.token_hex(8)
            return jsonify(asked.told(message))

    def _take(self, raw: bytes, body: dict[str, Any], secret: str = "") -> tuple[dict[str, Any], int]:
        secret = secret or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if secret != self.secret or body["session"] != self.session:
            return self._complain("secret", 401)
        if raw == self.last_raw:
            self.batches.append(Batch(raw, body, True))
            return self.last_answer, 200
        if self.closed:
            return {"reason": "session_closed", "message": "本次学习已结束。"}, 410
        if body["seq"] < self.seq - 1 and any(raw == one.raw for one in self.batches):
            # Last words that were overtaken by the answer to the same batch: nobody listens to this any more.
            return {"reason": "seq_out_of_order", "message": "", "expected_seq": self.seq}, 409
        if body["seq"] == self.seq - 1:
            return self._complain("seq_conflict", 409)
        if body["seq"] != self.seq:
            return {**self._complain("seq_out_of_order", 409)[0], "expected_seq": self.seq}, 409
        if body["nonce"] != self.nonce:
            return self._complain("nonce_mismatch", 403)
        if not 1 <= len(body["events"]) <= 200:
            return self._complain("events", 422)
        self.batches.append(Batch(raw, body, False))
        self.seq += 1
        self.nonce = secrets.token_hex(8)
        if body.get("ending"):
            if self.exit_check is not None:
                self.check, self.exit_check = self.exit_check, None
                self.checks.append(self.check)
            elif self.check is None:
                self.closed = True
        commands = self._commands()
        if self.closed:
            commands.append({"type": "close", "reason": "left", "message": "会话已结束。"})
        self.last_raw = raw
        self.last_answer = {
            "v": 1,
            "nonce": self.nonce,
            "next_seq": self.seq,
            "commands": commands,
            "study_factor": self._factor(),
            "study_ms": self._study_ms(),
            "today": self.today,
        }
        return self.last_answer, 200

    def _complain(self, reason: str, status: int) -> tuple[dict[str, Any], int]:
        self.complaints.append(reason)
        return {"reason": reason, "message": "请刷新页面。"}, status

    def _factor(self) -> int:
        return 1 if self.check is not None or self.prompt is not None else self.factor

    def _study_ms(self) -> int:
        """Return the study clock, which a test may have stopped."""
        now = time.monotonic()
        self.study_ms += 0 if self.clock_stands else int((now - self._ran) * 1000 * self._factor())
        self._ran = now
        return self.study_ms

    def _commands(self) -> list[dict[str, Any]]:
        asked = [one.command() for one in (self.check or self.prompt,) if one is not None]
        return asked + self.commands

    def _check_state(self, check: str) -> Response:
        with self.lock:
            asked = next(one for one in self.checks if one.id == check)
            if request.headers.get("Authorization") != f"Bearer {self.secret}":
                return make_response(jsonify(self._complain("secret", 401)[0]), 401)
            if asked.state["state"] == "judging":
                asked.polls += 1
                if asked.polls >= asked.delay_polls:
                    asked.polls = 0
                    asked.state = asked.verdicts.pop(0)
                    asked.nonce = secrets.token_hex(8)
                    if asked.state["final"] and self.check is asked:
                        self.check = None
            return jsonify(
                {"check": check, "attempts_left": len(asked.verdicts), "nonce": asked.nonce, **asked.state}
            )

    def expire_prompt(self, prompt: Prompt) -> None:
        """The answer window of `prompt` is over."""
        with self.lock:
            prompt.state = "missed"
            if self.prompt is prompt:
                self.prompt = None

    def expire(self, check: Check, message: str) -> None:
        """The answer window of `check` is over."""
        with self.lock:
            check.state = {"state": "missed", "final": True, "message": message}
            if self.check is check:
                self.check = None

    def _frame(self, check: str) -> Response:
        with self.lock:
            asked = next(one for one in self.checks if one.id == check)
            if request.headers.get("X-Anxue-Nonce") != asked.nonce:
                return make_response(jsonify(self._complain("frame_nonce", 403)[0]), 403)
            if request.mimetype != "image/jpeg":
                return make_response(jsonify(self._complain("frame_type", 415)[0]), 415)
            asked.frames.append(request.get_data())
            step = asked.state.get("step")
            if step is not None and step["taken"] + 1 < step["frames"]:
                asked.state = {**asked.state, "step": {**step, "taken": step["taken"] + 1}}
            else:
                asked.state = {"state": "judging", "final": False}
            return make_response(jsonify(check=check, state="judging", frame=len(asked.frames)), 202)

    def _reference(self) -> Response:
        with self.lock:
            self.reference.append(
                {
                    "csrf": request.headers.get("X-CSRFToken", ""),
                    "cookie": request.cookies.get("bridge_session", ""),
                    "start": request.get_data()[:3].hex(),
                    "type": request.mimetype,
                }
            )
            return jsonify(self.reference_replies.pop(0))

    def _webhook(self, registration: str) -> Response:
        with self.lock:
            self.webhooks.append(
                ({"registration": registration, **dict(request.headers)}, request.get_data())
            )
            status, body = (
                self.webhook_replies.pop(0) if self.webhook_replies else (202, {"message": "msg_1"})
            )
            return make_response(jsonify(body), status)


def _hang_up() -> None:
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
