"""People, accounts, and what may be shown of them. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef, RegistrationId

ACCOUNT_BOUND = "identity.account_bound"
"""Type of the event that a person has proved to own an account."""
ACCOUNT_RELEASED = "identity.account_released"
"""Type of the event that staff ended the binding of an account."""
PERSON_MERGED = "person_merged"
"""Why an account's binding to a record ends that was merged into another; no form offers it."""
MERGE_UNDONE = "merge_undone"
"""Why an account goes back to the record that it was taken from by a merge; no form offers it."""
RELEASE_REASONS = {
    "account_lost": "学员无法再使用原账号",
    "wrong_account": "实名时用错了账号",
    "account_shared": "账号被他人使用",
    "lms_moved": "学习平台更换或账号合并",
    PERSON_MERGED: "两份学员记录确认为同一人",
    MERGE_UNDONE: "合并有误已撤销,账号归还",
}
OFFERED_RELEASE_REASONS = {
    code: words for code, words in RELEASE_REASONS.items() if code not in (PERSON_MERGED, MERGE_UNDONE)
}
"""Those that a form offers."""
"""Why staff may end a binding. A text of their own would hold names."""
UNMERGE_REASONS: Mapping[str, str] = {
    "two_humans": "两份记录属于两个人",
    "wrong_record": "合并时选错了记录",
    "evidence_wrong": "合并时的证明材料不实或看错",
}
"""Why two people undo a merge. A text of staff's own would hold names."""
FACE_RESET_REASONS: Mapping[str, str] = {
    "another_face": "登记的人脸不是学员本人",
    "looks_changed": "学员容貌有较大变化,多次核验不过",
    "poor_pictures": "登记的照片质量差",
    "learner_asked": "学员本人要求重新登记",
}
"""Why two people have a face registered anew. A text of staff's own would hold names."""
REVEAL_REASONS = {
    "check_document": "核对学员出示的证件",
    "learner_asked": "学员本人要求核对或更正",
    "paper": "核对或补办证明",
    "authority": "监管部门要求提供",
    "dispute": "处理申诉或争议",
}
"""Why staff may see a whole name and number. A text of their own would hold names."""
CONSENT_GIVEN = "identity.consent_given"
"""Type of the event that a learner has consented to a purpose of face processing (`purpose`)."""
CONSENT_REVOKED = "identity.consent_revoked"
"""Type of the event that a learner has withdrawn the consent to a purpose of face processing (`purpose`)."""
IDENTITY_VERIFIED = "identity.verified"
"""Type of the event that a person of the enrolment list has proved who they are."""

_MIDDLE_DOTS = re.compile(r"\s*[·•‧・∙⋅●.]\s*")
_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")
"""Marks without a shape of their own, and which glyph of one character is meant."""
_HAN_SPACE = re.compile(r"(?<=[^\x00-\x7f])\s+(?=[^\x00-\x7f])")
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ ·'-])*")
_MAX_NAME = 50


class DocumentKind(StrEnum):
    """By what a person proves who they are. The number alone says which, see `document_of`."""

    RESIDENT_CARD = "resident_card"
    HK_MACAU_PERMIT = "hk_macau_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    PERMANENT_RESIDENT_2017 = "permanent_resident_2017"
    PERMANENT_RESIDENT_2023 = "permanent_resident_2023"
    PASSPORT = "passport"


DOCUMENTS_ZH = {
    DocumentKind.RESIDENT_CARD: "居民身份证",
    DocumentKind.HK_MACAU_PERMIT: "港澳居民居住证",
    DocumentKind.TAIWAN_PERMIT: "台湾居民居住证",
    DocumentKind.PERMANENT_RESIDENT_2017: "外国人永久居留身份证(2017 版)",
    DocumentKind.PERMANENT_RESIDENT_2023: "外国人永久居留身份证(2023 版)",
    DocumentKind.PASSPORT: "护照",
}


BY_STAFF = frozenset({DocumentKind.PASSPORT})
"""Of these no check and no provider says anything: a member of staff must see document and person."""


@dataclass(frozen=True, slots=True)
class Account:
    """An LMS account as the bridge knows it.

    Args:
        learner: the person who proved to own it; None until then.
        class_run: the class run that the launch's LMS course is; None if it is none.
        listed: whether `learner` stands on that class run's enrolment list.
    """

    account_id: str
    learner: LearnerRef | None
    class_run: ClassRunId | None
    listed: bool


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account's row: which platform, and who owns it now."""

    account_id: str
    registration_id: RegistrationId
    sub: str = field(repr=False)
    learner: LearnerRef | None


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent as it was given; in force while `revoked_at` is None and the text's version is current."""

    purpose: str
    version: str
    given_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListRow:
    """One person of an enrolment list, decrypted. Never leaves identity but through a disclosure."""

    id: str
    class_run: ClassRunId
    name: str = field(repr=False)
    citizen_id: str = field(repr=False)
    employer: str = field(repr=False)
    photo: EvidenceId | None
    learner: LearnerRef | None
    trade: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class MaskedIdentity:
    """What pages and papers print of a person: 陈*安, 440***********1219."""

    name: str
    citizen_id: str
    employer: str


@dataclass(frozen=True, slots=True)
class DisclosedIdentity:
    """Who a learner is. Obtained for one logged purpose; not to be kept."""

    name: str = field(repr=False)
    citizen_id: str = field(repr=False)
    employer: str = field(repr=False)

    def masked(self) -> MaskedIdentity:
        """Return the person as pages and papers print them."""
        return MaskedIdentity(mask_name(self.name), mask_citizen_id(self.citizen_id), self.employer)


def document_of(number: str) -> DocumentKind:
    """Return which document a number in its plain form (`documents.read_document`) belongs to.

    The forms do not meet: 18 characters by their first digits, 15 with three letters, and at most nine.
    """
    if len(number) == 18:
        by_area = {"81": DocumentKind.HK_MACAU_PERMIT, "82": DocumentKind.HK_MACAU_PERMIT}
        by_area["83"] = DocumentKind.TAIWAN_PERMIT
        if number.startswith("9"):
            return DocumentKind.PERMANENT_RESIDENT_2023
        return by_area.get(number[:2], DocumentKind.RESIDENT_CARD)
    return DocumentKind.PERMANENT_RESIDENT_2017 if len(number) == 15 else DocumentKind.PASSPORT


def number_label(number: str) -> str:
    """Return what a number is called on pages and papers: 公民身份号码, or the document by name."""
    kind = document_of(number)
    return "公民身份号码" if kind is DocumentKind.RESIDENT_CARD else f"证件号码({DOCUMENTS_ZH[kind]})"


def normalise_name(text: str) -> str:
    """Return `text` as names are compared: NFKC, one kind of middle dot, no spaces between Han characters.

    Characters stay themselves, rare and traditional ones too: 張 is never 张 here.
    """
    plain = _MIDDLE_DOTS.sub("·", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).strip())
    return " ".join(_HAN_SPACE.sub("", plain).split()).upper()


def is_name(normalised: str) -> bool:
    """Return whether a normalised name can be one: letters, middle dots, spaces, at most 50 characters."""
    return len(normalised) <= _MAX_NAME and _NAME.fullmatch(normalised) is not None


def mask_name(name: str) -> str:
    """Return the name with its first and, from three characters on, last character only: 陈*安, 陈*."""
    if len(name) <= 2:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_citizen_id(citizen_id: str) -> str:
    """Return the number with its first three and last four characters only; of a passport's nine, one and two."""
    if len(citizen_id) < 15:
        return citizen_id[:1] + "*" * max(len(citizen_id) - 3, 0) + citizen_id[-2:]
    return citizen_id[:3] + "*" * (len(citizen_id) - 7) + citizen_id[-4:]


def context_of(claims: Mapping[str, object]) -> str | None:
    """Return the id of the LMS course (LTI context) that launch claims name; None if they name none."""
    context = claims.get("https://purl.imsglobal.org/spec/lti/claim/context")
    found = context.get("id") if isinstance(context, Mapping) else None
    return found if isinstance(found, str) and found else None
