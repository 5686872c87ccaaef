"""Submission Review 1.0: whose work of which column a teacher opens (C8)."""

import pytest

from lti.claims import CUSTOM, FOR_USER, ResourceLink
from lti.launch import Launch
from lti.submission_review import SUBMISSION_REVIEW_REQUEST, SubmissionReviewRequest
from tests.lti.doors import CoreDoor
from tests.lti.message_claims import message_claims


def launched(**changes: object) -> Launch:
    door = CoreDoor()
    lms, going = door.world.lms, door.login()
    claims = message_claims(lms.issuer, SUBMISSION_REVIEW_REQUEST) | changes
    assert door.launch(going.state, lms.token(going.nonce, **claims)) == "accepted teacher"
    assert door.launched is not None
    return door.launched


def test_the_request_names_learner_column_and_link() -> None:
    launch = launched(**{CUSTOM: {"unit": "u1"}})
    assert launch.message == SubmissionReviewRequest(
        "user-7", "https://lms.example/lineitems/1", ResourceLink("link-1", "第一单元")
    )
    assert launch.claims.custom == {"unit": "u1"}


def test_the_learners_e_mail_is_gone_and_the_learner_stands_in_no_log() -> None:
    launch = launched()
    assert f"{FOR_USER}.email" in launch.claims.contact_removed
    assert "learner7@" not in f"{launch.claims.raw}"
    assert "user-7" not in f"{launch!r}{launch.claims.raw}"


@pytest.mark.parametrize("user_id", ["u", "u" * 255])
def test_an_id_of_one_to_255_characters_is_taken(user_id: str) -> None:
    message = launched(**{FOR_USER: {"user_id": user_id}}).message
    assert isinstance(message, SubmissionReviewRequest)
    assert message.for_user_id == user_id


@pytest.mark.parametrize("user_id", ["13800138000", "learner7@lms.example", "440199199003071219"])
def test_the_learner_is_found_by_the_platforms_own_word_whatever_it_is(user_id: str) -> None:
    launch = launched(**{FOR_USER: {"user_id": user_id}})
    assert isinstance(launch.message, SubmissionReviewRequest)
    assert launch.message.for_user_id == user_id
    assert user_id not in f"{launch!r}{launch.claims.raw}"
    assert f"{FOR_USER}.user_id" in launch.claims.contact_removed + launch.claims.citizen_id_seen_in
