"""Baidu `face/v3/person/verify`: name, number and a photograph against the record's.

Request: baidu-aip 4.16.13 (`AipFace.personVerify`); score and advised threshold 80: ai.baidu.com/ai-doc/FACE/
7k37c1ucj; codes: ai.baidu.com/ai-doc/FACE/ok3co871g, zl958mm8k and the table of 5k37c1ujz; token: cloud.baidu.com/
doc/NLP/s/Tk6z52d7c. No live service was called. The SDK itself is not used: it turns certificate checks off.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts
from bridge.kernel.time import Clock
from plugins.identity.asking import MALFORMED, Line, Unanswered, by_status, read_object

HOST = "aip.baidubce.com"
THRESHOLD = 80
"""Advised by the service; theirs is one false match in ten thousand. An operator may only ask for more."""
_LARGEST_PHOTO = 2 * 1024 * 1024
"""After base64."""
_EARLY = timedelta(minutes=5)
_TOKEN_OVER = frozenset({100, 110, 111})
_OUTCOMES = {
    2: Outcome.OUTAGE,
    4: Outcome.QUOTA,
    6: Outcome.REFUSED,
    17: Outcome.QUOTA,
    18: Outcome.QUOTA,
    19: Outcome.QUOTA,
    **dict.fromkeys(_TOKEN_OVER, Outcome.REFUSED),
    **dict.fromkeys((216100, 216101, 216102, 216103, 216110), Outcome.REFUSED),
    # "id number and name not match or id number not exist": one code for both, so it speaks against nobody.
    222351: Outcome.UNCLEAR,
    222350: Outcome.NO_RECORD,
    222354: Outcome.NO_RECORD,
    222355: Outcome.NO_RECORD,
    **dict.fromkeys(range(222900, 223000), Outcome.OUTAGE),
}
"""Each other code is about the photograph or the form of name and number, and leaves the question open."""


class BaiduProvider:
    """`bridge.identity.ports.RealNameProvider` on person/verify.

    Args:
        threshold: from which score it is a match; not below what the service advises.
    """

    def __init__(
        self,
        api_key: str,
        secret_key: str,
        *,
        line: Line,
        clock: Clock,
        threshold: int = THRESHOLD,
        host: str = HOST,
    ) -> None:
        self._api_key, self._secret_key, self._host = api_key, secret_key, host
        self._line, self._clock, self._threshold = line, clock, max(threshold, THRESHOLD)
        self._token: tuple[str, datetime] | None = None
        self._turn = threading.Lock()
        wanted = {"API_KEY": api_key, "SECRET_KEY": secret_key}
        self.facts = ProviderFacts(
            "baidu",
            "百度人脸实名认证",
            remote=True,
            needs_photo=True,
            threshold=self._threshold,
            host=host.partition(":")[0],
            missing=tuple(f"ANXUE_REAL_NAME_BAIDU_{name}" for name, value in wanted.items() if not value),
        )

    def verify(self, claim: Claim) -> Answer:
        """See `RealNameProvider.verify`. A token that the service no longer takes is fetched anew, once."""
        photo = b64encode(claim.photo or b"").decode()
        if not photo or len(photo) > _LARGEST_PHOTO:
            return Answer(Outcome.UNCLEAR, "photo_missing" if not photo else "photo_too_large")
        fields = {
            "image": photo,
            "image_type": "BASE64",
            "id_card_number": claim.citizen_id,
            "name": claim.name,
        }
        body = json.dumps(fields, ensure_ascii=False).encode()
        try:
            token = self._valid_token()
            said = self._ask(token, body)
            if said.get("error_code") in _TOKEN_OVER:
                said = self._ask(self._valid_token(other_than=token), body)
        except Unanswered as unanswered:
            return unanswered.answer
        return self._read(said)

    def _ask(self, token: str, body: bytes) -> Mapping[str, Any]:
        # The service takes the token in the address alone; what is said of the person stays in the body.
        url = f"https://{self._host}/rest/2.0/face/v3/person/verify?{urlencode({'access_token': token})}"
        reply = self._line.post(url, {"Content-Type": "application/json"}, body)
        said = read_object(reply)
        failed = by_status(reply.status)
        if failed is not None and "error_code" not in said:
            raise Unanswered(failed)
        return said

    def _valid_token(self, other_than: str = "") -> str:
        with self._turn:
            now = self._clock.now()
            if self._token is None or self._token[0] == other_than or self._token[1] <= now:
                self._token = self._new_token(now)
            return self._token[0]

    def _new_token(self, now: datetime) -> tuple[str, datetime]:
        asked = {
            "grant_type": "client_credentials",
            "client_id": self._api_key,
            "client_secret": self._secret_key,
        }
        reply = self._line.post(
            f"https://{self._host}/oauth/2.0/token?{urlencode(asked)}",
            {"Content-Type": "application/json"},
            b"",
        )
        said = read_object(reply)
        if isinstance(said.get("error"), str):
            raise Unanswered(Answer(Outcome.REFUSED, said["error"][:64]))
        token, seconds = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int):
            raise Unanswered(by_status(reply.status) or MALFORMED)
        return token, now + timedelta(seconds=seconds) - _EARLY

    def _read(self, said: Mapping[str, Any]) -> Answer:
        code, result = said.get("error_code"), said.get("result")
        if isinstance(code, bool) or not isinstance(code, int):
            return MALFORMED
        if code != 0:
            return Answer(_OUTCOMES.get(code, Outcome.UNCLEAR), str(code))
        score = result.get("score") if isinstance(result, dict) else None
        if isinstance(score, bool) or not isinstance(score, int | float):
            return MALFORMED
        if score >= self._threshold:
            return Answer(Outcome.MATCH, score=float(score))
        return Answer(Outcome.UNCLEAR, "photo_below_threshold", float(score))
