"""Other documents that a platform signs (webhook bodies, agent tokens): each kind has a `typ` of its own.

A launch's id_token has `typ` "JWT" or none and is never accepted here; a document of a kind is never a
launch, nor a document of another kind (RFC 8725 §3.11, §3.12).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lti.clock import Clock, epoch_seconds
from lti.errors import LaunchRefused
from lti.jose import MAX_TOKEN_BYTES, FindsKey, verify_signed
from lti.registration import Registration
from lti.times import check_times

_LONGEST_JTI = 255


@dataclass(frozen=True, slots=True)
class PlatformDocument:
    """A document by a platform, verified.

    Args:
        jti: unique by issuer; whoever acts on the document does so once for each.
        payload: all claims as signed; contact data is still in it (`lti.contact.strip_contact_claims`).
        issued_at: `iat`, UTC.
        sha256: of the compact form, hexadecimal.
    """

    registration: Registration
    jti: str
    payload: Mapping[str, Any]
    issued_at: datetime
    sha256: str


def verify_platform_jwt(
    token: str,
    registration: Registration,
    *,
    keys: FindsKey,
    clock: Clock,
    audience: str,
    typ: str,
    max_age_seconds: int,
    leeway_seconds: int = 60,
    max_bytes: int = MAX_TOKEN_BYTES,
) -> PlatformDocument:
    """Return the document of kind `typ` in `token`, signed by `registration`'s platform for `audience` alone.

    Args:
        typ: the header's `typ`, e.g. "anxue-session+jwt"; never "JWT".
        max_age_seconds: oldest `iat`.

    Raises:
        LaunchRefused: token_*, alg_not_allowed, kid_*, key_unusable, platform_keys_unavailable,
            signature_invalid, issuer_mismatch, audience_mismatch, exp_missing, iat_missing, jti_missing.
        ValueError: `typ` is "JWT", empty or lacks "+jwt" (a fault of the caller).
    """
    if not typ.endswith("+jwt") or typ == "+jwt":
        raise ValueError("a kind of document is named like anxue-session+jwt")
    signed = verify_signed(token, registration, keys, max_bytes=max_bytes)
    if signed.typ != typ:
        raise LaunchRefused("token_type_wrong")
    payload = signed.payload
    if payload.get("iss") != registration.issuer:
        raise LaunchRefused("issuer_mismatch")
    if payload.get("aud") not in (audience, [audience]):
        raise LaunchRefused("audience_mismatch")
    iat = check_times(
        payload, epoch_seconds(clock), leeway_seconds=leeway_seconds, max_age_seconds=max_age_seconds
    )
    jti = payload.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise LaunchRefused("jti_missing")
    return PlatformDocument(registration, jti, payload, datetime.fromtimestamp(iat, UTC), signed.sha256)
