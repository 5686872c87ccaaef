"""A time-stamp from an authority (RFC 3161) over real HTTP, made up for the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from asn1crypto import tsp
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


def stamper() -> DummyTimeStamper:
    """Return what answers time-stamp requests with a key of its own."""
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up TSA")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    signer = simple_signer(StoredSeal(pem, private), [])
    return DummyTimeStamper(signer.signing_cert, signer.signing_key)


@contextmanager
def served(status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """Serve time-stamps; yield the address and what was asked."""
    asked: list[bytes] = []
    answerer = stamper()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            content = answerer.request_tsa_response(tsp.TimeStampReq.load(asked[-1])).dump()
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
