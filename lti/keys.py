"""Keys: the platforms' public ones (fetched, cached, rotated) and the tool's own."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from lti.clock import Clock, epoch_seconds
from lti.errors import LaunchRefused, ServiceFailed
from lti.registration import KEY_TYPES, NetworkPolicy, Registration

RSA_MIN_BITS = 2048
_MAX_KEYS = 100
_MAX_KID_CHARACTERS = 255

PlatformKey = RSAKey | ECKey


class FetchesJson(Protocol):
    """The part of `lti.http.GuardedHttp` that fetching keys needs."""

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        """Return the JSON that `url` answers; ServiceFailed otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """A JWKS, sorted: what may verify, and why the rest may not (kid → reason)."""

    usable: Mapping[str, PlatformKey]
    unusable: Mapping[str, str]


def _read_key(jwk: Mapping[str, Any], algorithm: str) -> PlatformKey | str:
    """Return the key, or why it must not verify `algorithm` (RFC 7517 §4, RFC 8725 §3.1, §3.5)."""
    key_type = KEY_TYPES[algorithm]
    if jwk.get("kty") != key_type:
        return "other_key_type"
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return "not_for_signatures"
    if jwk.get("alg", algorithm) != algorithm:
        return "other_algorithm"
    try:
        # Only the public numbers are taken over: whatever else the document holds has no say.
        if key_type == "EC":
            if jwk.get("crv") != "P-256":
                return "other_curve"
            return ECKey.import_key({"kty": "EC", **{name: str(jwk[name]) for name in ("crv", "x", "y")}})
        modulus = str(jwk["n"])
        if int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length() < RSA_MIN_BITS:
            return "too_short"
        return RSAKey.import_key({"kty": "RSA", "n": modulus, "e": str(jwk["e"])})
    except (JoseError, ValueError, TypeError, KeyError):
        return "malformed"


def read_jwks(document: Any, algorithm: str) -> PlatformKeys:
    """Return the keys of a JWKS document (RFC 7517 §5); ServiceFailed("reply_not_json") if it is none.

    A kid that occurs twice is unusable: which of the two is meant would be the attacker's choice.
    """
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > _MAX_KEYS:
        raise ServiceFailed("reply_not_json")
    usable: dict[str, PlatformKey] = {}
    unusable: dict[str, str] = {}
    for jwk in members:
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARACTERS:
            continue
        if kid in usable or kid in unusable:
            usable.pop(kid, None)
            unusable[kid] = "kid_twice"
            continue
        key = _read_key(jwk, algorithm)
        if isinstance(key, str):
            unusable[kid] = key
        else:
            usable[kid] = key
    return PlatformKeys(usable, unusable)


@dataclass(slots=True)
class _Cached:
    keys: PlatformKeys | None = None
    fetched_at: int = 0
    tried_at: int | None = None
    refetched_at: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeySource:
    """The platforms' keys, by registration.

    Fetched when first needed and when older than `fresh_seconds`; once more when a kid is unknown, at most
    every `refetch_seconds`, so that a rotated key works at once and made-up kids cannot be used to
    hammer a platform. When a fetch fails the old keys serve on, up to `stale_seconds`.
    """

    def __init__(
        self,
        http: FetchesJson,
        clock: Clock,
        *,
        fresh_seconds: int = 3600,
        refetch_seconds: int = 30,
        stale_seconds: int = 86400,
    ) -> None:
        self._http, self._clock = http, clock
        self._fresh_seconds, self._refetch_seconds = fresh_seconds, refetch_seconds
        self._stale_seconds = stale_seconds
        self._cache: dict[tuple[str, str, str], _Cached] = {}
        self._lock = threading.Lock()

    def key(self, registration: Registration, kid: str) -> PlatformKey:
        """Return the platform's key `kid`.

        Raises:
            LaunchRefused: kid_unknown, key_unusable, platform_keys_unavailable.
        """
        place = (registration.id, registration.jwks_url, registration.algorithm)
        with self._lock:
            cached = self._cache.setdefault(place, _Cached())
        now = epoch_seconds(self._clock)
        keys = cached.keys
        if keys is not None and kid in keys.usable and now - cached.fetched_at < self._fresh_seconds:
            return keys.usable[kid]
        with cached.lock:
            self._renew(cached, registration, kid, now)
            keys = cached.keys
        if keys is None or now - cached.fetched_at >= self._stale_seconds:
            raise LaunchRefused("platform_keys_unavailable")
        if kid in keys.usable:
            return keys.usable[kid]
        raise LaunchRefused("key_unusable" if kid in keys.unusable else "kid_unknown")

    def _renew(self, cached: _Cached, registration: Registration, kid: str, now: int) -> None:
        stale = cached.keys is None or now - cached.fetched_at >= self._fresh_seconds
        if stale:
            if cached.tried_at is not None and now - cached.tried_at < self._refetch_seconds:
                return
        else:
            if cached.keys is not None and kid in cached.keys.usable:
                return  # another thread fetched it while this one waited
            if cached.refetched_at is not None and now - cached.refetched_at < self._refetch_seconds:
                return
            cached.refetched_at = now
        cached.tried_at = now
        try:
            document = self._http.get_json(registration.jwks_url, registration.network)
            cached.keys = read_jwks(document, registration.algorithm)
        except ServiceFailed:
            return  # the old keys serve on; `key` refuses when there are none
        cached.fetched_at = now


@dataclass(frozen=True, slots=True)
class ToolKey:
    """A private key of the tool (RSA ≥ 2048), as PEM, and the kid of its published public half."""

    kid: str
    pem: bytes = field(repr=False)
    _key: RSAKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = RSAKey.import_key(self.pem)
        if not key.is_private or key.public_key.key_size < RSA_MIN_BITS:
            raise ValueError("a tool key is a private RSA key of 2048 bits or more")
        object.__setattr__(self, "_key", key)

    @classmethod
    def generate(cls) -> "ToolKey":
        """Return a new RSA 2048 key; its kid is the thumbprint of RFC 7638."""
        key = RSAKey.generate_key(RSA_MIN_BITS)
        return cls(key.thumbprint(), key.as_pem(private=True))

    def public_jwk(self) -> dict[str, Any]:
        """Return the public half as a JWK for signatures with RS256."""
        return {**self._key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "RS256"}

    def sign(self, claims: Mapping[str, Any], *, typ: str = "JWT") -> str:
        """Return `claims` as a compact JWT, RS256."""
        return jwt.encode({"alg": "RS256", "kid": self.kid, "typ": typ}, dict(claims), self._key, ["RS256"])


class SignsForTool(Protocol):
    """The part of the tool's keys that signing needs."""

    def signing(self) -> ToolKey:
        """Return the key that signs now."""
        ...


@dataclass(frozen=True, slots=True)
class ToolKeyRing:
    """The tool's keys: the first signs, all are published (so a new one may be published before it signs)."""

    keys: Sequence[ToolKey]

    def __post_init__(self) -> None:
        if not self.keys or len({key.kid for key in self.keys}) != len(self.keys):
            raise ValueError("at least one key, each kid once")

    def signing(self) -> ToolKey:
        """Return the key that signs."""
        return self.keys[0]

    def jwks(self) -> dict[str, Any]:
        """Return the JWKS document (RFC 7517 §5) to publish."""
        return {"keys": [key.public_jwk() for key in self.keys]}
