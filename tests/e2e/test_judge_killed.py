"""kill -9 of the judges in the middle of a frame: it is judged again, and nothing is held against the learner."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.bench.face_learners import CameraAgent, examination_room, learners_films, learners_pictures
from bridge.settings import Settings
from tests.servers.bridge import RunningBridge, running_bridge, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_IN_HAND = "SELECT count(*) FROM job WHERE kind = 'presence.frame_waiting' AND state = 'leased'"
_UNJUDGED = "SELECT count(*) FROM face_frame WHERE verdict IS NULL"
_SEATS = 8


def judges(bridge: RunningBridge) -> list[int]:
    """Return the processes of this bridge that judge frames."""
    marked = f"ANXUE_DATA={bridge.data}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if command[-3:-1] == [b"run", b"judge"] and marked in (folder / "environ").read_bytes().split(
                b"\0"
            ):
                found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def stand_again(bridge: RunningBridge, dead: list[int]) -> bool:
    """Return whether other judges run in the place of those."""
    now = judges(bridge)
    return len(now) == len(dead) and not set(now) & set(dead)


def killed_in_the_middle(bridge: RunningBridge, agents: list[CameraAgent], jpegs: list[bytes]) -> CameraAgent:
    """Send frames until the judges were killed while one was in hand; return the page that sent it."""
    for agent, jpeg in zip(agents, jpegs, strict=True):
        before = judges(bridge)
        send(agent, jpeg)
        deadline = time.monotonic() + 20
        while not bridge.rows(_IN_HAND)[0][0] and bridge.rows(_UNJUDGED)[0][0]:
            assert time.monotonic() < deadline, "no judge took the frame"
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        if bridge.rows(_UNJUDGED) == [(1,)]:
            return agent
        wait_until(partial(stand_again, bridge, before), lambda: "no judge was started again")
    raise AssertionError("every frame was judged before its judge could be killed")


def send(agent: CameraAgent, jpeg: bytes) -> None:
    """Send a frame and do not wait for its verdict."""
    headers = {"Content-Type": "image/jpeg", "X-Anxue-Nonce": str(agent.state()["nonce"])}
    agent.call("POST", f"/agent/v1/checks/{agent.seat.check}/frames", jpeg, headers)


def until(agent: CameraAgent, holds: Callable[[Any], bool]) -> Any:
    """Ask until the check's state is so; return it."""
    wait_until(lambda: holds(agent.state()), lambda: str(agent.state()), 90)
    return agent.state()


def test_a_frame_whose_judge_was_killed_is_judged_again_and_costs_nothing(tmp_path: Path) -> None:
    with running_bridge(tmp_path, study_factor=1) as bridge:
        fields = {
            name.removeprefix("ANXUE_").lower(): value
            for name, value in bridge.environment.items()
            if name.startswith("ANXUE_")
        }
        with examination_room(Settings.model_validate(fields)) as take_seats:
            seats = take_seats(_SEATS + 1)
        agents = [CameraAgent(seat, bridge.url) for seat in seats]
        first, *jpegs = learners_pictures(len(agents))
        # The judges stand: a frame has its verdict.
        (film,) = learners_films(1)
        assert agents[0].answer([first], film) == "passed"
        agent = killed_in_the_middle(bridge, agents[1:], jpegs)
        looked = until(agent, lambda one: one["step"] is not None)
        state = agent.move(looked, film)
        assert (state["state"], state["attempts_left"]) == ("passed", 3)
        check = agent.seat.check
        judged = dict(
            bridge.rows(
                "SELECT check_id, count(*) FROM face_frame WHERE verdict = 'verified' AND asked = '' GROUP BY check_id"
            )
        )
        assert judged[check] == 1
        decided = bridge.rows("SELECT idempotency_key FROM event WHERE type = 'presence.check_decided'")
        assert decided.count((check,)) == 1
        for one in agents:
            one.close()
