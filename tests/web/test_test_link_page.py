"""Staff undo and restore what a platform's test became by itself; a learner's launch goes by it at once."""

from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.registry.tables import CourseUnitRow
from lti.claims import RESOURCE_LINK
from tests.web.furnished import ORG, OTHER_RUN, RUN, token
from tests.web.lms import Lms, browser, lms_of_ready_learners

PAGE = f"/institution/class-runs/{RUN}/lms"


@pytest.fixture
def bound(tmp_path: Path) -> Lms:
    """A platform's quiz was opened by a learner and became the course's only test."""
    lms = lms_of_ready_learners(tmp_path)
    with lms.furnished.house.uow.for_institution(ORG) as tx:
        row = tx.session.scalar(select(CourseUnitRow).where(CourseUnitRow.id == "test_final"))
        assert row is not None
        row.resource_link_id = None
    assert launch(lms, "practice-quiz") == 303
    return lms


def launch(lms: Lms, link: str) -> int:
    return lms.start_proctoring(browser(lms.furnished), {RESOURCE_LINK: {"id": link}}).status_code


def shown(lms: Lms, page: str = PAGE, login: str = "staff-lin") -> str:
    return lms.furnished.as_staff(login).get(page).text


def press(lms: Lms, button: str, login: str = "staff-lin") -> int:
    """Press the page's button of the binding in force; return the status."""
    page = shown(lms)
    form = page[: page.index(f'data-testid="{button}"')]
    action = form[form.rindex('action="') + len('action="') :]
    client = lms.furnished.as_staff(login)
    data = {"csrf_token": token(client, "/platforms/new")}
    return client.post(action[: action.index('"')], data=data).status_code


def test_the_page_shows_what_was_bound_and_staff_undo_it(bound: Lms) -> None:
    page = shown(bound)
    assert 'data-testid="test-link" data-undone="false"' in page
    assert "practice-quiz" in page
    assert "首次进入时自动关联" in page

    assert press(bound, "test-link-undo") == 303

    page = shown(bound)
    assert 'data-testid="test-link" data-undone="true"' in page
    assert page.count('data-testid="test-link-change"') == 2
    assert "撤销关联（staff-lin）" in page
    assert launch(bound, "practice-quiz") == 422
    assert launch(bound, "final-quiz") == 303
    assert launch(bound, "practice-quiz") == 422


def test_what_staff_undid_is_a_signal_that_the_authority_sees_too(bound: Lms) -> None:
    press(bound, "test-link-undo")
    press(bound, "test-link-restore")
    bound.furnished.work_off()

    for page, login in (
        ("/institution/signals", "staff-lin"),
        ("/authority/signals", "official-guangzhou"),
    ):
        signals = shown(bound, page, login)
        assert signals.count('data-kind="test_link_changed"') == 2
        assert "撤销关联" in signals
        assert "恢复关联" in signals
    assert launch(bound, "practice-quiz") == 303


def test_a_link_whose_place_was_taken_is_not_restored(bound: Lms) -> None:
    press(bound, "test-link-undo")
    launch(bound, "final-quiz")

    assert press(bound, "test-link-restore") == 409
    assert launch(bound, "practice-quiz") == 422


def test_nobody_else_undoes_it(bound: Lms) -> None:
    assert press(bound, "test-link-undo", "staff-ping") == 404
    page = shown(bound)
    start = page.index("/test-links/") + len("/test-links/")
    binding = page[start : page.index("/", start)]
    for login, run, change, status in (
        ("staff-ping", OTHER_RUN, "undo", 404),
        ("staff-lin", RUN, "delete", 404),
        ("staff-lin", OTHER_RUN, "undo", 404),
        ("official-guangzhou", RUN, "undo", 403),
    ):
        client = bound.furnished.as_staff(login)
        to = f"/institution/class-runs/{run}/lms/test-links/{binding}/{change}"
        assert client.post(to).status_code == 400  # without the form's token
        home = "/authority" if login.startswith("official") else "/platforms/new"
        assert client.post(to, data={"csrf_token": token(client, home)}).status_code == status
    assert 'data-undone="false"' in shown(bound)
