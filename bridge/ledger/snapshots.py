"""Snapshots: a chain's closed past, kept so that a new entry is settled without reading all those before it.

A snapshot is a cache and never evidence: papers, proofs, corrections and recomputations settle the whole chain. It
holds only for the class run's sheet, rule packs and settlement code with which it was made, and is not used otherwise.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.entries import LedgerHead
from bridge.ledger.model.past import Past
from bridge.ledger.model.statement import Segment, Verdict
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce

NO_TIMELINE = "0" * 64
_BRIDGE = Path(__file__).resolve().parent.parent
_CODE = (
    "ledger/model",
    "ledger/snapshots.py",
    "ledger/settling.py",
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
    return _encoder.encode(snapshot)


def read_snapshot(body: bytes) -> Snapshot | None:
    """Return the snapshot in its stored form; None for a form that this code does not know."""
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:
        return None


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


def _plain(value: Any) -> Any:
    if isinstance(value, IntervalSet):
        return value.pairs()
    raise NotImplementedError(type(value).__name__)


def _made(kind: type, value: Any) -> Any:
    if kind is IntervalSet:
        return IntervalSet(map(tuple, value))
    raise NotImplementedError(kind.__name__)


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(Snapshot, dec_hook=_made)
_stretches = msgspec.json.Decoder(list[_Stretch])
