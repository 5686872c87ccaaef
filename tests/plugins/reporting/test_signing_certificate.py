"""How long the certificate in a batch's signature lasts, and that none is signed under one that has ended."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.kernel.errors import Unavailable
from plugins.reporting.guangdong.signing import make_signer, verify

BATCH = b'<Batch xmlns="urn:example"><Header></Header></Batch>'


def _key_file(folder: Path, ends: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made up")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=30))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    file = folder / "key.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_the_bridges_own_certificate_does_not_end_while_the_process_runs() -> None:
    signed = make_signer("xmldsig", bytes(32)).sign(BATCH)
    text = signed.decode().partition("<ds:X509Certificate>")[2].partition("<")[0]
    pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert certificate.not_valid_after_utc.year == 9999
    assert verify(signed)


def test_under_a_certificate_that_has_ended_no_batch_is_signed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    assert make_signer("xmldsig", bytes(32), _key_file(tmp_path, now + timedelta(days=1))).sign(BATCH)
    with pytest.raises(Unavailable) as refused:
        make_signer("xmldsig", bytes(32), _key_file(tmp_path, now - timedelta(days=1))).sign(BATCH)
    assert (refused.value.reason, refused.value.permanent) == ("signing_certificate_ended", True)
