"""A simulator of a unified login by OAuth2's authorization code flow; it is not the province's, and says so.

It is as strict as RFC 6749 and RFC 7636 ask a server to be: a code is good once, for one client, one redirect address
and one verifier. The names of its fields are its own; nobody knows the province's.
"""

import base64
import hashlib
import hmac
import html
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import click
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

SAYS = "模拟的统一身份认证(不是真实系统)"
_CODE_SECONDS = 60
_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{says}</title><body style="font:18px/1.7 sans-serif;max-width:30em;margin:2em auto;padding:0 1em">
<h1>{says}</h1><p>选择一个虚构的用户登录。这里的一切都是虚构的。</p>{forms}</body></html>"""
_FORM = (
    '<form method="post" action="/authorize?{query}"><button name="user" value="{user}" '
    'style="font:inherit;padding:.6em 1.2em;margin:.3em 0" data-testid="user-{user}">{title}</button></form>'
)


@dataclass
class _Granted:
    user: str
    client_id: str
    redirect_uri: str
    challenge: str
    until: float


@dataclass
class UnifiedLogin:
    """The simulator as a WSGI application.

    Args:
        redirect_uris: to which codes are sent, compared exactly.
        users: id → what the page calls them.
        issuer: given as `iss` in the answer (RFC 9207); empty: none is.
    """

    client_id: str
    client_secret: str
    redirect_uris: frozenset[str]
    users: Mapping[str, str]
    issuer: str = ""
    codes: dict[str, _Granted] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        match request.path:
            case "/authorize":
                answer = self._authorize(request)
            case "/token" if request.method == "POST":
                answer = self._token(request)
            case "/user" if request.method == "POST":
                answer = self._user(request)
            case _:
                answer = Response("not found", status=404)
        answer.headers["X-Simulator"] = "anxue-bridge unified login simulator"
        return answer(environ, start_response)

    def _authorize(self, request: Request) -> Response:
        asked = request.args
        if (
            asked.get("response_type") != "code"
            or asked.get("client_id") != self.client_id
            or asked.get("redirect_uri") not in self.redirect_uris
            or (asked.get("code_challenge") and asked.get("code_challenge_method") != "S256")
        ):
            # RFC 6749 §4.1.2.1: nobody is sent to an address that is not registered.
            return Response(f"{SAYS}: invalid_request", status=400)
        user = request.form.get("user", "")
        if request.method != "POST" or user not in self.users:
            query = html.escape(urlencode(asked))
            forms = "".join(
                _FORM.format(query=query, user=html.escape(one), title=html.escape(title))
                for one, title in self.users.items()
            )
            return Response(_PAGE.format(says=SAYS, forms=forms), mimetype="text/html")
        code = secrets.token_urlsafe(24)
        self.codes[code] = _Granted(
            user,
            self.client_id,
            asked["redirect_uri"],
            asked.get("code_challenge", ""),
            time.monotonic() + _CODE_SECONDS,
        )
        back = {"code": code, "state": asked.get("state", "")} | ({"iss": self.issuer} if self.issuer else {})
        return Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    def _token(self, request: Request) -> Response:
        form = request.form
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        basic = request.authorization
        if basic is not None and basic.type == "basic":
            client_id, secret = unquote(basic.username or ""), unquote(basic.password or "")
        if client_id != self.client_id or not hmac.compare_digest(
            secret.encode(), self.client_secret.encode()
        ):
            return _json({"error": "invalid_client"}, 401)
        granted = self.codes.pop(form.get("code", ""), None)
        if (
            granted is None
            or form.get("grant_type") != "authorization_code"
            or time.monotonic() > granted.until
            or form.get("redirect_uri") != granted.redirect_uri
            or granted.client_id != client_id
            or (granted.challenge and _challenge(form.get("code_verifier", "")) != granted.challenge)
        ):
            return _json({"error": "invalid_grant"}, 400)
        token = secrets.token_urlsafe(24)
        self.tokens[token] = granted.user
        return _json({"access_token": token, "token_type": "Bearer", "expires_in": 300}, 200)

    def _user(self, request: Request) -> Response:
        bearer = request.authorization
        token = request.form.get("access_token", "")
        if bearer is not None and bearer.type == "bearer":
            token = bearer.token or ""
        user = self.tokens.pop(token, None)
        if user is None:
            return _json({"code": 401, "data": None}, 200)
        return _json({"code": 200, "data": {"userId": user}}, 200)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _json(body: Mapping[str, Any], status: int) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


@click.command(help=f"启动{SAYS}。")
@click.option("--port", default=8124, show_default=True, type=click.IntRange(1, 65535))
@click.option("--bridge", default="http://127.0.0.1:8080", show_default=True, help="安学桥的地址。")
@click.option("--secret", default="made-up-secret", show_default=True, help="与安学桥约定的密钥。")
def unified_login(port: int, bridge: str, secret: str) -> None:
    """Serve the simulator on this machine alone."""
    back = frozenset({f"{bridge.rstrip('/')}/sign-in/province/callback"})
    users = {"made-up-1": "虚构的监管人员", "made-up-2": "虚构的机构人员", "made-up-3": "没有登记的人"}
    app = UnifiedLogin("anxue-bridge", secret, back, users)
    server = make_server("127.0.0.1", port, app, threaded=True)
    click.echo(f"{SAYS}: http://127.0.0.1:{port}")
    server.serve_forever()
