"""The beats of a chain as columns of numbers: proved and read at the speed of a database's scan.

What columns cannot hold is told by `NotInColumns`, and left to the model, which stays the definition.
"""

import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bridge.ledger.model.entries import KINDS, LedgerEntry, LedgerHead

Numbers = NDArray[np.int64]
_BeatNumbers = tuple[Numbers, Numbers]
"""Of some batches: how many beats each has, and their beats, one a row."""
_NO_SUMMER_TIME_SINCE_MS = 694_224_000_000
"""1992-01-01 UTC: since then a legal day is a fixed offset away."""
_UNTIL_MS = 2**43
"""No door takes a later moment."""
UNTOUCHED = -1
"""In place of the moment of an interaction that never was."""
_BEATS_AT_ONCE = 6000
"""When so many are read they become numbers: as objects they take several times the memory."""
_BEGINNING = LedgerHead()
_Whole = Annotated[int, msgspec.Meta(ge=0)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Batch(msgspec.Struct, gc=False):
    session: _Text
    unit: _Text
    activity: _Text
    received_ms: _Whole
    previous_received_ms: _Whole | None
    beats: list[tuple[int, int, int, int | None, int]]
    seq: _Whole = 0


class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A line of the ledger, of whatever kind."""

    at_ms: _Whole
    data: dict[str, Any]
    kind: Literal[KINDS]  # type: ignore[valid-type]  # the tuple itself
    packs: tuple[tuple[str, str], ...]
    prev: str
    seq: _Whole
    v: Literal[1]


class _BeatsEntry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A line that holds beats; what the chain proves already is not looked into."""

    at_ms: msgspec.Raw
    data: _Batch
    kind: Literal["beats"]
    packs: msgspec.Raw
    prev: msgspec.Raw
    seq: msgspec.Raw
    v: Literal[1]


_entry = msgspec.json.Decoder(_Entry)
_beats_entry = msgspec.json.Decoder(_BeatsEntry)


class NotInColumns(Exception):
    """These entries are for the model itself to read: it knows what they mean, or what is wrong with them."""


@dataclass(frozen=True, slots=True, eq=False)
class BeatColumns:
    """The beats of one chain, by session name and then in the order in which they passed.

    Args:
        sessions: name, unit and activity, in the order of `first`.
        first: of each session's beats, and at the end the number of beats.
        at_ms, media_ms, touched_ms, rate_permille: of each beat; `touched_ms` is the last interaction, `UNTOUCHED`
            if there was none.
        hidden: whether the page was out of sight.
        silence_ms: how long the server had heard nothing when the beat's batch came.
    """

    sessions: tuple[tuple[str, str, str], ...]
    first: Numbers
    at_ms: Numbers
    media_ms: Numbers
    touched_ms: Numbers
    rate_permille: Numbers
    hidden: NDArray[np.bool_]
    silence_ms: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class ChainInColumns:
    """One chain, or the end of one, read and proved: its beats, its other entries and its head.

    Args:
        arrived: number and session of each entry of beats, in the order of the chain.
    """

    beats: BeatColumns
    others: tuple[LedgerEntry, ...]
    head: LedgerHead
    arrived: Sequence[tuple[int, str]] = ()


@contextmanager
def without_collecting() -> Iterator[None]:
    """Keep the collector of cycles away: batches hold none, and looking for them takes as long as reading."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def read_chain(
    rows: Iterable[tuple[str, str]], after: LedgerHead = _BEGINNING, skip: AbstractSet[int] = frozenset()
) -> ChainInColumns:
    """Return the chain that `rows` (body and hash as stored) make, oldest first.

    Args:
        after: the link that the first of them follows.
        skip: numbers of entries that are proved with the others, and left out.

    Raises:
        NotInColumns: it does not hold together, or is not of the kind that columns can hold.
    """
    batches: list[_Batch] = []
    waiting: list[_Batch] = []
    numbers: list[_BeatNumbers] = []
    others: list[LedgerEntry] = []
    seqs: list[int] = []
    beats = 0
    previous, linked, seq = bytes.fromhex(after.hash), after.hash, after.seq
    decode, sha256 = _beats_entry.decode, hashlib.sha256
    for body, stored in rows:
        seq += 1
        record = body.encode()
        digest = sha256(previous + record)
        # A record is canonical JSON, which ends so; and it is hashed as it is stored.
        if digest.hexdigest() != stored or not body.endswith(f'"prev":"{linked}","seq":{seq},"v":1}}'):
            raise NotInColumns
        previous, linked = digest.digest(), stored
        if seq in skip:
            continue
        try:
            batch = decode(record).data
        except msgspec.ValidationError:
            others.append(_other(record, stored))
            continue
        waiting.append(batch)
        seqs.append(seq)
        beats += len(batch.beats)
        if beats >= _BEATS_AT_ONCE:
            numbers.append(_taken(waiting))
            batches += waiting
            waiting.clear()
            beats = 0
    numbers.append(_taken(waiting))
    batches += waiting
    arrived = [(at, batch.session) for at, batch in zip(seqs, batches, strict=True)]
    return ChainInColumns(_in_columns(batches, numbers), tuple(others), LedgerHead(seq, linked), arrived)


def _other(record: bytes, digest: str) -> LedgerEntry:
    try:
        one = _entry.decode(record)
    except msgspec.ValidationError as error:
        raise NotInColumns from error
    if one.kind == "beats":
        raise NotInColumns  # a batch that cannot be read: the model says why
    return LedgerEntry(one.seq, one.prev, one.at_ms, one.kind, one.packs, one.data, digest)


def _taken(batches: list[_Batch]) -> _BeatNumbers:
    """Return the beats of some batches as numbers, and take them from the batches."""
    try:
        taken = whole_numbers([len(batch.beats) for batch in batches]), _beats(batches)
    except OverflowError as error:
        raise NotInColumns from error
    for batch in batches:
        batch.beats = []
    return taken


def _in_columns(batches: list[_Batch], numbers: list[_BeatNumbers]) -> BeatColumns:
    sessions: dict[str, tuple[str, str, str]] = {}
    for batch in batches:
        if sessions.setdefault(batch.session, (batch.session, batch.unit, batch.activity))[1:] != (
            batch.unit,
            batch.activity,
        ):
            raise NotInColumns  # a session of two units: the model says which holds
    names = sorted(sessions)
    code_of = {name: code for code, name in enumerate(names)}
    try:
        code = whole_numbers([code_of[batch.session] for batch in batches])
        received = whole_numbers([batch.received_ms for batch in batches])
        previous = whole_numbers(
            [-1 if batch.previous_received_ms is None else batch.previous_received_ms for batch in batches]
        )
        seq = whole_numbers([batch.seq for batch in batches])
    except OverflowError as error:
        raise NotInColumns from error
    count = np.concatenate([one for one, _beats_of in numbers])
    beats = np.concatenate([one for _count, one in numbers])
    numbers.clear()
    if not (count > 0).all():
        raise NotInColumns
    in_order = _ordered(code, received, seq)
    if in_order is not None:
        beats = beats[_rows_in_order(count, in_order)]
        code, received, previous = code[in_order], received[in_order], previous[in_order]
        seq, count = seq[in_order], count[in_order]
    same = (code[1:] == code[:-1]) & (received[1:] == received[:-1]) & (seq[1:] == seq[:-1])
    if same.any():
        raise NotInColumns  # the same batch twice, or two that only the model can put in order
    code, received, previous = (np.repeat(one, count) for one in (code, received, previous))
    began = previous < 0
    at = np.maximum(np.where(began, received, previous), np.minimum(beats[:, 0], received))
    late = _ordered(code, at, received)
    touched = np.where(beats[:, 3] == UNTOUCHED, UNTOUCHED, at - beats[:, 3])
    silence = np.where(began, 0, received - previous)
    # Copies, so that the rows need not stay.
    media, rate, hidden = beats[:, 1].copy(), beats[:, 4].copy(), beats[:, 2] == 0
    if late is not None:
        code, at, media, touched, rate = code[late], at[late], media[late], touched[late], rate[late]
        hidden, silence = hidden[late], silence[late]
    if len(at) and not (at.min() >= _NO_SUMMER_TIME_SINCE_MS and max(at.max(), media.max()) < _UNTIL_MS):
        raise NotInColumns
    if (touched < UNTOUCHED).any():
        raise NotInColumns
    first = np.searchsorted(code, np.arange(len(names) + 1))
    return BeatColumns(
        tuple(sessions[name] for name in names), first, at, media, touched, rate, hidden, silence
    )


def whole_numbers(values: list[int]) -> Numbers:
    """Return whole numbers as a column; OverflowError for one beyond 64 bits."""
    return np.array(values, np.int64)


def _rows_in_order(count: Numbers, in_order: NDArray[np.intp]) -> Numbers:
    """Return the rows of beats, of which each batch has so many, as they stand when the batches are in order."""
    first, counted = (np.cumsum(count) - count)[in_order], count[in_order]
    return np.repeat(first - (np.cumsum(counted) - counted), counted) + np.arange(counted.sum())


def _beats(batches: list[_Batch]) -> Numbers:
    """Return all beats, one a row, with `UNTOUCHED` for an interaction that never was."""
    flat = list(chain.from_iterable([batch.beats for batch in batches]))
    try:
        numbers = np.fromiter(chain.from_iterable(flat), np.int64, len(flat) * 5)
    except TypeError:
        touched = ((a, b, c, UNTOUCHED if age is None else age, e) for a, b, c, age, e in flat)
        if any(age is not None and age < 0 for _a, _b, _c, age, _e in flat):
            raise NotInColumns from None
        numbers = np.fromiter(chain.from_iterable(touched), np.int64, len(flat) * 5)
    else:
        if (numbers < 0).any():
            raise NotInColumns
    beats = numbers.reshape(-1, 5)
    if (beats[:, [0, 1, 2, 4]] < 0).any():
        raise NotInColumns
    return beats


def _ordered(first: Numbers, second: Numbers, third: Numbers) -> NDArray[np.intp] | None:
    """Return the stable order by the three keys; None if they stand in it."""
    rising = (first[1:] > first[:-1]) | (
        (first[1:] == first[:-1])
        & ((second[1:] > second[:-1]) | ((second[1:] == second[:-1]) & (third[1:] >= third[:-1])))
    )
    return None if rising.all() else np.lexsort((third, second, first))
