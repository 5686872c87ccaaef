"""The matrix of messages: which claims each type of launch must carry, which belong to another type, and who reads it.

A message is one type alone: a claim that makes a launch another kind of thing (where to start a test, whose work to
show, where chosen content goes) is refused under any other name (RFC 8725 §3.12).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lti.claims import FOR_USER, RESOURCE_LINK_REQUEST, LaunchClaims, ResourceLink
from lti.deep_linking import (
    DEEP_LINKING_REQUEST,
    DEEP_LINKING_SETTINGS,
    DeepLinkingRequest,
    read_deep_linking_request,
)
from lti.errors import LaunchRefused
from lti.proctoring import (
    ATTEMPT_NUMBER,
    END_ASSESSMENT,
    SESSION_DATA,
    START_ASSESSMENT_URL,
    START_PROCTORING,
    EndAssessment,
    StartProctoring,
    read_end_assessment,
    read_start_proctoring,
)
from lti.registration import Registration
from lti.submission_review import SUBMISSION_REVIEW_REQUEST, SubmissionReviewRequest, read_submission_review


@dataclass(frozen=True, slots=True)
class ResourceLinkRequest:
    """A person opens a link of a course."""

    resource_link: ResourceLink


Message = ResourceLinkRequest | DeepLinkingRequest | SubmissionReviewRequest | StartProctoring | EndAssessment

_Reader = Callable[[Mapping[str, Any], LaunchClaims, Registration], Message]


@dataclass(frozen=True, slots=True)
class _Row:
    """How one type is read.

    Args:
        own: of the claims in `_TELLING`, those that this type may carry.
        anonymous: a launch without `sub` is possible where the registration allows it.
    """

    read: _Reader
    own: frozenset[str]
    anonymous: bool = False


def _read_resource_link(
    payload: Mapping[str, Any], claims: LaunchClaims, registration: Registration
) -> ResourceLinkRequest:
    if claims.resource_link is None:
        raise LaunchRefused("resource_link_missing")
    return ResourceLinkRequest(claims.resource_link)


_MATRIX: Mapping[str, _Row] = {
    RESOURCE_LINK_REQUEST: _Row(_read_resource_link, frozenset(), anonymous=True),
    DEEP_LINKING_REQUEST: _Row(read_deep_linking_request, frozenset({DEEP_LINKING_SETTINGS})),
    SUBMISSION_REVIEW_REQUEST: _Row(
        lambda payload, claims, _: read_submission_review(payload, claims), frozenset({FOR_USER})
    ),
    START_PROCTORING: _Row(
        read_start_proctoring, frozenset({START_ASSESSMENT_URL, SESSION_DATA, ATTEMPT_NUMBER})
    ),
    END_ASSESSMENT: _Row(
        lambda payload, claims, _: read_end_assessment(payload, claims),
        frozenset({SESSION_DATA, ATTEMPT_NUMBER}),
    ),
}
_TELLING = frozenset().union(*(row.own for row in _MATRIX.values()))

SUPPORTED_MESSAGES = frozenset(_MATRIX)


def read_message(payload: Mapping[str, Any], claims: LaunchClaims, registration: Registration) -> Message:
    """Return what the launch asks for, by its type.

    Args:
        payload: as signed; `claims` is what `lti.claims.parse_claims` made of it.

    Raises:
        LaunchRefused: message_type_unsupported; sub_missing (only a resource link may be opened anonymously);
            message_type_mixed (a claim of another type); what the type's reader raises.

    Source: LTI 1.3 Core §3.3; Deep Linking 2.0 §4.4; Submission Review 1.0 §3; Proctoring Services 1.0 §4.3.
    """
    row = _MATRIX.get(claims.message_type)
    if row is None:
        raise LaunchRefused("message_type_unsupported")
    if claims.sub is None and not row.anonymous:
        raise LaunchRefused("sub_missing")
    message = row.read(payload, claims, registration)
    if any(payload.get(name) is not None for name in _TELLING - row.own):
        raise LaunchRefused("message_type_mixed")
    return message
