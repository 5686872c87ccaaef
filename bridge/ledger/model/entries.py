"""The ledger: one hash chain for each learner and class run, and its file form `ledger.jsonl`.

An entry is RFC 8785 JSON; its hash is SHA-256(previous hash ‖ entry). The file holds a header line (what the
class run, outline, course and packs were) and one entry a line. The head hash, printed on papers, proves all.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.kernel.canonical import GENESIS, canonical_json, chained_hash
from bridge.kernel.errors import InvalidInput

VERSION = 1
KINDS = ("beats", "check", "anchor", "test", "offline", "correction", "freeze", "release", "prompt")
"""A kind may be added within a version: a reader that does not know it refuses the entry, and so the ledger."""
_FIELDS = {"v", "seq", "prev", "at_ms", "kind", "packs", "data"}


class LedgerInvalid(InvalidInput):
    """A ledger cannot be believed or read. `line` is the first bad line of ledger.jsonl, from 1."""

    def __init__(self, reason: str, line: int, message: str) -> None:
        super().__init__(reason, f"台账第 {line} 行:{message}", http_status=422)
        self.line = line


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The last link of a chain; the next entry follows it."""

    seq: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One fact, as it was recorded; never changed.

    Args:
        seq: from 1, without gaps.
        prev: hash of the entry before it; `GENESIS` for the first.
        at_ms: when it was recorded, study clock, epoch ms. Settlement never looks at it.
        kind: one of `KINDS`.
        packs: (pack id, content hash) of the rules in force when it was recorded.
        data: JSON values without floats; see `facts`.
        hash: of this entry; not part of its own bytes.
    """

    seq: int
    prev: str
    at_ms: int
    kind: str
    packs: tuple[tuple[str, str], ...]
    data: Mapping[str, Any]
    hash: str

    def canonical(self) -> bytes:
        """Return the entry's line, without the line feed."""
        return _canonical(self.seq, self.prev, self.at_ms, self.kind, self.packs, self.data)


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A ledger.jsonl that was read and whose chain holds. `head` is its last link."""

    header: Mapping[str, Any]
    entries: tuple[LedgerEntry, ...]
    head: LedgerHead


def next_entry(
    head: LedgerHead, *, at_ms: int, kind: str, packs: Sequence[tuple[str, str]], data: Mapping[str, Any]
) -> LedgerEntry:
    """Return the entry that follows `head`; ValueError for an unknown kind or no JSON value."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of ledger entry: {kind}")
    named = tuple((pack, digest) for pack, digest in packs)
    record = _canonical(head.seq + 1, head.hash, at_ms, kind, named, data)
    return LedgerEntry(head.seq + 1, head.hash, at_ms, kind, named, data, chained_hash(head.hash, record))


def verify_chain(entries: Iterable[LedgerEntry]) -> LedgerHead:
    """Return the last link of `entries`, oldest first.

    Raises:
        LedgerInvalid: sequence_broken, chain_broken or hash_wrong, naming the first bad line.
    """
    head = LedgerHead()
    for entry in entries:
        line = head.seq + 2
        if entry.seq != head.seq + 1:
            raise LedgerInvalid(
                "sequence_broken", line, f"序号应为 {head.seq + 1},实为 {entry.seq};有记录缺失、重复或换位。"
            )
        if entry.prev != head.hash:
            raise LedgerInvalid("chain_broken", line, "与上一条记录的哈希不相接,此行或上一行被改动过。")
        if chained_hash(entry.prev, entry.canonical()) != entry.hash:
            raise LedgerInvalid("hash_wrong", line, "记录内容与其哈希不符,此行被改动过。")
        head = LedgerHead(entry.seq, entry.hash)
    return head


def write_ledger(header: Mapping[str, Any], entries: Iterable[LedgerEntry]) -> bytes:
    """Return ledger.jsonl: the header line, then one entry a line, each RFC 8785 JSON and a line feed."""
    lines = [canonical_json(header), *(entry.canonical() for entry in entries)]
    return b"\n".join(lines) + b"\n"


def read_ledger(content: bytes, *, expected_head: str | None = None) -> LedgerFile:
    """Return the ledger in `content`.

    Args:
        expected_head: the head hash known from elsewhere (a certificate). Without it a change of the last
            line, or its removal, cannot be seen.

    Raises:
        LedgerInvalid: the first bad line, with its reason: not_utf8, not_json, not_canonical,
            header_invalid, entry_invalid, sequence_broken, chain_broken, head_differs.
    """
    lines = content.split(b"\n")
    if lines[-1]:
        raise LedgerInvalid("line_unfinished", len(lines), "最后一行没有换行符,文件可能不完整,请重新取得。")
    lines.pop()
    if not lines:
        raise LedgerInvalid("header_invalid", 1, "文件是空的,请提供完整的 ledger.jsonl。")
    header = _read_line(lines[0], 1)
    if header.get("v") != VERSION or header.get("kind") != "header":
        raise LedgerInvalid("header_invalid", 1, f"首行应为版本 {VERSION} 的台账表头。")
    entries: list[LedgerEntry] = []
    head = LedgerHead()
    for line, raw in enumerate(lines[1:], start=2):
        entry = _read_entry(raw, line)
        if entry.seq != head.seq + 1:
            raise LedgerInvalid(
                "sequence_broken", line, f"序号应为 {head.seq + 1},实为 {entry.seq};有记录缺失、重复或换位。"
            )
        if entry.prev != head.hash:
            raise LedgerInvalid("chain_broken", line, "与上一条记录的哈希不相接,此行或上一行被改动过。")
        entries.append(entry)
        head = LedgerHead(entry.seq, entry.hash)
    if expected_head is not None and head.hash != expected_head:
        raise LedgerInvalid(
            "head_differs", len(lines), f"末条哈希为 {head.hash},应为 {expected_head};末尾记录被改动或删去。"
        )
    return LedgerFile(header, tuple(entries), head)


def parse_entry(record: Mapping[str, Any], line: int) -> LedgerEntry:
    """Return the entry that a parsed line holds, with its hash; LedgerInvalid("entry_invalid") if none."""
    good = (
        set(record) == _FIELDS
        and record["v"] == VERSION
        and record["kind"] in KINDS
        and _whole(record["seq"])
        and _whole(record["at_ms"])
        and is_sha256(record["prev"])
        and isinstance(record["data"], dict)
        and isinstance(record["packs"], list)
        and all(
            isinstance(pack, list) and len(pack) == 2 and isinstance(pack[0], str) and is_sha256(pack[1])
            for pack in record["packs"]
        )
    )
    if not good:
        raise LedgerInvalid(
            "entry_invalid", line, f"不是版本 {VERSION} 的台账记录,字段缺失、多余或类型不对。"
        )
    packs = tuple((pack[0], pack[1]) for pack in record["packs"])
    digest = chained_hash(record["prev"], canonical_json(record))
    return LedgerEntry(
        record["seq"], record["prev"], record["at_ms"], record["kind"], packs, record["data"], digest
    )


def is_sha256(value: object) -> bool:
    """Return whether `value` is 64 lower-case hex digits."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _read_entry(raw: bytes, line: int) -> LedgerEntry:
    return parse_entry(_read_line(raw, line), line)


def _read_line(raw: bytes, line: int) -> dict[str, Any]:
    try:
        record = json.loads(raw.decode(), parse_float=_no_float, parse_constant=_no_float)
    except UnicodeDecodeError as error:
        raise LedgerInvalid("not_utf8", line, "不是 UTF-8 文本。") from error
    except (ValueError, RecursionError) as error:
        raise LedgerInvalid("not_json", line, "不是台账所用的 JSON(不含小数)。") from error
    if not isinstance(record, dict):
        raise LedgerInvalid("not_json", line, "应为一个 JSON 对象。")
    # One meaning, one spelling: otherwise two readers could take a doubled key for different values.
    try:
        spelled = canonical_json(record)
    except ValueError as error:
        raise LedgerInvalid("not_canonical", line, "含有超出范围的数值。") from error
    if spelled != raw:
        raise LedgerInvalid("not_canonical", line, "不是规范化 JSON(RFC 8785),此行被改写过。")
    return record


def _no_float(_text: str) -> Any:
    raise ValueError("a ledger holds no floats")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _canonical(
    seq: int,
    prev: str,
    at_ms: int,
    kind: str,
    packs: Sequence[tuple[str, str]],
    data: Mapping[str, Any],
) -> bytes:
    return canonical_json(
        {
            "v": VERSION,
            "seq": seq,
            "prev": prev,
            "at_ms": at_ms,
            "kind": kind,
            "packs": [list(pack) for pack in packs],
            "data": data,
        }
    )
