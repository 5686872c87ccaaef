"""Writes a batch as text that is its own canonical form, so that digests are those of the very bytes that go out.

What is written is what Exclusive XML Canonicalization 1.0 would make of it, but for the namespace that it puts on the
apex; a tree of elements would cost more than the validation (measured in the bench `feed`).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import rfc3339
from bridge.reporting.model import Action, BatchHeader, BuiltBatch, Record
from plugins.reporting.guangdong.mapping import FeedMapping, Shape

_SPECIAL: Final = re.compile('[&<>"\r\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_IMPOSSIBLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TEXT: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#xD;"}
_IN_ATTRIBUTE: Final = {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord('"'): "&quot;",
    ord("\t"): "&#x9;",
    ord("\n"): "&#xA;",
    ord("\r"): "&#xD;",
}


def write_batch(
    mapping: FeedMapping, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]
) -> BuiltBatch:
    """Return the batch, UTF-8, one element a line, not signed.

    Raises:
        InvalidInput: "not_xml": a value holds a control character that XML cannot; "kind_not_in_version".
    """
    apex = f' xmlns="{mapping.namespace}"'
    digests = []
    body = ["<Records>"]
    for record, values in records:
        text = _record(shape_of(mapping, record), record, values)
        end = text.index(" ")
        digests.append(hashlib.sha256((text[:end] + apex + text[end:]).encode()).hexdigest())
        body.append(text)
    body.append("</Records>")
    written = "\n".join(body)
    digest = hashlib.sha256(f"<Records{apex}>{written[9:]}".encode()).hexdigest()
    head = "\n".join(f"<{name}>{_text(name, value)}</{name}>" for name, value in _header(mapping, header))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Batch{apex}>\n<Header>\n{head}\n'
        f"<RecordCount>{len(records)}</RecordCount>\n<Digest>{digest}</Digest>\n</Header>\n{written}\n</Batch>\n"
    )
    return BuiltBatch(content.encode(), tuple(digests))


def shape_of(mapping: FeedMapping, record: Record) -> Shape:
    """Return how the record is written in this version; InvalidInput("kind_not_in_version") if it is not."""
    shape = mapping.withdrawal if record.action is Action.WITHDRAW else mapping.shapes.get(record.kind)
    if shape is None:
        raise InvalidInput(
            "kind_not_in_version",
            f"报送结构 {mapping.version} 没有 {record.kind} 这类记录,请使用更新的版本。",
        )
    return shape


def _header(mapping: FeedMapping, header: BatchHeader) -> Iterator[tuple[str, str]]:
    yield "SchemaVersion", mapping.version
    yield "PlatformCode", header.platform_code
    yield "CityCode", header.city_code
    yield "InstitutionUscc", header.uscc
    yield "BatchId", header.batch_id
    yield "CreatedAt", rfc3339(header.created_at)


@lru_cache(maxsize=64)
def _tags(names: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, f"\n<{name}>", f"</{name}>") for name in names)


def _record(shape: Shape, record: Record, values: Mapping[str, str]) -> str:
    parts = [
        f'<{shape.element} number="{_attribute(record.number)}" revision="{record.revision}">',
    ]
    for name, start, end in _tags(tuple(field.name for field in shape.fields)):
        value = values.get(name)
        if value is not None:
            parts += (start, value if _SPECIAL.search(value) is None else _text(name, value), end)
    parts.append(f"\n</{shape.element}>")
    return "".join(parts)


def _text(name: str, value: str) -> str:
    if _IMPOSSIBLE.search(value) is not None:
        raise InvalidInput("not_xml", f"字段 {name} 含有无法报送的控制字符,请更正后重试。")
    return value.translate(_IN_TEXT)


def _attribute(value: str) -> str:
    if _SPECIAL.search(value) is None:
        return value
    if _IMPOSSIBLE.search(value) is not None:
        raise InvalidInput("not_xml", "记录编号含有无法报送的控制字符,请更正后重试。")
    return value.translate(_IN_ATTRIBUTE)
