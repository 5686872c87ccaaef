"""SM2 with SM3: the standard's own example, OpenSSL as the second opinion, and refusals that say what to do."""

import base64
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from lxml import etree

from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.reporting.guangdong import envelope, signing, signing_sm2
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.reporting.guangdong.envelope import DSIG, EXCLUSIVE
from plugins.reporting.guangdong.safe_xml import XmlRefused
from tests.plugins.reporting.sm2 import PROFILE, OpenSsl, bring_library
from tests.plugins.reporting.test_mapping import HEADER, full
from tests.reporting.stand import KEY, serve_province

SECRET = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
EXAMPLE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
SIGNER_ID = "1234567812345678"


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(bring_library()))


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return OpenSsl(tmp_path)


@pytest.fixture
def profile() -> signing_sm2.Sm2Profile:
    return signing_sm2.read_profile(PROFILE)


@pytest.fixture
def batch() -> bytes:
    return GuangdongBatches().build(HEADER, full()).content


def _value(signed: bytes) -> bytes:
    found = re.search(rb"<ds:SignatureValue>([^<]+)", signed)
    assert found is not None
    return base64.b64decode(found[1])


def _signed_info(signed: bytes) -> bytes:
    info = etree.fromstring(signed).find(f".//{{{DSIG}}}SignedInfo")
    assert info is not None
    return etree.tostring(info, method="c14n", exclusive=True, with_tail=False)


def test_the_example_of_the_standard_verifies_and_its_neighbour_does_not() -> None:
    """GB/T 32918.5-2017 appendix A: digital signature, message "message digest"."""
    gmssl = signing_sm2.library()
    der = signing_sm2.der_of(EXAMPLE)
    assert signing_sm2.raw_of(der) == EXAMPLE
    assert gmssl.sm2_verify(POINT, b"message digest", der, signer_id=SIGNER_ID.encode())
    assert not gmssl.sm2_verify(POINT, b"message digesT", der, signer_id=SIGNER_ID.encode())
    assert not gmssl.sm2_verify(POINT, b"message digest", der, signer_id=b"ALICE123@YAHOO.COM")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_the_examples_of_sm3_hold_in_both_libraries(message: bytes, expected: str) -> None:
    """GB/T 32905-2016 appendix A."""
    assert signing_sm2.library().sm3_hash(message).hex() == expected
    assert hashlib.new("sm3", message).hexdigest() == expected


@pytest.mark.parametrize("der", [False, True])
def test_openssl_verifies_what_we_sign(
    openssl: OpenSsl, profile: signing_sm2.Sm2Profile, batch: bytes, *, der: bool
) -> None:
    key = openssl.key()
    signed = signing_sm2.signer_of(key, replace(profile, der=der)).sign(batch)
    value = _value(signed)
    assert len(value) == 64 or der
    assert openssl.verifies(key, _signed_info(signed), value if der else signing_sm2.der_of(value), SIGNER_ID)
    # The digest by OpenSSL's SM3, over what lxml makes canonical.
    root = etree.fromstring(signed)
    said = root.findtext(f".//{{{DSIG}}}DigestValue") or ""
    root.remove(root[-1])
    canonical = etree.tostring(root, method="c14n", exclusive=True)
    assert base64.b64decode(said) == hashlib.new("sm3", canonical).digest()


def test_we_verify_what_openssl_signs(
    openssl: OpenSsl, profile: signing_sm2.Sm2Profile, batch: bytes
) -> None:
    key = openssl.key()
    signer = signing_sm2.signer_of(key, profile)
    signed = signer.sign(batch)
    value = signing_sm2.raw_of(openssl.sign(key, _signed_info(signed), SIGNER_ID))
    theirs = signed.replace(base64.b64encode(_value(signed)), base64.b64encode(value))
    assert theirs != signed
    assert signing.verify(theirs, profile) == signer.key_sha256


def test_the_identifiers_are_the_profiles(
    openssl: OpenSsl, profile: signing_sm2.Sm2Profile, batch: bytes
) -> None:
    wanted = replace(profile, signature_method="urn:example:sm2", digest_method="urn:example:sm3")
    signed = signing_sm2.signer_of(openssl.key(), wanted).sign(batch)
    assert b'SignatureMethod Algorithm="urn:example:sm2"' in signed
    assert b'DigestMethod Algorithm="urn:example:sm3"' in signed
    signing.verify(signed, wanted)
    for sm2 in (profile, None, replace(wanted, signer_id=b"another"), replace(wanted, der=True)):
        with pytest.raises(XmlRefused, match="signature_wrong"):
            signing.verify(signed, sm2)


def test_without_the_library_nothing_is_signed_and_the_reason_says_what_to_install(
    openssl: OpenSsl, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = openssl.key()
    monkeypatch.setitem(sys.modules, "gmssl_pyx", None)
    with pytest.raises(Unavailable, match="sm2_library_missing") as refused:
        signing.make_signer("sm2", bytes(32), key, PROFILE)
    assert refused.value.permanent
    assert "requirements/sm2.txt" in refused.value.message


def test_a_key_that_cannot_be_used_is_refused(openssl: OpenSsl, profile: signing_sm2.Sm2Profile) -> None:
    with pytest.raises(InvalidInput, match="signing_key_missing"):
        signing_sm2.signer_of(None, profile)
    nothing = openssl.folder / "nothing.pem"
    nothing.write_bytes(b"nothing")
    one, other = openssl.key("one.pem"), openssl.key("other.pem")
    mixed = openssl.folder / "mixed.pem"
    mixed.write_bytes(one.read_bytes() + openssl.certified(other).read_bytes().split(b"KEY-----\n")[-1])
    for file in (nothing, mixed, openssl.key("p256.pem", curve="P-256"), openssl.folder / "missing.pem"):
        with pytest.raises(InvalidInput, match="signing_key_unreadable"):
            signing_sm2.signer_of(file, profile)


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ("signature_value: raw", "signature_value: pem"),
        ("signature_method: urn:oid:1.2.156.10197.1.501", "signature_method: 'a\" b'"),
        ('signer_id: "1234567812345678"', 'signer_id: ""'),
        ("digest_method", "digest"),
    ],
)
def test_a_profile_that_cannot_be_used_is_named(tmp_path: Path, was: str, became: str) -> None:
    file = tmp_path / "sm2.yaml"
    text = PROFILE.read_text(encoding="utf-8")
    assert was in text
    file.write_text(text.replace(was, became), encoding="utf-8")
    with pytest.raises(InvalidInput, match="sm2_profile_malformed") as refused:
        signing_sm2.read_profile(file)
    assert "sm2.yaml" in refused.value.message


def test_a_signature_around_a_part_or_a_second_one_is_refused(
    openssl: OpenSsl, profile: signing_sm2.Sm2Profile, batch: bytes
) -> None:
    signed = signing_sm2.signer_of(openssl.key(), profile).sign(batch)
    start, end = signed.index(b"<ds:Signature "), signed.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    signature = signed[start:end]
    twice = signed[:start] + signature + signed[start:]
    moved = signed[:start] + signed[end:]
    moved = moved.replace(b"<Header>", signature + b"<Header>")
    for changed in (twice, moved):
        with pytest.raises(XmlRefused, match="signature_wrong"):
            signing.verify(changed, profile)


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ('URI=""', 'URI="#part"'),
        (EXCLUSIVE, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        ("enveloped-signature", "base64"),
    ],
)
def test_a_signature_of_another_form_is_refused_even_from_the_right_key(
    openssl: OpenSsl,
    profile: signing_sm2.Sm2Profile,
    batch: bytes,
    monkeypatch: pytest.MonkeyPatch,
    was: str,
    became: str,
) -> None:
    signer = signing_sm2.signer_of(openssl.key(), profile)
    assert was in envelope._SIGNED_INFO
    monkeypatch.setattr(envelope, "_SIGNED_INFO", envelope._SIGNED_INFO.replace(was, became))
    with pytest.raises(XmlRefused, match="signature_wrong"):
        signing.verify(signer.sign(batch), profile)


@pytest.fixture
def province(tmp_path: Path, profile: signing_sm2.Sm2Profile) -> Iterator[str]:
    with serve_province(tmp_path / "province", verify=lambda xml: signing.verify(xml, profile)) as address:
        yield address


def test_the_simulator_takes_a_batch_that_is_signed_with_sm2(
    openssl: OpenSsl, profile: signing_sm2.Sm2Profile, province: str, batch: bytes
) -> None:
    signed = signing_sm2.signer_of(openssl.key(), profile).sign(batch)
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": HEADER.batch_id}
    answer = requests.post(f"{province}/feed/v1/batches", data=signed, headers=headers, timeout=10)
    assert answer.status_code == 200
    broken = requests.post(
        f"{province}/feed/v1/batches",
        data=signed.replace("陈晓安".encode(), "陈晓宝".encode()),
        headers={**headers, "Idempotency-Key": "batch_2"},
        timeout=10,
    )
    assert broken.status_code == 422
    assert "batch_signature_wrong" in broken.text
