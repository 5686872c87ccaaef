"""Identity documents that a learner may be enrolled with, and what can be checked of their numbers. Pure.

What is checked rests on what could be read: GB 11643 for the 18 characters that residence permits and the card of 2023
share, the immigration administration's notice for the two permanent residence cards. Nothing readable gives a check
for the card of 2017 or for passports, so their form alone is looked at, which is our practice.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from bridge.identity.citizen_id import check_citizen_id
from bridge.identity.model import BY_STAFF, DOCUMENTS_ZH, DocumentKind, document_of
from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import InvalidInput

_CARD_2017 = re.compile(r"[A-Z]{3}[0-9]{12}")
_PASSPORT = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{5,9}")
"""Practice: the widths that passports use in their machine readable zone; no issuing state's own form is known."""

CITATIONS = {
    DocumentKind.RESIDENT_CARD: Citation(Basis.STANDARD, "GB 11643"),
    DocumentKind.HK_MACAU_PERMIT: Citation(Basis.STANDARD, "GB 11643"),
    DocumentKind.TAIWAN_PERMIT: Citation(Basis.STANDARD, "GB 11643"),
    DocumentKind.PERMANENT_RESIDENT_2023: Citation(Basis.STANDARD, "GB 11643"),
    DocumentKind.PERMANENT_RESIDENT_2017: Citation(Basis.PRACTICE, "安学桥证件核对"),
    DocumentKind.PASSPORT: Citation(Basis.PRACTICE, "安学桥证件核对"),
}
"""On what the check of a number rests."""

_PERMANENT = frozenset({DocumentKind.PERMANENT_RESIDENT_2017, DocumentKind.PERMANENT_RESIDENT_2023})
_STATED: dict[str, frozenset[DocumentKind]] = {
    "身份证": frozenset({DocumentKind.RESIDENT_CARD}),
    "居民身份证": frozenset({DocumentKind.RESIDENT_CARD}),
    "二代身份证": frozenset({DocumentKind.RESIDENT_CARD}),
    "第二代身份证": frozenset({DocumentKind.RESIDENT_CARD}),
    "中华人民共和国居民身份证": frozenset({DocumentKind.RESIDENT_CARD}),
    "港澳居民居住证": frozenset({DocumentKind.HK_MACAU_PERMIT}),
    "港澳居住证": frozenset({DocumentKind.HK_MACAU_PERMIT}),
    "台湾居民居住证": frozenset({DocumentKind.TAIWAN_PERMIT}),
    "台湾居住证": frozenset({DocumentKind.TAIWAN_PERMIT}),
    "港澳台居民居住证": frozenset({DocumentKind.HK_MACAU_PERMIT, DocumentKind.TAIWAN_PERMIT}),
    "外国人永久居留身份证": _PERMANENT,
    "外国人永久居留证": _PERMANENT,
    "永久居留身份证": _PERMANENT,
    "护照": frozenset({DocumentKind.PASSPORT}),
    "外国护照": frozenset({DocumentKind.PASSPORT}),
    "普通护照": frozenset({DocumentKind.PASSPORT}),
}
KINDS_ZH = ("居民身份证", "港澳居民居住证", "台湾居民居住证", "外国人永久居留身份证", "护照")
"""How the kinds are best written in a list."""


@dataclass(frozen=True, slots=True)
class Document:
    """A number that is well formed, in its plain form.

    Args:
        area_known: False is only a warning: old cards keep codes that were abolished since.
    """

    number: str = field(repr=False)
    area_known: bool = True

    @property
    def kind(self) -> DocumentKind:
        return document_of(self.number)

    @property
    def form_only(self) -> bool:
        """Whether a wrong digit would not be noticed."""
        return self.kind in (DocumentKind.PERMANENT_RESIDENT_2017, DocumentKind.PASSPORT)

    @property
    def needs_staff(self) -> bool:
        """Whether a member of staff must see the document."""
        return self.kind in BY_STAFF


def read_document(text: str, today: date, stated: str = "") -> Document:
    """Return the document that `text` is the number of.

    Args:
        today: the legal day; nobody is born after it.
        stated: the kind as a list gives it (`KINDS_ZH` and usual other names); empty where none is given. A number
            of digits alone that is too short for a card is taken for a passport only where that is stated: it may
            be a card's number of which a part is missing.

    Raises:
        InvalidInput: document_kind_unknown, document_kind_mismatch, citizen_id_malformed, citizen_id_check_digit,
            passport_malformed.
    """
    meant = _meant(stated)
    number = plain_number(text)
    if meant == _STATED["护照"]:
        if not _PASSPORT.fullmatch(number):
            raise InvalidInput("passport_malformed", "护照号码应为 5 至 9 位字母和数字,请对照护照重填。")
        return Document(number)
    if is_card_2017(number) or (_PASSPORT.fullmatch(number) and number[0].isalpha()):
        found = Document(number)
    else:
        checked = check_citizen_id(number, today)
        found = Document(checked.number, checked.area_known and _permit_area_known(checked.number))
    if meant and found.kind not in meant:
        raise InvalidInput(
            "document_kind_mismatch",
            f"证件类型与号码不符:这个号码是{DOCUMENTS_ZH[found.kind]}的写法,请核对证件类型和号码。",
        )
    return found


def plain_number(text: str) -> str:
    """Return `text` half-width, in capitals, without spaces and the hyphens that people put between groups."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("-", "").upper()


def is_card_2017(text: str) -> bool:
    """Return whether `text` has the form of a permanent residence card of 2017."""
    return _CARD_2017.fullmatch(plain_number(text)) is not None


def _meant(stated: str) -> frozenset[DocumentKind] | None:
    plain = re.sub(r"[\s()]|20(17|23) ?版", "", unicodedata.normalize("NFKC", stated))
    if not plain:
        return None
    if plain not in _STATED:
        raise InvalidInput(
            "document_kind_unknown", f"不认识这种证件类型,可填:{'、'.join(KINDS_ZH)};或留空由系统判断。"
        )
    return _STATED[plain]


def _permit_area_known(number: str) -> bool:
    """Return False for a residence permit whose area code is not 810000, 820000 or 830000."""
    permit = document_of(number) in (DocumentKind.HK_MACAU_PERMIT, DocumentKind.TAIWAN_PERMIT)
    return not permit or number[2:6] == "0000"
