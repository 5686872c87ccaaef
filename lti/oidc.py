"""Login: the platform asks us to start, we send the browser back to it with a one-time state and nonce."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from lti.errors import LaunchRefused
from lti.registration import origin_of
from lti.state import LoginFlow, sha256_hex
from lti.tool import LtiTool

_LONGEST = 4096
_LONGEST_HINT = 16384  # some platforms put a whole signed token into the message hint


@dataclass(frozen=True, slots=True)
class LoginRedirect:
    """Where the browser goes next; state and nonce are secrets until then."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)


def _parameter(params: Mapping[str, str], name: str, longest: int = _LONGEST) -> str | None:
    value = params.get(name)
    if value is not None and len(value) > longest:
        raise LaunchRefused("parameter_too_long")
    return value or None


def _required(params: Mapping[str, str], name: str) -> str:
    value = _parameter(params, name)
    if value is None:
        raise LaunchRefused("parameter_missing")
    return value


def _on_tool(tool: LtiTool, uri: str) -> bool:
    try:
        return origin_of(uri) == origin_of(tool.public_url)
    except ValueError:
        return False


def start_login(tool: LtiTool, params: Mapping[str, str], browser_id: str) -> LoginRedirect:
    """Return where to send the browser; a durable flow now waits for the launch that answers.

    Args:
        params: of the login initiation, GET or POST, each once.
        browser_id: the value of the browser's binding cookie.

    Raises:
        LaunchRefused: parameter_*, issuer_unknown, client_id_*, insecure_transport, target_link_uri_foreign.

    Source: OpenID Connect Core §4, §3.1.2.1; 1EdTech Security Framework 1.0 §5.1.1.
    """
    issuer = _required(params, "iss")
    login_hint = _required(params, "login_hint")
    target_link_uri = _required(params, "target_link_uri")
    message_hint = _parameter(params, "lti_message_hint", _LONGEST_HINT)
    registration = tool.registrations.find(issuer, _parameter(params, "client_id"))
    tool.require_transport(registration)
    if not _on_tool(tool, target_link_uri):
        raise LaunchRefused("target_link_uri_foreign")
    state, nonce, now = tool.secret(), tool.secret(), tool.clock.now()
    tool.flows.put(
        LoginFlow(
            state_sha256=sha256_hex(state),
            nonce_sha256=sha256_hex(nonce),
            browser_sha256=sha256_hex(browser_id),
            registration_id=registration.id,
            target_link_uri=target_link_uri,
            created_at=now,
            expires_at=now + timedelta(seconds=tool.flow_seconds),
        )
    )
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": registration.client_id,
        "redirect_uri": tool.launch_url,
        "login_hint": login_hint,
        "state": state,
        "nonce": nonce,
    }
    if message_hint is not None:
        query["lti_message_hint"] = message_hint
    joint = "&" if "?" in registration.auth_login_url else "?"
    return LoginRedirect(registration.auth_login_url + joint + urlencode(query), state, nonce)
