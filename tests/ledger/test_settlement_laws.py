"""Laws of settlement, on random study: what changes nothing, and what can never be."""

import random
from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model import Refusal, SecondsStatement, Verdict, settle
from tests.ledger.study import BEAT, START, Study, chain, rules, sheet
from tests.ledger.test_settlement import MaySeek

Facts = list[tuple[str, dict[str, Any]]]


@st.composite
def studies(draw: st.DrawFn) -> Facts:
    """One to three sessions, honest or not, on two units, with checks of every outcome."""
    study = Study()
    if draw(st.booleans()):
        study.anchor()
    for name in "abc"[: draw(st.integers(1, 3))]:
        at = draw(st.integers(0, 400_000))
        unit = draw(st.sampled_from(["unit-1", "unit-2", "quiz"]))
        previous = None
        media = draw(st.integers(0, 100_000))
        for _ in range(draw(st.integers(1, 8))):
            beats = []
            for _ in range(draw(st.integers(1, 4))):
                at += draw(st.integers(0, 12_000))
                media = max(0, media + draw(st.integers(-5_000, 25_000)))
                visible = draw(st.sampled_from([1, 1, 1, 0]))
                age = draw(st.sampled_from([0, 5_000, 400_000, None]))
                rate = draw(st.sampled_from([1000, 1000, 1000, 2000]))
                beats.append((at, media, visible, age, rate))
            at += draw(st.sampled_from([0, 500, 40_000]))
            study.beats(name, beats, received=at, previous=previous, unit=unit)
            previous = at
        for _ in range(draw(st.integers(0, 4))):
            when = draw(st.integers(0, 600_000))
            outcome = draw(st.sampled_from(["passed", "passed", "missed", "other_person"]))
            study.check(name, when, outcome, due=when - draw(st.integers(0, 60_000)))
        for _ in range(draw(st.integers(0, 3))):
            when = draw(st.integers(0, 600_000))
            outcome = draw(st.sampled_from(["answered", "missed", "wrong"]))
            study.prompt(name, when, outcome, due=when - draw(st.integers(0, 60_000)))
    if draw(st.booleans()):
        study.offline(200_000, 260_000)
    return study.facts


def statement_of(facts: Facts) -> SecondsStatement:
    return settle(sheet(), chain(facts), rules())


def walls(facts: Facts) -> dict[str, IntervalSet]:
    """Return what the server saw of each session, computed apart from the code under test."""
    moments: dict[str, list[int]] = defaultdict(list)
    for kind, data in facts:
        if kind == "beats":
            until = data["received_ms"]
            since = until if data["previous_received_ms"] is None else data["previous_received_ms"]
            moments[data["session"]] += [min(max(beat[0], since), until) for beat in data["beats"]]
    return {name: IntervalSet([(min(at), max(at))]) for name, at in moments.items()}


def heard(facts: Facts) -> IntervalSet:
    """Return the union of the server's own intervals between batches."""
    return IntervalSet(
        (data["previous_received_ms"], data["received_ms"])
        for kind, data in facts
        if kind == "beats" and data["previous_received_ms"] is not None
    )


@given(studies())
@settings(max_examples=150, deadline=None)
def test_the_timeline_tiles_each_sessions_wall_time_exactly(facts: Facts) -> None:
    statement = statement_of(facts)

    for name, wall in walls(facts).items():
        own = [s for s in statement.timeline if s.session == name]
        assert IntervalSet((s.start_ms, s.end_ms) for s in own) == wall
        assert sum(s.length_ms for s in own) == wall.total


@given(studies())
@settings(max_examples=150, deadline=None)
def test_without_second_sessions_the_timeline_tiles_the_union_of_all_devices(facts: Facts) -> None:
    statement = statement_of(facts)
    union = IntervalSet()
    for wall in walls(facts).values():
        union |= wall

    once = [s for s in statement.timeline if s.reason != Refusal.SECOND_SESSION]

    assert IntervalSet((s.start_ms, s.end_ms) for s in once) == union
    assert sum(s.length_ms for s in once) == union.total
    figures = statement.figures
    total = figures.credited_ms + figures.provisional_ms + sum(figures.refused_ms.values())
    assert total - figures.refused_ms.get(Refusal.SECOND_SESSION, 0) == union.total


@given(studies())
@settings(max_examples=150, deadline=None)
def test_credit_lies_within_what_the_server_heard_and_media_is_credited_once(facts: Facts) -> None:
    statement = statement_of(facts)
    counted = [s for s in statement.timeline if s.verdict is not Verdict.REFUSED]

    assert not IntervalSet((s.start_ms, s.end_ms) for s in counted) - heard(facts)
    for unit in statement.units:
        assert unit.figures.credited_ms + unit.figures.provisional_ms == unit.seen_media.total
    for a, b in pairwise(sorted((s.start_ms, s.end_ms) for s in counted)):
        assert a[1] <= b[0]


@given(studies(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_order_of_arrival_and_doubled_entries_change_nothing(facts: Facts, dice: random.Random) -> None:
    shuffled = [*facts, *dice.sample(facts, len(facts) // 2)]
    dice.shuffle(shuffled)

    assert statement_of(shuffled) == statement_of(facts)


@given(studies(), st.data())
@settings(max_examples=100, deadline=None)
def test_nothing_counts_from_a_missed_check_to_the_next_pass(facts: Facts, data: st.DataObject) -> None:
    when = data.draw(st.integers(0, 600_000))
    due = when - data.draw(st.integers(0, 60_000))
    study = Study(list(facts)).check("a", when, "missed", due=due)
    later = [
        fact["at_ms"] - START
        for kind, fact in facts
        if kind == "check" and (fact["session"], fact["outcome"]) == ("a", "passed")
    ]

    until = min((at for at in later if at > when), default=10**9)
    withdrawn = IntervalSet([(START + due, START + until)])
    counted = IntervalSet(
        (s.start_ms, s.end_ms)
        for s in statement_of(study.facts).timeline
        if s.session == "a" and s.verdict is not Verdict.REFUSED
    )

    assert not counted & withdrawn


@given(st.lists(st.integers(1_000, 10_000), min_size=2, max_size=20), st.data())
@settings(max_examples=100, deadline=None)
def test_splitting_and_merging_batches_changes_nothing(steps: list[int], data: st.DataObject) -> None:
    beats = []
    at = 0
    for step in steps:
        at += step
        beats.append(
            (at, at + data.draw(st.integers(-300, 300)), 1, data.draw(st.integers(0, 400_000)), 1000)
        )
    beats.insert(0, (0, 0, 1, 0, 1000))

    def in_batches(cuts: set[int]) -> Facts:
        """Send the first beat alone, then a batch at each cut and where silence would grow too long."""
        study = Study().anchor().passes("s", 0, at // 2, at).beats("s", beats[:1], previous=None)
        sent, batch = 0, []
        for index, beat in enumerate(beats[1:], start=1):
            batch.append(beat)
            last = index == len(beats) - 1
            if last or index in cuts or beats[index + 1][0] - sent > 3 * BEAT:
                study.beats("s", batch, previous=sent)
                sent, batch = beat[0], []
        return study.facts

    whole = statement_of(in_batches(set()))
    split = statement_of(in_batches(data.draw(st.sets(st.integers(1, len(beats))))))

    assert split == whole


@given(st.integers(0, 300_000), st.integers(0, 300_000))
@settings(max_examples=60, deadline=None)
def test_withdrawal_is_exact_at_the_due_time(due: int, late: int) -> None:
    study = Study().anchor().watch("s", 0, 600_000).passes("s", 0, 600_000)
    study.check("s", min(due + late, 599_999), "missed", due=due)

    statement = statement_of(study.facts)

    assert statement.credited_ms == due
    assert statement.figures.refused_ms == {Refusal.CHECK_MISSED: 600_000 - due}
    assert statement.timeline[-1].start_ms == START + due


@given(st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_devices_beside_each_other_earn_no_more_than_one(devices: int, beats: int) -> None:
    study = Study().anchor()
    for index in range(devices):
        name = f"device-{index}"
        study.watch(name, 0, beats * BEAT, media=index * 600_000).passes(name, 0, beats * BEAT)

    # Where media may be sought forward all of it is new; where it may not, all but the first watch what lies beyond.
    assert settle(sheet(), chain(study.facts), MaySeek()).credited_ms == beats * BEAT
    assert statement_of(study.facts).credited_ms <= beats * BEAT
