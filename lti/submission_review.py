"""Submission Review 1.0: a teacher opens what one learner handed in, from the gradebook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lti.claims import FOR_USER, ID_CHARACTERS, LaunchClaims, ResourceLink
from lti.errors import LaunchRefused
from lti.roles import Role

SUBMISSION_REVIEW_REQUEST = "LtiSubmissionReviewRequest"


@dataclass(frozen=True, slots=True)
class SubmissionReviewRequest:
    """Whose work of which column is to be shown.

    Args:
        for_user_id: the learner, as `sub` in that learner's own launches; name and e-mail are not taken over.
        lineitem: the column; check the host before use (`lti.ags` does).
        resource_link: the link that the column belongs to; None where the platform does not say.
    """

    for_user_id: str = field(repr=False)
    lineitem: str
    resource_link: ResourceLink | None


def read_submission_review(payload: Mapping[str, Any], claims: LaunchClaims) -> SubmissionReviewRequest:
    """Return the request in a launch's `payload`; `claims.custom` holds the link's own parameters.

    Raises:
        LaunchRefused: for_user_invalid, lineitem_invalid; for_user_foreign, when a learner asks for another's work.

    Source: Submission Review 1.0 §3.
    """
    person = payload.get(FOR_USER)
    user_id = person.get("user_id") if isinstance(person, dict) else None
    if not isinstance(user_id, str) or not 0 < len(user_id) <= ID_CHARACTERS:
        raise LaunchRefused("for_user_invalid")
    if claims.ags is None or not claims.ags.lineitem:
        raise LaunchRefused("lineitem_invalid")
    # Moodle 4.5 signs this message for any learner who types somebody's number into the launch address.
    if claims.role is Role.LEARNER and user_id != claims.sub:
        raise LaunchRefused("for_user_foreign")
    return SubmissionReviewRequest(user_id, claims.ags.lineitem, claims.resource_link)
