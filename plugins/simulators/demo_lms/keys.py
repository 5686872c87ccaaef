"""The simulator's secrets, made at first start in its state folder: RSA key, cookie key, webhook secret."""

import os
import secrets
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwt
from joserfc.jwk import RSAKey


def secret_file(path: Path, make: bytes) -> bytes:
    """Return the content of `path`, after writing `make` to it (0600) if it was not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(make)
    return make


def cookie_key(state: Path) -> bytes:
    """Return the key that signs the simulator's own cookies."""
    return secret_file(state / "cookie-key", secrets.token_bytes(32))


def webhook_secret(path: Path) -> bytes:
    """Return the secret shared with the bridge: the file's first line, made if there is none yet."""
    return secret_file(path, secrets.token_hex(32).encode() + b"\n").split(b"\n", 1)[0].strip()


def _new_pem() -> bytes:
    return RSAKey.generate_key(2048).as_pem(private=True)


class PlatformKey:
    """The platform's signing key (RS256, RSA 2048); after a rotation the one before is still published."""

    def __init__(self, state: Path) -> None:
        self._path = state / "platform-key.pem"
        made = self._path.read_bytes() if self._path.exists() else _new_pem()
        self._key = RSAKey.import_key(secret_file(self._path, made))
        self._before: RSAKey | None = None

    @property
    def kid(self) -> str:
        """The name of the key that signs."""
        return self._key.thumbprint()

    def rotate(self, *, keep_old: bool) -> None:
        """Sign with a new key from now on.

        Args:
            keep_old: publishes the old key beside the new one, as a careful platform does.
        """
        pem = _new_pem()
        coming = self._path.with_suffix(".new")
        coming.unlink(missing_ok=True)
        secret_file(coming, pem)
        coming.replace(self._path)
        self._before, self._key = self._key if keep_old else None, RSAKey.import_key(pem)

    def private(self) -> RSAPrivateKey:
        """Return the private key itself, for tokens that are wrong on purpose."""
        return cast(RSAPrivateKey, self._key.private_key)

    def jwks(self) -> dict[str, Any]:
        """Return the public key set (RFC 7517)."""
        published = [key for key in (self._key, self._before) if key is not None]
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "RS256"}
                for key in published
            ]
        }

    def sign(self, claims: dict[str, Any], *, typ: str = "JWT") -> str:
        """Return `claims` as a compact JWT whose header says `typ`."""
        return jwt.encode({"alg": "RS256", "kid": self.kid, "typ": typ}, claims, self._key)
