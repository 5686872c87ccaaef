"""Launches in a cross-site frame of Chromium that blocks third-party cookies: three ways in, none around a check."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from lti.browser_pages import STORED
from tests.attacks.launch.framed import LMS_HOST, THIEF_HOST, TOOL_HOST, Stage, stage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def blocking_browser() -> Iterator[Browser]:
    """Chromium as it will not give a third party its cookies, unless they are partitioned."""
    executable = shutil.which("chromium")
    assert executable is not None, "install Debian's package chromium"
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--test-third-party-cookie-phaseout",
        "--host-resolver-rules="
        + ", ".join(f"MAP {host} 127.0.0.1" for host in (LMS_HOST, TOOL_HOST, THIEF_HOST)),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


@pytest.fixture
def page(blocking_browser: Browser) -> Iterator[Page]:
    context = blocking_browser.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844})
    context.set_default_timeout(15_000)
    opened = context.new_page()
    yield opened
    context.close()


def tool_frame(page: Page, sites: Stage) -> FrameLocator:
    # The frame moves between sites, so between processes; Playwright's first look of an `expect` has no timeout
    # and never returns from a process that goes while it looks.
    page.goto(f"{sites.lms_url}/course", wait_until="networkidle")
    return page.frame_locator("iframe[name=tool]")


def in_new_window(page: Page, frame: FrameLocator) -> Page:
    with page.context.expect_page() as opening:
        frame.get_by_test_id("lti-go").locator("visible=true").click()
    opening.value.wait_for_load_state("networkidle")
    return opening.value


def test_the_partitioned_cookie_carries_a_launch_where_third_party_cookies_are_blocked(
    page: Page, sites: Stage
) -> None:
    frame = tool_frame(page, sites)
    expect(frame.locator("#inside")).to_have_text("learner")
    # The browser does block: a cookie that is not partitioned did not come back.
    expect(frame.locator("#plain")).to_have_text("none")
    assert sites.tokens_given == 1


@pytest.mark.parametrize("tells_capabilities", [True, False])
def test_where_no_cookie_holds_the_platforms_storage_binds_the_launch(
    page: Page, sites: Stage, tells_capabilities: bool
) -> None:
    sites.tool.on = sites.storage = True
    sites.tells_capabilities = tells_capabilities
    frame = tool_frame(page, sites)
    expect(frame.get_by_role("heading", name="身份已确认")).to_be_visible()
    window = in_new_window(page, frame)
    expect(window.locator("#inside")).to_have_text("learner")
    expect(frame.get_by_role("heading", name="已在新窗口中打开")).to_be_visible()
    assert sites.tokens_given == 1


def test_where_neither_holds_a_new_window_does_and_the_platforms_hint_is_still_good(
    page: Page, sites: Stage
) -> None:
    sites.tool.on = True
    frame = tool_frame(page, sites)
    expect(frame.get_by_role("heading", name="请在新窗口中打开课程")).to_be_visible()
    assert sites.tokens_given == 0
    window = in_new_window(page, frame)
    expect(window.locator("#inside")).to_have_text("learner")
    assert sites.tokens_given == 1


def test_a_storage_that_gives_another_value_lets_nobody_in(page: Page, sites: Stage) -> None:
    sites.tool.on = sites.storage = sites.forgets = True
    frame = tool_frame(page, sites)
    window = in_new_window(page, frame)
    expect(window.locator("#refused")).to_have_text("browser_mismatch")


def test_a_storage_frame_of_another_site_is_not_believed(page: Page, sites: Stage) -> None:
    sites.tool.on = sites.storage = True
    port = sites.lms_url.rpartition(":")[2]
    # The course page of the attacker's site holds frames of its own; the tool talks to the registered origin alone.
    page.goto(f"https://{THIEF_HOST}:{port}/course", wait_until="networkidle")
    frame = page.frame_locator("iframe[name=tool]")
    expect(frame.get_by_role("heading", name="请在新窗口中打开课程")).to_be_visible()


def test_a_login_at_the_top_is_a_plain_redirect_with_no_page_between(page: Page, sites: Stage) -> None:
    seen: list[int] = []
    page.on("response", lambda response: seen.append(response.status))
    sites.storage = True
    page.goto(sites.login_address())
    expect(page.locator("#inside")).to_have_text("learner")
    assert seen[0] == 302


@pytest.mark.parametrize(
    "origin", [None, "null", f"https://{THIEF_HOST}", "https://tool.test", "https://tool.test:1"]
)
def test_a_stored_value_that_another_site_posts_is_refused(sites: Stage, origin: str | None) -> None:
    """The attacker has a login of their own, value included, and posts it from a page that the victim looks at."""
    form = _right_form_with_stored_value(sites)
    answer = _post(sites, form, {} if origin is None else {"Origin": origin})
    assert (answer.status_code, answer.json()["reason"]) == (401, "browser_mismatch")


def test_the_same_value_posted_by_our_own_page_is_taken_once(sites: Stage) -> None:
    form = _right_form_with_stored_value(sites)
    assert _post(sites, form, {"Origin": sites.tool_url}).status_code == 303
    replay = _post(sites, form, {"Origin": sites.tool_url})
    assert (replay.status_code, replay.json()["reason"]) == (401, "state_unknown")


def test_a_stored_value_is_worth_nothing_for_a_login_that_was_offered_no_storage(sites: Stage) -> None:
    form = _right_form_with_stored_value(sites, storage=False)
    answer = _post(sites, form, {"Origin": sites.tool_url})
    assert (answer.status_code, answer.json()["reason"]) == (401, "browser_mismatch")


def _right_form_with_stored_value(sites: Stage, *, storage: bool = True) -> dict[str, str]:
    from lti.oidc import start_login
    from tests.lti.doors import tool_of

    tool = tool_of(sites.world, public_url=sites.tool_url)
    extra = {"lti_storage_target": "frame"} if storage else {}
    going = start_login(tool, {**sites.lms.login_params(), **extra}, "b" * 43)
    flow = tool.seal.open(going.state)
    assert flow is not None
    return {
        "state": going.state,
        "id_token": sites.lms.token(going.nonce),
        STORED: tool.seal.storage_value(flow),
    }


def _post(sites: Stage, form: dict[str, str], headers: dict[str, str]) -> requests.Response:
    port = sites.tool_url.rpartition(":")[2]
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            f"https://127.0.0.1:{port}/lti/launch",
            data=form,
            headers={"Accept": "application/json", **headers},
            allow_redirects=False,
            verify=str(sites.tls),
            timeout=10,
        )
