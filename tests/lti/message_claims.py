"""Right claims for each type of message, as changes to the right launch of `tests.lti.platform.Platform`."""

from typing import Any

from lti.claims import AGS_ENDPOINT, FOR_USER, MESSAGE_TYPE, RESOURCE_LINK, ROLES
from lti.deep_linking import DEEP_LINKING_REQUEST, DEEP_LINKING_SETTINGS
from lti.proctoring import (
    ACS,
    ATTEMPT_NUMBER,
    END_ASSESSMENT,
    PROCTORING_SETTINGS,
    SESSION_DATA,
    START_ASSESSMENT_URL,
    START_PROCTORING,
)
from lti.submission_review import SUBMISSION_REVIEW_REQUEST
from tests.lti.platform import TEACHER

RESOURCE_LINK_REQUEST = "LtiResourceLinkRequest"
TYPES = (
    RESOURCE_LINK_REQUEST,
    DEEP_LINKING_REQUEST,
    SUBMISSION_REVIEW_REQUEST,
    START_PROCTORING,
    END_ASSESSMENT,
)


def settings(issuer: str, **changes: Any) -> dict[str, Any]:
    """Return right deep linking settings, members changed (None removes one)."""
    right = {
        "deep_link_return_url": f"{issuer}/deep-links?course=1&x=2",
        "accept_types": ["ltiResourceLink", "link"],
        "accept_presentation_document_targets": ["iframe", "window"],
        "accept_multiple": True,
        "accept_lineitem": True,
        "auto_create": True,
        "accept_media_types": "text/html, application/pdf",
        "title": "第一单元",
        "text": "受限空间作业",
        # Looks like contact data, and has to come back unchanged.
        "data": "a.b@c.example 13800138000",
    }
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def message_claims(issuer: str, message_type: str) -> dict[str, Any]:
    """Return what of the right launch changes for a right message of this type."""
    changes: dict[str, dict[str, Any]] = {
        RESOURCE_LINK_REQUEST: {},
        DEEP_LINKING_REQUEST: {
            RESOURCE_LINK: None,
            AGS_ENDPOINT: None,
            ROLES: TEACHER,
            DEEP_LINKING_SETTINGS: settings(issuer),
        },
        SUBMISSION_REVIEW_REQUEST: {
            ROLES: TEACHER,
            FOR_USER: {
                "user_id": "user-7",
                "given_name": "小红",
                "email": "learner7@lms.example",
                "roles": ["Learner"],
            },
        },
        START_PROCTORING: {
            START_ASSESSMENT_URL: f"{issuer}/start?attempt=1&x=2",
            SESSION_DATA: "opaque.session.a.b@c.example",
            ATTEMPT_NUMBER: 3,
            ACS: {
                "assessment_control_url": f"{issuer}/acs",
                "actions": ["flag", "pause", "resume", "terminate", "update"],
            },
            PROCTORING_SETTINGS: {"data": "exam=fire"},
        },
        END_ASSESSMENT: {ATTEMPT_NUMBER: 3},
    }
    return {**changes[message_type], MESSAGE_TYPE: message_type}
