"""A check of PDF/A-2b of our own, for what signing could take away (ISO 19005-2): not a validator of everything.

veraPDF is that, in `./anxue acceptance certificates`: it needs a Java and 40 MB beside the tests' own programs.
"""

import re
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from pyhanko.pdf_utils.generic import DictionaryObject, IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader

_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_PRINT, _NEVER = 4, 1 | 2 | 32 | 256
"""Of an annotation's flags (6.3.2): Print is set; Invisible, Hidden, NoView and ToggleNoView are not."""


def pdf_a_objections(pdf: bytes) -> list[str]:
    """Return what ISO 19005-2 would not have: XMP, output intent, trailer, fonts, annotations, forms, actions."""
    reader = PdfFileReader(BytesIO(pdf))
    root = reader.root
    found: list[str] = []
    if re.search(rb"%%EOF(?![\r\n]|\Z)", pdf):
        found.append("6.1.9 appended without a new line")
    if reader.encrypted:
        found.append("6.1.3 encryption")
    if "/ID" not in reader.trailer_view:
        found.append("6.1.3 no ID")
    part = ElementTree.fromstring(root["/Metadata"].data)  # our own file
    said = {element.tag: element.text for element in part.iter() if element.tag.startswith(_PDFAID)} | {
        key: value
        for element in part.iter()
        for key, value in element.attrib.items()
        if key.startswith(_PDFAID)
    }
    if (said.get(f"{_PDFAID}part"), said.get(f"{_PDFAID}conformance")) != ("2", "B"):
        found.append("6.6.4 identification")
    intents = root.get("/OutputIntents", ())
    if not any(one["/S"] == "/GTS_PDFA1" and "/DestOutputProfile" in one for one in _each(intents)):
        found.append("6.2.3 output intent")
    if "/OpenAction" in root or "/AA" in root:
        found.append("6.5.2 actions")
    form = _resolved(root.get("/AcroForm", {}))
    if form.get("/NeedAppearances") or "/XFA" in form:
        found.append("6.4 form")
    for page in _pages(root["/Pages"]):
        found += [objection for one in _each(page.get("/Annots", ())) for objection in _of_annotation(one)]
        found += _of_fonts(page)
    return found


def _of_annotation(one: DictionaryObject) -> list[str]:
    flags, rect = int(one.get("/F", 0)), [float(number) for number in one["/Rect"]]
    found = []
    if not flags & _PRINT or flags & _NEVER:
        found.append("6.3.2 annotation flags")
    if (rect[0] != rect[2] or rect[1] != rect[3]) and "/AP" not in one:
        found.append("6.3.3 annotation without appearance")
    if "/A" in one or "/AA" in one:
        found.append("6.4.1 widget with an action")
    return found


def _of_fonts(page: DictionaryObject) -> list[str]:
    fonts = _resolved(_resolved(page.get("/Resources", {})).get("/Font", {}))
    found = []
    for name in fonts:
        for inner in _each(fonts[name].get("/DescendantFonts", [fonts[name]])):
            kinds = set(_resolved(inner.get("/FontDescriptor", {})))
            if not kinds & {"/FontFile", "/FontFile2", "/FontFile3"}:
                found.append(f"6.2.11.4 font {name} is not embedded")
    return found


def _pages(node: Any) -> list[DictionaryObject]:
    if "/Kids" not in node:
        return [node]
    return [page for kid in _each(node["/Kids"]) for page in _pages(kid)]


def _each(values: Any) -> list[Any]:
    return [_resolved(one) for one in _resolved(values)]


def _resolved(value: Any) -> Any:
    while isinstance(value, IndirectObject):
        value = value.get_object()  # type: ignore[no-untyped-call]  # pyHanko's own
    return value
