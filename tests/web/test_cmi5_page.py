"""The learner's courseware page: a launch, what the courseware claims, and who may see either."""

import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bridge.intake.cmi5.claims import UnitClaim, UnitClaims
from bridge.intake.cmi5.packages import Package
from bridge.kernel.ids import LearnerRef
from bridge.wiring.cmi5 import Cmi5Desk
from tests.intake.cmi5.courses import au, block, course
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, ORG, RUN, Furnished, token
from tests.web.pages_served import served_house

UNIT = "unit_electric"


def imported(furnished: Furnished) -> Package:
    content = course(block("1", au("1", moveOn="Completed"), au("2", launchMethod="OwnWindow")))
    with furnished.house.uow.for_institution(ORG) as tx:
        run = furnished.house.at(tx).registry.class_run(RUN)
        return Cmi5Desk(furnished.house, tx).import_package(
            io.BytesIO(content), "0" * 64, run.course_id, {"0": UNIT}, base=None, by="op"
        )


def claim(furnished: Furnished, learner: LearnerRef, *found: UnitClaim) -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        for one in found:
            UnitClaims(tx).note(learner, RUN, one)


def test_a_learner_launches_courseware_by_a_form_and_is_led_to_it_by_a_link(furnished: Furnished) -> None:
    package = imported(furnished)
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_learner(account, learner)
    assert 'data-testid="cmi5-home"' in client.get("/learner").text
    page = client.get("/learner/cmi5").text
    assert page.count('data-testid="cmi5-launch"') == 2
    path = f"/learner/cmi5/{package.aus[0][0]}/launch/normal"
    assert client.post(path).status_code == 400  # no CSRF token
    answer = client.post(path, data={"csrf_token": token(client, "/learner/cmi5")})
    found = re.search(r'href="(https://content\.example/1/index\.html\?[^"]+)"', answer.text)
    assert answer.status_code == 200
    assert found is not None
    assert "endpoint=" in found[1]
    assert 'rel="noreferrer"' in answer.text
    assert 'target="_blank"' not in answer.text
    own_window = f"/learner/cmi5/{package.aus[1][0]}/launch/normal"
    answer = client.post(own_window, data={"csrf_token": token(client, "/learner/cmi5")})
    assert 'target="_blank"' in answer.text


def test_without_courseware_the_learners_page_offers_none(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    assert 'data-testid="cmi5-home"' not in furnished.as_learner(account, learner).get("/learner").text


def test_who_has_not_proved_a_name_or_did_not_come_from_an_lms_launches_nothing(furnished: Furnished) -> None:
    package = imported(furnished)
    path = f"/learner/cmi5/{package.aus[0][0]}/launch/normal"
    nameless = furnished.as_learner(furnished.account("lms-user-1001"))
    assert nameless.get("/learner/cmi5").status_code == 403
    assert nameless.post(path, data={"csrf_token": token(nameless, "/sign-in")}).status_code == 403
    staff = furnished.as_staff("staff-lin")
    assert staff.get("/learner/cmi5").status_code == 403
    assert staff.post(path, data={"csrf_token": token(staff, "/platforms/new")}).status_code == 403
    assert furnished.client().get("/learner/cmi5").status_code == 403


def test_claims_stand_beside_the_unit_with_who_makes_them(furnished: Furnished) -> None:
    imported(furnished)
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _other, huang = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    seen = {"segments": [[0, 600_000]], "length_ms": 600_000}
    breach = {"reason": "video_length", "message": "须给出视频时长"}
    claim(
        furnished,
        learner,
        UnitClaim(UNIT, "cmi5", "passed", NOW, {"scaled": "0.9"}, "s1"),
        UnitClaim(UNIT, "video", "seen", NOW, seen, "s2"),
        UnitClaim(UNIT, "video", "breach", NOW, breach, "s3"),
    )
    own = furnished.as_learner(account, learner).get("/learner/cmi5").text
    assert "课件报告：通过，成绩 0.9（满分 1）" in own
    staff = furnished.as_staff("staff-lin")
    page = staff.get(f"/institution/class-runs/{RUN}/learners/{learner}").text
    assert "播放器报告：已观看" in page
    assert "须给出视频时长" in page
    beside = re.search(r'data-testid="claimed-beside-ours">(.*?)</p>', page, re.S)
    assert beside is not None
    assert beside[1].count("10 分") == 2  # said, and not seen here
    assert (
        'data-testid="unit-claims"' not in staff.get(f"/institution/class-runs/{RUN}/learners/{huang}").text
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_keep_the_policy_and_fit_the_screen(tmp_path: Path, browser: Browser, width: int) -> None:
    with served_house(tmp_path) as (furnished, url):
        package = imported(furnished)
        account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        claim(furnished, learner, UnitClaim(UNIT, "cmi5", "completed", NOW, {}, "s1"))
        client = furnished.as_learner(account, learner)
        client.get("/learner/cmi5")
        cookie = client.get_cookie("anxue_session")
        assert cookie is not None
        context = browser.new_context(viewport={"width": width, "height": 800})
        context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": url}])
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.goto(f"{url}/learner/cmi5")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_test_id("cmi5-launch").first.click()
        page.get_by_test_id("cmi5-open").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert package.aus[0][2].title in page.title() + page.content()
        assert said == []
        context.close()
