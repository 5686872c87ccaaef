"""Calls to a platform's services: the token, where it may go, what an answer means, and pages.

No token leaves for an address that is not the platform's own, however that address was come by: from a
launch, from a line item, or from the `Link` header of a page.
"""

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from lti.clock import Clock, epoch_seconds
from lti.errors import ServiceFailed
from lti.http import Reply, may_pass
from lti.keys import SignsForTool
from lti.registration import NetworkPolicy, Registration

JSON = "application/json"
_ASSERTION_SECONDS = 240  # at most five minutes, less what clocks differ
_EARLY_SECONDS = 60  # a token this close to its end is not used
_LONGEST_TOKEN = 16384
_LONGEST_WAIT_SECONDS = 86400
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r";\s*rel\s*=\s*(\"[^\"]*\"|[^\s;,]+)", re.IGNORECASE)


class CallsPlatforms(Protocol):
    """The part of `lti.http.GuardedHttp` that services need."""

    def request(
        self,
        method: str,
        url: str,
        policy: NetworkPolicy,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Reply:
        """Return what `url` answers; ServiceFailed if nothing usable."""
        ...


def with_query(url: str, parameters: Mapping[str, str | int | None]) -> str:
    """Return `url` with `parameters` in its query; None leaves one out, what is not named stays."""
    parts = urlsplit(url)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in parameters
    ]
    given = [(name, str(value)) for name, value in parameters.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode(kept + given)))


def below(url: str, name: str) -> str:
    """Return the address of `name` under the path of `url`; a query stays behind the path (AGS 2.0 §3.4.1)."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def links_of(reply: Reply, url: str) -> dict[str, str]:
    """Return rel → absolute address of the `Link` header of `reply`, which came from `url` (RFC 8288 §3).

    Also read: typographic quotes about the rel and `&amp;` in the address. Moodle writes both, and a `next`
    that is not seen would end a list half-way without a word.
    """
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall(reply.headers.get("link", "")):
        rel = _REL.search(";" + parameters.lstrip("; "))
        if rel is None:
            continue
        value = rel[1].encode("latin-1", "replace").decode("utf-8", "replace").strip("\"'“”")
        for each in value.lower().split():
            found.setdefault(each, urljoin(url, target.replace("&amp;", "&")))
    return found


def retry_after_seconds(reply: Reply, now_seconds: int) -> int | None:
    """Return how long the platform asks to be left alone (RFC 9110 §10.2.3), 0 … one day; None if it does not."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _LONGEST_WAIT_SECONDS)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    seconds = int(until.replace(tzinfo=until.tzinfo or UTC).timestamp()) - now_seconds
    return min(max(seconds, 0), _LONGEST_WAIT_SECONDS)


def ask_for_token(
    http: CallsPlatforms,
    keys: SignsForTool,
    registration: Registration,
    scopes: frozenset[str],
    now_seconds: int,
) -> Reply:
    """Return what the token address answers to a fresh assertion of the tool, whatever the status.

    Source: RFC 6749 §4.4, RFC 7523 §2.2, 1EdTech Security Framework 1.0 §4.1.
    """
    assertion = keys.signing().sign(
        {
            "iss": registration.client_id,
            "sub": registration.client_id,
            "aud": registration.token_audience or registration.auth_token_url,
            "iat": now_seconds,
            "exp": now_seconds + _ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(24),
        }
    )
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "scope": " ".join(sorted(scopes)),
    }
    return http.request(
        "POST",
        registration.auth_token_url,
        registration.network,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": JSON},
        body=urlencode(form).encode("ascii"),
    )


def token_error(reply: Reply) -> str:
    """Return the `error` code of a token address's refusal (RFC 6749 §5.2), "" if it names none."""
    try:
        answer = reply.json()
    except ServiceFailed:
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, str) else ""


def read_token(reply: Reply, scopes: frozenset[str], now_seconds: int) -> tuple[str, int]:
    """Return the token in `reply` and for how many seconds it holds.

    Raises:
        ServiceFailed: token_refused, scope_missing, platform_error, reply_not_json.
    """
    if may_pass(reply.status):
        wait = retry_after_seconds(reply, now_seconds)
        raise ServiceFailed("platform_error", status=reply.status, retry_after_seconds=wait)
    if reply.status != 200:
        reason = "scope_missing" if token_error(reply) == "invalid_scope" else "token_refused"
        raise ServiceFailed(reason, status=reply.status)
    answer: Any = reply.json()
    members = answer if isinstance(answer, dict) else {}
    token, granted = members.get("access_token"), members.get("scope")
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        raise ServiceFailed("token_refused", status=reply.status)
    if not token.isascii() or not token.isprintable():
        raise ServiceFailed("token_refused", status=reply.status)
    # A platform that grants less than was asked must say so (RFC 6749 §5.1): better known now than by a 403.
    if isinstance(granted, str) and granted and not scopes <= set(granted.split()):
        raise ServiceFailed("scope_missing", status=reply.status)
    seconds = members.get("expires_in", 0)
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds[:9])
    return token, seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else 0


class ServiceTokens:
    """Bearer tokens by registration *and* set of scopes, kept until shortly before they end."""

    def __init__(self, http: CallsPlatforms, keys: SignsForTool, clock: Clock) -> None:
        self._http, self._keys, self._clock = http, keys, clock
        self._held: dict[tuple[str, ...], tuple[str, int]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def _place(registration: Registration, scopes: frozenset[str]) -> tuple[str, ...]:
        return (registration.id, registration.client_id, registration.auth_token_url, *sorted(scopes))

    def token(self, registration: Registration, scopes: frozenset[str]) -> str:
        """Return a token of `registration` for exactly `scopes`.

        Raises:
            ServiceFailed: token_refused, scope_missing, platform_error, or what `GuardedHttp` raises.
        """
        place, now = self._place(registration, scopes), epoch_seconds(self._clock)
        with self._lock:
            held = self._held.get(place)
        if held is not None and now < held[1]:
            return held[0]
        reply = ask_for_token(self._http, self._keys, registration, scopes, now)
        token, seconds = read_token(reply, scopes, now)
        with self._lock:
            self._held[place] = (token, now + seconds - _EARLY_SECONDS)
        return token

    def forget(self, registration: Registration, scopes: frozenset[str]) -> None:
        """Drop the kept token: the platform no longer takes it."""
        with self._lock:
            self._held.pop(self._place(registration, scopes), None)


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much of a list is read before it is given up as endless."""

    pages: int = 500
    entries: int = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its entries as sent, the whole document, and the further addresses it names."""

    number: int
    entries: tuple[Any, ...]
    document: Any
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SetAside:
    """An entry that could not be read: where it stood (page and place, from 0) and why, never what it held."""

    page: int
    position: int
    reason: str


class ServiceCall:
    """Authorised calls to the services of a registered platform."""

    def __init__(self, http: CallsPlatforms, tokens: ServiceTokens, clock: Clock) -> None:
        self._http, self._tokens, self._clock = http, tokens, clock

    def send(
        self,
        registration: Registration,
        method: str,
        url: str,
        scopes: frozenset[str],
        *,
        accept: str = JSON,
        content_type: str | None = None,
        document: Any = None,
    ) -> Reply:
        """Return the platform's answer, whatever its status; once more with a fresh token after a 401.

        Args:
            content_type: of `document`, which goes out as JSON; None sends no body.

        Raises:
            ServiceFailed: service_host_foreign (nothing was sent, no token fetched), or what
                `ServiceTokens.token` and `GuardedHttp` raise.
        """
        if not registration.owns(url):
            raise ServiceFailed("service_host_foreign")
        headers = {"Accept": accept}
        body = None
        if content_type is not None:
            headers["Content-Type"] = content_type
            body = json.dumps(document, ensure_ascii=False).encode()

        def once() -> Reply:
            bearer = {"Authorization": f"Bearer {self._tokens.token(registration, scopes)}"}
            return self._http.request(
                method, url, registration.network, headers={**bearer, **headers}, body=body
            )

        reply = once()
        if reply.status == 401:
            # The platform may have dropped the token early; once, with a fresh one.
            self._tokens.forget(registration, scopes)
            reply = once()
        return reply

    def accepted(self, reply: Reply, refused: str) -> Reply:
        """Return `reply` if its status is 2xx.

        Raises:
            ServiceFailed: platform_error if another try may pass (with the platform's Retry-After), else
                `refused`; both with the status.
        """
        if 200 <= reply.status < 300:
            return reply
        wait = retry_after_seconds(reply, epoch_seconds(self._clock))
        reason = "platform_error" if may_pass(reply.status) else refused
        raise ServiceFailed(reason, status=reply.status, retry_after_seconds=wait)

    def pages(
        self,
        registration: Registration,
        url: str,
        scopes: frozenset[str],
        refused: str,
        *,
        accept: str,
        entries: Callable[[Any], Any],
        limits: PageLimits | None = None,
    ) -> Iterator[Page]:
        """Yield the pages of a list, following rel="next"; whoever stops at an error has only a part of it.

        Args:
            refused: the reason of a refusal.
            entries: takes the list out of a page's document.

        Raises:
            ServiceFailed: service_host_foreign (checked for every page before anything is sent),
                paging_loop, paging_too_long, reply_not_json, or what `send` and `accepted` raise.
        """
        limits = limits or PageLimits()
        seen: set[str] = set()
        total = 0
        while url:
            if url in seen:
                raise ServiceFailed("paging_loop")
            if len(seen) == limits.pages:
                raise ServiceFailed("paging_too_long")
            seen.add(url)
            reply = self.accepted(self.send(registration, "GET", url, scopes, accept=accept), refused)
            document = reply.json()
            found = entries(document)
            if not isinstance(found, list):
                raise ServiceFailed("reply_not_json", status=reply.status)
            total += len(found)
            if total > limits.entries:
                raise ServiceFailed("paging_too_long")
            links = links_of(reply, url)
            yield Page(len(seen) - 1, tuple(found), document, MappingProxyType(links))
            url = links.get("next", "")
