"""Contact data dropped at the door; roles mapped so that nobody becomes a teacher by accident."""

from typing import Any

import pytest

from lti.claims import CUSTOM, LIS
from lti.contact import strip_contact_claims
from lti.errors import REFUSALS, SERVICE_FAILURES
from lti.roles import Role, context_role
from tests.lti.doors import CoreDoor
from tests.lti.platform import MEMBERSHIP

CONTACT: dict[str, Any] = {
    "email": "someone@lms.example",
    "phone_number": "+86 138 0013 8000",
    "phone_number_verified": True,
    "address": {"street_address": "某路 1 号"},
    "picture": "https://lms.example/p.png",
    "https://lms.example/claim/user_email": "someone@lms.example",
    "https://purl.imsglobal.org/spec/lti/claim/ext": {"user": {"weChatId": "wxid_abc", "QQ": 12345678}},
    CUSTOM: {
        "emergency_contact_tel": "020-12345678",
        "联系电话": "x",
        "note": "电邮 a.b@c.example 或 13800138000",
        "unit": "u1",
    },
    LIS: {"person_sourcedid": "13800138000"},
    "given_name": "晓明 13800138000",
}


def test_contact_data_is_gone_at_every_depth() -> None:
    stripped = strip_contact_claims({"sub": "13800138000", "iss": "https://lms.example", **CONTACT})
    assert stripped.claims == {
        "sub": "13800138000",
        "iss": "https://lms.example",
        "https://purl.imsglobal.org/spec/lti/claim/ext": {"user": {}},
        CUSTOM: {"note": "电邮  或", "unit": "u1"},
        LIS: {"person_sourcedid": ""},
        "given_name": "晓明",
    }
    assert "email" in stripped.removed
    assert all("138" not in path and "@" not in path for path in stripped.removed)


def test_the_given_claims_are_not_changed() -> None:
    claims = {"email": "a@b.example", "x": {"phone": "1"}}
    strip_contact_claims(claims)
    assert claims == {"email": "a@b.example", "x": {"phone": "1"}}


def test_a_launch_carries_no_contact_data_anywhere() -> None:
    door = CoreDoor()
    going = door.login()
    assert door.launch(going.state, door.world.lms.token(going.nonce, **CONTACT)) == "accepted learner"
    launch = door.launched
    assert launch is not None
    shown = repr(launch)
    for secret in ("someone@", "13800138000", "138 0013 8000", "wxid_abc", "12345678", "某路", "p.png"):
        assert secret not in shown
    assert "email" in launch.claims.contact_removed
    assert (launch.claims.family_name, launch.claims.given_name) == ("王", "晓明")


def test_numbers_that_are_no_telephone_stay() -> None:
    kept = {"custom": {"citizen": "440101199001010012", "order": "X13800138000Y", "year": "2026"}}
    assert strip_contact_claims(kept).claims == kept


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([], Role.LEARNER),
        ([""], Role.LEARNER),
        (["instructor"], Role.LEARNER),
        ([MEMBERSHIP + "Instructor"], Role.TEACHER),
        (["Instructor", "Learner"], Role.TEACHER),
        ([MEMBERSHIP + "Administrator", MEMBERSHIP + "Instructor"], Role.ADMINISTRATOR),
        ([MEMBERSHIP + "ContentDeveloper"], Role.CONTENT_DEVELOPER),
        ([MEMBERSHIP + "Mentor"], Role.LEARNER),
        (["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"], Role.LEARNER),
        (["http://purl.imsglobal.org/vocab/lis/v2/system/person#SysAdmin"], Role.LEARNER),
        (["https://evil.example/membership#Instructor"], Role.LEARNER),
        (["person#None", "urn:lti:role:ims/lis/Instructor"], Role.LEARNER),
    ],
)
def test_role_comes_from_the_context_alone(roles: list[str], expected: Role) -> None:
    assert context_role(roles) is expected


def test_every_reason_has_a_chinese_sentence_that_says_what_to_do() -> None:
    sentences = [text for _, text in REFUSALS.values()] + [text for _, text in SERVICE_FAILURES.values()]
    for text in sentences:
        assert text.endswith("。")
        assert any("\u4e00" <= character <= "\u9fff" for character in text)
        assert not set(text) & set(",;()")
