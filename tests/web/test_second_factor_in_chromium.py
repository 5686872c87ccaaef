"""An app and a passkey in a real browser, whose own virtual authenticator answers (by its debugging protocol)."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pyotp import TOTP
from werkzeug.serving import make_server

from bridge.settings import ROOT
from tests.servers.children import free_port
from tests.web.furnished import PASSWORD, Furnished, furnish, token
from tests.web.second_factor import add_app

pytestmark = pytest.mark.e2e


class Town:
    """A served house at the name that passkeys accept without TLS."""

    def __init__(self, furnished: Furnished, url: str, browser: Browser) -> None:
        self.furnished = furnished
        self.url = url
        self.complaints: list[str] = []
        self._browser = browser

    def context(self, width: int = 390) -> BrowserContext:
        return self._browser.new_context(viewport={"width": width, "height": 844})

    def page(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def sign_in(self, page: Page, login: str) -> None:
        page.goto(f"{self.url}/sign-in")
        page.get_by_test_id("sign-in-login").fill(login)
        page.get_by_test_id("sign-in-password").fill(PASSWORD)
        page.get_by_test_id("sign-in-submit").click()


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Town]:
    port = free_port()
    url = f"http://localhost:{port}"
    furnished = furnish(
        tmp_path_factory.mktemp("served"), assets=ROOT / "var" / "assets", public_url=url, port=port
    )
    server = make_server("127.0.0.1", port, furnished.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Town(furnished, url, browser)
    server.shutdown()
    thread.join()
    server.server_close()
    furnished.house.close()


def _authenticator(page: Page) -> Any:
    """Give the browser of `page` an authenticator that says yes; return the way to talk to it."""
    talk = page.context.new_cdp_session(page)
    talk.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    talk.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return talk


def test_a_passkey_is_set_up_and_signs_in(town: Town) -> None:
    context = town.context()
    page = town.page(context)
    _authenticator(page)
    town.sign_in(page, "staff-lin")
    page.goto(f"{town.url}/account")
    page.get_by_test_id("add-passkey").click()
    page.get_by_test_id("recovery-codes").wait_for()
    assert page.locator("[data-testid=recovery-codes] li").count() == 10
    page.get_by_test_id("codes-kept").click()
    page.get_by_test_id("sign-out").click()

    town.sign_in(page, "staff-lin")
    page.get_by_test_id("use-passkey").click()
    page.wait_for_url(f"{town.url}/institution")

    page.goto(f"{town.url}/account")
    assert page.get_by_test_id("factor").get_attribute("data-kind") == "passkey"
    assert "最近使用" in page.get_by_test_id("factor").inner_text()
    context.close()
    assert town.complaints == []


def test_a_browser_without_the_passkey_stays_outside(town: Town) -> None:
    context = town.context()
    page = town.page(context)
    _authenticator(page)
    town.sign_in(page, "staff-lin")
    page.goto(f"{town.url}/account")
    page.get_by_test_id("add-passkey").click()
    page.get_by_test_id("recovery-codes").wait_for()
    context.close()
    other = town.context()
    page = town.page(other)
    talk = _authenticator(page)
    town.sign_in(page, "staff-lin")
    page.wait_for_url(f"{town.url}/sign-in/second")
    # An authenticator of somebody else, which is not even present.
    talk.send("WebAuthn.disable")
    _authenticator(page)
    page.get_by_test_id("use-passkey").click()
    page.get_by_test_id("passkey-error").wait_for()
    page.goto(f"{town.url}/institution")
    assert page.url.startswith(f"{town.url}/sign-in")
    other.close()


def test_an_app_is_set_up_by_its_code_and_signs_in(town: Town) -> None:
    context = town.context()
    page = town.page(context)
    town.sign_in(page, "staff-lin")
    page.goto(f"{town.url}/account")
    page.get_by_test_id("add-app").click()
    box = page.get_by_test_id("app-qr").locator("svg").bounding_box()
    assert box is not None
    # Large enough for a camera, and square.
    assert box["width"] >= 180
    assert abs(box["width"] - box["height"]) < 2
    page.locator("summary").click()
    app = TOTP(page.get_by_test_id("app-secret").inner_text().replace(" ", ""))
    page.get_by_test_id("app-code").fill(app.at(town.furnished.clock.now()))
    page.get_by_test_id("app-submit").click()
    page.get_by_test_id("recovery-codes").wait_for()
    page.get_by_test_id("codes-kept").click()
    page.get_by_test_id("sign-out").click()
    town.furnished.clock.advance(seconds=60)

    town.sign_in(page, "staff-lin")
    page.get_by_test_id("second-code").fill(app.at(town.furnished.clock.now()))
    page.get_by_test_id("second-submit").click()
    page.wait_for_url(f"{town.url}/institution")
    context.close()
    assert town.complaints == []


def test_no_page_of_an_account_runs_off_the_screen(town: Town) -> None:
    client = town.furnished.as_staff("staff-lin")
    app, _ = add_app(town.furnished, client)
    client.post("/account/factors/app", data={"csrf_token": token(client)})
    waits = town.furnished.client()
    waits.post("/sign-in", data={"csrf_token": token(waits), "login": "staff-lin", "password": PASSWORD})
    assert app.secret
    for holder, path in (
        (client, "/account"),
        (client, "/account/factors/app"),
        (client, "/account/factors/password"),
        (waits, "/sign-in/second"),
    ):
        cookie = holder.get_cookie("anxue_session")
        assert cookie is not None
        for width in (320, 390, 1280):
            context = town.context(width)
            context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": town.url}])
            page = town.page(context)
            page.goto(town.url + path)
            page.wait_for_load_state("networkidle")
            beyond = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            where = page.url
            context.close()
            assert (where, beyond) == (town.url + path, 0), width
    assert town.complaints == []
