"""What a platform publishes of itself for LTI Dynamic Registration 1.0 (§2.1), read before it is believed.

The address of the configuration can name any host: give these functions a `NetworkPolicy` that allows no more
than an administrator did, and open the door that leads here to invited people alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lti.errors import ServiceFailed
from lti.http import Reply, may_pass
from lti.registration import KEY_TYPES, NetworkPolicy, may_be_called, origin_of
from lti.services import JSON, CallsPlatforms
from lti.strict_json import parse_object

PLATFORM_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-platform-configuration"
ID_CHARACTERS = 255
_URL_CHARACTERS = 1000
_TOKEN_CHARACTERS = 8192
_SIGNED_WITH = "RS256"


@dataclass(frozen=True, slots=True)
class RegistrationLink:
    """What the platform appended to the tool's registration address (§3.3)."""

    openid_configuration: str
    registration_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlatformConfiguration:
    """What a platform publishes of itself (§2.1), as far as it is needed.

    Args:
        token_audience: `aud` of client assertions where it is not the token endpoint.
        product_family: e.g. "moodle", lower case; "" if not said.
        algorithm: what its signatures will be pinned to.
        messages, scopes, variables: what it offers; `scopes` empty: it does not say.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    registration_endpoint: str
    token_audience: str | None
    product_family: str
    version: str
    algorithm: str
    messages: frozenset[str]
    scopes: frozenset[str]
    variables: frozenset[str]


def object_in(reply: Reply, malformed: str) -> dict[str, Any]:
    """Return the JSON object in `reply`; ServiceFailed(`malformed`) if there is none."""
    try:
        return parse_object(reply.body)
    except ValueError:
        raise ServiceFailed(malformed, status=reply.status) from None


def read_registration_link(params: Mapping[str, str]) -> RegistrationLink:
    """Return what the platform appended to the registration address.

    Raises:
        ServiceFailed: registration_link_malformed.
    """
    url, token = params.get("openid_configuration", ""), params.get("registration_token") or None
    if not 0 < len(url) <= _URL_CHARACTERS:
        raise ServiceFailed("registration_link_malformed")
    if token is not None and not (
        len(token) <= _TOKEN_CHARACTERS and token.isascii() and token.isprintable() and " " not in token
    ):
        raise ServiceFailed("registration_link_malformed")
    return RegistrationLink(url, token)


def texts_in(value: Any) -> frozenset[str]:
    """Return the texts of a JSON list; nothing of anything else."""
    return (
        frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
    )


def _address(document: Mapping[str, Any], name: str, policy: NetworkPolicy) -> str:
    value = document.get(name)
    if (
        not isinstance(value, str)
        or len(value) > _URL_CHARACTERS
        or not may_be_called(value, demo=policy.demo)
    ):
        raise ServiceFailed("configuration_malformed")
    return value


def _short(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= ID_CHARACTERS and value.isprintable() else ""


def _algorithm(document: Mapping[str, Any]) -> str:
    """Return the algorithm for id_tokens: ours first, else the first that this library can verify."""
    told = document.get("token_endpoint_auth_signing_alg_values_supported")
    if told is not None and _SIGNED_WITH not in texts_in(told):
        raise ServiceFailed("algorithm_unsupported")
    offered = document.get("id_token_signing_alg_values_supported", [_SIGNED_WITH])
    usable = [algorithm for algorithm in KEY_TYPES if algorithm in texts_in(offered)]
    if not usable:
        raise ServiceFailed("algorithm_unsupported")
    return usable[0]


def message_types(value: Any) -> frozenset[str]:
    """Return the types in a list of messages."""
    # Older Moodles list names, the standard lists objects.
    members = value if isinstance(value, list) else []
    return texts_in([each.get("type") if isinstance(each, dict) else each for each in members])


def read_configuration(
    document: Mapping[str, Any],
    url: str,
    policy: NetworkPolicy,
    *,
    vouched_issuers: frozenset[str] = frozenset(),
) -> PlatformConfiguration:
    """Return the platform configuration in `document`, which came from `url`.

    Args:
        vouched_issuers: issuers whose configuration may lie on another origin, because an administrator says
            so (an issuer that all sites of a hosted platform share).

    Raises:
        ServiceFailed: configuration_foreign (the issuer is not of `url`'s origin: anybody could register
            in its name), configuration_malformed, algorithm_unsupported.

    Source: LTI Dynamic Registration 1.0 §2.1, §3.5.1; OpenID Connect Discovery 1.0 §3, §4.3.
    """
    issuer = _address(document, "issuer", policy)
    if len(issuer) > ID_CHARACTERS or "?" in issuer:
        raise ServiceFailed("configuration_malformed")
    if origin_of(issuer) != origin_of(url) and issuer not in vouched_issuers:
        raise ServiceFailed("configuration_foreign")
    methods = document.get("token_endpoint_auth_methods_supported")
    if methods is not None and "private_key_jwt" not in texts_in(methods):
        raise ServiceFailed("configuration_malformed")
    audience = document.get("authorization_server")
    if audience is not None and not (isinstance(audience, str) and 0 < len(audience) <= _URL_CHARACTERS):
        raise ServiceFailed("configuration_malformed")
    told = document.get(PLATFORM_CONFIGURATION)
    platform: Mapping[str, Any] = told if isinstance(told, dict) else {}
    return PlatformConfiguration(
        issuer=issuer,
        authorization_endpoint=_address(document, "authorization_endpoint", policy),
        token_endpoint=_address(document, "token_endpoint", policy),
        jwks_uri=_address(document, "jwks_uri", policy),
        registration_endpoint=_address(document, "registration_endpoint", policy),
        token_audience=audience,
        product_family=_short(platform.get("product_family_code")).lower(),
        version=_short(platform.get("version")),
        algorithm=_algorithm(document),
        messages=message_types(platform.get("messages_supported")),
        scopes=texts_in(document.get("scopes_supported")) - {"openid"},
        variables=texts_in(platform.get("variables")),
    )


def fetch_configuration(
    http: CallsPlatforms,
    link: RegistrationLink,
    policy: NetworkPolicy,
    *,
    vouched_issuers: frozenset[str] = frozenset(),
) -> PlatformConfiguration:
    """Return what the platform publishes at `link`; the registration token is not sent there.

    Raises:
        ServiceFailed: as `read_configuration`, or what `GuardedHttp` raises.
    """
    reply = http.request("GET", link.openid_configuration, policy, headers={"Accept": JSON})
    if reply.status != 200:
        reason = "platform_error" if may_pass(reply.status) else "configuration_malformed"
        raise ServiceFailed(reason, status=reply.status)
    document = object_in(reply, "configuration_malformed")
    return read_configuration(document, link.openid_configuration, policy, vouched_issuers=vouched_issuers)
