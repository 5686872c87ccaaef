"""Snapshots: a chain's closed past, kept so that a new entry is settled without reading all those before it.

A snapshot is a cache and never evidence: papers, proofs, corrections and recomputations settle the whole chain. It
holds only for the class run's sheet, rule packs and settlement code with which it was made, and is not used otherwise.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import msgspec

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.entries import LedgerHead
from bridge.ledger.model.past import Past
from bridge.ledger.model.statement import Figures, Segment, UnitSeconds, Verdict
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce

NO_TIMELINE = "0" * 64
_BRIDGE = Path(__file__).resolve().parent.parent
_CODE = (
    "ledger/model",
    "ledger/snapshots.py",
    "ledger/settling.py",
    "ledger/chain_columns.py",
    "ledger/columns.py",
    "rules",
    "registry/model.py",
    "kernel/intervals.py",
    "kernel/time.py",
)
"""What decides what a chain is worth: a snapshot of other code is not used, though nobody remembered to say so."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The closed past of a chain.

    Args:
        made_of: see `identity`.
        head: the chain's last link when the snapshot was made.
        read: the last link before the entries that must still be read.
        taken: numbers of entries behind `read` that the past holds already.
        parts, timeline: how many parts the timeline of the past has, and the hash over them.
    """

    made_of: str
    head: LedgerHead
    read: LedgerHead
    taken: tuple[int, ...]
    past: Past
    parts: int
    timeline: str


class KeptUnits(Mapping[str, UnitSeconds]):
    """The units of a kept past, each made when somebody looks at it: they are many, and few are studied at a time."""

    def __init__(self, kept: Mapping[str, msgspec.Raw]) -> None:
        self._kept = kept

    def __getitem__(self, unit: str) -> UnitSeconds:
        one = _unit_decoder.decode(self._kept[unit])
        credited, provisional, frozen, pending = one.sums_ms
        figures = Figures(credited, provisional, one.refused_ms, frozen, pending)
        return UnitSeconds(
            unit, figures, IntervalSet.of_bounds(one.starts, one.ends), one.skipped_ms, one.furthest_ms
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class _Unit(msgspec.Struct, array_like=True, gc=False):
    sums_ms: tuple[int, int, int, int]
    refused_ms: dict[str, int]
    starts: list[int]
    ends: list[int]
    skipped_ms: int
    furthest_ms: int


class _Kept(msgspec.Struct):
    """A snapshot in its stored form: `past` but for its units, which are read when they are asked for."""

    made_of: str
    head: LedgerHead
    read: LedgerHead
    taken: tuple[int, ...]
    past: Past
    units: dict[str, msgspec.Raw]
    parts: int
    timeline: str


class _Stretch(msgspec.Struct, array_like=True, gc=False):
    start_ms: int
    end_ms: int
    unit: str
    session: str
    verdict: Verdict
    reason: str | None


def identity(sheet: ClassRunSheet, rules: ProfileInForce) -> str:
    """Return the hash of everything but entries that decides what a chain is worth: sheet, rules and code."""
    profile = rules.profile
    named = [profile.id, profile.packs, sorted(profile.named.items()), rules.pack_hashes]
    return hashlib.sha256(_encoder.encode([sheet, named, _code_hash()])).hexdigest()


def write_snapshot(snapshot: Snapshot) -> bytes:
    """Return the snapshot in its stored form."""
    units = snapshot.past.units
    past = replace(snapshot.past, units={})
    return _encoder.encode(
        _Kept(
            snapshot.made_of,
            snapshot.head,
            snapshot.read,
            snapshot.taken,
            past,
            _kept_units(units),
            snapshot.parts,
            snapshot.timeline,
        )
    )


def read_snapshot(body: bytes) -> Snapshot | None:
    """Return the snapshot in its stored form; None for a form that this code does not know."""
    try:
        kept = _decoder.decode(body)
    except msgspec.ValidationError:
        return None
    past = replace(kept.past, units=KeptUnits(kept.units))
    return Snapshot(kept.made_of, kept.head, kept.read, kept.taken, past, kept.parts, kept.timeline)


def write_segments(segments: Sequence[Segment]) -> bytes:
    """Return a part of a timeline in its stored form."""
    return _encoder.encode(
        [_Stretch(s.start_ms, s.end_ms, s.unit, s.session, s.verdict, s.reason) for s in segments]
    )


def read_segments(parts: Sequence[bytes], snapshot: Snapshot) -> tuple[Segment, ...] | None:
    """Return the timeline that `parts` hold; None if it is not the one that `snapshot` names."""
    digest = NO_TIMELINE
    for part in parts:
        digest = timeline_hash(digest, part)
    if (len(parts), digest) != (snapshot.parts, snapshot.timeline):
        return None
    return tuple(
        Segment(one.start_ms, one.end_ms, one.unit, one.session, one.verdict, one.reason)
        for part in parts
        for one in _stretches.decode(part)
    )


def timeline_hash(before: str, part: bytes) -> str:
    """Return the hash over a timeline that goes on with `part`."""
    return hashlib.sha256(bytes.fromhex(before) + part).hexdigest()


@lru_cache(maxsize=1)
def _code_hash() -> str:
    digest = hashlib.sha256()
    for name in _CODE:
        place = _BRIDGE / name
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _kept_units(units: Mapping[str, UnitSeconds]) -> dict[str, msgspec.Raw]:
    made = {}
    for name, one in units.items():
        figures = one.figures
        sums = (figures.credited_ms, figures.provisional_ms, figures.frozen_ms, figures.pending_ms)
        unit = _Unit(
            sums, dict(figures.refused_ms), *one.seen_media.bounds, one.skipped_media_ms, one.furthest_ms
        )
        made[name] = msgspec.Raw(_encoder.encode(unit))
    return made


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Kept)
_unit_decoder = msgspec.json.Decoder(_Unit)
_stretches = msgspec.json.Decoder(list[_Stretch])
