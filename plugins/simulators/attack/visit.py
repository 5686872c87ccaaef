"""One person's session at the agent's door, over HTTP: what a page sends, and what a cheat sends in its place."""

from collections.abc import Callable, Iterable
from typing import Any

import requests

from bridge.kernel.ids import LearnerRef
from plugins.simulators.attack.stage import UNIT, MadeUpPerson, Stage
from plugins.simulators.question_reader import read_and_answer

Json = dict[str, Any]

BEAT_SECONDS = 10
_TIMEOUT_SECONDS = 30
_PICTURES_OF_A_CHECK = 3
_TAKEN = 202
_LIKE_MISSED = frozenset({"missed", "no_face", "several_faces", "too_poor", "unsure"})
"""Outcomes that say nothing of who sat there: time is withdrawn from the moment at which the check was due."""


class Visit:
    """A session that was opened with a right token.

    Attributes:
        witnessed: (from, to) epoch ms with a check at both ends that the right person passed, live; where one was
            missed between them, up to the moment at which it was asked for.
        claimed_ms: the most media time that the client has claimed to have watched.
        refusals: reason → how often a request was refused with it.
        bursts: movement → the pictures with which the learner last showed it in person.
        resume_media_ms: where the bridge has the page begin.
    """

    def __init__(
        self, stage: Stage, person: MadeUpPerson, learner: LearnerRef, resource_link_id: str = UNIT
    ) -> None:
        self.stage, self.person, self.learner = stage, person, learner
        self.http = requests.Session()
        self.witnessed: list[tuple[int, int]] = []
        self.refusals: dict[str, int] = {}
        self.last_picture = b""
        self.bursts: dict[str, list[bytes]] = {}
        self.claimed_ms = 0
        self.media_ms = 0
        self._last_pass: int | None = None
        self._until_missed: list[tuple[int, int]] = []
        self._asked_at = 0
        self.open(resource_link_id)

    def open(self, resource_link_id: str = UNIT) -> None:
        """Open a session, the visit's first or its next."""
        token = self.stage.token(self.person, resource_link_id)
        answer = self.call("POST", "/agent/v1/sessions", json={"v": 1, "token": token}, authorised=False)
        if answer.status_code != 201:
            raise RuntimeError(f"the stage's own learner may not study: {answer.text}")
        opened = answer.json()
        self.session: str = opened["session"]
        self.secret: str = opened["secret"]
        self.nonce: str = opened["nonce"]
        self.seq: int = opened["next_seq"]
        self.closed = False
        self.check: Json | None = None
        self.prompt: Json | None = None
        self._rewind: Json | None = None
        self._rewound: set[str] = set()
        self.resume_media_ms: int = opened["resume_media_ms"]
        self._forget()
        self._obey(opened["commands"])

    def event(self, **claims: Any) -> Json:
        """Return one event of now, as an honest page reports it, with `claims` in place of its own."""
        now = self.stage.clock.ms()
        return {
            "client_ms": now,
            "media_ms": self.media_ms,
            "visible": True,
            "interaction_ms": now,
            "rate": 1,
            **claims,
        }

    def batch(self, events: list[Json], **claims: Any) -> Json:
        """Return the batch whose turn it is."""
        return {
            "v": 1,
            "session": self.session,
            "seq": self.seq,
            "nonce": self.nonce,
            "events": events,
            **claims,
        }

    def post(self, batch: Json) -> requests.Response:
        """Send a batch and obey the answer; a refusal is counted, and ends the session if it is closed."""
        answer = self.call("POST", "/agent/v1/batches", json=batch)
        if answer.status_code == 200:
            told = answer.json()
            self.nonce, self.seq = told["nonce"], told["next_seq"]
            for event in batch["events"]:
                self.claimed_ms = max(self.claimed_ms, event["media_ms"])
            self._obey(told["commands"])
        elif answer.status_code == 410:
            self.closed = True
        return answer

    def beat(self, *events: Json, **claims: Any) -> None:
        """Report as an honest page does."""
        self.post(self.batch(list(events) or [self.event()], **claims))

    def show(self, picture: bytes) -> requests.Response:
        """Send a picture to the check that waits; the verdict is in when this returns."""
        check = self.check
        if check is None:
            raise RuntimeError("no check is waiting")
        answer = self.call(
            "POST",
            f"/agent/v1/checks/{check['check']}/frames",
            data=picture,
            headers={"Content-Type": "image/jpeg", "X-Anxue-Nonce": check["nonce"]},
        )
        self.stage.run_jobs()
        return answer

    def look(self) -> Json:
        """Return the state of the check that waits; it waits no longer once that is final."""
        check = self.check
        if check is None:
            raise RuntimeError("no check is waiting")
        answer = self.call("GET", f"/agent/v1/checks/{check['check']}")
        gone = {"final": True, "state": "gone", "step": None}
        state: Json = answer.json() if answer.status_code == 200 else gone
        if not state["final"]:
            self.check = {**check, "nonce": state["nonce"]}
        else:
            self.check = None
            if state["state"] in _LIKE_MISSED:
                self._miss()
            elif state["state"] != "passed":
                self._forget()
        return state

    def be_there(self) -> bool:
        """Answer the check in person, live; return whether it was passed, and keep what that witnesses.

        The person is a puppet, as in the demonstration: it looks straight and does the movement that is asked for.
        """
        state = self.look() if self.check is not None else {"step": None}
        while self.check is not None:
            if state["step"] is None:
                self.last_picture = self.stage.camera.learner()
                self.show(self.last_picture)
            else:
                move, frames = state["step"]["move"], state["step"]["frames"]
                self.bursts[move] = self.stage.puppet.burst(move, frames)
                for picture in self.bursts[move]:
                    self.show(picture)
            state = self.look()
            if state["final"] and state["state"] == "passed":
                now = self.stage.clock.ms()
                self.witnessed.extend(self._until_missed)
                if self._last_pass is not None:
                    self.witnessed.append((self._last_pass, now))
                self._until_missed, self._last_pass = [], now
                return True
        return False

    def fool(self, straight: Callable[[], bytes], moving: Callable[[str, int], Iterable[bytes]]) -> str:
        """Answer the check with pictures of somebody or something else until it ends; return how it ended.

        Args:
            straight: what is shown where the learner is to look straight, three times at most.
            moving: the movement that is asked for and the number of pictures → what is shown for it.
        """
        state = self.look() if self.check is not None else {"step": None}
        straight_left = _PICTURES_OF_A_CHECK
        while self.check is not None:
            if state["step"] is not None:
                shown = moving(state["step"]["move"], state["step"]["frames"])
                if _TAKEN not in [self.show(picture).status_code for picture in shown]:
                    break  # every picture is known here already
            elif straight_left:
                straight_left -= 1
                self.show(straight())
            else:
                break
            state = self.look()
            if state["final"]:
                if state["state"] == "passed":
                    self._forget()  # the machine was content, yet nobody was there: nothing is witnessed by it
                return str(state["state"])
        return "open"

    def study(self, seconds: int) -> None:
        """Study in person: beats, and each check answered at once."""
        for _ in range(seconds // BEAT_SECONDS):
            self.stage.clock.advance(BEAT_SECONDS)
            self.media_ms += BEAT_SECONDS * 1000
            self.beat()
            self.attend()

    def take_rewind(self) -> Json | None:
        """Return the order to go back that came last, once; None if there is none."""
        rewind, self._rewind = self._rewind, None
        return rewind

    def attend(self) -> None:
        """Do what the page asks for: answer the check in person, or the question."""
        if self.check is not None:
            self.be_there()
        if self.prompt is not None:
            self.answer_prompt()

    def show_prompt(self) -> Json:
        """Fetch the question of the prompt that waits."""
        if self.prompt is None:
            raise RuntimeError("no prompt is waiting")
        shown: Json = self.call("GET", f"/agent/v1/prompts/{self.prompt['prompt']}").json()
        return shown

    def answer_prompt(self) -> bool:
        """Read the question and answer it, which a person and a script do alike; return whether that was right."""
        shown = self.show_prompt()
        if not shown.get("final", True):
            answer = read_and_answer(shown["question"])
            shown = self.send_answer(shown["nonce"], answer).json()
        self.prompt = None
        return shown.get("state") == "answered"

    def send_answer(self, nonce: str, answer: list[str]) -> requests.Response:
        """Send an answer, whatever it is, to the prompt that waits."""
        if self.prompt is None:
            raise RuntimeError("no prompt is waiting")
        path = f"/agent/v1/prompts/{self.prompt['prompt']}"
        return self.call("POST", path, json={"v": 1, "nonce": nonce, "answer": answer})

    def leave(self) -> None:
        """End as a page does when its person leaves: the exit check is passed in person."""
        self.beat(ending=True)
        if self.check is not None:
            self.be_there()
            self.beat(ending=True)

    def call(
        self,
        method: str,
        path: str,
        *,
        authorised: bool = True,
        headers: dict[str, str] | None = None,
        **what: Any,
    ) -> requests.Response:
        """Send any request with the session's secret; count a refusal by its reason."""
        given = {**(headers or {})}
        if authorised:
            given["Authorization"] = f"Bearer {self.secret}"
        answer = self.http.request(
            method, self.stage.origin + path, headers=given, timeout=_TIMEOUT_SECONDS, **what
        )
        if answer.status_code >= 500:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        if answer.status_code >= 400:
            told = answer.json() if answer.headers["Content-Type"] == "application/json" else {}
            reason = str(told.get("reason", answer.status_code))
            self.refusals[reason] = self.refusals.get(reason, 0) + 1
        return answer

    def _obey(self, commands: list[Json]) -> None:
        self.prompt = next((one for one in commands if one["type"] == "prompt"), None)
        for command in commands:
            if command["type"] == "check":
                if self.check is not None and self.check["check"] != command["check"]:
                    self._miss()
                if self.check is None or self.check["check"] != command["check"]:
                    self._asked_at = self.stage.clock.ms()
                self.check = command
            elif command["type"] == "rewind" and command["id"] not in self._rewound:
                self._rewound.add(command["id"])
                self._rewind = command
            elif command["type"] == "close":
                self.closed = True

    def _miss(self) -> None:
        """A check was not passed: the time before it was asked for stands witnessed if the person comes back."""
        if self._last_pass is not None:
            self._until_missed.append((self._last_pass, self._asked_at))
        self._last_pass = None

    def _forget(self) -> None:
        self._until_missed, self._last_pass = [], None
