"""Both seals on a real paper: what other software says of them, and that no byte may change."""

import asyncio
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)

from bridge.completion.ports import SealKeyStore, StoredSeal
from bridge.completion.seal_model import OPERATOR, SealHolder, SealState, made_out_to
from bridge.completion.seal_settings import SealSettings
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.settings import Settings
from bridge.setup.servers import PDFSIG, QPDF, require
from plugins.completion.own_thread import in_own_thread
from plugins.completion.pades_seal import PadesSeals, open_seals
from plugins.completion.pdf_signatures import read_signatures
from plugins.completion.seal_sources import TestAuthority
from plugins.completion.trial_authority import AUTHORITY, authority, seal_of
from plugins.completion.typst_pdf import TypstPrinter
from tests.plugins.completion.pdf_a import pdf_a_objections
from tests.plugins.completion.test_typst_pdf import paper as made_up_paper

INSTITUTION = SealHolder("org_example", "示例安全技术培训中心", "91440101MA59EXAMPL")
PLATFORM = SealHolder(OPERATOR, "示例网络平台")


class Keys:
    """A test CA's keys in memory."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], StoredSeal] = {}

    def find(self, holder: str, subject: str) -> StoredSeal | None:
        return self.known.get((holder, subject))

    def lock(self) -> None:
        pass

    def add(self, holder: str, subject: str, made: StoredSeal) -> None:
        self.known[holder, subject] = made


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="module")
def root(keys: Keys) -> str:
    return authority(keys).certificate


@pytest.fixture(scope="module")
def printed() -> bytes:
    return TypstPrinter(Settings().assets / "fonts").print_paper(made_up_paper())


@pytest.fixture(scope="module")
def sealed(keys: Keys, printed: bytes) -> bytes:
    return PadesSeals(TestAuthority()).seal(printed, INSTITUTION, PLATFORM, keys)


def test_both_seals_hold_and_say_whose_they_are(sealed: bytes, root: str) -> None:
    found = read_signatures(sealed, [root])

    assert found.state is SealState.GOOD
    assert [(one.field, one.issuer, one.intact, one.trusted) for one in found.signatures] == [
        ("institution", AUTHORITY, True, True),
        ("operator", AUTHORITY, True, True),
    ]
    assert [one.signer for one in found.signatures] == [
        "示例安全技术培训中心（测试证书）",
        "示例网络平台（测试证书）",
    ]


def test_papers_are_sealed_and_read_where_an_event_loop_runs_already(
    keys: Keys, printed: bytes, root: str
) -> None:
    async def within_a_loop() -> SealState:
        made = PadesSeals(TestAuthority()).seal(printed, INSTITUTION, PLATFORM, keys)
        return read_signatures(made, [root]).state

    # In its own thread: this one's loop may be that of another test's browser.
    assert in_own_thread(asyncio.run, within_a_loop()) is SealState.GOOD


def test_a_certificate_of_the_test_ca_says_that_it_is_a_test(keys: Keys, root: str) -> None:
    seal = x509.load_pem_x509_certificate(seal_of(INSTITUTION, keys).certificate.encode())
    issuer = x509.load_pem_x509_certificate(root.encode())
    for one in (seal, issuer):
        assert "测试" in one.issuer.rfc4514_string()
        assert "没有法律效力" in one.issuer.rfc4514_string()
    assert "测试证书" in seal.subject.rfc4514_string()
    seal.verify_directly_issued_by(issuer)


def test_any_changed_byte_breaks_a_seal(sealed: bytes, root: str) -> None:
    dice = random.Random(11)
    padding = sealed.index(b"00>") - 20
    for at in [*dice.sample(range(5, len(sealed)), 25), 6, padding, len(sealed) - 1]:
        changed = bytearray(sealed)
        changed[at] ^= 1
        try:
            state = read_signatures(bytes(changed), [root]).state
        except InvalidInput:
            continue
        assert state in (SealState.BROKEN, SealState.UNKNOWN), at
        # A bit of a certificate's own signature makes a stranger of it; the paper's bytes are still covered.
        assert state is SealState.BROKEN or _within_a_signature(sealed, at), at


def _within_a_signature(pdf: bytes, at: int) -> bool:
    opened = pdf.rfind(b"/Contents <", 0, at)
    return 0 <= opened < at < pdf.find(b">", opened) if opened >= 0 else False


def test_what_is_added_behind_the_last_seal_breaks_it(sealed: bytes, root: str) -> None:
    assert read_signatures(sealed + b"\n%more\n", [root]).state is SealState.BROKEN


def test_a_strangers_root_vouches_for_nobody(sealed: bytes) -> None:
    other = authority(Keys()).certificate
    assert read_signatures(sealed, [other]).state is SealState.UNKNOWN
    assert read_signatures(sealed, []).state is SealState.UNKNOWN


def test_an_unsealed_paper_bears_nothing_and_other_files_are_refused(printed: bytes, root: str) -> None:
    assert read_signatures(printed, [root]).state is SealState.NONE
    for content in (b"", b"PK\x03\x04", b"%PDF-1.7\nnothing", b"%PDF-" + bytes(200)):
        with pytest.raises(InvalidInput) as refused:
            read_signatures(content, [root])
        assert refused.value.reason == "not_a_pdf"


def test_poppler_finds_both_signatures_valid(sealed: bytes, root: str, tmp_path: Path) -> None:
    pdfsig = require(PDFSIG)
    file = tmp_path / "paper.pdf"
    file.write_bytes(sealed)

    said = subprocess.run([pdfsig, "-nocert", file], capture_output=True, text=True, check=False).stdout

    assert said.count("Signature Validation: Signature is Valid.") == 2
    assert said.count("ETSI.CAdES.detached") == 2
    assert "Total document signed" in said
    changed = bytearray(sealed)
    changed[200] ^= 1
    file.write_bytes(changed)
    said = subprocess.run([pdfsig, "-nocert", file], capture_output=True, text=True, check=False).stdout
    assert said.count("Signature is Valid.") < 2


def test_a_sealed_paper_is_still_pdf_a(sealed: bytes, printed: bytes, tmp_path: Path) -> None:
    for name, content in (("printed", printed), ("sealed", sealed)):
        assert pdf_a_objections(content) == []
        file = tmp_path / f"{name}.pdf"
        file.write_bytes(content)
        subprocess.run([require(QPDF), "--check", file], check=True, capture_output=True)


def test_a_new_name_gets_a_new_certificate_and_an_old_one_is_kept(keys: Keys) -> None:
    first = seal_of(INSTITUTION, keys)
    renamed = seal_of(replace(INSTITUTION, name="示例安全技术培训学校"), keys)
    assert renamed.certificate != first.certificate
    assert seal_of(INSTITUTION, keys) == first


def _pkcs12(folder: Path, holder: SealHolder, keys: SealKeyStore, passphrase: bytes = b"made up") -> None:
    seal, root = seal_of(holder, keys), authority(keys)
    content = pkcs12.serialize_key_and_certificates(
        b"seal",
        load_pem_private_key(seal.key.encode(), None),  # type: ignore[arg-type]  # an EC key
        x509.load_pem_x509_certificate(seal.certificate.encode()),
        [x509.load_pem_x509_certificate(root.certificate.encode())],
        BestAvailableEncryption(passphrase),
    )
    (folder / f"{holder.id}.p12").write_bytes(content)
    (folder / f"{holder.id}.pass").write_bytes(b"made up\n")


def test_seals_come_from_pkcs12_files(tmp_path: Path, keys: Keys, root: str, printed: bytes) -> None:
    seals = open_seals(SealSettings(source="pkcs12", pkcs12_folder=tmp_path))
    _pkcs12(tmp_path, INSTITUTION, keys)
    with pytest.raises(Unavailable) as missing:
        seals.seal(printed, INSTITUTION, PLATFORM, Keys())
    assert missing.value.reason == "seal_missing"
    _pkcs12(tmp_path, PLATFORM, keys)
    assert read_signatures(seals.seal(printed, INSTITUTION, PLATFORM, Keys()), [root]).state is SealState.GOOD
    _pkcs12(tmp_path, INSTITUTION, keys, b"another")
    with pytest.raises(Unavailable) as unreadable:
        seals.seal(printed, INSTITUTION, PLATFORM, Keys())
    assert unreadable.value.reason == "seal_unreadable"


def test_another_institutions_certificate_seals_nothing(tmp_path: Path, keys: Keys, printed: bytes) -> None:
    other = replace(INSTITUTION, name="另一家培训学校", uscc="91440101MA5OTHER00")
    _pkcs12(tmp_path, other, keys)
    _pkcs12(tmp_path, PLATFORM, keys)
    seals = open_seals(SealSettings(source="pkcs12", pkcs12_folder=tmp_path))
    with pytest.raises(Unavailable) as refused:
        seals.seal(printed, INSTITUTION, PLATFORM, keys)
    assert (refused.value.reason, refused.value.permanent) == ("seal_not_theirs", True)
    assert b"/ByteRange" in seals.seal(printed, other, PLATFORM, keys)


@pytest.mark.parametrize(
    ("subject", "theirs"),
    [
        (("CN", "示例安全技术培训中心"), True),
        (("CN", "051@示例安全技术培训中心@N91440101MA59EXAMPL@1"), True),
        (("CN", "示例安全技术培训中心第二分校"), False),
        (("CN", "91440101MA5OTHER00"), False),
        ((), False),
    ],
)
def test_a_certificate_is_known_by_its_whole_name_or_the_credit_code(
    subject: tuple[str, ...], theirs: bool
) -> None:
    assert made_out_to(subject, INSTITUTION.name, INSTITUTION.uscc) is theirs
    assert not made_out_to(("CN", "x"), "y", "")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source": "sm2"}, "seal_sm2_missing"),
        ({"source": "pkcs12"}, "seal_pkcs12_folder"),
        ({"source": "pkcs11", "pkcs11_token": "t"}, "seal_pkcs11"),
        ({"timestamp_url": "ftp://tsa"}, "seal_timestamp_url"),
    ],
)
def test_settings_that_cannot_seal_are_refused_at_the_start(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SealSettings(**settings)  # type: ignore[arg-type]  # as the environment gives them


def test_an_id_that_would_leave_the_folder_finds_no_certificate(
    tmp_path: Path, keys: Keys, printed: bytes
) -> None:
    folder, elsewhere = tmp_path / "seals", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    _pkcs12(elsewhere, INSTITUTION, keys)
    _pkcs12(folder, PLATFORM, keys)
    seals = open_seals(SealSettings(source="pkcs12", pkcs12_folder=folder))
    with pytest.raises(Unavailable) as refused:
        seals.seal(printed, replace(INSTITUTION, id=f"../elsewhere/{INSTITUTION.id}"), PLATFORM, Keys())
    assert refused.value.reason == "seal_missing"
