"""A list as an Excel file that says, on the screen, on every row and on every printed page, whose copy it is.

Written here since openpyxl puts each sheet into a file on disk on its way, and rows may hold names.

Source: ECMA-376 Part 1 §18 (SpreadsheetML): inline strings, number format 49, headers and footers (§18.3.1.46).
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.kernel.time import LEGAL_ZONE

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_COPY_WIDTH = 34
_TEXT, _HEADING, _SAID, _COPY = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Watermark:
    """Whose copy it is: written above the list, at the end of each row and across each printed page."""

    number: str
    purpose: str
    recipient: str
    approver: str
    fetched_by: str
    at: datetime

    @property
    def copy(self) -> str:
        """What each row bears."""
        return f"{self.recipient} {self.number}"

    def lines(self) -> list[str]:
        """Return what stands above the list."""
        when = self.at.astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M")
        return [
            f"用途:{self.purpose}",
            f"接收单位:{self.recipient};批准人:{self.approver};导出人:{self.fetched_by}",
            f"导出编号:{self.number};导出时间:{when}。仅供上述用途使用,不得另行提供。",
        ]


def list_workbook(
    title: str, rows: Sequence[Sequence[str]], widths: Sequence[int], watermark: Watermark
) -> bytes:
    """Return the .xlsx bytes; every cell is text, so that no number loses a digit and nothing is a formula.

    Args:
        rows: the heading first.
        widths: of each column, in characters.
    """
    lines: list[str] = []
    for style, text in ((_HEADING, title), *((_SAID, line) for line in watermark.lines())):
        lines.append(_row(len(lines) + 1, [(style, text)]))
    heading = len(lines) + 1
    for row in rows:
        style = _HEADING if len(lines) + 1 == heading else _TEXT
        copy = "本份归属" if style == _HEADING else watermark.copy
        lines.append(_row(len(lines) + 1, [*((style, cell) for cell in row), (_COPY, copy)]))
    columns = "".join(
        f'<col min="{at}" max="{at}" width="{width}" style="1" customWidth="1"/>'
        for at, width in enumerate((*widths, _COPY_WIDTH), 1)
    )
    # "&" begins a code of a header; a text has it doubled. 28 points, grey, across the page.
    printed = _escaped(f"&C&28&KBFBFBF{watermark.copy.replace('&', '&&')}")
    pane = f'<pane ySplit="{heading}" topLeftCell="A{heading + 1}" activePane="bottomLeft" state="frozen"/>'
    parts = dict(_PARTS)
    parts["xl/worksheets/sheet1.xml"] = (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"<cols>{columns}</cols><sheetData>{''.join(lines)}</sheetData>"
        '<pageSetup orientation="landscape"/>'
        f"<headerFooter><oddHeader>{printed}</oddHeader><oddFooter>{printed}</oddFooter></headerFooter></worksheet>"
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return made.getvalue()


def _row(number: int, cells: Sequence[tuple[int, str]]) -> str:
    made = "".join(
        f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{_escaped(text)}</t></is></c>'
        for style, text in cells
    )
    return f'<row r="{number}">{made}</row>'


def _escaped(text: str) -> str:
    plain = "".join(one for one in text if one >= " " or one in "\t\n")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS: Mapping[str, str] = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="名单" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>"
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}"><fonts count="3"><font><sz val="11"/></font><font><b/><sz val="11"/></font>'
        '<font><sz val="9"/><color rgb="FF9AA5A9"/></font></fonts>'
        '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="5"><xf/>'
        '<xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/>'
        '<xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="2" applyNumberFormat="1" applyFont="1"/>'
        '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}
