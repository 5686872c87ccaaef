"""Settlement: which seconds count. Pure, exact, and independent of the order in which entries arrived.

Wall time is what the server saw. It is refused, reason by reason in `Refusal`'s order, or it earns as much
unseen media as passed in it. All in integer milliseconds; nothing is rounded here.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from bridge.kernel.intervals import Interval, IntervalSet
from bridge.ledger.model.corrections import Corrected, gather_corrections
from bridge.ledger.model.entries import LedgerEntry
from bridge.ledger.model.facts import PASSED, CheckFact, Facts, PromptFact, read_facts
from bridge.ledger.model.freezes import Fault, frozen_time
from bridge.ledger.model.media import DailyUse, Label, SeenMedia, UnitMedia, WallBank
from bridge.ledger.model.order import Reach, beyond_furthest_point
from bridge.ledger.model.past import NO_PAST, Past
from bridge.ledger.model.presence import Proof, prove, unanswered
from bridge.ledger.model.reasons import AWAITS_CHECK, NOT_ANCHORED, Refusal
from bridge.ledger.model.rules import StudyRules, day_start_ms, legal_day, next_day_start_ms, night_time
from bridge.ledger.model.sessions import Stretch, StudiedSession, gather_sessions
from bridge.ledger.model.statement import (
    SecondsStatement,
    Segment,
    Verdict,
    figures_of,
)
from bridge.ledger.model.summing import Settled, statement_of
from bridge.ledger.model.untested import await_tests, untested_units
from bridge.registry.model import ClassRunSheet

Beyond = Callable[
    [Iterable[StudiedSession], Mapping[str, int], StudyRules, dict[str, Reach]], dict[str, IntervalSet]
]
WatchPart = Callable[[StudiedSession, Interval, UnitMedia, StudyRules, DailyUse, Label], None]

_NOTHING = IntervalSet()
_STUDY = "study"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A session with what is refused of its wall time before any media is looked at, and what may earn."""

    session: StudiedSession
    proof: Proof
    refused: tuple[tuple[Refusal, IntervalSet], ...]
    eligible: IntervalSet


def settle(sheet: ClassRunSheet, entries: Iterable[LedgerEntry], rules: StudyRules) -> SecondsStatement:
    """Return what one learner's ledger is worth, to the millisecond.

    Args:
        sheet: whose ledger, which course and dates.
        entries: in any order; doubles are harmless.

    Raises:
        LedgerInvalid("entry_invalid"): an entry cannot be read.
        NoRuleInForce: a needed rule has no value on a day that was studied.

    Source: 粤应急规〔2022〕3号 第十九条, 第二十四条; the limits are the packs' practice.
    """
    facts = read_facts(entries)
    return settle_sessions(sheet, facts, gather_sessions(facts.beats, rules), rules)


def settle_sessions(
    sheet: ClassRunSheet,
    facts: Facts,
    sessions: list[StudiedSession],
    rules: StudyRules,
    ways: "Ways | None" = None,
) -> SecondsStatement:
    """Return what `facts` are worth, whose beats are gathered in `sessions` already; else as `settle`."""
    facts, corrected = set_aside(facts)
    settled = settle_stretch(sheet, facts, corrected, sessions, rules, ways or MODEL, NO_PAST)
    return statement_of(facts, corrected, NO_PAST, settled, rules, None)


def settle_stretch(
    sheet: ClassRunSheet,
    facts: Facts,
    corrected: Corrected,
    sessions: list[StudiedSession],
    rules: StudyRules,
    ways: "Ways",
    past: Past,
    later_pass_ms: int = -1,
) -> Settled:
    """Return what `sessions` come to, all of which began when those of `past` had ended.

    Args:
        facts, corrected: see `set_aside`; with what `past` knows.
        later_pass_ms: the last passed check of all sessions that began when these had ended; −1 if there is none.
    """
    reached = _reached(corrected, past)
    claims = _claims(sheet, facts, sessions, corrected, rules, ways.beyond, reached, later_pass_ms)
    segments: list[Segment] = [
        Segment(part.start, part.end, claim.session.unit, claim.session.id, Verdict.REFUSED, reason)
        for claim in claims
        for reason, parts in claim.refused
        for part in parts
    ]
    media = _media(sheet, sessions, corrected, past)
    daily = DailyUse(past.used)
    frozen = frozen_time(facts.freezes, facts.releases)
    _watch(claims, media, rules, daily, frozen, segments, ways.watch)
    untested = untested_units(sheet.course, facts.tests, facts.anchors)
    timeline = _joined(await_tests(segments, untested, rules))
    by_unit: dict[str, list[Segment]] = {session.unit: [] for session in sessions}
    reasons = dict(past.reasons)
    for segment in timeline:
        by_unit[segment.unit].append(segment)
        if segment.reason is not None:
            first, total = reasons.get(segment.reason, (segment.start_ms, 0))
            reasons[segment.reason] = first, total + segment.length_ms
    figures = {unit: figures_of(own) for unit, own in by_unit.items()}
    return Settled(timeline, media, reached, daily, figures, reasons)


def _media(
    sheet: ClassRunSheet, sessions: list[StudiedSession], corrected: Corrected, past: Past
) -> dict[str, UnitMedia]:
    """Return the media of each unit that is studied or carried, as the past left it."""
    nominal: dict[str, int] = {unit.id: unit.nominal_ms for unit in sheet.course.units}
    media: dict[str, UnitMedia] = {}
    for unit in {session.unit for session in sessions} | {one.unit for one in corrected.carried}:
        # A unit that the course does not have holds no media.
        media[unit] = UnitMedia(nominal.get(unit, 0))
        if unit in past.units:
            before = past.units[unit]
            media[unit] = UnitMedia(
                nominal.get(unit, 0), SeenMedia.of(before.seen_media), before.skipped_media_ms
            )
    for brought in corrected.carried:
        for start, end in brought.seen:
            media[brought.unit].seen.add(start, end)
    return media


def _reached(corrected: Corrected, past: Past) -> dict[str, Reach]:
    """Return how far each unit was played, as the past left it; what was reached elsewhere came along."""
    reached = dict(past.reached)
    for brought in corrected.carried:
        here = reached.get(brought.unit, Reach())
        reached[brought.unit] = replace(here, furthest_ms=max(here.furthest_ms, brought.furthest_ms))
    return reached


def set_aside(facts: Facts) -> tuple[Facts, Corrected]:
    """Return the facts without what corrections made void, with the offline sessions that a transfer brought."""
    corrected = gather_corrections(facts.corrections)
    offline = [one for one in facts.offline if one.key not in corrected.void_offline]
    brought = [one for one in corrected.carried_offline if one.key not in corrected.void_offline]
    kept = replace(
        facts,
        checks=tuple(check for check in facts.checks if check.check not in corrected.void_checks),
        offline=() if corrected.moved_away else tuple(sorted({*offline, *brought})),
    )
    return kept, corrected


def last_passes(checks: Iterable[CheckFact]) -> dict[str, int]:
    """Return when each session's last check was passed; sessions that passed none are left out."""
    last: dict[str, int] = {}
    for check in checks:
        if check.outcome == PASSED:
            last[check.session] = max(last.get(check.session, -1), check.at_ms)
    return last


def _claims(
    sheet: ClassRunSheet,
    facts: Facts,
    sessions: list[StudiedSession],
    corrected: Corrected,
    rules: StudyRules,
    beyond_furthest: Beyond,
    reached: dict[str, Reach],
    later_pass_ms: int,
) -> list[_Claim]:
    run = sheet.class_run
    class_dates = IntervalSet([(day_start_ms(run.opens_on), next_day_start_ms(day_start_ms(run.closes_on)))])
    offline = IntervalSet([(one.start_ms, one.end_ms) for one in facts.offline])
    tests = {unit.id for unit in sheet.course.units if unit.activity != _STUDY}
    second = _second_sessions(sessions)
    beyond = beyond_furthest(sessions, {u.id: u.nominal_ms for u in sheet.course.units}, rules, reached)
    checks: dict[str, list[CheckFact]] = {}
    for check in facts.checks:
        checks.setdefault(check.session, []).append(check)
    prompts: dict[str, list[PromptFact]] = {}
    for prompt in facts.prompts:
        prompts.setdefault(prompt.session, []).append(prompt)
    last_pass = last_passes(facts.checks)
    passed_later = list(
        accumulate((last_pass.get(one.id, -1) for one in reversed(sessions)), max, initial=later_pass_ms)
    )
    claims = []
    for session, passed in zip(sessions, reversed(passed_later[:-1]), strict=True):
        wall = IntervalSet([session.wall])
        left = passed >= session.wall.end
        proof = prove(session.wall, checks.get(session.id, ()), rules, left=left, anchors=facts.anchors)
        is_test = session.activity != _STUDY or session.unit in tests
        grounds = {
            **proof.refused,
            Refusal.SECOND_SESSION: second[session.id],
            Refusal.OUTSIDE_CLASS_DATES: wall - class_dates,
            Refusal.TEST_TIME: wall if is_test else _NOTHING,
            Refusal.OFFLINE_SESSION: offline,
            Refusal.NIGHT: IntervalSet(night_time(session.wall.start, session.wall.end, rules)),
            Refusal.BEAT_GAP: session.lost,
            Refusal.PROMPT_MISSED: unanswered(
                session.wall, prompts.get(session.id, ()), checks.get(session.id, ())
            ),
            Refusal.HIDDEN: session.hidden,
            Refusal.IDLE: session.idle,
            Refusal.OVER_RATE: session.too_fast,
            Refusal.BEYOND_FURTHEST: beyond.get(session.id, _NOTHING),
            Refusal.CORRECTED: corrected.withdrawn,
            Refusal.MOVED_AWAY: wall if corrected.moved_away else _NOTHING,
        }
        eligible = wall
        refused = []
        for reason in Refusal:
            if ground := grounds.get(reason):
                refused.append((reason, eligible & ground))
                eligible -= ground
        claims.append(_Claim(session, proof, tuple(refused), eligible))
    return claims


def _second_sessions(sessions: list[StudiedSession]) -> dict[str, IntervalSet]:
    """Return for each session the time that another one has: the later opened wins, silence loses to life."""
    taken = _NOTHING
    lost_to: dict[str, IntervalSet] = {}
    for session in reversed(sessions):
        live = IntervalSet([session.wall]) - session.lost
        lost_to[session.id] = live & taken
        taken |= live
    for session in reversed(sessions):
        lost_to[session.id] |= session.lost & taken
        taken |= session.lost
    return lost_to


def _watch(
    claims: list[_Claim],
    units: dict[str, UnitMedia],
    rules: StudyRules,
    daily: DailyUse,
    frozen: Mapping[Fault, IntervalSet],
    segments: list[Segment],
    watch: WatchPart,
) -> None:
    """Label all eligible wall time, in the order in which it passed, by the media that passed in it."""
    parts = sorted(
        ((part, claim) for claim in claims for part in claim.eligible), key=lambda one: one[0].start
    )
    counted: dict[str, list[tuple[int, int]]] = {claim.session.id: [] for claim in claims}
    for part, claim in parts:
        # No two sessions have the same moment, and none goes on behind a refusal with what it had banked.
        label = _labeller(claim, counted[claim.session.id], segments)
        watch(claim.session, part, units[claim.session.unit], rules, daily, label)
    for claim in claims:
        segments.extend(_count(claim, IntervalSet(counted[claim.session.id]), frozen))


def watch_part(
    session: StudiedSession,
    part: Interval,
    unit: UnitMedia,
    rules: StudyRules,
    daily: DailyUse,
    label: Label,
) -> None:
    """Label `part` of the session's wall time, which nothing refuses, by the media that passed in it."""
    bank = WallBank(daily, label)
    for piece in _pieces(session, part):
        # A jump back is a new baseline: no media passed in this piece, and the next begins where it landed.
        media_to = max(piece.media_from, piece.media_to)
        limits = rules.on(legal_day(piece.start_ms))
        bank.watch(piece.start_ms, piece.end_ms, piece.media_from, media_to, unit, limits)
    bank.close()


def _pieces(session: StudiedSession, part: Interval) -> Iterator[Stretch]:
    """Yield the part's stretches, cut at midnights of Asia/Shanghai."""
    stretches = session.stretches
    index = bisect_right(stretches, part.start, key=lambda stretch: stretch.start_ms) - 1
    at = part.start
    midnight = next_day_start_ms(at)
    while at < part.end:
        stretch = stretches[index]
        end = min(part.end, stretch.end_ms, midnight)
        yield Stretch(at, end, stretch.media_at(at), stretch.media_at(end))
        at = end
        if at == stretch.end_ms:
            index += 1
        if at == midnight:
            midnight = next_day_start_ms(at)


def _labeller(claim: _Claim, counted: list[tuple[int, int]], segments: list[Segment]) -> Label:
    """Return what takes labels: refused time goes to `segments`, counted time to `counted`."""
    session = claim.session

    def label(start: int, end: int, reason: Refusal | None) -> None:
        if reason is None:
            counted.append((start, end))
        else:
            segments.append(Segment(start, end, session.unit, session.id, Verdict.REFUSED, reason))

    return label


def _count(claim: _Claim, counted: IntervalSet, frozen: Mapping[Fault, IntervalSet]) -> Iterator[Segment]:
    """Yield counted time as frozen, credited or provisional.

    It is frozen while a fault of the institution's stands, whatever presence says; credited as far as presence has
    settled it by faces that are known to be this person's. A reference that is anchored later makes its own time count,
    and no other reference's.
    """
    session = claim.session
    for fault, stretches in frozen.items():
        for part in counted & stretches:
            yield Segment(part.start, part.end, session.unit, session.id, Verdict.FROZEN, fault)
        counted -= stretches
    unanchored = counted & claim.proof.unanchored
    credited = (counted & claim.proof.settled) - unanchored
    for part in credited:
        yield Segment(part.start, part.end, session.unit, session.id, Verdict.CREDITED, None)
    for why, parts in ((NOT_ANCHORED, unanchored), (AWAITS_CHECK, counted - credited - unanchored)):
        for part in parts:
            yield Segment(part.start, part.end, session.unit, session.id, Verdict.PROVISIONAL, why)


def _joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return the segments by session and time with equal neighbours made one, then by time."""
    joined: list[Segment] = []
    for one in sorted(segments, key=lambda s: (s.session, s.start_ms)):
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.end_ms == one.start_ms
            and (before.session, before.verdict, before.reason) == (one.session, one.verdict, one.reason)
        ):
            joined[-1] = Segment(before.start_ms, one.end_ms, one.unit, one.session, one.verdict, one.reason)
        else:
            joined.append(one)
    return tuple(sorted(joined, key=lambda s: (s.start_ms, s.session)))


@dataclass(frozen=True, slots=True)
class Ways:
    """How the two costly parts are done; whatever else does them does exactly what these do."""

    watch: WatchPart = watch_part
    beyond: Beyond = beyond_furthest_point


MODEL = Ways()
