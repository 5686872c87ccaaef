"""The way without a face and one's own data, in a real browser on a telephone and on a desk."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect

from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.rules.model import RuleBook
from tests.privacy.test_stored_faces import LOWERED
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, PASSWORD, RUN, Furnished
from tests.web.pages_served import served_house

PHONE, DESK = (390, 844), (1280, 900)


def opened(browser: Browser, client: FlaskClient, url: str, size: tuple[int, int]) -> tuple[Page, list[str]]:
    client.get("/sign-in")
    cookie = client.get_cookie("anxue_session")
    assert cookie is not None
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def with_a_template(furnished: Furnished) -> FlaskClient:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        furnished.house.at(tx).vault.put(scope, b"made up, no face", "application/octet-stream")
    furnished.capture(learner, anchored_at=NOW)
    return furnished.as_learner(account, learner)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=lambda size: str(size[0]))
def test_both_ways_stand_side_by_side_and_the_one_without_a_face_leads_on(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    with served_house(tmp_path) as (furnished, url):
        client = furnished.as_learner(furnished.account("lms-user-1001"))
        page, complaints = opened(browser, client, url, size)
        page.goto(f"{url}/learner")
        expect(page.get_by_test_id("consent-agree")).to_be_visible()
        expect(page.get_by_test_id("way-supervised")).to_be_visible()
        assert fits(page)
        page.get_by_test_id("way-supervised").click()
        expect(page.get_by_test_id("supervision-waiting")).to_be_visible()
        expect(page.locator('[data-testid=step-real_name][data-state="current"]')).to_be_visible()
        assert fits(page)
        assert complaints == []
        page.context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=lambda size: str(size[0]))
def test_a_learner_reads_the_own_data_takes_consent_back_and_asks_for_deletion(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    with served_house(tmp_path) as (furnished, url):
        page, complaints = opened(browser, with_a_template(furnished), url, size)
        page.goto(f"{url}/learner/my-data")
        kept = page.locator('[data-testid=my-evidence][data-purpose="face_template"]')
        expect(kept).to_have_attribute("data-state", "kept")
        assert fits(page)
        with page.expect_download() as download:
            page.get_by_test_id("export").click()
        assert download.value.suggested_filename == "anxue-my-data.zip"
        page.get_by_test_id("revoke-face").click()
        expect(kept).to_have_attribute("data-state", "destroyed")
        page.get_by_test_id("deletion-understood").check()
        page.get_by_test_id("deletion-submit").click()
        expect(page.get_by_test_id("deletion-request")).to_be_visible()
        assert fits(page)
        assert complaints == []
        page.context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=lambda size: str(size[0]))
def test_staff_begin_confirm_and_end_a_supervision(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    with served_house(tmp_path) as (furnished, url):
        furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        page, complaints = opened(browser, furnished.as_staff("staff-lin"), url, size)
        page.goto(f"{url}/institution/class-runs/{RUN}/supervision")
        page.get_by_test_id("learner").check()
        page.get_by_test_id("card-checked").check()
        page.get_by_test_id("start").click()
        expect(page.get_by_test_id("running")).to_be_checked()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("done")).to_be_visible()
        assert fits(page)
        page.get_by_test_id("end").click()
        expect(page.get_by_test_id("running")).to_have_count(0)
        page.goto(f"{url}/institution/privacy")
        expect(page.locator('[data-testid=assessment][data-purpose="face"]')).to_be_visible()
        assert fits(page)
        assert complaints == []
        page.context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=lambda size: str(size[0]))
def test_the_count_of_faces_and_its_task_fit_an_operators_screen(
    browser: Browser, tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RuleBook, "pack_alone", lambda _book, _pack: LOWERED)
    with served_house(tmp_path) as (furnished, url):
        with furnished.house.uow.for_institution(ORG) as tx:
            for subject in ("elr_1", "elr_2", "elr_3"):
                scope = EvidenceScope(ORG, subject, EvidencePurpose.FACE_TEMPLATE, RUN)
                furnished.house.at(tx).vault.put(scope, b"made up, no face", "application/octet-stream")
        with furnished.house.uow.across_institutions("test: an operator") as tx:
            staff = furnished.house.at(tx).staff
            staff.accept(staff.invite("operator", "op-wang").token, PASSWORD)
        page, complaints = opened(browser, furnished.as_staff("op-wang"), url, size)
        page.goto(f"{url}/compliance")
        expect(page.get_by_test_id("filing-task")).to_be_visible()
        assert fits(page)
        page.get_by_test_id("filing-reference").fill("备案回执示例")
        page.get_by_test_id("filing-done").click()
        expect(page.get_by_test_id("stored-faces")).to_be_visible()
        expect(page.get_by_test_id("filing-task")).to_have_count(0)
        assert complaints == []
        page.context.close()
