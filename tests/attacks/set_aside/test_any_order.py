"""A made day in any order, with doubles, some of it in quarantine for a while: the same hours, to the millisecond."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridge.intake.quarantine_model import Kind
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.ids import JobId
from bridge.kernel.time import epoch_ms
from bridge.wiring.intake_jobs import replay_one
from bridge.wiring.intake_replay import ReplayAsked, replay
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.lms_batches import activity, deliver, ping, scan, score_message, signal
from tests.attacks.doors.server import ORG, BridgeServer
from tests.attacks.set_aside.test_quarantine import refusing, set_aside

_BATCHES = 12
_POISON = st.sets(st.integers(1, _BATCHES), max_size=5)


@pytest.fixture(scope="module")
def as_it_happened(bridge: BridgeServer) -> str:
    return _day(bridge, None, set())


@given(chance=st.randoms(use_true_random=False), poison=_POISON)
@settings(
    max_examples=6,
    deadline=None,
    # A day takes seconds: a smaller one would not be understood sooner.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_the_same_hours_whatever_the_order(
    bridge: BridgeServer, as_it_happened: str, chance: random.Random, poison: set[int]
) -> None:
    assert _day(bridge, chance, poison) == as_it_happened


def _day(bridge: BridgeServer, chance: random.Random | None, poison: set[int]) -> str:
    """Let a new learner live the day; return the hash of what it is worth.

    Args:
        chance: shuffles messages, doubles them and has jobs run in any order; None for the day as it happened.
        poison: batches that no reader knows until the day is over.
    """
    agent = _arrive(bridge)
    began = epoch_ms(bridge.clock.now())
    agent.pass_check()
    with refusing(lambda record: record.chain == agent.session and record.seq in poison):
        for number in range(_BATCHES):
            bridge.clock.advance(10)
            agent.media_ms += 10_000
            body = agent.batch()
            agent.beat()
            if chance is not None and chance.random() < 0.4:
                # The page did not hear the answer and sends again; what it sent before is long past.
                assert agent.post(body).status_code == 200
                assert number == 0 or agent.post({**body, "seq": number}).status_code == 409
            if agent.check():
                agent.pass_check()
            if chance is not None and chance.random() < 0.3:
                _work(bridge, chance)
        _leave(agent)
        messages = _told(bridge, agent)
        if chance is not None:
            messages += chance.sample(messages, 2)
            chance.shuffle(messages)
        for message in messages:
            deliver(bridge, message)
            if chance is not None and chance.random() < 0.5:
                _work(bridge, chance)
        _work(bridge, chance)
    stored = [one for one in set_aside(bridge) if one.kind is Kind.STORED and one.chain == agent.session]
    if chance is not None:
        chance.shuffle(stored)
    for one in stored[len(stored) // 2 :]:
        replay_one(bridge.house, ORG, one.id, by="staff_1")
    # The rest comes back by reading everything again.
    replay(bridge.house, ReplayAsked(ORG), lambda _done: None)
    _work(bridge, chance)
    return _worth(agent, began)


def _arrive(bridge: BridgeServer) -> Agent:
    bridge.clock.advance(60)
    # Once a plugin is heard, a class run wants counts of contact data to stay open.
    deliver(bridge, scan(bridge, 0))
    bridge.drain()
    return Agent.ready(bridge)


def _leave(agent: Agent) -> None:
    agent.beat(ending=True)
    if agent.check():
        assert agent.pass_check()["state"] == "passed"


def _told(bridge: BridgeServer, agent: Agent) -> list[dict[str, Any]]:
    """Return what the LMS tells; the attempt that nobody was seen to sit is refused whenever its score comes."""
    make: list[Callable[[], dict[str, Any]]] = [
        lambda: ping(bridge),
        lambda: activity(bridge, agent.person),
        lambda: signal(bridge, agent.person),
        lambda: score_message(bridge, agent.person, attempt="a-1"),
        lambda: score_message(bridge, agent.person, attempt="a-2", score="12"),
    ]
    return [one() for one in make]


def _work(bridge: BridgeServer, chance: random.Random | None) -> None:
    """Run what waits, in any order."""
    if chance is None:
        bridge.drain()
        return
    while True:
        waiting = [JobId(row["id"]) for row in bridge.rows("job", state="open")]
        ran = False
        for job in chance.sample(waiting, len(waiting)):
            ran |= bridge.house.runner.run(job) or _is_done(bridge, job)
        if not ran:
            return


def _is_done(bridge: BridgeServer, job: JobId) -> bool:
    return str(bridge.rows("job", id=job)[0]["state"]) == "done"


def _worth(agent: Agent, began: int) -> str:
    worth = agent.statement()
    timeline = [
        {
            "from": one.start_ms - began,
            "until": one.end_ms - began,
            "verdict": str(one.verdict),
            "why": str(one.reason),
        }
        for one in worth.timeline
    ]
    tests = sorted((one.unit, one.attempt, one.decision) for one in worth.tests)
    assert tests
    assert any(one["verdict"] == "credited" for one in timeline)
    return sha256_hex(
        canonical_json(
            {"figures": repr(worth.figures), "timeline": timeline, "tests": [list(t) for t in tests]}
        )
    )


def test_a_hash_that_sees_a_missing_batch(bridge: BridgeServer, as_it_happened: str) -> None:
    """The property above would hold of a hash that sees nothing."""
    agent = _arrive(bridge)
    began = epoch_ms(bridge.clock.now())
    agent.pass_check()
    for _ in range(_BATCHES - 1):
        bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat()
        if agent.check():
            agent.pass_check()
    _leave(agent)
    for message in _told(bridge, agent):
        deliver(bridge, message)
    bridge.drain()
    assert _worth(agent, began) != as_it_happened
