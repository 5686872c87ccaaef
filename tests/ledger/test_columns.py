"""A chain in columns is worth exactly what the model says of it, and is handed back wherever that is in doubt."""

import random
import re
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.kernel.canonical import GENESIS, chained_hash
from bridge.ledger.chain_columns import NotInColumns, read_chain
from bridge.ledger.columns import StretchColumns, gather_columns, settle_chain, watch_columns
from bridge.ledger.model import LedgerEntry, Refusal, settle
from bridge.ledger.model.entries import VERSION
from bridge.ledger.model.facts import read_facts
from bridge.ledger.model.media import DailyUse, UnitMedia
from bridge.ledger.model.sessions import gather_sessions
from tests.ledger.study import BEAT, MINUTE, SECOND, Study, chain, rules, sheet
from tests.ledger.test_order_and_night import Stricter
from tests.ledger.test_settlement_laws import Facts, studies

HOUR = 60 * MINUTE


def rows(entries: list[LedgerEntry]) -> list[tuple[str, str]]:
    return [(entry.canonical().decode(), entry.hash) for entry in entries]


@st.composite
def honest(draw: st.DrawFn) -> Facts:
    """Long sessions whose beats jitter, over days and midnights, some with a pause, a drag or a look away."""
    dice = random.Random(draw(st.integers(0, 2**32)))
    jitter = draw(st.sampled_from([0, 40, 800]))
    study = Study()
    if draw(st.integers(0, 5)):
        study.anchor()
    at, media = draw(st.integers(0, 14 * HOUR)), 0
    for index in range(draw(st.integers(1, 4))):
        name, previous = f"s{index}", None
        begin = at
        for _ in range(draw(st.integers(2, 60))):
            trouble = draw(st.integers(0, 60))
            beat = at + dice.randint(-jitter, jitter) if previous is not None else at
            place = max(0, media + dice.randint(-jitter, jitter))
            age = None if trouble == 1 else dice.randint(0, 200_000)
            study.beats(
                name,
                [(max(0, beat), place, int(trouble != 2), min(age, beat) if age is not None else None, 1000)],
                received=at + 90,
                previous=previous,
                unit="unit-1" if index % 2 else "unit-2",
            )
            previous = at + 90
            at += 90 * SECOND if trouble == 3 else BEAT
            media += {4: 0, 5: 5 * BEAT, 6: -3 * BEAT}.get(trouble, BEAT)
        for when in range(begin + 90, at, draw(st.sampled_from([4 * MINUTE, 11 * MINUTE]))):
            study.check(name, when, draw(st.sampled_from(["passed"] * 9 + ["missed", "other_person"])))
        at += draw(st.sampled_from([1, 20 * MINUTE, 9 * HOUR]))
        if draw(st.booleans()):
            media = 0
    if draw(st.booleans()):
        study.offline(2 * MINUTE, 8 * MINUTE)
    return study.facts


def same_worth(facts: Facts) -> None:
    entries = chain(facts)
    read = read_chain(rows(entries))
    for forward_seek in (True, False):
        given_rules = Stricter(forward_seek=forward_seek)
        assert settle_chain(sheet(), read, given_rules) == settle(sheet(), entries, given_rules)
    assert (read.head.seq, read.head.hash) == (len(entries), entries[-1].hash)


@settings(max_examples=400)
@given(studies())
def test_whatever_the_study_was_columns_say_what_the_model_says(facts: Facts) -> None:
    same_worth(once(facts))


def once(facts: Facts) -> Facts:
    """Return the facts without a batch that came in the millisecond of another of its session."""
    kept: dict[object, tuple[str, dict[str, Any]]] = {}
    for kind, data in facts:
        key = (data["session"], data["received_ms"]) if kind == "beats" else len(kept)
        kept.setdefault(key, (kind, data))
    return list(kept.values())


@settings(max_examples=150)
@given(honest())
def test_long_honest_study_is_worth_the_same_in_columns(facts: Facts) -> None:
    same_worth(facts)


@given(studies(), st.randoms(use_true_random=False))
def test_the_order_in_which_batches_came_changes_nothing_in_columns(
    facts: Facts, dice: random.Random
) -> None:
    shuffled = once(facts)
    dice.shuffle(shuffled)
    same_worth(shuffled)


def an_hour() -> Study:
    """One class hour."""
    return Study().anchor().watch("a", 0, 45 * MINUTE).passes("a", *range(0, 46 * MINUTE, 9 * MINUTE))


def test_an_ordinary_hour_never_becomes_single_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_chain(rows(an_hour().entries()))

    def looked_at(*_anything: object) -> Any:
        raise AssertionError("a stretch was made into an object")

    expected = settle(sheet(), an_hour().entries(), rules())
    for handed_back in ("watch_part", "beyond_furthest_point"):
        monkeypatch.setattr(f"bridge.ledger.columns.{handed_back}", looked_at)
    said = settle_chain(sheet(), read, Stricter(forward_seek=False))
    assert said == expected
    assert said.credited_seconds == 45 * 60


@pytest.mark.parametrize("lectures", [11, 22])
def test_long_days_stop_at_the_cap_in_columns_and_each_begins_at_midnight(lectures: int) -> None:
    study = Study().anchor()
    midnight = 15 * HOUR
    for index in range(lectures):
        begin, name = midnight - 300 * MINUTE + 20 * MINUTE + index * 50 * MINUTE, f"s{index:02}"
        study.watch(name, begin, 45 * MINUTE, media=index * 45 * MINUTE)
        study.passes(name, *range(begin, begin + 46 * MINUTE, 9 * MINUTE))
    entries, long_unit = study.entries(), sheet(24 * HOUR)
    expected = settle(long_unit, entries, rules())
    assert (Refusal.OVER_DAILY_CAP in expected.refused_seconds) == (lectures == 22)
    assert settle_chain(long_unit, read_chain(rows(entries)), rules()) == expected


def test_what_lies_beyond_the_reviewed_length_counts_for_nothing_in_columns() -> None:
    entries, short = an_hour().entries(), sheet(30 * MINUTE)
    expected = settle(short, entries, rules())
    assert Refusal.BEYOND_NOMINAL in expected.refused_seconds
    assert settle_chain(short, read_chain(rows(entries)), rules()) == expected


def test_sessions_gathered_from_columns_are_the_models_own() -> None:
    entries = an_hour().entries()
    (session,) = gather_columns(read_chain(rows(entries)).beats, rules())
    (expected,) = gather_sessions(read_facts(entries).beats, rules())
    assert isinstance(session.stretches, StretchColumns)
    assert tuple(session.stretches) == tuple(expected.stretches)
    assert replace(session, stretches=()) == replace(expected, stretches=())
    assert tuple(session.stretches[1:3]) == tuple(expected.stretches)[1:3]


def test_a_session_of_objects_is_watched_by_the_model() -> None:
    (session,) = gather_sessions(read_facts(an_hour().entries()).beats, rules())
    told: list[tuple[int, int, object]] = []
    unit = UnitMedia(3_000_000)
    watch_columns(session, session.wall, unit, rules(), DailyUse(), lambda *label: told.append(label))
    assert told
    assert unit.seen.as_set().total > 0


def changed(entries: list[LedgerEntry], index: int, old: str, new: str) -> list[tuple[str, str]]:
    stored = rows(entries)
    body, digest = stored[index]
    assert old in body
    stored[index] = (body.replace(old, new), digest)
    return stored


@pytest.mark.parametrize(
    ("old", "new"),
    [('"seq":7', '"seq":8'), ('"unit-1"', '"unit-2"'), (f'"v":{VERSION}', '"v":2'), ('"kind"', '"kinds"')],
)
def test_a_changed_row_is_not_believed(old: str, new: str) -> None:
    with pytest.raises(NotInColumns):
        read_chain(changed(an_hour().entries(), 6, old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'"v":{VERSION}}}', '"v":2}'),
        ('"at_ms"', '"extra":1,"at_ms"'),
    ],
)
def test_a_row_of_another_form_is_left_to_the_model_though_its_hash_is_right(old: str, new: str) -> None:
    spoiled, previous = [], GENESIS
    for index, (body, _) in enumerate(rows(an_hour().entries())):
        told = body.replace(re.search('"prev":"[0-9a-f]+"', body)[0], f'"prev":"{previous}"')  # type: ignore[index]
        told = told.replace(old, new, 1) if index == 6 else told
        previous = chained_hash(previous, told.encode())
        spoiled.append((told, previous))
    with pytest.raises(NotInColumns):
        read_chain(spoiled)


def test_a_lost_or_inserted_or_moved_row_is_not_believed() -> None:
    stored = rows(an_hour().entries())
    for spoiled in (
        stored[1:],
        [*stored[:3], *stored[4:]],
        [*stored[:3], stored[3], *stored[3:]],
        [*stored[:3], stored[4], stored[3], *stored[5:]],
    ):
        with pytest.raises(NotInColumns):
            read_chain(spoiled)


@pytest.mark.parametrize(
    "data",
    [
        {"beats": [[1, 1, 1, None]]},
        {"beats": [[1, -1, 1, None, 1000]]},
        {"beats": [[1, 1, 1, -5, 1000]]},
        {"beats": [[True, 1, 1, None, 1000]]},
        {"beats": []},
        {"unit": ""},
        {"received_ms": -1},
        {"received_ms": "1"},
    ],
)
def test_what_the_model_refuses_or_reads_otherwise_is_left_to_it(data: dict[str, Any]) -> None:
    facts = an_hour().facts
    index = next(i for i, (kind, _) in enumerate(facts) if kind == "beats")
    facts[index] = ("beats", {**facts[index][1], **data})
    with pytest.raises(NotInColumns):
        read_chain(rows(chain(facts)))


def test_one_batch_in_two_entries_is_left_to_the_model() -> None:
    facts = an_hour().facts
    index = next(i for i, (kind, _) in enumerate(facts) if kind == "beats")
    with pytest.raises(NotInColumns):
        read_chain(rows(chain([*facts, facts[index]])))


def test_nothing_studied_is_nothing_in_columns() -> None:
    entries = Study().anchor().entries()
    assert settle_chain(sheet(), read_chain(rows(entries)), rules()) == settle(sheet(), entries, rules())


def long_session(batches: int, *, shuffled: bool = False) -> list[tuple[str, str]]:
    """Return the rows of one session of batches of 100 beats, seven a second."""
    study, at = Study(), 0
    order = list(range(1, batches))
    if shuffled:
        random.Random(7).shuffle(order)
    for index in [0, *order]:
        at = index * 14 * SECOND
        beats = [(at + 140 * one, at + 140 * one, 1, 140 * one, 1000) for one in range(100)]
        study.beats("s0", beats, received=at + 14 * SECOND, previous=at if index else None)
    return rows(chain(study.facts))


def test_reading_takes_little_more_memory_than_the_numbers() -> None:
    chain_rows = long_session(260)
    tracemalloc.start()
    try:
        read_chain(iter(chain_rows))
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Five numbers a beat, twice while they are put together, and what is made of them; 300 bytes as objects.
    assert most / (260 * 100) < 150


def test_more_batches_than_are_read_at_once_are_put_in_order() -> None:
    beats = read_chain(long_session(200)).beats
    again = read_chain(long_session(200, shuffled=True)).beats
    for name in ("at_ms", "media_ms", "touched_ms", "rate_permille", "hidden", "silence_ms"):
        assert getattr(again, name).tolist() == getattr(beats, name).tolist()
