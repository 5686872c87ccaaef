"""What every signer of batches keeps: what it signs is verified over the whole batch, and over nothing else."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from plugins.reporting.guangdong import signing, signing_sm2
from plugins.reporting.guangdong.batch_xml import GuangdongBatches, digest
from plugins.reporting.guangdong.envelope import DSIG
from plugins.reporting.guangdong.gate import gate
from plugins.reporting.guangdong.safe_xml import XmlRefused
from tests.plugins.reporting.sm2 import PROFILE, OpenSsl, bring_library
from tests.plugins.reporting.test_mapping import HEADER, full

DERIVED = b"a secret of the tests".ljust(32)
Verify = Callable[[bytes], str]
VALUE = re.compile(rb"<ds:SignatureValue>[^<]*")


class Signers:
    """One adapter, and the verifier that a receiver has for it."""

    def __init__(self, signer: signing.BatchSigner, other: signing.BatchSigner, verify: Verify) -> None:
        self.signer, self.other, self.verify = signer, other, verify


@pytest.fixture(params=["own P-256", "RSA of a file", "SM2", "SM2 with certificate, DER"])
def signers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signers:
    if request.param == "own P-256":
        make = partial(signing.make_signer, "xmldsig")
        return Signers(make(DERIVED), make(bytes(32)), signing.verify)
    if request.param == "RSA of a file":
        return Signers(_rsa(tmp_path / "one.pem"), _rsa(tmp_path / "other.pem"), signing.verify)
    monkeypatch.syspath_prepend(str(bring_library()))
    openssl, profile = OpenSsl(tmp_path), PROFILE
    keys = [openssl.key("one.pem"), openssl.key("other.pem")]
    if request.param.endswith("DER"):
        keys = [openssl.certified(key) for key in keys]
        profile = tmp_path / "sm2.yaml"
        profile.write_text(PROFILE.read_text(encoding="utf-8").replace(": raw", ": der"), encoding="utf-8")
    one, other = (signing.make_signer("sm2", DERIVED, key, profile) for key in keys)
    return Signers(one, other, partial(signing.verify, sm2=signing_sm2.read_profile(profile)))


def _rsa(file: Path) -> signing.BatchSigner:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return signing.make_signer("xmldsig", DERIVED, file)


@pytest.fixture
def batch() -> bytes:
    return GuangdongBatches().build(HEADER, full()).content


def _refusal(verify: Verify, batch: bytes) -> str:
    with pytest.raises(XmlRefused) as refused:
        verify(batch)
    return refused.value.code


def test_the_receiver_learns_whose_key_signed_and_the_gate_lets_it_pass(
    signers: Signers, batch: bytes
) -> None:
    signed = signers.signer.sign(batch)
    assert signers.verify(signed) == signers.signer.key_sha256
    assert signers.verify(signers.other.sign(batch)) == signers.other.key_sha256 != signers.signer.key_sha256
    assert gate(signed) == len(full())


def test_what_was_built_goes_out_as_it_was_with_the_signature_last(signers: Signers, batch: bytes) -> None:
    root = etree.fromstring(signers.signer.sign(batch))
    signature = root[-1]
    assert signature.tag == f"{{{DSIG}}}Signature"
    root.remove(signature)
    assert digest(root) == digest(etree.fromstring(batch))


def test_a_change_anywhere_in_the_batch_is_found(signers: Signers, batch: bytes) -> None:
    signed = signers.signer.sign(batch)
    for was, became in (
        ("陈晓安".encode(), "陈晓宝".encode()),
        (b"<BatchId>batch_1", b"<BatchId>batch_2"),
        (b"</Records>", b"</Records>\n"),
    ):
        assert _refusal(signers.verify, signed.replace(was, became, 1)) == "signature_wrong"


def test_anothers_value_no_value_and_no_signature_are_refused(signers: Signers, batch: bytes) -> None:
    signed, foreign = signers.signer.sign(batch), signers.other.sign(batch)
    value = VALUE.search(foreign)
    assert value is not None
    assert _refusal(signers.verify, VALUE.sub(value[0], signed)) == "signature_wrong"
    assert _refusal(signers.verify, VALUE.sub(b"<ds:SignatureValue>", signed)) == "signature_wrong"
    assert _refusal(signers.verify, batch) == "signature_missing"


def test_a_signature_over_less_than_the_batch_is_refused(signers: Signers, batch: bytes) -> None:
    signed = signers.signer.sign(batch)
    for was, became in (
        (b'URI=""', b'URI="#part"'),
        (b'<ds:Reference URI="">', b'<ds:Reference URI=""></ds:Reference><ds:Reference URI="">'),
    ):
        assert _refusal(signers.verify, signed.replace(was, became)) == "signature_wrong"
