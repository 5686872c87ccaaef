"""The gate before which every batch stands, ours before it leaves and at a receiver: lxml decides.

Read at once and then validated, a batch takes two thirds of the time that it takes while it streams (measured in the
bench `feed`); so that is how a sound batch of the usual size passes. What does not pass so is read again as a stream,
which says where the first fault is, and so is what is too large to be held as a tree.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from lxml import etree

from bridge.reporting.model import MOST_RECORDS
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.mapping import WITHDRAWAL, mappings
from plugins.reporting.guangdong.version import version_of

LARGEST_AT_ONCE: Final = 1024 * 1024
"""Bytes; 1,000 records are below that, and even of empty elements the tree is below 40 MiB."""
_FORGET_EVERY: Final = 64
"""Records that the stream keeps in memory: to let each go by itself costs a twentieth of the validation."""

Numbers = Mapping[str, list[str]]
"""The records' numbers, by their kind."""


def gate(batch: bytes) -> int:
    """Return how many records the batch holds, if a receiver may accept it; in memory that has a bound.

    Raises:
        XmlRefused: the codes of `safe_xml`, and count_wrong, too_many_records, record_repeated.
    """
    safe_xml.require_plain(batch)
    version = version_of(batch)
    found = _read_at_once(batch, version) if len(batch) <= LARGEST_AT_ONCE else None
    declared, numbers = found or _read_as_stream(batch, version)
    count = sum(map(len, numbers.values()))
    if count > MOST_RECORDS:
        raise safe_xml.XmlRefused("too_many_records")
    if count != declared:
        raise safe_xml.XmlRefused("count_wrong")
    if sum(len(set(of_kind)) for of_kind in numbers.values()) != count:
        raise safe_xml.XmlRefused("record_repeated")
    return count


def record_tags(version: str) -> tuple[str, ...]:
    """Return the tags of the elements that are a record."""
    mapping = mappings()[version]
    return tuple(f"{{{mapping.namespace}}}{name}" for name in mapping.elements)


def _read_at_once(batch: bytes, version: str) -> tuple[int, Numbers] | None:
    """Return the declared count and the numbers of a batch that its schema accepts; None for every other one."""
    try:
        root = etree.fromstring(batch, safe_xml.parser())
    except etree.XMLSyntaxError:
        return None
    if not safe_xml.schema(version, "feed").validate(root):
        return None
    words = f"{{{mappings()[version].namespace}}}"
    declared = root.findtext(f"{words}Header/{words}RecordCount")
    records = root.find(f"{words}Records")
    if declared is None or records is None:
        return None
    numbers: dict[str, list[str]] = {}
    for name, numbers_of in _numbers_by_element(version).items():
        found: Any = numbers_of(records)  # an XPath may give anything; this one gives a list of str
        numbers[name] = found
    for element in records.iterfind(f"{words}{WITHDRAWAL}"):
        numbers.setdefault(element.findtext(f"{words}Kind", ""), []).append(element.get("number", ""))
    return int(declared), numbers


@lru_cache(maxsize=8)
def _numbers_by_element(version: str) -> Mapping[str, etree.XPath]:
    mapping = mappings()[version]
    return {
        shape.element: etree.XPath(
            f"r:{shape.element}/@number", namespaces={"r": mapping.namespace}, smart_strings=False
        )
        for shape in mapping.shapes.values()
    }


def _read_as_stream(batch: bytes, version: str) -> tuple[int, Numbers]:
    """Return the same as `_read_at_once`, record after record.

    Raises:
        XmlRefused: malformed, schema, with the line.
    """
    words = f"{{{mappings()[version].namespace}}}"
    counted, withdrawn = f"{words}RecordCount", f"{words}{WITHDRAWAL}"
    names = {tag: tag.rpartition("}")[2] for tag in record_tags(version)}
    numbers: dict[str, list[str]] = {}
    declared = -1
    seen = 0
    try:
        events = safe_xml.stream(safe_xml.as_file(batch), version, "feed", (*names, counted))
        for _event, element in events:
            tag = str(element.tag)
            if tag == counted:
                declared = int(element.text or "")
                continue
            kind = element.findtext(f"{words}Kind", "") if tag == withdrawn else names[tag]
            numbers.setdefault(kind, []).append(element.get("number", ""))
            seen += 1
            if seen % _FORGET_EVERY == 0:
                parent = element.getparent()
                if parent is not None:
                    del parent[:]
    except etree.XMLSyntaxError as error:
        code = "schema" if safe_xml.against_schema(error) else "malformed"
        raise safe_xml.XmlRefused(code, line=error.lineno) from error
    return declared, numbers
