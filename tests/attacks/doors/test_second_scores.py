"""An attempt has one score: a better one later is kept, refused and shown to staff; nothing dies over it."""

import json
from typing import Any

from bridge.kernel.time import rfc3339
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.server import ORG, RUN, BridgeServer
from tests.attacks.doors.test_webhook import decisions_on, message, send


def dead(bridge: BridgeServer) -> list[dict[str, Any]]:
    return bridge.rows("job", state="dead")


def sat(bridge: BridgeServer) -> tuple[Agent, str]:
    """Return somebody whose test was watched, and when it began."""
    agent = Agent.ready(bridge, resource_link_id="quiz-1", activity="test", attempt="mine")
    assert agent.pass_check()["state"] == "passed"
    start = rfc3339(bridge.clock.now())
    agent.study(360)
    return agent, start


def send_score(bridge: BridgeServer, agent: Agent, start: str, score: str) -> None:
    body = message(bridge, agent.person, attempt="mine", started_at=start, score=score)
    assert send(bridge, json.dumps(body).encode()).status_code == 202
    bridge.drain()


def test_a_second_better_score_is_refused_kept_and_shown(bridge: BridgeServer) -> None:
    agent, start = sat(bridge)
    before = len(dead(bridge))
    for score in ("10", "95", "10.0", "100"):
        send_score(bridge, agent, start, score)

    (entry,) = decisions_on(bridge, agent.learner)
    assert (entry["score"], entry["decision"], entry["reasons"]) == ("10", "refused", ["below_pass_mark"])
    assert len(dead(bridge)) == before
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        shown = bridge.house.at(tx).signals.page(RUN).signals
    mine = [one for one in shown if one.learner == agent.learner and one.kind.value == "score_changed"]
    assert sorted(one.change for one in mine) == ["10/100 → 100/100", "10/100 → 95/100"]
    assert {one.unit_title for one in mine} == {"结业测验"}
    kept = [json.loads(row["payload"]) for row in bridge.rows("inbox_message", chain=f"{ORG}:webhook")]
    scores = [one["score"] for one in kept if one.get("learner") == agent.learner]
    assert sorted(scores) == ["10", "10", "100", "95"]


def test_a_lower_score_takes_nothing_away(bridge: BridgeServer) -> None:
    agent, start = sat(bridge)
    before = len(dead(bridge))
    for score in ("95", "0"):
        send_score(bridge, agent, start, score)

    (entry,) = decisions_on(bridge, agent.learner)
    assert (entry["score"], entry["decision"]) == ("95", "accepted")
    assert len(dead(bridge)) == before
