"""Questions put to the learner: one that was not answered rightly in time withdraws; an answer earns nothing."""

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.ledger.model import Refusal, SecondsStatement, settle
from bridge.ledger.model.facts import require_fact
from tests.ledger.study import MINUTE, SECOND, Study, rules, sheet


def worth(study: Study) -> SecondsStatement:
    return settle(sheet(), study.entries(), rules())


def half_an_hour(*passes: int) -> Study:
    """Half an hour at a stretch, with a check passed at both ends and at `passes`."""
    study = Study().anchor().watch("s", 0, 30 * MINUTE)
    return study.passes("s", 0, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, *passes)


@pytest.mark.parametrize("outcome", ["missed", "wrong", "a word of tomorrow"])
def test_a_prompt_not_answered_withdraws_from_its_due_moment_until_the_next_answer(outcome: str) -> None:
    study = half_an_hour()
    study.prompt("s", 13 * MINUTE, outcome, due=12 * MINUTE)
    study.prompt("s", 15 * MINUTE, due=13 * MINUTE)

    told = worth(study)

    assert told.figures.refused_ms == {Refusal.PROMPT_MISSED: 3 * MINUTE}
    assert told.credited_ms == 27 * MINUTE


def test_a_passed_check_ends_the_withdrawal_too() -> None:
    study = half_an_hour(17 * MINUTE)
    study.prompt("s", 13 * MINUTE, "missed", due=12 * MINUTE)

    assert worth(study).figures.refused_ms == {Refusal.PROMPT_MISSED: 5 * MINUTE}


def test_what_was_passed_or_answered_while_the_prompt_stood_does_not_end_it() -> None:
    """It stood until 13:00; who was there at 12:30 may have left again."""
    study = half_an_hour(12 * MINUTE + 30 * SECOND)
    study.prompt("s", 13 * MINUTE, "missed", due=12 * MINUTE)

    assert worth(study).figures.refused_ms == {Refusal.PROMPT_MISSED: 8 * MINUTE}


def test_without_an_answer_the_rest_of_the_session_is_withdrawn() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0)
    study.prompt("s", 5 * MINUTE, "missed", due=4 * MINUTE)

    assert worth(study).figures.refused_ms == {Refusal.PROMPT_MISSED: 6 * MINUTE}


def test_an_answered_prompt_changes_nothing_and_proves_nobody() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0)
    before = worth(study)
    study.prompt("s", 9 * MINUTE, due=8 * MINUTE)

    assert worth(study).figures == before.figures
    assert before.credited_ms == 0


def test_a_prompt_of_one_session_withdraws_nothing_of_another() -> None:
    study = half_an_hour()
    study.watch("later", 40 * MINUTE, 5 * MINUTE, media=30 * MINUTE)
    study.passes("later", 40 * MINUTE, 45 * MINUTE)
    study.prompt("s", 13 * MINUTE, "missed", due=12 * MINUTE)
    study.prompt("later", 41 * MINUTE)

    assert worth(study).session("later").credited_ms == 5 * MINUTE
    assert worth(study).session("s").refused_ms == {Refusal.PROMPT_MISSED: 8 * MINUTE}


def test_the_media_of_withdrawn_time_may_be_studied_anew() -> None:
    study = half_an_hour()
    study.prompt("s", 13 * MINUTE, "missed", due=12 * MINUTE)
    study.prompt("s", 15 * MINUTE)
    study.watch("again", 40 * MINUTE, 3 * MINUTE, media=12 * MINUTE)
    study.passes("again", 40 * MINUTE, 43 * MINUTE)

    assert worth(study).credited_ms == 30 * MINUTE


def test_the_reason_names_the_rule_and_says_how_to_make_it_up() -> None:
    study = half_an_hour()
    study.prompt("s", 13 * MINUTE, "missed", due=12 * MINUTE)

    reason = worth(study).reasons[Refusal.PROMPT_MISSED]

    assert reason.citation.basis.value == "practice"
    assert "重新学习这部分内容" in reason.sentence_zh


@pytest.mark.parametrize("field", ["prompt", "session", "due_ms", "at_ms", "outcome", "learner", "class_run"])
def test_a_prompt_with_a_part_missing_is_no_entry(field: str) -> None:
    _, data = Study().prompt("s", 0).facts[0]
    require_fact("prompt", data)

    with pytest.raises(InvalidInput, match="prompt"):
        require_fact("prompt", {name: value for name, value in data.items() if name != field})
