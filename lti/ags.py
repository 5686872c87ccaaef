"""Scores to a platform: Assignment and Grade Services 2.0 with a client-credentials token."""

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from lti.clock import Clock, epoch_seconds
from lti.errors import ServiceFailed
from lti.http import Reply
from lti.keys import ToolKeyRing
from lti.registration import NetworkPolicy, Registration

SCORE_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
_ASSERTION_SECONDS = 240  # at most five minutes, less what clocks differ
_EARLY_SECONDS = 60  # a token this close to its end is not used
_SERVER_ERROR = 500


class Posts(Protocol):
    """The part of `lti.http.GuardedHttp` that services need."""

    def post(self, url: str, policy: NetworkPolicy, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return what `url` answers; ServiceFailed if nothing usable."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """One person's score (AGS 2.0 §3.4).

    Args:
        user_id: the launch's `sub`.
        score_given, score_maximum: exact; 0 ≤ given, 0 < maximum.
        timestamp: when it was earned, UTC; platforms keep the newest.
    """

    user_id: str
    score_given: Fraction
    score_maximum: Fraction
    timestamp: datetime
    activity_progress: str = "Completed"
    grading_progress: str = "FullyGraded"


@dataclass(frozen=True, slots=True)
class ScorePosted:
    """The platform has this score, or (`already_newer`) a later one."""

    already_newer: bool


def _number(value: Fraction) -> int | float:
    # JSON has no fractions: the one rounding, at the very end.
    return value.numerator if value.denominator == 1 else float(value)


class ServiceTokens:
    """Bearer tokens by registration *and* set of scopes, kept until shortly before they end."""

    def __init__(self, http: Posts, keys: ToolKeyRing, clock: Clock) -> None:
        self._http, self._keys, self._clock = http, keys, clock
        self._held: dict[tuple[str, ...], tuple[str, int]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def _place(registration: Registration, scopes: frozenset[str]) -> tuple[str, ...]:
        return (registration.id, registration.client_id, registration.auth_token_url, *sorted(scopes))

    def token(self, registration: Registration, scopes: frozenset[str]) -> str:
        """Return a token of `registration` for exactly `scopes`.

        Raises:
            ServiceFailed: token_refused, platform_error, or what `GuardedHttp` raises.

        Source: RFC 6749 §4.4, RFC 7523 §2.2, 1EdTech Security Framework 1.0 §4.1.
        """
        place, now = self._place(registration, scopes), epoch_seconds(self._clock)
        with self._lock:
            held = self._held.get(place)
        if held is not None and now < held[1]:
            return held[0]
        token, seconds = self._fetch(registration, scopes, now)
        with self._lock:
            self._held[place] = (token, now + seconds - _EARLY_SECONDS)
        return token

    def forget(self, registration: Registration, scopes: frozenset[str]) -> None:
        """Drop the kept token: the platform no longer takes it."""
        with self._lock:
            self._held.pop(self._place(registration, scopes), None)

    def _fetch(self, registration: Registration, scopes: frozenset[str], now: int) -> tuple[str, int]:
        assertion = self._keys.signing().sign(
            {
                "iss": registration.client_id,
                "sub": registration.client_id,
                "aud": registration.token_audience or registration.auth_token_url,
                "iat": now,
                "exp": now + _ASSERTION_SECONDS,
                "jti": secrets.token_urlsafe(24),
            }
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "scope": " ".join(sorted(scopes)),
        }
        reply = self._http.post(
            registration.auth_token_url,
            registration.network,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode("ascii"),
        )
        if reply.status >= _SERVER_ERROR:
            raise ServiceFailed("platform_error")
        answer: Any = reply.json() if reply.status == 200 else None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise ServiceFailed("token_refused")
        seconds = answer.get("expires_in", 0)
        return token, seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else 0


def scores_url(lineitem_url: str) -> str:
    """Return the score address of a line item; a query stays behind the path (AGS 2.0 §3.4.1)."""
    parts = urlsplit(lineitem_url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/scores"))


class ScoreService:
    """Posts scores. No token leaves for an address that is not the platform's own."""

    def __init__(self, http: Posts, tokens: ServiceTokens) -> None:
        self._http, self._tokens = http, tokens

    def post_score(self, registration: Registration, lineitem_url: str, score: Score) -> ScorePosted:
        """Give `score` to the platform; one that it holds a newer score against counts as given.

        Raises:
            ServiceFailed: service_host_foreign (nothing was sent), score_refused, platform_error,
                token_refused, or what `GuardedHttp` raises.
        """
        if not registration.owns(lineitem_url):
            raise ServiceFailed("service_host_foreign")
        scopes = frozenset({SCORE_SCOPE})
        reply = self._send(registration, lineitem_url, score, scopes)
        if reply.status == 401:
            # The platform may have dropped the token early; once, with a fresh one.
            self._tokens.forget(registration, scopes)
            reply = self._send(registration, lineitem_url, score, scopes)
        if 200 <= reply.status < 300:
            return ScorePosted(already_newer=False)
        # AGS 2.0 asks for 409; Moodle answers 400 and speaks of the timestamp.
        if reply.status == 409 or (reply.status == 400 and b"timestamp" in reply.body.lower()):
            return ScorePosted(already_newer=True)
        raise ServiceFailed("platform_error" if _may_pass(reply.status) else "score_refused")

    def _send(
        self, registration: Registration, lineitem_url: str, score: Score, scopes: frozenset[str]
    ) -> Reply:
        body = {
            "userId": score.user_id,
            "scoreGiven": _number(score.score_given),
            "scoreMaximum": _number(score.score_maximum),
            "activityProgress": score.activity_progress,
            "gradingProgress": score.grading_progress,
            "timestamp": score.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return self._http.post(
            scores_url(lineitem_url),
            registration.network,
            headers={
                "Authorization": f"Bearer {self._tokens.token(registration, scopes)}",
                "Content-Type": "application/vnd.ims.lis.v1.score+json",
            },
            body=json.dumps(body).encode(),
        )


def _may_pass(status: int) -> bool:
    return status >= _SERVER_ERROR or status in (408, 425, 429)
