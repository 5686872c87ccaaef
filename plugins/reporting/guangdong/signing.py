"""The signature over a batch: XML-DSig with ECDSA or RSA, and SM2 with SM3 through the same port (`signing_sm2`)."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import Certificate, load_pem_x509_certificate
from lxml import etree

from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.envelope import DSIG, enclose, x509_data

if TYPE_CHECKING:
    from plugins.reporting.guangdong.signing_sm2 import Sm2Profile

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_P256_BYTES: Final = 32
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class BatchSigner(Protocol):
    """Puts a signature over the whole batch into it."""

    @property
    def algorithm(self) -> str:
        """Return its name, as the command `feed key` shows it."""
        ...

    @property
    def key_sha256(self) -> str:
        """Return the SHA-256 (hex) of the public key (DER, SubjectPublicKeyInfo): what the regulator registers."""
        ...

    def sign(self, batch: bytes) -> bytes:
        """Return the batch with its signature as the last child of the root.

        Args:
            batch: as `batch_text.write_batch` writes it: its own canonical form.
        """
        ...


class XmlDsigSigner:
    """XML-DSig: enveloped, exclusive canonicalisation, SHA-256; ECDSA (P-256) or RSA as the key is.

    A batch is written in its canonical form, so that its digest is that of its bytes and nothing is parsed to sign it
    (signxml, which parses and writes the batch four times, took twice as long as the validation: bench `feed`).
    signxml is what `verify` and the tests check these signatures with.

    Args:
        certificate: goes into KeyInfo; without one the key makes its own.
    """

    def __init__(self, key: PrivateKey, certificate: Certificate | None = None) -> None:
        self._key = key
        of_curve = isinstance(key, ec.EllipticCurvePrivateKey)
        self.algorithm = f"XML-DSig {'ECDSA' if of_curve else 'RSA'}-SHA256"
        self.key_sha256 = key_sha256(key.public_key())
        self._ends = None if certificate is None else certificate.not_valid_after_utc
        self._method = f"{_MORE}{'ecdsa' if of_curve else 'rsa'}-sha256"
        certificate = certificate or _own_certificate(key)
        self._key_info = x509_data(certificate.public_bytes(serialization.Encoding.DER))

    def sign(self, batch: bytes) -> bytes:
        return enclose(
            batch,
            method=self._method,
            digest_method=_SHA256,
            digest=lambda content: hashlib.sha256(content).digest(),
            sign=self._raw,
            key_info=self._key_info,
        )

    def _raw(self, message: bytes) -> bytes:
        if self._ends is not None and self._ends <= datetime.now(UTC):
            raise Unavailable(
                "signing_certificate_ended",
                "报送签名的证书已过有效期,批次保留待发,请换上新证书后重试。",
                permanent=True,
            )
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)


def make_signer(
    name: str, derived: bytes, key_file: Path | None = None, sm2_profile: Path | None = None
) -> BatchSigner:
    """Return the signer that the settings name.

    Args:
        name: "xmldsig" or "sm2".
        derived: 32 secret bytes of this bridge alone, of which its own key is made where no file is given.
        key_file: PEM with the operator's private key and, if there is one, its certificate.
        sm2_profile: the file that names SM2's identifiers.

    Raises:
        Unavailable: permanent: "signer_missing": no adapter for the algorithm; "sm2_library_missing".
        InvalidInput: "signing_key_unreadable": the file holds no usable key; "signing_key_missing";
            "sm2_profile_malformed".
    """
    if name == "sm2" and sm2_profile is not None:
        from plugins.reporting.guangdong import signing_sm2

        return signing_sm2.signer_of(key_file, signing_sm2.read_profile(sm2_profile))
    if name != "xmldsig":
        raise Unavailable(
            "signer_missing",
            f"没有 {name} 签名的适配器,批次保留待发,请在设置中改用 xmldsig 或 sm2。",
            permanent=True,
        )
    if key_file is None:
        return XmlDsigSigner(own_key(derived))
    try:
        pem = key_file.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        certificate = load_pem_x509_certificate(pem) if b"BEGIN CERTIFICATE" in pem else None
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(
            "signing_key_unreadable", "报送签名的密钥文件无法读取,须为未加密的 PEM,请检查设置。"
        ) from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return XmlDsigSigner(key, certificate)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return XmlDsigSigner(key, certificate)
    raise InvalidInput("signing_key_unreadable", "报送签名的密钥须为 P-256 或 RSA(2048 位以上),请检查设置。")


def own_key(derived: bytes) -> ec.EllipticCurvePrivateKey:
    """Return this bridge's own P-256 key: the same secret gives the same key, so that none lies on the disk."""
    # 32 bytes more of the secret, so that the remainder is as good as even (FIPS 186-5 A.2.1).
    wide = derived + hashlib.sha256(b"anxue feed signature" + derived).digest()
    return ec.derive_private_key(int.from_bytes(wide) % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def key_sha256(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    """Return the SHA-256 (hex) of a public key."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def verify(batch: bytes, sm2: "Sm2Profile | None" = None) -> str:
    """Return the SHA-256 of the public key that signed the whole batch; who relies on it knows that key beforehand.

    Args:
        sm2: how SM2 signatures look; None where none is accepted.

    Raises:
        XmlRefused: signature_missing, signature_wrong.
    """
    from signxml.exceptions import SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    safe_xml.require_plain(batch)
    root = etree.fromstring(batch, safe_xml.parser())
    signature = root.find(f"{{{DSIG}}}Signature")
    if signature is None:
        raise safe_xml.XmlRefused("signature_missing")
    method = signature.find(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}SignatureMethod")
    if sm2 is not None and method is not None and method.get("Algorithm") == sm2.signature_method:
        from plugins.reporting.guangdong import signing_sm2

        return signing_sm2.verify(root, signature, sm2)
    try:
        key, certificate = _key_of(signature)
        config = SignatureConfiguration(require_x509=False, location="./", expect_references=1)
        found = XMLVerifier().verify(root, x509_cert=certificate, expect_config=config)
        signed = found[0] if isinstance(found, list) else found
    except (SignXMLException, etree.LxmlError, ValueError, TypeError) as error:
        raise safe_xml.XmlRefused("signature_wrong", type(error).__name__) from error
    if signed.signed_xml is None or signed.signed_xml.tag != root.tag:
        raise safe_xml.XmlRefused("signature_wrong", "not over the batch")
    return key


def _key_of(signature: etree._Element) -> tuple[str, Certificate]:
    text = signature.findtext(f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data/{{{DSIG}}}X509Certificate")
    pem = f"-----BEGIN CERTIFICATE-----\n{(text or '').strip()}\n-----END CERTIFICATE-----\n"
    certificate = load_pem_x509_certificate(pem.encode())
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ValueError("key type")
    return key_sha256(public), certificate


_NO_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""For a certificate that need not end (RFC 5280, 4.1.2.5): what the regulator registers is the key."""


def _own_certificate(key: PrivateKey) -> Certificate:
    """Return a certificate that the key signed itself: a vessel for the key, which is what the regulator registers."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anxue-bridge feed")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(_NO_END)
        .sign(key, hashes.SHA256())
    )
