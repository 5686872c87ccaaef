"""What entries say, typed: beats, checks, prompts, anchors, tests, offline sessions, corrections; strictly read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bridge.kernel.errors import InvalidInput
from bridge.ledger.model.corrections import (
    REASONS_ZH,
    CarriedUnit,
    CorrectionFact,
    CorrectionKind,
    OfflineFact,
)
from bridge.ledger.model.entries import LedgerEntry, LedgerInvalid, is_sha256
from bridge.ledger.model.freezes import Fault, FreezeFact, ReleaseFact

T = TypeVar("T")

PASSED = "passed"
OTHER_PERSON = "other_person"
ANSWERED = "answered"


@dataclass(frozen=True, slots=True, order=True)
class Beat:
    """What the agent claimed of one moment, on the server's study clock.

    Args:
        at_ms: epoch ms; settlement keeps it within what the server itself saw of the batch.
        media_ms: position in the unit.
        visible: 1 if the page was in sight, else 0.
        interaction_age_ms: since the learner's last touch or key; None if there was none yet.
        rate_permille: playback rate × 1000.
    """

    at_ms: int
    media_ms: int
    visible: int
    interaction_age_ms: int | None
    rate_permille: int

    def to_json(self) -> list[int | None]:
        """Return the five numbers in the ledger's order."""
        return [self.at_ms, self.media_ms, self.visible, self.interaction_age_ms, self.rate_permille]


@dataclass(frozen=True, slots=True)
class BeatsFact:
    """One batch. The server heard nothing of the session between `previous_received_ms` and `received_ms`.

    Args:
        seq: of the batch within its session, for those that came in one millisecond; 0 in entries of earlier versions.
    """

    session: str
    unit: str
    activity: str
    seq: int
    received_ms: int
    previous_received_ms: int | None
    beats: tuple[Beat, ...]


@dataclass(frozen=True, slots=True)
class CheckFact:
    """How a presence check ended.

    Every outcome but "passed", "other_person" and "suspected_spoof" counts like missed.

    Args:
        reference: the face reference that was compared with; "" in entries of earlier versions.
    """

    check: str
    session: str
    due_ms: int
    at_ms: int
    outcome: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PromptFact:
    """How a question put to the learner ended. Every outcome but "answered" counts like missed."""

    prompt: str
    session: str
    due_ms: int
    at_ms: int
    outcome: str


@dataclass(frozen=True, slots=True)
class TestFact:
    """What completion decided on a test attempt.

    Args:
        references: the face references with which the attempt's passed checks were compared, where they have a name.
    """

    unit: str
    attempt: str
    decision: str
    references: tuple[str, ...] = ()

    def stands_on(self, anchors: Iterable[str]) -> bool:
        """Return whether it is known whose faces the attempt's checks saw: each reference is one of `anchors`."""
        return set(self.references) <= set(anchors)


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a ledger, each once, in an order that does not depend on their arrival.

    Args:
        anchors: the face references that were proved to be this person's; "" is that of entries without a name.
    """

    beats: tuple[BeatsFact, ...]
    checks: tuple[CheckFact, ...]
    anchors: tuple[str, ...]
    tests: tuple[TestFact, ...]
    offline: tuple[OfflineFact, ...]
    corrections: tuple[CorrectionFact, ...]
    freezes: tuple[FreezeFact, ...]
    releases: tuple[ReleaseFact, ...]
    prompts: tuple[PromptFact, ...] = ()

    @property
    def anchored(self) -> bool:
        """Return whether any face reference was proved to be this person's."""
        return bool(self.anchors)


def read_facts(entries: Iterable[LedgerEntry]) -> Facts:
    """Return what `entries` say; LedgerInvalid("entry_invalid") naming the line that cannot be read."""
    beats: set[BeatsFact] = set()
    checks: set[CheckFact] = set()
    tests: set[TestFact] = set()
    offline: set[OfflineFact] = set()
    corrections: set[CorrectionFact] = set()
    freezes: set[FreezeFact] = set()
    releases: set[ReleaseFact] = set()
    prompts: set[PromptFact] = set()
    anchors: set[str] = set()
    for entry in entries:
        if entry.kind == "beats":
            beats.add(_strictly(_beats, entry))
        elif entry.kind == "check":
            checks.add(_strictly(_check, entry))
        elif entry.kind == "test":
            tests.add(_strictly(_test, entry))
        elif entry.kind == "offline":
            offline.add(_strictly(_offline, entry))
        elif entry.kind == "correction":
            corrections.add(_strictly(_correction, entry))
        elif entry.kind == "freeze":
            freezes.add(_strictly(_freeze, entry))
        elif entry.kind == "release":
            releases.add(_strictly(_release, entry))
        elif entry.kind == "prompt":
            prompts.add(_strictly(_prompt, entry))
        elif entry.kind == "anchor":
            anchors.add(_strictly(_anchor, entry))
    return _in_order(beats, checks, anchors, tests, offline, corrections, freezes, releases, prompts)


def together(one: Facts, other: Facts) -> Facts:
    """Return the facts of both, each once."""
    return _in_order(
        {*one.beats, *other.beats},
        {*one.checks, *other.checks},
        {*one.anchors, *other.anchors},
        {*one.tests, *other.tests},
        {*one.offline, *other.offline},
        {*one.corrections, *other.corrections},
        {*one.freezes, *other.freezes},
        {*one.releases, *other.releases},
        {*one.prompts, *other.prompts},
    )


def _in_order(
    beats: set[BeatsFact],
    checks: set[CheckFact],
    anchors: set[str],
    tests: set[TestFact],
    offline: set[OfflineFact],
    corrections: set[CorrectionFact],
    freezes: set[FreezeFact],
    releases: set[ReleaseFact],
    prompts: set[PromptFact],
) -> Facts:
    return Facts(
        beats=tuple(
            sorted(beats, key=lambda b: (b.session, b.received_ms, b.seq, b.previous_received_ms or -1))
        ),
        checks=tuple(sorted(checks, key=lambda c: (c.at_ms, c.check, c.outcome, c.reference))),
        anchors=tuple(sorted(anchors)),
        tests=tuple(sorted(tests, key=lambda t: (t.unit, t.attempt, t.decision, t.references))),
        offline=tuple(sorted(offline)),
        corrections=tuple(sorted(corrections)),
        freezes=tuple(sorted(freezes)),
        releases=tuple(sorted(releases)),
        prompts=tuple(sorted(prompts, key=lambda p: (p.at_ms, p.prompt, p.outcome))),
    )


def attendance_records(entries: Iterable[LedgerEntry]) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """Return what was entered of each offline session (teacher, place, sheet), by `OfflineFact.key`."""
    found: dict[tuple[str, int, int], Mapping[str, Any]] = {}
    for entry in entries:
        records: Sequence[Mapping[str, Any]] = ()
        if entry.kind == "offline":
            records = [entry.data]
        elif entry.kind == "correction" and entry.data["what"] == CorrectionKind.TRANSFER_IN:
            records = entry.data["offline"]
        for one in records:
            found[one["outline_unit"], one["start_ms"], one["end_ms"]] = one
    return found


def require_fact(kind: str, data: Mapping[str, Any]) -> None:
    """Return if `data` can be an entry of `kind`, else raise InvalidInput("ledger_fact_invalid")."""
    try:
        _READERS[kind](data)
        for field in _KEYS[kind]:
            _text(data[field])
    except _UNREADABLE as error:
        raise InvalidInput(
            "ledger_fact_invalid", f"要记入台账的 {kind} 内容缺失或类型不对,未记录。"
        ) from error


def _strictly(read: Callable[[Mapping[str, Any]], T], entry: LedgerEntry) -> T:
    try:
        return read(entry.data)
    except _UNREADABLE as error:
        raise LedgerInvalid(
            "entry_invalid", entry.seq + 1, f"{entry.kind} 记录的内容缺失或类型不对。"
        ) from error


def _beats(data: Mapping[str, Any]) -> BeatsFact:
    previous = data["previous_received_ms"]
    return BeatsFact(
        session=_text(data["session"]),
        unit=_text(data["unit"]),
        activity=_text(data["activity"]),
        seq=whole(data.get("seq", 0)),
        received_ms=whole(data["received_ms"]),
        previous_received_ms=None if previous is None else whole(previous),
        beats=tuple(_beat(one) for one in data["beats"]),
    )


def _beat(numbers: Sequence[Any]) -> Beat:
    at_ms, media_ms, visible, age, rate = numbers
    return Beat(
        whole(at_ms), whole(media_ms), whole(visible), None if age is None else whole(age), whole(rate)
    )


def _check(data: Mapping[str, Any]) -> CheckFact:
    return CheckFact(
        check=_text(data["check"]),
        session=_text(data["session"]),
        due_ms=whole(data["due_ms"]),
        at_ms=whole(data["at_ms"]),
        outcome=_text(data["outcome"]),
        reference=_reference(data),
    )


def _anchor(data: Mapping[str, Any]) -> str:
    whole(data["at_ms"])
    return _reference(data)


def _prompt(data: Mapping[str, Any]) -> PromptFact:
    return PromptFact(
        prompt=_text(data["prompt"]),
        session=_text(data["session"]),
        due_ms=whole(data["due_ms"]),
        at_ms=whole(data["at_ms"]),
        outcome=_text(data["outcome"]),
    )


def _test(data: Mapping[str, Any]) -> TestFact:
    references = tuple(sorted(map(_text, data.get("references", ()))))
    return TestFact(_text(data["unit"]), _text(data["attempt"]), _text(data["decision"]), references)


def _offline(data: Mapping[str, Any]) -> OfflineFact:
    entered, confirmed = _text(data["entered_by"]), _text(data["confirmed_by"])
    fact = _attended(data)
    if fact.end_ms <= fact.start_ms or entered == confirmed:
        raise ValueError("an offline session takes time and two people")
    return fact


def _correction(data: Mapping[str, Any]) -> CorrectionFact:
    what = CorrectionKind(data["what"])
    if _text(data["proposed_by"]) == _text(data["confirmed_by"]):
        raise ValueError("a correction takes two people")
    if data["reason"] not in REASONS_ZH or not (
        data["document_sha256"] is None or is_sha256(data["document_sha256"])
    ):
        raise ValueError("a correction says why")
    name = _text(data["correction"])
    if what is CorrectionKind.WITHDRAW:
        fact = CorrectionFact(name, what, start_ms=whole(data["start_ms"]), end_ms=whole(data["end_ms"]))
    elif what is CorrectionKind.CHECK_VOID:
        return CorrectionFact(name, what, check=_text(data["check"]))
    elif what is CorrectionKind.OFFLINE_VOID:
        fact = CorrectionFact(
            name,
            what,
            outline_unit=_text(data["outline_unit"]),
            start_ms=whole(data["start_ms"]),
            end_ms=whole(data["end_ms"]),
        )
    elif what is CorrectionKind.TRANSFER_OUT:
        return CorrectionFact(name, what, class_run=_text(data["to"]))
    else:
        return _transfer_in(name, data)
    if fact.end_ms <= fact.start_ms:
        raise ValueError("a stretch takes time")
    return fact


def _freeze(data: Mapping[str, Any]) -> FreezeFact:
    fact = FreezeFact(
        _text(data["freeze"]), Fault(data["fault"]), whole(data["start_ms"]), whole(data["end_ms"])
    )
    if fact.end_ms <= fact.start_ms:
        raise ValueError("a stretch takes time")
    return fact


def _release(data: Mapping[str, Any]) -> ReleaseFact:
    return ReleaseFact(_text(data["freeze"]), whole(data["at_ms"]))


def _attended(data: Mapping[str, Any]) -> OfflineFact:
    _text(data["teacher"]), _text(data["place"])
    return OfflineFact(
        start_ms=whole(data["start_ms"]),
        end_ms=whole(data["end_ms"]),
        outline_unit=_text(data["outline_unit"]),
        class_hours=whole(data["class_hours"]),
        sheet_sha256=_text(data["sheet_sha256"]),
    )


def _transfer_in(name: str, data: Mapping[str, Any]) -> CorrectionFact:
    if not is_sha256(data["from_head"]):
        raise ValueError("a transfer names the chain that it takes from")
    units = []
    for one in data["units"]:
        seen = tuple((whole(start), whole(end)) for start, end in one["seen"])
        # Entries of earlier versions do not say how far a unit was played; it was as far as it was seen.
        furthest = whole(one.get("furthest_ms", max((end for _, end in seen), default=0)))
        units.append(CarriedUnit(_text(one["unit"]), whole(one["credited_ms"]), seen, furthest))
    offline = tuple(map(_attended, data["offline"]))
    return CorrectionFact(
        name,
        CorrectionKind.TRANSFER_IN,
        class_run=_text(data["from"]),
        head=data["from_head"],
        units=tuple(units),
        offline=offline,
    )


def whole(value: Any) -> int:
    """Return `value` if it is a whole number that is not negative, else raise TypeError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("a whole number expected")
    return value


def _reference(data: Mapping[str, Any]) -> str:
    return _text(data["reference"]) if "reference" in data else ""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text expected")
    return value


_UNREADABLE = (KeyError, TypeError, ValueError)
_READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "beats": _beats,
    "check": _check,
    "prompt": _prompt,
    "test": _test,
    "offline": _offline,
    "correction": _correction,
    "freeze": _freeze,
    "release": _release,
    "anchor": _anchor,
}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "beats": (),
    "check": ("learner", "class_run"),
    "prompt": ("learner", "class_run"),
    "test": ("learner", "class_run"),
    "offline": ("learner", "class_run"),
    "correction": ("learner", "class_run"),
    "freeze": ("learner", "class_run"),
    "release": ("learner", "class_run"),
    "anchor": ("learner", "class_run", "method"),
}
"""Texts that a fact must hold to find its chain, beside what its reader wants."""
