"""The frame door: one whole small JPEG, for one open check of one's own, once."""

import struct
import zlib
from typing import Any

import pytest

from bridge.presence.face import MAX_FRAME_BYTES
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.server import BridgeServer, refusal, refused
from tests.presence.pictures import picture


@pytest.fixture(scope="module")
def agent(bridge: BridgeServer) -> Agent:
    """A session whose entry check stays open: for refusals alone."""
    return Agent.ready(bridge)


def png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(72)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", 415, "frame_not_jpeg"),
        (b"not a picture", 415, "frame_not_jpeg"),
        (png(), 415, "frame_not_jpeg"),
        (b"GIF89a" + bytes(100), 415, "frame_not_jpeg"),
        (b"<svg onload='alert(1)'/>", 415, "frame_not_jpeg"),
        (picture("0")[:-2], 415, "frame_not_jpeg"),
        (picture("0")[:12], 415, "frame_not_jpeg"),
        (b"\xff\xd8\xff" + bytes(500) + b"\xff\xd9", 415, "frame_not_jpeg"),
        (b"\xff\xd8\xff\xe0\x00\x00\xff\xd9", 415, "frame_not_jpeg"),
        (b"\xff\xd8" + b"\xff" * 5000 + b"\xff\xd9", 415, "frame_not_jpeg"),
        (picture("0", width=0), 415, "frame_not_jpeg"),
        (picture("0", width=4000, height=3000), 413, "frame_too_many_pixels"),
        (picture("0", width=65_535, height=65_535), 413, "frame_too_many_pixels"),
        (picture("0", width=1, height=1921), 413, "frame_too_many_pixels"),
        (picture("0")[:-2] + bytes(600 * 1024) + b"\xff\xd9", 413, "body_too_large"),
        (picture("0") + bytes(MAX_FRAME_BYTES), 413, "body_too_large"),
    ],
    ids=lambda value: repr(value[:16]) if isinstance(value, bytes) else str(value),
)
def test_what_is_no_small_whole_jpeg_is_refused_and_not_kept(
    bridge: BridgeServer, agent: Agent, content: bytes, status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(agent.frame(content), status, reason)


@pytest.mark.parametrize(
    "media_type", ["image/png", "application/octet-stream", "multipart/form-data", "", "image/jpegx"]
)
def test_another_media_type_is_refused(bridge: BridgeServer, agent: Agent, media_type: str) -> None:
    with bridge.unchanged():
        refused(agent.frame(picture("0"), Content_Type=media_type), 415, "media_type")


def test_a_frame_without_its_length_is_refused(bridge: BridgeServer, agent: Agent) -> None:
    content, asked = picture("0"), agent.opened["commands"][0]
    headers = [
        ("Authorization", f"Bearer {agent.secret}"),
        ("Content-Type", "image/jpeg"),
        ("X-Anxue-Nonce", asked["nonce"]),
        ("Transfer-Encoding", "chunked"),
    ]

    with bridge.unchanged():
        status, told = bridge.raw(
            "POST",
            f"/agent/v1/checks/{asked['check']}/frames",
            headers,
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content),
        )

    refusal(told, "length_required")
    assert status == 411


@pytest.mark.parametrize("nonce", ["", "0" * 32, "\xff", "x" * 5000])
def test_a_frame_needs_the_checks_nonce(bridge: BridgeServer, agent: Agent, nonce: str) -> None:
    with bridge.unchanged():
        refused(agent.frame(picture("0"), X_Anxue_Nonce=nonce), 403, "nonce_mismatch")
        refused(agent.frame(picture("0"), X_Anxue_Nonce=agent.nonce), 403, "nonce_mismatch")


def test_a_check_is_its_own_sessions_alone(bridge: BridgeServer, agent: Agent) -> None:
    other = Agent.ready(bridge)
    asked = agent.opened["commands"][0]

    with bridge.unchanged():
        refused(other.frame(picture("0"), asked), 401, "session_unknown")
        refused(other.look(asked["check"]), 401, "session_unknown")
        refused(agent.frame(picture("0"), Authorization=""), 401, "session_unknown")
        refused(agent.look(asked["check"], Authorization="Bearer another~secret"), 404, "check_unknown")


@pytest.mark.parametrize("check", ["chk_unknown", "%00", "%ff", "x" * 300, "'--", "%E6%A0%B8%E9%AA%8C"])
def test_an_unknown_check_is_not_found(bridge: BridgeServer, agent: Agent, check: str) -> None:
    asked: dict[str, Any] = {"check": check, "nonce": "x"}

    with bridge.unchanged():
        refused(agent.frame(picture("0"), asked), 404, "check_unknown")
        refused(agent.look(check), 404, "check_unknown")


def test_a_check_that_was_passed_takes_no_more_frames(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    asked = agent.opened["commands"][0]
    assert agent.pass_check()["state"] == "passed"

    with bridge.unchanged():
        refused(agent.frame(picture("0"), asked), 409, "check_closed")


def test_a_frame_after_the_window_is_refused_and_the_check_was_missed(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    asked = agent.opened["commands"][0]
    bridge.clock.advance(asked["answer_within_seconds"] + 1)

    refused(agent.frame(picture("0"), asked), 409, "check_closed")

    assert bridge.rows("face_frame", check_id=asked["check"]) == []
    assert agent.look(asked["check"]).json()["state"] == "missed"


def test_the_same_picture_never_answers_twice(bridge: BridgeServer) -> None:
    """X8: a library of pictures, replayed."""
    agent, content = Agent.ready(bridge), picture("0")
    asked = agent.opened["commands"][0]
    assert agent.frame(content).status_code == 202
    bridge.drain()
    assert agent.move(asked["check"], agent.look(asked["check"]).json())["state"] == "passed"
    second = Agent(bridge, agent.person, agent.learner)

    with bridge.unchanged():
        refused(second.frame(content), 409, "frame_repeated")


def test_the_right_picture_alone_passes_nothing_and_its_nonce_is_spent(bridge: BridgeServer) -> None:
    """X8c: a stored photograph of the right learner, sent in the camera's place during study."""
    agent = Agent.ready(bridge)
    asked = agent.opened["commands"][0]
    assert agent.look(asked["check"]).json()["step"] is None
    assert agent.frame(picture("0")).status_code == 202
    bridge.drain()
    state = agent.look(asked["check"]).json()

    assert (state["state"], state["step"]["taken"], state["final"]) == ("open", 0, False)
    with bridge.unchanged():
        refused(agent.frame(picture("0")), 403, "nonce_mismatch")
    for _ in range(state["step"]["tries_left"]):
        for _ in range(state["step"]["frames"]):
            agent.frame(picture("0"), {"check": asked["check"], "nonce": state["nonce"]})
        bridge.drain()
        state = agent.look(asked["check"]).json()
    assert (state["state"], state["step"]) == ("unsure", None)
    assert "动作" in state["message"]
    assert agent.statement().credited_seconds == 0


def test_a_second_frame_waits_until_the_first_was_judged(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    assert agent.frame(picture("none")).status_code == 202

    with bridge.unchanged():
        refused(agent.frame(picture("0")), 409, "frame_waiting")


def test_another_persons_frame_never_passes_and_a_broken_one_holds_nothing_up(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    asked = agent.opened["commands"][0]

    for says in ("90", "broken", "two"):
        agent.commands = [asked]
        told = agent.pass_check(says)

    assert told["final"] is True
    assert told["state"] not in ("passed", "open")
    assert agent.statement().credited_seconds == 0


def test_only_a_registered_check_takes_a_frame_of_a_closed_session(bridge: BridgeServer) -> None:
    first = Agent.ready(bridge)
    asked = first.opened["commands"][0]
    Agent(bridge, first.person, first.learner)

    with bridge.unchanged():
        refused(first.frame(picture("0"), asked), 409, "check_closed")


def test_a_picture_is_kept_encrypted_alone(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    content = picture(f"0 {agent.person.phone}")
    assert agent.frame(content).status_code == 202

    for where, kept in bridge.everything_written():
        assert content not in kept, where
        assert agent.person.phone.encode() not in kept, where
