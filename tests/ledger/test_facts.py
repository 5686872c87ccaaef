"""What is read from a ledger's entries does not hang on the order in which they stand there."""

import random

from bridge.ledger.model.entries import LedgerEntry, LedgerHead, next_entry
from bridge.ledger.model.facts import read_facts

MOMENT = 1_764_000_000_000
BATCHES = 8


def batch(seq: int) -> dict[str, object]:
    """One of several batches that came in the same millisecond, as they can from a page beside the server."""
    return {
        "session": "ss_1",
        "unit": "unit-1",
        "activity": "study",
        "seq": seq,
        "received_ms": MOMENT,
        "previous_received_ms": MOMENT,
        "beats": [[MOMENT, 1000, seq % 2, 0, 1000]],
    }


def entry(data: dict[str, object]) -> LedgerEntry:
    return next_entry(LedgerHead(), at_ms=MOMENT, kind="beats", packs=[], data=data)


def test_batches_of_one_millisecond_keep_their_turns() -> None:
    entries = [entry(batch(seq)) for seq in range(1, BATCHES + 1)]
    random.Random(1).shuffle(entries)

    assert [one.seq for one in read_facts(entries).beats] == list(range(1, BATCHES + 1))


def test_an_entry_of_an_earlier_version_has_no_turn_and_comes_first() -> None:
    old = {name: value for name, value in batch(0).items() if name != "seq"}

    assert [one.seq for one in read_facts([entry(batch(2)), entry(old)]).beats] == [0, 2]
