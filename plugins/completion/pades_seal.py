"""Both seals of a paper as PAdES baseline signatures (ETSI EN 319 142-1), PDF/A-2 kept; by pyHanko."""

import asyncio
from io import BytesIO
from typing import Any

from pkcs11.exceptions import PKCS11Error
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import (
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    append_signature_field,
)
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer, SimpleSigner
from pyhanko.sign.timestamps import HTTPTimeStamper, TimeStamper, TimestampRequestError

from bridge.completion.ports import SealKeyStore
from bridge.completion.seal_model import FIELD_LABELS, SealField, SealHolder
from bridge.completion.seal_settings import SealSettings
from bridge.kernel.errors import Unavailable
from plugins.completion.own_thread import in_own_thread
from plugins.completion.seal_sources import SignerSource, open_source, require_in_time, require_theirs

_REASONS = {SealField.INSTITUTION: "出具证明", SealField.OPERATOR: "网络平台确认"}

_MOST_BESIDE_CERTIFICATES = 2048
"""Bytes of signed attributes, structure and the signature itself, which with RSA of 8192 bits has 1024."""


class PadesSeals:
    """`SealWorks` on pyHanko.

    The institution's signature certifies the file: from then on nothing but the field that waits for the operator's
    may be filled. Both fields are there before the first signature, and invisible, as PDF/A-2 allows without a font
    or picture of their own.
    """

    def __init__(self, source: SignerSource, timestamper: TimeStamper | None = None) -> None:
        self._source = source
        self._timestamper = timestamper

    def seal(self, pdf: bytes, institution: SealHolder, operator: SealHolder, keys: SealKeyStore) -> bytes:
        """Return the file with both signatures; Unavailable as `PaperSealer.seal`."""
        signers = []
        for field, holder in ((SealField.INSTITUTION, institution), (SealField.OPERATOR, operator)):
            signer = self._source(holder, keys)
            require_in_time(signer, holder)
            if field is SealField.INSTITUTION:
                require_theirs(signer, holder)
            signers.append((field, signer, holder))
        try:
            return in_own_thread(asyncio.run, self._signed(pdf, signers))
        except TimestampRequestError as error:
            raise Unavailable("timestamp_missing", "时间戳服务没有应答,证明稍后自动重新出具。") from error
        except (SigningError, PKCS11Error) as error:
            raise Unavailable("seal_unreadable", "签章没有成功,请检查签章证书与密码设备。") from error

    async def _signed(self, pdf: bytes, signers: list[tuple[SealField, Signer, SealHolder]]) -> bytes:
        (first, institution, holder), (second, operator, other) = signers
        # What is appended begins on a line of its own (ISO 19005-2, 6.1.9); typst ends its file without one.
        file = BytesIO(pdf if pdf.endswith((b"\n", b"\r")) else pdf + b"\n")
        writer = IncrementalPdfFileWriter(file)
        for field in (first, second):
            append_signature_field(writer, SigFieldSpec(field.value, readable_field_name=FIELD_LABELS[field]))
        metadata = self._metadata(first, holder, certify=True)
        await self._signer(metadata, institution).async_sign_pdf(
            writer, existing_fields_only=True, bytes_reserved=self._room(institution), in_place=True
        )
        metadata = self._metadata(second, other)
        await self._signer(metadata, operator).async_sign_pdf(
            IncrementalPdfFileWriter(file),
            existing_fields_only=True,
            bytes_reserved=self._room(operator),
            in_place=True,
        )
        return file.getvalue()

    def _signer(self, metadata: PdfSignatureMetadata, signer: Signer) -> PdfSigner:
        return PdfSigner(metadata, signer, timestamper=self._timestamper)

    def _room(self, signer: Signer) -> int | None:
        """Return the hex digits to keep free for a signature; None to have pyHanko sign once more to find out."""
        if (
            self._timestamper is not None
            or not isinstance(signer, SimpleSigner)
            or signer.signing_cert is None
        ):
            return None
        certificates = [signer.signing_cert, *signer.cert_registry]
        return 2 * (sum(len(one.dump()) for one in certificates) + _MOST_BESIDE_CERTIFICATES)

    @staticmethod
    def _metadata(field: SealField, holder: SealHolder, **more: Any) -> PdfSignatureMetadata:
        return PdfSignatureMetadata(
            field_name=field.value,
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            docmdp_permissions=MDPPerm.FILL_FORMS,
            reason=_REASONS[field],
            name=holder.name,
            **more,
        )


def open_seals(settings: SealSettings) -> PadesSeals:
    """Return the seals that the settings name."""
    timestamper = HTTPTimeStamper(settings.timestamp_url) if settings.timestamp_url else None
    return PadesSeals(open_source(settings), timestamper)
