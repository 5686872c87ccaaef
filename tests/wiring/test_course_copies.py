"""A platform's word that a course was copied reaches those who can say which class run the copy is."""

import pytest

from tests.web.furnished import ORG, OTHER_RUN, PLATFORM, RUN, Furnished, token
from tests.web.test_platform_pages import administrator
from tests.wiring.lms import Lms
from tests.wiring.test_notices import approve, notice, send

PAGE = f"/institution/class-runs/{RUN}/lms"


@pytest.fixture
def copied(lms: Lms) -> Lms:
    """A platform has copied the class run's course."""
    approve(lms)
    assert send(lms, notice(lms))[0] == 200
    lms.work()
    return lms


def shown(furnished: Furnished, page: str, login: str = "staff-lin") -> str:
    reply = furnished.as_staff(login).get(page)
    assert reply.status_code == 200
    return reply.text


def test_staff_see_the_copy_where_they_look_and_what_to_do(copied: Lms) -> None:
    page = shown(copied.furnished, PAGE)

    assert page.count('data-testid="course-copy"') == 1
    assert "旧链接仍指向原班次" in page
    assert "深层链接" in page
    for other in ("/institution", f"/institution/class-runs/{RUN}"):
        assert "1 门复制的课程待关联" in shown(copied.furnished, other)
    for platforms in ("/platforms", f"/platforms/{PLATFORM}"):
        assert "复制的课程" in shown(copied.furnished, platforms)


def test_an_administrator_sees_it_without_a_way_into_the_institutions_pages(copied: Lms) -> None:
    # The page shows the tool's keys, which stand in the database; the platform's calls were signed with made-up ones.
    for made in ("tool_keys", "platform_office"):
        copied.house.__dict__.pop(made, None)
    client = administrator(copied.furnished)

    assert 'data-testid="platform-copies"' in client.get("/platforms").text
    page = client.get(f"/platforms/{PLATFORM}").text

    assert 'data-testid="course-copy"' in page
    assert PAGE not in page


def test_another_institution_sees_nothing_of_it_and_sets_nothing_aside(copied: Lms) -> None:
    (copy_id,) = copied.rows("SELECT id FROM lms_course_copy")[0]
    for page in ("/institution", "/platforms"):
        assert "复制的课程" not in shown(copied.furnished, page, "staff-ping")
    client = copied.furnished.as_staff("staff-ping")
    form = {"csrf_token": token(client, "/institution")}

    for run in (RUN, OTHER_RUN):
        to = f"/institution/class-runs/{run}/lms/copies/{copy_id}/set-aside"
        assert client.post(to, data=form).status_code == 404
    assert copied.rows("SELECT set_aside_at FROM lms_course_copy") == [(None,)]


def test_a_teachers_deep_link_ends_the_notice(copied: Lms) -> None:
    with copied.house.uow.for_institution(ORG) as tx:
        copied.house.at(tx).links.link_context(PLATFORM, "course-2", RUN, by="acc_teacher")

    assert 'data-testid="course-copy"' not in shown(copied.furnished, PAGE)
    assert "复制的课程" not in shown(copied.furnished, "/institution")


def test_staff_say_that_a_copy_is_for_no_training(copied: Lms) -> None:
    client = copied.furnished.as_staff("staff-lin")
    (copy_id,) = copied.rows("SELECT id FROM lms_course_copy")[0]
    to = f"{PAGE}/copies/{copy_id}/set-aside"

    assert client.post(to).status_code == 400  # without the form's token
    assert client.post(to, data={"csrf_token": token(client, PAGE)}).status_code == 303

    assert 'data-testid="course-copy"' not in shown(copied.furnished, PAGE)
    assert copied.rows("SELECT count(*) FROM lms_course_copy WHERE set_aside_by IS NOT NULL") == [(1,)]
