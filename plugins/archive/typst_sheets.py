"""Print sets as PDF/A-2b by typst, with the papers' own fonts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typst

from bridge.archive.sheet import Sheet
from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.completion.font_coverage import FontUnreadable, covered
from plugins.completion.typst_pdf import RARE, fonts_in

_FONT = "NotoSansSC_400Regular.ttf"
_TEMPLATE = Path(__file__).with_name("sheet.typ")


class TypstSheets:
    """The SheetPrinter port on typst. Not for two threads at once.

    Args:
        fonts: the folder of the papers' fonts; the system's are never used.
    """

    def __init__(self, fonts: Path) -> None:
        try:
            self._glyphs = covered(fonts / _FONT).union(*(covered(one) for one in fonts_in(fonts / RARE)))
        except (OSError, FontUnreadable) as error:
            raise Unavailable(
                "font_missing", "打印所用字体缺失或损坏,请重新运行 ./anxue 以安装字体。", permanent=True
            ) from error
        self._template = _TEMPLATE.read_bytes()
        self._compiler = typst.Compiler(
            font_paths=typst.Fonts(
                include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts)]
            )
        )

    def print_sheet(self, sheet: Sheet) -> bytes:
        """Return the PDF; InvalidInput("glyph_missing") rather than one with a box on it."""
        said = sheet.to_json()
        missing = sorted({c for text in _texts(said) for c in text if ord(c) not in self._glyphs} - {"\n"})
        if missing:
            points = "、".join(f"U+{ord(character):04X}" for character in missing)
            raise InvalidInput(
                "glyph_missing",
                f"打印字体中没有字符 {points},未生成打印件;可下载电子档案,或联系管理员补充字体。",
                http_status=422,
            )
        pdf = self._compiler.compile(
            input=self._template,
            format="pdf",
            sys_inputs={"sheet": json.dumps(said, ensure_ascii=False)},
            pdf_standards=["a-2b"],
            timestamp=int(sheet.made_at.timestamp()),
        )
        if not isinstance(pdf, bytes):
            raise RuntimeError("typst gave no PDF")
        return pdf


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
