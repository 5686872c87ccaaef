"""A snapshot changes nothing: what is settled from it is, to the millisecond, what is settled from all entries."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ledger.model import LedgerEntry, LedgerInvalid, ProfileStudyRules, settle
from bridge.ledger.model.rules import StudyLimits, StudyRules
from bridge.ledger.settling import Settling, Standing
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce, Resolved
from tests.ledger.chains import Chain, Kept
from tests.ledger.study import BEAT, MINUTE, SECOND, START, Study, chain, guangdong, sheet
from tests.ledger.test_corrections import HEAD, correction
from tests.ledger.test_freezes import freeze

Fact = tuple[str, dict[str, Any]]
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WHOSE = {"learner": "lrn_made_up", "class_run": "run_made_up"}


class TightRules:
    """The rules that ship with caps that a few minutes meet; each day of November has rules of its own."""

    def __init__(self, profile: ProfileInForce, of: ClassRunSheet) -> None:
        self._rules = ProfileStudyRules(profile, of)

    def on(self, day: date) -> StudyLimits:
        return replace(
            self._rules.on(day),
            daily_cap_ms=7 * MINUTE,
            idle_limit_ms=2 * MINUTE,
            check_reach_ms=3 * MINUTE,
            forward_seek=day.day % 2 == 0,
            test_before_credit=day.day % 3 == 0,
            night=(0, 1) if day.day % 4 == 0 else None,
        )

    def source(self, parameter: str, day: date) -> Resolved:
        return self._rules.source(parameter, day)


def sessions(dice: random.Random) -> Iterator[tuple[int, Fact]]:
    """Yield what happens to one learner over some days, each fact with the moment at which it comes in."""
    at = dice.choice([0, 14 * HOUR, 14 * HOUR + 55 * MINUTE])
    media = {"unit-1": 0, "unit-2": 0, "quiz": 0, "unit-unknown": 0}
    for index in range(dice.randint(1, 7)):
        name, unit = f"s{index}", dice.choice(["unit-1", "unit-1", "unit-2", "quiz", "unit-unknown"])
        study, begin = Study(), at
        previous: int | None = dice.choice([None, at - 5 * SECOND])
        place = dice.choice([media[unit], media[unit], 0, dice.randint(0, 400_000)])
        for step in range(dice.choice([1, 2, 6, 20, 30])):
            trouble = dice.random()
            study.beats(
                name,
                [(at, place, int(trouble > 0.03), dice.choice([0, 0, 5_000, None]), 1000)],
                received=at + 90,
                previous=previous,
                unit=unit,
            )
            previous = at + 90
            yield at + 90 + late(dice), study.facts[-1]
            if step % 5 == 0 and trouble > 0.2:
                outcome = dice.choice(["passed"] * 8 + ["missed", "other_person"])
                study.check(name, at + 100, outcome, due=at + 50 - dice.choice([0, 0, 30_000]))
                yield at + 100 + late(dice), study.facts[-1]
            if dice.random() < 0.05:
                yield at + 100 + late(dice), prompt(name, at + 100, dice.choice(["answered", "missed"]))
            at += dice.choice([BEAT] * 12 + [70 * SECOND, 3 * BEAT])
            place += dice.choice([BEAT] * 12 + [0, -50_000, 90_000])
            media[unit] = max(media[unit], place := max(0, place))
        if dice.random() < 0.5:
            study.check(name, at - dice.choice([0, BEAT]))
            yield at + late(dice), study.facts[-1]
        at = dice.choice([at + 1, at, at + 3 * MINUTE, begin + 30_000, at + 9 * HOUR, at + 14 * HOUR])


def late(dice: random.Random) -> int:
    return dice.choice([0] * 40 + [20_000, 11 * MINUTE, 10 * HOUR])


def prompt(session: str, at: int, outcome: str) -> Fact:
    return "prompt", {
        **WHOSE,
        "prompt": f"pr_{session}_{at}",
        "session": session,
        "due_ms": START + at,
        "at_ms": START + at + 5_000,
        "outcome": outcome,
    }


def rarely(dice: random.Random, known: list[Fact]) -> Iterator[Fact]:
    """Yield facts that seldom come: each may lie before or behind anything else."""
    when = dice.randint(0, 2 * DAY)
    yield "anchor", {"at_ms": START, "method": "id_photo", "good_frames": 3}
    yield (
        "test",
        {
            **WHOSE,
            "unit": "quiz",
            "attempt": str(when % 2),
            "decision": dice.choice(["accepted", "refused"]),
        },
    )
    yield Study().offline(when, when + dice.choice([MINUTE, 2 * HOUR])).facts[0]
    yield freeze(f"f{when}", when, when + HOUR, dice.choice(["not_registered", "course_withdrawn"]))
    freezes = [data["freeze"] for kind, data in known if kind == "freeze"]
    yield "release", {**WHOSE, "freeze": dice.choice([*freezes, "f1"]), "at_ms": START}
    yield correction(f"w{when}", "withdraw", start_ms=START + when, end_ms=START + when + 4 * MINUTE)
    checks = [data["check"] for kind, data in known if kind == "check"]
    yield correction(f"v{when}", "check_void", check=dice.choice([*checks, "chk_none"]))
    yield correction(
        "t",
        "transfer_in",
        **{
            "from": "run_old",
            "from_head": HEAD,
            "units": [{"unit": dice.choice(["unit-1", "unit-old"]), "credited_ms": 9, "seen": [[0, 40_000]]}],
            "offline": [],
        },
    )
    yield correction("o", "transfer_out", to="run_new")


def history(seed: int) -> list[Fact]:
    dice = random.Random(seed)
    facts = [fact for _, fact in sorted(sessions(dice), key=lambda one: one[0])]
    if dice.random() < 0.8:
        facts.insert(0, ("anchor", {"at_ms": START, "method": "id_photo", "good_frames": 3}))
    for _ in range(dice.choice([0, 0, 1, 3])):
        rare = dice.choice(list(rarely(dice, facts)))
        facts.insert(dice.randint(0, len(facts)), rare)
    for _ in range(dice.choice([0, 0, 2])):
        facts.insert(dice.randint(0, len(facts)), dice.choice(facts))
    return facts


def settled(ledger: Chain, kept: Kept) -> Standing:
    """Settle as the bridge does after each entry, keeping the snapshot that comes of it."""
    standing = Settling(ledger, kept).settle(sheet(), guangdong())
    if standing.taken is not None:
        Settling(ledger, kept).keep(sheet(), standing.taken)
    return standing


@pytest.mark.parametrize("study_rules", [ProfileStudyRules, TightRules], ids=["that ship", "tight"])
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_ledger_that_grows_is_worth_the_same_from_snapshots(seed: int, study_rules: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.ledger.settling.ProfileStudyRules", study_rules)
        grow(chain(history(seed)), random.Random(seed), study_rules(guangdong(), sheet()))


def grow(entries: list[LedgerEntry], dice: random.Random, rules: StudyRules) -> None:
    """Hold the ledger against itself settled whole, at some of its lengths."""
    kept = Kept()
    length = 0
    while length < len(entries):
        length = min(len(entries), length + dice.choice([1, 2, 7, 25]))
        ledger = Chain(entries[:length])

        standing = settled(ledger, kept)

        whole = settle(sheet(), entries[:length], rules)
        assert standing.statement == whole
        assert standing.statement.credited_span == whole.credited_span
        assert Settling(ledger, kept).differs(sheet(), guangdong()) is None


def lecture(study: Study, name: str, start: int, unit: str = "unit-1") -> Study:
    """Study five minutes with a check at both ends."""
    study.watch(name, start, 5 * MINUTE, unit=unit).passes(name, start, start + 5 * MINUTE)
    return study


def three_lectures() -> Study:
    study = Study().anchor()
    for index, unit in enumerate(("unit-1", "unit-2", "unit-1")):
        lecture(study, f"s{index}", index * HOUR, unit)
    return study


def kept_from(study: Study) -> Kept:
    kept = Kept()
    settled(Chain(study.entries()), kept)
    assert kept.kept is not None
    return kept


def test_only_what_came_since_is_read() -> None:
    ledger = Chain(three_lectures().entries())
    kept = kept_from(three_lectures())

    assert settled(ledger, kept).from_snapshot
    assert ledger.entries_read == len(ledger.all) - 1 - 2 * 33


def test_a_snapshot_of_another_course_is_not_used() -> None:
    kept, ledger = kept_from(three_lectures()), Chain(three_lectures().entries())
    other = sheet(2 * MINUTE)

    standing = Settling(ledger, kept).settle(other, guangdong())

    assert not standing.from_snapshot
    assert standing.statement == settle(other, ledger.all, ProfileStudyRules(guangdong(), other))


def test_a_snapshot_that_other_code_made_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, ledger = kept_from(three_lectures()), Chain(three_lectures().entries())
    monkeypatch.setattr("bridge.ledger.snapshots._code_hash", lambda: "ab" * 32)

    assert not settled(ledger, kept).from_snapshot
    assert settled(ledger, kept).from_snapshot


def test_a_snapshot_of_another_chain_is_not_used() -> None:
    other = lecture(lecture(lecture(Study().anchor(3), "s0", 0), "s1", HOUR), "s2", 2 * HOUR)
    ledger = Chain(other.entries())

    standing = settled(ledger, kept_from(three_lectures()))

    assert not standing.from_snapshot
    assert standing.statement == settle(sheet(), ledger.all, ProfileStudyRules(guangdong(), sheet()))


def test_a_form_that_this_code_does_not_know_is_not_used() -> None:
    kept, ledger = kept_from(three_lectures()), Chain(three_lectures().entries())
    kept.kept = b'{"made_of":1}'

    assert not settled(ledger, kept).from_snapshot


def test_a_changed_entry_behind_the_snapshot_is_not_believed() -> None:
    kept, ledger = kept_from(three_lectures()), Chain(three_lectures().entries())
    last = ledger.all[-1]
    ledger.all[-1] = replace(last, data={**last.data, "outcome": "missed"})

    with pytest.raises(LedgerInvalid):
        settled(ledger, kept)


def test_a_snapshot_is_kept_only_on_top_of_the_one_it_goes_on_from() -> None:
    study = three_lectures()
    kept, before = kept_from(study), kept_from(study)
    lecture(study, "s3", 3 * HOUR)
    ledger = Chain(study.entries())
    taken = Settling(ledger, kept).settle(sheet(), guangdong()).taken
    assert taken is not None
    kept.kept = None

    Settling(ledger, kept).keep(sheet(), taken)
    assert kept.kept is None
    other = kept_from(lecture(lecture(Study(), "s0", 0), "s1", HOUR))
    Settling(ledger, other).keep(sheet(), taken)
    assert len(other.timeline) == 1
    Settling(ledger, before).keep(sheet(), taken)
    assert before.kept is not None
    assert len(before.timeline) == 2


FROZEN = freeze("f", 2 * MINUTE, 3 * MINUTE)
TOUCHES = {
    "a release of what is frozen there": ("release", {**WHOSE, "freeze": "f", "at_ms": START}),
    "a correction": correction("w", "withdraw", start_ms=START, end_ms=START + MINUTE),
    "a test": ("test", {**WHOSE, "unit": "quiz", "attempt": "1", "decision": "accepted"}),
    "an offline session there": Study().offline(MINUTE, 2 * MINUTE).facts[0],
    "an offline session that begins there": Study().offline(HOUR + MINUTE, 9 * HOUR).facts[0],
    "a freeze there": freeze("g", 4 * MINUTE, 5 * MINUTE),
    "a check of a session there": Study().check("s0", 9 * HOUR, "other_person", due=MINUTE).facts[0],
    "a prompt of a session there": prompt("s0", MINUTE, "missed"),
    "a batch of a session there": Study()
    .beats("s0", [(9 * HOUR, 0, 1, 0, 1000)], previous=9 * HOUR - BEAT)
    .facts[0],
}
LATER = {
    "an offline session": Study().offline(2 * HOUR + MINUTE, 3 * HOUR).facts[0],
    "a freeze": freeze("g", 2 * HOUR + MINUTE, 3 * HOUR),
    "a check": Study().check("s2", 2 * HOUR + 2 * MINUTE, "missed").facts[0],
    "a prompt": prompt("s2", 2 * HOUR + MINUTE, "missed"),
    "a session": lecture(Study(), "s3", 3 * HOUR).facts[0],
}


@pytest.mark.parametrize("fact", TOUCHES.values(), ids=TOUCHES.keys())
def test_what_touches_the_past_has_the_whole_ledger_settled(fact: Fact) -> None:
    study = three_lectures()
    study.facts.insert(1, FROZEN)
    kept, ledger = kept_from(study), Chain(chain([*study.facts, fact]))

    standing = settled(ledger, kept)

    assert not standing.from_snapshot
    assert standing.statement == settle(sheet(), ledger.all, ProfileStudyRules(guangdong(), sheet()))
    assert settled(ledger, kept).from_snapshot == (fact is not TOUCHES["a batch of a session there"])


@pytest.mark.parametrize("fact", LATER.values(), ids=LATER.keys())
def test_what_comes_later_is_settled_from_the_snapshot(fact: Fact) -> None:
    study = three_lectures()
    kept, ledger = kept_from(study), Chain(chain([*study.facts, fact]))

    standing = settled(ledger, kept)

    assert standing.from_snapshot
    assert standing.statement == settle(sheet(), ledger.all, ProfileStudyRules(guangdong(), sheet()))


def test_the_first_anchor_has_the_whole_ledger_settled() -> None:
    study = three_lectures()
    anchor = study.facts.pop(0)
    kept, ledger = kept_from(study), Chain(chain([*study.facts, anchor]))

    standing = settled(ledger, kept)

    assert not standing.from_snapshot
    assert standing.statement.credited_ms > 0


def test_time_that_a_check_elsewhere_would_still_refuse_is_not_closed() -> None:
    study = Study().anchor().watch("a", 0, 5 * MINUTE).passes("a", 0, 2 * MINUTE)
    study.watch("b", HOUR, MINUTE)
    kept = Kept()
    assert settled(Chain(study.entries()), kept).taken is None

    study.passes("b", HOUR).watch("c", 2 * HOUR, MINUTE)
    ledger = Chain(study.entries())
    standing = settled(ledger, kept)

    assert standing.taken is not None
    assert standing.statement == settle(sheet(), ledger.all, ProfileStudyRules(guangdong(), sheet()))


def test_a_session_that_begins_in_the_past_has_the_whole_ledger_settled() -> None:
    study = three_lectures()
    kept = kept_from(study)
    study.watch("late", 30 * MINUTE, MINUTE)
    ledger = Chain(study.entries())

    standing = settled(ledger, kept)

    assert not standing.from_snapshot
    assert standing.statement == settle(sheet(), ledger.all, ProfileStudyRules(guangdong(), sheet()))


def test_what_the_past_holds_behind_what_must_be_read_is_taken_once() -> None:
    study = lecture(lecture(Study().anchor(), "s0", 0), "s1", HOUR, "unit-2")
    third = lecture(Study(), "s2", 2 * HOUR).facts
    # A check of the first session comes in when the third has sent one beat.
    study.facts.append(third.pop(0))
    study.check("s0", 2 * MINUTE)
    kept = kept_from(study)

    study.facts += third
    ledger = Chain(study.entries())
    assert settled(ledger, kept).taken is not None

    again = settled(ledger, kept)
    assert again.from_snapshot
    assert again.statement == settle(sheet(), ledger.all, ProfileStudyRules(guangdong(), sheet()))
    assert Settling(ledger, kept).differs(sheet(), guangdong()) is None
