"""How the simulator judges a batch: the schema for the whole, then a verdict for each record."""

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from lxml import etree

from bridge.kernel.time import rfc3339
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.batch_xml import FEED, RECEIPT, digest, gate
from plugins.simulators.province.archive import Archive, Known, Received

SYSTEM = "省级监管平台模拟器（演示用，不是真实系统）"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PERSONAL = ("Name", "CitizenId", "Employer")


class BatchConflict(Exception):
    """The id was used before for other bytes."""


@dataclass(frozen=True, slots=True)
class _Judged:
    kind: str
    number: str
    revision: int
    result: str
    reason: tuple[str, str] | None = None


def is_batch_id(text: str) -> bool:
    """Return whether `text` can name a batch."""
    return _CODE.fullmatch(text) is not None


def take_in(archive: Archive, batch_id: str, xml: bytes) -> Received:
    """Judge a batch and keep it with its receipt; the same batch again gives the same receipt.

    Raises:
        BatchConflict: see there.
    """
    sha256 = hashlib.sha256(xml).hexdigest()
    with archive.open() as connection:
        known = archive.batch(connection, batch_id)
        if known is not None:
            if known.sha256 != sha256:
                raise BatchConflict(batch_id)
            return known
        now = rfc3339(datetime.now(UTC))
        refusal, root = _whole(batch_id, xml)
        judged: list[_Judged] = []
        city = uscc = ""
        if root is not None:
            city, uscc = _head(root, "CityCode"), _head(root, "InstitutionUscc")
            records = root.find(f"{{{FEED}}}Records")
            judged = [
                _judge(archive, connection, city, uscc, one) for one in (() if records is None else records)
            ]
        status = _status(refusal, judged)
        received = Received(
            batch_id,
            sha256,
            now,
            city,
            uscc,
            status,
            422 if refusal else 200,
            xml,
            _receipt(batch_id, sha256, now, status, refusal, judged),
        )
        archive.keep(connection, received)
        return received


def _whole(batch_id: str, xml: bytes) -> tuple[tuple[str, str] | None, etree._Element | None]:
    try:
        gate(xml)
        root = safe_xml.parse(xml, "1.0", "feed")
    except safe_xml.XmlRefused as error:
        where = f"(第 {error.line} 行)" if error.line else ""
        return (
            f"batch_{error.code}",
            f"批次未通过结构校验{where},请按 feed.xsd 1.0 更正后以新的批次编号报送。",
        ), None
    records = root.find(f"{{{FEED}}}Records")
    if _head(root, "BatchId") != batch_id:
        return ("batch_id_differs", "批次头的批次编号与请求头不一致。"), None
    if records is None or _head(root, "Digest") != digest(records):
        return ("digest_wrong", "记录摘要与记录内容不符。"), None
    return None, root


def _judge(
    archive: Archive, connection: sqlite3.Connection, city: str, uscc: str, record: etree._Element
) -> _Judged:
    kind = etree.QName(record).localname
    number, revision = record.get("number", ""), int(record.get("revision", "0"))
    values = {etree.QName(child).localname: child.text or "" for child in record}
    sha256 = hashlib.sha256(etree.tostring(record, method="c14n", exclusive=True)).hexdigest()
    known = archive.known(connection, uscc, kind, number)
    if known is not None and revision <= known.revision:
        if revision == known.revision and sha256 == known.sha256:
            return _Judged(kind, number, revision, "duplicate")
        reason = (
            "revision_conflict",
            "该记录的这一版次（或更新的版次）已接收过，内容不同，请以新版次报送更正。",
        )
        return _Judged(kind, number, revision, "refused", reason)
    refusal = _content_refusal(archive, connection, city, uscc, kind, values)
    if refusal is not None:
        return _Judged(kind, number, revision, "refused", refusal)
    facts = {name: value for name, value in values.items() if name not in _PERSONAL}
    archive.accept(connection, uscc, kind, number, Known(revision, sha256, facts))
    return _Judged(kind, number, revision, "accepted")


def _content_refusal(
    archive: Archive, connection: sqlite3.Connection, city: str, uscc: str, kind: str, values: dict[str, str]
) -> tuple[str, str] | None:
    if kind == "ClassInfo":
        if values["DivisionCode"][:4] != city[:4]:
            return "division_differs", "班次的地区代码不在批次的地市范围内。"
        if values["ClosesOn"] < values["OpensOn"]:
            return "dates_reversed", "结班日期早于开班日期。"
        return None
    class_info = archive.known(connection, uscc, "ClassInfo", values["ClassRun"])
    if class_info is None:
        return "class_unknown", "没有接收过该班次，请先报送班次。"
    if kind == "Learner":
        if not _check_digit_right(values["CitizenId"]):
            return "citizen_id_check_digit", "公民身份号码的校验位不正确。"
        return None
    if not archive.has_learner(connection, uscc, values["LearnerNumber"], values["ClassRun"]):
        return "learner_unknown", "没有接收过该班次的这名学员，请先报送学员。"
    if kind == "TestResult" and Fraction(values["Score"]) > Fraction(values["Maximum"]):
        return "score_above_maximum", "得分高于满分。"
    if kind == "Certificate" and int(values["ClassHours"]) > int(class_info.facts["TheoryClassHours"]):
        return "hours_above_outline", "证明学时超过大纲的理论学时。"
    return None


def _check_digit_right(citizen_id: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, citizen_id[:17], strict=True))
    return "10X98765432"[total % 11] == citizen_id[17]


def _status(refusal: tuple[str, str] | None, judged: list[_Judged]) -> str:
    refused = sum(one.result == "refused" for one in judged)
    if refusal is not None or refused == len(judged):
        return "refused"
    return "partly_accepted" if refused else "accepted"


def _receipt(
    batch_id: str,
    sha256: str,
    now: str,
    status: str,
    refusal: tuple[str, str] | None,
    judged: list[_Judged],
) -> bytes:
    root = etree.Element(f"{{{RECEIPT}}}Receipt", nsmap={"r": RECEIPT})
    for name, value in (
        ("SchemaVersion", "1.0"),
        ("System", SYSTEM),
        ("BatchId", batch_id),
        ("BatchSha256", sha256),
        ("ReceivedAt", now),
        ("Status", status),
    ):
        etree.SubElement(root, f"{{{RECEIPT}}}{name}").text = value
    _reason(root, refusal)
    for one in judged:
        verdict = etree.SubElement(
            root,
            f"{{{RECEIPT}}}Verdict",
            {"kind": one.kind, "number": one.number, "revision": str(one.revision), "result": one.result},
        )
        _reason(verdict, one.reason)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _reason(parent: etree._Element, reason: tuple[str, str] | None) -> None:
    if reason is not None:
        etree.SubElement(parent, f"{{{RECEIPT}}}Reason", {"code": reason[0]}).text = reason[1]


def _head(root: etree._Element, name: str) -> str:
    return root.findtext(f"{{{FEED}}}Header/{{{FEED}}}{name}") or ""
