"""A compact JWS by a platform: taken apart, and believed only if the registered key signed it.

What the header says of keys (`jku`, `jwk`, `x5u`, `x5c`) has no say: the key comes from the registration
and the kid, the algorithm from the registration alone (RFC 8725 §3.1, §3.10).
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from lti.errors import LaunchRefused
from lti.keys import PlatformKey
from lti.registration import Registration
from lti.strict_json import parse_object

MAX_TOKEN_BYTES = 64 * 1024
_MAX_HEADER_CHARACTERS = 16 * 1024  # platforms put certificate chains into the header
_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class FindsKey(Protocol):
    """The part of `lti.keys.KeySource` that verification needs."""

    def key(self, registration: Registration, kid: str) -> PlatformKey:
        """Return the platform's key `kid`; LaunchRefused if there is none to use."""
        ...


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A token whose signature holds; nothing is said yet about its claims.

    Args:
        typ: the header's `typ`, "" if it has none.
        payload: the claims, no key twice.
        sha256: of the compact form, hexadecimal.
    """

    typ: str
    payload: dict[str, Any]
    sha256: str


@lru_cache(maxsize=128)  # a platform's header is the same in every token
def _header(encoded: bytes) -> tuple[Any, str, str]:
    """Return (alg as it came, kid or "", typ or "") of a protected header.

    Raises:
        LaunchRefused("token_malformed"): no JSON object, `typ` no text, or extensions that we do not speak
            (RFC 7515 §4.1.11).
    """
    try:
        header = parse_object(urlsafe_b64decode(encoded))
    except ValueError:
        raise LaunchRefused("token_malformed") from None
    kid, typ = header.get("kid"), header.get("typ", "")
    if "crit" in header or "b64" in header or not isinstance(typ, str):
        raise LaunchRefused("token_malformed")
    return header.get("alg"), kid if isinstance(kid, str) else "", typ


def verify_signed(
    token: str, registration: Registration, keys: FindsKey, *, max_bytes: int = MAX_TOKEN_BYTES
) -> SignedDocument:
    """Return the document in `token`, if `registration`'s key of that kid signed it with its algorithm.

    Raises:
        LaunchRefused: token_too_large, token_malformed, alg_not_allowed, kid_missing, kid_unknown,
            key_unusable, platform_keys_unavailable, signature_invalid.

    Source: RFC 7515 §5.2, RFC 8725 §3; 1EdTech Security Framework 1.0 §5.1.3.
    """
    if len(token) > max_bytes:
        raise LaunchRefused("token_too_large")
    compact = token.encode("utf-8", "surrogatepass")
    parts = _COMPACT.fullmatch(compact)
    if parts is None or len(parts[1]) > _MAX_HEADER_CHARACTERS:
        raise LaunchRefused("token_malformed")
    alg, kid, typ = _header(parts[1])
    if alg != registration.algorithm:
        raise LaunchRefused("alg_not_allowed")
    if not kid:
        raise LaunchRefused("kid_missing")  # joserfc would try a key without asking
    key, algorithm = keys.key(registration, kid), JWSRegistry.algorithms[registration.algorithm]
    try:
        signature = urlsafe_b64decode(parts[3])
    except ValueError:
        raise LaunchRefused("signature_invalid") from None
    # The header was read above, more strictly than joserfc reads that of a compact form.
    if not algorithm.verify(compact[: parts.end(2)], signature, key):
        raise LaunchRefused("signature_invalid")
    try:
        payload = parse_object(urlsafe_b64decode(parts[2]))
    except ValueError:
        raise LaunchRefused("token_malformed") from None
    return SignedDocument(typ, payload, hashlib.sha256(compact).hexdigest())
