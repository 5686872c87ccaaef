"""A test CA of this bridge's own: it vouches for made-up seals, and every certificate of it says that it is a test."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from bridge.completion.ports import SealKeyStore, StoredSeal
from bridge.completion.seal_model import SealHolder

AUTHORITY = "安学桥测试CA"
"""Common name of the root, printed on every paper that rests on it."""
AUTHORITY_HOLDER = "test-ca"
_PURPOSE = "仅供演练，没有法律效力"
_ROOT_DAYS, _SEAL_DAYS = 3650, 1825
_MOST_IN_NAME = 64
"""Of X.520's ub-common-name and ub-organization-name."""


def authority(keys: SealKeyStore) -> StoredSeal:
    """Return the root, made if there is none."""
    return _found_or_made(keys, AUTHORITY_HOLDER, AUTHORITY, _make_root)


def seal_of(holder: SealHolder, keys: SealKeyStore) -> StoredSeal:
    """Return the holder's seal under the holder's present name, made if there is none."""
    root = authority(keys)
    subject = f"{holder.name}|{holder.uscc}"
    return _found_or_made(keys, holder.id, subject, lambda: _make_seal(holder, root))


def _found_or_made(
    keys: SealKeyStore, holder: str, subject: str, make: Callable[[], StoredSeal]
) -> StoredSeal:
    found = keys.find(holder, subject)
    if found is None:
        keys.lock()
        found = keys.find(holder, subject)
    if found is None:
        found = make()
        keys.add(holder, subject, found)
    return found


def _make_root() -> StoredSeal:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(AUTHORITY, _PURPOSE, "")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _builder(name, name, key, _ROOT_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _stored(made, key)


def _make_seal(holder: SealHolder, root: StoredSeal) -> StoredSeal:
    issuer = x509.load_pem_x509_certificate(root.certificate.encode())
    issuer_key = load_pem_private_key(root.key.encode(), None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the test CA has a key of another kind")
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _builder(
            _name(f"{holder.name[:56]}（测试证书）", holder.name, holder.uscc),
            issuer.subject,
            key,
            _SEAL_DAYS,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return _stored(made, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    # Of the machine's own time, not the house's: who reads a certificate compares it with theirs.
    now = datetime.now(UTC) - timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str, organisation: str, uscc: str) -> x509.Name:
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:_MOST_IN_NAME]),
        x509.NameAttribute(NameOID.COMMON_NAME, common[:_MOST_IN_NAME]),
    ]
    if uscc:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, uscc))
    return x509.Name(parts)


def _stored(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> StoredSeal:
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return StoredSeal(certificate.public_bytes(Encoding.PEM).decode(), written.decode())
