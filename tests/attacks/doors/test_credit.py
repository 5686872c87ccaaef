"""What cheating tools do (SECURITY-CASES.md §2): whatever a client claims, no second is credited that was not studied.

The attacker here is the learner in person: a right token, the right face at every check, and lies in the beats.
"""

from typing import Any

import pytest

from tests.attacks.doors.agent import Agent
from tests.attacks.doors.server import BridgeServer

# What a second is worth is reckoned above the database; one of the two will do.
pytestmark = pytest.mark.parametrize("bridge", ["sqlite"], indirect=True, scope="session")

NOMINAL_MS = 3_000_000
"""Length of the first unit, as the catalogue says."""


def begin(bridge: BridgeServer) -> Agent:
    """Return a session whose entry check was passed, just now."""
    agent = Agent.ready(bridge)
    assert agent.pass_check()["state"] == "passed"
    agent.beat()
    return agent


def finish(agent: Agent) -> tuple[int, int]:
    """Study honestly until the next check is passed; return the seconds credited finally, and how many this took."""
    begun = agent.client_ms()
    agent.next_check()
    return agent.statement().credited_seconds, (agent.client_ms() - begun) // 1000


def test_an_honest_learner_is_credited_each_second(bridge: BridgeServer) -> None:
    agent = begin(bridge)

    agent.study(600)

    credited, tail = finish(agent)
    assert credited == 600 + tail


@pytest.mark.parametrize(
    "lie",
    [
        {"media_ms": NOMINAL_MS},
        {"rate": 16},
        {"rate": 16, "media_ms": NOMINAL_MS},
        {"client_ms": 0},
        {"client_ms": 2**43},
        {"client_ms": 0, "media_ms": 0, "interaction_ms": 2**43},
    ],
    ids=str,
)
def test_no_claim_makes_a_minute_longer(bridge: BridgeServer, lie: dict[str, Any]) -> None:
    """X3 and X5: a drag to the end, a faster rate, another clock."""
    agent = begin(bridge)
    agent.study(60)

    for _ in range(6):
        bridge.clock.advance(10)
        agent.beat(agent.event(**lie))

    credited, tail = finish(agent)
    assert credited <= 120 + tail


def test_media_that_was_jumped_over_is_not_seen(bridge: BridgeServer) -> None:
    agent = begin(bridge)
    agent.study(60)
    agent.media_ms = NOMINAL_MS - 80_000
    agent.study(70)

    seen = agent.statement().unit("unit_electric")

    assert seen is not None
    assert 0 < sum(end - start for start, end in seen.seen_media.pairs()) <= 130_000
    answer = Agent(bridge, agent.person, agent.learner).opened
    assert sum(end - start for start, end in answer["credited_media"]) <= 130_000


def test_a_thousand_reports_a_second_are_worth_a_second(bridge: BridgeServer) -> None:
    """X2: each report claims ten seconds, in clock and media, and is well formed in itself."""
    agent = begin(bridge)

    for _ in range(10):
        base = agent.client_ms()
        claims = [
            agent.event(client_ms=base + ms, media_ms=agent.media_ms + ms, interaction_ms=base + ms)
            for ms in range(0, 1_000_000, 10_000)
        ]
        bridge.clock.advance(1)
        agent.beat(*claims)

    credited, tail = finish(agent)
    assert credited <= 10 + tail


def test_reports_in_no_time_are_worth_nothing(bridge: BridgeServer) -> None:
    agent = begin(bridge)

    for number in range(60):
        agent.media_ms = number * 10_000
        agent.beat(agent.event(client_ms=agent.client_ms() + number * 10_000))

    assert agent.statement().figures.credited_ms == agent.statement().figures.provisional_ms == 0


def test_silence_between_two_reports_is_not_studied(bridge: BridgeServer) -> None:
    """A script that reports at the beginning and at the end of an hour."""
    agent = begin(bridge)
    bridge.clock.advance(400)
    agent.media_ms += 400_000
    agent.beat(
        *(
            agent.event(client_ms=agent.client_ms() - 400_000 + 10_000 * i, media_ms=10_000 * i)
            for i in range(41)
        )
    )

    credited, tail = finish(agent)
    assert credited <= tail


def test_what_lies_before_the_entry_check_is_passed_is_not_studied(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    for _ in range(5):
        bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat()
    assert agent.pass_check()["state"] == "passed"
    agent.beat()

    told = agent.statement()
    assert (told.credited_seconds, told.provisional_seconds) == (0, 0)
    credited, tail = finish(agent)
    assert credited <= tail


def test_beats_with_no_check_ever_answered_earn_nothing(bridge: BridgeServer) -> None:
    """X4: the pop-up is blocked; the time goes on."""
    agent = Agent.ready(bridge)

    for number in range(120):
        bridge.clock.advance(10)
        agent.media_ms = number * 10_000
        agent.beat()

    told = agent.statement()
    assert (told.credited_seconds, told.provisional_seconds) == (0, 0)
    assert sum(told.refused_seconds.values()) >= 1190
    assert agent.beat()["today"]["credited_seconds"] == 0


def test_after_the_last_answered_check_nothing_becomes_final(bridge: BridgeServer) -> None:
    """X7: one check is solved, then none."""
    agent = begin(bridge)
    agent.study(120)

    for _ in range(150):
        bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat()

    told = agent.statement()
    assert told.credited_seconds == 0, "nothing was ever confirmed by a later check"
    assert told.provisional_seconds <= 900, "no more than the longest gap between two checks"


def test_another_face_withdraws_to_the_last_pass(bridge: BridgeServer) -> None:
    agent = begin(bridge)
    while not agent.check():
        bridge.clock.advance(20)
        agent.media_ms += 20_000
        agent.beat()

    asked = agent.check()
    agent.pass_check("90")
    agent.commands = [asked] if asked else []
    assert agent.pass_check("90")["state"] == "other_person"

    told = agent.statement()
    assert (told.credited_seconds, told.provisional_seconds) == (0, 0)


def test_passing_a_check_grants_no_progress(bridge: BridgeServer) -> None:
    """X9: a platform's bug let a face pass complete the task."""
    agent = Agent.ready(bridge)
    agent.pass_check()
    agent.beat(ending=True)

    told = agent.statement()

    assert (told.credited_seconds, told.provisional_seconds) == (0, 0)
    assert bridge.papers(agent.learner) == []


def test_no_door_takes_a_word_that_all_is_done(bridge: BridgeServer) -> None:
    """X5: what a client says of completion is an unknown field."""
    agent = begin(bridge)
    agent.beat(agent.event(completed=True, progress=100), completed=True, progress=100, credited_seconds=3000)

    assert agent.statement().credited_seconds == 0
    for path in ("complete", f"sessions/{agent.session}/complete", "batches/complete", "progress"):
        answer = bridge.post(f"/agent/v1/{path}", {"v": 1, "progress": 100}, **agent.bearer)
        assert answer.status_code in (404, 405)


def test_two_sessions_at_once_count_once(bridge: BridgeServer) -> None:
    """X10: a second tab; the first is closed, and their seconds do not add up."""
    first = begin(bridge)
    first.study(60)
    second = Agent(bridge, first.person, first.learner, resource_link_id="unit-2")
    assert second.pass_check()["state"] == "passed"
    second.beat()

    for _ in range(6):
        bridge.clock.advance(10)
        second.media_ms += 10_000
        second.beat()
        assert first.post(first.batch()).status_code == 410

    credited, tail = finish(second)
    assert credited <= 120 + tail


def test_going_back_takes_nothing_away(bridge: BridgeServer) -> None:
    """X13: the ledger only grows; an old position or an old clock makes nothing that was credited less."""
    agent = begin(bridge)
    agent.study(120)
    agent.next_check()
    agent.beat()
    before = agent.statement().credited_seconds
    assert before >= 120

    agent.media_ms = 0
    agent.beat(agent.event(client_ms=0, interaction_ms=0))
    bridge.clock.advance(10)
    agent.beat(agent.event(client_ms=0, media_ms=0, interaction_ms=0))

    assert agent.statement().credited_seconds >= before
    entries = agent.ledger()
    assert [one.seq for one in entries] == list(range(1, len(entries) + 1))


def test_the_same_media_again_is_not_credited_again(bridge: BridgeServer) -> None:
    agent = begin(bridge)
    agent.study(120)
    agent.media_ms = 0
    agent.study(120)

    credited, tail = finish(agent)
    assert credited <= 120 + tail
