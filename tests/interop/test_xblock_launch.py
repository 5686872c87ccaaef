"""Launches from lti-consumer-xblock: what Open edX sends in its own way, and what it must not get away with."""

import json

import pytest

from lti.roles import Role
from tests.interop.browser import form_of
from tests.interop.record import Facts
from tests.interop.xblock import Xblock
from tests.interop.xblock_platform.course import (
    COURSE_ID,
    DECLARATIVE,
    LEARNER,
    PROCTORED,
    PROGRAMMATIC,
    SECOND_LEARNER,
    TEACHER,
)

pytestmark = pytest.mark.e2e

_NO_ROLE = "http://purl.imsglobal.org/vocab/lis/v2/system/person#None"


def test_product_and_peer_keep_apart(xblock: Xblock, facts: Facts) -> None:
    assert xblock.product_packages_imported == []
    facts.told("GET /desk/about", "no package of the product is imported by the peer")


def test_a_learner_launches(xblock: Xblock, facts: Facts) -> None:
    launch = xblock.launched(LEARNER, DECLARATIVE)
    claims = launch.claims
    assert (claims.sub, claims.role) == (LEARNER.external_id, Role.LEARNER)
    assert claims.resource_link is not None
    assert claims.resource_link.id == DECLARATIVE.location
    assert claims.context is not None
    assert claims.context.id == COURSE_ID
    # Open edX sends one `name` and never its parts, so no order can be told; and a role "None" beside the real one.
    assert (claims.given_name, claims.family_name, claims.person_name) == (None, None, None)
    assert _NO_ROLE in claims.roles
    assert claims.lis == {}
    assert launch.return_url == f"{xblock.url}/"
    facts.told(
        "OIDC login, form_post launch, learner",
        "accepted as learner; one name claim, no given_name or family_name; role person#None ignored",
    )


def test_contact_data_is_gone_before_anything_is_kept(xblock: Xblock, facts: Facts) -> None:
    claims = xblock.launched(LEARNER, DECLARATIVE).claims
    assert "email" in claims.contact_removed
    assert LEARNER.email not in json.dumps(dict(claims.raw), ensure_ascii=False)
    facts.told("id_token with an e-mail claim", "accepted, the claim dropped and reported")


def test_a_teacher_launches(xblock: Xblock, facts: Facts) -> None:
    assert xblock.launched(TEACHER, PROGRAMMATIC).claims.role is Role.TEACHER
    facts.told("OIDC login, form_post launch, staff of the course", "accepted as teacher")


def test_who_runs_the_course_is_its_administrator_and_who_runs_the_site_is_too(
    xblock: Xblock, facts: Facts
) -> None:
    # Open edX sends the context role Administrator for both; system and institution roles are not looked at.
    for role in ("instructor", "global_staff"):
        assert xblock.launched(TEACHER, PROGRAMMATIC, role=role).claims.role is Role.ADMINISTRATOR
    facts.told("launches as instructor and as global_staff", "accepted as administrator of the course")


def test_a_launch_without_any_role_is_a_learners(xblock: Xblock, facts: Facts) -> None:
    claims = xblock.launched(TEACHER, DECLARATIVE, role="none").claims
    assert (claims.roles, claims.role) == ((), Role.LEARNER)
    facts.told("id_token with an empty roles claim", "accepted as learner")


def test_two_clients_of_one_issuer_are_told_apart(xblock: Xblock, facts: Facts) -> None:
    course, exam = xblock.registrations["course"], xblock.registrations["exam"]
    assert course.issuer == exam.issuer
    assert xblock.launched(LEARNER, DECLARATIVE).registration.id == course.id
    assert xblock.launched(LEARNER, PROCTORED).registration.id == exam.id
    facts.told("launches of two client ids under one issuer", "each found its own registration and keys")


def test_the_same_launch_again_is_refused(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    form = form_of(browser.open_link(DECLARATIVE.name))
    assert browser.post(form.action, form.fields).status_code == 200
    again = browser.post(form.action, form.fields)
    assert (again.status_code, again.json()["reason"]) == (401, "state_unknown")
    facts.told("the same form_post twice", "second refused: state_unknown")


def test_a_token_under_another_logins_state_is_refused(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    first, second = form_of(browser.open_link(DECLARATIVE.name)), form_of(browser.open_link(DECLARATIVE.name))
    mixed = browser.post(second.action, {**second.fields, "id_token": first.fields["id_token"]})
    assert (mixed.status_code, mixed.json()["reason"]) == (401, "nonce_mismatch")
    facts.told("token of one login under the state of another", "refused: nonce_mismatch")


def test_a_launch_carried_to_another_browser_is_refused(xblock: Xblock, facts: Facts) -> None:
    form = form_of(xblock.browser(LEARNER).open_link(DECLARATIVE.name))
    other = xblock.browser(SECOND_LEARNER)
    other.open_link(DECLARATIVE.name)
    stolen = other.post(form.action, form.fields)
    assert (stolen.status_code, stolen.json()["reason"]) == (401, "browser_mismatch")
    facts.told("a launch posted by another browser", "refused: browser_mismatch")


def test_a_rotated_platform_key_works_at_once_and_the_old_one_no_longer(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    before = form_of(browser.open_link(DECLARATIVE.name))
    assert browser.launch(DECLARATIVE.name).status_code == 200  # the key of now is known to the tool
    fetches = xblock.tool.http.fetches
    kids = xblock.rotate_key("course")
    assert kids["old_kid"] != kids["new_kid"]
    assert browser.launch(DECLARATIVE.name).status_code == 200
    assert xblock.tool.http.fetches == fetches + 1
    # The package publishes one key only: what the old key signed has no published key any more.
    late = browser.post(before.action, before.fields)
    assert (late.status_code, late.json()["reason"]) == (401, "kid_unknown")
    assert xblock.tool.http.fetches == fetches + 1
    facts.told("launch signed by a key made a moment ago", "accepted after one fetch of the JWKS")
    facts.told("launch signed by the key before", "refused: kid_unknown")
