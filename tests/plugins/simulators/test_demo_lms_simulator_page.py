"""/simulator: the switches, what the next launches are like, rehearsals beside the running platform."""

import re
import threading
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from bridge.kernel.time import SystemClock
from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.control import Control
from plugins.simulators.demo_lms.course import load
from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.faults import Faults, KeyDoor
from tests.lti.served import served
from tests.plugins.simulators.demo_lms_server import BRIDGE, CONFIG, SECRET, DemoLmsServer, server, with_key
from tests.plugins.simulators.naive_tool import NaiveTool
from tests.plugins.simulators.test_demo_lms_launch import form_of

__all__ = ["server"]


def tell(server: DemoLmsServer, path: str, body: Any) -> requests.Response:
    return requests.post(f"{server.url}/simulator/{path}", json=body, timeout=5)


def launched(server: DemoLmsServer) -> str:
    """Sign in and launch; return the id_token that goes to the tool."""
    with requests.Session() as browser:
        server.sign_in(browser, "lms-user-1001")
        reply = browser.get(f"{server.url}/launch/entry", allow_redirects=False)
        asked = {
            key: values[0] for key, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()
        }
        request = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": asked["client_id"],
            "redirect_uri": f"{BRIDGE}/lti/launch",
            "login_hint": asked["login_hint"],
            "lti_message_hint": asked["lti_message_hint"],
            "state": "state-1",
            "nonce": "nonce-1",
        }
        return form_of(browser.get(f"{server.url}/lti/auth", params=request).text)["id_token"]


def key_set(server: DemoLmsServer) -> KeySet:
    return KeySet.import_key_set(requests.get(f"{server.url}/lti/jwks", timeout=5).json())


def claims_of(token: str, keys: KeySet) -> dict[str, Any]:
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


def test_the_page_says_what_it_is_and_lists_what_a_browser_can_carry(server: DemoLmsServer) -> None:
    page = requests.get(f"{server.url}/simulator", timeout=5).text

    assert "模拟器" in page
    assert 'value="B9.past"' in page
    assert 'value="V1.teacher"' in page
    assert 'value="B3"' not in page  # a replay is more than a token
    assert "<script>" not in page


def test_a_chosen_fault_goes_out_with_the_next_launches_until_it_is_taken_back(server: DemoLmsServer) -> None:
    told = tell(server, "faults", {"fault": "B9"})
    forged, again = launched(server), launched(server)
    tell(server, "faults", {"fault": ""})
    right = launched(server)

    assert told.json()["fault"] == "B9.past"
    now, keys = server.clock.now().timestamp(), key_set(server)
    assert claims_of(forged, keys)["exp"] < now - 60
    assert claims_of(again, keys)["exp"] < now - 60
    assert claims_of(right, keys)["exp"] > now
    seen = requests.get(f"{server.url}/simulator/launches", timeout=5).json()
    assert seen["simulator"] is True
    assert [(each["case"], each["state"]) for each in seen["launches"]] == [
        ("", "sent"),
        ("B9.past", "sent"),
        ("B9.past", "sent"),
    ]


def test_a_fault_of_the_header_goes_out_too(server: DemoLmsServer) -> None:
    tell(server, "faults", {"fault": "A1"})

    assert "kid" not in jws.extract_compact(launched(server).encode()).headers()


def test_the_clock_goes_wrong_when_told(server: DemoLmsServer) -> None:
    tell(server, "faults", {"skew_seconds": 90})

    assert claims_of(launched(server), key_set(server))["iat"] == int(server.clock.now().timestamp()) + 90


@pytest.mark.parametrize("keep_old", [True, False])
def test_keys_are_rotated_and_stay_so(server: DemoLmsServer, tmp_path: Path, keep_old: bool) -> None:
    before = key_set(server)

    tell(server, "keys", {"keep_old": keep_old})
    after = key_set(server)

    old, new = before.keys[0].kid, server.desk.key.kid
    assert new != old
    assert {key.kid for key in after.keys} == ({new, old} if keep_old else {new})
    assert claims_of(launched(server), after)["sub"] == "lms-user-1001"
    restarted = create_app(
        server.desk.lms, state=tmp_path / "state", clock=server.clock, webhook_secret=SECRET
    )
    assert restarted.extensions["demo_lms"].key.kid == new
    restarted.extensions["demo_lms"].store.close()


def test_the_key_address_misbehaves_when_told(server: DemoLmsServer) -> None:
    for door, status, holds in (("down", 500, "keys"), ("moved", 302, "moved"), ("not_json", 200, "503")):
        tell(server, "faults", {"key_door": door})
        reply = requests.get(f"{server.url}/lti/jwks", timeout=5, allow_redirects=False)
        assert reply.status_code == status
        assert holds in reply.text + reply.headers.get("Location", "")
    tell(server, "faults", {"key_door": "right"})
    assert requests.get(f"{server.url}/lti/jwks", timeout=5).json()["keys"]


def test_a_huge_key_set_is_larger_than_a_tool_should_read(server: DemoLmsServer) -> None:
    tell(server, "faults", {"key_door": "huge"})

    assert len(requests.get(f"{server.url}/lti/jwks", timeout=5).content) > 1 << 20


def test_services_are_down_when_told(server: DemoLmsServer) -> None:
    tell(server, "faults", {"services": "down"})
    assert requests.post(f"{server.url}/lti/token", timeout=5).status_code == 503
    tell(server, "faults", {"services": "right"})
    assert requests.post(f"{server.url}/lti/token", timeout=5).status_code == 400


def test_who_waits_at_a_slow_door_is_let_go_when_it_is_put_right() -> None:

    faults = Faults(slow_seconds=30)
    faults.set_door(KeyDoor.SLOW)
    app = Flask("test")

    def ask() -> None:
        with app.app_context():
            faults.answer_for_keys({"keys": []})

    waiting = threading.Thread(target=ask)
    began = time.monotonic()
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    faults.set_door(KeyDoor.RIGHT)
    waiting.join(5)
    assert not waiting.is_alive()
    assert time.monotonic() - began < 5


WRONG_SWITCHES: list[tuple[Any, str]] = [
    ({"fault": "Z9"}, "case_unknown"),
    ({"fault": "B3"}, "case_not_of_the_token"),
    ({"fault": 9}, "value_malformed"),
    ({"key_door": "open"}, "value_malformed"),
    ({"key_door": ["slow"]}, "value_malformed"),
    ({"services": None}, "value_malformed"),
    ({"skew_seconds": 86_401}, "value_malformed"),
    ({"skew_seconds": True}, "value_malformed"),
    ({"skew_seconds": "90"}, "value_malformed"),
    ({"skew": 90}, "switch_unknown"),
    ({"skew_seconds": 90, "fault": "Z9"}, "case_unknown"),
    ([], "value_malformed"),
]


def test_a_switch_that_does_not_exist_changes_nothing(server: DemoLmsServer) -> None:
    before = requests.get(f"{server.url}/simulator/faults", timeout=5).json()

    for body, reason in WRONG_SWITCHES:
        reply = tell(server, "faults", body)
        assert (reply.status_code, reply.json()["reason"]) == (400, reason), body
    assert requests.get(f"{server.url}/simulator/faults", timeout=5).json() == before


def test_another_sites_form_switches_nothing(server: DemoLmsServer) -> None:
    for path in ("faults", "keys", "rehearsals", "forget"):
        reply = requests.post(f"{server.url}/simulator/{path}", data={"fault": "B9"}, timeout=5)
        assert reply.status_code == 403
        as_text = requests.post(
            f"{server.url}/simulator/{path}",
            data='{"fault": "B9"}',
            headers={"Content-Type": "text/plain"},
            timeout=5,
        )
        assert as_text.status_code == 403
    assert server.desk.faults.next_launches == ""


def test_the_pages_own_forms_work_and_faults_are_shown_in_words(server: DemoLmsServer) -> None:
    with requests.Session() as browser:
        token = server.form_token(browser, "/simulator")
        page = browser.post(
            f"{server.url}/simulator/faults",
            data={"form_token": token, "key_door": "slow", "services": "right", "skew_seconds": "-90"},
        )
        wrong = browser.post(
            f"{server.url}/simulator/faults", data={"form_token": token, "skew_seconds": "soon"}
        )

    assert page.url.endswith("/simulator")
    assert '<option value="slow" selected>' in page.text
    assert '<option value="-90" selected>' in page.text
    assert wrong.status_code == 400
    assert "整数秒" in wrong.text
    server.desk.faults.reset()


class Rehearsing:
    """A served simulator whose tool is a naive one."""

    def __init__(self, url: str, desk: Desk, control: Control, go_on: threading.Event) -> None:
        self.url, self.desk, self.control, self.go_on = url, desk, control, go_on


@pytest.fixture
def rehearsing(tmp_path: Path) -> Iterator[Rehearsing]:
    tool = NaiveTool(frozenset({"replay"}))
    held: list[Any] = [Flask("starting")]
    go_on = threading.Event()
    with (
        served(tool.app) as origin,
        served(lambda environ, start: held[0](environ, start)) as url,  # noqa: PLW0108 - not there yet
    ):
        tool.issuer, tool.origin = url, origin
        lms = load(CONFIG, lms_url=url, bridge_url=origin)
        app = create_app(
            lms, state=with_key(tmp_path), clock=SystemClock(), webhook_secret=SECRET, wait=go_on.wait
        )
        held[0] = app
        desk = app.extensions["demo_lms"]
        yield Rehearsing(url, desk, app.extensions["demo_lms_control"], go_on)
        go_on.set()
        app.extensions["demo_lms_control"].join(10)
        desk.store.close()


def test_one_case_is_rehearsed_and_shown(rehearsing: Rehearsing) -> None:
    rehearsing.desk.faults.skew_seconds = 900
    for case in ("B3", "B6"):
        reply = requests.post(f"{rehearsing.url}/simulator/rehearsals", json={"case": case}, timeout=5)
        assert reply.status_code == 202
        rehearsing.control.join(10)

    seen = requests.get(f"{rehearsing.url}/simulator/launches", timeout=5).json()
    assert seen["rehearsing"] is False
    assert [(each["case"], each["state"]) for each in seen["launches"]] == [("B6", "right"), ("B3", "wrong")]
    assert seen["counts"] == {"right": 1, "wrong": 1, "open": 0, "sent": 0}
    assert rehearsing.desk.faults.skew_seconds == 0
    page = unescape(requests.get(f"{rehearsing.url}/simulator", timeout=5).text)
    assert re.search(r'data-state="wrong".*?应当拒绝，却接受了', page, re.DOTALL)


def test_while_a_rehearsal_runs_nothing_is_switched(rehearsing: Rehearsing) -> None:
    # A case of keys waits until the tool may ask again; here until this test has seen enough.
    assert requests.post(f"{rehearsing.url}/simulator/rehearsals", json={"case": "B20"}, timeout=5).ok
    for path, body in (("faults", {"fault": "A1"}), ("keys", {}), ("rehearsals", {})):
        reply = requests.post(f"{rehearsing.url}/simulator/{path}", json=body, timeout=5)
        assert (reply.status_code, reply.json()["reason"]) == (409, "rehearsing")
    rehearsing.go_on.set()
    rehearsing.control.join(10)
    assert requests.post(f"{rehearsing.url}/simulator/forget", json={}, timeout=5).json()["launches"] == []


def test_a_case_that_nobody_knows_is_not_rehearsed(rehearsing: Rehearsing) -> None:
    reply = requests.post(f"{rehearsing.url}/simulator/rehearsals", json={"case": "Z1"}, timeout=5)

    assert (reply.status_code, reply.json()["reason"]) == (400, "case_unknown")
