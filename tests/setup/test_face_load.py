"""What the load test of a whole class says of what it saw; the run itself is `./anxue acceptance face-load`."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.bench.face_learners import (
    POLL_SECONDS,
    READ_SECONDS,
    SEE_MOVE_SECONDS,
    CameraAgent,
    Seat,
    Shown,
)
from bridge.bench.face_load import Figures, all_at_once, percentile, report
from bridge.kernel.errors import Unavailable
from bridge.settings import ROOT


def no_film(move: str, frames: int) -> list[bytes]:
    raise AssertionError("no movement was asked for")


class Desk:
    """A server that judges each picture at the third look, and refuses pictures that say "refuse".

    After one that says "look on" it asks for a movement of three pictures, of which the last says "good".
    """

    def __init__(self) -> None:
        desk, self.looks, self.sent = self, 0, list[tuple[str, str, bytes]]()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                desk.looks += 1
                waiting = desk.sent and desk.looks < 3
                last = desk.sent[-1][2] if desk.sent else b""
                state = "judging" if waiting else "passed" if last == b"good" else "open"
                told = {"state": state, "final": state == "passed", "nonce": "n", "look_again_ms": 1}
                step = {"move": "nod", "frames": 3, "gap_ms": 1} if last == b"look on" else None
                self.answer(200, {**told, "step": step})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if body == b"refuse":
                    return self.answer(409, {"reason": "frame_waiting"})
                desk.sent.append((self.path, self.headers["X-Anxue-Nonce"], body))
                desk.looks = 0
                return self.answer(202, {"state": "judging", "look_again_ms": 1})

            def answer(self, status: int, value: dict[str, Any]) -> None:
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    built = Desk()
    yield built
    built.close()


def test_a_page_sends_looks_until_there_is_a_verdict_and_notes_both(desk: Desk) -> None:
    agent = CameraAgent(Seat("secret", "chk_1"), desk.url)
    assert agent.answer([b"good"], no_film) == "passed"
    agent.close()
    (shown,) = agent.shown
    assert (shown.looks, shown.state) == (3, "passed")
    assert shown.verdict_seconds is not None
    assert 0 < shown.post_seconds < shown.verdict_seconds
    assert desk.sent == [("/agent/v1/checks/chk_1/frames", "n", b"good")]


def test_a_movement_is_shown_picture_after_picture_and_its_last_one_has_the_verdict(desk: Desk) -> None:
    agent = CameraAgent(Seat("secret", "chk_1"), desk.url)
    assert agent.answer([b"look on"], lambda move, frames: [b"1", b"2", b"good"]) == "passed"
    agent.close()
    assert [body for _, _, body in desk.sent] == [b"look on", b"1", b"2", b"good"]
    assert [(one.moving, one.verdict_seconds is not None) for one in agent.shown] == [
        (False, True), (True, False), (True, False), (True, True),
    ]  # fmt: skip


def test_a_refused_picture_is_the_finding(desk: Desk) -> None:
    agent = CameraAgent(Seat("secret", "chk_1"), desk.url)
    with pytest.raises(Unavailable, match="bench_refused"):
        agent.answer([b"refuse"], no_film)
    agent.close()
    (end,) = all_at_once([CameraAgent(Seat("secret", "chk_1"), desk.url)], [[b"refuse"]], [no_film])
    assert "frame_waiting" in end


def test_the_page_behaves_as_the_agents_script() -> None:
    script = (ROOT / "bridge/web/static/agent/v1-camera.js").read_text()
    told = {name: int(ms) for name, ms in re.findall(r"var (\w+_MS) = (\d+);", script)}
    assert (told["POLL_MS"] / 1000, told["ANOTHER_MS"] / 1000) == (POLL_SECONDS, READ_SECONDS)
    assert told["SEE_MOVE_MS"] / 1000 == SEE_MOVE_SECONDS


FAST = Shown(post_seconds=0.05, verdict_seconds=1.0, looks=3, state="passed")
GOOD = Figures(learners=20, rounds=10, pictures=[FAST] * 220, passed=180, refused=20, wrong=[])


def test_all_goals_held_is_a_pass() -> None:
    assert GOOD.passes
    assert report(GOOD)[0] == "**PASS**"


@pytest.mark.parametrize(
    "changed",
    [
        replace(GOOD, pictures=[FAST] * 200 + [replace(FAST, verdict_seconds=1.6)] * 20),
        replace(GOOD, pictures=[FAST] * 200 + [replace(FAST, post_seconds=0.2)] * 20),
        replace(GOOD, pictures=[FAST] * 200 + [replace(FAST, verdict_seconds=1.6, moving=True)] * 20),
        replace(GOOD, refused=19, wrong=["impostor: passed"]),
        replace(GOOD, passed=179),
    ],
)
def test_one_goal_missed_is_no_pass(changed: Figures) -> None:
    assert not changed.passes
    assert report(changed)[0] == "**FAIL**"


@pytest.mark.parametrize(("percent", "expected"), [(50, 10), (95, 19), (100, 20), (1, 1)])
def test_percentiles_are_values_that_were_seen(percent: int, expected: int) -> None:
    assert percentile(list(range(20, 0, -1)), percent) == expected
