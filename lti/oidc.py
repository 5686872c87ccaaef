"""Login: the platform asks us to start, we send the browser back to it with a one-time state and nonce."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote_plus, urlencode

from lti.clock import epoch_seconds
from lti.errors import LaunchRefused
from lti.registration import Registration, origin_of
from lti.state import MAX_STORAGE_TARGET_CHARACTERS, LoginFlow, new_flow
from lti.tool import LtiTool

_LONGEST = 4096
_LONGEST_HINT = 16384  # some platforms put a whole signed token into the message hint


@dataclass(frozen=True, slots=True)
class LoginRedirect:
    """Where the browser goes next; state and nonce are secrets until then.

    Args:
        storage: where the platform keeps values for browsers that refuse our cookie; None if it offered no place.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    storage: "PlatformStorage | None"


@dataclass(frozen=True, slots=True)
class PlatformStorage:
    """What a page asks the platform's frame to keep (1EdTech client-side postMessages, lti.put_data, lti.get_data).

    Args:
        target: the frame's name below our parent, or "_parent".
        origin: the only origin that may be talked to.
        key: of the stored value.
        value: binds the login to this browser, as the cookie would; None at launch, where it is asked for.
    """

    target: str
    origin: str
    key: str
    value: str | None = field(repr=False)


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
    """Return where to send the browser. Nothing is stored: the flow travels in the signed state.

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
    flow = new_flow(
        browser_id=browser_id,
        target_link_uri=target_link_uri,
        registration_id=registration.id,
        now_seconds=epoch_seconds(tool.clock),
        storage_target=_storage_target(params),
    )
    state, nonce = tool.seal.seal(flow), tool.seal.nonce(flow)
    # State and nonce are made of characters that need no quoting.
    query = f"login_hint={quote_plus(login_hint)}&state={state}&nonce={nonce}"
    if message_hint is not None:
        query += f"&lti_message_hint={quote_plus(message_hint)}"
    return LoginRedirect(
        _asking(registration.auth_login_url, registration.client_id, tool.launch_url) + query,
        state,
        nonce,
        storage_for(tool, flow, registration, keep=True),
    )


@lru_cache(maxsize=256)  # the same for every login of a registration
def _asking(auth_login_url: str, client_id: str, redirect_uri: str) -> str:
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
    }
    return f"{auth_login_url}{'&' if '?' in auth_login_url else '?'}{urlencode(query)}&"


def storage_for(
    tool: LtiTool, flow: LoginFlow, registration: Registration, *, keep: bool
) -> PlatformStorage | None:
    """Return where the platform of `flow` keeps values for us; None if it offered no place.

    Args:
        keep: at login the value is given along, to be kept; at launch it is asked for.

    Source: 1EdTech LTI Client Side postMessages 0.1, OIDC Login with LTI Client Side postMessages 0.1.
    """
    if not flow.storage_target:
        return None
    scheme, host, port = origin_of(registration.auth_login_url)
    default = {"https": 443, "http": 80}[scheme]
    netloc = f"[{host}]" if ":" in host else host
    origin = f"{scheme}://{netloc}" + ("" if port == default else f":{port}")
    value = tool.seal.storage_value(flow) if keep else None
    return PlatformStorage(flow.storage_target, origin, f"lti_browser_{flow.id.hex()}", value)


def _storage_target(params: Mapping[str, str]) -> str:
    target = params.get("lti_storage_target") or ""
    # A name that is no frame's name is as good as none: the cookie or a new window will do.
    fits = len(target) <= MAX_STORAGE_TARGET_CHARACTERS and target.isascii() and target.isprintable()
    return target if fits else ""
