"""Expiry and age of a signed document, with leeway for clocks that differ."""

from collections.abc import Mapping
from typing import Any

from lti.errors import LaunchRefused

_LATEST = 1 << 40  # far beyond any calendar; keeps absurd numbers out of sums


def _numeric_date(payload: Mapping[str, Any], name: str) -> int | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise LaunchRefused("claim_malformed")
    return int(value)


def check_times(
    payload: Mapping[str, Any], now_seconds: int, *, leeway_seconds: int, max_age_seconds: int
) -> int:
    """Return `iat` (seconds) of a document that is good at `now_seconds`.

    Raises:
        LaunchRefused: exp_missing, iat_missing, token_expired, token_too_old, token_from_future,
            claim_malformed.

    Source: RFC 7519 §4.1.4–4.1.6; OpenID Connect Core §3.1.3.7 items 9 and 10; §5.1.3 of the 1EdTech
    Security Framework 1.0 (both claims are required).
    """
    exp, iat, nbf = (_numeric_date(payload, name) for name in ("exp", "iat", "nbf"))
    if exp is None:
        raise LaunchRefused("exp_missing")
    if iat is None:
        raise LaunchRefused("iat_missing")
    if now_seconds >= exp + leeway_seconds:
        raise LaunchRefused("token_expired")
    if iat > now_seconds + leeway_seconds or (nbf is not None and nbf > now_seconds + leeway_seconds):
        raise LaunchRefused("token_from_future")
    if now_seconds - iat > max_age_seconds + leeway_seconds:
        raise LaunchRefused("token_too_old")
    return iat
