"""A client of agent protocol v1 without a browser: it beats, answers checks with pictures, and leaves."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import requests

from plugins.simulators.demonstration.cameras import Puppet
from plugins.simulators.question_reader import read_and_answer

Json = dict[str, Any]
Picture = Callable[[], bytes]

_TAKEN_ALREADY = ("frame_repeated", "frame_waiting", "check_closed", "nonce_mismatch")
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 20
_PATIENCE_SECONDS = 90.0
_RETRY_SECONDS = 0.25
_WAIT_MS = 10_000
"""So far the demonstration's clock goes on without a beat."""


class AgentRefused(Exception):
    """The bridge answered 4xx; `reason` is its code."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body.get('reason')}: {body.get('message')}")
        self.status = status
        self.reason = str(body.get("reason", ""))
        self.body = body


class AgentClient:
    """One study session.

    Args:
        bridge_url: without a slash at the end.
        token: minted by the LMS.
        picture: what the camera shows when a check asks for it; raise `Silence` to leave a check unanswered. A
            movement is shown by a puppet: one photograph bent to order.
        patient: try again while the bridge is away (it may have been killed).
    """

    def __init__(self, bridge_url: str, token: str, picture: Picture, *, patient: bool = False) -> None:
        self._url = bridge_url
        self._http = requests.Session()
        self._patient = patient
        self.picture = picture
        self._puppet = Puppet(seed=secrets.randbits(32))  # no two clients send the same pictures
        opened = self._call(
            "POST", "/agent/v1/sessions", json={"v": 1, "token": token, "client_ms": _now_ms()}
        )
        self.opened = opened
        self.session: str = opened["session"]
        self.nominal_ms: int = opened["nominal_ms"]
        self.factor: int = opened["study_factor"]
        self._heard: tuple[int, float] | None = None
        self.today: Json = {"credited_seconds": 0, "provisional_seconds": 0, "refused_seconds": 0}
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.sentences: list[str] = []
        self.closed = False
        self.position_ms = 0
        self.waiting: Json | None = None
        self._secret: str = opened["secret"]
        self._nonce: str = opened["nonce"]
        self._seq: int = opened["next_seq"]
        self._interval_ms: int = opened["beat_interval_ms"]
        self._take(opened["commands"])

    @property
    def acknowledged(self) -> int:
        """How many batches the bridge has answered: each of them must be kept, once."""
        return self._seq - 1

    def beat(self, media_ms: int, *, ending: bool = False) -> None:
        """Report one moment at `media_ms`; obey what comes back, but leave an opened check in `waiting`."""
        now = _now_ms()
        self.position_ms = media_ms
        event = {"client_ms": now, "media_ms": media_ms, "visible": True, "interaction_ms": now, "rate": 1}
        batch = {
            "v": 1,
            "session": self.session,
            "seq": self._seq,
            "nonce": self._nonce,
            "events": [event],
            "ending": ending,
        }
        sent = time.monotonic()
        answer = self._call("POST", "/agent/v1/batches", json=batch)
        self._heard = answer["study_ms"], sent
        self._seq, self._nonce, self.factor = answer["next_seq"], answer["nonce"], answer["study_factor"]
        self.today = answer["today"]
        self._take(answer["commands"])

    def answer_check(self, pictures: Iterable[bytes] | None = None) -> str:
        """Answer the waiting check with `pictures` in turn (or the camera's); return its final state.

        What the bridge said of each picture is added to `sentences`.
        """
        check = self.waiting
        if check is None:
            raise RuntimeError("no check is waiting")
        shown = iter(pictures) if pictures is not None else self._camera()
        path = f"/agent/v1/checks/{check['check']}"
        state = self._call("GET", path)
        while not state["final"]:
            if state["step"] is not None:
                step = state["step"]
                for picture in self._puppet.burst(step["move"], step["frames"])[step["taken"] :]:
                    self._show(path, state["nonce"], picture)
                state = self._judged(path)
            elif state["state"] != "judging":
                self._show(path, state["nonce"], next(shown))
                state = self._judged(path)
                self.sentences.append(state["message"])
            else:
                state = self._judged(path)
        self.waiting = None
        self.factor = state["study_factor"]
        outcome: str = state["state"]
        (self.passed if outcome == "passed" else self.failed).append(check["kind"])
        return outcome

    def _answer_prompt(self, prompt: str) -> None:
        """Read the question and answer it; the beats go on afterwards."""
        path = f"/agent/v1/prompts/{prompt}"
        shown = self._call("GET", path)
        while not shown["final"]:
            answer = {"v": 1, "nonce": shown["nonce"], "answer": read_and_answer(shown["question"])}
            shown = self._call("POST", path, json=answer)
        self.factor = shown["study_factor"]

    def study(self, spans: Iterable[tuple[int, int]], enough: Callable[[Json], bool]) -> bool:
        """Play the media spans [from, to) as the study clock goes on, answering each check.

        Returns whether `enough(today)` became true before the media was over.
        """
        for start, end in spans:
            # Both ends of a jump are told, so that what lies between is never taken for study.
            self.beat(start)
            at, last = start, self._study_ms()
            while at < end:
                time.sleep(self._interval_ms / 1000 / max(1, self.factor) if self.waiting is None else 0)
                now = self._study_ms()
                at, last = min(end, at + max(0, now - last)), max(last, now)
                self.beat(at)
                if self.waiting is not None:
                    self.answer_check()
                    self.beat(at)  # the verdict's news: the study clock runs on
                    last = self._study_ms()
                if enough(self.today):
                    return True
        return False

    def study_until_check(self) -> None:
        """Play from where the media stands until a check is asked for; it is left in `waiting`."""
        last = self._study_ms()
        while self.waiting is None:
            time.sleep(self._interval_ms / 1000 / max(1, self.factor))
            now = self._study_ms()
            self.beat(min(self.nominal_ms, self.position_ms + max(0, now - last)))
            last = max(last, now)

    def leave(self, media_ms: int) -> None:
        """End properly: an exit check may come first."""
        for _ in range(4):
            if self.closed:
                return
            self.beat(media_ms, ending=True)
            if self.waiting is not None:
                self.answer_check()

    def unseen(self) -> list[tuple[int, int]]:
        """Return the media that still needs watching, as spans of media ms."""
        spans, at = [], 0
        for start, end in sorted(self.opened["credited_media"]):
            if start > at:
                spans.append((at, start))
            at = max(at, end)
        return [*spans, (at, self.nominal_ms)] if at < self.nominal_ms else spans

    def _study_ms(self) -> int:
        """Return the study clock as far as is known here: what the bridge said last, and what has passed since.

        Where it was taken to be further than it is, media waits for it.
        """
        if self._heard is None:
            raise RuntimeError("no beat was answered yet")
        heard_ms, sent = self._heard
        passed = int((time.monotonic() - sent) * 1000 * self.factor)
        return heard_ms + (min(passed, _WAIT_MS) if self.factor > 1 else passed)

    def _camera(self) -> Iterator[bytes]:
        while True:
            yield self.picture()

    def _show(self, path: str, nonce: str, picture: bytes) -> None:
        headers = {"Content-Type": "image/jpeg", "X-Anxue-Nonce": nonce}
        try:
            self._call("POST", f"{path}/frames", data=picture, headers=headers)
        except AgentRefused as refused:
            # Sent before the answer was lost with a killed process: it is being judged.
            if not self._patient or refused.reason not in _TAKEN_ALREADY:
                raise

    def _judged(self, path: str) -> Json:
        while True:
            state = self._call("GET", path)
            if state["state"] != "judging":
                return state
            time.sleep(_POLL_SECONDS)

    def _take(self, commands: list[Json]) -> None:
        for command in commands:
            if command["type"] == "check":
                self.waiting = command
            elif command["type"] == "prompt":
                self._answer_prompt(command["prompt"])
            elif command["type"] == "close":
                self.closed = True

    def _call(self, method: str, path: str, **what: Any) -> Json:
        headers = {**what.pop("headers", {})}
        if path != "/agent/v1/sessions":
            headers["Authorization"] = f"Bearer {self._secret}"
        deadline = time.monotonic() + (_PATIENCE_SECONDS if self._patient else 0)
        while True:
            try:
                answer = self._http.request(
                    method, self._url + path, headers=headers, timeout=_TIMEOUT_SECONDS, **what
                )
                if answer.status_code < 500 or time.monotonic() > deadline:
                    break
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_SECONDS)
        body: Json = answer.json()
        if answer.status_code >= 400:
            raise AgentRefused(answer.status_code, body)
        return body


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
