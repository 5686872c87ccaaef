"""Row C8 of the security case list, the matrix of messages: each type right, wrong in each claim, and mixed up."""

from typing import Any

from lti.claims import AGS_ENDPOINT, FOR_USER, MESSAGE_TYPE, NOTICE, RESOURCE_LINK, ROLES
from lti.deep_linking import DEEP_LINKING_REQUEST, DEEP_LINKING_SETTINGS
from lti.proctoring import (
    ACS,
    ATTEMPT_NUMBER,
    END_ASSESSMENT,
    ERROR_MESSAGE,
    PROCTORING_SETTINGS,
    SESSION_DATA,
    START_ASSESSMENT_URL,
    START_PROCTORING,
)
from lti.submission_review import SUBMISSION_REVIEW_REQUEST
from tests.lti.doors import Door
from tests.lti.message_claims import RESOURCE_LINK_REQUEST, TYPES, message_claims, settings
from tests.lti.platform import LEARNER
from tests.lti.rows import LEARNER_IN, TEACHER_IN, Row, claims_row

SHORT = {
    RESOURCE_LINK_REQUEST: "link",
    DEEP_LINKING_REQUEST: "deep-linking",
    SUBMISSION_REVIEW_REQUEST: "review",
    START_PROCTORING: "start",
    END_ASSESSMENT: "end",
}


def message_row(id: str, expected: str, message_type: str, **changes: Any) -> Row:
    """A right message of this type but for these claims (None: left out)."""

    def play(door: Door) -> str:
        going, lms = door.login(), door.world.lms
        claims = message_claims(lms.issuer, message_type) | changes
        return door.launch(going.state, lms.token(going.nonce, **claims))

    return Row(f"C8.{id}", expected, play)


def settings_row(id: str, expected: str, **changes: Any) -> Row:
    """A right deep linking request but for these settings."""

    def play(door: Door) -> str:
        going, lms = door.login(), door.world.lms
        claims = message_claims(lms.issuer, DEEP_LINKING_REQUEST)
        claims[DEEP_LINKING_SETTINGS] = settings(lms.issuer, **changes)
        return door.launch(going.state, lms.token(going.nonce, **claims))

    return Row(f"C8.{id}", expected, play)


def mixed_row(said: str, sent: str, expected: str) -> Row:
    """The claims of one type under the name of another."""

    def play(door: Door) -> str:
        going, lms = door.login(), door.world.lms
        claims = message_claims(lms.issuer, sent) | {MESSAGE_TYPE: said, ROLES: LEARNER}
        return door.launch(going.state, lms.token(going.nonce, **claims))

    return Row(f"C8.{SHORT[sent]}-as-{SHORT[said]}", expected, play)


def anonymous_row(message_type: str, expected: str) -> Row:
    """A message without `sub` from a platform that may launch anonymously."""

    def play(door: Door) -> str:
        lms = door.world.open_lms
        going = door.login(lms)
        claims = message_claims(lms.issuer, message_type) | {ROLES: LEARNER}
        return door.launch(going.state, lms.token(going.nonce, sub=None, **claims))

    return Row(f"C8.anonymous.{SHORT[message_type]}", expected, play)


_FOREIGN = "https://evil.example/return"
_NEEDED = {  # what a set of claims without the type's own is refused for
    RESOURCE_LINK_REQUEST: "resource_link_missing",
    DEEP_LINKING_REQUEST: "deep_linking_settings_invalid",
    SUBMISSION_REVIEW_REQUEST: "for_user_invalid",
    START_PROCTORING: "start_assessment_url_invalid",
    END_ASSESSMENT: "attempt_number_invalid",
}
_NOT_SHORT_OF_ANYTHING = {  # pairs in which only the foreign claim tells: (said, sent)
    (RESOURCE_LINK_REQUEST, SUBMISSION_REVIEW_REQUEST),
    (RESOURCE_LINK_REQUEST, START_PROCTORING),
    (RESOURCE_LINK_REQUEST, END_ASSESSMENT),
    (END_ASSESSMENT, START_PROCTORING),
}

_RIGHT = [
    message_row("link", LEARNER_IN, RESOURCE_LINK_REQUEST),
    message_row("deep-linking", TEACHER_IN, DEEP_LINKING_REQUEST),
    message_row("review", TEACHER_IN, SUBMISSION_REVIEW_REQUEST),
    message_row("start", LEARNER_IN, START_PROCTORING),
    message_row("end", LEARNER_IN, END_ASSESSMENT),
]

_DEEP_LINKING = [
    message_row(
        "settings", "deep_linking_settings_invalid", DEEP_LINKING_REQUEST, **{DEEP_LINKING_SETTINGS: None}
    ),
    message_row(
        "settings.text", "deep_linking_settings_invalid", DEEP_LINKING_REQUEST, **{DEEP_LINKING_SETTINGS: "x"}
    ),
    settings_row("return-url", "deep_link_return_url_invalid", deep_link_return_url=None),
    settings_row("return-url.number", "deep_link_return_url_invalid", deep_link_return_url=7),
    settings_row("return-url.empty", "deep_link_return_url_invalid", deep_link_return_url=""),
    settings_row("return-url.long", "deep_link_return_url_invalid", deep_link_return_url="h" * 4097),
    settings_row("return-url.foreign", "deep_link_return_url_foreign", deep_link_return_url=_FOREIGN),
    settings_row(
        "return-url.script", "deep_link_return_url_foreign", deep_link_return_url="javascript:alert(1)"
    ),
    settings_row("accept-types", "accept_types_invalid", accept_types=None),
    settings_row("accept-types.text", "accept_types_invalid", accept_types="ltiResourceLink"),
    settings_row("accept-types.none", "accept_types_invalid", accept_types=[]),
    settings_row("accept-types.number", "accept_types_invalid", accept_types=[7]),
    settings_row("targets", "document_targets_invalid", accept_presentation_document_targets=None),
    settings_row("targets.text", "document_targets_invalid", accept_presentation_document_targets="iframe"),
    settings_row("multiple.text", "deep_linking_settings_invalid", accept_multiple="true"),
    settings_row("lineitem.text", "deep_linking_settings_invalid", accept_lineitem="true"),
    settings_row("auto-create.number", "deep_linking_settings_invalid", auto_create=1),
    settings_row("data.object", "deep_linking_settings_invalid", data={"a": 1}),
    settings_row("data.long", "deep_linking_settings_invalid", data="d" * 32769),
    settings_row("title.long", "deep_linking_settings_invalid", title="t" * 4097),
    settings_row("accept-types.many", "accept_types_invalid", accept_types=["link"] * 101),
    settings_row("accept-types.empty", "accept_types_invalid", accept_types=["link", ""]),
    settings_row("title.number", "deep_linking_settings_invalid", title=7),
    settings_row("media-types.list", "deep_linking_settings_invalid", accept_media_types=["text/html"]),
    settings_row(
        "settings.least",
        TEACHER_IN,
        **dict.fromkeys(("accept_multiple", "accept_lineitem", "auto_create", "title", "text", "data")),
    ),
]

_REVIEW = [
    message_row("for-user", "for_user_invalid", SUBMISSION_REVIEW_REQUEST, **{FOR_USER: None}),
    message_row("for-user.text", "for_user_invalid", SUBMISSION_REVIEW_REQUEST, **{FOR_USER: "user-7"}),
    message_row(
        "for-user.nobody", "for_user_invalid", SUBMISSION_REVIEW_REQUEST, **{FOR_USER: {"roles": []}}
    ),
    message_row(
        "for-user.number", "for_user_invalid", SUBMISSION_REVIEW_REQUEST, **{FOR_USER: {"user_id": 7}}
    ),
    message_row(
        "for-user.empty", "for_user_invalid", SUBMISSION_REVIEW_REQUEST, **{FOR_USER: {"user_id": ""}}
    ),
    message_row(
        "for-user.long", "for_user_invalid", SUBMISSION_REVIEW_REQUEST, **{FOR_USER: {"user_id": "u" * 256}}
    ),
    message_row("for-user.another", "for_user_foreign", SUBMISSION_REVIEW_REQUEST, **{ROLES: LEARNER}),
    message_row("for-user.oneself", LEARNER_IN, SUBMISSION_REVIEW_REQUEST, sub="user-7", **{ROLES: LEARNER}),
    message_row("lineitem", "lineitem_invalid", SUBMISSION_REVIEW_REQUEST, **{AGS_ENDPOINT: None}),
    message_row(
        "lineitem.none", "lineitem_invalid", SUBMISSION_REVIEW_REQUEST, **{AGS_ENDPOINT: {"scope": []}}
    ),
    message_row(
        "lineitem.number", "claim_malformed", SUBMISSION_REVIEW_REQUEST, **{AGS_ENDPOINT: {"lineitem": 7}}
    ),
    message_row("review.no-link", TEACHER_IN, SUBMISSION_REVIEW_REQUEST, **{RESOURCE_LINK: None}),
]

_PROCTORING = [
    message_row(
        "start-url", "start_assessment_url_invalid", START_PROCTORING, **{START_ASSESSMENT_URL: None}
    ),
    message_row(
        "start-url.number", "start_assessment_url_invalid", START_PROCTORING, **{START_ASSESSMENT_URL: 7}
    ),
    message_row(
        "start-url.foreign",
        "start_assessment_url_foreign",
        START_PROCTORING,
        **{START_ASSESSMENT_URL: _FOREIGN},
    ),
    message_row("session-data", "session_data_invalid", START_PROCTORING, **{SESSION_DATA: None}),
    message_row("session-data.empty", "session_data_invalid", START_PROCTORING, **{SESSION_DATA: ""}),
    message_row("session-data.object", "session_data_invalid", START_PROCTORING, **{SESSION_DATA: {"a": 1}}),
    *(
        message_row(
            f"attempt.{name}.{number}", "attempt_number_invalid", message_type, **{ATTEMPT_NUMBER: value}
        )
        for message_type, name in ((START_PROCTORING, "start"), (END_ASSESSMENT, "end"))
        for number, value in enumerate((None, "", "first", "-1", "１", -1, 1.5, True, [1], "1" * 19))
    ),
    message_row("attempt.digits", LEARNER_IN, START_PROCTORING, **{ATTEMPT_NUMBER: "1"}),
    message_row("start.link", "resource_link_missing", START_PROCTORING, **{RESOURCE_LINK: None}),
    message_row(
        "start.link-id", "resource_link_missing", START_PROCTORING, **{RESOURCE_LINK: {"title": "x"}}
    ),
    message_row("acs.none", LEARNER_IN, START_PROCTORING, **{ACS: None}),
    message_row("acs.text", "assessment_control_invalid", START_PROCTORING, **{ACS: "x"}),
    message_row("acs.no-url", "assessment_control_invalid", START_PROCTORING, **{ACS: {"actions": []}}),
    message_row(
        "acs.empty-url",
        "assessment_control_invalid",
        START_PROCTORING,
        **{ACS: {"assessment_control_url": "", "actions": []}},
    ),
    message_row(
        "acs.no-actions",
        "assessment_control_invalid",
        START_PROCTORING,
        **{ACS: {"assessment_control_url": "https://lms.example/acs"}},
    ),
    message_row(
        "acs.actions",
        "assessment_control_invalid",
        START_PROCTORING,
        **{ACS: {"assessment_control_url": "https://lms.example/acs", "actions": [7]}},
    ),
    message_row(
        "acs.many-actions",
        "assessment_control_invalid",
        START_PROCTORING,
        **{ACS: {"assessment_control_url": "https://lms.example/acs", "actions": ["flag"] * 21}},
    ),
    message_row("session-data.long", "session_data_invalid", START_PROCTORING, **{SESSION_DATA: "s" * 32769}),
    message_row(
        "settings.proctoring-long",
        "proctoring_settings_invalid",
        START_PROCTORING,
        **{PROCTORING_SETTINGS: {"data": "d" * 32769}},
    ),
    message_row(
        "settings.proctoring", "proctoring_settings_invalid", START_PROCTORING, **{PROCTORING_SETTINGS: "x"}
    ),
    message_row(
        "settings.proctoring-data",
        "proctoring_settings_invalid",
        START_PROCTORING,
        **{PROCTORING_SETTINGS: {"data": {}}},
    ),
    message_row("end.no-link", LEARNER_IN, END_ASSESSMENT, **{RESOURCE_LINK: None}),
    message_row("end.error", LEARNER_IN, END_ASSESSMENT, **{ERROR_MESSAGE: "考生退出"}),
    message_row("end.error-number", "claim_malformed", END_ASSESSMENT, **{ERROR_MESSAGE: 7}),
    message_row("end.session-data", LEARNER_IN, END_ASSESSMENT, **{SESSION_DATA: "opaque"}),
]

_MIXED = [
    mixed_row(said, sent, "message_type_mixed" if (said, sent) in _NOT_SHORT_OF_ANYTHING else _NEEDED[said])
    for said in TYPES
    for sent in TYPES
    if said != sent
] + [
    message_row("mixed.link", "message_type_mixed", RESOURCE_LINK_REQUEST, **{DEEP_LINKING_SETTINGS: {}}),
    message_row(
        "mixed.deep-linking", "message_type_mixed", DEEP_LINKING_REQUEST, **{FOR_USER: {"user_id": "u"}}
    ),
    message_row("mixed.review", "message_type_mixed", SUBMISSION_REVIEW_REQUEST, **{SESSION_DATA: "x"}),
    message_row("mixed.start", "message_type_mixed", START_PROCTORING, **{DEEP_LINKING_SETTINGS: {}}),
    message_row("mixed.end", "message_type_mixed", END_ASSESSMENT, **{FOR_USER: {"user_id": "u"}}),
]

# Asset processors, EULA and data privacy are no part of this tool; the last four are no launches at all.
_UNSUPPORTED = [
    claims_row(f"C8.unsupported.{name}", "message_type_unsupported", **{MESSAGE_TYPE: name})
    for name in (
        "LtiDataPrivacyLaunchRequest",
        "LtiEulaRequest",
        "LtiAssetProcessorSettingsRequest",
        "LtiReportReviewRequest",
        "LtiContextLaunchRequest",
        "basic-lti-launch-request",
        "LtiStartAssessment",
        "LtiDeepLinkingResponse",
        "LtiHelloWorldNotice",
        "ltiresourcelinkrequest",
    )
]

_ANONYMOUS = [
    anonymous_row(RESOURCE_LINK_REQUEST, LEARNER_IN),
    *(anonymous_row(each, "sub_missing") for each in TYPES if each != RESOURCE_LINK_REQUEST),
]

MESSAGE_ROWS = [
    *_RIGHT,
    *_DEEP_LINKING,
    *_REVIEW,
    *_PROCTORING,
    *_MIXED,
    *_UNSUPPORTED,
    *_ANONYMOUS,
    claims_row("C10.as-launch", "token_type_wrong", **{NOTICE: {"id": "n-1", "type": "LtiHelloWorldNotice"}}),
]
