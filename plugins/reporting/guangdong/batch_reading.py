"""A batch read back into header, records and values: for the JSON sibling of what was sent, and for tests."""

from collections.abc import Mapping

from lxml import etree

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import parse_rfc3339
from bridge.reporting.model import Action, BatchHeader, Record, RecordKind
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.mapping import WITHDRAWAL, mappings
from plugins.reporting.guangdong.version import version_of


def read_batch(batch: bytes) -> tuple[BatchHeader, list[tuple[Record, Mapping[str, str]]]]:
    """Return what the batch says; XmlRefused if its schema does not accept it."""
    version = version_of(batch)
    root = safe_xml.parse(batch, version, "feed")
    words = f"{{{mappings()[version].namespace}}}"

    def head(name: str) -> str:
        return root.findtext(f"{words}Header/{words}{name}") or ""

    header = BatchHeader(
        head("BatchId"),
        head("PlatformCode"),
        head("CityCode"),
        head("InstitutionUscc"),
        parse_rfc3339(head("CreatedAt")),
    )
    records = root.find(f"{words}Records")
    return header, [_record(one) for one in (() if records is None else records)]


def _record(element: etree._Element) -> tuple[Record, Mapping[str, str]]:
    values = {etree.QName(child).localname: child.text or "" for child in element}
    name = etree.QName(element).localname
    taken_back = name == WITHDRAWAL
    learner = values.get("LearnerNumber")
    record = Record(
        RecordKind(values["Kind"] if taken_back else name),
        element.get("number", ""),
        int(element.get("revision", "0")),
        None if learner is None else LearnerRef(learner),
        ClassRunId(values.get("ClassRun", "")),
        values,
        action=Action.WITHDRAW if taken_back else Action.REPORT,
    )
    return record, values
