"""What is judged: both papers with and without the mark and with a rare name, printed and sealed, and spoilt ones."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from bridge.completion.model import REHEARSAL, Paper, PaperKind, PrintedField
from bridge.completion.seal_model import OPERATOR, SealHolder
from bridge.completion.specimen import made_up_paper
from plugins.completion.memory_keys import MemorySealKeys
from plugins.completion.pades_seal import PadesSeals
from plugins.completion.seal_sources import TestAuthority
from plugins.completion.typst_pdf import RARE, TypstPrinter

_PDF: Any = generic
"""pyHanko's objects are not typed."""

RARE_NAME = "\U0002a6a5\U0002ceb0\U00020bb7"
"""Characters of the extensions B and F, which no common font has."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file to be judged.

    Args:
        clause: the clause of ISO 19005-2 that it breaks; "" where it must be found to conform.
    """

    name: str
    content: bytes
    clause: str = ""


def samples(fonts: Path) -> list[Sample]:
    """Return the files, in the order of the record."""
    printer, seals, keys = TypstPrinter(fonts), PadesSeals(TestAuthority()), MemorySealKeys()
    made: list[Sample] = []
    for kind in PaperKind:
        for paper, said in _papers(kind, rare=(fonts / RARE).is_dir()):
            printed = printer.print_paper(paper)
            institution = SealHolder("org_example", paper.issuer, paper.uscc)
            sealed = seals.seal(printed, institution, SealHolder(OPERATOR, paper.operator), keys)
            made += [
                Sample(f"{kind.value}, {said}, printed", printed),
                Sample(f"{kind.value}, {said}, sealed", sealed),
            ]
    good = made[-1].content
    made += [Sample(f"spoilt: {said}", spoil(good), clause) for said, clause, spoil in _SPOILT]
    return made


def _papers(kind: PaperKind, *, rare: bool) -> list[tuple[Paper, str]]:
    plain = replace(made_up_paper(kind, datetime.now(UTC)), mark=None)
    found = [(plain, "without mark"), (replace(plain, mark=REHEARSAL), "with mark")]
    if rare:
        fields = tuple(
            PrintedField(one.code, one.label, RARE_NAME) if one.code == "name" else one
            for one in plain.fields
        )
        found.append((replace(plain, fields=fields), "rare name"))
    return found


def _changed(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def made(pdf: bytes) -> bytes:
        file = BytesIO(pdf)
        writer: Any = IncrementalPdfFileWriter(file)
        change(writer)
        writer.write_in_place()
        return file.getvalue()

    return made


def _no_metadata(writer: Any) -> None:
    del writer.root["/Metadata"]
    writer.update_root()


def _script(writer: Any) -> None:
    action = {
        _PDF.NameObject("/S"): _PDF.NameObject("/JavaScript"),
        _PDF.NameObject("/JS"): _PDF.TextStringObject("app.beep()"),
    }
    writer.root[_PDF.NameObject("/OpenAction")] = _PDF.DictionaryObject(action)
    writer.update_root()


def _hidden_annotation(writer: Any) -> None:
    page, _resources = writer.find_page_for_modification(0)
    note = _PDF.DictionaryObject(
        {
            _PDF.NameObject("/Type"): _PDF.NameObject("/Annot"),
            _PDF.NameObject("/Subtype"): _PDF.NameObject("/Text"),
            _PDF.NameObject("/Rect"): _PDF.ArrayObject(
                _PDF.NumberObject(number) for number in (0, 0, 20, 20)
            ),
            _PDF.NameObject("/F"): _PDF.NumberObject(2),
        }
    )
    page.get_object()[_PDF.NameObject("/Annots")] = _PDF.ArrayObject([writer.add_object(note)])
    writer.update_container(page.get_object())


def _no_font_file(writer: Any) -> None:
    page, _resources = writer.find_page_for_modification(0)
    fonts = page.get_object()["/Resources"]["/Font"]
    for name in fonts:
        descriptor = fonts[name]["/DescendantFonts"][0]["/FontDescriptor"]
        for key in ("/FontFile2", "/FontFile3"):
            descriptor.pop(key, None)
        writer.update_container(descriptor)


def _glued(pdf: bytes) -> bytes:
    # As papers were before what they append began on a new line: sealed, and good to pdfsig and qpdf.
    return _changed(lambda writer: writer.update_root())(pdf.rstrip(b"\n"))


_SPOILT: tuple[tuple[str, str, Callable[[bytes], bytes]], ...] = (
    ("no XMP metadata", "6.6.4", _changed(_no_metadata)),
    ("a script on opening", "6.5.1", _changed(_script)),
    ("a hidden annotation", "6.3.2", _changed(_hidden_annotation)),
    ("fonts not embedded", "6.2.11.4.1", _changed(_no_font_file)),
    ("appended without a new line", "6.1.9", _glued),
)
