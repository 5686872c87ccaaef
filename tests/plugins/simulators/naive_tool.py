"""A small LTI tool whose defences can be taken out one by one: what a rehearsal must find."""

import json
import secrets
import time
from base64 import urlsafe_b64decode
from typing import Any

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask, Response, jsonify, redirect, request
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
LEEWAY = 60
REQUIRED = ("message_type", "version", "deployment_id", "roles", "target_link_uri")


class _Refused(Exception):
    pass


class NaiveTool:
    """The tool as a Flask application; `without` names the defences that are left out."""

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        self.without = without
        self.issuer = ""
        self.origin = ""
        self._flows: dict[str, dict[str, str]] = {}
        self._keys: dict[str, Any] = {}
        self.app = Flask("naive-tool")
        self.app.add_url_rule("/lti/login", "login", self.login, methods=["GET", "POST"])
        self.app.add_url_rule("/lti/launch", "launch", self.launch, methods=["POST"])

    def _need(self, defence: str, holds: bool) -> None:
        if defence not in self.without and not holds:
            raise _Refused(defence)

    def login(self) -> AnyResponse | tuple[Response, int]:
        asked = request.values
        try:
            self._need("issuer", asked.get("iss") == self.issuer)
            self._need("client", asked.get("client_id") == "anxue-demo")
            self._need("origin", asked.get("target_link_uri", "").startswith(f"{self.origin}/"))
        except _Refused as refused:
            return jsonify(reason=str(refused)), 400
        state, nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        browser = request.cookies.get("naive") or secrets.token_urlsafe(16)
        self._flows[state] = {"nonce": nonce, "browser": browser, "target": asked["target_link_uri"]}
        query = f"state={state}&nonce={nonce}&redirect_uri={self.origin}/lti/launch"
        answer = redirect(f"{asked['iss']}/lti/auth?{query}")
        answer.set_cookie("naive", browser)
        return answer

    def launch(self) -> AnyResponse | tuple[Response, int]:
        try:
            claims = self._believed(request.form)
        except _Refused as refused:
            return jsonify(reason=str(refused)), 401
        except (ValueError, KeyError, TypeError, AttributeError, JoseError, InvalidSignature):
            return jsonify(reason="malformed"), 400
        roles = claims.get(f"{LTI}roles")
        teacher = any("Instructor" in role for role in roles if isinstance(role, str)) if roles else False
        answer = redirect("/lms/teacher" if teacher else "/learner")
        kept = request.cookies.get("session")
        # Session fixation is what happens when the session that the browser brought goes on.
        answer.set_cookie("session", kept if kept and "fixation" in self.without else secrets.token_hex(8))
        return answer

    def _believed(self, form: Any) -> dict[str, Any]:
        flow = self._flows.get(form.get("state", ""))
        if flow is None:
            raise _Refused("state")
        if "replay" not in self.without:
            del self._flows[form["state"]]
        self._need("browser", request.cookies.get("naive") == flow["browser"])
        claims = self._verified(form["id_token"])
        now = time.time()
        self._need("iss", claims.get("iss") == self.issuer)
        self._need("aud", claims.get("aud") == "anxue-demo")
        self._need("exp", isinstance(claims.get("exp"), int) and claims["exp"] > now - LEEWAY)
        self._need("iat", isinstance(claims.get("iat"), int) and now - 660 < claims["iat"] <= now + LEEWAY)
        self._need("nonce", claims.get("nonce") == flow["nonce"])
        self._need("target", claims.get(f"{LTI}target_link_uri") == flow["target"])
        self._need("claims", all(claims.get(LTI + name) for name in REQUIRED))
        self._need("claims", claims.get(f"{LTI}version") == "1.3.0")
        self._need("roles", isinstance(claims.get(f"{LTI}roles"), list))
        self._need("deployment", claims.get(f"{LTI}deployment_id") == "1")
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        header, payload, signature = token.split(".")
        said = _json(header)
        if "signature" not in self.without:
            if said.get("alg") != "RS256":
                raise _Refused("alg")
            key = said["jwk"] if "own-key" in self.without and "jwk" in said else self._key(said["kid"])
            RSAKey.import_key(key).public_key.verify(
                _bytes(signature), f"{header}.{payload}".encode(), padding.PKCS1v15(), SHA256()
            )
        claims = _json(payload)
        if not isinstance(claims, dict):
            raise _Refused("payload")
        return claims

    def _key(self, kid: str) -> dict[str, Any]:
        if kid not in self._keys and not (self._keys and "rotation" in self.without):
            follow = "redirect" in self.without
            reply = requests.get(f"{self.issuer}/lti/jwks", timeout=3, allow_redirects=follow)
            self._need("status", reply.status_code == 200)
            self._need("size", len(reply.content) <= 1_000_000)
            for key in reply.json()["keys"]:
                if key["kty"] == "RSA" and ("use" in self.without or key.get("use", "sig") == "sig"):
                    self._keys[key["kid"]] = key
        return dict(self._keys[kid])


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _json(part: str) -> Any:
    return json.loads(_bytes(part))
