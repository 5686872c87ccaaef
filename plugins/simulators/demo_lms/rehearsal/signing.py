"""Signed tokens exactly as told, right or wrong: no library that would refuse to make a bad one."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def encoded(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RsaSigner:
    """An RSA key with its kid; makes compact tokens."""

    kid: str
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def new(cls, bits: int = 2048) -> "RsaSigner":
        """Return a new key under a name that nobody has heard of."""
        return cls(f"rehearsal-{secrets.token_hex(6)}", rsa.generate_private_key(65537, bits))

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the public half as a platform publishes it, with members changed (None: left out)."""
        numbers = self.key.public_key().public_numbers()
        right = {
            "kty": "RSA",
            "kid": self.kid,
            "use": "sig",
            "alg": "RS256",
            "n": encoded(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
            "e": encoded(numbers.e.to_bytes(3)),
        }
        return without_none({**right, **changes})

    def public_pem(self) -> bytes:
        """Return the public half as PEM."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, payload: bytes | Mapping[str, Any], **header: Any) -> str:
        """Return a token over `payload`; header members may be changed (None: left out).

        The signature fits `alg` RS256 (whatever the header says), or RS512 where the header says so.
        """
        said = without_none({"alg": "RS256", "typ": "JWT", "kid": self.kid, **header})
        signed = signing_input(said, payload)
        digest = SHA512() if said.get("alg") == "RS512" else SHA256()
        return f"{signed}.{encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), digest))}"


@dataclass(frozen=True, slots=True)
class EcSigner:
    """A P-256 key with its kid."""

    kid: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> "EcSigner":
        """Return a new key under a new name."""
        return cls(f"rehearsal-{secrets.token_hex(6)}", ec.generate_private_key(ec.SECP256R1()))

    def jwk(self) -> dict[str, Any]:
        """Return the public half as a JWK."""
        numbers = self.key.public_key().public_numbers()
        x, y = encoded(numbers.x.to_bytes(32)), encoded(numbers.y.to_bytes(32))
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": x, "y": y}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a token signed with ES256."""
        signed = signing_input({"alg": "ES256", "typ": "JWT", "kid": self.kid, **header}, claims)
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"


def signing_input(header: Mapping[str, Any], payload: bytes | Mapping[str, Any]) -> str:
    """Return the first two parts of a compact token."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return f"{encoded(json.dumps(header).encode())}.{encoded(content)}"


def hs256(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """Return a token whose signature is an HMAC with `secret`."""
    signed = signing_input(header, claims)
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
