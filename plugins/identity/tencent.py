"""Tencent Cloud `ImageRecognitionV2` (faceid 2018-03-01): name, number and a photograph against the record's.

Request, reply and error codes: cloud.tencent.com/document/api/1007/102203 and tencentcloud-sdk-python-faceid
3.1.179 (models.py, errorcodes.py); common codes: cloud.tencent.com/document/product/866/33528. Signature
TC3-HMAC-SHA256: checked against tencentcloud-sdk-python-common 3.1.195. No live service was called.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts
from bridge.kernel.time import Clock
from lti.http import Reply
from plugins.identity.asking import MALFORMED, Line, Unanswered, by_status, read_object

HOST = "faceid.tencentcloudapi.com"
THRESHOLD = 70
"""Fixed by the service; theirs is one false match in ten thousand. An operator may only ask for more."""
_JSON = "application/json"
_LARGEST_PHOTO = 3 * 1024 * 1024
"""After base64."""
_BUSINESS = "FailedOperation."
_OUTCOMES = {
    "IdNameMisMatch": Outcome.MISMATCH,
    "IdNoExistSystem": Outcome.NO_RECORD,
    "IdPhotoNoExist": Outcome.NO_RECORD,
    "RequestLimitExceeded": Outcome.QUOTA,
    "IdentityAuthLimitExceeded": Outcome.QUOTA,
    "CompareLibServiceUnavailable": Outcome.OUTAGE,
    "CompareSystemError": Outcome.OUTAGE,
    "DbError": Outcome.OUTAGE,
    "DetectEngineSystemError": Outcome.OUTAGE,
    "IdPhotoSystemNoanswer": Outcome.OUTAGE,
    "UnKnown": Outcome.OUTAGE,
    "StsUnAuthErrError": Outcome.REFUSED,
}
"""Business codes; each other one is about the photograph or the comparison and leaves the question open."""
_PAYMENT = frozenset({"UnauthorizedOperation.Arrears", "UnauthorizedOperation.ChargeStatusException"})


def authorization(
    secret_id: str, secret_key: str, *, host: str, content_type: str, at: datetime, body: bytes
) -> str:
    """Return the Authorization header of a POST to "/"."""
    day, service = at.astimezone(UTC).strftime("%Y-%m-%d"), "faceid"
    signed = "content-type;host"
    canonical = (
        f"POST\n/\n\ncontent-type:{content_type}\nhost:{host}\n\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    )
    scope = f"{day}/{service}/tc3_request"
    text = "\n".join(
        ["TC3-HMAC-SHA256", str(int(at.timestamp())), scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"TC3{secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


class TencentProvider:
    """`bridge.identity.ports.RealNameProvider` on ImageRecognitionV2.

    Args:
        threshold: from which similarity it is a match; not below the service's own.
    """

    def __init__(
        self,
        secret_id: str,
        secret_key: str,
        *,
        line: Line,
        clock: Clock,
        threshold: int = THRESHOLD,
        host: str = HOST,
    ) -> None:
        self._secret_id, self._secret_key, self._host = secret_id, secret_key, host
        self._line, self._clock, self._threshold = line, clock, max(threshold, THRESHOLD)
        wanted = {"SECRET_ID": secret_id, "SECRET_KEY": secret_key}
        self.facts = ProviderFacts(
            "tencent",
            "腾讯云照片人脸核身",
            remote=True,
            needs_photo=True,
            threshold=self._threshold,
            host=host.partition(":")[0],
            missing=tuple(f"ANXUE_REAL_NAME_TENCENT_{name}" for name, value in wanted.items() if not value),
        )

    def verify(self, claim: Claim) -> Answer:
        """See `RealNameProvider.verify`."""
        photo = b64encode(claim.photo or b"").decode()
        if not photo or len(photo) > _LARGEST_PHOTO:
            return Answer(Outcome.UNCLEAR, "photo_missing" if not photo else "photo_too_large")
        fields = {"IdCard": claim.citizen_id, "Name": claim.name, "ImageBase64": photo}
        body, now = json.dumps(fields).encode(), self._clock.now()
        headers = {
            "Host": self._host,
            "Content-Type": _JSON,
            "X-TC-Action": "ImageRecognitionV2",
            "X-TC-Version": "2018-03-01",
            "X-TC-Timestamp": str(int(now.timestamp())),
            "Authorization": authorization(
                self._secret_id, self._secret_key, host=self._host, content_type=_JSON, at=now, body=body
            ),
        }
        try:
            return self._read(self._line.post(f"https://{self._host}/", headers, body))
        except Unanswered as unanswered:
            return unanswered.answer

    def _read(self, reply: Reply) -> Answer:
        said = read_object(reply).get("Response")
        if not isinstance(said, dict):
            return by_status(reply.status) or MALFORMED
        error = said.get("Error")
        if isinstance(error, dict):
            return _of_error(error.get("Code"))
        result = said.get("Result")
        if result == "Success":
            return self._by_score(said)
        return _of_error(_BUSINESS + result.removeprefix(_BUSINESS) if isinstance(result, str) else None)

    def _by_score(self, said: Mapping[str, Any]) -> Answer:
        score = said.get("Sim")
        if isinstance(score, bool) or not isinstance(score, int | float):
            return MALFORMED
        if score >= self._threshold:
            return Answer(Outcome.MATCH, score=float(score))
        return Answer(Outcome.UNCLEAR, "photo_below_threshold", float(score))


def _of_error(code: Any) -> Answer:
    if not isinstance(code, str) or not code:
        return MALFORMED
    detail = code[:64]
    if code.startswith(_BUSINESS):
        return Answer(_OUTCOMES.get(code.removeprefix(_BUSINESS), Outcome.UNCLEAR), detail)
    if code in _PAYMENT or code.startswith(("RequestLimitExceeded", "LimitExceeded")):
        return Answer(Outcome.QUOTA, detail)
    if code.startswith(("InternalError", "ResourceUnavailable")):
        return Answer(Outcome.OUTAGE, detail)
    return Answer(Outcome.REFUSED, detail)
