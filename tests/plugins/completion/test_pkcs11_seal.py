"""Seals whose keys lie in a PKCS#11 token: SoftHSM, a real token in software, of Debian."""

import subprocess
from pathlib import Path

import pkcs11
import pytest
from asn1crypto import pem
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pkcs11 import Attribute, CertificateType, ObjectClass
from pkcs11.util.ec import decode_ec_private_key

from bridge.completion.seal_model import SealHolder, SealState
from bridge.completion.seal_settings import SealSettings
from bridge.kernel.errors import Unavailable
from bridge.settings import Settings
from bridge.setup.servers import SOFTHSM, require
from plugins.completion.pades_seal import open_seals
from plugins.completion.pdf_signatures import read_signatures
from plugins.completion.seal_sources import certificate
from plugins.completion.trial_authority import authority, seal_of
from plugins.completion.typst_pdf import TypstPrinter
from tests.plugins.completion.test_pades_seal import INSTITUTION, PLATFORM, Keys
from tests.plugins.completion.test_typst_pdf import paper as made_up_paper

PIN = "246813"
_KEPT = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


def put(session: pkcs11.Session, holder: SealHolder, keys: Keys) -> None:
    """Put a holder's key and certificate on the token, labelled with the holder's id."""
    seal = seal_of(holder, keys)
    key = load_pem_private_key(seal.key.encode(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    common = {Attribute.TOKEN: True, Attribute.LABEL: holder.id, Attribute.ID: holder.id.encode()}
    session.create_object({**decode_ec_private_key(der), **common, Attribute.SIGN: True, **_KEPT})
    subject = certificate(seal.certificate).subject.dump()
    _type, _headers, content = pem.unarmor(seal.certificate.encode())
    session.create_object(
        {
            **common,
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
            Attribute.SUBJECT: subject,
            Attribute.VALUE: content,
        }
    )


def test_a_tokens_keys_seal_a_paper_and_never_leave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, keys = require(SOFTHSM), Keys()
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    begin = ["softhsm2-util", "--init-token", "--free", "--label", "anxue", "--pin", PIN, "--so-pin", PIN]
    subprocess.run(begin, check=True, capture_output=True)
    (tmp_path / "pin").write_text(f"{PIN}\n")
    settings = SealSettings(
        source="pkcs11", pkcs11_module=module, pkcs11_token="anxue", pkcs11_pin_file=tmp_path / "pin"
    )
    printed = TypstPrinter(Settings().assets / "fonts").print_paper(made_up_paper())
    token = pkcs11.lib(str(module)).get_token(token_label="anxue")
    with token.open(rw=True, user_pin=PIN) as session:
        put(session, INSTITUTION, keys)
    with pytest.raises(Unavailable) as missing:
        open_seals(settings).seal(printed, INSTITUTION, PLATFORM, Keys())
    assert missing.value.reason == "seal_missing"
    with token.open(rw=True, user_pin=PIN) as session:
        put(session, PLATFORM, keys)

    sealed = open_seals(settings).seal(printed, INSTITUTION, PLATFORM, Keys())

    found = read_signatures(sealed, [authority(keys).certificate])
    assert found.state is SealState.GOOD
    assert [one.signer for one in found.signatures] == [
        "示例安全技术培训中心（测试证书）",
        "示例网络平台（测试证书）",
    ]
    with token.open() as session:
        (kept,) = session.get_objects(
            {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: INSTITUTION.id}
        )
        assert (kept[Attribute.SENSITIVE], kept[Attribute.EXTRACTABLE]) == (True, False)
