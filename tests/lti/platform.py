"""A small LTI platform for tests: signs id_tokens with keys made at run time, and misbehaves when told to."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, RSAKey

from lti.claims import (
    AGS_ENDPOINT,
    CONTEXT,
    DEPLOYMENT_ID,
    LAUNCH_PRESENTATION,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    ROLES,
    TARGET_LINK_URI,
    VERSION,
)
from lti.registration import NetworkPolicy, Registration

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
LEARNER = [MEMBERSHIP + "Learner"]
TEACHER = [MEMBERSHIP + "Instructor"]
START = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)


class StandingClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    def seconds(self) -> int:
        return int(self.at.timestamp())


@cache
def rsa_key(name: str, bits: int = 2048) -> RSAKey:
    """Return a private key made for this run; the same name gives the same key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return RSAKey(private, private)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_jwk(key: RSAKey, kid: str, /, **changes: Any) -> dict[str, Any]:
    """Return the public half as a platform publishes it, with members changed (None removes one)."""
    numbers = key.public_key.public_numbers()
    jwk = {
        "kty": "RSA",
        "kid": kid,
        "use": "sig",
        "alg": "RS256",
        "n": b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
        "e": b64(numbers.e.to_bytes(3)),
    }
    return without_none({**jwk, **changes})


def ec_jwk(kid: str) -> dict[str, Any]:
    """Return the public half of a new P-256 key as a JWK."""
    return {**ECKey.generate_key("P-256").as_dict(private=False), "kid": kid}


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def compact(header: Mapping[str, Any], payload: bytes, key: RSAKey | None, *, secret: bytes = b"") -> str:
    """Return a compact JWS exactly as told: RS256 with `key`, HS256 with `secret`, or unsigned."""
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(payload)}".encode()
    if key is not None:
        private = key.private_key
        assert private is not None
        signature = private.sign(signing_input, padding.PKCS1v15(), SHA256())
    else:
        signature = hmac.new(secret, signing_input, hashlib.sha256).digest() if secret else b""
    return f"{signing_input.decode()}.{b64(signature)}"


class Platform:
    """One platform: an issuer with its key, its claims and its JWKS document."""

    def __init__(self, issuer: str, client_id: str, clock: StandingClock, tool_url: str) -> None:
        self.issuer, self.client_id, self.clock = issuer, client_id, clock
        self.target_link_uri = tool_url + "/study/unit-1"
        self.deployment_id = "deployment-1"
        self.kid = "key-1"
        self.key = rsa_key(issuer)
        self.jwks: Any = {"keys": [public_jwk(self.key, self.kid)]}
        self.fetches = 0

    def login_params(self, **changes: str | None) -> dict[str, str]:
        """Return a right login initiation, with parameters changed (None removes one)."""
        return without_none(
            {
                "iss": self.issuer,
                "client_id": self.client_id,
                "login_hint": "hint-1",
                "lti_message_hint": "message-1",
                "target_link_uri": self.target_link_uri,
                **changes,
            }
        )

    def claims(self, nonce: str, /, **changes: Any) -> dict[str, Any]:
        """Return a right learner's launch, with claims changed (None removes one)."""
        now = self.clock.seconds()
        base = {
            "iss": self.issuer,
            "sub": "user-1",
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "given_name": "晓明",
            "family_name": "王",
            "email": "someone@lms.example",
            MESSAGE_TYPE: "LtiResourceLinkRequest",
            VERSION: "1.3.0",
            DEPLOYMENT_ID: self.deployment_id,
            TARGET_LINK_URI: self.target_link_uri,
            RESOURCE_LINK: {"id": "link-1", "title": "第一单元"},
            ROLES: LEARNER,
            CONTEXT: {"id": "course-1", "label": "C1", "title": "安全生产培训"},
            LAUNCH_PRESENTATION: {"return_url": f"{self.issuer}/course/1"},
            AGS_ENDPOINT: {"scope": [], "lineitem": f"{self.issuer}/lineitems/1"},
        }
        return without_none({**base, **changes})

    def sign(self, claims: Mapping[str, Any], *, key: RSAKey | None = None, **header: Any) -> str:
        """Return `claims` signed with RS256, header members changed (None removes one)."""
        head = without_none({"alg": "RS256", "typ": "JWT", "kid": self.kid, **header})
        return compact(head, json.dumps(claims).encode(), key or self.key)

    def token(self, nonce: str, /, **changes: Any) -> str:
        return self.sign(self.claims(nonce, **changes))

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        """Serve as the network of a `KeySource`: answer with the JWKS document as it stands."""
        self.fetches += 1
        return self.jwks

    def registration(self, **changes: Any) -> Registration:
        known: dict[str, Any] = {
            "id": f"registration-{self.client_id}",
            "tenant": "institution-1",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "auth_login_url": f"{self.issuer}/auth",
            "auth_token_url": f"{self.issuer}/token",
            "jwks_url": f"{self.issuer}/jwks",
            "deployment_ids": frozenset({self.deployment_id}),
        }
        return Registration(**{**known, **changes})
