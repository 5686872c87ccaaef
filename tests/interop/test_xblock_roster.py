"""The roster of lti-consumer-xblock: pages, roles, and what Open edX tells that we do not keep."""

import pytest

from lti.errors import ServiceFailed
from lti.nrps import MembershipStatus, RosterService, whole
from lti.registration import Registration
from lti.roles import Role
from tests.interop.record import Facts
from tests.interop.xblock import Xblock
from tests.interop.xblock_platform.course import COURSE_ID, DECLARATIVE, LEARNER, PEOPLE, TEACHER

pytestmark = pytest.mark.e2e


@pytest.fixture
def rosters(xblock: Xblock) -> RosterService:
    return RosterService(xblock.tool.calls)


@pytest.fixture
def registration(xblock: Xblock) -> Registration:
    return xblock.registrations["course"]


@pytest.fixture
def memberships_url(xblock: Xblock) -> str:
    nrps = xblock.launched(TEACHER, DECLARATIVE).claims.nrps
    assert nrps is not None
    return nrps.context_memberships_url


def test_the_roster_is_read_page_by_page(
    rosters: RosterService, registration: Registration, memberships_url: str, facts: Facts
) -> None:
    pages = list(rosters.pages(registration, memberships_url, limit=1))
    assert [len(page.members) for page in pages] == [1, 1, 1]
    roster = whole(iter(pages))
    assert roster.context_id == COURSE_ID
    assert roster.set_aside == ()
    assert [(member.user_id, member.role) for member in roster.members] == [
        (person.external_id, Role.TEACHER if person is TEACHER else Role.LEARNER) for person in PEOPLE
    ]
    assert {member.status for member in roster.members} == {MembershipStatus.ACTIVE}
    facts.told(
        "roster with limit=1", "three pages by Link rel=next, three members, roles as in their launches"
    )


def test_a_members_id_is_the_sub_of_its_launches(
    xblock: Xblock,
    rosters: RosterService,
    registration: Registration,
    memberships_url: str,
    facts: Facts,
) -> None:
    roster = whole(rosters.pages(registration, memberships_url))
    assert xblock.launched(LEARNER, DECLARATIVE).claims.sub in {member.user_id for member in roster.members}
    facts.told("roster and a launch of the same learner", "user_id is the launch's sub")


def test_names_in_one_piece_and_addresses_stay_at_the_platform(
    rosters: RosterService, registration: Registration, memberships_url: str, facts: Facts
) -> None:
    roster = whole(rosters.pages(registration, memberships_url))
    for member in roster.members:
        assert member.contact_removed == ("email",)
        assert (member.given_name, member.family_name, member.lis_person_sourcedid) == (None, None, None)
    kept = repr([[getattr(member, name) for name in member.__slots__] for member in roster.members])
    for person in PEOPLE:
        assert person.email not in kept
        assert person.full_name not in kept
    facts.told("roster with name and email of each member", "e-mail dropped and reported, no name in parts")


def test_a_role_filter_that_the_platform_does_not_know_is_made_good(
    rosters: RosterService, registration: Registration, memberships_url: str, facts: Facts
) -> None:
    teachers = whole(rosters.pages(registration, memberships_url, role="Instructor"))
    assert [member.user_id for member in teachers.members] == [TEACHER.external_id]
    facts.told("roster with role=Instructor", "answered with everybody; one teacher after our own filter")


def test_differences_are_not_offered(
    rosters: RosterService, registration: Registration, memberships_url: str, facts: Facts
) -> None:
    assert whole(rosters.pages(registration, memberships_url)).differences_url is None
    facts.told("roster", "no Link rel=differences: the whole roster is to be read each time")


def test_another_clients_token_does_not_open_the_roster(
    xblock: Xblock, rosters: RosterService, memberships_url: str, facts: Facts
) -> None:
    with pytest.raises(ServiceFailed) as failed:
        whole(rosters.pages(xblock.registrations["exam"], memberships_url))
    assert failed.value.reason == "roster_refused"
    facts.told("roster with the token of another client", f"{failed.value.status}: {failed.value.reason}")
