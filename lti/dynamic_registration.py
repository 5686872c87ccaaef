"""LTI Dynamic Registration 1.0, the tool's side: register with a platform and read what came of it.

An administrator pastes the tool's registration address into the platform; the platform opens it in the
browser and appends where its configuration lies (`lti.platform_configuration`).

No e-mail claim is asked for, and no `$Person.sourcedId`: platforms send that number in the `lis` claim.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lti.ags import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, RESULT_READ_SCOPE, SCORE_SCOPE
from lti.claims import RESOURCE_LINK_REQUEST
from lti.deep_linking import DEEP_LINKING_REQUEST
from lti.errors import ServiceFailed
from lti.http import may_pass
from lti.notices import NOTICE_HANDLERS_SCOPE
from lti.nrps import MEMBERSHIP_SCOPE
from lti.platform_configuration import (
    ID_CHARACTERS,
    PlatformConfiguration,
    RegistrationLink,
    message_types,
    object_in,
    texts_in,
)
from lti.proctoring import CONTROL_SCOPE, END_ASSESSMENT, START_PROCTORING
from lti.registration import NetworkPolicy, Registration
from lti.services import JSON, CallsPlatforms
from lti.submission_review import SUBMISSION_REVIEW_REQUEST
from lti.tool import LtiTool

TOOL_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-tool-configuration"
CLOSE_MESSAGE = {"subject": "org.imsglobal.lti.close"}
"""What the last page posts to its opener or parent window, so that the platform closes it (§3.5)."""

CLAIMS = ("iss", "sub", "given_name", "family_name")
_SCOPES_ZH = {
    SCORE_SCOPE: "成绩回传",
    RESULT_READ_SCOPE: "成绩读取",
    LINE_ITEM_READ_SCOPE: "成绩项读取",
    LINE_ITEM_SCOPE: "成绩项管理",
    MEMBERSHIP_SCOPE: "成员名单",
    CONTROL_SCOPE: "监考控制",
    NOTICE_HANDLERS_SCOPE: "平台通知",
}
# Only asked for where the platform says that it knows them; deep linking and plain launches always are.
_OPTIONAL_MESSAGES = (START_PROCTORING, END_ASSESSMENT, SUBMISSION_REVIEW_REQUEST)
_OPTIONAL_SCOPES = (CONTROL_SCOPE, NOTICE_HANDLERS_SCOPE)
_ADDRESSES = ("redirect_uris", "initiate_login_uri", "jwks_uri")
_TARGET = "target_link_uri"

_WARNINGS = {
    "services_not_granted": "学习平台没有授予以下服务：{}。相关功能暂不可用，请在学习平台的工具设置中开启。",
    "messages_not_granted": "学习平台没有采用以下消息：{}。相关功能暂不可用。",
    "email_claim_listed": "学习平台的答复中列有邮箱。本系统没有申请，也不保存；"
    "请在学习平台的工具设置中将“共享邮箱”设为“从不”。",
    "addresses_changed": "学习平台登记的地址与本系统申请的不一致：{}。请在学习平台的工具设置中核对。",
    "custom_not_granted": "学习平台没有采用以下自定义参数：{}。",
    "deployment_not_named": "学习平台没有说明部署编号。首次进入后，请在本系统中批准该部署。",
}
_PENDING_ZH = {
    "moodle": (
        "在 Moodle 中打开“网站管理 ▸ 插件 ▸ 外部工具 ▸ 管理工具”，在本工具的卡片上点击“激活”（Activate）。",
        "点击同一张卡片上的齿轮，将“工具配置用法”（Tool configuration usage）改为"
        "“在活动选择器中显示并作为预配置工具”（Show in activity chooser and as a preconfigured tool），然后保存。",
    ),
}
_PENDING_ELSEWHERE_ZH = ("请学习平台管理员在外部工具管理页面启用本工具，并对需要的课程开放。",)


@dataclass(frozen=True, slots=True)
class ToolProfile:
    """How the tool presents itself to platforms.

    Args:
        name, description: shown to teachers.
        login_url, launch_url, jwks_url: the tool's three addresses, on one origin.
        target_link_uri: what a plain launch opens; on the same origin.
        custom: name → value or "$Variable"; a variable that the platform does not know is not asked for.
    """

    name: str
    description: str
    login_url: str
    launch_url: str
    jwks_url: str
    target_link_uri: str
    logo_url: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tool: LtiTool, name: str, description: str, **further: Any) -> "ToolProfile":
        """Return the profile of `tool`, whose plain launches open its launch address unless said otherwise."""
        origin = tool.public_url.rstrip("/")
        known = {
            "login_url": origin + tool.LOGIN_PATH,
            "launch_url": tool.launch_url,
            "jwks_url": origin + tool.JWKS_PATH,
            "target_link_uri": tool.launch_url,
        }
        return cls(name, description, **{**known, **further})


@dataclass(frozen=True, slots=True)
class RegistrationWarning:
    """What the platform dropped or changed, and what to do."""

    reason: str
    message_zh: str


@dataclass(frozen=True, slots=True)
class RegisteredTool:
    """What came of a registration. Not in use before the platform's administrator has done `pending_steps_zh`.

    Args:
        deployment_id: None: it is seen, and approved, at the first launch.
    """

    platform: PlatformConfiguration
    client_id: str
    deployment_id: str | None
    warnings: tuple[RegistrationWarning, ...]
    pending_steps_zh: tuple[str, ...]

    def registration(self, id: str, tenant: str, policy: NetworkPolicy) -> Registration:
        """Return the registration to keep; see `Registration` for `id` and `tenant`."""
        return Registration(
            id=id,
            tenant=tenant,
            issuer=self.platform.issuer,
            client_id=self.client_id,
            auth_login_url=self.platform.authorization_endpoint,
            auth_token_url=self.platform.token_endpoint,
            jwks_url=self.platform.jwks_uri,
            deployment_ids=frozenset({self.deployment_id} if self.deployment_id else ()),
            allow_private_hosts=policy.allow_private_hosts,
            demo=policy.demo,
            algorithm=self.platform.algorithm,
            token_audience=self.platform.token_audience,
        )


def _wanted_scopes(platform: PlatformConfiguration) -> list[str]:
    if not platform.scopes:
        return [scope for scope in _SCOPES_ZH if scope not in _OPTIONAL_SCOPES]
    return [scope for scope in _SCOPES_ZH if scope in platform.scopes]


def _wanted_messages(platform: PlatformConfiguration) -> list[str]:
    optional = [message for message in _OPTIONAL_MESSAGES if message in platform.messages]
    return [DEEP_LINKING_REQUEST, RESOURCE_LINK_REQUEST, *optional]


def _wanted_custom(profile: ToolProfile, platform: PlatformConfiguration) -> dict[str, str]:
    known = platform.variables
    return {
        name: value
        for name, value in profile.custom.items()
        if not value.startswith("$") or not known or value.removeprefix("$") in known
    }


def client_metadata(profile: ToolProfile, platform: PlatformConfiguration) -> dict[str, Any]:
    """Return what the tool tells `platform` of itself (§2.2; RFC 7591 §2)."""
    messages: list[dict[str, Any]] = [
        {"type": message, "target_link_uri": profile.target_link_uri, "label": profile.name}
        for message in _wanted_messages(platform)
    ]
    messages[0]["placements"] = ["ContentArea"]
    metadata: dict[str, Any] = {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": profile.login_url,
        "redirect_uris": [profile.launch_url],
        "client_name": profile.name,
        "jwks_uri": profile.jwks_url,
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(_wanted_scopes(platform)),
        TOOL_CONFIGURATION: {
            # Moodle refuses a domain that is not the target's own, port included.
            "domain": urlsplit(profile.target_link_uri).netloc,
            "description": profile.description,
            "target_link_uri": profile.target_link_uri,
            "custom_parameters": _wanted_custom(profile, platform),
            "claims": list(CLAIMS),
            "messages": messages,
        },
    }
    return metadata if profile.logo_url is None else {**metadata, "logo_uri": profile.logo_url}


def register(
    http: CallsPlatforms,
    link: RegistrationLink,
    platform: PlatformConfiguration,
    profile: ToolProfile,
    policy: NetworkPolicy,
) -> RegisteredTool:
    """Register the tool with `platform` and return what came of it.

    Call it once for each link: a platform takes a registration token once, and a second try after a lost
    answer leaves two registrations there.

    Raises:
        ServiceFailed: registration_refused, registration_reply_malformed, platform_error, or what
            `GuardedHttp` raises.

    Source: LTI Dynamic Registration 1.0 §3.6, §3.7; RFC 7591 §3.
    """
    asked = client_metadata(profile, platform)
    headers = {"Content-Type": JSON, "Accept": JSON}
    if link.registration_token is not None:
        headers["Authorization"] = f"Bearer {link.registration_token}"
    reply = http.request(
        "POST",
        platform.registration_endpoint,
        policy,
        headers=headers,
        body=json.dumps(asked, ensure_ascii=False).encode(),
    )
    if not 200 <= reply.status < 300:
        reason = "platform_error" if may_pass(reply.status) else "registration_refused"
        raise ServiceFailed(reason, status=reply.status)
    return read_registration(object_in(reply, "registration_reply_malformed"), asked, platform, profile)


def read_registration(
    answer: Mapping[str, Any],
    asked: Mapping[str, Any],
    platform: PlatformConfiguration,
    profile: ToolProfile,
) -> RegisteredTool:
    """Return what `answer` says has become of `asked`.

    Raises:
        ServiceFailed: registration_reply_malformed.
    """
    client_id = answer.get("client_id")
    told = answer.get(TOOL_CONFIGURATION)
    configured: Mapping[str, Any] = told if isinstance(told, dict) else {}
    deployment_id = configured.get("deployment_id", answer.get("deployment_id"))
    if isinstance(deployment_id, int) and not isinstance(deployment_id, bool):
        deployment_id = str(deployment_id)
    for value in (client_id, deployment_id or "-"):
        if not isinstance(value, str) or not 0 < len(value) <= ID_CHARACTERS or not value.isprintable():
            raise ServiceFailed("registration_reply_malformed")
    assert isinstance(client_id, str)  # noqa: S101  # for mypy: checked in the loop
    warnings = _warnings(answer, configured, asked, profile)
    if deployment_id is None or deployment_id == "":
        deployment_id = None
        warnings.append(_warning("deployment_not_named"))
    pending = _PENDING_ZH.get(platform.product_family, _PENDING_ELSEWHERE_ZH)
    return RegisteredTool(platform, client_id, deployment_id, tuple(warnings), pending)


def _warning(reason: str, names: str = "") -> RegistrationWarning:
    return RegistrationWarning(reason, _WARNINGS[reason].format(names))


def _warnings(
    answer: Mapping[str, Any], configured: Mapping[str, Any], asked: Mapping[str, Any], profile: ToolProfile
) -> list[RegistrationWarning]:
    # What the answer does not speak of counts as granted, although RFC 7591 §3.2.1 has it say everything.
    wished = asked[TOOL_CONFIGURATION]
    found = [
        ("services_not_granted", _lacking_services(answer.get("scope"), set(asked["scope"].split()))),
        ("messages_not_granted", _lacking_messages(configured, wished["messages"])),
        ("addresses_changed", _changed_addresses(answer, configured, asked)),
        ("custom_not_granted", _lacking_custom(configured, wished["custom_parameters"], profile.custom)),
    ]
    warnings = [_warning(reason, "、".join(names)) for reason, names in found if names]
    if "email" in texts_in(configured.get("claims")):
        warnings.append(_warning("email_claim_listed"))
    return warnings


def _lacking_services(scope: Any, asked: set[str]) -> list[str]:
    granted = set(scope.split()) if isinstance(scope, str) else texts_in(scope) if scope else asked
    wanted = [one for one in _SCOPES_ZH if one in asked or one not in _OPTIONAL_SCOPES]
    return [_SCOPES_ZH[one] for one in wanted if one not in asked & granted]


def _lacking_messages(configured: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> list[str]:
    if "messages" not in configured:
        return []
    # A plain launch needs no mention: Moodle leaves it out of every answer.
    kept = message_types(configured["messages"]) | {RESOURCE_LINK_REQUEST}
    return [message["type"] for message in asked if message["type"] not in kept]


def _changed_addresses(
    answer: Mapping[str, Any], configured: Mapping[str, Any], asked: Mapping[str, Any]
) -> list[str]:
    told = {**{name: answer.get(name) for name in _ADDRESSES}, _TARGET: configured.get(_TARGET)}
    wished = {**asked, _TARGET: asked[TOOL_CONFIGURATION][_TARGET]}
    return [name for name, value in told.items() if value is not None and value != wished[name]]


def _lacking_custom(
    configured: Mapping[str, Any], asked: Mapping[str, str], wanted: Mapping[str, str]
) -> list[str]:
    told = configured.get("custom_parameters", asked)
    kept = told if isinstance(told, dict) else {}
    return [name for name, value in wanted.items() if kept.get(name) != value]
