"""Contact data and citizen ids dropped at the door; roles mapped so that nobody becomes a teacher by accident."""

from dataclasses import asdict
from typing import Any

import pytest

from lti.claims import CONTEXT, CUSTOM, EXT, FOR_USER, LAUNCH_PRESENTATION, LIS, RESOURCE_LINK, LaunchClaims
from lti.contact import strip_contact_claims, without_citizen_ids
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
    assert "sub" in stripped.removed
    assert stripped.citizen_ids == ()
    assert all("138" not in path and "@" not in path for path in stripped.removed)


def test_the_given_claims_are_not_changed() -> None:
    claims = {"email": "a@b.example", "x": {"phone": "1"}}
    strip_contact_claims(claims)
    assert claims == {"email": "a@b.example", "x": {"phone": "1"}}


def launched(**changes: Any) -> LaunchClaims:
    door = CoreDoor()
    going = door.login()
    assert door.launch(going.state, door.world.lms.token(going.nonce, **changes)) == "accepted learner"
    assert door.launched is not None
    return door.launched.claims


def shown(claims: LaunchClaims) -> str:
    """Return all that a launch hands on but `sub`, and all that it would write into a log."""
    members = asdict(claims)
    del members["sub"]
    return f"{members} {claims!r}"


def test_a_launch_carries_no_contact_data_anywhere() -> None:
    claims = launched(**CONTACT)
    for secret in ("someone@", "13800138000", "138 0013 8000", "wxid_abc", "12345678", "某路", "p.png"):
        assert secret not in shown(claims)
    assert "email" in claims.contact_removed
    assert (claims.family_name, claims.given_name) == ("王", "晓明")


@pytest.mark.parametrize("sub", ["someone@lms.example", "13800138000"])
def test_an_account_named_by_contact_data_is_bound_and_reported_and_shown_nowhere(sub: str) -> None:
    claims = launched(sub=sub)
    assert claims.sub == sub
    assert "sub" in claims.contact_removed
    assert sub not in shown(claims)


CITIZEN_ID = "440199199003071219"
"""Made up: there is no district 440199; the check character is right."""
CITIZEN_ID_X = "44019919900307118X"


@pytest.mark.parametrize("number", [CITIZEN_ID, CITIZEN_ID_X, CITIZEN_ID_X.lower()])
@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("sub", lambda number: {"sub": number}),
        (EXT + ".user_username", lambda number: {EXT: {"user_username": number, "lms": "moodle-2"}}),
        (LIS + ".person_sourcedid", lambda number: {LIS: {"person_sourcedid": number}}),
        (CUSTOM + ".employee", lambda number: {CUSTOM: {"employee": f"工号 {number}"}}),
        (CUSTOM + ".id", lambda number: {CUSTOM: {"id": number}}),
        ("given_name", lambda number: {"given_name": f"晓明({number})"}),
        ("https://lms.example/deep.a.b", lambda number: {"https://lms.example/deep": {"a": [{"b": number}]}}),
        (
            LAUNCH_PRESENTATION + ".return_url",
            lambda n: {LAUNCH_PRESENTATION: {"return_url": f"https://lms.example/u/{n}"}},
        ),
        (RESOURCE_LINK + ".title", lambda number: {RESOURCE_LINK: {"id": "link-1", "title": number}}),
    ],
)
def test_a_citizen_id_is_blinded_and_its_place_reported(path: str, claims: Any, number: str) -> None:
    read = launched(**claims(number))
    assert read.citizen_id_seen_in == (path,)
    assert number not in shown(read)
    assert (read.sub == number) is (path == "sub")


def test_a_citizen_id_is_no_username_and_no_number_of_a_person() -> None:
    claims = launched(**{EXT: {"user_username": CITIZEN_ID}, LIS: {"person_sourcedid": CITIZEN_ID}})
    assert (claims.username, claims.person_sourcedid) == (None, None)
    kept = launched(**{EXT: {"user_username": "zhangsan"}, LIS: {"person_sourcedid": "E-1024"}})
    assert (kept.username, kept.person_sourcedid) == ("zhangsan", "E-1024")


def test_whose_work_is_reviewed_stands_in_the_message_alone() -> None:
    claims = launched(**{"https://lms.example/about": {"user_id": CITIZEN_ID, "colour": "red"}})
    assert claims.citizen_id_seen_in == ("https://lms.example/about.user_id",)
    assert claims.raw["https://lms.example/about"] == {"colour": "red"}
    assert FOR_USER not in claims.raw


@pytest.mark.parametrize(
    "text",
    [
        CITIZEN_ID,
        CITIZEN_ID_X.lower(),
        "440199 19900307 1219",
        "440199-19900307-1219",
        "４４０１９９１９９００３０７１２１９",
        f"s{CITIZEN_ID}",
        f"{CITIZEN_ID}号",
        "910156198808124523",
    ],
)
def test_a_citizen_id_is_known_however_it_is_written(text: str) -> None:
    assert not any(character.isdigit() for character in without_citizen_ids(text))


@pytest.mark.parametrize(
    "text",
    [
        "440199199003071218",  # check character
        "440199199013071219",  # month
        "440199219003071217",  # century
        f"1{CITIZEN_ID}",
        f"{CITIZEN_ID}1",
        "999990000000000101",  # an id of Canvas
        "170000000000000559",
        "course-v1:Anxue+2026+R1",
        "",
    ],
)
def test_other_long_numbers_stay(text: str) -> None:
    assert without_citizen_ids(text) == text


@pytest.mark.parametrize("key", ["idcard", "id_card_no", "citizenId", "身份证号", "sfzh"])
def test_what_is_named_a_citizen_id_is_dropped_whatever_it_holds(key: str) -> None:
    stripped = strip_contact_claims(
        {CUSTOM: {key: "440101900307121", "unit": "u1"}}
    )  # an old number has 15 digits
    assert (stripped.claims, stripped.citizen_ids) == ({CUSTOM: {"unit": "u1"}}, (f"{CUSTOM}.{key}",))


def test_numbers_count_as_their_digits() -> None:
    stripped = strip_contact_claims(
        {CUSTOM: {"a": int(CITIZEN_ID), "b": 13800138000, "c": 20261123, "d": 10**12}}
    )
    assert stripped.claims == {CUSTOM: {"a": "", "b": "", "c": 20261123, "d": 10**12}}
    assert (stripped.citizen_ids, stripped.removed) == ((f"{CUSTOM}.a",), (f"{CUSTOM}.b",))


def test_identifiers_of_courses_and_links_stay_as_they_are() -> None:
    kept = {CONTEXT: {"id": "13800138000"}, RESOURCE_LINK: {"id": "a@b.example"}, "nonce": "13800138000"}
    assert strip_contact_claims(kept).claims == kept


def test_numbers_that_are_no_telephone_stay() -> None:
    kept = {"custom": {"number": "440101199001010012", "order": "X13800138000Y", "year": "2026"}}
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
