from dataclasses import replace
from fractions import Fraction

import pytest

from bridge.completion.model import TestEvidence
from bridge.completion.score_decision import decide, legal_dates, share_of
from bridge.kernel.errors import InvalidInput
from bridge.rules.loader import load_rule_book
from tests.completion.papers import GOOD_EVIDENCE, NOW, SHEET, score

RULES = load_rule_book().profile("guangdong")
DATES = legal_dates(SHEET, NOW)


def _reasons(points: str, evidence: TestEvidence) -> list[str]:
    decision = decide(score(points), evidence, RULES, DATES)
    assert decision.value is not bool(decision.reasons)
    return [reason.code for reason in decision.reasons]


def test_the_pass_mark_itself_passes_and_a_hair_below_does_not() -> None:
    assert _reasons("80", GOOD_EVIDENCE) == []
    assert _reasons("79.999999999", GOOD_EVIDENCE) == ["below_pass_mark"]


def test_the_share_is_exact() -> None:
    assert share_of(score("0.1", "0.3")) == Fraction(1, 3)


@pytest.mark.parametrize(
    "gap",
    [
        {"start_passed": False},
        {"in_test_checks_failed": 1},
        {"in_test_checks_passed": 0},
        {"covered_ms": 539_999},
        {"covered_ms": 0},
        {"attempt_ms": 0},
    ],
)
def test_a_full_score_with_a_gap_in_presence_does_not_count(gap: dict[str, int]) -> None:
    gapped = replace(GOOD_EVIDENCE, **gap)  # type: ignore[arg-type]
    decision = decide(score("100"), gapped, RULES, DATES)
    assert not decision.value
    (reason,) = decision.reasons
    assert reason.code == "score_without_presence"
    assert reason.citation.article == "第二十四条"


def test_coverage_of_nine_tenths_is_enough_and_a_short_test_needs_no_check_within() -> None:
    assert _reasons("100", replace(GOOD_EVIDENCE, covered_ms=540_000)) == []
    short = TestEvidence(True, 0, 0, 300_000, 300_000)
    assert _reasons("100", short) == []


@pytest.mark.parametrize(
    ("points", "maximum"),
    [
        ("-1", "100"),
        ("101", "100"),
        ("0", "0"),
        ("1e9", "1e99"),
        ("1/2", "1"),
        ("nan", "1"),
        ("", "1"),
        ("8８", "100"),
    ],
)
def test_a_malformed_score_is_refused(points: str, maximum: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        share_of(score(points, maximum))
    assert refused.value.reason == "score_malformed"
