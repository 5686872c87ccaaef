"""How the simulator judges a batch: signature and schema for the whole, then a verdict for each record."""

import hashlib
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from bridge.kernel.time import legal_date, rfc3339
from plugins.reporting.guangdong import safe_xml, signing
from plugins.reporting.guangdong.batch_xml import digest
from plugins.reporting.guangdong.gate import gate
from plugins.reporting.guangdong.mapping import WITHDRAWAL, FeedMapping, mappings
from plugins.reporting.guangdong.version import version_of
from plugins.simulators.province.archive import Archive, Known, Received
from plugins.simulators.province.content import Judge

SYSTEM = "省级监管平台模拟器（演示用，不是真实系统）"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")
_PERSONAL = ("Name", "CitizenId", "Employer")

Whim = Callable[[], bool]
"""Whether this record is returned without a cause: for rehearsals of corrections."""
Verify = Callable[[bytes], str]
"""Gives the hash of the key that signed a batch; XmlRefused for none or a wrong signature."""


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


def take_in(
    archive: Archive, batch_id: str, xml: bytes, whim: Whim = lambda: False, verify: Verify = signing.verify
) -> Received:
    """Judge a batch and keep it with its receipt; the same batch again gives the same receipt.

    Raises:
        BatchConflict: see there.
    """
    sha256 = hashlib.sha256(xml).hexdigest()
    mapping = mappings()[version_of(xml)]
    with archive.open() as connection:
        known = archive.batch(connection, batch_id)
        if known is not None:
            if known.sha256 != sha256:
                raise BatchConflict(batch_id)
            return known
        at = datetime.now(UTC)
        refusal, root = _whole(archive, connection, verify, batch_id, xml)
        judged: list[_Judged] = []
        city = uscc = ""
        if root is not None:
            city, uscc = _head(mapping, root, "CityCode"), _head(mapping, root, "InstitutionUscc")
            records = root.find(f"{{{mapping.namespace}}}Records")
            desk = _Desk(archive, connection, city, uscc, legal_date(at).isoformat(), whim)
            judged = [desk.judge(one) for one in (() if records is None else records)]
        status = _status(refusal, judged)
        now = rfc3339(at)
        received = Received(
            batch_id,
            sha256,
            now,
            city,
            uscc,
            status,
            422 if refusal else 200,
            xml,
            _receipt(mapping, batch_id, sha256, now, status, refusal, judged),
        )
        archive.keep(connection, received)
        return received


def _whole(
    archive: Archive, connection: sqlite3.Connection, verify: Verify, batch_id: str, xml: bytes
) -> tuple[tuple[str, str] | None, etree._Element | None]:
    mapping = mappings()[version_of(xml)]
    try:
        gate(xml)
        root = safe_xml.parse(xml, mapping.version, "feed")
        key = verify(xml) if mapping.signed else None
    except safe_xml.XmlRefused as error:
        where = f"(第 {error.line} 行)" if error.line else ""
        return (
            f"batch_{error.code}",
            f"批次未通过签名或结构校验{where},请按 feed.xsd {mapping.version} 更正后以新的批次编号报送。",
        ), None
    records = root.find(f"{{{mapping.namespace}}}Records")
    if _head(mapping, root, "BatchId") != batch_id:
        return ("batch_id_differs", "批次头的批次编号与请求头不一致。"), None
    if records is None or _head(mapping, root, "Digest") != digest(records):
        return ("digest_wrong", "记录摘要与记录内容不符。"), None
    if key is not None and archive.signer(connection, _head(mapping, root, "PlatformCode"), key) != key:
        return ("signature_key_unknown", "签名所用的密钥不是该平台登记的密钥。"), None
    return None, root


@dataclass(frozen=True, slots=True)
class _Desk:
    archive: Archive
    connection: sqlite3.Connection
    city: str
    uscc: str
    day: str
    whim: Whim

    def judge(self, record: etree._Element) -> _Judged:
        values = {etree.QName(child).localname: child.text or "" for child in record}
        name = etree.QName(record).localname
        withdrawn = name == WITHDRAWAL
        kind = values["Kind"] if withdrawn else name
        number, revision = record.get("number", ""), int(record.get("revision", "0"))
        sha256 = digest(record)
        known = self.archive.known(self.connection, self.uscc, kind, number)
        if known is not None and revision <= known.revision:
            return _Judged(kind, number, revision, *_older(revision, sha256, known))
        if withdrawn:
            if known is None:
                return _Judged(
                    kind, number, revision, "refused", ("nothing_to_withdraw", "没有接收过该记录。")
                )
        else:
            refusal = Judge(self.archive, self.connection, self.city, self.uscc).refusal(kind, values)
            if refusal is None and self.whim():
                refusal = ("returned_for_rehearsal", "模拟退回更正，请核对后以新的版次报送。")
            if refusal is not None:
                return _Judged(kind, number, revision, "returned", refusal)
        facts = {name: value for name, value in values.items() if name not in _PERSONAL}
        self.archive.accept(
            self.connection,
            self.uscc,
            kind,
            number,
            Known(revision, sha256, facts),
            city=self.city,
            day=self.day,
            withdrawn=withdrawn,
        )
        return _Judged(kind, number, revision, "accepted")


def _older(revision: int, sha256: str, known: Known) -> tuple[str, tuple[str, str] | None]:
    if revision < known.revision:
        return "superseded", ("newer_known", "已接收过该记录的更新版次，本版次不再处理。")
    if sha256 == known.sha256:
        return "duplicate", None
    return "returned", (
        "revision_conflict",
        "该记录的这一版次已接收过，内容不同，请以新版次报送更正。",
    )


def _status(refusal: tuple[str, str] | None, judged: list[_Judged]) -> str:
    bad = sum(one.result in ("refused", "returned") for one in judged)
    if refusal is not None or bad == len(judged):
        return "refused"
    return "partly_accepted" if bad else "accepted"


def _receipt(
    mapping: FeedMapping,
    batch_id: str,
    sha256: str,
    now: str,
    status: str,
    refusal: tuple[str, str] | None,
    judged: list[_Judged],
) -> bytes:
    words = mapping.receipt_namespace
    root = etree.Element(f"{{{words}}}Receipt", nsmap={"r": words})
    for name, value in (
        ("SchemaVersion", mapping.version),
        ("System", SYSTEM),
        ("BatchId", batch_id),
        ("BatchSha256", sha256),
        ("ReceivedAt", now),
        ("Status", status),
    ):
        etree.SubElement(root, f"{{{words}}}{name}").text = value
    _reason(root, words, refusal)
    for one in judged:
        verdict = etree.SubElement(
            root,
            f"{{{words}}}Verdict",
            {"kind": one.kind, "number": one.number, "revision": str(one.revision), "result": one.result},
        )
        _reason(verdict, words, one.reason)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _reason(parent: etree._Element, words: str, reason: tuple[str, str] | None) -> None:
    if reason is not None:
        etree.SubElement(parent, f"{{{words}}}Reason", {"code": reason[0]}).text = reason[1]


def _head(mapping: FeedMapping, root: etree._Element, name: str) -> str:
    words = f"{{{mapping.namespace}}}"
    return root.findtext(f"{words}Header/{words}{name}") or ""
