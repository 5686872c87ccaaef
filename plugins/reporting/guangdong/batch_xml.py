"""Batches as XML, version 1.0: built, gated by lxml, explained by xmlschema; and receipts read."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lxml import etree

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import parse_rfc3339, rfc3339
from bridge.reporting.model import (
    MOST_RECORDS,
    BatchHeader,
    Receipt,
    Record,
    RecordFault,
    RecordKind,
    Verdict,
)
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.explanation import explain

FEED: Final = "urn:anxue:guangdong:feed:1.0"
RECEIPT: Final = "urn:anxue:guangdong:receipt:1.0"
_VERSION: Final = "1.0"
_NAMESPACES: Final[Any] = {None: FEED}  # the stubs know no default namespace
_ELEMENTS: Final[dict[RecordKind, tuple[str, ...]]] = {
    RecordKind.CLASS_INFO: (
        "ClassRun",
        "Title",
        "TrainingKind",
        "Category",
        "DivisionCode",
        "OutlineTitle",
        "TheoryClassHours",
        "OpensOn",
        "ClosesOn",
    ),
    RecordKind.LEARNER: ("LearnerNumber", "ClassRun", "Name", "CitizenId", "Employer", "EnrolledOn"),
    RecordKind.HOUR_SUMMARY: (
        "LearnerNumber",
        "ClassRun",
        "CreditedSeconds",
        "RefusedSeconds",
        "OnlineClassHours",
        "OfflineClassHours",
        "LedgerHead",
    ),
    RecordKind.TEST_RESULT: (
        "LearnerNumber",
        "ClassRun",
        "Score",
        "Maximum",
        "FinishedAt",
        "ChecksPassed",
    ),
    RecordKind.CERTIFICATE: (
        "LearnerNumber",
        "ClassRun",
        "Kind",
        "ClassHours",
        "IssuedAt",
        "Sha256",
        "Status",
        "Mark",
    ),
}
RECORD_TAGS: Final = tuple(f"{{{FEED}}}{kind}" for kind in RecordKind)


class GuangdongBatches:
    """The BatchFormat port."""

    schema_version = _VERSION

    def build(self, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]) -> bytes:
        """Return the batch, UTF-8, one element a line.

        Raises:
            InvalidInput: "not_xml": a value holds a control character that XML cannot.
        """
        root = etree.Element(f"{{{FEED}}}Batch", nsmap=_NAMESPACES)
        head = etree.SubElement(root, f"{{{FEED}}}Header")
        body = etree.SubElement(root, f"{{{FEED}}}Records")
        for record, values in records:
            element = etree.SubElement(
                body,
                f"{{{FEED}}}{record.kind}",
                {"number": record.number, "revision": str(record.revision)},
            )
            for name in _ELEMENTS[record.kind]:
                if name in values:
                    _text(element, name, values[name])
        for name, value in (
            ("SchemaVersion", _VERSION),
            ("PlatformCode", header.platform_code),
            ("CityCode", header.city_code),
            ("InstitutionUscc", header.uscc),
            ("BatchId", header.batch_id),
            ("CreatedAt", rfc3339(header.created_at)),
            ("RecordCount", str(len(records))),
            ("Digest", ""),
        ):
            _text(head, name, value)
        etree.indent(root)
        head[-1].text = digest(body)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

    def faults(self, batch: bytes) -> tuple[RecordFault, ...]:
        """Return why a receiver would refuse the batch; lxml decides, xmlschema explains."""
        try:
            gate(batch)
        except safe_xml.XmlRefused as error:
            if error.code == "schema":
                return explain(batch) or (
                    RecordFault(error.line, None, "", f"第 {error.line} 行不符合报送结构。"),
                )
            return (RecordFault(error.line, None, "", _REFUSALS[error.code]),)
        return ()

    def read_receipt(self, raw: bytes) -> Receipt:
        """Return what the receipt says.

        Raises:
            InvalidInput: "receipt_malformed".
        """
        try:
            root = safe_xml.parse(raw, _VERSION, "receipt")
            return Receipt(
                batch_id=_of(root, "BatchId"),
                batch_sha256=_of(root, "BatchSha256"),
                received_at=parse_rfc3339(_of(root, "ReceivedAt")),
                status=_of(root, "Status"),
                system=_of(root, "System"),
                reason=root.findtext(f"{{{RECEIPT}}}Reason"),
                verdicts=tuple(_verdict(one) for one in root.iterfind(f"{{{RECEIPT}}}Verdict")),
            )
        except ValueError as error:
            raise InvalidInput("receipt_malformed", "监管平台的回执无法识别,未予采信,将重新报送。") from error


def gate(batch: bytes) -> int:
    """Return how many records the batch holds, if a receiver may accept it; in memory that does not grow.

    Raises:
        XmlRefused: the codes of `safe_xml`, and count_wrong, too_many_records, record_repeated.
    """
    safe_xml.require_plain(batch)
    seen: set[tuple[str, str | None]] = set()
    count = declared = -1
    number = 0
    try:
        events = safe_xml.stream(
            safe_xml.as_file(batch), _VERSION, "feed", (*RECORD_TAGS, f"{{{FEED}}}RecordCount")
        )
        for _event, element in events:
            if len(element) == 0:
                declared = int(element.text or "")
                continue
            number += 1
            seen.add((element.tag, element.get("number")))
            element.clear(keep_tail=True)
            parent = element.getparent()
            if parent is not None:
                del parent[0]
        count = number
    except etree.XMLSyntaxError as error:
        code = "schema" if safe_xml.against_schema(error) else "malformed"
        raise safe_xml.XmlRefused(code, line=error.lineno) from error
    if count > MOST_RECORDS:
        raise safe_xml.XmlRefused("too_many_records")
    if count != declared:
        raise safe_xml.XmlRefused("count_wrong")
    if len(seen) != count:
        raise safe_xml.XmlRefused("record_repeated")
    return count


def digest(records: etree._Element) -> str:
    """Return the SHA-256 (hex) of the Records element in Exclusive Canonical XML 1.0, without its tail."""
    tail, records.tail = records.tail, None
    try:
        return hashlib.sha256(etree.tostring(records, method="c14n", exclusive=True)).hexdigest()
    finally:
        records.tail = tail


def _text(parent: etree._Element, name: str, value: str) -> None:
    child = etree.SubElement(parent, f"{{{FEED}}}{name}")
    try:
        child.text = value
    except ValueError as error:
        raise InvalidInput("not_xml", f"字段 {name} 含有无法报送的控制字符,请更正后重试。") from error


def _of(root: etree._Element, name: str) -> str:
    return root.findtext(f"{{{RECEIPT}}}{name}") or ""


def _verdict(element: etree._Element) -> Verdict:
    reason = element.find(f"{{{RECEIPT}}}Reason")
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
