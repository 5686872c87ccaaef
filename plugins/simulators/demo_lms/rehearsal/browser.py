"""A browser played over HTTP: it keeps cookies, follows the login to the platform's door, and posts the launch."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import requests

from plugins.simulators.demo_lms.rehearsal.answers import Answer

_TIMEOUT_SECONDS = 45
_ACCEPT = "application/json, text/html;q=0.5"
"""Reason codes are what tells a right refusal from a lucky one."""


class LoginRefused(Exception):
    """The tool did not begin a login; `answer` says how."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.words())
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Going:
    """A login under way: what the tool asked the platform."""

    state: str
    nonce: str
    redirect_uri: str


class Browser:
    """One browser with its own cookies; it does what pages without scripts let it do."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept"] = _ACCEPT

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def cookies(self) -> dict[str, str]:
        """Return what cookies it has."""
        return {cookie.name: cookie.value or "" for cookie in self._session.cookies}

    def take_cookies(self, cookies: Mapping[str, str], url: str) -> None:
        """Have cookies planted for the host of `url`."""
        for name, value in cookies.items():
            self._session.cookies.set(name, value, domain=_cookie_domain(url), path="/")

    def forget_cookies(self) -> None:
        """Be a browser that refuses cookies."""
        self._session.cookies.clear()

    def open_login(self, url: str, params: Mapping[str, str], *, post: bool = False) -> Going:
        """Begin a launch at the tool; return what it asks.

        Raises:
            LoginRefused: no redirect to a platform came.
        """
        where: dict[str, Any] = {"data": dict(params)} if post else {"params": dict(params)}
        answer = self._send("POST" if post else "GET", url, **where)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}
        if not 300 <= answer.status < 400 or not {"state", "nonce", "redirect_uri"} <= set(asked):
            raise LoginRefused(answer)
        return Going(asked["state"], asked["nonce"], asked["redirect_uri"])

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Post a form; return how it was answered."""
        return self._send("POST", url, data=dict(form))

    def post_json(self, url: str, body: Mapping[str, Any]) -> Answer:
        """Post JSON as a server does; return how it was answered."""
        return self._send("POST", url, json=dict(body))

    def get(self, url: str, params: Mapping[str, str]) -> Answer:
        """Open an address; return how it was answered."""
        return self._send("GET", url, params=dict(params))

    def _send(self, method: str, url: str, **where: Any) -> Answer:
        began = time.monotonic()
        try:
            reply = self._session.request(
                method, url, allow_redirects=False, timeout=_TIMEOUT_SECONDS, **where
            )
        except requests.RequestException:
            return Answer(0, seconds=time.monotonic() - began)
        return Answer(
            reply.status_code,
            _reason(reply),
            reply.headers.get("Location", ""),
            time.monotonic() - began,
        )


def _reason(reply: requests.Response) -> str:
    if "json" not in reply.headers.get("Content-Type", ""):
        return ""
    try:
        body = reply.json()
    except ValueError:
        return ""
    reason = body.get("reason") if isinstance(body, dict) else None
    return reason if isinstance(reason, str) else ""


def _cookie_domain(url: str) -> str:
    host = cast(str, urlsplit(url).hostname)
    return host if "." in host else f"{host}.local"  # as http.cookiejar names such hosts
