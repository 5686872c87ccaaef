"""No seeking forward before the first finish: what it takes from whom, and that honest trouble loses nothing by it."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.kernel.citation import Basis
from bridge.ledger.chain_columns import read_chain
from bridge.ledger.columns import settle_chain
from bridge.ledger.model import LedgerInvalid, ProfileStudyRules, Refusal, SecondsStatement, settle
from bridge.ledger.model.rules import FORWARD_SEEK, SEEK_TOLERANCE
from bridge.rules.model import LegalDates, NoRuleInForce, Resolved
from tests.ledger.study import BEAT, MINUTE, SECOND, Study, chain, guangdong, rules, sheet
from tests.ledger.test_columns import rows
from tests.ledger.test_corrections import HEAD, correction
from tests.ledger.test_settlement_laws import Facts, studies

TOLERANCE = MINUTE
UNHEARD = 2 * BEAT
"""So long the agent lets media play for which the bridge has not answered."""


def settled(study: Study) -> SecondsStatement:
    """Settle by the model and in columns, which must agree."""
    entries = study.entries()
    statement = settle(sheet(), entries, rules())
    assert settle_chain(sheet(), read_chain(rows(entries)), rules()) == statement
    return statement


def beyond(statement: SecondsStatement) -> int:
    return statement.figures.refused_ms.get(Refusal.BEYOND_FURTHEST, 0)


def furthest(statement: SecondsStatement) -> int:
    unit = statement.unit("unit-1")
    assert unit is not None
    return unit.furthest_ms


def seated(*places: int, name: str = "s", start: int = 0, step: int = BEAT) -> Study:
    """A session whose beats, `step` apart, stand at these places of the media; presence is proved throughout."""
    study = Study().anchor()
    previous = None
    for index, media in enumerate(places):
        at = start + index * step
        study.beats(name, [(at, media, 1, 0, 1000)], previous=previous)
        previous = at
    end = start + (len(places) - 1) * step
    return study.passes(name, *sorted({*range(start, end, MINUTE), end}))


def test_the_reason_names_its_parameter_and_is_no_law() -> None:
    reason = settled(seated(0, BEAT, 700_000, 710_000)).reasons[Refusal.BEYOND_FURTHEST]

    assert (reason.pack_id, reason.parameter) == ("anxue-practice", FORWARD_SEEK)
    assert (reason.citation.basis, reason.citation.article) == (Basis.PRACTICE, None)
    assert "请从上次学到的位置继续" in reason.sentence_zh


def test_who_jumped_ahead_goes_back_to_where_it_was_and_earns_again() -> None:
    ahead = [700_000, 700_000 + BEAT, 700_000 + 2 * BEAT]
    statement = settled(seated(0, BEAT, *ahead, 2 * BEAT, 3 * BEAT, 4 * BEAT))

    # What passed in the beat of the jump was studied; the three that begin beyond it were not.
    assert statement.figures.refused_ms == {Refusal.BEYOND_FURTHEST: 3 * BEAT}
    assert statement.credited_ms == 4 * BEAT


@pytest.mark.parametrize(("jump", "lost"), [(TOLERANCE, 0), (TOLERANCE + 1, BEAT)])
def test_a_jump_within_the_tolerance_is_none(jump: int, lost: int) -> None:
    landed = 2 * BEAT + jump

    assert beyond(settled(seated(0, BEAT, landed, landed + BEAT))) == lost


def test_small_jumps_add_up_however_short_the_beats_are() -> None:
    hops = [index * 5 * SECOND for index in range(60)]

    statement = settled(seated(*hops, step=SECOND))

    assert beyond(statement) > 40 * SECOND
    assert furthest(statement) <= TOLERANCE + 59 * SECOND


def test_a_rest_gives_the_tolerance_back() -> None:
    hop = [0, 3 * BEAT, 6 * BEAT, 9 * BEAT]
    rested = [*hop, *[9 * BEAT] * 6, 12 * BEAT, 15 * BEAT]

    assert beyond(settled(seated(*hop, 12 * BEAT, 15 * BEAT))) > 0
    assert beyond(settled(seated(*rested))) == 0


def test_a_long_rest_gives_back_the_tolerance_and_no_more() -> None:
    landed = BEAT + TOLERANCE + BEAT
    rested = [0, *[BEAT] * 30]

    assert beyond(settled(seated(*rested, landed, landed + BEAT))) == 0
    assert beyond(settled(seated(*rested, landed + 1, landed + 1 + BEAT))) == BEAT


def test_a_rest_between_two_sessions_gives_it_back_too() -> None:
    hop = seated(0, 3 * BEAT, 6 * BEAT, 9 * BEAT)
    landed = 9 * BEAT + TOLERANCE
    soon = seated(landed, landed + BEAT, name="soon", start=4 * BEAT)
    later = seated(landed, landed + BEAT, name="later", start=20 * MINUTE)

    assert beyond(settled(Study([*hop.facts, *soon.facts]))) == BEAT
    further = seated(landed + 1, landed + 1 + BEAT, name="later", start=20 * MINUTE)
    assert beyond(settled(Study([*hop.facts, *later.facts]))) == 0
    assert beyond(settled(Study([*hop.facts, *further.facts]))) == BEAT


def test_another_device_goes_on_where_the_first_left_off() -> None:
    study = seated(*range(0, 10 * BEAT, BEAT))
    later = seated(*range(9 * BEAT, 15 * BEAT, BEAT), name="phone", start=20 * MINUTE)

    assert settled(Study([*study.facts, *later.facts])).credited_ms == 14 * BEAT


def test_a_tab_forgotten_at_the_beginning_holds_nobody_back() -> None:
    study = seated(*range(0, 25 * BEAT, BEAT))
    study.beats("forgotten", [(MINUTE, 0, 1, 0, 1000)], previous=None)
    study.beats("forgotten", [(3 * MINUTE, 0, 1, 0, 1000)], previous=MINUTE)

    assert (beyond(settled(study)), furthest(settled(study))) == (0, 24 * BEAT)


def brought(**units: object) -> tuple[str, dict[str, object]]:
    unit = {"unit": "unit-1", "credited_ms": 20 * MINUTE, "seen": [[0, 20 * MINUTE]], **units}
    return correction(
        "cor_t", "transfer_in", **{"from": "run_old", "from_head": HEAD, "units": [unit], "offline": []}
    )


@pytest.mark.parametrize(
    ("said", "place", "lost"),
    [
        ({}, 20 * MINUTE, 0),
        ({}, 30 * MINUTE, 4 * BEAT),
        ({"furthest_ms": 30 * MINUTE}, 30 * MINUTE, 0),
        ({"furthest_ms": 30 * MINUTE}, 32 * MINUTE, 4 * BEAT),
        ({"furthest_ms": 50 * MINUTE}, 45 * MINUTE, 0),
    ],
)
def test_who_moved_to_another_class_run_goes_on_where_it_was(
    said: dict[str, object], place: int, lost: int
) -> None:
    study = seated(*range(place, place + 5 * BEAT, BEAT))

    assert beyond(settled(Study([*study.facts, brought(**said)]))) == lost


@pytest.mark.parametrize("said", [-1, "1", True, None])
def test_a_transfer_that_says_no_number_is_no_entry(said: object) -> None:
    with pytest.raises(LedgerInvalid, match="entry_invalid"):
        settle(sheet(), chain([brought(furthest_ms=said)]), rules())


class WithoutTolerance:
    """A profile that forbids seeking forward and does not say how exact that is meant."""

    profile = guangdong().profile

    def read(self, parameter: str, dates: LegalDates) -> Resolved:
        if parameter == SEEK_TOLERANCE:
            raise NoRuleInForce(parameter, "guangdong", dates.study_second)
        return guangdong().read(parameter, dates)


def test_who_forbids_seeking_forward_must_say_how_exact_that_is_meant() -> None:
    given_rules = ProfileStudyRules(WithoutTolerance(), sheet())  # type: ignore[arg-type]  # it reads, as a profile does

    with pytest.raises(NoRuleInForce, match=SEEK_TOLERANCE):
        given_rules.on(date(2026, 11, 24))


@st.composite
def troubled(draw: st.DrawFn) -> Study:
    """An honest learner whose media plays as time does, behind a network that is slow, silent or gone.

    The page does what the agent does: it notes a beat every ten seconds, sends what it has once the last batch is
    answered, and stops its media after `UNHEARD` without an answer. A page may die and be loaded anew; it goes on where
    its media stood, though the bridge never heard of that.
    """
    study = Study().anchor()
    at, media = draw(st.integers(0, MINUTE)), 0
    for name in "abcd"[: draw(st.integers(1, 4))]:
        previous, answered, noted, kept = None, at, at, []
        for _ in range(draw(st.integers(2, 25))):
            kept.append((at, media))
            arrives = max(at, noted) + draw(st.sampled_from([30, 30, 30, 400, 6 * SECOND, 14 * SECOND]))
            lost = draw(st.integers(0, 9)) == 0
            step = BEAT + draw(st.integers(-200, 200))
            if lost or arrives > at + BEAT:
                noted = arrives  # the answer is not in yet: the next beat is kept
            if not lost:
                # The bridge lays the beats back from the arrival of the last, as its door does.
                laid = [(arrives - (at - noted_at), place, 1, 0, 1000) for noted_at, place in kept]
                study.beats(name, laid, received=arrives, previous=previous)
                previous, answered, kept = arrives, arrives, []
            plays = min(step, max(0, answered + UNHEARD - at))
            at = max(at + step, arrives if not lost else at)
            media += plays
        at += draw(st.sampled_from([SECOND, 40 * SECOND, 20 * MINUTE]))
        media += draw(st.integers(0, UNHEARD))  # played on unheard before the page died
    return study


@settings(max_examples=300, deadline=None)
@given(troubled())
def test_honest_trouble_is_never_beyond_the_furthest_point(study: Study) -> None:
    assert beyond(settled(study)) == 0


@settings(max_examples=200, deadline=None)
@given(studies())
def test_nobody_gets_further_than_time_and_the_tolerance(facts: Facts) -> None:
    moments = [data["received_ms"] for kind, data in facts if kind == "beats"]
    passed = max(moments) - min(moments)

    for unit in settle(sheet(), chain(facts), rules()).units:
        assert unit.furthest_ms <= TOLERANCE + passed
