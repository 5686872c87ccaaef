"""The simulator's certificates: an authority of its own, the right certificate, and a wrong one to show by chance."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "localhost"
"""The name in the certificate; an address in its place would send no name, and the wrong one could not be chosen."""


def make_certificates(folder: Path) -> Path:
    """Make authority, right and wrong certificate under `folder`, unless they are there; return the authority's PEM."""
    ca_file = folder / "simulator-ca.pem"
    if not ca_file.exists():
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("anxue simulator CA (not a real one)", ca_key, None, None)
        other_key = ec.generate_private_key(ec.SECP256R1())
        other = _certificate("another CA (not a real one)", other_key, None, None)
        for name, issuer, issuer_key in (("right", ca, ca_key), ("wrong", other, other_key)):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _certificate(HOST, key, issuer, issuer_key)
            (folder / f"{name}.pem").write_bytes(_pem(certificate) + _key_pem(key))
        ca_file.write_bytes(_pem(ca))
    return ca_file


def server_context(folder: Path, wrong: Callable[[], bool]) -> ssl.SSLContext:
    """Return the server's context; at each handshake `wrong` says which certificate is shown."""
    contexts = {}
    for name in ("right", "wrong"):
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(folder / f"{name}.pem")

    def choose(connection: ssl.SSLObject, _host: str | None, _context: ssl.SSLContext) -> None:
        connection.context = contexts["wrong" if wrong() else "right"]

    contexts["right"].sni_callback = choose
    return contexts["right"]


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signing_key = issuer_key or key
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    else:
        builder = builder.add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True
        )
    return builder.sign(signing_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
