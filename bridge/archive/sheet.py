"""A file as it is printed: sections of labels, values and tables, in words and Beijing time. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.kernel.time import LEGAL_ZONE

_NARROWEST, _WIDEST = 5, 40


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, all as wide as the heading."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Return how wide each column is beside the others: as its longest cell, within bounds."""
        columns = zip(self.heading, *self.rows, strict=True)
        return tuple(min(_WIDEST, max(_NARROWEST, *map(_width, column))) for column in columns)


@dataclass(frozen=True, slots=True)
class Section:
    """One item of the file."""

    title: str
    pairs: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as it is printed.

    Args:
        number: what the foot of each page says, so that a loose page finds its file again.
        digests: name and SHA-256 of the files that count.
    """

    title: str
    basis: str
    number: str
    issuer: str
    made_at: datetime
    sections: tuple[Section, ...]
    digests: tuple[tuple[str, str], ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return what a printer sets."""
        return {
            "title": self.title,
            "basis": self.basis,
            "number": self.number,
            "issuer": self.issuer,
            "made_at": beijing(self.made_at),
            "sections": [
                {
                    "title": one.title,
                    "pairs": [list(pair) for pair in one.pairs],
                    "tables": [
                        {
                            "heading": list(table.heading),
                            "rows": [list(row) for row in table.rows],
                            "widths": list(table.widths),
                        }
                        for table in one.tables
                    ],
                    "missing": list(one.missing),
                }
                for one in self.sections
            ],
            "digests": [list(one) for one in self.digests],
        }


def beijing(instant: datetime) -> str:
    """Return e.g. "2026-11-24 12:00:05"."""
    return instant.astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _width(text: str) -> int:
    """Return about how wide a text is set, in Latin letters."""
    return sum(1 if character.isascii() else 2 for character in text)
