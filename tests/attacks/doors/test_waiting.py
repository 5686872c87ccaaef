"""A slow judge over real HTTP: nobody is charged for our queue, and nobody is asked for more while it is long."""

from tests.attacks.doors.agent import Agent
from tests.attacks.doors.server import BridgeServer
from tests.presence.pictures import picture

_GAP_MIN_SECONDS, _GAP_MAX_SECONDS = 420, 900
"""presence.check_gap_min_seconds and _max_seconds of the pack in force."""


def passed(bridge: BridgeServer) -> Agent:
    """Return a session whose entry check was passed."""
    agent = Agent.ready(bridge)
    assert agent.pass_check()["state"] == "passed"
    agent.beat()
    assert agent.check() is None
    return agent


def test_a_frame_that_waits_keeps_its_check_open_and_gives_the_time_back(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    asked = agent.check()
    assert asked is not None
    bridge.clock.advance(seconds=40)
    taken = agent.frame(picture("dark")).json()
    assert taken["state"] == "judging"
    assert taken["look_again_ms"] > 0
    bridge.clock.advance(seconds=600)
    state = agent.look(asked["check"]).json()
    assert (state["state"], state["final"], state["attempts_left"]) == ("judging", False, 3)
    assert state["look_again_ms"] > 0
    bridge.drain()
    state = agent.look(asked["check"]).json()
    assert (state["state"], state["attempts_left"], state["answer_within_seconds"]) == ("open", 2, 20)
    bridge.clock.advance(seconds=19)
    assert agent.frame(picture("0"), asked).status_code == 202
    bridge.drain()
    state = agent.move(asked["check"], agent.look(asked["check"]).json())
    assert (state["state"], state["final"]) == ("passed", True)
    assert "look_again_ms" not in state


def test_no_check_is_asked_for_while_frames_wait_and_the_next_one_comes_in_time(bridge: BridgeServer) -> None:
    agent, other = passed(bridge), Agent.ready(bridge)
    assert other.frame(picture("dark")).status_code == 202  # nobody judges it
    elapsed = 0
    while elapsed < _GAP_MAX_SECONDS - 20:
        bridge.clock.advance(seconds=20)
        elapsed += 20
        agent.beat()
        assert agent.check() is None, elapsed
    bridge.clock.advance(seconds=20)
    agent.beat()
    # The pack's longest gap holds all the same.
    assert agent.check() is not None
    bridge.drain()
    assert agent.pass_check()["state"] == "passed"
    checks = [entry for entry in agent.ledger() if entry.kind == "check"]
    assert [entry.data["outcome"] for entry in checks] == ["passed", "passed"]


def test_once_no_frame_waits_a_check_comes_when_it_is_due(bridge: BridgeServer) -> None:
    agent = passed(bridge)
    elapsed = 0
    while agent.check() is None:
        bridge.clock.advance(seconds=20)
        elapsed += 20
        assert elapsed <= _GAP_MAX_SECONDS + 20
        agent.beat()
    assert elapsed >= _GAP_MIN_SECONDS
