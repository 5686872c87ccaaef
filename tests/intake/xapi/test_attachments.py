"""Attachments and signatures, which a store for conformance takes."""

import base64
import hashlib
import json
from typing import Any

import pytest

from bridge.intake.xapi.model import SIGNATURE, Attachment, StatementFault, Version
from bridge.intake.xapi.multipart import boundary_of, joined, parts
from bridge.intake.xapi.service import read_batch
from bridge.intake.xapi.signature import check_signatures
from tests.intake.xapi.statements import Json, statement


def attachment(content: bytes, media_type: str = "text/plain") -> Attachment:
    return Attachment(hashlib.sha256(content).hexdigest(), media_type, content)


def naming(*held: Attachment, usage: str = "https://types.example/file", **changed: Any) -> Json:
    named = [
        {
            "usageType": usage,
            "display": {},
            "contentType": one.content_type,
            "length": 1,
            "sha2": one.sha2,
            **changed,
        }
        for one in held
    ]
    return statement(attachments=named)


def read(value: Any, *sent: Attachment) -> None:
    read_batch(value, list(sent), Version.ONE, b"")


def jws(payload: Any, algorithm: str = "RS256") -> bytes:
    def packed(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    return b".".join([packed({"alg": algorithm}), packed(payload), b"c2lnbmVk"])


def test_what_is_joined_is_split_again() -> None:
    held = [attachment(b"first\r\n\r\n--not the boundary"), attachment(b"", "image/png")]
    content_type, body = joined(b"[]", held)
    assert parts(body, boundary_of(content_type)) == (b"[]", held)


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        ("multipart/mixed", b"", "multipart_malformed"),
        ("multipart/mixed; boundary=b", b"no parts", "multipart_malformed"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\n",
         "multipart_malformed"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n--b--\r\n",
         "multipart_malformed"),
        ("multipart/mixed; boundary=b", b"--b\r\nno header\r\n\r\n{}\r\n--b--\r\n", "multipart_malformed"),
        ("multipart/mixed; boundary=b",
         b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nX-Experience-API-Hash: a\r\n\r\nx\r\n--b--\r\n",
         "attachment_header"),
        ("multipart/mixed; boundary=b",
         b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n"
         b"--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\r\n--b--",
         "attachment_header"),
    ],
)  # fmt: skip
def test_a_body_that_does_not_keep_to_the_form_is_refused(header: str, body: bytes, reason: str) -> None:
    with pytest.raises(StatementFault, match=reason):
        parts(body, boundary_of(header))


def test_what_comes_along_is_what_is_named() -> None:
    held, other = attachment(b"held"), attachment(b"other")
    read(naming(held), held)
    read([naming(held), naming(held)], held)
    read(naming(held, fileUrl="https://lms.example/file"))
    forged = Attachment(held.sha2, "text/plain", b"forged")
    for sent, reason in (
        ((), "attachment_inline"),
        ((other,), "attachment_missing"),
        ((held, other), "attachment_unknown"),
        ((forged,), "attachment_hash"),
    ):
        with pytest.raises(StatementFault, match=reason):
            read(naming(held), *sent)


def test_a_signature_holds_the_statement_itself() -> None:
    said = statement(result={"duration": "PT1.239S"})

    def check(content: bytes, media_type: str = "application/octet-stream") -> None:
        held = attachment(content, media_type)
        check_signatures({**naming(held, usage=SIGNATURE), "result": said["result"]}, {held.sha2: held}.get)

    check(jws(said))
    check(jws({**said, "timestamp": "2026-11-28T08:00:00Z", "result": {"duration": "PT1.23S"}}, "RS512"))
    for content, reason in (
        (jws(said, "HS256"), "signature_malformed"),
        (jws(said, "none"), "signature_malformed"),
        (b"no.jws", "signature_malformed"),
        (b"!.!.!", "signature_malformed"),
        (jws("text"), "signature_malformed"),
        (jws({}), "signature_content"),
        (jws({**said, "object": 1}), "signature_content"),
        (jws({**said, "verb": {"id": "https://v.example"}}), "signature_content"),
    ):
        with pytest.raises(StatementFault, match=reason) as raised:
            check(content)
        assert raised.value.pointer == "/attachments/0"
    with pytest.raises(StatementFault, match="signature_malformed"):
        check(jws(said), "text/plain")
    missing = naming(attachment(b"x", "application/octet-stream"), usage=SIGNATURE)
    with pytest.raises(StatementFault, match="signature_malformed"):
        check_signatures(missing, lambda _sha2: None)
