"""Papers as PDF/A-2b by typst, with an embedded Noto Sans SC and a QR code; deterministic for one paper."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import segno
import typst

from bridge.completion.model import Paper
from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.completion.font_coverage import FontUnreadable, covered

FONT_FILES = ("NotoSansSC_400Regular.ttf", "NotoSansSC_700Bold.ttf")
_MASK = 3
_TEMPLATE = Path(__file__).with_name("paper.typ")


class TypstPrinter:
    """The PaperPrinter port on typst. Not for two threads at once.

    Args:
        fonts: folder that holds `FONT_FILES`; the system's fonts are never used.
    """

    def __init__(self, fonts: Path) -> None:
        files = [fonts / name for name in FONT_FILES]
        try:
            both = [covered(file) for file in files]
        except (OSError, FontUnreadable) as error:
            raise Unavailable(
                "font_missing", "证明所用字体缺失或损坏,请重新运行 ./anxue 以安装字体。", permanent=True
            ) from error
        self._glyphs = frozenset.intersection(*both)
        self._template = _TEMPLATE.read_bytes()
        self._template_characters = {c for c in self._template.decode() if ord(c) > 0x7F}
        self._compiler = typst.Compiler(
            font_paths=typst.Fonts(
                include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts)]
            )
        )

    def print_paper(self, paper: Paper) -> bytes:
        """Return the PDF.

        Raises:
            InvalidInput: "glyph_missing": a character that the font cannot print; nothing is printed then.
        """
        printed = paper.printed()
        self._require_glyphs(printed)
        return self.typeset(json.dumps(printed, ensure_ascii=False), qr_svg(paper.verify_url), paper)

    def typeset(self, printed: str, qr: str, paper: Paper) -> bytes:
        """Return the PDF of values that were checked and written as JSON before."""
        pdf = self._compiler.compile(
            input=self._template,
            format="pdf",
            sys_inputs={"paper": printed, "qr": qr},
            pdf_standards=["a-2b"],
            timestamp=int(paper.issued_at.timestamp()),
        )
        if not isinstance(pdf, bytes):
            raise RuntimeError("typst gave no PDF")
        return pdf

    def _require_glyphs(self, printed: dict[str, Any]) -> None:
        used = {character for text in _texts(printed) for character in text} | self._template_characters
        missing = sorted(used - {chr(point) for point in (ord(c) for c in used) if point in self._glyphs})
        if missing:
            # A rare character narrows down a name: the code point is enough for whoever must mend the font.
            points = "、".join(f"U+{ord(character):04X}" for character in missing)
            raise InvalidInput(
                "glyph_missing", f"证明字体中没有字符 {points},已停止出具,请联系管理员补充字体后重试。"
            )


def qr_svg(address: str) -> str:
    """Return an SVG of the QR code (level M) that holds `address`.

    The mask is fixed: trying all eight takes as long as typesetting the page, and every reader reads each.
    """
    rows = segno.make(address, error="m", micro=False, mask=_MASK).matrix
    size = len(rows)
    # One path of runs, drawn here: segno's own writer takes three times as long.
    runs: list[str] = []
    for y, row in enumerate(rows):
        line = bytes(row)
        x = line.find(1)
        while x >= 0:
            end = line.find(0, x)
            end = size if end < 0 else end
            runs.append(f"M{x} {y}H{end}v1H{x}z")
            x = line.find(1, end)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">'
        f'<path fill="#1d2b3a" d="{"".join(runs)}"/></svg>'
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
