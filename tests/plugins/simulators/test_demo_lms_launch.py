"""The demo LMS as an LTI platform, over real HTTP: one right launch, and each wrong one refused."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load
from tests.plugins.simulators.demo_lms_server import BRIDGE, CONFIG, DemoLmsServer, server

__all__ = ["server"]

LTI = "https://purl.imsglobal.org/spec/lti/claim/"


@pytest.fixture
def browser(server: DemoLmsServer) -> Iterator[requests.Session]:
    """A browser in which 陈晓安 is signed in."""
    with requests.Session() as session:
        server.sign_in(session, "lms-user-1001")
        yield session


def asked(server: DemoLmsServer, browser: requests.Session, **changed: str | None) -> dict[str, str]:
    """A right authentication request for a launch just begun, with what the test changes (None: left out)."""
    reply = browser.get(f"{server.url}/launch/entry", allow_redirects=False)
    login = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}
    request: dict[str, str | None] = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": login["client_id"],
        "redirect_uri": f"{BRIDGE}/lti/launch",
        "login_hint": login["login_hint"],
        "lti_message_hint": login["lti_message_hint"],
        "state": "state-1",
        "nonce": "nonce-1",
    }
    request.update(changed)
    return {name: value for name, value in request.items() if value is not None}


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the form that goes to the tool, and its address under "action"."""
    form = page[page.index('id="to-tool"') - 200 :]
    action = re.search(r'action="([^"]*)" id="to-tool"', form)
    assert action is not None
    fields = re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[form.index('id="to-tool"') :]
    )
    return {"action": unescape(action[1]), **{unescape(name): unescape(value) for name, value in fields}}


def id_token(server: DemoLmsServer, page: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(requests.get(f"{server.url}/lti/jwks", timeout=5).json())
    return jwt.decode(form_of(page)["id_token"], keys, algorithms=["RS256"]).claims


def test_login_initiation_goes_to_the_tool_with_all_its_parameters(
    server: DemoLmsServer, browser: requests.Session
) -> None:
    reply = browser.get(f"{server.url}/launch/unit-1", allow_redirects=False)
    target = urlsplit(reply.headers["Location"])

    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{BRIDGE}/lti/login"
    values = parse_qs(target.query)
    assert values["iss"] == [server.url]
    assert values["login_hint"] == ["lms-user-1001"]
    assert values["client_id"] == ["anxue-demo"]
    assert values["lti_deployment_id"] == ["1"]
    assert values["target_link_uri"] == [f"{BRIDGE}/lti/launch"]
    assert len(values["lti_message_hint"][0]) >= 22


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_right_request_is_answered_with_a_signed_id_token(
    server: DemoLmsServer, browser: requests.Session, method: str
) -> None:
    values = asked(server, browser)
    where = {"params": values} if method == "GET" else {"data": values}
    reply = browser.request(method, f"{server.url}/lti/auth", **where)  # type: ignore[arg-type]

    form = form_of(reply.text)
    assert form["action"] == f"{BRIDGE}/lti/launch"
    assert form["state"] == "state-1"
    claims = id_token(server, reply.text)
    assert claims["iss"] == server.url
    assert claims["aud"] == "anxue-demo"
    assert claims["nonce"] == "nonce-1"
    assert claims["sub"] == "lms-user-1001"
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert claims[f"{LTI}version"] == "1.3.0"
    assert claims[f"{LTI}message_type"] == "LtiResourceLinkRequest"
    assert claims[f"{LTI}deployment_id"] == "1"
    assert claims[f"{LTI}resource_link"]["id"] == "entry"
    assert claims[f"{LTI}context"]["id"] == "demo-course-1"
    assert claims[f"{LTI}roles"] == ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"]
    assert claims["email"].startswith("canary.")
    assert "模拟器" in reply.text
    nonce = re.search(r"'nonce-([^']+)'", reply.headers["Content-Security-Policy"])
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}">' in reply.text
    assert "unsafe-inline" not in reply.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"client_id": "another"}, "client_unknown"),
        ({"client_id": None}, "client_unknown"),
        ({"redirect_uri": f"{BRIDGE}/lti/launch/"}, "redirect_uri_mismatch"),
        ({"redirect_uri": f"{BRIDGE}/lti/launch?x=1"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://localhost:9/lti/launch"}, "redirect_uri_mismatch"),
        ({"redirect_uri": None}, "redirect_uri_mismatch"),
        ({"response_mode": "query"}, "response_mode_unsupported"),
        ({"response_mode": None}, "response_mode_unsupported"),
        ({"state": None}, "state_missing"),
    ],
)
def test_a_request_that_cannot_be_answered_safely_is_refused_here(
    server: DemoLmsServer, browser: requests.Session, changed: dict[str, str | None], reason: str
) -> None:
    reply = browser.get(f"{server.url}/lti/auth", params=asked(server, browser, **changed))

    assert reply.status_code == 400
    assert reply.json()["reason"] == reason


def test_a_repeated_parameter_is_refused(server: DemoLmsServer, browser: requests.Session) -> None:
    values = [*asked(server, browser).items(), ("nonce", "nonce-2")]
    reply = browser.get(f"{server.url}/lti/auth", params=values)

    assert reply.status_code == 400
    assert reply.json()["reason"] == "parameter_repeated"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"nonce": None}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"login_hint": None}, "invalid_request"),
        ({"lti_message_hint": None}, "invalid_request"),
        ({"lti_message_hint": "made-up"}, "invalid_request"),
        ({"prompt": "login"}, "invalid_request"),
        ({"prompt": None}, "invalid_request"),
        ({"response_type": "code"}, "unsupported_response_type"),
        ({"scope": "openid profile"}, "invalid_scope"),
        ({"login_hint": "lms-user-1002"}, "login_required"),
    ],
)
def test_any_other_fault_goes_back_to_the_tool_as_an_error_with_the_state(
    server: DemoLmsServer, browser: requests.Session, changed: dict[str, str | None], error: str
) -> None:
    reply = browser.get(f"{server.url}/lti/auth", params=asked(server, browser, **changed))
    form = form_of(reply.text)

    assert form["error"] == error
    assert form["state"] == "state-1"
    assert "id_token" not in form


def test_nobody_signed_in_is_login_required(server: DemoLmsServer, browser: requests.Session) -> None:
    reply = requests.get(f"{server.url}/lti/auth", params=asked(server, browser), timeout=5)

    assert form_of(reply.text)["error"] == "login_required"


def test_a_message_hint_works_once_and_only_for_its_user(
    server: DemoLmsServer, browser: requests.Session
) -> None:
    values = asked(server, browser)
    assert "id_token" in form_of(browser.get(f"{server.url}/lti/auth", params=values).text)
    assert form_of(browser.get(f"{server.url}/lti/auth", params=values).text)["error"] == "invalid_request"

    foreign = asked(server, browser)
    with requests.Session() as other:
        server.sign_in(other, "lms-user-1002")
        values = {**foreign, "login_hint": "lms-user-1002"}
        reply = other.get(f"{server.url}/lti/auth", params=values)
    assert form_of(reply.text)["error"] == "invalid_request"


def test_values_are_escaped_in_the_form(server: DemoLmsServer, browser: requests.Session) -> None:
    state = '"><script>alert(1)</script>'
    reply = browser.get(f"{server.url}/lti/auth", params=asked(server, browser, state=state))

    assert state not in reply.text
    assert form_of(reply.text)["state"] == state


def test_every_page_says_that_it_is_a_simulator(server: DemoLmsServer, browser: requests.Session) -> None:
    for path in ("/", "/course", "/study/unit-1", "/study/unit-2", "/quiz"):
        reply = browser.get(f"{server.url}{path}")
        assert reply.status_code == 200
        assert "模拟器 · 演示用，不是真实系统" in reply.text


def test_a_form_without_the_browsers_token_is_refused(server: DemoLmsServer) -> None:
    reply = requests.post(f"{server.url}/sign-in", data={"sub": "lms-user-1001"}, timeout=5)

    assert reply.status_code == 403


def test_the_key_outlives_a_restart_and_only_its_owner_reads_it(
    tmp_path: Path, server: DemoLmsServer
) -> None:
    lms = load(CONFIG, lms_url="http://127.0.0.1:1", bridge_url=BRIDGE)
    apps = [create_app(lms, state=tmp_path, clock=server.clock, webhook_secret=b"s") for _ in range(2)]
    first, second = (app.test_client().get("/lti/jwks").get_json() for app in apps)
    for app in apps:
        app.extensions["demo_lms"].store.close()

    assert first == second
    assert "d" not in first["keys"][0]
    assert (tmp_path / "platform-key.pem").stat().st_mode & 0o077 == 0
