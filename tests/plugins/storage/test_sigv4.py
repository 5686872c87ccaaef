"""Signature Version 4 against the examples that AWS publishes for S3 (made-up keys, 24 May 2013)."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from plugins.storage.sigv4 import EMPTY_SHA256, Signer, encoded

SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
AT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("method", "path", "digest", "more", "signature"),
    [
        (
            "GET",
            "/test.txt",
            EMPTY_SHA256,
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            sha256(b"Welcome to Amazon S3.").hexdigest(),
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
    ],
)
def test_a_published_example_comes_out_as_published(
    method: str, path: str, digest: str, more: dict[str, str], signature: str
) -> None:
    headers = SIGNER.headers(method, HOST, path, AT, digest, more)
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_what_is_not_signed_is_not_said() -> None:
    headers = SIGNER.headers("GET", HOST, "/x", AT, EMPTY_SHA256, {})
    assert "EXAMPLEKEY" not in "".join(headers.values())
    assert "EXAMPLEKEY" not in repr(SIGNER)


def test_a_path_is_encoded_once() -> None:
    assert encoded("/a b/c$%/证") == "/a%20b/c%24%25/%E8%AF%81"
