"""The launch door of the whole application: what `lti` refuses stays out, and what it lets in gets a new session."""

import json
from typing import Any

import pytest
import requests

from bridge.registry.lti_office import PlatformStaff
from lti.claims import CONTEXT, DEPLOYMENT_ID, ROLES
from tests.attacks.doors.server import ORG, REGISTRATION, BridgeServer, refused
from tests.lti.platform import TEACHER, rsa_key

COOKIE = "anxue_session"
FLOWS = ("lti_used_state",)
"""A login is used up by the launch that answers it, whatever becomes of that launch."""
NOTED = ("lti_registration", "lti_deployment", "lti_warning")
"""What the institution is told of a launch that its platform signed; nothing of the person is in it."""


def launches_of(bridge: BridgeServer) -> list[dict[str, Any]]:
    return bridge.rows("inbox_message", source="lti_launch:reg_demo_lms")


def test_a_launch_is_chained_without_name_contact_data_or_the_platforms_word_for_the_user(
    bridge: BridgeServer,
) -> None:
    person = bridge.someone()

    bridge.launch(bridge.browser(), person)

    (kept,) = [one["payload"] for one in launches_of(bridge) if bridge.account(person) in one["payload"]]
    assert "demo-course-1" in kept
    assert not [canary for canary in person.canaries if canary in kept]


def post_form(
    bridge: BridgeServer, body: bytes | str, media_type: str = "application/x-www-form-urlencoded"
) -> requests.Response:
    return bridge.post("/lti/launch", body, Content_Type=media_type, Accept="application/json")


def test_a_right_launch_gets_in(bridge: BridgeServer) -> None:
    browser, person = bridge.browser(), bridge.someone()
    launches, accounts = len(launches_of(bridge)), len(bridge.rows("lms_account"))

    answer = bridge.launch(browser, person)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/learner")
    assert len(launches_of(bridge)) == launches + 1
    assert len(bridge.rows("lms_account")) == accounts + 1
    assert browser.get(f"{bridge.origin}/learner").status_code == 200


@pytest.mark.parametrize(
    ("body", "media_type", "status", "reason"),
    [
        ('{"state":"a","id_token":"b"}', "application/json", 415, "form_expected"),
        ("state=a&id_token=b", "text/plain", 415, "form_expected"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415, "form_expected"),
        ("state=a&state=b&id_token=c", None, 400, "parameter_repeated"),
        ("state=a&id_token=b&id_token=c", None, 400, "parameter_repeated"),
        ("state=a&id_token=" + "x" * 200_000, None, 413, "request_too_large"),
        ("id_token=b", None, 400, "state_missing"),
        ("state=%00&id_token=b", None, 401, "state_unknown"),
        ("state=%ff%fe&id_token=b", None, 401, "state_unknown"),
        ("state=made-up&id_token=a.b.c", None, 401, "state_unknown"),
        (b"", None, 400, "state_missing"),
        (b"\x00\xff\xfe", None, 400, "state_missing"),
    ],
)
def test_a_malformed_launch_is_refused_and_changes_nothing(
    bridge: BridgeServer, body: bytes | str, media_type: str | None, status: int, reason: str
) -> None:
    with bridge.unchanged():
        answer = post_form(bridge, body, *([media_type] if media_type else []))

    refused(answer, status, reason)
    assert COOKIE not in answer.cookies


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": None}, "parameter_missing"),
        ({"iss": "https://stranger.example"}, "issuer_unknown"),
        ({"client_id": "another"}, "client_id_unknown"),
        ({"login_hint": None}, "parameter_missing"),
        ({"login_hint": "x" * 5000}, "parameter_too_long"),
        ({"target_link_uri": "https://stranger.example/"}, "target_link_uri_foreign"),
        ({"target_link_uri": "//stranger.example"}, "target_link_uri_foreign"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_login_that_is_not_one_begins_nothing(
    bridge: BridgeServer, changes: dict[str, str | None], reason: str, method: str
) -> None:
    params = bridge.platform.login_params(**changes)

    with bridge.unchanged():
        answer = bridge.browser().request(
            method,
            f"{bridge.origin}/lti/login",
            params=params if method == "GET" else None,
            data=params if method == "POST" else None,
        )

    assert 400 <= answer.status_code < 500
    assert answer.json()["reason"] == reason


@pytest.mark.parametrize("name", ["iss", "client_id"])
def test_a_character_that_no_database_takes_begins_nothing(bridge: BridgeServer, name: str) -> None:
    params = {**bridge.platform.login_params(), name: bridge.platform.issuer + "\x00"}

    with bridge.unchanged():
        answer = bridge.browser().get(f"{bridge.origin}/lti/login", params=params)

    assert answer.status_code in (400, 403)
    assert answer.json()["reason"] in ("value_malformed", "issuer_unknown", "client_id_unknown")


def test_an_id_token_gets_in_once(bridge: BridgeServer) -> None:
    browser, person = bridge.browser(), bridge.someone()
    going = bridge.login(browser)
    token = bridge.platform.token(going["nonce"], **bridge.personal_claims(person))
    form = {"state": going["state"], "id_token": token}
    assert bridge.send_launch(browser, form).status_code == 303

    with bridge.unchanged():
        refused(bridge.send_launch(browser, form), 401, "state_unknown")
    again = {"state": bridge.login(browser)["state"], "id_token": token}
    with bridge.unchanged(*FLOWS):
        refused(bridge.send_launch(browser, again), 401, "nonce_mismatch")


def test_an_id_token_is_no_use_in_another_browser(bridge: BridgeServer) -> None:
    victim, thief = bridge.browser(), bridge.browser()
    going = bridge.login(victim)
    token = bridge.platform.token(going["nonce"], **bridge.personal_claims(bridge.someone()))
    bridge.login(thief)

    with bridge.unchanged(*FLOWS):
        answer = bridge.send_launch(thief, {"state": going["state"], "id_token": token})

    refused(answer, 401, "browser_mismatch")
    assert COOKIE not in thief.cookies


def test_a_planted_session_does_not_become_the_victims(bridge: BridgeServer) -> None:
    thief, victim = bridge.browser(), bridge.browser()
    thief.get(f"{bridge.origin}/sign-in")
    planted = thief.cookies[COOKIE]
    victim.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/")

    assert bridge.launch(victim, bridge.someone()).status_code == 303

    assert victim.cookies.get(COOKIE, domain="127.0.0.1") is not None
    assert planted not in [one.value for one in victim.cookies if one.name == COOKIE]
    refused(thief.get(f"{bridge.origin}/learner"), 403, "launch_required")


def test_a_made_up_session_id_is_never_adopted(bridge: BridgeServer) -> None:
    browser = bridge.browser()
    browser.cookies.set(COOKIE, "an id of the attacker's own choice", domain="127.0.0.1", path="/")

    bridge.launch(browser, bridge.someone())

    assert "an id of the attacker's own choice" not in [one.value for one in browser.cookies]


def test_a_second_launch_keeps_nothing_of_the_first(bridge: BridgeServer) -> None:
    browser, (first, learner), second = bridge.browser(), bridge.ready(), bridge.someone()
    bridge.launch(browser, first)
    old = [one.value for one in browser.cookies if one.name == COOKIE]

    bridge.launch(browser, second)

    account = bridge.account(second)
    sessions = [session_data(one) for one in bridge.rows("web_session")]
    (row,) = [one for one in sessions if one.get("account_id") == account]
    assert row["learner"] is None
    assert learner not in json.dumps(row)
    browser.cookies.clear()
    browser.cookies.set(COOKIE, str(old[0]), domain="127.0.0.1", path="/")
    refused(browser.get(f"{bridge.origin}/learner"), 403, "launch_required")


def test_a_teachers_launch_gets_a_page_about_the_link_and_leaves_neither_account_nor_message(
    bridge: BridgeServer,
) -> None:
    browser = bridge.browser()

    with bridge.unchanged(*FLOWS, *NOTED, "web_session"):
        answer = bridge.launch(browser, bridge.someone(), **{ROLES: TEACHER})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/lms/teacher")
    assert browser.get(f"{bridge.origin}/lms/teacher").status_code == 200
    refused(browser.get(f"{bridge.origin}/learner"), 403, "launch_required")


def session_data(row: dict[str, Any]) -> dict[str, Any]:
    data = row["data"]
    found: dict[str, Any] = json.loads(data) if isinstance(data, str) else data
    return found


@pytest.mark.parametrize(
    ("claims", "status", "reason"),
    [
        ({"sub": None}, 403, "sub_missing"),
        ({"sub": "x" * 256}, 400, "sub_invalid"),
        ({CONTEXT: {"id": "a course that nobody linked"}}, 403, "class_run_unlinked"),
        ({CONTEXT: None}, 403, "class_run_unlinked"),
        ({CONTEXT: "a text"}, 400, "claim_malformed"),
        ({CONTEXT: {"id": "\x00"}}, 400, "token_malformed"),
        ({DEPLOYMENT_ID: "2"}, 403, "deployment_unknown"),
        ({"aud": "another tool"}, 401, "audience_mismatch"),
    ],
)
def test_who_is_no_learner_of_a_class_run_gets_no_session_and_leaves_no_trace(
    bridge: BridgeServer, claims: dict[str, Any], status: int, reason: str
) -> None:
    browser = bridge.browser()

    with bridge.unchanged(*FLOWS, *NOTED):
        answer = bridge.launch(browser, bridge.someone(), **claims)

    refused(answer, status, reason)
    assert COOKIE not in [one.name for one in browser.cookies]


def test_a_deployment_waits_once_and_its_next_launch_passes_after_approval(bridge: BridgeServer) -> None:
    person = bridge.someone()

    for _ in range(2):
        refused(
            bridge.launch(bridge.browser(), person, **{DEPLOYMENT_ID: "site-2"}), 403, "deployment_unknown"
        )
    (waiting,) = bridge.rows("lti_deployment", deployment_id="site-2")
    staff = PlatformStaff("staff_lin", ORG)
    bridge.house.platform_office.decide(staff, REGISTRATION, "site-2", "approved")
    passed = bridge.launch(bridge.browser(), person, **{DEPLOYMENT_ID: "site-2"})

    assert waiting["status"] == "pending"
    assert passed.status_code == 303


def test_a_forged_launch_of_a_new_deployment_is_not_listed(bridge: BridgeServer) -> None:
    browser = bridge.browser()
    going = bridge.login(browser)
    claims = bridge.platform.claims(going["nonce"], **{DEPLOYMENT_ID: "made up"})
    token = bridge.platform.sign(claims, key=rsa_key("the attacker's own"))

    refused(
        bridge.send_launch(browser, {"state": going["state"], "id_token": token}), 401, "signature_invalid"
    )

    assert bridge.rows("lti_deployment", deployment_id="made up") == []


def test_a_forged_launch_changes_nothing(bridge: BridgeServer) -> None:
    browser = bridge.browser()
    going = bridge.login(browser)
    claims = bridge.platform.claims(going["nonce"], **bridge.personal_claims(bridge.someone()))
    token = bridge.platform.sign(claims, key=rsa_key("the attacker's own"))

    with bridge.unchanged(*FLOWS):
        refused(
            bridge.send_launch(browser, {"state": going["state"], "id_token": token}),
            401,
            "signature_invalid",
        )


def test_a_page_of_refusal_holds_no_markup_of_the_callers(bridge: BridgeServer) -> None:
    body = {"state": "<script>alert(1)</script>", "id_token": "<b>"}

    answer = requests.post(f"{bridge.origin}/lti/launch", data=body, timeout=10)

    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "alert(1)" not in answer.text
