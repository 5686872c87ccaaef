"""One sheet of text as an Excel file, made in memory.

Written here since openpyxl puts each sheet into a file on disk on its way, and rows may hold names.

Source: ECMA-376 Part 1 §18 (SpreadsheetML): inline strings, number format 49, headers and footers (§18.3.1.46).
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from enum import IntEnum

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Style(IntEnum):
    """How a cell looks; the number is its place among `cellXfs`."""

    TEXT = 1
    HEADING = 2
    SMALL = 3


Cell = tuple[Style, str]


def workbook(
    sheet: str, rows: Iterable[Sequence[Cell]], widths: Sequence[int], *, frozen: int = 0, across: str = ""
) -> bytes:
    """Return the .xlsx bytes; every cell is text, so that no number loses a digit and nothing is a formula.

    Args:
        sheet: its name.
        widths: of each column, in characters.
        frozen: so many rows stay in sight above the others.
        across: stands large and grey above and below each printed page.
    """
    lines = "".join(f'<row r="{number}">{_cells(row)}</row>' for number, row in enumerate(rows, 1))
    columns = "".join(
        f'<col min="{at}" max="{at}" width="{width}" style="{Style.TEXT}" customWidth="1"/>'
        for at, width in enumerate(widths, 1)
    )
    parts = {
        **_PARTS,
        "xl/workbook.xml": _WORKBOOK.format(name=_escaped(sheet).replace('"', "&quot;")),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}">{_view(frozen)}<cols>{columns}</cols>'
        f"<sheetData>{lines}</sheetData>{_printed(across)}</worksheet>",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return made.getvalue()


def headed(rows: Iterable[Sequence[str]]) -> list[list[Cell]]:
    """Return rows as cells, of which the first row is the heading."""
    return [
        [(Style.TEXT if number else Style.HEADING, cell) for cell in row] for number, row in enumerate(rows)
    ]


def _cells(row: Sequence[Cell]) -> str:
    return "".join(
        f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{_escaped(text)}</t></is></c>'
        for style, text in row
    )


def _view(frozen: int) -> str:
    if not frozen:
        return ""
    pane = f'<pane ySplit="{frozen}" topLeftCell="A{frozen + 1}" activePane="bottomLeft" state="frozen"/>'
    return f'<sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'


def _printed(across: str) -> str:
    if not across:
        return ""
    # "&" begins a code of a header; a text has it doubled. 28 points, grey, across the page.
    text = _escaped(f"&C&28&KBFBFBF{across.replace('&', '&&')}")
    return (
        '<pageSetup orientation="landscape"/>'
        f"<headerFooter><oddHeader>{text}</oddHeader><oddFooter>{text}</oddFooter></headerFooter>"
    )


def _escaped(text: str) -> str:
    plain = "".join(one for one in text if one >= " " or one in "\t\n")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_WORKBOOK = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="{{name}}" sheetId="1" r:id="r1"/>'
    "</sheets></workbook>"
)
_PARTS = {
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
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}"><fonts count="3"><font><sz val="11"/></font><font><b/><sz val="11"/></font>'
        '<font><sz val="9"/><color rgb="FF9AA5A9"/></font></fonts>'
        '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf/>'
        '<xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/>'
        '<xf numFmtId="49" fontId="2" applyNumberFormat="1" applyFont="1"/>'
        '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}
