"""The signature over a batch: ours by the standard, checked by signxml."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.reporting.guangdong import signing
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.reporting.guangdong.gate import gate
from plugins.reporting.guangdong.safe_xml import XmlRefused
from tests.plugins.reporting.test_mapping import HEADER, full

DERIVED = b"a secret of the tests".ljust(32)


def _built() -> bytes:
    return GuangdongBatches().build(HEADER, full()).content


def _refusal(batch: bytes) -> str:
    with pytest.raises(XmlRefused) as refused:
        signing.verify(batch)
    return refused.value.code


def test_signxml_accepts_the_signature_and_names_the_key() -> None:
    signer = signing.make_signer("xmldsig", DERIVED)
    signed = signer.sign(_built())
    assert signing.verify(signed) == signer.key_sha256
    assert gate(signed) == len(full())
    assert signing.make_signer("xmldsig", DERIVED).key_sha256 == signer.key_sha256
    assert signing.make_signer("xmldsig", bytes(32)).key_sha256 != signer.key_sha256


def test_an_rsa_key_of_the_operators_signs_as_well(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(_pem(key))
    signer = signing.make_signer("xmldsig", DERIVED, file)
    assert signing.verify(signer.sign(_built())) == signing.key_sha256(key.public_key())


def test_a_changed_byte_or_a_missing_signature_is_found() -> None:
    signed = signing.make_signer("xmldsig", DERIVED).sign(_built())
    assert _refusal(signed.replace("陈晓安".encode(), "陈晓宝".encode())) == "signature_wrong"
    assert _refusal(signed.replace(b"<BatchId>batch_1", b"<BatchId>batch_2")) == "signature_wrong"
    assert _refusal(_built()) == "signature_missing"
    other = signing.make_signer("xmldsig", bytes(32)).sign(_built())
    start, end = b"<ds:SignatureValue>", b"</ds:SignatureValue>"
    foreign = other[other.index(start) : other.index(end)]
    assert (
        _refusal(signed.replace(signed[signed.index(start) : signed.index(end)], foreign))
        == "signature_wrong"
    )


def test_a_signature_without_an_adapter_is_refused_with_what_to_do() -> None:
    for name in ("rsa", "sm2"):  # SM2 needs its profile
        with pytest.raises(Unavailable, match="signer_missing") as refused:
            signing.make_signer(name, DERIVED)
        assert refused.value.permanent
        assert "xmldsig" in refused.value.message


def test_a_file_without_a_usable_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    for content in (b"nothing", _pem(ec.generate_private_key(ec.SECP384R1()))):
        file.write_bytes(content)
        with pytest.raises(InvalidInput, match="signing_key_unreadable"):
            signing.make_signer("xmldsig", DERIVED, file)
    with pytest.raises(InvalidInput, match="signing_key_unreadable"):
        signing.make_signer("xmldsig", DERIVED, tmp_path / "missing.pem")


def test_nothing_goes_out_unsigned() -> None:
    with pytest.raises(InvalidInput, match="signer_not_set"):
        GuangdongBatches().sign(_built())


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
