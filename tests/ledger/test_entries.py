"""The chain and the file: what was changed is found and named by its line."""

import pytest

from bridge.kernel.canonical import GENESIS
from bridge.ledger.model import LedgerInvalid, read_ledger, verify_chain, write_ledger
from tests.ledger.study import MINUTE, Study, sheet


def ledger() -> bytes:
    study = Study().anchor().watch("s", 0, MINUTE).passes("s", 0, MINUTE)
    return write_ledger(sheet().to_json(), study.entries())


def refusal(content: bytes, expected_head: str | None = None) -> tuple[str, int]:
    with pytest.raises(LedgerInvalid) as caught:
        read_ledger(content, expected_head=expected_head)
    assert f"第 {caught.value.line} 行" in caught.value.message
    return caught.value.reason, caught.value.line


def test_a_ledger_reads_back_as_it_was_written() -> None:
    content = ledger()

    read = read_ledger(content)

    assert write_ledger(read.header, read.entries) == content
    assert read.head == verify_chain(read.entries)
    assert read.entries[0].prev == GENESIS


def test_any_changed_byte_of_any_entry_is_found() -> None:
    content = ledger()
    head = read_ledger(content).head.hash
    start = content.index(b"\n") + 1

    for at in range(start, len(content)):
        changed = bytearray(content)
        changed[at] ^= 1
        with pytest.raises(LedgerInvalid):
            read_ledger(bytes(changed), expected_head=head)


def test_a_changed_value_breaks_the_chain_at_the_next_line() -> None:
    lines = ledger().split(b"\n")
    lines[3] = lines[3].replace(b"[[1", b"[[2", 1)

    assert refusal(b"\n".join(lines)) == ("chain_broken", 5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("removed", ("sequence_broken", 3)),
        ("doubled", ("sequence_broken", 4)),
        ("swapped", ("sequence_broken", 3)),
    ],
)
def test_removed_doubled_and_swapped_lines_are_named(name: str, expected: tuple[str, int]) -> None:
    lines = ledger().split(b"\n")
    if name == "removed":
        del lines[2]
    elif name == "doubled":
        lines.insert(3, lines[2])
    else:
        lines[2], lines[3] = lines[3], lines[2]

    assert refusal(b"\n".join(lines)) == expected


def test_a_cut_off_end_shows_against_the_head_on_a_paper() -> None:
    content = ledger()
    head = read_ledger(content).head.hash
    lines = content.split(b"\n")
    shorter = b"\n".join([*lines[:-2], b""])

    assert read_ledger(shorter).head.hash != head
    assert refusal(shorter, head)[0] == "head_differs"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", ("not_json", 2)),
        (b"[]", ("not_json", 2)),
        (b"\xff", ("not_utf8", 2)),
        (b'{"a":1.5}', ("not_json", 2)),
        (b'{"a":NaN}', ("not_json", 2)),
        (b'{"a": 1}', ("not_canonical", 2)),
        (b'{"a":1,"a":1}', ("not_canonical", 2)),
        (b'{"a":99999999999999999999}', ("not_canonical", 2)),
        (b'{"a":1}', ("entry_invalid", 2)),
        (b"[" * 200_000, ("not_json", 2)),
        (b"", ("not_json", 2)),
    ],
)
def test_bad_lines_are_refused_with_their_number(line: bytes, expected: tuple[str, int]) -> None:
    header = ledger().split(b"\n")[0]

    assert refusal(header + b"\n" + line + b"\n") == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "header_invalid"), (b"{}\n", "header_invalid"), (b'{"kind":"header","v":2}\n', "header_invalid")],
)
def test_a_file_without_a_header_is_refused(content: bytes, reason: str) -> None:
    assert refusal(content) == (reason, 1)


def test_a_file_that_breaks_off_is_refused() -> None:
    assert refusal(ledger()[:-1])[0] == "line_unfinished"
