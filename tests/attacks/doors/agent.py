"""A client of the agent protocol that can do everything right, so that attacks change one thing at a time."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import requests

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model.entries import LedgerEntry
from bridge.ledger.model.statement import SecondsStatement
from bridge.presence.challenge import Move
from plugins.simulators.question_reader import read_and_answer
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, RUN, BridgeServer
from tests.presence.pictures import MOVING, picture

SESSION_TYPE = "anxue-session+jwt"
_numbers = itertools.count(1)


def session_token(
    bridge: BridgeServer, person: Person, *, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """Return a right token of the platform, with claims changed (None removes one)."""
    now = bridge.clock.seconds()
    claims = {
        "iss": bridge.platform.issuer,
        "aud": f"{bridge.origin}/agent/v1/sessions",
        "sub": person.sub,
        "iat": now,
        "exp": now + 300,
        "jti": f"jti-{next(_numbers)}",
        "resource_link_id": "unit-1",
        "activity": "study",
        "email": person.email,
        **changes,
    }
    sent = {name: value for name, value in claims.items() if value is not None}
    return bridge.platform.sign(sent, **{"typ": SESSION_TYPE, **(header or {})})


def ask_session(bridge: BridgeServer, person: Person, **changes: Any) -> requests.Response:
    """Ask for a session with a right token, changed as told."""
    return ask_with(bridge, session_token(bridge, person, **changes))


def ask_with(bridge: BridgeServer, token: str) -> requests.Response:
    return bridge.post("/agent/v1/sessions", {"v": 1, "token": token, "client_ms": 0})


class Agent:
    """One study session of one learner."""

    def __init__(self, bridge: BridgeServer, person: Person, learner: LearnerRef, **changes: Any) -> None:
        self.bridge, self.person, self.learner = bridge, person, learner
        answer = ask_session(bridge, person, **changes)
        assert answer.status_code == 201, answer.text
        self.opened = answer.json()
        self.session: str = self.opened["session"]
        self.secret: str = self.opened["secret"]
        self.nonce: str = self.opened["nonce"]
        self.seq = 1
        self.media_ms = 0
        self.commands: list[dict[str, Any]] = self.opened["commands"]

    @classmethod
    def ready(cls, bridge: BridgeServer, **changes: Any) -> "Agent":
        """Return the session of a new learner who went every step before."""
        return cls(bridge, *bridge.ready(), **changes)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def client_ms(self) -> int:
        return int(self.bridge.clock.now().timestamp() * 1000)

    def event(self, **changes: Any) -> dict[str, Any]:
        """Return one right event of now."""
        at = self.client_ms()
        right = {"client_ms": at, "media_ms": self.media_ms, "visible": True, "interaction_ms": at, "rate": 1}
        return {**right, **changes}

    def batch(self, *events: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Return the batch whose turn it is."""
        right = {
            "v": 1,
            "session": self.session,
            "seq": self.seq,
            "nonce": self.nonce,
            "events": list(events) or [self.event()],
        }
        return {**right, **changes}

    def post(self, body: bytes | dict[str, Any], **headers: str) -> requests.Response:
        return self.bridge.post("/agent/v1/batches", body, **{**self.bearer, **headers})

    def beat(self, *events: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Send the batch whose turn it is; it is taken."""
        answer = self.post(self.batch(*events, **changes))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        self.nonce, self.seq, self.commands = told["nonce"], told["next_seq"], told["commands"]
        return told

    def check(self) -> dict[str, Any] | None:
        """Return the check that the server asks for."""
        return next((one for one in self.commands if one["type"] == "check"), None)

    def frame(self, content: bytes, check: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        """Send a frame for a check, or for the one that is asked for."""
        asked = check or self.check()
        assert asked is not None
        given = {"Content-Type": "image/jpeg", "X-Anxue-Nonce": asked["nonce"], **self.bearer, **headers}
        return self.bridge.post(f"/agent/v1/checks/{asked['check']}/frames", content, **given)

    def look(self, check: str, **headers: str) -> requests.Response:
        return self.bridge.get(f"/agent/v1/checks/{check}", **{**self.bearer, **headers})

    def pass_check(self, says: str = "0") -> dict[str, Any]:
        """Show the learner's face (or another) to the check that is asked for; return the check's state."""
        asked = self.check()
        assert asked is not None
        answer = self.frame(picture(says), asked)
        assert answer.status_code == 202, answer.text
        self.bridge.drain()
        self.commands = []
        state: dict[str, Any] = self.look(asked["check"]).json()
        return self.move(asked["check"], state) if state["step"] is not None else state

    def move(self, check: str, state: dict[str, Any]) -> dict[str, Any]:
        """Do the movement that the check asks for; return the check's state."""
        for says in MOVING[Move(state["step"]["move"])]:
            answer = self.frame(picture(says), {"check": check, "nonce": state["nonce"]})
            assert answer.status_code == 202, answer.text
        self.bridge.drain()
        moved: dict[str, Any] = self.look(check).json()
        return moved

    def answer_prompt(self) -> str:
        """Answer the question that is asked, if one is; return how the prompt stands."""
        asked = next((one for one in self.commands if one["type"] == "prompt"), None)
        if asked is None:
            return "none"
        path = f"/agent/v1/prompts/{asked['prompt']}"
        shown = self.bridge.get(path, **self.bearer).json()
        if not shown["final"]:
            body = {"v": 1, "nonce": shown["nonce"], "answer": read_and_answer(shown["question"])}
            shown = self.bridge.post(path, body, **self.bearer).json()
        return str(shown["state"])

    def study(self, seconds: int, *, step: int = 10, **claims: Any) -> None:
        """Let the time pass with a beat each `step` seconds, as a page does; answer every check."""
        for _ in range(seconds // step):
            self.bridge.clock.advance(step)
            self.media_ms += step * 1000
            self.beat(self.event(**claims))
            self.answer_prompt()
            if self.check():
                self.pass_check()

    def next_check(self) -> None:
        """Let the time pass until the next check is due, and pass it: what was provisional becomes final."""
        while not self.check():
            self.bridge.clock.advance(25)
            self.media_ms += 25_000
            self.beat()
            self.answer_prompt()
        assert self.pass_check()["state"] == "passed"

    def statement(self) -> SecondsStatement:
        """Return what the learner's study is worth once all jobs are done."""
        self.bridge.house.sweep()
        self.bridge.drain()
        return statement(self.bridge, self.learner)

    def ledger(self) -> Sequence[LedgerEntry]:
        """Return the learner's chain, oldest first."""
        with self.bridge.house.uow.for_institution(ORG, read_only=True) as tx:
            return self.bridge.house.at(tx).ledger.entries(self.learner, RUN)


def statement(bridge: BridgeServer, learner: LearnerRef, class_run: ClassRunId = RUN) -> SecondsStatement:
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        return bridge.house.at(tx).ledger.statement(learner, class_run)


def encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
