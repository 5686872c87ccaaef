"""What each kind of launch opens: the right page for the right person, under a new session, and nothing else."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from bridge.identity.tables import LmsAccountRow
from bridge.intake.store import InboxMessageRow
from bridge.kernel.ids import ClassRunId, CourseUnitId
from bridge.registry.link_model import LinkKind, LinkTarget
from bridge.registry.lti_tables import LtiRegistrationRow
from lti.claims import CONTEXT, MESSAGE_TYPE, RESOURCE_LINK, ROLES
from tests.lti.platform import TEACHER
from tests.web.furnished import ORG, OTHER_RUN, PLATFORM, RUN, Furnished
from tests.web.lms import CONTENT_DEVELOPER, CUSTOM, Lms, browser, lms_of


@pytest.fixture
def lms(furnished: Furnished) -> Lms:
    return lms_of(furnished)


def entry(run: str = RUN) -> dict[str, str]:
    return {"anxue_item": "entry", "anxue_class_run": run}


def linked(lms: Lms, link: str) -> list[LinkTarget]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return [one.target for one in lms.furnished.house.at(tx).links.history(PLATFORM, "1", link)]


@pytest.mark.parametrize("roles", [[], ["http://example.org/what#Nobody"], ["Learner"]])
def test_a_learner_and_anybody_of_unknown_roles_come_in_as_a_learner(lms: Lms, roles: list[str]) -> None:
    client = browser(lms.furnished)

    answer = lms.launch(client, {ROLES: roles})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/learner")
    assert client.get("/learner").status_code == 200


def test_every_launch_begins_a_session_under_a_new_id(lms: Lms) -> None:
    client = browser(lms.furnished)
    seen = set()
    for send in (lms.launch, lms.deep_link, lms.start_proctoring):
        assert send(client).status_code == 303
        cookie = client.get_cookie("anxue_session")
        assert cookie is not None
        seen.add(cookie.value)

    assert len(seen) == 3


@pytest.mark.parametrize("roles", [TEACHER, CONTENT_DEVELOPER])
def test_a_teacher_is_shown_what_the_link_is_and_becomes_no_learner(lms: Lms, roles: list[str]) -> None:
    client = browser(lms.furnished)

    answer = lms.launch(client, {ROLES: roles, CUSTOM: entry()})
    page = client.get(answer.headers["Location"])

    assert (answer.status_code, answer.headers["Location"]) == (303, "/lms/teacher")
    assert "班次入口" in page.text
    assert "用电与消防安全基础" in page.text
    assert 'href="/sign-in"' in page.text
    for path in ("/learner", "/learner/face", "/institution", "/authority"):
        assert client.get(path).status_code in (303, 403)


def test_a_stranger_is_asked_to_sign_in_at_the_lms_and_nothing_is_kept(lms: Lms) -> None:
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx:
        tx.session.get_one(LtiRegistrationRow, PLATFORM).anonymous_allowed = True
    client = browser(lms.furnished)

    answer = lms.launch(client, {"sub": None})
    page = client.get(answer.headers["Location"])

    assert answer.headers["Location"] == "/lms/sign-in-first"
    assert "请用本人账号登录学习平台" in page.text
    assert client.get("/learner").status_code == 403
    with house.uow.for_institution(ORG, read_only=True) as tx:
        assert tx.session.scalar(select(func.count()).select_from(LmsAccountRow)) == 0
        assert tx.session.scalar(select(func.count()).select_from(InboxMessageRow)) == 0


def test_a_stranger_is_refused_where_the_registration_does_not_allow_it(lms: Lms) -> None:
    assert lms.launch(browser(lms.furnished), {"sub": None}).status_code == 403


def test_a_links_custom_parameters_say_what_it_opens_and_are_kept_with_their_history(lms: Lms) -> None:
    unit = {"anxue_item": "unit", "anxue_class_run": RUN, "anxue_unit": "unit_fire"}
    link = {"id": "chosen"}
    for custom in (entry(), entry(), unit):
        assert lms.launch(browser(lms.furnished), {RESOURCE_LINK: link, CUSTOM: custom}).status_code == 303

    assert linked(lms, "chosen") == [
        LinkTarget(LinkKind.ENTRY, RUN),
        LinkTarget(LinkKind.UNIT, RUN, CourseUnitId("unit_fire")),
    ]


@pytest.mark.parametrize(
    "custom",
    [
        {"anxue_item": "entry", "anxue_class_run": OTHER_RUN},
        {"anxue_item": "entry", "anxue_class_run": "run_made_up"},
        {"anxue_item": "unit", "anxue_class_run": RUN, "anxue_unit": "unit_made_up"},
        {"anxue_item": "gate", "anxue_class_run": RUN, "anxue_unit": "unit_fire"},
        {"anxue_item": "unit", "anxue_class_run": RUN, "anxue_unit": "test_final"},
    ],
)
@pytest.mark.parametrize("roles", [TEACHER, None])
def test_a_made_up_target_or_another_institutions_lets_nobody_in(
    lms: Lms, custom: dict[str, str], roles: list[str] | None
) -> None:
    client = browser(lms.furnished)
    claims = {CUSTOM: custom, **({ROLES: roles} if roles else {})}

    answer = lms.launch(client, claims)

    assert answer.status_code == 422
    assert "link_target_unknown" in answer.text
    assert client.get_cookie("anxue_session") is None
    assert linked(lms, "entry") == []


@pytest.mark.parametrize(
    "custom",
    [
        {"anxue_item": "everything", "anxue_class_run": RUN},
        {"anxue_item": "unit", "anxue_class_run": RUN},
        {"anxue_item": "entry", "anxue_class_run": "../run"},
        {"anxue_item": "gate"},
    ],
)
def test_malformed_targets_are_refused(lms: Lms, custom: dict[str, str]) -> None:
    answer = lms.launch(browser(lms.furnished), {CUSTOM: custom})

    assert answer.status_code == 422
    assert "link_malformed" in answer.text


def test_a_link_leads_to_the_class_run_of_its_own_course_alone(lms: Lms) -> None:
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx:
        store = house.at(tx).registry_store
        run = store.class_run(RUN)
        assert run is not None
        store.add_class_run(replace(run, id=ClassRunId("run_second")))

    answer = lms.launch(browser(lms.furnished), {CUSTOM: entry("run_second")})

    assert answer.status_code == 403
    assert "link_of_other_class_run" in answer.text


def test_in_a_course_that_is_linked_to_nothing_the_chosen_link_says_which_class_run(lms: Lms) -> None:
    client = browser(lms.furnished)
    unlinked = {CONTEXT: {"id": "course-of-nobody"}}

    refused = lms.launch(client, unlinked)
    assert (refused.status_code, "class_run_unlinked" in refused.text) == (403, True)
    assert lms.launch(client, {**unlinked, CUSTOM: entry()}).status_code == 303
    assert "用电与消防安全基础" in client.get("/learner").text


@pytest.mark.parametrize("message", ["LtiDataPrivacyLaunchRequest", "LtiEulaRequest"])
def test_other_messages_are_refused(lms: Lms, message: str) -> None:
    answer = lms.launch(browser(lms.furnished), {MESSAGE_TYPE: message})

    assert answer.status_code == 400
    assert "message_type_unsupported" in answer.text
