"""Electronic seals on a paper's file: who seals, and what is found of seals in a file. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OPERATOR = "operator"
"""The holder of the operator's seal; an institution's is held under its id."""


class SealField(StrEnum):
    """The two signatures of a paper, each in a field of its own, in the order in which they are made."""

    INSTITUTION = "institution"
    """The institution issues and answers for the paper (粤应急规〔2022〕3号 第三条, 第十五条)."""
    OPERATOR = "operator"
    """The operator of the platform signs beside it, that its records are these (第三条)."""


FIELD_LABELS = {SealField.INSTITUTION: "培训机构签章", SealField.OPERATOR: "网络平台签章"}


@dataclass(frozen=True, slots=True)
class SealHolder:
    """Somebody who seals papers.

    Args:
        id: the institution's id, or `OPERATOR`.
        uscc: unified social credit code; "" where none is known.
    """

    id: str
    name: str
    uscc: str = ""


class SealState(StrEnum):
    """What may be said of all signatures of a file together."""

    NONE = "none"
    """It bears no signature."""
    BROKEN = "broken"
    """A signature does not fit what is in the file, or something was added behind the last one."""
    UNKNOWN = "unknown"
    """All fit; a certificate among them comes from nobody whom the reader trusts."""
    GOOD = "good"


USCC_LENGTH = 18
"""Of a unified social credit code (GB 32100)."""


@dataclass(frozen=True, slots=True)
class StampFound:
    """A time-stamp (RFC 3161) over a signature, which it fits.

    Args:
        at: the time that it gives.
        authority: common name of who made it.
        trusted: its certificate leads to one of the roots that the reader gave.
    """

    at: datetime
    authority: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class SignatureFound:
    """One signature in a file.

    Args:
        field: name of its field; `SealField` for ours.
        signer, issuer: common names of the certificate and of who issued it.
        intact: it fits the bytes that it covers, and nothing but further signatures was added behind it.
        trusted: its certificate leads to one of the roots that the reader gave, at the time `judged_at`.
        said_at: the time that the signer wrote; None where there is none.
        stamp: the time-stamp over it; None where there is none, or one that fits nothing (it is then not intact).
        subject: every value of the certificate's subject, by which a holder is known.
    """

    field: str
    signer: str
    issuer: str
    intact: bool
    trusted: bool
    said_at: datetime | None
    stamp: StampFound | None = None
    subject: tuple[str, ...] = ()

    @property
    def judged_at(self) -> datetime | None:
        """Return when the certificate had to be valid: at the time-stamp's time, if an authority that is trusted made
        it; else when the signer says that it signed; None: today."""
        return self.stamp.at if self.stamp is not None and self.stamp.trusted else self.said_at

    def is_of(self, name: str, uscc: str) -> bool:
        """Return whether the certificate was made out to that holder."""
        return made_out_to(self.subject, name, uscc)


@dataclass(frozen=True, slots=True)
class SignaturesFound:
    """All signatures of a file.

    Args:
        whole: the last signature covers the file to its last byte.
    """

    signatures: tuple[SignatureFound, ...]
    whole: bool

    @property
    def state(self) -> SealState:
        """Return the worst that is true of any of them."""
        if not self.signatures:
            return SealState.NONE
        if not self.whole or not all(one.intact for one in self.signatures):
            return SealState.BROKEN
        if not all(one.trusted for one in self.signatures):
            return SealState.UNKNOWN
        return SealState.GOOD


def made_out_to(subject: Sequence[str], name: str, uscc: str) -> bool:
    """Return whether a certificate with those values in its subject is that holder's.

    Names are compared whole. Certificates for organisations in use also bear the unified social credit code, in one of
    several places and often within a longer text.
    """
    return any(one == name or (len(uscc) == USCC_LENGTH and uscc in one) for one in subject)


def seal_note(holders: Sequence[SealHolder], *, trial_authority: str) -> str:
    """Return the sentence that a paper carries about its seals.

    Args:
        trial_authority: name of the test CA that vouches for them; "" for certificates in real use.
    """
    names = "与".join(one.name for one in holders)
    if trial_authority:
        return f"电子签章：{names}；签章证书由“{trial_authority}”签发，仅供演练，没有法律效力。"
    return f"电子签章：{names}。请用 PDF 阅读器查看签章，改动文件后签章失效。"
