"""Stand-ins of real-name services, answering over real https; none is the service, and none was recorded from it.

`SignedService` speaks our own contract (docs/identity-providers.md). The `Documented…` ones are constructed from the
vendors' documents and SDKs, which each adapter names at its head; they check signatures by the vendors' algorithm.
"""

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from werkzeug.wrappers import Request, Response

from tests.identity.house import CHEN, CHEN_ID, HUANG, HUANG_ID

KNOWN = {CHEN_ID: CHEN, HUANG_ID: HUANG}
KEY_ID, SECRET = "made-up-key-id", "made-up-secret-of-thirty-two-characters"
UNLIKE = b"\xff\xd8\xff\xe0 the photograph of somebody else"


@dataclass
class StandIn:
    """What every stand-in does: notes what came outside the body, and fails as it is told.

    Args:
        mode: "" or what is wrong with the service: slow, quota, maintenance, broken, garbage, moved.
    """

    mode: str = ""
    secret: str = SECRET
    seen: list[str] = field(default_factory=list)
    calls: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.calls += 1
        self.seen.append(f"{request.full_path} {dict(request.headers)}")
        if self.mode == "slow":
            self.over.wait(30)
        if self.mode == "garbage":
            answer = Response("<html>请先登录无线网络</html>", mimetype="text/html")
        elif self.mode == "moved":
            answer = Response(status=302, headers={"Location": "https://elsewhere.example/"})
        elif self.mode == "broken":
            answer = Response("oops", status=502)
        else:
            answer = self.answer(request)
        return answer(environ, start_response)

    def answer(self, request: Request) -> Response:
        raise NotImplementedError

    def verdict(self, name: str, number: str) -> str:
        """Return match, mismatch or no_record."""
        if number not in KNOWN:
            return "no_record"
        return "match" if KNOWN[number] == name else "mismatch"


def _json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json", headers=dict(headers or {}))


@dataclass
class SignedService(StandIn):
    """Our own contract, from the other side."""

    nonces: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> Response:
        body, head = request.get_data(), request.headers
        nonce = head["X-Anxue-Nonce"]
        told = [b"POST", request.path.encode(), head["X-Anxue-Timestamp"].encode(), nonce.encode(), body]
        if head["X-Anxue-Signature"] != self._sign(*told) or nonce in self.nonces:
            return _json({"v": 1, "code": "signature"}, 401)
        self.nonces.add(nonce)
        said = json.loads(body)
        outcome = {"quota": "quota", "maintenance": "maintenance"}.get(self.mode)
        if self.mode == "throttled":
            return _json({}, 429)
        outcome = outcome or self.verdict(said["name"], said["citizen_id"])
        question = "rnq_another" if self.mode == "crossed" else said["question"]
        reply = json.dumps({"v": 1, "question": question, "outcome": outcome, "code": self.mode}).encode()
        mark = "v1=" + "0" * 64 if self.mode == "forged" else self._sign(b"ANSWER", nonce.encode(), reply)
        return Response(reply, mimetype="application/json", headers={"X-Anxue-Signature": mark})

    def _sign(self, *parts: bytes) -> str:
        return "v1=" + hmac.new(self.secret.encode(), b"\n".join(parts), hashlib.sha256).hexdigest()


class DocumentedAliyun(StandIn):
    """Id2MetaVerify by its page, its SDK 3.14.0 and the page on signature V3."""

    def answer(self, request: Request) -> Response:
        body, head = request.get_data(), {name.lower(): text for name, text in request.headers.items()}
        scheme, _, rest = head["authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(","))
        names = parts["SignedHeaders"].split(";")
        lines = "".join(f"{name}:{head[name]}\n" for name in names)
        canonical = f"POST\n/\n\n{lines}\n{parts['SignedHeaders']}\n{hashlib.sha256(body).hexdigest()}"
        text = f"{scheme}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        right = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, parts["Signature"]) or "x-acs-content-sha256" not in names:
            return _json({"Code": "SignatureDoesNotMatch", "Message": "…", "RequestId": "r"}, 403)
        if self.mode == "quota":
            return _json({"Code": "412", "Message": "欠费中", "RequestId": "r"})
        if self.mode == "maintenance":
            return _json({"Code": "402", "Message": "权威源服务异常", "RequestId": "r"})
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert (form["ParamType"], head["x-acs-action"]) == ("normal", "Id2MetaVerify")
        biz = {"match": "1", "mismatch": "2", "no_record": "3"}
        code = biz[self.verdict(form["UserName"], form["IdentifyNum"])]
        return _json(
            {"Code": "200", "Message": "success", "RequestId": "r", "ResultObject": {"BizCode": code}}
        )


class DocumentedTencent(StandIn):
    """ImageRecognitionV2 by its page, and by models.py and errorcodes.py of its SDK 3.1.179."""

    def answer(self, request: Request) -> Response:
        body, head = request.get_data(), request.headers
        fields = head["Authorization"].removeprefix("TC3-HMAC-SHA256 ").split(", ")
        parts = dict(part.split("=", 1) for part in fields)
        _, day, service, end = parts["Credential"].split("/")
        canonical = (
            f"POST\n/\n\ncontent-type:{head['Content-Type']}\nhost:{head['Host']}\n\ncontent-type;host\n"
            + hashlib.sha256(body).hexdigest()
        )
        text = (
            f"TC3-HMAC-SHA256\n{head['X-TC-Timestamp']}\n{day}/{service}/{end}\n"
            + hashlib.sha256(canonical.encode()).hexdigest()
        )
        key = ("TC3" + self.secret).encode()
        for part in (day, service, end):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if parts["Signature"] != hmac.new(key, text.encode(), hashlib.sha256).hexdigest():
            return self._error("AuthFailure.SignatureFailure")
        if self.mode == "quota":
            return self._error("RequestLimitExceeded")
        if self.mode == "maintenance":
            return self._error("FailedOperation.CompareLibServiceUnavailable")
        said = json.loads(body)
        verdict = self.verdict(said["Name"], said["IdCard"])
        if verdict != "match":
            code = {"mismatch": "IdNameMisMatch", "no_record": "IdNoExistSystem"}[verdict]
            return self._error(f"FailedOperation.{code}")
        alike = 12.5 if b"else" in _bytes(said["ImageBase64"]) else 86.4
        done = {"Sim": alike, "Result": "Success", "Description": "成功", "Extra": "", "RequestId": "r"}
        return _json({"Response": done})

    @staticmethod
    def _error(code: str) -> Response:
        return _json({"Response": {"Error": {"Code": code, "Message": "…"}, "RequestId": "r"}})


class DocumentedBaidu(StandIn):
    """face/v3/person/verify by its pages and the SDK 4.16.13; tokens by the page on access tokens."""

    token = "24.made-up"
    lasting = True

    def answer(self, request: Request) -> Response:
        if request.path == "/oauth/2.0/token":
            if request.args.get("client_secret") != self.secret:
                said = {"error": "invalid_client", "error_description": "Client authentication failed"}
                return _json(said, 401)
            return _json({"access_token": self.token, "expires_in": 2592000, "scope": "public"})
        if request.args.get("access_token") != self.token:
            return _json({"error_code": 110, "error_msg": "Access token invalid or no longer valid"})
        if self.mode == "quota":
            return _json({"error_code": 17, "error_msg": "Open api daily request limit reached"})
        if self.mode == "maintenance":
            return _json({"error_code": 222901, "error_msg": "system busy"})
        said = request.get_json()
        assert said["image_type"] == "BASE64"
        verdict = self.verdict(said["name"], said["id_card_number"])
        if verdict != "match":
            code, text = {
                "mismatch": (222351, "id number and name not match or id number not exist"),
                "no_record": (222354, "id number not exist"),
            }[verdict]
            return _json({"error_code": code, "error_msg": text, "log_id": 1, "result": None})
        alike = 31.0 if b"else" in _bytes(said["image"]) else 91.2
        return _json(
            {"error_code": 0, "error_msg": "SUCCESS", "log_id": 1, "cached": 0, "result": {"score": alike}}
        )


def _bytes(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text, validate=True)


def leaks(stand_in: StandIn) -> list[str]:
    """Return what stood outside the bodies of requests and says who somebody is."""
    people = [*KNOWN.items()]
    hidden = [each for number, name in people for each in (number, name, quote(name))]
    return [each for each in hidden if any(each in seen for seen in stand_in.seen)]
