"""Reads the signatures of a file, offline: what each covers, whether it fits, and who vouches for the signer."""

import logging
from datetime import datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import EmbeddedPdfSignature, SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from bridge.completion.seal_model import SignatureFound, SignaturesFound, StampFound
from bridge.kernel.errors import InvalidInput
from plugins.completion.own_thread import in_own_thread
from plugins.completion.seal_sources import certificate, values_of

MAX_BYTES = 4 * 1024 * 1024
_MOST_SIGNATURES = 8

# It tells of every stranger's certificate with a trace of its own; the answer says it already.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


def read_signatures(pdf: bytes, roots: list[str]) -> SignaturesFound:
    """Return what is found, under the root certificates `roots` (PEM).

    A file whose signatures cannot be read is one whose signatures are broken: nobody makes one by accident.

    Raises:
        InvalidInput: "not_a_pdf"; "pdf_too_large".
    """
    if len(pdf) > MAX_BYTES:
        raise InvalidInput("pdf_too_large", "文件过大,不是本系统出具的证明。")
    if not pdf.startswith(b"%PDF-"):
        raise InvalidInput("not_a_pdf", "请选择 PDF 文件。")
    try:
        reader = PdfFileReader(BytesIO(pdf))
        embedded = reader.embedded_signatures
    except Exception as error:  # whatever a stranger's file makes of the parser
        if b"/ByteRange" not in pdf:
            raise InvalidInput("not_a_pdf", "文件无法读出,请选择 PDF 原件。") from error
        return SignaturesFound((_unreadable(),), whole=False)
    if len(embedded) > _MOST_SIGNATURES:
        return SignaturesFound((_unreadable(),), whole=False)
    trusted = [certificate(one) for one in roots]
    found = in_own_thread(lambda: tuple(_read(one, trusted, pdf) for one in embedded))
    whole = bool(embedded) and _covers_all(embedded[-1])
    return SignaturesFound(found, whole)


def _covers_all(last: EmbeddedPdfSignature) -> bool:
    try:
        return last.evaluate_signature_coverage() == SignatureCoverageLevel.ENTIRE_FILE
    except (PdfError, ValueError):
        return False


def _read(one: EmbeddedPdfSignature, trusted: list[Any], pdf: bytes) -> SignatureFound:
    try:
        stamped = _stamped_at(one)
        # An old paper is not broken by a certificate that has run out since: what counts is when it was sealed. That
        # is the time-stamp's time, but only if somebody whom the reader trusts gave it; else the signer's own word.
        status = _judged(one, trusted, one.self_reported_timestamp, stamped)
        stamp = _stamp(status, stamped)
        if stamp is not None and stamp.trusted:
            status = _judged(one, trusted, stamp.at, stamped)
        return SignatureFound(
            field=str(one.field_name),
            signer=_common(one.signer_cert.subject),
            issuer=_common(one.signer_cert.issuer),
            intact=bool(status.intact and status.valid and status.docmdp_ok is not False)
            and (stamped is None or stamp is not None)
            and _written_once(pdf, one),
            trusted=bool(status.trusted),
            said_at=one.self_reported_timestamp,
            stamp=stamp,
            subject=tuple(values_of(one.signer_cert.subject)),
        )
    except Exception:  # noqa: BLE001  # as above
        return _unreadable()


def _judged(
    one: EmbeddedPdfSignature, trusted: list[Any], moment: datetime | None, stamped: datetime | None
) -> PdfSignatureStatus:
    """Return pyHanko's verdict, by our own roots alone and with nothing asked of the net."""

    def context(at: datetime | None) -> ValidationContext:
        return ValidationContext(
            trust_roots=trusted,
            allow_fetching=False,
            revocation_mode="soft-fail",
            moment=at,
            best_signature_time=at,
        )

    return validate_pdf_signature(one, context(moment), context(stamped))


def _stamped_at(one: EmbeddedPdfSignature) -> datetime | None:
    """Return the time that the token over the signature gives; None where there is no token."""
    for attribute in one.signer_info["unsigned_attrs"] or ():
        if attribute["type"].native == "signature_time_stamp_token":
            content = attribute["values"][0]["content"]["encap_content_info"]["content"]
            at: datetime = content.parsed["gen_time"].native
            return at
    return None


def _stamp(status: PdfSignatureStatus, stamped: datetime | None) -> StampFound | None:
    found = status.timestamp_validity
    if stamped is None or found is None or not (found.intact and found.valid):
        return None
    return StampFound(stamped, _common(found.signing_cert.subject), bool(found.trusted))


def _written_once(pdf: bytes, one: EmbeddedPdfSignature) -> bool:
    """Return whether the one place that no signature covers, its own, holds it and zeros: nothing hides behind it."""
    first, length, second, _rest = (int(number) for number in one.byte_range)
    gap = pdf[first + length : second]
    digits = gap[1:-1]
    if gap[:1] != b"<" or gap[-1:] != b">" or digits not in (digits.lower(), digits.upper()):
        return False
    try:
        content = bytes.fromhex(digits.decode("ascii"))
        size = content[1] if content[1] < 0x80 else int.from_bytes(content[2 : 2 + content[1] - 0x80], "big")
    except (ValueError, IndexError):
        return False
    head = 2 if content[1] < 0x80 else 2 + content[1] - 0x80
    return not any(content[head + size :])


def _common(name: Any) -> str:
    said = name.native.get("common_name", "")
    return str(said[0] if isinstance(said, list) else said)


def _unreadable() -> SignatureFound:
    return SignatureFound(field="", signer="", issuer="", intact=False, trusted=False, said_at=None)
