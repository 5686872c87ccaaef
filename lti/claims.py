"""The claims of a launch, read strictly: the right types and lengths, or a refusal that says which.

The names are the standard's own (LTI 1.3 Core §5.3, §5.4, §C). Contact data and citizen ids are gone before
anything is read; what each type of message says beside these claims is read in `lti.messages`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
EXT = CLAIM + "ext"
FOR_USER = CLAIM + "for_user"
NOTICE = CLAIM + "notice"
LAUNCH_PRESENTATION = CLAIM + "launch_presentation"
AGS_ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS_SERVICE = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
NOTIFICATION_SERVICE = CLAIM + "platformnotificationservice"

LTI_VERSION = "1.3.0"
RESOURCE_LINK_REQUEST = "LtiResourceLinkRequest"

ID_CHARACTERS = 255
URL_CHARACTERS = 4096
TEXT_CHARACTERS = 4096
_MAX_ROLES = 100
_VARIABLE = re.compile(r"\$[A-Z]\w*(?:\.\w+)+")
_HAN = re.compile("[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """The link that was opened; `id` is unique in its deployment."""

    id: str
    title: str | None
    description: str | None = None


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
class NotificationService:
    """Where notices may be asked for (Platform Notification Service 1.0); check the host before use."""

    url: str
    scopes: tuple[str, ...]
    notice_types: tuple[str, ...]
    service_versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaunchClaims:
    """What a verified launch says. Without contact data and citizen ids: in `raw` neither.

    There is no full name here: platforms put it together in the order of the interface's language ("三 张"), so
    only `person_name`, made of the two parts, is in the order in which Chinese names are written.

    Args:
        sub: the person at the platform, as sent whatever it is; None in an anonymous launch. To be kept encrypted,
            and neither logged nor shown: it is in no other member.
        roles: as sent; `role` is what they amount to here.
        lis, custom, ext: names and values as text.
        return_url: as sent; `lti.launch.Launch.return_url` is the one that may be followed.
        raw: all claims that remain, for what this class does not name; no `sub` and no `user_id`.
        contact_removed: paths of the claims that held contact data.
        citizen_id_seen_in: paths of the claims that held a citizen id, "sub" among them: an administrator of the
            platform must be told to send an employee number instead.
    """

    iss: str
    sub: str | None = field(repr=False)
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
    given_name: str | None = field(repr=False)
    family_name: str | None = field(repr=False)
    lis: Mapping[str, str] = field(repr=False)
    custom: Mapping[str, str] = field(repr=False)
    ext: Mapping[str, str] = field(repr=False)
    ags: AgsEndpoint | None
    nrps: NrpsService | None
    notification_service: NotificationService | None
    return_url: str | None
    raw: Mapping[str, Any] = field(repr=False)
    contact_removed: tuple[str, ...]
    citizen_id_seen_in: tuple[str, ...]

    @property
    def person_name(self) -> str | None:
        """The person's name in Chinese order, family name first; None if the platform sent none."""
        return name_in_chinese_order(self.family_name, self.given_name)

    @property
    def person_sourcedid(self) -> str | None:
        """The person's number at the institution (Moodle: idnumber); None if not sent, or a citizen id."""
        return self.lis.get("person_sourcedid") or None

    @property
    def username(self) -> str | None:
        """The person's login name at the platform (Moodle alone sends one); None if not sent, or a citizen id."""
        return self.ext.get("user_username") or None


def name_in_chinese_order(family_name: str | None, given_name: str | None) -> str | None:
    """Return the name as a Chinese paper writes it: 张三, 欧阳娜娜; names in Latin letters with a space between."""
    parts = [part.strip() for part in (family_name, given_name) if part and part.strip()]
    return ("" if all(_HAN.search(part) for part in parts) else " ").join(parts) or None


def text(value: Any, limit: int = TEXT_CHARACTERS) -> str | None:
    """Return `value` if it is text of at most `limit` characters, or None; else LaunchRefused("claim_malformed")."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise LaunchRefused("claim_malformed")
    return value


def identifier(value: Any, missing: str, invalid: str) -> str:
    """Return `value` if it is a text of 1–255 characters; else LaunchRefused with the reason that fits."""
    if value is None or value == "":
        raise LaunchRefused(missing)
    if not isinstance(value, str) or len(value) > ID_CHARACTERS:
        raise LaunchRefused(invalid)
    return value


def members(value: Any) -> Mapping[str, Any] | None:
    """Return `value` if it is an object or None; else LaunchRefused("claim_malformed")."""
    if value is not None and not isinstance(value, dict):
        raise LaunchRefused("claim_malformed")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list, none for None; else LaunchRefused("claim_malformed")."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise LaunchRefused("claim_malformed")
    return tuple(value)


def _flat(value: Any) -> dict[str, str]:
    """Return names → text of a claim that holds no further objects: null is "", and numbers are their digits.

    So is a variable that the platform left unreplaced ("$Person.sourcedId"): taken for somebody's number, it would
    make one person of all.
    """
    flat: dict[str, str] = {}
    for key, member in (members(value) or {}).items():
        if isinstance(member, dict | list):
            raise LaunchRefused("claim_malformed")
        said = text(member) or "" if member is None or isinstance(member, str) else str(member)
        flat[key] = "" if said.startswith("$") and _VARIABLE.fullmatch(said) else said
    return flat


def _plain(value: Any) -> Any:
    # What a platform adds of its own may have any shape (Canvas: "errors" in each claim): that is left to `raw`.
    if not isinstance(value, dict):
        return None
    return {key: member for key, member in value.items() if not isinstance(member, dict | list)}


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


def _resource_link(payload: Mapping[str, Any]) -> ResourceLink | None:
    link = members(payload.get(RESOURCE_LINK))
    if link is None:
        return None
    return ResourceLink(
        identifier(link.get("id"), "resource_link_missing", "claim_malformed"),
        text(link.get("title")),
        text(link.get("description")),
    )


def read_context(claim: Any) -> Context | None:
    """Return the course that a context claim names, None for none; else LaunchRefused("claim_malformed")."""
    value = members(claim)
    if value is None:
        return None
    return Context(
        identifier(value.get("id"), "claim_malformed", "claim_malformed"),
        text(value.get("label")),
        text(value.get("title")),
    )


def _ags(payload: Mapping[str, Any]) -> AgsEndpoint | None:
    value = members(payload.get(AGS_ENDPOINT))
    if value is None:
        return None
    return AgsEndpoint(
        text(value.get("lineitem"), URL_CHARACTERS),
        text(value.get("lineitems"), URL_CHARACTERS),
        texts(value.get("scope")),
    )


def _nrps(payload: Mapping[str, Any]) -> NrpsService | None:
    value = members(payload.get(NRPS_SERVICE))
    if value is None:
        return None
    url = _identifier_url(value.get("context_memberships_url"))
    return NrpsService(url, texts(value.get("service_versions")))


def _notification_service(payload: Mapping[str, Any]) -> NotificationService | None:
    value = members(payload.get(NOTIFICATION_SERVICE))
    if value is None:
        return None
    return NotificationService(
        _identifier_url(value.get("platform_notification_service_url")),
        texts(value.get("scope")),
        texts(value.get("notice_types_supported")),
        texts(value.get("service_versions")),
    )


def _identifier_url(value: Any) -> str:
    url = text(value, URL_CHARACTERS)
    if not url:
        raise LaunchRefused("claim_malformed")
    return url


def parse_claims(payload: Mapping[str, Any], client_id: str, *, anonymous_allowed: bool) -> LaunchClaims:
    """Return the claims of `payload`, an id_token's JSON whose signature, issuer and audience are verified.

    Raises:
        LaunchRefused: version_unsupported, message_type_*, deployment_id_*, target_link_uri_missing, roles_*,
            resource_link_missing (a link without id), sub_*, claim_malformed.
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
    try:
        stripped = strip_contact_claims(payload)
    except ValueError:
        raise LaunchRefused("claim_malformed") from None
    clean = stripped.claims
    roles = _roles(payload)
    presentation = members(clean.get(LAUNCH_PRESENTATION)) or {}
    return LaunchClaims(
        iss=payload["iss"],
        sub=None if sub is None else identifier(sub, "sub_invalid", "sub_invalid"),
        aud=(aud,) if isinstance(aud, str) else tuple(aud),
        client_id=client_id,
        deployment_id=identifier(
            payload.get(DEPLOYMENT_ID), "deployment_id_missing", "deployment_id_invalid"
        ),
        target_link_uri=_target_link_uri(payload),
        message_type=message_type,
        version=version,
        roles=roles,
        role=context_role(roles),
        resource_link=_resource_link(clean),
        context=read_context(clean.get(CONTEXT)),
        given_name=text(clean.get("given_name")),
        family_name=text(clean.get("family_name")),
        lis=_flat(_plain(members(clean.get(LIS)))),
        custom=_flat(clean.get(CUSTOM)),
        ext=_flat(_plain(clean.get(EXT))),
        ags=_ags(clean),
        nrps=_nrps(clean),
        notification_service=_notification_service(clean),
        return_url=text(presentation.get("return_url"), URL_CHARACTERS),
        raw=without_accounts(clean),
        contact_removed=stripped.removed,
        citizen_id_seen_in=stripped.citizen_ids,
    )


def without_accounts(clean: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims without `sub` and the `user_id` of any claim: whose they are is told in one place alone."""
    return {
        name: {key: each for key, each in value.items() if key != "user_id"}
        if isinstance(value, dict) and "user_id" in value
        else value
        for name, value in clean.items()
        if name != "sub"
    }


def _target_link_uri(payload: Mapping[str, Any]) -> str:
    value = payload.get(TARGET_LINK_URI)
    if not value:
        raise LaunchRefused("target_link_uri_missing")
    uri = text(value, URL_CHARACTERS)
    assert uri is not None  # noqa: S101  # for mypy: `value` is not None here
    return uri
