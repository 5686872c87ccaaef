"""Papers as PDF/A-2b by typst, with embedded fonts and a QR code; deterministic for one paper."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import typst

from bridge.completion.model import Paper
from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.completion.font_coverage import FontUnreadable, covered
from plugins.completion.qr_code import qr_svg

FONT_FILES = ("NotoSansSC_400Regular.ttf", "NotoSansSC_700Bold.ttf")
RARE = "rare"
"""Folder beside them with fonts for what they lack, tried in the order of their names."""
_FONT_ENDS = (".ttf", ".otf")
TEMPLATE = Path(__file__).with_name("paper.typ").read_text(encoding="utf-8")


class TypstPrinter:
    """The PaperPrinter port on typst. Not for two threads at once.

    Args:
        fonts: folder that holds `FONT_FILES` and perhaps `RARE`; the system's fonts are never used.
        more: another folder of fonts for rare characters, the operator's own.
    """

    def __init__(self, fonts: Path, more: Path | None = None) -> None:
        files = [fonts / name for name in FONT_FILES]
        rare = [path for folder in (fonts / RARE, more) if folder is not None for path in fonts_in(folder)]
        try:
            both = [covered(file) for file in files]
            beside = [covered(file) for file in rare]
        except (OSError, FontUnreadable) as error:
            raise Unavailable(
                "font_missing", "证明所用字体缺失或损坏,请重新运行 ./anxue 以安装字体。", permanent=True
            ) from error
        self._glyphs = frozenset.intersection(*both).union(*beside)
        self._template = TEMPLATE.encode()
        self._checked: dict[bytes, frozenset[str]] = {}
        folders = {str(fonts), *(str(path.parent) for path in rare)}
        self._compiler = typst.Compiler(
            font_paths=typst.Fonts(
                include_system_fonts=False, include_embedded_fonts=False, font_paths=sorted(folders)
            )
        )

    def print_paper(self, paper: Paper, template: str | None = None) -> bytes:
        """Return the PDF.

        Args:
            template: typst source in place of paper.typ; checked by `template_check` when it was taken.

        Raises:
            InvalidInput: "glyph_missing": a character that no font can print; "template_broken". Nothing is printed
                then.
        """
        source = self._template if template is None else template.encode()
        printed = json.dumps(paper.printed(), ensure_ascii=False)
        self._require_glyphs(printed, source)
        return self.typeset(printed, qr_svg(paper.verify_url), paper, source)

    def typeset(self, printed: str, qr: str, paper: Paper, source: bytes | None = None) -> bytes:
        """Return the PDF of values that were checked and written as JSON before."""
        try:
            pdf = self._compiler.compile(
                input=self._template if source is None else source,
                format="pdf",
                sys_inputs={"paper": printed, "qr": qr},
                pdf_standards=["a-2b"],
                timestamp=int(paper.issued_at.timestamp()),
            )
        except typst.TypstError as error:
            raise InvalidInput(
                "template_broken", "证明版式有误,已停止出具,请联系管理员检查版式文件。"
            ) from error
        if not isinstance(pdf, bytes):
            raise RuntimeError("typst gave no PDF")
        return pdf

    def lacking(self, characters: Iterable[str]) -> list[str]:
        """Return which of `characters` no font can print, in the order of their code points."""
        return sorted(c for c in characters if ord(c) not in self._glyphs)

    def _require_glyphs(self, printed: str, source: bytes) -> None:
        missing = self.lacking(self._of_template(source) | {c for c in printed if c > "\x7f"})
        if missing:
            # A rare character narrows down a name: the code point is enough for whoever must mend the font.
            points = "、".join(f"U+{ord(character):04X}" for character in missing)
            raise InvalidInput(
                "glyph_missing", f"证明字体中没有字符 {points},已停止出具,请联系管理员补充字体后重试。"
            )

    def _of_template(self, source: bytes) -> frozenset[str]:
        known = self._checked.get(source)
        if known is None:
            known = self._checked[source] = frozenset(c for c in source.decode() if c > "\x7f")
        return known


def fonts_in(folder: Path) -> Iterator[Path]:
    """Give the fonts of a folder in the order of their names; none where it does not exist."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix.lower() in _FONT_ENDS)
