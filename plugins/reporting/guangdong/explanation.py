"""Why a batch does not fit its schema, by line, record and field, in Chinese; never with the value itself."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import xmlschema
from lxml import etree
from xmlschema.validators import (
    XMLSchemaChildrenValidationError,
    XMLSchemaValidationError,
)

from bridge.reporting.model import RecordFault, RecordKind
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.mapping import WITHDRAWAL

_MOST: Final = 200
_KINDS: Final = frozenset({*RecordKind, WITHDRAWAL})
_WRONG: Final = {
    "XsdPatternFacets": "格式不符合规定",
    "XsdEnumerationFacets": "不是允许的取值",
    "XsdMaxLengthFacet": "超过允许的长度",
    "XsdMinLengthFacet": "不能为空",
    "XsdMinInclusiveFacet": "小于允许的最小值",
    "XsdMaxInclusiveFacet": "大于允许的最大值",
    "XsdTotalDigitsFacet": "位数过多",
}


def explain(batch: bytes, version: str) -> tuple[RecordFault, ...]:
    """Return up to 200 faults of a batch without DOCTYPE, in the order of the file; one if it is no XML."""
    try:
        root = etree.fromstring(batch, safe_xml.parser())
    except etree.XMLSyntaxError as broken:
        return (RecordFault(broken.lineno, None, "", "批次文件不是格式良好的 XML。"),)
    found: list[RecordFault] = []
    for error in _schema(version).iter_errors(root):
        found.append(_fault(error, _labels(version)))
        if len(found) == _MOST:
            break
    return tuple(found)


@lru_cache(maxsize=4)
def _schema(version: str) -> xmlschema.XMLSchema10:
    return xmlschema.XMLSchema10(str(safe_xml.SCHEMAS / version / "feed.xsd"), allow="local", defuse="always")


@lru_cache(maxsize=4)
def _labels(version: str) -> dict[str, str]:
    """Return the Chinese name of each element, as the schema's own annotations give it."""
    xs = "{http://www.w3.org/2001/XMLSchema}"
    tree = etree.parse(str(safe_xml.SCHEMAS / version / "feed.xsd"), safe_xml.parser())
    labels = {"number": "记录编号", "revision": "版次"}
    for element in tree.iter(f"{xs}element"):
        text = element.findtext(f"{xs}annotation/{xs}documentation")
        if text:
            labels.setdefault(str(element.get("name")), text.strip())
    return labels


def _fault(error: XMLSchemaValidationError, labels: Mapping[str, str]) -> RecordFault:
    element: Any = error.elem  # of lxml, though xmlschema's types speak of ElementTree
    record = element
    while record is not None and _name(record) not in _KINDS:
        record = record.getparent()
    if isinstance(error, XMLSchemaChildrenValidationError):
        field, wrong = _child_fault(error)
    else:
        field = "" if element is None else _name(element)
        wrong = _WRONG.get(type(error.validator).__name__, "内容不符合规定的类型")
    label = labels.get(field, field)
    line = None if element is None else int(element.sourceline or 0) or None
    where = f"第 {line} 行," if line else ""
    if record is None:
        return RecordFault(line, None, field, f"{where}{label}:{wrong}。")
    kind, number = _name(record), record.get("number", "")
    return RecordFault(
        line, f"{kind}/{number}", field, f"{where}{labels[kind]}记录的“{label}”{wrong},请更正后重新报送。"
    )


def _child_fault(error: XMLSchemaChildrenValidationError) -> tuple[str, str]:
    invalid: Any = error.invalid_child
    if invalid is not None:
        return _name(invalid), "出现的位置不对、重复,或前面缺少必填项"
    wanted: Any = error.expected
    expected = [str(getattr(one, "local_name", one)) for one in (wanted or [])]
    return (expected[0] if expected else ""), "缺失"


def _name(element: object) -> str:
    tag = getattr(element, "tag", "")
    return etree.QName(tag).localname if isinstance(tag, str) and tag else ""
