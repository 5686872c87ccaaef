import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import typst

from bridge.completion.composition import compose
from bridge.completion.model import Paper, PaperKind, PrintedField
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.settings import Settings
from bridge.setup.servers import RARE_FONT, require
from plugins.completion.font_coverage import FontUnreadable, covered
from plugins.completion.paper_picture import text_of
from plugins.completion.qr_code import qr_svg
from plugins.completion.typst_pdf import FONT_FILES, TypstPrinter
from tests.completion.papers import EARNED, NOW, SHEET, Someone, Standings, score
from tests.plugins.completion.pdf_a import pdf_a_objections

FONTS = Settings().assets / "fonts"
NUMBER = "440100-2026-DJ8E4-XT1H5-CAW18-C"


@pytest.fixture(scope="module")
def printer() -> TypstPrinter:
    return TypstPrinter(FONTS)


def paper(kind: PaperKind = PaperKind.COMPLETION_STATEMENT, name: str = "陈晓安") -> Paper:
    test = {"score": score().score, "maximum": "100", "checks_passed": 3}
    standing = replace(Standings().value, demonstration=True)
    return compose(
        kind,
        SHEET,
        EARNED,
        test,
        standing,
        Someone(name=name),
        number=NUMBER,
        verify_code="WX0RHAD8",
        verify_url=f"https://bridge.example.cn/verify/{NUMBER}",
        issued_at=NOW,
    )


def test_a_paper_is_a_pdf_of_one_page_and_always_the_same_bytes(printer: TypstPrinter) -> None:
    first = printer.print_paper(paper())
    assert first.startswith(b"%PDF-1.7")
    assert first.count(b"/Type /Page\n") + first.count(b"/Type/Page/") == 1
    assert TypstPrinter(FONTS).print_paper(paper()) == first


def test_both_papers_fit_on_their_page(printer: TypstPrinter) -> None:
    for kind in PaperKind:
        assert len(_pages(paper(kind))) == 1


def test_the_qr_code_reads_as_the_verify_address(printer: TypstPrinter) -> None:
    made = paper()
    (page,) = _pages(made)
    image = cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    text, _corners, _code = cv2.QRCodeDetector().detectAndDecode(image)
    assert text == made.verify_url


def test_a_name_without_a_glyph_is_refused_and_the_error_does_not_tell_the_name(
    printer: TypstPrinter,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        printer.print_paper(paper(name="陈\U000323af安"))
    assert refused.value.reason == "glyph_missing"
    assert "U+323AF" in refused.value.message
    assert "陈" not in refused.value.message


@pytest.mark.parametrize("name", ["陈\U00020001安", "𪚥𠮷", "𮧵𬭎", "㛃䶮𠅤", "𡊮𫓧"])
def test_a_rare_character_is_set_in_the_font_for_them_and_stays_pdf_a(
    printer: TypstPrinter, name: str
) -> None:
    pdf = printer.print_paper(paper(name=name))

    assert name in "".join(text_of(pdf)[1].split())
    assert pdf_a_objections(pdf) == []


def test_every_han_character_of_gb_18030_2022_has_a_glyph(printer: TypstPrinter) -> None:
    # Its third level: the basic block to U+9FEF and the extensions A to F as they stood then.
    blocks = (
        (0x4E00, 0x9FEF),
        (0x3400, 0x4DB5),
        (0x20000, 0x2A6D6),
        (0x2A700, 0x2B734),
        (0x2B740, 0x2B81D),
        (0x2B820, 0x2CEA1),
        (0x2CEB0, 0x2EBE0),
    )
    wanted = {chr(code) for first, last in blocks for code in range(first, last + 1)}
    assert len(wanted) == 87875
    assert printer.lacking("".join(wanted)) == []


def test_the_operators_own_font_gives_what_ours_lack(tmp_path: Path) -> None:
    rare = require(RARE_FONT)
    fonts, own = tmp_path / "fonts", tmp_path / "own"
    fonts.mkdir()
    own.mkdir()
    for name in FONT_FILES:
        (fonts / name).symlink_to(FONTS / name)
    with pytest.raises(InvalidInput) as refused:
        TypstPrinter(fonts).print_paper(paper(name="陈\U00020001安"))
    assert "U+20001" in refused.value.message
    (own / "own.ttf").symlink_to(rare)
    assert TypstPrinter(fonts, own).print_paper(paper(name="陈\U00020001安")).startswith(b"%PDF")


def test_values_are_data_and_never_markup(printer: TypstPrinter) -> None:
    hostile = '#panic("x") *b* $x$ \\ #read("/etc/passwd")'
    made = paper()
    fields = (*made.fields, PrintedField("place", "地点", hostile))
    assert printer.print_paper(replace(made, fields=fields)).startswith(b"%PDF")


def test_coverage_agrees_with_what_typst_can_set() -> None:
    glyphs = covered(FONTS / FONT_FILES[0])
    assert all(ord(c) in glyphs for c in "陈晓安ABC019·〔〕,。")
    assert 0x20001 not in glyphs
    assert 0xE123 not in glyphs


def test_a_missing_or_broken_font_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as missing:
        TypstPrinter(tmp_path)
    assert missing.value.reason == "font_missing"
    (tmp_path / "broken.ttf").write_bytes(b"\x00\x01\x00\x00\x00\x01")
    with pytest.raises(FontUnreadable):
        covered(tmp_path / "broken.ttf")


def _pages(paper: Paper) -> list[bytes]:
    compiler = typst.Compiler(
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)]
        )
    )
    template = Path(TypstPrinter.__module__.replace(".", "/")).with_name("paper.typ")
    pages = compiler.compile(
        input=(Path(__file__).parents[3] / template).read_bytes(),
        format="png",
        ppi=150,
        sys_inputs={"paper": json.dumps(paper.printed()), "qr": qr_svg(paper.verify_url)},
    )
    return [pages] if isinstance(pages, bytes) else list(pages or [])
