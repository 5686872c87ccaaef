"""A provider behind our own contract: a signed question over https, a signed answer (docs/identity-providers.md)."""

import hashlib
import hmac
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts
from bridge.kernel.time import Clock
from lti.http import Reply
from plugins.identity.asking import MALFORMED, Line, Unanswered, by_status, read_object

_DETAIL = 64
_SAID = {
    "match": Outcome.MATCH,
    "mismatch": Outcome.MISMATCH,
    "no_record": Outcome.NO_RECORD,
    "unclear": Outcome.UNCLEAR,
    "maintenance": Outcome.OUTAGE,
    "quota": Outcome.QUOTA,
}


def sign(secret: bytes, *parts: bytes) -> str:
    """Return "v1=" and the hex HMAC-SHA256 of the parts, joined by line feeds."""
    return "v1=" + hmac.new(secret, b"\n".join(parts), hashlib.sha256).hexdigest()


class SignedHttpProvider:
    """`bridge.identity.ports.RealNameProvider` for a service that an operator runs or buys.

    Args:
        url: https; key_id, secret: shared with the service.
    """

    def __init__(self, url: str, key_id: str, secret: str, *, line: Line, clock: Clock) -> None:
        self._url, self._key_id, self._secret = url, key_id, secret.encode()
        self._line, self._clock = line, clock
        wanted = {"URL": url, "KEY_ID": key_id, "SECRET": secret}
        self.facts = ProviderFacts(
            "http",
            "机构接入的核验服务",
            remote=True,
            host=urlsplit(url).hostname or "",
            missing=tuple(f"ANXUE_REAL_NAME_HTTP_{name}" for name, value in wanted.items() if not value),
        )

    def verify(self, claim: Claim) -> Answer:
        """See `RealNameProvider.verify`."""
        body = json.dumps(
            {"v": 1, "question": claim.question, "name": claim.name, "citizen_id": claim.citizen_id},
            ensure_ascii=False,
        ).encode()
        at, nonce = str(int(self._clock.now().timestamp())), secrets.token_hex(16)
        path = urlsplit(self._url).path or "/"
        signed = sign(self._secret, b"POST", path.encode(), at.encode(), nonce.encode(), body)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Anxue-Key": self._key_id,
            "X-Anxue-Timestamp": at,
            "X-Anxue-Nonce": nonce,
            "X-Anxue-Signature": signed,
        }
        try:
            return self._read(self._line.post(self._url, headers, body), nonce, claim.question)
        except Unanswered as unanswered:
            return unanswered.answer

    def _read(self, reply: Reply, nonce: str, question: str) -> Answer:
        failed = by_status(reply.status)
        if failed is not None:
            return failed
        said = read_object(reply)
        # An answer to another question, or of somebody else, must not name anybody.
        wanted = sign(self._secret, b"ANSWER", nonce.encode(), reply.body)
        if not hmac.compare_digest(wanted, reply.headers.get("x-anxue-signature", "")):
            return Answer(Outcome.REFUSED, "answer_not_signed")
        if said.get("v") != 1 or said.get("question") != question:
            return MALFORMED
        outcome = _SAID.get(_text(said.get("outcome")))
        return MALFORMED if outcome is None else Answer(outcome, _text(said.get("code"))[:_DETAIL])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
