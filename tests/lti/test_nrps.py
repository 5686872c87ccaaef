"""The roster: page by page, without contact data, odd entries set aside; over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from lti.errors import ServiceFailed
from lti.nrps import (
    MEMBERSHIP_SCOPE,
    MEMBERSHIP_TYPE,
    Member,
    MembershipStatus,
    RosterService,
    read_member,
    whole,
)
from lti.roles import Role
from lti.services import PageLimits, SetAside
from tests.lti.platform import MEMBERSHIP
from tests.lti.service_platform import ServicePlatform, answer, service_platform


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


def person(number: int, role: str = "Learner", **changes: Any) -> dict[str, Any]:
    return {
        "status": "Active",
        "user_id": str(number),
        "roles": [MEMBERSHIP + role],
        "name": "晓明 王",
        "given_name": "晓明",
        "family_name": "王",
        "lis_person_sourcedid": f"E-{number}",
        "email": f"someone{number}@lms.example",
        "picture": "https://lms.example/p.png",
        **changes,
    }


def service(lms: ServicePlatform) -> RosterService:
    return RosterService(lms.call())


def ids(lms: ServicePlatform, **wishes: Any) -> list[str]:
    roster = whole(service(lms).pages(lms.registration(), f"{lms.origin}/roster?bound=1", **wishes))
    return [member.user_id for member in roster.members]


def test_a_member_is_who_it_is_without_contact_data() -> None:
    member, reason = read_member(person(7))
    assert reason is None
    assert member == Member(
        "7",
        MembershipStatus.ACTIVE,
        (MEMBERSHIP + "Learner",),
        Role.LEARNER,
        "晓明",
        "王",
        "E-7",
        ("email", "picture"),
        (),
    )
    for secret in ("lms.example", "p.png", "晓明", "王", "E-7", "'7'"):
        assert secret not in repr(member)


def test_contact_data_in_a_name_or_a_number_is_dropped() -> None:
    member, _ = read_member(person(1, given_name="晓明 13800138000", lis_person_sourcedid="a@lms.example"))
    assert member is not None
    assert (member.given_name, member.lis_person_sourcedid) == ("晓明", None)
    assert set(member.contact_removed) == {"email", "picture", "given_name", "lis_person_sourcedid"}


def test_a_citizen_id_is_not_taken_over_and_where_it_stood_is_told() -> None:
    made_up = "440101199001010134"
    member, _ = read_member(
        person(1, user_id=made_up, lis_person_sourcedid=made_up, given_name=f"晓明{made_up}")
    )
    assert member is not None
    assert (member.given_name, member.lis_person_sourcedid) == ("晓明", None)
    assert set(member.citizen_id_seen_in) == {"user_id", "lis_person_sourcedid", "given_name"}
    assert member.user_id == made_up  # an account is bound by it
    assert made_up not in repr(member)


def test_the_name_in_one_piece_is_never_used() -> None:
    member, _ = read_member({"user_id": "1", "roles": ["Learner"], "name": "三 张"})
    assert member is not None
    assert (member.given_name, member.family_name) == (None, None)


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ([MEMBERSHIP + "Learner"], Role.LEARNER),
        (["Instructor"], Role.TEACHER),
        ([MEMBERSHIP + "Instructor", MEMBERSHIP + "Learner"], Role.TEACHER),
        ([], Role.LEARNER),
        # Open edX
        (["http://purl.imsglobal.org/vocab/lis/v2/institution/person#None"], Role.LEARNER),
        (["http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator", "person#None"], Role.LEARNER),
    ],
)
def test_roles_amount_to_what_they_do_in_a_launch(roles: list[str], role: Role) -> None:
    member, reason = read_member(person(1, roles=roles))
    assert member is not None
    assert (member.role, member.roles, reason) == (role, tuple(roles), None)


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ("Active", MembershipStatus.ACTIVE),
        ("Inactive", MembershipStatus.INACTIVE),
        ("Deleted", MembershipStatus.DELETED),
        (None, MembershipStatus.ACTIVE),
        ("", MembershipStatus.ACTIVE),
    ],
)
def test_status(status: Any, read: MembershipStatus) -> None:
    member, _ = read_member(person(1, status=status))
    assert member is not None
    assert member.status is read


ODD: list[tuple[Any, str]] = [
    (7, "entry_malformed"),
    (["user_id"], "entry_malformed"),
    (person(1, user_id=None), "user_id_missing"),
    (person(1, user_id=""), "user_id_missing"),
    (person(1, user_id=17), "user_id_malformed"),
    (person(1, user_id="x" * 256), "user_id_malformed"),
    (person(1, user_id="a\x00"), "user_id_malformed"),
    (person(1, user_id="\ud800"), "user_id_malformed"),
    (person(1, status="Suspended"), "status_unknown"),
    (person(1, status=["Active"]), "status_unknown"),
    (person(1, roles=None), "roles_missing"),
    (person(1, roles="Instructor"), "roles_malformed"),
    (person(1, roles={"a": 1}), "roles_malformed"),
    (person(1, roles=["x"] * 101), "roles_malformed"),
]


@pytest.mark.parametrize(("entry", "why"), ODD)
def test_an_entry_that_cannot_be_read_says_why(entry: Any, why: str) -> None:
    assert read_member(entry) == (None, why)


def test_a_role_that_is_no_text_is_lost_alone() -> None:
    member, reason = read_member(person(1, roles=[None, "Instructor", 5]))
    assert member is not None
    assert (member.role, member.roles, reason) == (Role.TEACHER, ("Instructor",), "role_malformed")


@pytest.mark.parametrize("name", [7, ["王"], {"a": "王"}, "王\x00", "\ud800", "x" * 4097, ""])
def test_an_odd_name_is_no_name(name: Any) -> None:
    member, _ = read_member(person(1, family_name=name))
    assert member is not None
    assert member.family_name is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(person(1), JSON)))
def test_no_entry_whatsoever_breaks_a_page(entry: Any) -> None:
    member, reason = read_member(entry)
    assert (member is not None) or reason


def test_a_roster_is_read_in_pages(lms: ServicePlatform) -> None:
    lms.members = [person(n) for n in range(250)]
    pages = list(service(lms).pages(lms.registration(), f"{lms.origin}/roster?bound=1"))
    assert [len(page.members) for page in pages] == [100, 100, 50]
    assert {page.context_id for page in pages} == {"course-1"}
    asked = lms.asked[1]
    assert asked.args.to_dict() == {"bound": "1", "limit": "100"}
    assert asked.headers["Accept"] == MEMBERSHIP_TYPE
    assert lms.granted == {"token-1": MEMBERSHIP_SCOPE}
    assert len(ids(lms)) == 250


def test_odd_entries_do_not_hide_the_others(lms: ServicePlatform) -> None:
    lms.members = [person(1), *(entry for entry, _ in ODD if entry != ODD[7][0]), person(2)]
    lms.page_entries = 4
    roster = whole(service(lms).pages(lms.registration(), f"{lms.origin}/roster"))
    assert [member.user_id for member in roster.members] == ["1", "2"]
    assert len(roster.set_aside) == len(ODD) - 1
    assert roster.set_aside[0] == SetAside(0, 1, "entry_malformed")
    assert roster.set_aside[3] == SetAside(1, 0, "user_id_missing")


def test_a_role_filter_holds_where_the_platform_forgets_it(lms: ServicePlatform) -> None:
    lms.members = [
        person(1),
        person(2, "Instructor"),
        person(3, roles=["Instructor"]),
        person(4, "Instructor#TeachingAssistant"),
    ]
    assert ids(lms, role="Instructor") == ["2", "3"]
    assert ids(lms, role=MEMBERSHIP + "Instructor") == ["2", "3"]
    assert lms.asked[1].args["role"] == "Instructor"


def test_the_roster_of_a_link_ignores_its_messages(lms: ServicePlatform) -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = {"message": [deep]}
    claim = "https://purl.imsglobal.org/spec/lti/claim/"
    message = [
        {claim + "message_type": "LtiResourceLinkRequest", claim + "custom": {"email": "a@lms.example"}}
    ]
    lms.members = [person(1, message=message), person(2, message=deep)]
    roster = whole(
        service(lms).pages(lms.registration(), f"{lms.origin}/roster", resource_link_id="link-1", limit=None)
    )
    assert [member.user_id for member in roster.members] == ["1", "2"]
    assert "claim" not in repr(roster)
    assert lms.asked[1].args.to_dict() == {"rlid": "link-1"}


def test_differences_are_asked_at_the_address_that_was_given(lms: ServicePlatform) -> None:
    changed = [person(1, status="Deleted"), person(9, status="Inactive")]

    def differing(request: Request) -> Response | None:
        if request.path != "/roster":
            return None
        if "since" in request.args:
            return answer({"members": changed})
        return answer({"members": [person(1)]}, link='</roster?since=1>; rel="differences"')

    lms.odd = differing
    first = whole(service(lms).pages(lms.registration(), f"{lms.origin}/roster"))
    assert first.differences_url == f"{lms.origin}/roster?since=1"
    later = whole(service(lms).differences(lms.registration(), first.differences_url or ""))
    assert [(member.user_id, member.status.value) for member in later.members] == [
        ("1", "Deleted"),
        ("9", "Inactive"),
    ]
    assert lms.asked[-1].full_path == "/roster?since=1"
    assert (later.differences_url, later.context_id) == (None, None)


def test_c5_differences_elsewhere_are_not_kept_and_not_asked(lms: ServicePlatform) -> None:
    lms.odd = lambda request: (
        answer({"members": []}, link='<https://evil.example/>; rel="differences"')
        if request.path == "/roster"
        else None
    )
    assert whole(service(lms).pages(lms.registration(), f"{lms.origin}/roster")).differences_url is None
    asked = len(lms.asked)
    with pytest.raises(ServiceFailed, match="service_host_foreign"):
        whole(service(lms).differences(lms.registration(), "https://evil.example/"))
    assert len(lms.asked) == asked


def test_c5_a_roster_elsewhere_is_not_asked(lms: ServicePlatform) -> None:
    with pytest.raises(ServiceFailed, match="service_host_foreign"):
        whole(service(lms).pages(lms.registration(), "https://evil.example/roster"))
    assert lms.asked == []


def test_there_is_never_half_a_roster(lms: ServicePlatform) -> None:
    lms.members = [person(n) for n in range(5)]
    lms.odd = lambda request: Response(status=503) if request.args.get("from") == "2" else None
    with pytest.raises(ServiceFailed, match="platform_error"):
        ids(lms, limit=2)
    lms.odd = lambda _: None
    with pytest.raises(ServiceFailed, match="paging_too_long"):
        ids(lms, limit=2, limits=PageLimits(pages=2))


def test_someone_on_two_pages_is_taken_from_the_last(lms: ServicePlatform) -> None:
    lms.members = [person(1), person(2), person(1, "Instructor")]
    roster = whole(service(lms).pages(lms.registration(), f"{lms.origin}/roster", limit=2))
    assert [(member.user_id, member.role) for member in roster.members] == [
        ("2", Role.LEARNER),
        ("1", Role.TEACHER),
    ]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_roster_is_named(lms: ServicePlatform, status: int) -> None:
    lms.odd = lambda request: None if request.path == "/token" else Response(status=status)
    with pytest.raises(ServiceFailed) as failed:
        ids(lms)
    assert (failed.value.reason, failed.value.status) == ("roster_refused", status)


@pytest.mark.parametrize("document", [[], {}, {"members": {}}, "x", None])
def test_what_is_no_roster_is_refused(lms: ServicePlatform, document: Any) -> None:
    lms.odd = lambda request: answer(document) if request.path == "/roster" else None
    with pytest.raises(ServiceFailed, match="reply_not_json"):
        ids(lms)


@pytest.mark.parametrize("context", [None, [], {"id": 7}, {"id": "x" * 256}, {}])
def test_an_odd_context_is_no_context(lms: ServicePlatform, context: Any) -> None:
    lms.odd = lambda request: (
        answer({"members": [], "context": context}) if request.path == "/roster" else None
    )
    assert whole(service(lms).pages(lms.registration(), f"{lms.origin}/roster")).context_id is None
