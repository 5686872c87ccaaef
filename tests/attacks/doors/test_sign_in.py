"""Attacks on the sign-in of staff, over HTTP: guessing, planted sessions, sessions that were ended."""

from itertools import count

import pytest
import requests

from tests.attacks.doors.server import BridgeServer
from tests.attacks.doors.test_forms import PASSWORD, token_on

OTHER = "another-made-up-Pass-1"
_NUMBERS = count(1)


def sign_in(
    bridge: BridgeServer, browser: requests.Session, login: str, password: str, **headers: str
) -> requests.Response:
    form = {"csrf_token": token_on(bridge, browser, "/sign-in"), "login": login, "password": password}
    return browser.post(f"{bridge.origin}/sign-in", data=form, headers=headers, allow_redirects=False)


@pytest.fixture
def owner(bridge: BridgeServer) -> requests.Session:
    """The browser of an administrator whose account nobody else uses."""
    login = f"admin-{next(_NUMBERS)}"
    with bridge.house.uow.across_institutions("test: invite") as tx:
        invited = bridge.house.at(tx).staff.invite("administrator", login)
    # Other tests post forms from the same address, and may have used up what a minute takes.
    bridge.app.extensions["anxue.limiter"].reset()
    browser, path = bridge.browser(), f"/invite/{invited.token}"
    form = {"csrf_token": token_on(bridge, browser, path), "password": PASSWORD, "again": PASSWORD}
    assert browser.post(bridge.origin + path, data=form, allow_redirects=False).status_code == 303
    browser.headers["X-Test-Login"] = login
    return browser


def login_of(owner: requests.Session) -> str:
    return str(owner.headers["X-Test-Login"])


def test_guessing_stops_and_says_the_same_of_accounts_that_do_not_exist(
    bridge: BridgeServer, owner: requests.Session
) -> None:
    def said(login: str) -> list[str]:
        stranger, heard = bridge.browser(), []
        for number in range(7):
            answer = sign_in(
                bridge, stranger, login, f"guess-{number}", **{"X-Forwarded-For": f"10.0.0.{number}"}
            )
            assert answer.status_code == 422
            start = answer.text.index('data-testid="sign-in-error"')
            heard.append(answer.text[start : answer.text.index("</p>", start)])
        return heard

    login = login_of(owner)
    known, unknown = said(login), said("admin-nobody")

    assert known == unknown
    assert "尝试次数过多" in known[-1]
    assert "尝试次数过多" in sign_in(bridge, bridge.browser(), login, PASSWORD).text
    # The owner's own browser is not kept out by it.
    assert sign_in(bridge, owner, login, PASSWORD).status_code == 303


def test_a_planted_session_is_not_the_one_that_is_signed_in(
    bridge: BridgeServer, owner: requests.Session
) -> None:
    attacker, victim = bridge.browser(), bridge.browser()
    token_on(bridge, attacker, "/sign-in")
    planted = attacker.cookies["anxue_session"]
    victim.cookies.set("anxue_session", planted, domain="127.0.0.1", path="/")

    assert sign_in(bridge, victim, login_of(owner), PASSWORD).status_code == 303

    assert [cookie.value for cookie in victim.cookies if cookie.name == "anxue_session"] != [planted]
    assert attacker.get(f"{bridge.origin}/account", allow_redirects=False).status_code == 303
    attacker.cookies.set("anxue_session", "chosen-by-the-attacker", domain="127.0.0.1", path="/")
    assert attacker.get(f"{bridge.origin}/account", allow_redirects=False).status_code == 303


def test_a_stolen_session_ends_with_the_password(bridge: BridgeServer, owner: requests.Session) -> None:
    thief = bridge.browser()
    thief.cookies.set("anxue_session", owner.cookies["anxue_session"], domain="127.0.0.1", path="/")
    assert thief.get(f"{bridge.origin}/account", allow_redirects=False).status_code == 200
    form = {
        "csrf_token": token_on(bridge, owner, "/account"),
        "old": PASSWORD,
        "password": OTHER,
        "again": OTHER,
    }

    changed = owner.post(f"{bridge.origin}/account/password", data=form, allow_redirects=False)

    assert changed.status_code == 303
    assert owner.get(f"{bridge.origin}/account", allow_redirects=False).status_code == 200
    assert thief.get(f"{bridge.origin}/account", allow_redirects=False).status_code == 303


def test_the_cookie_of_a_known_browser_opens_nothing(bridge: BridgeServer, owner: requests.Session) -> None:
    thief = bridge.browser()
    thief.cookies.set("anxue_browser", owner.cookies["anxue_browser"], domain="127.0.0.1", path="/")

    assert thief.get(f"{bridge.origin}/account", allow_redirects=False).status_code == 303
    assert sign_in(bridge, thief, login_of(owner), "guess").status_code == 422
