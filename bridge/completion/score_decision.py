"""Whether a score counts: the pack's pass mark, and presence over the whole attempt. Pure."""

import re
from datetime import datetime
from fractions import Fraction
from typing import Any

from bridge.completion.model import TestEvidence, TestScore
from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import legal_date
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import Decision, LegalDates, ProfileInForce, Reason

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")  # no exponent: 1e999999999 would fill the memory


TEST_DECIDED = "completion.test_decided"
"""Type of the event that a test was decided; its data is `decided_data`."""
WITHOUT_PRESENCE = "score_without_presence"
SCORE_REFUSED = "completion.score_refused"
"""Type of the event that a score was not taken up at all."""
SCORE_CHANGED = Reason(
    "score_changed",
    "本次测试已有成绩且已作出认定,后来收到的不同成绩不予采信;如需更正请由机构走更正流程。",
    "bridge",
    "completion.one_score_for_an_attempt",
    Citation(Basis.PRACTICE, "安学桥成绩认定"),
)
"""An attempt has one score: whoever may send a second one, better, until it passes, has no test."""


def legal_dates(sheet: ClassRunSheet, now: datetime) -> LegalDates:
    """Return the days on which rules are read for this learner, if something happens at `now`."""
    today = legal_date(now)
    return LegalDates(
        enrolment=sheet.enrolled_on,
        opening=sheet.class_run.opens_on,
        study_second=today,
        issue=today,
        event=today,
    )


def share_of(score: TestScore) -> Fraction:
    """Return score ÷ maximum, exact; InvalidInput("score_malformed") unless 0 ≤ score ≤ maximum ≠ 0."""
    if not (_DECIMAL.fullmatch(score.score) and _DECIMAL.fullmatch(score.maximum)):
        raise _malformed()
    reached, maximum = Fraction(score.score), Fraction(score.maximum)
    if reached > maximum or maximum == 0:
        raise _malformed()
    return reached / maximum


def is_mark(score: TestScore, mark: str, maximum: str) -> bool:
    """Return whether the score is this mark of this maximum, however many zeros either is written with."""
    share_of(score)
    return (Fraction(score.score), Fraction(score.maximum)) == (Fraction(mark), Fraction(maximum))


def decide(
    score: TestScore, evidence: TestEvidence, rules: ProfileInForce, dates: LegalDates
) -> Decision[bool]:
    """Return whether the score counts. The LMS's own "passed" is never looked at.

    Raises:
        NoRuleInForce: no pass mark, or nothing said on presence, on these dates.
        InvalidInput: "score_malformed".

    Source: 粤应急规〔2022〕3号 第二十四条 (presence over the whole test), 第二十五条 (course and test).
    """
    share = share_of(score)
    reasons: list[Reason] = []
    required = rules.read("test.presence_required", dates)
    if required.boolean() and (gap := _presence_gap(evidence, rules, dates)) is not None:
        reasons.append(
            required.reason(
                WITHOUT_PRESENCE,
                f"本次测试成绩不予采信:{gap}。请在刷脸核验或工作人员监督下重新参加测试。",
            )
        )
    mark = rules.read("test.pass_mark_share", dates)
    if share < mark.fraction():
        need = mark.fraction() * 100
        percent = str(need) if need.denominator == 1 else f"{need.numerator}/{need.denominator}"
        reasons.append(
            mark.reason(
                "below_pass_mark",
                f"测试得分 {score.score}(满分 {score.maximum}),未达到满分的 {percent}%,请复习后重新测试。",
            )
        )
    return Decision(not reasons, tuple(reasons))


def decided_data(score: TestScore, seen: TestEvidence, decision: Decision[bool]) -> dict[str, Any]:
    """Return the data of `TEST_DECIDED`."""
    return {
        "learner": score.learner,
        "class_run": score.class_run,
        "unit": score.unit,
        "attempt": score.attempt,
        "score": score.score,
        "maximum": score.maximum,
        "started_real": score.started_real,
        "finished_real": score.finished_real,
        "message": score.message,
        "decision": "accepted" if decision.value else "refused",
        "reasons": [reason.code for reason in decision.reasons],
        "sentences": [reason.sentence_zh for reason in decision.reasons],
        "checks_passed": seen.in_test_checks_passed + int(seen.start_passed),
        "references": list(seen.references),
    }


def _presence_gap(evidence: TestEvidence, rules: ProfileInForce, dates: LegalDates) -> str | None:
    if evidence.attempt_ms <= 0 or evidence.covered_ms <= 0:
        return "平台没有收到测试过程的在场记录"
    if not evidence.start_passed:
        return "测试开始时没有通过在场核验"
    if evidence.in_test_checks_failed:
        return f"测试过程中有 {evidence.in_test_checks_failed} 次在场核验未通过"
    longest = rules.read("presence.test_check_gap_max_seconds", dates).integer() * 1000
    if evidence.attempt_ms > longest and not evidence.in_test_checks_passed:
        return "测试过程中没有在场核验记录"
    least = rules.read("test.beat_coverage_min_share", dates).fraction()
    if Fraction(evidence.covered_ms, evidence.attempt_ms) < least:
        return "在场记录没有覆盖测试全程"
    return None


def _malformed() -> InvalidInput:
    return InvalidInput(
        "score_malformed",
        "成绩格式不对:得分应为 0 到满分之间的数,请检查学习平台的成绩设置。",
        http_status=422,
    )
