"""Alibaba Cloud `Id2MetaVerify` (2019-03-07): name and number, no photograph.

Request, reply and return codes: help.aliyun.com/zh/id-verification/information-verification/developer-reference/
vatsl9lfmbwe74iv and its error-code page. Signature ACS3-HMAC-SHA256: help.aliyun.com "V3版本请求体&签名机制",
checked against alibabacloud-openapi-util 0.2.4. No live service was called.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts
from bridge.kernel.time import Clock
from lti.http import Reply
from plugins.identity.asking import MALFORMED, Line, Unanswered, by_status, read_object

HOST = "cloudauth.aliyuncs.com"
_FORM = "application/x-www-form-urlencoded"
_FOREIGNER = "9"
"""The service knows resident cards and the permits 81, 82, 83 (the SDK's note at `identify_num`)."""
_BIZ = {"1": Outcome.MATCH, "2": Outcome.MISMATCH, "3": Outcome.NO_RECORD}
_CODES = {
    "400": Outcome.REFUSED,
    "401": Outcome.UNCLEAR,  # name or number against the service's own rules: not for a machine to judge
    "402": Outcome.OUTAGE,
    "403": Outcome.QUOTA,
    "410": Outcome.REFUSED,
    "411": Outcome.REFUSED,
    "412": Outcome.QUOTA,
    "500": Outcome.OUTAGE,
}


def authorization(key_id: str, secret: str, headers: Mapping[str, str]) -> str:
    """Return the Authorization header of a POST to "/" without a query.

    Args:
        headers: what is sent, names in lower case; `host`, `content-type` and all of `x-acs-*` are signed.
    """
    signed = sorted(name for name in headers if name in ("host", "content-type") or name.startswith("x-acs-"))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
    canonical = f"POST\n/\n\n{lines}\n{';'.join(signed)}\n{headers['x-acs-content-sha256']}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(signed)},Signature={signature}"


class AliyunProvider:
    """`bridge.identity.ports.RealNameProvider` on Id2MetaVerify.

    Args:
        key_id, secret: of a RAM user that may do nothing else.
        host: another address of the service, for tests and for the IPv6 one.
    """

    def __init__(self, key_id: str, secret: str, *, line: Line, clock: Clock, host: str = HOST) -> None:
        self._key_id, self._secret, self._host = key_id, secret, host
        self._line, self._clock = line, clock
        wanted = {"KEY_ID": key_id, "KEY_SECRET": secret}
        self.facts = ProviderFacts(
            "aliyun",
            "阿里云身份二要素核验",
            remote=True,
            host=host.partition(":")[0],
            missing=tuple(f"ANXUE_REAL_NAME_ALIYUN_{name}" for name, value in wanted.items() if not value),
        )

    def verify(self, claim: Claim) -> Answer:
        """See `RealNameProvider.verify`."""
        if claim.citizen_id.startswith(_FOREIGNER):
            return Answer(Outcome.UNCLEAR, "document_not_covered")
        fields = {"IdentifyNum": claim.citizen_id, "ParamType": "normal", "UserName": claim.name}
        body = urlencode(fields).encode()
        headers = {
            "host": self._host,
            "content-type": _FORM,
            "x-acs-action": "Id2MetaVerify",
            "x-acs-version": "2019-03-07",
            "x-acs-date": self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        headers["Authorization"] = authorization(self._key_id, self._secret, headers)
        try:
            return _read(self._line.post(f"https://{self._host}/", headers, body))
        except Unanswered as unanswered:
            return unanswered.answer


def _read(reply: Reply) -> Answer:
    said = read_object(reply)
    code = said.get("Code")
    code = str(code) if isinstance(code, int) else code
    if not isinstance(code, str):
        return by_status(reply.status) or MALFORMED
    if code == "200":
        return _by_biz_code(said.get("ResultObject"))
    if code in _CODES:
        return Answer(_CODES[code], code)
    return _of_gateway(code, reply.status)


def _by_biz_code(result: Any) -> Answer:
    found = result.get("BizCode") if isinstance(result, dict) else None
    outcome = _BIZ.get(found) if isinstance(found, str) else None
    return MALFORMED if outcome is None else Answer(outcome)


def _of_gateway(code: str, status: int) -> Answer:
    """Return what a code of the gateway says: it stands before the service, and speaks of our request alone."""
    if code.startswith("Throttling"):
        return Answer(Outcome.QUOTA, code[:64])
    if code in ("ServiceUnavailable", "InternalError"):
        return Answer(Outcome.OUTAGE, code)
    return Answer(Outcome.OUTAGE if status >= 500 else Outcome.REFUSED, code[:64])
