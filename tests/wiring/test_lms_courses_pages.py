"""The page of a class run's LMS courses: masked, in words, and with the buttons that do something."""

from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.wrappers import Request, Response

from bridge.registry.link_model import HOURS_TAG
from bridge.web.pages.lms_courses_view import NOTICE_TYPE, reason_zh
from lti.ags import LINE_ITEM_SCOPE, SCORE_SCOPE
from lti.errors import REFUSALS, SERVICE_FAILURES
from lti.notices import HELLO_WORLD, NOTICE_HANDLERS_SCOPE
from tests.lti.platform import MEMBERSHIP
from tests.lti.service_platform import answer
from tests.web.furnished import CHEN, OTHER_RUN, token
from tests.wiring.lms import COURSE, SUB, Lms

PAGE = "/institution/class-runs/run_demo/lms"
LEARNER = [MEMBERSHIP + "Learner"]


def members(lms: Lms, *entries: Any) -> None:
    """Have the platform's roster hold these, under the right course."""
    lms.services.members = list(entries)

    def odd(request: Request) -> Response | None:
        if request.path == "/roster" and "Authorization" in request.headers:
            return answer({"id": "x", "context": {"id": COURSE}, "members": lms.services.members})
        return None

    lms.services.odd = odd


def person(sub: str, **changes: Any) -> dict[str, Any]:
    return {"user_id": sub, "status": "Active", "roles": LEARNER, **changes}


def arrive(lms: Lms, *, gradebook: bool = True) -> None:
    here = lms.services.origin
    ags = {"lineitems": f"{here}/lineitems", "scope": [SCORE_SCOPE, LINE_ITEM_SCOPE]}
    lms.launch(SUB, nrps=f"{here}/roster", ags=ags if gradebook else None)
    lms.work()


def shown(lms: Lms, login: str = "staff-lin", status: int = 200) -> str:
    reply = lms.furnished.as_staff(login).get(PAGE)
    assert reply.status_code == status
    return reply.text


def press(lms: Lms, action: str, login: str = "staff-lin", **form: str) -> int:
    client = lms.furnished.as_staff(login)
    data = {"csrf_token": token(client, "/institution/class-runs/run_demo/lms"), **form}
    return client.post(f"{PAGE}{action}", data=data).status_code


def course(**more: str) -> dict[str, str]:
    return {"registration": "reg_demo_lms", "context": COURSE, **more}


def test_who_is_there_and_not_real_named_is_shown_without_a_name(studied: Lms) -> None:
    members(
        studied, person(SUB), person("440199199003071219", name="三 张", email="a@lms.example"), person("u-3")
    )
    arrive(studied)
    studied.services.members.pop()
    studied.pass_time(minutes=60)
    studied.work()

    page = shown(studied)

    assert 'data-testid="not-real-named">1 人未实名' in page
    accounts = [row[0] for row in studied.rows("SELECT account_id FROM lms_membership WHERE until IS NULL")]
    bound = [row[0] for row in studied.rows("SELECT account_id FROM account_binding WHERE ended_at IS NULL")]
    (stranger,) = set(accounts) - set(bound)
    unnamed = page[page.index('data-testid="unnamed">') :]
    assert f"…{stranger[-6:]}" in unnamed[: unnamed.index("</p>")]
    assert "不在名单中" in page
    for secret in ("440199199003071219", "三 张", "a@lms.example", stranger):
        assert secret not in page
    assert "其中 1 人带有联系方式" in page


def test_a_reading_that_failed_is_said_in_words_with_the_next_one(studied: Lms) -> None:
    studied.services.odd = lambda request: Response(status=403) if request.path == "/roster" else None
    arrive(studied)

    page = shown(studied)

    trouble = page[page.index('data-testid="roster-trouble"') :]
    assert SERVICE_FAILURES["roster_refused"][1] in trouble[: trouble.index("</p>")]
    assert "下次自动同步" in trouble


def test_entries_that_nobody_can_read_are_counted_in_words(studied: Lms) -> None:
    members(studied, person(SUB), {"roles": []}, "?")
    arrive(studied)

    page = shown(studied)

    said = page[page.index('data-testid="set-aside"') :]
    said = said[: said.index("</p>")]
    assert "没有用户编号 1 条" in said
    assert "格式不正确 1 条" in said
    assert "没有把任何人记为离开" in said


def test_the_roster_is_read_at_once_on_request(studied: Lms) -> None:
    members(studied, person(SUB))
    arrive(studied)

    assert press(studied, "/roster", **course()) == 303
    studied.work()

    assert studied.calls("/roster") == 2


def test_hours_go_nowhere_until_staff_switch_a_column_on(studied: Lms) -> None:
    arrive(studied)
    assert 'data-testid="column-switch-on"' in shown(studied)
    assert studied.services.line_items == {}

    assert press(studied, "/hours-column", **course(wanted="on")) == 303
    studied.work()
    page = shown(studied)

    (made,) = studied.services.line_items.values()
    assert made["tag"] == HOURS_TAG
    assert 'data-testid="column-on"' in page
    assert 'data-testid="score" data-state="sent"' in page
    assert "2 / 2" in page
    assert "已回传" in page
    assert "陈*安" in page
    assert CHEN not in page

    assert press(studied, "/hours-column", **course(wanted="off")) == 303
    assert 'data-testid="column-switch-on"' in shown(studied)


def test_a_gradebook_that_no_launch_named_cannot_be_written_to(studied: Lms) -> None:
    arrive(studied, gradebook=False)

    assert "没有开放成绩簿" in shown(studied)
    assert press(studied, "/hours-column", **course(wanted="on")) == 409


def test_a_refused_score_is_shown_with_its_reason_and_sent_again(studied: Lms) -> None:
    arrive(studied)
    studied.services.odd = lambda request: Response(status=404) if request.path.endswith("scores") else None
    press(studied, "/hours-column", **course(wanted="on"))
    studied.work()
    page = shown(studied)
    assert 'data-state="refused"' in page
    assert SERVICE_FAILURES["score_refused"][1] in page
    ((score,),) = studied.rows("SELECT id FROM lms_score")

    studied.services.odd = lambda _: None
    assert press(studied, f"/scores/{score}/again") == 303
    studied.work()

    assert 'data-state="sent"' in shown(studied)
    assert press(studied, "/scores/scr_none/again") == 404


def test_notices_of_the_platform_are_shown(studied: Lms) -> None:
    said = {
        "platform_notification_service_url": f"{studied.services.origin}/handlers",
        "scope": [NOTICE_HANDLERS_SCOPE],
        "notice_types_supported": [HELLO_WORLD],
    }
    studied.launch(SUB, notices=said)
    studied.work()

    page = shown(studied)

    assert NOTICE_TYPE[HELLO_WORLD] in page
    assert SERVICE_FAILURES["notice_handler_refused"][1] in page


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("/roster", course()),
        ("/hours-column", course(wanted="on")),
        ("/scores/scr_1/again", {}),
    ],
)
def test_another_institution_can_do_nothing_here(studied: Lms, action: str, form: dict[str, str]) -> None:
    arrive(studied)
    client = studied.furnished.as_staff("staff-ping")
    csrf = token(client, "/institution")
    before = studied.rows("SELECT count(*) FROM lms_line_item"), studied.rows("SELECT sum(wanted) FROM job")

    assert shown(studied, "staff-ping", 404)
    for run in ("run_demo", OTHER_RUN):
        reply = client.post(f"/institution/class-runs/{run}/lms{action}", data={"csrf_token": csrf, **form})
        assert reply.status_code == 404
    after = studied.rows("SELECT count(*) FROM lms_line_item"), studied.rows("SELECT sum(wanted) FROM job")
    assert after == before


def test_without_a_token_or_a_sign_in_nothing_happens(studied: Lms) -> None:
    arrive(studied)
    asked = studied.calls("/roster")

    assert studied.furnished.client().get(PAGE).status_code in (302, 303, 401, 403)
    assert studied.furnished.as_staff("staff-lin").post(f"{PAGE}/roster", data=course()).status_code == 400
    studied.work()
    assert studied.calls("/roster") == asked


def test_an_lms_course_of_another_class_run_is_not_this_ones(studied: Lms) -> None:
    studied.launch(SUB, context="other-course", nrps=f"{studied.services.origin}/roster")
    studied.work()

    assert press(studied, "/roster", registration="reg_demo_lms", context="other-course") == 404


def test_looking_at_names_is_logged(studied: Lms) -> None:
    arrive(studied)
    press(studied, "/hours-column", **course(wanted="on"))
    studied.work()
    shown(studied)

    with studied.house.engine.connect() as connection:
        logged = connection.execute(
            text("SELECT count(*) FROM disclosure WHERE purpose = 'institution.lms_courses_page'")
        ).scalar()
    assert logged


def test_every_reason_that_can_stand_there_has_a_sentence() -> None:
    own = [
        "roster_of_other_context",
        "not_a_learner_there",
        "column_switched_off",
        "account_unknown",
        "result_unchanged",
        "result_none_yet",
        "result_before_unknown",
        "result_malformed",
        "test_begun_again",
    ]
    for code in [*own, *SERVICE_FAILURES, *REFUSALS]:
        assert reason_zh(code) != code
