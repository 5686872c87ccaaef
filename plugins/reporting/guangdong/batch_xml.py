"""Batches as XML: built from the mapping in force, gated by lxml, explained by xmlschema; and receipts read."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lxml import etree

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import legal_date, parse_rfc3339
from bridge.reporting.model import (
    MOST_RECORDS,
    BatchHeader,
    Books,
    BuiltBatch,
    Receipt,
    Record,
    RecordFault,
    RecordKind,
    Verdict,
)
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.batch_json import json_form
from plugins.reporting.guangdong.batch_text import write_batch
from plugins.reporting.guangdong.day_books import read_books
from plugins.reporting.guangdong.gate import gate
from plugins.reporting.guangdong.mapping import FeedMapping, mapping_on, mappings
from plugins.reporting.guangdong.signing import BatchSigner
from plugins.reporting.guangdong.version import HEAD, version_of

_RECEIPT: Final = re.compile(rb"urn:anxue:guangdong:receipt:([0-9]+\.[0-9]+)")


class GuangdongBatches:
    """The BatchFormat port.

    Args:
        signer: gives the signer when a batch is first signed; None where nothing is (a gate that only reads).
    """

    def __init__(self, signer: Callable[[], BatchSigner] | None = None) -> None:
        self._make_signer = signer
        self._signer: BatchSigner | None = None

    def version_on(self, header: BatchHeader) -> str:
        """Return the version in force when the batch is made."""
        return self._mapping(header).version

    def build(self, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]) -> BuiltBatch:
        """Return the batch, UTF-8, one element a line, not signed.

        Raises:
            InvalidInput: "not_xml": a value holds a control character that XML cannot.
            Unavailable: "feed_version_missing".
        """
        return write_batch(self._mapping(header), header, records)

    def json_form(self, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]) -> bytes:
        """See `batch_json.json_form`."""
        return json_form(self._mapping(header), header, records)

    def sign(self, batch: bytes) -> bytes:
        """Return a batch that `build` made with its signature, where its version has one.

        Raises:
            InvalidInput: "signer_not_set"; and what making the signer raises.
        """
        if not mappings()[version_of(batch)].signed:
            return batch
        if self._signer is None:
            if self._make_signer is None:
                raise InvalidInput("signer_not_set", "没有设置报送签名,批次不能发出,请检查设置。")
            self._signer = self._make_signer()
        return self._signer.sign(batch)

    def faults(self, batch: bytes) -> tuple[RecordFault, ...]:
        """Return why a receiver would refuse the batch; lxml decides, xmlschema explains."""
        try:
            gate(batch)
        except safe_xml.XmlRefused as error:
            if error.code == "schema":
                # Only now: xmlschema is fifteen MiB that a process whose batches are sound never needs.
                from plugins.reporting.guangdong.explanation import explain

                return explain(batch, version_of(batch)) or (
                    RecordFault(error.line, None, "", f"第 {error.line} 行不符合报送结构。"),
                )
            return (RecordFault(error.line, None, "", _REFUSALS[error.code]),)
        return ()

    def read_receipt(self, raw: bytes) -> Receipt:
        """Return what the receipt says, in any version that this bridge knows.

        Raises:
            InvalidInput: "receipt_malformed".
        """
        try:
            found = _RECEIPT.search(raw, 0, HEAD)
            version = found[1].decode() if found else ""
            if version not in mappings():
                raise ValueError("receipt version")
            root = safe_xml.parse(raw, version, "receipt")
            words = f"{{{mappings()[version].receipt_namespace}}}"
            return Receipt(
                batch_id=root.findtext(f"{words}BatchId") or "",
                batch_sha256=root.findtext(f"{words}BatchSha256") or "",
                received_at=parse_rfc3339(root.findtext(f"{words}ReceivedAt") or ""),
                status=root.findtext(f"{words}Status") or "",
                system=root.findtext(f"{words}System") or "",
                reason=root.findtext(f"{words}Reason"),
                verdicts=tuple(_verdict(one, words) for one in root.iterfind(f"{words}Verdict")),
            )
        except ValueError as error:
            raise InvalidInput("receipt_malformed", "监管平台的回执无法识别,未予采信,将重新报送。") from error

    def read_books(self, raw: bytes) -> Books:
        """Return the regulator's books of a day.

        Raises:
            InvalidInput: "books_malformed".
        """
        return read_books(raw)

    @staticmethod
    def _mapping(header: BatchHeader) -> FeedMapping:
        return mapping_on(legal_date(header.created_at))


def digest(element: etree._Element) -> str:
    """Return the SHA-256 (hex) of an element in Exclusive Canonical XML 1.0, without its tail."""
    tail, element.tail = element.tail, None
    try:
        return hashlib.sha256(etree.tostring(element, method="c14n", exclusive=True)).hexdigest()
    finally:
        element.tail = tail


def _verdict(element: etree._Element, words: str) -> Verdict:
    reason = element.find(f"{words}Reason")
    return Verdict(
        kind=RecordKind(element.get("kind", "")),
        number=element.get("number", ""),
        revision=int(element.get("revision", "")),
        result=element.get("result", ""),
        reason_code=None if reason is None else reason.get("code"),
        reason=None if reason is None else reason.text,
    )


_REFUSALS: Final = {
    "too_large": "批次文件过大,请减少每批的记录数。",
    "not_utf8": "批次文件须为 UTF-8 编码。",
    "doctype": "批次文件不得含有 DOCTYPE 声明。",
    "malformed": "批次文件不是格式良好的 XML。",
    "count_wrong": "批次头的记录条数与实际不符。",
    "too_many_records": f"一个批次不得超过 {MOST_RECORDS} 条记录,请拆分。",
    "record_repeated": "同一记录在批次中出现了两次。",
}
