"""What the platform does wrong on purpose, switched while it runs: its key set, its clock, the next launches."""

import json
import threading
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from flask import Response, jsonify, redirect

_HUGE_BYTES = 1_200_000
_MOVED = "/lti/jwks/moved"


class KeyDoor(StrEnum):
    """How /lti/jwks behaves."""

    RIGHT = "right"
    SLOW = "slow"
    DOWN = "down"
    MOVED = "moved"
    HUGE = "huge"
    NOT_JSON = "not_json"

    @property
    def words(self) -> str:
        """What it does, for people."""
        return {
            KeyDoor.RIGHT: "正常",
            KeyDoor.SLOW: "很久不答复",
            KeyDoor.DOWN: "答复 500",
            KeyDoor.MOVED: "跳转到别处",
            KeyDoor.HUGE: "超过 1 MB",
            KeyDoor.NOT_JSON: "不是 JSON",
        }[self]


class ServiceDoor(StrEnum):
    """How the services that tools call (tokens, grades, rosters) behave."""

    RIGHT = "right"
    SLOW = "slow"
    DOWN = "down"

    @property
    def words(self) -> str:
        """What they do, for people."""
        return {"right": "正常", "slow": "很久不答复", "down": "答复 503"}[self.value]


class Manners(StrEnum):
    """Whose habits the grade book has."""

    STANDARD = "standard"
    MOODLE = "moodle"

    @property
    def words(self) -> str:
        """What that means, for people."""
        return {"standard": "照标准", "moodle": "像 Moodle 4.5（按整秒比较，未定成绩会抹去已有成绩）"}[
            self.value
        ]


class Faults:
    """The switches; safe to use from several threads.

    Args:
        slow_seconds: how long a slow door waits before it answers.
    """

    def __init__(self, slow_seconds: float = 25.0) -> None:
        self._lock = threading.Lock()
        self._slow_seconds = slow_seconds
        self._door = KeyDoor.RIGHT
        self._more_keys: tuple[dict[str, Any], ...] = ()
        self._fetches = 0
        self._woken = threading.Event()
        self.services = ServiceDoor.RIGHT
        self.manners = Manners.STANDARD
        self.skew_seconds = 0
        """How far the platform's clock is ahead of the real time (behind: less than 0)."""
        self.next_launches = ""
        """The id of the case that the next launches of signed-in users are forged by; "" for right launches."""

    @property
    def door(self) -> KeyDoor:
        """How /lti/jwks behaves now."""
        return self._door

    @property
    def key_fetches(self) -> int:
        """How often somebody asked for the key set."""
        return self._fetches

    def set_door(self, door: KeyDoor) -> None:
        """Have /lti/jwks behave so from now on; who still waits at a slow door is let go."""
        with self._lock:
            self._woken.set()
            self._woken = threading.Event()
            self._door = door

    def reset(self) -> None:
        """Behave from now on."""
        self.set_door(KeyDoor.RIGHT)
        self.publish([])
        self.services, self.manners = ServiceDoor.RIGHT, Manners.STANDARD
        self.skew_seconds, self.next_launches = 0, ""

    def hold_service(self) -> Response | None:
        """Return what a service answers instead of its own answer; None if it behaves (perhaps after a while)."""
        if self.services is ServiceDoor.SLOW:
            time.sleep(self._slow_seconds)
        if self.services is ServiceDoor.DOWN:
            reply = jsonify(error="temporarily_unavailable", error_description="told to be down")
            reply.status_code = 503
            return reply
        return None

    def publish(self, more_keys: Sequence[dict[str, Any]]) -> None:
        """Publish these keys beside the platform's own."""
        with self._lock:
            self._more_keys = tuple(more_keys)

    def answer_for_keys(self, own: dict[str, Any], *, moved: bool = False) -> Response:
        """Return what /lti/jwks answers, where `own` is the right key set; `moved` behind the redirect."""
        with self._lock:
            self._fetches += 1
            door, woken = self._door, self._woken
            keys = {"keys": [*own["keys"], *self._more_keys]}
        if moved:
            return jsonify(keys)
        match door:
            case KeyDoor.SLOW:
                woken.wait(self._slow_seconds)
            case KeyDoor.DOWN:
                # With the keys in it: a tool that does not look at the status would take them.
                reply = jsonify(keys)
                reply.status_code = 500
                return reply
            case KeyDoor.MOVED:
                return redirect(_MOVED)  # type: ignore[return-value]  # werkzeug's own type
            case KeyDoor.HUGE:
                padded = json.dumps({**keys, "filler": "x" * _HUGE_BYTES})
                return Response(padded, mimetype="application/json")
            case KeyDoor.NOT_JSON:
                return Response("<!doctype html><title>503</title>", mimetype="text/html")
        return jsonify(keys)
