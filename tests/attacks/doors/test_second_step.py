"""Attacks on the second step, over HTTP: what was heard is said again, codes are guessed, the step is left out."""

import re
from itertools import count
from typing import Any

import pytest
import requests
from pyotp import TOTP

from tests.attacks.doors.server import BridgeServer, refused
from tests.attacks.doors.test_forms import PASSWORD, token_on
from tests.identity.authenticator import SimulatedPasskey

_NUMBERS = count(1)


class Owner:
    """An administrator with an app and a passkey whose counter stays zero, like those that a cloud keeps."""

    def __init__(self, bridge: BridgeServer) -> None:
        self.bridge = bridge
        self.login = f"second-{next(_NUMBERS)}"
        with bridge.house.uow.across_institutions("test: invite") as tx:
            invited = bridge.house.at(tx).staff.invite("administrator", self.login)
        self.browser, path = bridge.browser(), f"/invite/{invited.token}"
        form = {"password": PASSWORD, "again": PASSWORD}
        assert self.post(self.browser, path, path, form).status_code == 303
        self.post(self.browser, "/account", "/account/factors/app", {})
        page = self.browser.get(f"{bridge.origin}/account/factors/app").text
        secret = re.search(r'data-testid="app-secret">([A-Z2-7 ]+)<', page)
        assert secret is not None
        self.app = TOTP(secret[1].replace(" ", ""))
        confirmed = self.post(self.browser, "/account", "/account/factors/app/confirm", {"code": self.code()})
        assert confirmed.status_code == 200
        bridge.clock.advance(60)
        self.passkey = SimulatedPasskey(bridge.origin, "127.0.0.1", counts=False)
        options = self.json(self.browser, "/account", "/account/factors/passkey/options", {}).json()
        made = self.json(self.browser, "/account", "/account/factors/passkey", self.passkey.create(options))
        assert made.status_code == 200, made.text

    def code(self) -> str:
        return self.app.at(self.bridge.clock.now())

    def post(
        self, browser: requests.Session, seen_on: str, path: str, form: dict[str, str]
    ) -> requests.Response:
        data = {"csrf_token": token_on(self.bridge, browser, seen_on), **form}
        return browser.post(self.bridge.origin + path, data=data, allow_redirects=False)

    def json(self, browser: requests.Session, seen_on: str, path: str, body: Any) -> requests.Response:
        headers = {"X-CSRFToken": token_on(self.bridge, browser, seen_on), "Accept": "application/json"}
        return browser.post(self.bridge.origin + path, json=body, headers=headers, allow_redirects=False)

    def password_given(self, browser: requests.Session | None = None) -> requests.Session:
        """Return a browser in which the right password was given."""
        used = browser or self.bridge.browser()
        form = {"login": self.login, "password": PASSWORD}
        answer = self.post(used, "/sign-in", "/sign-in", form)
        assert answer.headers["Location"].endswith("/sign-in/second")
        return used

    def give_code(self, browser: requests.Session, code: str) -> requests.Response:
        return self.post(browser, "/sign-in/second", "/sign-in/second", {"code": code})

    def is_in(self, browser: requests.Session) -> bool:
        return browser.get(f"{self.bridge.origin}/account", allow_redirects=False).status_code == 200


@pytest.fixture
def owner(bridge: BridgeServer) -> Owner:
    return Owner(bridge)


def test_a_code_that_was_looked_at_works_for_its_owner_alone(owner: Owner) -> None:
    victim, thief = owner.password_given(), owner.password_given()
    code = owner.code()
    assert owner.give_code(victim, code).status_code == 303

    assert owner.give_code(thief, code).status_code == 422
    assert not owner.is_in(thief)
    assert owner.is_in(victim)


def test_a_passkeys_answer_that_was_heard_is_good_for_nothing(owner: Owner) -> None:
    victim, thief = owner.password_given(), owner.password_given()
    step = "/sign-in/second"
    answer = owner.passkey.get(owner.json(victim, step, f"{step}/passkey/options", {}).json())
    headers = {"X-CSRFToken": token_on(owner.bridge, victim, step), "Accept": "application/json"}
    cookies = dict(victim.cookies)
    assert owner.json(victim, step, f"{step}/passkey", answer).status_code == 200
    assert owner.is_in(victim)

    # In the session that it was made for, which is over; in one of the thief's; and to the thief's own challenge.
    again = requests.post(
        f"{owner.bridge.origin}{step}/passkey", json=answer, headers=headers, cookies=cookies, timeout=30
    )
    assert again.status_code in (400, 403)
    refused(owner.json(thief, step, f"{step}/passkey", answer), 400, "passkey_challenge_over")
    assert owner.json(thief, step, f"{step}/passkey/options", {}).status_code == 200
    refused(owner.json(thief, step, f"{step}/passkey", answer), 400, "passkey_refused")
    assert not owner.is_in(thief)


def test_a_passkey_of_a_look_alike_site_is_good_for_nothing(owner: Owner) -> None:
    browser, step = owner.password_given(), "/sign-in/second"
    owner.passkey.origin = "http://127.0.0.1.evil.example"
    answer = owner.passkey.get(owner.json(browser, step, f"{step}/passkey/options", {}).json())

    refused(owner.json(browser, step, f"{step}/passkey", answer), 400, "passkey_refused")

    assert not owner.is_in(browser)


def test_guessing_codes_stops(owner: Owner) -> None:
    thief = owner.password_given()
    wrong = [f"{number:06}" for number in range(8) if f"{number:06}" != owner.code()][:6]

    pages = [owner.give_code(thief, code) for code in wrong]

    assert [page.status_code for page in pages] == [422] * 6
    assert "尝试次数过多" not in pages[4].text
    assert "尝试次数过多" in pages[5].text
    # Not even the right one, nor with the password given anew.
    assert "尝试次数过多" in owner.give_code(thief, owner.code()).text
    assert "尝试次数过多" in owner.give_code(owner.password_given(), owner.code()).text
    # The owner's own browser goes on.
    owner.password_given(owner.browser)
    assert owner.give_code(owner.browser, owner.code()).status_code == 303


def test_the_second_step_cannot_be_left_out(owner: Owner) -> None:
    thief = owner.password_given()
    origin = owner.bridge.origin
    form = {"csrf_token": token_on(owner.bridge, thief, "/sign-in/second"), "password": PASSWORD, "code": "1"}

    for path in (
        "/account/factors/password",
        "/account/factors/app",
        "/account/factors/codes",
        "/account/password",
    ):
        answer = thief.post(origin + path, data=form, allow_redirects=False)
        assert (answer.status_code, "/sign-in" in answer.headers["Location"]) == (303, True)
    for path in ("/account", "/institution", "/administration/staff", "/platforms"):
        assert "/sign-in" in thief.get(origin + path, allow_redirects=False).headers["Location"]
    assert not owner.is_in(thief)


def test_a_planted_session_is_not_the_one_that_passes_the_second_step(owner: Owner) -> None:
    thief = owner.bridge.browser()
    token_on(owner.bridge, thief, "/sign-in")
    victim = owner.bridge.browser()
    victim.cookies.set("anxue_session", thief.cookies["anxue_session"], domain="127.0.0.1", path="/")
    owner.password_given(victim)
    half_way = [one.value for one in victim.cookies if one.name == "anxue_session"]
    assert owner.give_code(victim, owner.code()).status_code == 303

    assert not owner.is_in(thief)
    for value in half_way:
        late = owner.bridge.browser()
        late.cookies.set("anxue_session", str(value), domain="127.0.0.1", path="/")
        assert not owner.is_in(late)


def test_without_a_token_no_step_is_taken(owner: Owner) -> None:
    browser = owner.password_given()
    for path, more in (
        ("/sign-in/second", {"data": {"code": owner.code()}}),
        ("/sign-in/second/passkey/options", {"json": {}}),
        ("/sign-in/second/passkey", {"json": {}}),
    ):
        refused(browser.post(owner.bridge.origin + path, allow_redirects=False, **more), 400, "csrf_failed")
    assert not owner.is_in(browser)
