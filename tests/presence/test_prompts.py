"""Prompts: when one is put, what its answer is worth, and what a script cannot do with it."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.presence.model import Activity, CheckState, StudySession
from bridge.presence.prompt_model import PromptKind, PromptRules, PromptState, is_prompt_due
from bridge.presence.questions import make_question, number_zh
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, MINUTE_MS, Agent, Room

RULES = PromptRules(
    gap_min_ms=2 * MINUTE_MS,
    gap_max_ms=3 * MINUTE_MS,
    idle_ms=MINUTE_MS,
    answer_window_ms=MINUTE_MS,
    attempts=2,
)


@pytest.fixture
def asking(known: Room) -> Room:
    """A room whose packs want prompts, and checks so rarely that none comes between."""
    known.rules.questions = RULES
    known.rules.values = replace(known.rules.values, gap_min_ms=30 * MINUTE_MS, gap_max_ms=40 * MINUTE_MS)
    return known


@pytest.fixture
def agent(asking: Room) -> Agent:
    return asking.begin().pass_check()


def until_asked(agent: Agent, *, most_beats: int = 20) -> str:
    """Beat every ten seconds, busy all the time, until a prompt is put; return its id."""
    for _ in range(most_beats):
        if any(command["type"] == "prompt" for command in agent.beat()):
            return agent.prompt
    raise AssertionError("no prompt was put")


def ended(room: Room) -> list[tuple[str, str]]:
    return [(data["prompt"], data["outcome"]) for data in room.events("presence.prompt_ended")]


@given(st.integers(0, 2**32 - 1), st.integers(0, 10**12))
def test_the_next_prompt_is_due_within_the_packs_bounds(chance: int, at_ms: int) -> None:
    due = RULES.due_after(at_ms, chance)

    assert at_ms + RULES.gap_min_ms <= due < at_ms + RULES.gap_max_ms


@given(st.integers(0, 2**31))
def test_a_question_has_one_answer_among_its_choices_and_never_tells_it(seed: int) -> None:
    question = make_question(Random(seed))
    asked = question.asked()

    ids = [choice["id"] for choice in asked["choices"]]
    labels = [choice["label"] for choice in asked["choices"]]
    assert len(set(ids)) == len(ids) == len(set(labels))
    assert set(question.answer) <= set(ids)
    assert len(set(question.answer)) == len(question.answer) == asked["pick"]
    assert set(asked) == {"kind", "text", "choices", "pick"}
    assert {tuple(sorted(choice)) for choice in asked["choices"]} == {("id", "label")}


def test_questions_vary_in_kind_and_content() -> None:
    made = [make_question(Random(seed)) for seed in range(200)]

    assert {one.kind for one in made} == {"number", "extreme", "sum", "word", "order"}
    assert len({(one.text_zh, one.choices) for one in made}) == 200


@pytest.mark.parametrize(
    ("number", "words"), [(7, "七"), (10, "十"), (16, "十六"), (20, "二十"), (47, "四十七")]
)
def test_numbers_are_said_as_people_say_them(number: int, words: str) -> None:
    assert number_zh(number) == words


def test_a_busy_learner_is_asked_at_a_random_moment_between_the_bounds(asking: Room) -> None:
    begun = asking.now_ms
    agent = asking.begin().pass_check()
    until_asked(agent)

    assert begun + RULES.gap_min_ms <= asking.now_ms < begun + RULES.gap_max_ms + 10_000
    with asking.open() as desk:
        (prompt,) = desk.prompts._store.prompts_of(agent.session.id)  # type: ignore[attr-defined]
    assert prompt.kind is PromptKind.RANDOM
    assert prompt.due_ms <= prompt.opened_ms == asking.now_ms


def test_without_any_interaction_a_prompt_comes_at_once(agent: Agent, asking: Room) -> None:
    assert agent.beat(idle_seconds=59) == []
    agent.beat(after_seconds=55, idle_seconds=61)
    prompt = agent.show_prompt().prompt

    assert (prompt.kind, prompt.due_ms) == (PromptKind.IDLE, asking.now_ms)


def test_a_page_that_never_saw_a_touch_is_idle_since_the_last_proof_of_attention(agent: Agent) -> None:
    for _ in range(5):
        assert agent.beat(touched=False) == []
    agent.beat(touched=False)
    assert agent.answer_rightly().prompt.state is PromptState.ANSWERED
    assert agent.beat(touched=False, after_seconds=50) == []
    assert [command["type"] for command in agent.beat(touched=False)] == ["prompt"]


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_where_no_pack_asks_nothing_is_ever_due(now_ms: int, idle_ms: int, attended_ms: int) -> None:
    session = StudySession(
        **dict.fromkeys(StudySession.__slots__) | {"attended_ms": attended_ms, "next_prompt_ms": None}  # type: ignore[arg-type]
    )

    assert not is_prompt_due(session, now_ms, idle_ms)


def test_without_rules_and_in_a_test_nobody_is_asked(known: Room) -> None:
    agent = known.begin().pass_check()
    assert agent.beat(after_seconds=240, idle_seconds=200) == []
    known.rules.questions = RULES
    test = known.begin(activity=Activity.TEST, token="token-2")
    test.pass_check()

    assert test.session.next_prompt_ms is None
    assert test.beat(after_seconds=200, idle_seconds=200) == []


def test_an_answer_is_entered_once_and_the_next_prompt_planned_anew(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    told = agent.answer_rightly()

    assert (told.prompt.state, told.message) == (PromptState.ANSWERED, "回答正确,请继续学习。")
    assert ended(asking) == [(prompt, "answered")]
    assert agent.beat(after_seconds=100) == []
    until_asked(agent)
    assert agent.prompt != prompt


def test_the_answer_stands_in_nothing_that_the_client_gets(agent: Agent) -> None:
    until_asked(agent)
    (command,) = agent.commands
    assert set(command) == {"type", "prompt", "answer_within_seconds", "attempts_left", "message"}
    shown = agent.show_prompt().prompt

    assert shown.question is not None
    assert "answer" not in shown.question
    assert set(shown.question["choices"][0]) == {"id", "label"}


def test_asked_again_the_same_question_is_shown(agent: Agent) -> None:
    until_asked(agent)

    assert agent.show_prompt().prompt == agent.show_prompt().prompt


def test_a_wrong_answer_brings_another_question_and_the_last_ends_it(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    first = agent.show_prompt().prompt
    again = agent.answer_prompt(first.nonce, ("nothing",))
    assert (again.prompt.state, again.prompt.attempts_left) == (PromptState.OPEN, 1)
    second = agent.show_prompt().prompt
    assert (second.nonce, second.question) != (first.nonce, first.question)
    over = agent.answer_prompt(second.nonce, second.answer[:-1])

    assert over.prompt.state is PromptState.WRONG
    assert ended(asking) == [(prompt, "wrong")]
    assert [command["type"] for command in agent.beat()] == ["prompt"]
    assert agent.prompt != prompt


def test_an_answer_in_another_order_is_wrong(agent: Agent) -> None:
    until_asked(agent)
    shown = agent.show_prompt().prompt
    more = (*shown.answer, *shown.answer)

    assert agent.answer_prompt(shown.nonce, more).prompt.state is PromptState.OPEN


def test_a_prompt_not_answered_in_time_is_missed_from_its_due_moment(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    shown = agent.show_prompt().prompt
    agent.beat(after_seconds=60)

    (data,) = asking.events("presence.prompt_ended")
    assert (data["prompt"], data["outcome"], data["due_ms"]) == (prompt, "missed", shown.due_ms)
    next_one = agent.show_prompt().prompt
    assert (next_one.id != prompt, next_one.due_ms) == (True, asking.now_ms)
    with pytest.raises(InvalidInput, match="没有在规定时间内"):
        agent.answer_prompt(shown.nonce, shown.answer, prompt=prompt)


def test_a_late_answer_ends_the_prompt_and_is_refused(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    shown = agent.show_prompt().prompt
    asking.pass_time(seconds=60)
    with pytest.raises(InvalidInput) as refused:
        agent.answer_prompt(shown.nonce, shown.answer)

    assert refused.value.reason == "prompt_closed"
    assert ended(asking) == [(prompt, "missed")]


def test_the_judge_itself_takes_no_answer_to_a_prompt_that_is_over(agent: Agent, asking: Room) -> None:
    until_asked(agent)
    shown = agent.show_prompt().prompt
    asking.pass_time(seconds=60)
    with asking.open() as desk:
        over = desk.presence.prompt(shown.id, agent.secret)
        assert (over.state, over.nonce) == (PromptState.MISSED, shown.nonce)
        with pytest.raises(InvalidInput) as refused:
            desk.prompts.answer(over, shown.nonce, shown.answer)

    assert refused.value.reason == "prompt_closed"


def test_an_answer_before_the_question_was_shown_is_refused(agent: Agent) -> None:
    until_asked(agent)
    with pytest.raises(InvalidInput) as refused:
        agent.answer_prompt("", ())

    assert refused.value.reason == "prompt_not_shown"


def test_one_question_takes_one_answer_however_many_are_sent(agent: Agent, asking: Room) -> None:
    """Guesses at once: the first is judged, the others were made for a question that is used up."""
    until_asked(agent)
    shown = agent.show_prompt().prompt
    agent.answer_prompt(shown.nonce, ("guess",))
    for guess in shown.answer:
        with pytest.raises(InvalidInput) as refused:
            agent.answer_prompt(shown.nonce, (guess,))
        assert refused.value.reason == "prompt_not_shown"
    fresh = agent.show_prompt().prompt
    with pytest.raises(InvalidInput) as refused:
        agent.answer_prompt(shown.nonce, fresh.answer)

    assert refused.value.reason == "prompt_nonce"
    assert ended(asking) == []


def test_a_right_answer_sent_again_is_refused_and_changes_nothing(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    shown = agent.show_prompt().prompt
    agent.answer_prompt(shown.nonce, shown.answer)
    with pytest.raises(InvalidInput) as refused:
        agent.answer_prompt(shown.nonce, shown.answer)

    assert refused.value.reason == "prompt_closed"
    assert ended(asking) == [(prompt, "answered")]


def test_another_sessions_secret_neither_shows_nor_answers(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    shown = agent.show_prompt().prompt
    other = asking.begin(learner=type(LEARNER)("lrn_2"), token="token-2")
    with pytest.raises(NotPermitted) as refused:
        agent.show_prompt(secret=other.secret)
    assert refused.value.reason == "session_unknown"
    with pytest.raises(NotPermitted) as refused:
        agent.answer_prompt(shown.nonce, shown.answer, secret=other.secret)
    assert refused.value.reason == "session_unknown"

    assert agent.show_prompt(prompt).prompt.state is PromptState.OPEN


@pytest.mark.parametrize("unknown", ["prm_nobody", "\x00", "../checks"])
def test_an_unknown_prompt_is_said_to_be_unknown(agent: Agent, unknown: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        agent.show_prompt(unknown)

    assert refused.value.reason == "prompt_unknown"


def test_nobody_is_asked_while_the_page_is_out_of_sight(agent: Agent) -> None:
    for _ in range(20):
        assert agent.beat(visible=False) == []

    assert [command["type"] for command in agent.beat()] == ["prompt"]


def test_one_moment_in_sight_is_enough_to_be_asked(agent: Agent, asking: Room) -> None:
    """Else a client that says "hidden" of its last moment alone would never be asked."""
    asking.pass_time(seconds=181)
    batch = agent.batch()
    shown, hidden = batch.events[0], batch.events[0]._replace(visible=False)

    assert [c["type"] for c in agent.send(replace(batch, events=(shown, hidden))).commands] == ["prompt"]


def test_a_passed_check_puts_the_next_prompt_off(asking: Room) -> None:
    agent = asking.begin()
    asking.pass_time(seconds=170)
    assert [command["type"] for command in agent.beat()] == ["check"]
    agent.pass_check()

    assert agent.beat(after_seconds=100) == []


def test_a_check_stands_in_for_an_open_prompt_from_its_due_moment(agent: Agent, asking: Room) -> None:
    until_asked(agent)
    shown = agent.show_prompt().prompt
    agent.beat(ending=True)
    check = asking.check(agent.check)

    assert check.due_ms == shown.due_ms
    assert agent.show_prompt(shown.id).prompt.state is PromptState.SUPERSEDED
    assert ended(asking) == []
    assert asking.answer(check.id, picture("0")).state is CheckState.PASSED
    assert agent.beat(after_seconds=100) == []


def test_leaving_with_a_prompt_open_takes_an_exit_check_however_fresh_the_last(asking: Room) -> None:
    asking.rules.questions = replace(RULES, gap_min_ms=1, gap_max_ms=2)
    agent = asking.begin().pass_check()
    agent.beat(after_seconds=5)
    assert agent.prompt

    assert [command["type"] for command in agent.beat(after_seconds=5, ending=True)] == ["check"]


def test_a_session_that_is_given_up_leaves_its_prompt_missed(agent: Agent, asking: Room) -> None:
    prompt = until_asked(agent)
    asking.begin(token="token-2")

    assert ended(asking) == [(prompt, "missed")]


def test_a_repeated_batch_is_told_of_the_same_prompt(agent: Agent, asking: Room) -> None:
    asking.pass_time(seconds=181)
    batch = agent.batch()
    (first,) = agent.send(batch).commands
    (again,) = agent.send(batch).commands

    assert first["prompt"] == again["prompt"]
