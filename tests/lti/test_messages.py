"""The matrix of messages (C8): one class for each type, none of them changeable, and no type left out."""

from dataclasses import FrozenInstanceError, fields
from typing import Any, get_args

import pytest

from lti.claims import MESSAGE_TYPE, ResourceLink
from lti.deep_linking import DeepLinkingRequest
from lti.errors import DeploymentUnknown, LaunchRefused
from lti.launch import verify_launch
from lti.messages import SUPPORTED_MESSAGES, Message, ResourceLinkRequest
from lti.proctoring import EndAssessment, StartProctoring
from lti.submission_review import SubmissionReviewRequest
from tests.lti.doors import CoreDoor
from tests.lti.launch_rows import ROWS
from tests.lti.message_claims import TYPES, message_claims
from tests.lti.message_rows import MESSAGE_ROWS, SHORT

CLASSES = {
    "LtiResourceLinkRequest": ResourceLinkRequest,
    "LtiDeepLinkingRequest": DeepLinkingRequest,
    "LtiSubmissionReviewRequest": SubmissionReviewRequest,
    "LtiStartProctoring": StartProctoring,
    "LtiEndAssessment": EndAssessment,
}


def launched(message_type: str, **changes: Any) -> Message:
    door = CoreDoor()
    lms, going = door.world.lms, door.login()
    claims = message_claims(lms.issuer, message_type) | changes
    assert door.launch(going.state, lms.token(going.nonce, **claims)).startswith("accepted")
    assert door.launched is not None
    assert door.launched.message_type == message_type
    return door.launched.message


def test_the_matrix_has_a_class_for_each_type() -> None:
    assert set(CLASSES) == set(SUPPORTED_MESSAGES) == set(TYPES)
    assert set(CLASSES.values()) == set(get_args(Message))


@pytest.mark.parametrize("message_type", TYPES)
def test_a_launch_is_read_as_its_own_type(message_type: str) -> None:
    assert type(launched(message_type)) is CLASSES[message_type]


@pytest.mark.parametrize("message_type", TYPES)
def test_a_message_cannot_be_changed(message_type: str) -> None:
    message = launched(message_type)
    for field in fields(message):
        with pytest.raises(FrozenInstanceError):
            setattr(message, field.name, None)


def test_a_link_says_what_was_opened() -> None:
    assert launched("LtiResourceLinkRequest") == ResourceLinkRequest(ResourceLink("link-1", "第一单元"))


@pytest.mark.parametrize("message_type", TYPES)
def test_an_unknown_deployment_waits_only_for_a_message_that_is_right(message_type: str) -> None:
    door = CoreDoor()
    lms = door.world.lms
    lms.deployment_id = "deployment-new"
    going = door.login()
    claims = message_claims(lms.issuer, message_type)
    form = {"state": going.state, "id_token": lms.token(going.nonce, **claims)}
    with pytest.raises(DeploymentUnknown):
        verify_launch(door.tool, form, "browser-a")
    going = door.login()
    bare = {name: None for name in claims if name != MESSAGE_TYPE} | {MESSAGE_TYPE: "LtiEulaRequest"}
    form = {"state": going.state, "id_token": lms.token(going.nonce, **bare)}
    with pytest.raises(LaunchRefused) as refused:
        verify_launch(door.tool, form, "browser-a")
    assert not isinstance(refused.value, DeploymentUnknown)


def test_every_pair_of_types_is_a_row() -> None:
    ids = {row.id for row in MESSAGE_ROWS}
    assert {f"C8.{SHORT[a]}-as-{SHORT[b]}" for a in TYPES for b in TYPES if a != b} <= ids
    assert {f"C8.{SHORT[a]}" for a in TYPES} <= ids


def test_rows_of_messages_are_played_at_both_doors() -> None:
    assert set(MESSAGE_ROWS) <= set(ROWS)
