"""What corrections are worth: they set aside and carry, whatever order they come in, and make no credit."""

import random
from typing import Any

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.ledger.model import LedgerInvalid, SecondsStatement, settle
from bridge.ledger.model.facts import require_fact
from tests.ledger.study import MINUTE, START, Study, chain, rules, sheet

SAID = {
    "learner": "lrn_made_up",
    "class_run": "run_made_up",
    "reason": "technical_fault",
    "document_sha256": None,
    "proposed_by": "staff_1",
    "confirmed_by": "staff_2",
}
HEAD = "ab" * 32


def correction(name: str, what: str, **details: Any) -> tuple[str, dict[str, Any]]:
    return "correction", {**SAID, "correction": name, "what": what, **details}


def withdraw(start: int, end: int) -> tuple[str, dict[str, Any]]:
    return correction("cor_w", "withdraw", start_ms=START + start, end_ms=START + end)


def brought(credited_ms: int, seen: list[list[int]], offline: list[dict[str, Any]] | None = None) -> Any:
    unit = {"unit": "unit-1", "credited_ms": credited_ms, "seen": seen}
    return correction(
        "cor_t",
        "transfer_in",
        **{"from": "run_old", "from_head": HEAD, "units": [unit], "offline": offline or []},
    )


def studied(minutes: int = 10) -> Study:
    study = Study().anchor().watch("s", 0, minutes * MINUTE)
    return study.passes("s", *range(0, minutes * MINUTE + 1, 5 * MINUTE))


def settled(study: Study, *corrections: tuple[str, dict[str, Any]]) -> SecondsStatement:
    return settle(sheet(), chain([*study.facts, *corrections]), rules())


def test_a_withdrawn_stretch_is_refused_and_its_media_may_be_studied_anew() -> None:
    study = studied(10).watch("again", 20 * MINUTE, 4 * MINUTE, media=2 * MINUTE)
    study.passes("again", 20 * MINUTE, 24 * MINUTE)

    before, after = settled(study), settled(study, withdraw(2 * MINUTE, 6 * MINUTE))

    assert (before.credited_seconds, before.refused_seconds) == (600, {"repeated": 240})
    assert (after.credited_seconds, after.refused_seconds) == (600, {"corrected": 240})
    reason = after.reasons["corrected"]
    assert (reason.parameter, reason.citation.article) == ("institution.data_change_allowed", "第十六条")


def test_a_void_check_neither_passes_nor_fails() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 10 * MINUTE)
    study.check("s", 5 * MINUTE, "other_person")
    void = correction("cor_c", "check_void", check=f"chk_s_{5 * MINUTE}")

    assert settled(study).refused_seconds == {"other_person": 600}
    assert settled(study, void).credited_seconds == 600


def test_a_void_check_proves_no_presence() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0).check("s", 10 * MINUTE)
    void = correction("cor_c", "check_void", check=f"chk_s_{10 * MINUTE}")

    assert settled(study).credited_seconds == 600
    assert settled(study, void).credited_seconds == 0


def test_a_void_offline_session_counts_no_more_and_frees_its_time() -> None:
    study = studied(10).offline(0, 90 * MINUTE)
    void = correction(
        "cor_o", "offline_void", outline_unit="offline-part", start_ms=START, end_ms=START + 90 * MINUTE
    )

    assert settled(study).credited_seconds == 0
    after = settled(study, void)
    assert (after.offline, after.credited_seconds) == ((), 600)


def test_who_moved_away_has_nothing_left_here() -> None:
    study = studied(10).offline(60 * MINUTE, 150 * MINUTE)

    after = settled(study, brought(120_000, []), correction("cor_t2", "transfer_out", to="run_new"))

    assert (after.credited_seconds, after.offline, after.carried_ms) == (0, (), 0)
    assert after.refused_seconds == {"moved_away": 600}


def test_what_was_brought_counts_and_its_media_does_not_count_again() -> None:
    study = studied(10)

    after = settled(study, brought(4 * MINUTE, [[0, 4 * MINUTE]]))

    assert (after.credited_seconds, after.carried_ms) == (600, 4 * MINUTE)
    assert after.refused_seconds == {"repeated": 240}
    unit = after.unit("unit-1")
    assert unit is not None
    assert unit.figures.credited_seconds == 600


def test_what_was_brought_counts_before_anything_is_studied() -> None:
    session = {
        "outline_unit": "offline-part",
        "start_ms": START,
        "end_ms": START + 90 * MINUTE,
        "class_hours": 2,
        "teacher": "teacher_1",
        "place": "room_1",
        "sheet_sha256": HEAD,
    }

    after = settled(Study(), brought(3 * MINUTE, [], [session]))

    assert after.credited_seconds == 180
    assert [one.class_hours for one in after.offline] == [2]
    assert after.carried_offline == after.offline


def test_only_what_was_brought_is_carried() -> None:
    after = settled(Study().offline(0, 90 * MINUTE), brought(0, []))

    assert (len(after.offline), after.carried_offline) == (1, ())


def test_corrections_are_worth_the_same_in_any_order() -> None:
    study = studied(20).check("s", 7 * MINUTE, "missed").offline(60 * MINUTE, 150 * MINUTE)
    facts = [
        *study.facts,
        withdraw(2 * MINUTE, 3 * MINUTE),
        correction("cor_c", "check_void", check=f"chk_s_{7 * MINUTE}"),
        brought(60_000, [[15 * MINUTE, 16 * MINUTE]]),
    ]
    expected = settle(sheet(), chain(facts), rules())

    for seed in range(5):
        random.Random(seed).shuffle(facts)
        assert settle(sheet(), chain(facts), rules()) == expected


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("withdraw", {"confirmed_by": "staff_1"}),
        ("withdraw", {"reason": "because"}),
        ("withdraw", {"end_ms": START}),
        ("withdraw", {"document_sha256": "no hash"}),
        ("make_credit", {}),
        ("check_void", {"check": ""}),
        ("transfer_in", {"from": "run_old", "from_head": "x", "units": [], "offline": []}),
        ("transfer_in", {"from": "run_old", "from_head": HEAD, "units": [{"unit": "u"}], "offline": []}),
    ],
)
def test_a_correction_that_says_too_little_is_no_entry(what: str, wrong: dict[str, Any]) -> None:
    _kind, good = withdraw(0, MINUTE)

    with pytest.raises(InvalidInput, match="ledger_fact_invalid"):
        require_fact("correction", {**good, "what": what, **wrong})
    with pytest.raises(LedgerInvalid, match="entry_invalid"):
        settle(sheet(), chain([("correction", {**good, "what": what, **wrong})]), rules())
