"""Where a value comes from. Only `law` and `standard` may name an article."""

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """Whose authority a value rests on. A practice is never shown as law."""

    LAW = "law"
    STANDARD = "standard"
    PRACTICE = "practice"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Citation:
    """A document and, for law and standard, the place in it.

    Args:
        basis: whose authority.
        document: e.g. "粤应急规〔2022〕3号", or for practice the name of the pack.
        article: e.g. "第十九条" or "4.4.4"; None where basis is practice or operator.
    """

    basis: Basis
    document: str
    article: str | None = None

    def __post_init__(self) -> None:
        if self.article is not None and self.basis not in (Basis.LAW, Basis.STANDARD):
            raise ValueError("only law and standard may cite an article")

    def __str__(self) -> str:
        """Return e.g. "粤应急规〔2022〕3号第十九条", "AQ 8011-2023 4.4.4"; a practice says that it is none of law."""
        # Chinese runs on without a space; "AQ 8011-20234.4.4" would be another document.
        ends_in_latin = self.document[-1:].isascii() and self.document[-1:].isalnum()
        space = " " if self.article and ends_in_latin else ""
        label = {"law": "", "standard": "", "practice": "(惯例,非法规)", "operator": "(运营方设定)"}
        return f"{self.document}{space}{self.article or ''}{label[self.basis]}"
