"""The claims of a launch, read strictly: the right types and lengths, or a refusal that says which.

The names are the standard's own (LTI 1.3 Core §5.3, §5.4, §C). Contact data is gone before anything is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lti.contact import strip_contact_claims
from lti.errors import LaunchRefused
from lti.roles import Role, context_role

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
MESSAGE_TYPE = CLAIM + "message_type"
VERSION = CLAIM + "version"
DEPLOYMENT_ID = CLAIM + "deployment_id"
TARGET_LINK_URI = CLAIM + "target_link_uri"
RESOURCE_LINK = CLAIM + "resource_link"
ROLES = CLAIM + "roles"
CONTEXT = CLAIM + "context"
LIS = CLAIM + "lis"
CUSTOM = CLAIM + "custom"
LAUNCH_PRESENTATION = CLAIM + "launch_presentation"
AGS_ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS_SERVICE = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"

LTI_VERSION = "1.3.0"
RESOURCE_LINK_REQUEST = "LtiResourceLinkRequest"

_ID_CHARACTERS = 255
_URL_CHARACTERS = 4096
_TEXT_CHARACTERS = 4096
_MAX_ROLES = 100


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """The link that was opened; `id` is unique in its deployment."""

    id: str
    title: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """The course that the link stands in; `id` is unique in its deployment."""

    id: str
    label: str | None
    title: str | None


@dataclass(frozen=True, slots=True)
class AgsEndpoint:
    """Where scores may go (AGS 2.0 §3.1); check the host before use (`lti.ags` does)."""

    lineitem: str | None
    lineitems: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NrpsService:
    """Where the roster may be read (NRPS 2.0 §3.6.1); check the host before use."""

    context_memberships_url: str
    service_versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaunchClaims:
    """What a verified launch says. Without e-mail, telephone, address, picture: in `raw` neither.

    Args:
        sub: the person at the platform; None in an anonymous launch.
        roles: as sent; `role` is what they amount to here.
        lis, custom: names and values as text.
        return_url: as sent; `lti.launch.Launch.return_url` is the one that may be followed.
        raw: all claims that remain, for what this class does not name.
        contact_removed: paths of the claims that held contact data.
    """

    iss: str
    sub: str | None
    aud: tuple[str, ...]
    client_id: str
    deployment_id: str
    target_link_uri: str
    message_type: str
    version: str
    roles: tuple[str, ...]
    role: Role
    resource_link: ResourceLink | None
    context: Context | None
    given_name: str | None
    family_name: str | None
    name: str | None
    lis: Mapping[str, str]
    custom: Mapping[str, str]
    ags: AgsEndpoint | None
    nrps: NrpsService | None
    return_url: str | None
    raw: Mapping[str, Any]
    contact_removed: tuple[str, ...]


def _text(value: Any, limit: int = _TEXT_CHARACTERS) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise LaunchRefused("claim_malformed")
    return value


def _identifier(value: Any, missing: str, invalid: str) -> str:
    if value is None or value == "":
        raise LaunchRefused(missing)
    if not isinstance(value, str) or len(value) > _ID_CHARACTERS:
        raise LaunchRefused(invalid)
    return value


def _object(value: Any) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise LaunchRefused("claim_malformed")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise LaunchRefused("claim_malformed")
    return tuple(value)


def _flat(value: Any) -> dict[str, str]:
    """Return names → text of a claim that holds no further objects; null becomes "", numbers their digits."""
    flat: dict[str, str] = {}
    for key, member in (_object(value) or {}).items():
        if isinstance(member, dict | list):
            raise LaunchRefused("claim_malformed")
        flat[key] = (
            "" if member is None else (_text(member) or "") if isinstance(member, str) else str(member)
        )
    return flat


def _roles(payload: Mapping[str, Any]) -> tuple[str, ...]:
    value = payload.get(ROLES)
    if value is None:
        raise LaunchRefused("roles_missing")
    if (
        not isinstance(value, list)
        or len(value) > _MAX_ROLES
        or not all(isinstance(each, str) for each in value)
    ):
        raise LaunchRefused("roles_malformed")
    return tuple(value)


def _resource_link(payload: Mapping[str, Any], message_type: str) -> ResourceLink | None:
    value = _object(payload.get(RESOURCE_LINK))
    if value is None and message_type != RESOURCE_LINK_REQUEST:
        return None
    link = value or {}
    return ResourceLink(
        _identifier(link.get("id"), "resource_link_missing", "claim_malformed"), _text(link.get("title"))
    )


def _context(payload: Mapping[str, Any]) -> Context | None:
    value = _object(payload.get(CONTEXT))
    if value is None:
        return None
    return Context(
        _identifier(value.get("id"), "claim_malformed", "claim_malformed"),
        _text(value.get("label")),
        _text(value.get("title")),
    )


def _ags(payload: Mapping[str, Any]) -> AgsEndpoint | None:
    value = _object(payload.get(AGS_ENDPOINT))
    if value is None:
        return None
    return AgsEndpoint(
        _text(value.get("lineitem"), _URL_CHARACTERS),
        _text(value.get("lineitems"), _URL_CHARACTERS),
        _texts(value.get("scope")),
    )


def _nrps(payload: Mapping[str, Any]) -> NrpsService | None:
    value = _object(payload.get(NRPS_SERVICE))
    if value is None:
        return None
    url = _identifier_url(value.get("context_memberships_url"))
    return NrpsService(url, _texts(value.get("service_versions")))


def _identifier_url(value: Any) -> str:
    url = _text(value, _URL_CHARACTERS)
    if not url:
        raise LaunchRefused("claim_malformed")
    return url


def parse_claims(payload: Mapping[str, Any], client_id: str, *, anonymous_allowed: bool) -> LaunchClaims:
    """Return the claims of `payload`, an id_token's JSON whose signature, issuer and audience are verified.

    Raises:
        LaunchRefused: version_unsupported, message_type_*, deployment_id_*, target_link_uri_missing, roles_*,
            resource_link_missing, sub_*, claim_malformed.
    """
    version = payload.get(VERSION)
    if version != LTI_VERSION:
        raise LaunchRefused("version_unsupported")
    message_type = payload.get(MESSAGE_TYPE)
    if not isinstance(message_type, str) or not message_type:
        raise LaunchRefused("message_type_missing")
    sub = payload.get("sub")
    if sub is None and not anonymous_allowed:
        raise LaunchRefused("sub_missing")
    aud = payload["aud"]
    stripped = strip_contact_claims(payload)
    clean = stripped.claims
    roles = _roles(payload)
    presentation = _object(clean.get(LAUNCH_PRESENTATION)) or {}
    return LaunchClaims(
        iss=payload["iss"],
        sub=None if sub is None else _identifier(sub, "sub_invalid", "sub_invalid"),
        aud=(aud,) if isinstance(aud, str) else tuple(aud),
        client_id=client_id,
        deployment_id=_identifier(
            payload.get(DEPLOYMENT_ID), "deployment_id_missing", "deployment_id_invalid"
        ),
        target_link_uri=_target_link_uri(payload),
        message_type=message_type,
        version=version,
        roles=roles,
        role=context_role(roles),
        resource_link=_resource_link(clean, message_type),
        context=_context(clean),
        given_name=_text(clean.get("given_name")),
        family_name=_text(clean.get("family_name")),
        name=_text(clean.get("name")),
        lis=_flat(clean.get(LIS)),
        custom=_flat(clean.get(CUSTOM)),
        ags=_ags(clean),
        nrps=_nrps(clean),
        return_url=_text(presentation.get("return_url"), _URL_CHARACTERS),
        raw=clean,
        contact_removed=stripped.removed,
    )


def _target_link_uri(payload: Mapping[str, Any]) -> str:
    value = payload.get(TARGET_LINK_URI)
    if not value:
        raise LaunchRefused("target_link_uri_missing")
    uri = _text(value, _URL_CHARACTERS)
    assert uri is not None  # noqa: S101  # for mypy: `value` is not None here
    return uri
