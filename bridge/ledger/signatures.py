"""Ed25519 signatures of tree heads and paper statements (RFC 8032), and public keys as JWK (RFC 8037)."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. `id` is its RFC 7638 thumbprint, so that a key cannot carry another's name."""

    id: str
    key: Ed25519PublicKey

    @classmethod
    def of(cls, key: Ed25519PublicKey) -> "PublicKey":
        """Return `key` with its id."""
        return cls(base64url(_thumbprint(_x(key))), key)

    @classmethod
    def from_jwk(cls, jwk: Any) -> "PublicKey":
        """Return the key of an OKP JWK; InvalidInput("public_key_malformed"), also for a `kid` not its own."""
        try:
            if jwk["kty"] != "OKP" or jwk["crv"] != "Ed25519" or "d" in jwk:
                raise ValueError("not a public Ed25519 key")
            made = cls.of(Ed25519PublicKey.from_public_bytes(from_base64url(jwk["x"])))
            if jwk.get("kid", made.id) != made.id:
                raise ValueError("the key id is not the key's own")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _malformed() from error
        return made

    def jwk(self) -> dict[str, Any]:
        """Return the key as JWK."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _x(self.key),
            "kid": self.id,
            "alg": "EdDSA",
            "use": "sig",
        }

    def holds(self, content: bytes, signature: str) -> bool:
        """Return whether `signature` (base64url) is this key's over `content`."""
        try:
            self.key.verify(from_base64url(signature), content)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with its private half."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: str) -> "SigningKey":
        """Return the key of a seed that `seed` gave."""
        return cls(Ed25519PrivateKey.from_private_bytes(from_base64url(seed)))

    @property
    def public(self) -> PublicKey:
        return PublicKey.of(self.private.public_key())

    def seed(self) -> str:
        """Return the private half, base64url; never stored unencrypted."""
        return base64url(self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))

    def sign(self, content: bytes) -> str:
        """Return the signature over `content`, base64url."""
        return base64url(self.private.sign(content))


def read_public_keys(content: bytes) -> dict[str, PublicKey]:
    """Return the keys of a file by id: a JWK, a JWK set, or one public key in PEM.

    Raises:
        InvalidInput("public_key_malformed")
    """
    if content.lstrip().startswith(b"-----BEGIN"):
        try:
            key = load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _malformed() from error
        if not isinstance(key, Ed25519PublicKey):
            raise _malformed()
        made = PublicKey.of(key)
        return {made.id: made}
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    if not isinstance(read, Mapping):
        raise _malformed()
    jwks = read.get("keys", [read])
    if not isinstance(jwks, list) or not jwks:
        raise _malformed()
    return {key.id: key for key in map(PublicKey.from_jwk, jwks)}


def base64url(content: bytes) -> str:
    """Return `content` in base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Return the bytes that `text` spells; ValueError for anything but the one spelling of them."""
    try:
        content = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if base64url(content) != text:
        raise ValueError("not base64url")
    return content


def _x(key: Ed25519PublicKey) -> str:
    return base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _thumbprint(x: str) -> bytes:
    return sha256(canonical_json({"crv": "Ed25519", "kty": "OKP", "x": x})).digest()


def _malformed() -> InvalidInput:
    return InvalidInput(
        "public_key_malformed", "公钥文件应为 Ed25519 公钥的 JWK、JWKS 或 PEM,请向安学桥运营方重新索取。"
    )
