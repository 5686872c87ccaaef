"""The provincial unified login: OAuth2's authorization code flow (RFC 6749 §4.1), with PKCE where the server takes it.

Every address and every field's name is a setting: what the province's server of today wants is not public
(docs/identity-providers.md). Nothing but the user's id is read of what it answers, and nothing of it is kept.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from bridge.identity.province_settings import ProvinceLoginSettings
from bridge.kernel.errors import NotPermitted, Unavailable
from lti.errors import ServiceFailed
from lti.http import GuardedHttp, Reply, may_pass
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms

_MAX_TOKEN = 4096
_FORM = "application/x-www-form-urlencoded"


class OAuth2Login:
    """`province_logins.ProvinceLogin`.

    Args:
        demonstration: let the addresses be plain ones of this machine.
    """

    def __init__(
        self,
        settings: ProvinceLoginSettings,
        *,
        demonstration: bool = False,
        http: CallsPlatforms | None = None,
    ) -> None:
        self._settings = settings
        self._http = http or GuardedHttp(
            connect_seconds=2, read_seconds=5, total_seconds=6, max_bytes=64 * 1024
        )
        private = frozenset({settings.private_host.lower()} if settings.private_host else ())
        self._policy = NetworkPolicy(allow_private_hosts=private, demo=demonstration)

    def address(self, *, state: str, verifier: str, redirect_uri: str) -> str:
        """See `ProvinceLogin.address`."""
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
        }
        if self._settings.scope:
            asked["scope"] = self._settings.scope
        if self._settings.pkce:
            digest = hashlib.sha256(verifier.encode()).digest()
            asked["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            asked["code_challenge_method"] = "S256"
        joint = "&" if urlsplit(self._settings.authorize_url).query else "?"
        return f"{self._settings.authorize_url}{joint}{urlencode(asked)}"

    def subject(self, *, code: str, verifier: str, redirect_uri: str) -> str:
        """See `ProvinceLogin.subject`."""
        chosen = self._settings
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if chosen.pkce:
            form["code_verifier"] = verifier
        headers: dict[str, str] = {}
        if chosen.client_auth == "basic":
            # RFC 6749 §2.3.1: each is form-encoded before they are joined.
            pair = f"{quote(chosen.client_id, safe='')}:{quote(chosen.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": chosen.client_id, "client_secret": chosen.client_secret}
        token = _token(self._asked(chosen.token_url, form, headers))
        if chosen.sends == "header":
            answer = self._asked(chosen.user_url, {}, {"Authorization": f"Bearer {token}"})
        else:
            answer = self._asked(chosen.user_url, {"access_token": token}, {})
        return _found(answer, chosen.user_path)

    def _asked(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the JSON object that the address answers with 200."""
        try:
            reply: Reply = self._http.request(
                "POST",
                url,
                self._policy,
                headers={"Accept": "application/json", "Content-Type": _FORM, **headers},
                body=urlencode(form).encode(),
            )
            if reply.status != 200:
                raise _away() if may_pass(reply.status) else _refused()
            found = reply.json()
        except ServiceFailed as failure:
            raise (_unreadable() if failure.reason == "reply_not_json" else _away()) from failure
        if not isinstance(found, dict):
            raise _unreadable()
        return found


def _token(answer: Mapping[str, Any]) -> str:
    token = answer.get("access_token")
    if "error" in answer:
        raise _refused()
    # A header must not be split by what another server wrote.
    if (
        not isinstance(token, str)
        or not 1 <= len(token) <= _MAX_TOKEN
        or not token.isascii()
        or not token.isprintable()
    ):
        raise _unreadable()
    return token


def _found(answer: Mapping[str, Any], path: str) -> str:
    here: Any = answer
    for name in path.split("."):
        here = here.get(name) if isinstance(here, dict) else None
    if isinstance(here, int) and not isinstance(here, bool):
        here = str(here)
    if not isinstance(here, str) or not here.strip():
        raise _unreadable()
    return here.strip()


def _refused() -> NotPermitted:
    return NotPermitted("province_login_refused", "统一身份认证没有确认这次登录,请重新登录。")


def _away() -> Unavailable:
    return Unavailable("province_login_away", "统一身份认证暂时没有回应,请稍后再试,或用账号和密码登录。")


def _unreadable() -> Unavailable:
    return Unavailable(
        "province_login_answer", "统一身份认证的回应无法识别,请联系管理员核对设置。", permanent=True
    )
