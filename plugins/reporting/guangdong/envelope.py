"""The XML-DSig envelope around a batch: who signs fills in the algorithms, the digest and the value."""

import base64
from collections.abc import Callable
from typing import Final

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = f"{DSIG}enveloped-signature"
_END: Final = b"</Batch>"


def enclose(
    batch: bytes,
    *,
    method: str,
    digest_method: str,
    digest: Callable[[bytes], bytes],
    sign: Callable[[bytes], bytes],
    key_info: str,
) -> bytes:
    """Return the batch with its signature as the last child of the root.

    A batch is written in its canonical form, so that its digest is that of its bytes and nothing is parsed to sign it.

    Args:
        batch: as `batch_text.write_batch` writes it.
        method, digest_method: identifiers (URI), in the characters of a URI.
        sign: of the canonical SignedInfo.
        key_info: what stands in KeyInfo, as XML.
    """
    start, end = batch.index(b"<Batch"), batch.rindex(_END)
    value = base64.b64encode(digest(batch[start : end + len(_END)])).decode()
    info = _SIGNED_INFO.format(method=method, digest_method=digest_method, digest=value)
    # What is signed is SignedInfo's canonical form, which names the prefix that its parent declares in the file.
    signed = sign(info.replace("<ds:SignedInfo>", f'<ds:SignedInfo xmlns:ds="{DSIG}">', 1).encode())
    signature = (
        f'<ds:Signature xmlns:ds="{DSIG}">{info}'
        f"<ds:SignatureValue>{base64.b64encode(signed).decode()}</ds:SignatureValue>"
        f"<ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
    )
    return b"".join((batch[:end], signature.encode(), batch[end:]))


def x509_data(der: bytes) -> str:
    """Return the KeyInfo of a certificate."""
    text = base64.b64encode(der).decode()
    return f"<ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data>"


_SIGNED_INFO: Final = (
    "<ds:SignedInfo>"
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>'
    '<ds:Reference URI=""><ds:Transforms>'
    f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform>'
    f'<ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform>'
    "</ds:Transforms>"
    '<ds:DigestMethod Algorithm="{digest_method}"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)
