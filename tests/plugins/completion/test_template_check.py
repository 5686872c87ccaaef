"""An institution's own template: what it must print, and what it must not reach for."""

from pathlib import Path

import pytest

from bridge.completion.model import Paper, PaperKind
from bridge.kernel.errors import InvalidInput
from bridge.settings import Settings
from plugins.completion.template_check import check_template
from plugins.completion.typst_pdf import TEMPLATE, TypstPrinter
from tests.plugins.completion.test_typst_pdf import paper as made_up_paper


@pytest.fixture(scope="module")
def printer() -> TypstPrinter:
    return TypstPrinter(Settings().assets / "fonts")


@pytest.fixture(scope="module")
def papers() -> list[Paper]:
    return [made_up_paper(kind) for kind in PaperKind]


def test_the_bridges_own_template_is_good(printer: TypstPrinter, papers: list[Paper]) -> None:
    check_template(printer, TEMPLATE, papers)
    check_template(printer, TEMPLATE.replace("#0f4c5c", "#7a1f1f"), papers)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("paper.verify_code", '"00000000"', "template_leaves_out"),
        ("..for row in paper.fields {", "..for row in paper.fields.slice(0, 3) {", "template_leaves_out"),
        (
            'text(size: 78pt, weight: "bold", fill: warn.transparentize(88%), paper.mark)',
            "[]",
            "",
        ),
        ("#v(6mm)\n#align(center", "#pagebreak()\n#align(center", "template_pages"),
        ("#let ink", '#let seen = read("../../etc/passwd")\n#let ink', "template_reads_files"),
        ("#let ink", '#import "@preview/x:1.0.0": y\n#let ink', "template_reads_files"),
        ("#let ink", "#let ink = (\n#let", "template_broken"),
        ("扫码查验", "\U000323af", "glyph_missing"),
    ],
)
def test_a_template_that_leaves_out_or_reaches_out_is_refused(
    printer: TypstPrinter, papers: list[Paper], old: str, new: str, reason: str
) -> None:
    assert old in TEMPLATE
    changed = TEMPLATE.replace(old, new, 1)
    if not reason:
        check_template(printer, changed, papers)
        return
    with pytest.raises(InvalidInput) as refused:
        check_template(printer, changed, papers)
    assert refused.value.reason == reason


def test_a_template_that_prints_no_mark_is_refused(printer: TypstPrinter, papers: list[Paper]) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_template(printer, TEMPLATE.replace("paper.mark", '""'), papers)
    assert (refused.value.reason, "标记" in refused.value.message) == ("template_leaves_out", True)


def test_a_template_cannot_be_as_long_as_it_likes(printer: TypstPrinter, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_template(printer, "//" + "x" * 70_000, [])
    assert refused.value.reason == "template_too_large"
