"""Questions at the door: who may see and answer them, and what every shortcut comes to."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from bridge.ledger.model import Refusal
from plugins.simulators.question_reader import read_and_answer
from tests.attacks.doors.agent import Agent, encoded
from tests.attacks.doors.server import BridgeServer

IDLE_SECONDS = 180


def idle_until_asked(agent: Agent) -> str:
    """Go on without any interaction until a question is put; return the prompt's id."""
    for _ in range(IDLE_SECONDS // 10 + 1):
        agent.bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat(agent.event(interaction_ms=None))
        for command in agent.commands:
            if command["type"] == "prompt":
                return str(command["prompt"])
    raise AssertionError("no prompt was put")


def show(agent: Agent, prompt: str, **headers: str) -> requests.Response:
    return agent.bridge.get(f"/agent/v1/prompts/{prompt}", **{**agent.bearer, **headers})


def answer(agent: Agent, prompt: str, nonce: str, given: list[str], **headers: str) -> requests.Response:
    body = {"v": 1, "nonce": nonce, "answer": given}
    return agent.bridge.post(f"/agent/v1/prompts/{prompt}", body, **{**agent.bearer, **headers})


def reason(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["reason"]


@pytest.fixture
def agent(bridge: BridgeServer) -> Agent:
    ready = Agent.ready(bridge)
    ready.pass_check()
    return ready


def test_an_idle_learner_is_asked_and_a_right_answer_keeps_all_that_counts(agent: Agent) -> None:
    prompt = idle_until_asked(agent)
    shown = show(agent, prompt).json()
    told = answer(agent, prompt, shown["nonce"], read_and_answer(shown["question"]))
    assert (told.status_code, told.json()["state"]) == (200, "answered")
    agent.next_check()

    assert Refusal.PROMPT_MISSED not in agent.statement().refused_seconds
    assert [entry.data["outcome"] for entry in agent.ledger() if entry.kind == "prompt"] == ["answered"]


def test_a_question_left_alone_withdraws_from_its_due_moment(agent: Agent) -> None:
    idle_until_asked(agent)
    for _ in range(12):  # two minutes in which the hand moves and nobody answers
        agent.bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat()
    agent.next_check()

    refused = agent.statement().refused_seconds[Refusal.PROMPT_MISSED]
    assert 120 <= refused <= 160
    outcomes = [entry.data["outcome"] for entry in agent.ledger() if entry.kind == "prompt"]
    assert outcomes[0] == "missed"


def test_a_question_nobody_looks_at_is_ended_by_the_sweep(agent: Agent) -> None:
    idle_until_asked(agent)
    agent.bridge.clock.advance(61)
    agent.statement()

    assert [entry.data["outcome"] for entry in agent.ledger() if entry.kind == "prompt"] == ["missed"]


def test_the_answer_is_in_nothing_that_the_door_says(agent: Agent) -> None:
    prompt = idle_until_asked(agent)
    shown = show(agent, prompt).json()

    assert set(shown["question"]) == {"kind", "text", "choices", "pick"}
    assert all(set(choice) == {"id", "label"} for choice in shown["question"]["choices"])


def test_an_answer_before_the_question_was_shown_is_refused(agent: Agent) -> None:
    prompt = idle_until_asked(agent)

    assert reason(answer(agent, prompt, "", [])) == (409, "prompt_not_shown")
    assert reason(answer(agent, prompt, "0" * 32, ["x"])) == (409, "prompt_not_shown")


def test_an_answer_is_taken_once_and_its_replay_refused(agent: Agent) -> None:
    prompt = idle_until_asked(agent)
    shown = show(agent, prompt).json()
    right = read_and_answer(shown["question"])
    assert answer(agent, prompt, shown["nonce"], right).status_code == 200

    assert reason(answer(agent, prompt, shown["nonce"], right)) == (409, "prompt_closed")
    following = idle_until_asked(agent)
    assert following != prompt
    show(agent, following)
    assert reason(answer(agent, following, shown["nonce"], right)) == (409, "prompt_nonce")


def test_of_all_choices_sent_at_once_one_is_judged(agent: Agent) -> None:
    prompt = idle_until_asked(agent)
    shown = show(agent, prompt).json()
    question = shown["question"]
    guesses = [[choice["id"]] * question["pick"] for choice in question["choices"]] * 4

    def send(given: list[str]) -> int:
        return answer(agent, prompt, shown["nonce"], given).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, guesses))

    assert sorted(set(statuses)) == [200, 409]
    assert statuses.count(200) == 1


def test_another_learners_secret_neither_shows_nor_answers(agent: Agent, bridge: BridgeServer) -> None:
    prompt = idle_until_asked(agent)
    other = Agent.ready(bridge)

    assert reason(show(agent, prompt, **other.bearer)) == (401, "session_unknown")
    assert reason(answer(agent, prompt, "x", ["y"], **other.bearer)) == (401, "session_unknown")
    assert reason(show(agent, prompt, Authorization="")) == (401, "session_unknown")


def test_a_late_answer_is_refused_and_the_prompt_is_over(agent: Agent) -> None:
    prompt = idle_until_asked(agent)
    shown = show(agent, prompt).json()
    agent.bridge.clock.advance(61)

    assert reason(answer(agent, prompt, shown["nonce"], read_and_answer(shown["question"]))) == (
        409,
        "prompt_closed",
    )
    assert show(agent, prompt).json()["state"] == "missed"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "json_malformed")),
        (b'{"v":1,"nonce":"x"}', (422, "json_malformed")),
        (b'{"v":2,"nonce":"x","answer":[]}', (422, "version_unknown")),
        (b'{"v":1,"nonce":"x","answer":"abc"}', (422, "json_malformed")),
        (b'{"v":1,"nonce":"x","answer":["' + b"a" * 3000 + b'"]}', (413, "body_too_large")),
        ('{"v":1,"nonce":"码","answer":["码"]}'.encode(), (409, "prompt_nonce")),
    ],
)
def test_a_malformed_answer_is_refused_with_its_reason(
    agent: Agent, body: bytes, expected: tuple[int, str]
) -> None:
    prompt = idle_until_asked(agent)
    show(agent, prompt)

    assert reason(agent.bridge.post(f"/agent/v1/prompts/{prompt}", body, **agent.bearer)) == expected


@pytest.mark.parametrize("prompt", ["prm_nobody", "%00", "a" * 200])
def test_an_unknown_prompt_is_404(agent: Agent, prompt: str) -> None:
    assert reason(show(agent, prompt)) == (404, "prompt_unknown")


# -- the last words of a page that goes away -----------------------------------------------------------------------


def last_words(agent: Agent, batch: dict[str, Any], **headers: str) -> requests.Response:
    body = agent.secret.encode() + b"\n" + encoded(batch)
    return agent.bridge.post("/agent/v1/batches/last", body, **{"Content-Type": "text/plain", **headers})


def test_last_words_are_the_batch_itself_and_its_repetition_is_known(agent: Agent) -> None:
    agent.bridge.clock.advance(5)
    batch = agent.batch()
    first = last_words(agent, batch)
    again = agent.post(encoded(batch))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["nonce"] == again.json()["nonce"]
    assert first.json()["next_seq"] == batch["seq"] + 1


def test_last_words_need_the_secret_and_their_form(agent: Agent, bridge: BridgeServer) -> None:
    other = Agent.ready(bridge)
    batch = agent.batch()
    plain = {"Content-Type": "text/plain"}

    assert reason(last_words(agent, batch, **{"Content-Type": "application/json"})) == (415, "media_type")
    stolen = other.secret.encode() + b"\n" + encoded(batch)
    assert reason(bridge.post("/agent/v1/batches/last", stolen, **plain)) == (401, "session_unknown")
    assert reason(bridge.post("/agent/v1/batches/last", encoded(batch), **plain)) == (401, "session_unknown")
    assert reason(bridge.post("/agent/v1/batches/last", b"\xff~\n{}", **plain)) == (401, "session_unknown")


# -- what the page is told -----------------------------------------------------------------------------------------


def test_a_page_is_told_of_the_day_its_reasons_and_the_way_back(agent: Agent) -> None:
    while not agent.check():
        agent.bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat()
        agent.answer_prompt()
    due_media = agent.media_ms
    for _ in range(8):  # the check is let go by; the media plays on all the same
        agent.bridge.clock.advance(10)
        agent.media_ms += 10_000
        agent.beat()
    assert agent.pass_check()["state"] == "passed"
    for _ in range(3):
        agent.bridge.clock.advance(10)
        agent.media_ms += 10_000
        told = agent.beat()
        agent.bridge.drain()

    assert told["today"]["day"]["refused_seconds"] >= 60
    assert told["today"]["reasons"][0]["code"] == "check_missed"
    assert "重新学习" in told["today"]["reasons"][0]["message"]
    (rewind,) = [command for command in told["commands"] if command["type"] == "rewind"]
    assert due_media - 20_000 <= rewind["media_ms"] <= due_media
