"""The public verify page put together: register, file, signatures, and the place in the institution's tree."""

import hmac
from dataclasses import dataclass
from datetime import date

from flask import request

from bridge.completion.life_model import REASONS_ZH
from bridge.completion.model import PublicView
from bridge.completion.paper_number import normalised, normalised_code
from bridge.completion.seal_model import SealField, SignatureFound, SignaturesFound
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import InstitutionId
from bridge.wiring import House
from bridge.wiring.paper_kept import kept_file
from bridge.wiring.paper_proof import Inclusion, inclusion_of
from bridge.wiring.paper_seals import TRIAL_AUTHORITY

_NOBODY = "\x00"
"""Compared with where there is no paper, so that a wrong number takes the same steps as a wrong code."""


@dataclass(frozen=True, slots=True)
class VerifyPage:
    """All that the page shows.

    Args:
        signatures: of the file; None where there is none to look at.
        kept_as_issued: the file that the bridge keeps still has the bytes that were issued.
        destroyed_on: when the file was destroyed as its archive's term was over; the register stays.
        because: why the paper no longer counts, in words; "" where it does.
        inclusion: None before the ledger's next sealing.
    """

    institution: InstitutionId
    view: PublicView
    signatures: SignaturesFound | None
    kept_as_issued: bool
    destroyed_on: date | None
    because: str
    inclusion: Inclusion | None

    @property
    def trial_seals(self) -> bool:
        """Whether a test CA vouches for the seals."""
        return any(one.issuer == TRIAL_AUTHORITY for one in self._found)

    @property
    def strangers_seal(self) -> bool:
        """Whether the institution's signature is by a certificate that was not made out to who issued the paper."""
        own = [one for one in self._found if one.field == SealField.INSTITUTION]
        return not all(one.is_of(self.view.issuer, self.view.uscc) for one in own)

    @property
    def _found(self) -> tuple[SignatureFound, ...]:
        return () if self.signatures is None else self.signatures.signatures


def by_number(house: House, typed: str, typed_code: str) -> VerifyPage | None:
    """Return the page of the paper with that number and code; None alike for an unknown number and a wrong code."""
    number, code = normalised(typed), normalised_code(typed_code)
    with house.uow.across_institutions("who issued the paper", read_only=True) as tx:
        found = house.at(tx).completion_store.issuer_and_code(number or "")
    issuer, known = found or (None, _NOBODY)
    if not hmac.compare_digest((code or "").encode(), known.encode()) or issuer is None or number is None:
        return None
    return _page(house, issuer, number)


def by_file(house: House, pdf: bytes) -> VerifyPage | None:
    """Return the page of the paper whose file this is, byte for byte; None if nobody here issued it."""
    with house.uow.across_institutions("who issued the file", read_only=True) as tx:
        found = house.at(tx).completion_store.issuer_of_file(sha256_hex(pdf))
    return None if found is None else _page(house, *found, pdf)


def read_upload() -> bytes:
    """Return the uploaded file, which is not kept; empty where none was chosen."""
    file = request.files.get("pdf")
    if file is None:
        return b""
    content: bytes = file.read()
    file.close()
    return content


def _page(
    house: House, issuer: InstitutionId, number: str, uploaded: bytes | None = None
) -> VerifyPage | None:
    with house.uow.for_institution(issuer) as tx:
        stations = house.at(tx)
        view = stations.completion.public_view(number)
        paper = stations.completion_store.paper_by_number(number)
        if view is None or paper is None:
            return None
        kept = kept_file(house, tx, paper)
        change = stations.paper_changes.last_of(number)
    # Who holds the file still has what the bridge has not: it is the same, or its hash would not be in the register.
    pdf = uploaded if kept.pdf is None else kept.pdf
    return VerifyPage(
        institution=issuer,
        view=view,
        signatures=None if pdf is None else house.signatures_of(pdf),
        kept_as_issued=kept.pdf is not None and sha256_hex(kept.pdf) == view.sha256,
        destroyed_on=kept.destroyed_on,
        because="" if change is None or view.status == "valid" else REASONS_ZH[change.reason],
        inclusion=inclusion_of(house, issuer, paper),
    )
