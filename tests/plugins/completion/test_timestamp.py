"""A time-stamp from an authority (RFC 3161) over real HTTP, made up for the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from asn1crypto import pem, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

from bridge.completion.ports import StoredSeal
from bridge.completion.seal_model import SealState
from bridge.completion.seal_settings import SealSettings
from bridge.kernel.errors import Unavailable
from bridge.settings import Settings
from plugins.completion.pades_seal import open_seals
from plugins.completion.pdf_signatures import read_signatures
from plugins.completion.seal_sources import simple_signer
from plugins.completion.trial_authority import authority
from plugins.completion.typst_pdf import TypstPrinter
from tests.plugins.completion.test_pades_seal import INSTITUTION, PLATFORM, Keys
from tests.plugins.completion.test_typst_pdf import paper as made_up_paper


def stamper(ahead: timedelta = timedelta()) -> DummyTimeStamper:
    """Return what answers time-stamp requests with a key of its own.

    Args:
        ahead: how far its clock is from ours.
    """
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up TSA")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=5000))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(key, hashes.SHA256())
    )
    written = made.public_bytes(Encoding.PEM).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    signer = simple_signer(StoredSeal(written, private), [])
    fixed = None if not ahead else now + ahead
    return DummyTimeStamper(signer.signing_cert, signer.signing_key, fixed_dt=fixed)


def root_of(answerer: DummyTimeStamper) -> str:
    armored: bytes = pem.armor("CERTIFICATE", answerer.tsa_cert.dump())
    return armored.decode()


@contextmanager
def served(status: int = 200, answerer: DummyTimeStamper | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """Serve time-stamps; yield the address and what was asked."""
    asked: list[bytes] = []
    answers = answerer or stamper()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            content = answers.request_tsa_response(tsp.TimeStampReq.load(asked[-1])).dump()
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def printed() -> bytes:
    return TypstPrinter(Settings().assets / "fonts").print_paper(made_up_paper())


def test_both_signatures_carry_a_time_stamp(printed: bytes) -> None:
    keys = Keys()
    with served() as (address, asked):
        sealed = open_seals(SealSettings(timestamp_url=address)).seal(printed, INSTITUTION, PLATFORM, keys)
    assert len(asked) >= 2
    assert read_signatures(sealed, [authority(keys).certificate]).state is SealState.GOOD
    stamp_token = "2a864886f70d010910020e"  # id-aa-timeStampToken
    assert sealed.lower().count(stamp_token.encode()) == 2


def test_without_an_answer_nothing_is_sealed(printed: bytes) -> None:
    with served(503) as (address, _asked), pytest.raises(Unavailable) as refused:
        open_seals(SealSettings(timestamp_url=address)).seal(printed, INSTITUTION, PLATFORM, Keys())
    assert (refused.value.reason, refused.value.permanent) == ("timestamp_missing", False)


def test_what_is_judged_is_the_time_of_a_stamp_whose_authority_is_trusted(printed: bytes) -> None:
    keys, answerer = Keys(), stamper(timedelta(hours=30))
    with served(answerer=answerer) as (address, _asked):
        sealed = open_seals(SealSettings(timestamp_url=address)).seal(printed, INSTITUTION, PLATFORM, keys)
    root = authority(keys).certificate

    for one in read_signatures(sealed, [root, root_of(answerer)]).signatures:
        assert one.stamp is not None
        assert one.said_at is not None
        assert (one.intact, one.trusted, one.stamp.authority, one.stamp.trusted) == (
            True,
            True,
            "made-up TSA",
            True,
        )
        assert one.judged_at == one.stamp.at
        assert one.stamp.at - one.said_at > timedelta(hours=29)
    for one in read_signatures(sealed, [root]).signatures:
        assert one.stamp is not None
        assert (one.intact, one.trusted, one.stamp.trusted) == (True, True, False)
        assert one.judged_at == one.said_at


def test_a_trusted_stamp_outside_of_the_certificates_time_convicts_a_back_dated_signature(
    printed: bytes,
) -> None:
    # Ten years ahead nothing of the test CA is valid any more: the signer's own word would still say that it was.
    keys, answerer = Keys(), stamper(timedelta(days=4000))
    with served(answerer=answerer) as (address, _asked):
        sealed = open_seals(SealSettings(timestamp_url=address)).seal(printed, INSTITUTION, PLATFORM, keys)
    roots = [authority(keys).certificate, root_of(answerer)]
    found = read_signatures(sealed, roots)
    assert [(one.intact, one.trusted) for one in found.signatures] == [(True, False)] * 2
    assert found.state is SealState.UNKNOWN
    assert read_signatures(sealed, roots[:1]).state is SealState.GOOD


def test_without_a_stamp_the_signers_own_time_is_judged(printed: bytes) -> None:
    keys = Keys()
    sealed = open_seals(SealSettings()).seal(printed, INSTITUTION, PLATFORM, keys)
    for one in read_signatures(sealed, [authority(keys).certificate]).signatures:
        assert one.stamp is None
        assert one.judged_at == one.said_at


class Confused(DummyTimeStamper):
    """Stamps something else than it was asked to."""

    def request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        other = req.copy()
        other["message_imprint"]["hashed_message"] = bytes(32)
        return super().request_tsa_response(other)


def test_a_stamp_over_something_else_breaks_the_signature(printed: bytes) -> None:
    keys, good = Keys(), stamper()
    answerer = Confused(good.tsa_cert, good.tsa_key)
    with served(answerer=answerer) as (address, _asked):
        sealed = open_seals(SealSettings(timestamp_url=address)).seal(printed, INSTITUTION, PLATFORM, keys)
    found = read_signatures(sealed, [authority(keys).certificate, root_of(answerer)])
    assert [(one.stamp, one.intact) for one in found.signatures] == [(None, False)] * 2
    assert found.state is SealState.BROKEN
