"""A client's signed assertion (RFC 7523 §2.2): whose it is, whether the registered key signed it, and for whom.

What the header says of keys (`jku`, `jwk`, `x5u`, `x5c`) has no say: the key comes from the client's own set and the
kid. Nothing is fetched from anywhere.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from bridge.kernel.errors import InvalidInput, NotPermitted
from lti.errors import ServiceFailed
from lti.keys import PlatformKey, read_jwks
from lti.strict_json import parse_object

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "RS256")
LONGEST_LIFE = timedelta(minutes=5)
_SKEW = timedelta(seconds=60)
_LONGEST_ASSERTION, _LONGEST_JTI, _MOST_KEYS = 8192, 128, 5
_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_PUBLIC = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion whose signature and claims hold; it has yet to be looked up whether it was used before.

    Args:
        once: SHA-256 of client and jti.
    """

    client_id: str
    once: str
    expires_at: datetime


def read_keys(document: Any) -> dict[str, Any]:
    """Return a JWK set with nothing but the public members of usable keys, as it is kept.

    Raises:
        InvalidInput("api_keys_malformed"): no set of 1 to 5 public keys (EC P-256, or RSA of at least 2048 bits), each
            with a kid of its own; or a private key.
    """
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list) or not 0 < len(members) <= _MOST_KEYS:
        raise _malformed()
    kept = []
    for jwk in members:
        if not isinstance(jwk, Mapping) or "d" in jwk:
            raise _malformed()
        names = _PUBLIC.get(str(jwk.get("kty")))
        if names is None or not set(names) <= set(jwk):
            raise _malformed()
        kept.append({"kid": jwk.get("kid"), **{name: jwk[name] for name in names}})
    found = {"keys": kept}
    if len(_usable(found, "ES256")) + len(_usable(found, "RS256")) != len(kept):
        raise _malformed()
    return found


def client_named(assertion: str) -> str:
    """Return whom an assertion names, which nobody has proved yet; NotPermitted("invalid_client") for no JWT."""
    _header, claims, _parts = _taken_apart(assertion)
    named = claims.get("sub")
    if not isinstance(named, str):
        raise refused()
    return named


def verify_assertion(
    assertion: str, keys: Mapping[str, Any], audiences: Collection[str], now: datetime
) -> Assertion:
    """Return the assertion, if one of `keys` signed it for one of `audiences`, for five minutes at the most.

    Raises:
        NotPermitted("invalid_client"): for each reason the same.

    Source: RFC 7523 §3, RFC 8725 §3.
    """
    header, claims, compact = _taken_apart(assertion)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS or not isinstance(kid, str) or {"crit", "b64"} & set(header):
        raise refused()
    key = _usable(keys, algorithm).get(kid)
    try:
        signature = urlsafe_b64decode(compact[3])
    except ValueError:
        raise refused() from None
    signed = compact[0][: compact.end(2)]
    if key is None or not JWSRegistry.algorithms[algorithm].verify(signed, signature, key):
        raise refused()
    return _claimed(claims, audiences, now)


def refused() -> NotPermitted:
    """Return the one answer to whoever is not a client: which part was wrong is nobody's to know."""
    return NotPermitted(
        "invalid_client", "客户端编号、密钥或签名不对,或客户端未获批准、已停用。", http_status=401
    )


def _claimed(claims: Mapping[str, Any], audiences: Collection[str], now: datetime) -> Assertion:
    issuer, subject, jti = claims.get("iss"), claims.get("sub"), claims.get("jti")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(issuer, str) or issuer != subject:
        raise refused()
    # One audience alone: who is named beside us could hand the assertion on.
    if not isinstance(named, list) or len(named) != 1 or named[0] not in audiences:
        raise refused()
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    if "nbf" in claims and _instant(claims, "nbf") > now + _SKEW:
        raise refused()
    if expires <= now - _SKEW or issued > now + _SKEW or expires - issued > LONGEST_LIFE or expires < issued:
        raise refused()
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise refused()
    once = hashlib.sha256(f"{issuer}\n{jti}".encode("utf-8", "replace")).hexdigest()
    return Assertion(issuer, once, expires + _SKEW)


def _taken_apart(assertion: str) -> tuple[dict[str, Any], dict[str, Any], re.Match[bytes]]:
    compact = _COMPACT.fullmatch(assertion.encode("utf-8", "replace")[: _LONGEST_ASSERTION + 1])
    if compact is None or len(compact[0]) > _LONGEST_ASSERTION:
        raise refused()
    try:
        return (
            parse_object(urlsafe_b64decode(compact[1])),
            parse_object(urlsafe_b64decode(compact[2])),
            compact,
        )
    except ValueError:
        raise refused() from None


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 33:
        raise refused()
    return datetime.fromtimestamp(value, UTC)


def _usable(keys: Mapping[str, Any], algorithm: str) -> Mapping[str, PlatformKey]:
    read: Callable[[Any, str], Any] = read_jwks
    try:
        usable: Mapping[str, PlatformKey] = read(keys, algorithm).usable
    except ServiceFailed:
        return {}
    return usable


def _malformed() -> InvalidInput:
    return InvalidInput(
        "api_keys_malformed",
        "公钥文件应为 JWK Set:1 至 5 把公钥(EC P-256 或不少于 2048 位的 RSA),各有 kid,不含私钥。",
    )
