"""A list as an Excel file that says, on the screen, on every row and on every printed page, whose copy it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.kernel.time import LEGAL_ZONE
from bridge.kernel.workbook import Cell, Style, headed, workbook

_COPY_WIDTH = 34


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
    """Return the .xlsx bytes.

    Args:
        rows: the heading first.
        widths: of each column, in characters.
    """
    above: list[list[Cell]] = [
        [(Style.HEADING, title)],
        *([(Style.TEXT, line)] for line in watermark.lines()),
    ]
    below: list[list[Cell]] = headed(rows)
    for number, row in enumerate(below):
        row.append((Style.SMALL, watermark.copy if number else "本份归属"))
    return workbook(
        "名单", [*above, *below], [*widths, _COPY_WIDTH], frozen=len(above) + 1, across=watermark.copy
    )
