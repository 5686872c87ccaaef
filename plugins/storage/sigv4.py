"""AWS Signature Version 4 of one S3 request, for the few requests that a blob store makes. Pure.

Written here since the clients that do it bring far more than three requests need (botocore alone is 14 MB of service
descriptions); held against AWS's own published examples in the tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and for which region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str

    def headers(
        self, method: str, host: str, path: str, at: datetime, body_sha256: str, more: Mapping[str, str]
    ) -> dict[str, str]:
        """Return all headers of the request but Host: `more`, the date, the body's hash and the signature.

        Args:
            path: not yet encoded, with its leading slash; there is no query.
            at: UTC.
        """
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        headers = {
            **{name.lower(): value.strip() for name, value in more.items()},
            "x-amz-content-sha256": body_sha256,
            "x-amz-date": stamp,
        }
        signed = {**headers, "host": host}
        names = ";".join(sorted(signed))
        request = "\n".join(
            (
                method,
                encoded(path),
                "",
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                names,
                body_sha256,
            )
        )
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
        signature = hmac.new(self._key(stamp[:8]), to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def encoded(path: str) -> str:
    """Return a path as S3 has it in a request: each segment encoded once."""
    return quote(path, safe="/-_.~")
