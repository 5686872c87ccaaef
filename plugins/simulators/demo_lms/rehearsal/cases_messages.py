"""Row C8, the matrix of messages: each type right, wrong in what it needs, and under the name of another."""

from typing import Any

from plugins.simulators.demo_lms.names import (
    ACS,
    AGS_ENDPOINT,
    ATTEMPT_NUMBER,
    DL_SETTINGS,
    FOR_USER,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    ROLES,
    SESSION_DATA,
    START_URL,
    TEACHER,
)
from plugins.simulators.demo_lms.rehearsal.answers import Right
from plugins.simulators.demo_lms.rehearsal.case import Case, Draft

LINK = "LtiResourceLinkRequest"
DEEP = "LtiDeepLinkingRequest"
REVIEW = "LtiSubmissionReviewRequest"
START = "LtiStartProctoring"
END = "LtiEndAssessment"

_TITLES = {LINK: "打开课程", DEEP: "选择内容", REVIEW: "查看作业", START: "开始监考", END: "考试结束"}
_FOREIGN = "https://evil.example/return"
_UNSUPPORTED = (
    ("privacy", "隐私声明", "LtiDataPrivacyLaunchRequest"),
    ("eula", "使用协议", "LtiEulaRequest"),
    ("asset", "资料处理设置", "LtiAssetProcessorSettingsRequest"),
)


def message_claims(issuer: str, message_type: str) -> dict[str, Any]:
    """Return what of a right launch changes for a right message of this type (None: left out)."""
    changes: dict[str, dict[str, Any]] = {
        LINK: {},
        DEEP: {
            RESOURCE_LINK: None,
            AGS_ENDPOINT: None,
            ROLES: TEACHER,
            DL_SETTINGS: {
                "deep_link_return_url": f"{issuer}/lti/deep-links",
                "accept_types": ["ltiResourceLink", "link"],
                "accept_presentation_document_targets": ["iframe", "window"],
                "accept_multiple": True,
                "data": "rehearsal",
            },
        },
        REVIEW: {ROLES: TEACHER, FOR_USER: {"user_id": "rehearsal-learner-1", "roles": ["Learner"]}},
        START: {
            START_URL: f"{issuer}/lti/start-assessment?attempt=1",
            SESSION_DATA: "rehearsal-session",
            ATTEMPT_NUMBER: 1,
            ACS: {
                "assessment_control_url": f"{issuer}/lti/assessment-control",
                "actions": ["flag", "terminate"],
            },
        },
        END: {ATTEMPT_NUMBER: 1},
    }
    return {**changes[message_type], MESSAGE_TYPE: message_type}


def message_case(id: str, title: str, right: Right, message_type: str, /, **claims: Any) -> Case:
    """A right message of this type but for these claims (None: left out)."""

    def token(draft: Draft) -> str:
        return draft.changed(**{**message_claims(draft.claims["iss"], message_type), **claims})

    return Case(f"C8.{id}", title, right, token)


def _settings_case(id: str, title: str, /, **members: Any) -> Case:
    def token(draft: Draft) -> str:
        claims = message_claims(draft.claims["iss"], DEEP)
        settings = {
            name: value for name, value in {**claims[DL_SETTINGS], **members}.items() if value is not None
        }
        return draft.changed(**{**claims, DL_SETTINGS: settings})

    return Case(f"C8.{id}", title, Right.REFUSE, token)


def _mixed_case(id: str, said: str, sent: str) -> Case:
    title = f"{_TITLES[sent]}的内容，却说是{_TITLES[said]}"
    return message_case(id, title, Right.REFUSE, sent, **{MESSAGE_TYPE: said})


MESSAGE_CASES = (
    message_case("deep-linking", "正确的选择内容", Right.NO_LEARNER, DEEP),
    _settings_case("return-url", "选择内容没有返回地址", deep_link_return_url=None),
    _settings_case("return-url.foreign", "选择内容的返回地址不属于平台", deep_link_return_url=_FOREIGN),
    _settings_case(
        "return-url.script", "选择内容的返回地址是脚本", deep_link_return_url="javascript:alert(1)"
    ),
    _settings_case("accept-types", "选择内容没有说接受什么", accept_types=None),
    message_case("settings", "选择内容没有设置", Right.REFUSE, DEEP, **{DL_SETTINGS: None}),
    message_case("review", "正确的查看作业", Right.NO_LEARNER, REVIEW),
    message_case("for-user", "查看作业没有说是谁的", Right.REFUSE, REVIEW, **{FOR_USER: None}),
    message_case(
        "for-user.text", "查看作业的学员是字符串", Right.REFUSE, REVIEW, **{FOR_USER: "rehearsal-learner-1"}
    ),
    message_case("lineitem", "查看作业没有成绩项", Right.REFUSE, REVIEW, **{AGS_ENDPOINT: None}),
    message_case("start", "正确的开始监考", Right.LEARNER, START),
    message_case("start-url", "开始监考没有开考地址", Right.REFUSE, START, **{START_URL: None}),
    message_case("start-url.foreign", "开考地址不属于平台", Right.REFUSE, START, **{START_URL: _FOREIGN}),
    message_case("session-data", "开始监考没有会话数据", Right.REFUSE, START, **{SESSION_DATA: None}),
    message_case("attempt", "开始监考没有说第几次", Right.REFUSE, START, **{ATTEMPT_NUMBER: None}),
    message_case("acs.text", "考试控制服务是字符串", Right.REFUSE, START, **{ACS: "x"}),
    message_case("end", "正确的考试结束", Right.LEARNER, END),
    message_case("end.attempt", "考试结束没有说第几次", Right.REFUSE, END, **{ATTEMPT_NUMBER: None}),
    _mixed_case("deep-linking-as-link", LINK, DEEP),
    _mixed_case("start-as-link", LINK, START),
    _mixed_case("link-as-deep-linking", DEEP, LINK),
    _mixed_case("link-as-start", START, LINK),
    _mixed_case("start-as-end", END, START),
    *(
        message_case(
            f"unsupported.{short}", f"不支持的消息：{words}", Right.REFUSE, LINK, **{MESSAGE_TYPE: name}
        )
        for short, words, name in _UNSUPPORTED
    ),
)
