"""What the presence checks and prompts of one session prove of its wall time."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from bridge.kernel.intervals import Interval, IntervalSet
from bridge.ledger.model.facts import ANSWERED, OTHER_PERSON, PASSED, CheckFact, PromptFact
from bridge.ledger.model.reasons import Refusal
from bridge.ledger.model.rules import StudyRules, legal_day

_TO_LAST_PASS = {
    OTHER_PERSON: Refusal.OTHER_PERSON,
    "suspected_spoof": Refusal.SUSPECTED_SPOOF,
}
"""Outcomes that say that the learner may not have sat there since the last pass."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The wall time of a session by what is proved.

    Args:
        settled: between two passed checks, as far as those reach; what is not refused either awaits a check.
        refused: sets that may overlap; `Refusal`'s order says which holds.
        unanchored: between passed checks of which one compared with a reference that is nobody's yet, and after the
            last if it did.
    """

    settled: IntervalSet
    refused: dict[Refusal, IntervalSet]
    unanchored: IntervalSet = field(default_factory=IntervalSet)


def prove(
    wall: Interval, checks: Iterable[CheckFact], rules: StudyRules, *, left: bool, anchors: Collection[str]
) -> Proof:
    """Return what `checks` (of this session alone) prove of `wall`.

    A pass proves the time up to the next pass, but no further than `check_reach_ms`. A missed check withdraws
    from the moment it was due until the next pass, another person's face and a picture held before the camera
    from the last pass before it. A pass earns nothing by itself.

    Args:
        left: the learner has passed a check elsewhere after this session's last beat. What still awaited a
            check here is then refused, so that its media can be studied anew rather than wait for ever.
        anchors: the references that are this person's, as `Facts.anchors`.
    """
    decided = list(checks)
    passes = sorted({check.at_ms for check in decided if check.outcome == PASSED})
    strange = {check.at_ms for check in decided if check.outcome == PASSED and check.reference not in anchors}
    missed: list[tuple[int, int]] = []
    to_last_pass: dict[Refusal, list[tuple[int, int]]] = {reason: [] for reason in _TO_LAST_PASS.values()}
    for check in decided:
        if check.outcome == PASSED:
            continue
        later = bisect_right(passes, check.at_ms)
        until = passes[later] if later < len(passes) else wall.end
        reason = _TO_LAST_PASS.get(check.outcome)
        if reason is not None:
            earlier = bisect_left(passes, check.at_ms)
            since = passes[earlier - 1] if earlier else wall.start
            to_last_pass[reason].append((min(since, check.due_ms), until))
        else:
            missed.append((check.due_ms, until))
    settled: list[tuple[int, int]] = []
    unanchored: list[tuple[int, int]] = []
    unreached: list[tuple[int, int]] = []
    for index, at in enumerate(passes):
        reach = at + rules.on(legal_day(at)).check_reach_ms
        until = passes[index + 1] if index + 1 < len(passes) else wall.end
        if index + 1 < len(passes):
            settled.append((at, min(until, reach)))
        if at in strange or until in strange:
            unanchored.append((at, until))
        unreached.append((reach, until))
    before_any = (wall.start, min(passes[0], wall.end) if passes else wall.end)
    return Proof(
        settled=IntervalSet(settled),
        unanchored=IntervalSet(unanchored),
        refused={
            **{reason: IntervalSet(parts) for reason, parts in to_last_pass.items()},
            Refusal.CHECK_MISSED: IntervalSet(missed),
            Refusal.NO_PRESENCE: IntervalSet([before_any]),
            Refusal.PRESENCE_GAP: IntervalSet(unreached),
            Refusal.UNCONFIRMED: IntervalSet([(passes[-1], wall.end)] if left and passes else []),
        },
    )


def unanswered(wall: Interval, prompts: Iterable[PromptFact], checks: Iterable[CheckFact]) -> IntervalSet:
    """Return what the prompts (of this session alone) that were not answered rightly in time withdraw of `wall`.

    From the moment at which one was due until the next that was answered, or the next passed check. An answer proves
    no person and settles nothing: that is for checks.
    """
    asked = list(prompts)
    there = sorted(
        {prompt.at_ms for prompt in asked if prompt.outcome == ANSWERED}
        | {check.at_ms for check in checks if check.outcome == PASSED}
    )
    missed = []
    for prompt in asked:
        if prompt.outcome != ANSWERED:
            later = bisect_right(there, prompt.at_ms)
            missed.append((prompt.due_ms, there[later] if later < len(there) else wall.end))
    return IntervalSet(missed)
