"""The demo LMS's pages in a real browser, with the agent and a double of the bridge."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from bridge.kernel.time import SystemClock
from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load
from tests.web.agent.bridge_double import BridgeDouble, Check

pytestmark = pytest.mark.e2e

CONFIG = Path(__file__).parents[3] / "config" / "demo" / "lms.yaml"
PASSED = {"state": "passed", "final": True, "message": "核验通过，请继续学习。"}
Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def lms(bridge: BridgeDouble, tmp_path: Path) -> Iterator[str]:
    """Address of the demo LMS whose bridge is the double: 12 slides of 5 study seconds at a factor of 30."""
    bridge.factor, bridge.nominal_ms, bridge.beat_interval_ms = 30, 60_000, 1_500
    server = make_server("127.0.0.1", 0, Flask("starting"), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    content = load(CONFIG, lms_url=url, bridge_url=bridge.url)
    server.app = create_app(content, state=tmp_path / "lms", clock=SystemClock(), webhook_secret=b"s")
    desk = server.app.extensions["demo_lms"]
    desk.courier.start()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield url
    server.shutdown()
    thread.join(5)
    server.server_close()
    desk.courier.stop()
    desk.store.close()


@pytest.fixture
def course(page: Page, lms: str) -> Page:
    """The course page of 陈晓安."""
    page.goto(lms)
    page.get_by_test_id("user-lms-user-1001").click()
    expect(page.get_by_test_id("course-title")).to_be_visible()
    return page


def test_the_entry_link_sends_the_browser_to_the_tools_login(course: Page, bridge: BridgeDouble) -> None:
    course.get_by_test_id("launch-entry").click()
    course.wait_for_url(f"{bridge.url}/lti/login**")

    assert "login_hint=lms-user-1001" in course.url


def test_the_sessions_token_is_signed_for_this_door_alone(
    course: Page, lms: str, bridge: BridgeDouble
) -> None:
    course.get_by_test_id("study-unit-1").click()
    expect(course.get_by_test_id("agent-state")).to_have_text("学习中")
    keys = KeySet.import_key_set(requests.get(f"{lms}/lti/jwks", timeout=5).json())
    token = jwt.decode(bridge.tokens[0], keys, algorithms=["RS256"])

    assert token.header["typ"] == "anxue-session+jwt"
    assert token.claims["aud"] == f"{bridge.url}/agent/v1/sessions"
    assert token.claims["sub"] == "lms-user-1001"
    assert token.claims["resource_link_id"] == "unit-1"
    assert token.claims["activity"] == "study"
    assert token.claims["exp"] - token.claims["iat"] <= 300
    assert token.claims["jti"]
    assert "attempt" not in token.claims


def test_a_unit_is_studied_page_by_page_and_left_properly(
    course: Page, lms: str, bridge: BridgeDouble
) -> None:
    course.get_by_test_id("study-unit-1").click()
    for number in range(1, 13):
        expect(course.get_by_test_id(f"slide-{number}")).to_be_visible()
        course.get_by_test_id("next").click()  # waits until the page's time is full
    expect(course.get_by_test_id("finished")).to_be_visible()
    expect(course.get_by_test_id("gaps")).to_be_hidden()
    course.get_by_test_id("leave").click()
    course.wait_for_url(f"{lms}/course")

    positions = [event["media_ms"] for event in bridge.events()]
    assert positions == sorted(positions)
    assert positions[-1] == 60_000
    assert all(
        position in positions for position in (5_000, 30_000, 55_000)
    )  # the end of a page is never passed over
    assert bridge.closed


def test_a_pages_time_ends_at_its_share_and_a_second_look_adds_nothing(
    course: Page, bridge: BridgeDouble, wait_until: Wait
) -> None:
    course.get_by_test_id("study-unit-1").click()
    expect(course.get_by_test_id("remaining")).to_have_text("本页已学满，请翻到下一页。")
    seen = len(bridge.events())
    wait_until(lambda: len(bridge.events()) > seen + 3)
    assert bridge.events()[-1]["media_ms"] == 5_000
    course.get_by_test_id("next").click()
    wait_until(lambda: bridge.events()[-1]["media_ms"] > 6_000)
    course.get_by_test_id("previous").click()
    seen = len(bridge.events())
    wait_until(lambda: len(bridge.events()) > seen + 3)

    assert bridge.events()[-1]["media_ms"] == 5_000


def test_what_is_credited_already_is_skipped(course: Page, bridge: BridgeDouble, wait_until: Wait) -> None:
    bridge.resume_media_ms = 20_000
    bridge.credited_media = [[0, 20_000], [21_000, 24_000], [25_000, 60_000]]
    course.get_by_test_id("study-unit-1").click()
    expect(course.get_by_test_id("slide-5")).to_be_visible()
    expect(course.get_by_test_id("remaining")).to_have_text("本页已学满，请翻到下一页。")
    course.get_by_test_id("next").click()
    expect(course.get_by_test_id("remaining")).to_have_text("本页已学满，请翻到下一页。")

    positions = [event["media_ms"] for event in bridge.events()]
    assert not [position for position in positions if 21_000 < position < 24_000]
    assert {21_000, 25_000} <= set(positions)
    assert [
        position for position in positions if 24_000 <= position < 24_100
    ]  # both sides of the jump are told


def test_a_check_stops_the_slide(course: Page, bridge: BridgeDouble, wait_until: Wait) -> None:
    course.get_by_test_id("study-unit-1").click()
    wait_until(lambda: len(bridge.batches) >= 2)
    check = bridge.open_check(PASSED)
    expect(course.get_by_test_id("paused")).to_have_text("请看摄像头")
    course.wait_for_timeout(250)  # the page shows what is left every 100 ms
    before = course.get_by_test_id("remaining").inner_text()
    wait_until(lambda: len(check.frames) == 1)

    assert course.get_by_test_id("remaining").inner_text() == before
    expect(course.get_by_test_id("paused")).to_be_hidden()


def test_the_quiz_waits_for_the_first_check_and_sends_its_score(
    course: Page, lms: str, bridge: BridgeDouble
) -> None:
    start = bridge.open_check(PASSED, kind="test_start")
    course.get_by_test_id("quiz").click()
    course.get_by_test_id("start-quiz").click()
    expect(course.get_by_test_id("agent-check-title")).to_have_text("测验开始前的人脸核验")
    assert course.get_by_test_id("quiz-form").is_hidden()
    expect(course.get_by_test_id("quiz-form")).to_be_visible()
    assert len(start.frames) == 1
    keys = KeySet.import_key_set(requests.get(f"{lms}/lti/jwks", timeout=5).json())
    claims = jwt.decode(bridge.tokens[0], keys, algorithms=["RS256"]).claims
    assert claims["activity"] == "test"

    for question, option in ((1, 1), (2, 1), (3, 2), (4, 1)):
        course.get_by_test_id(f"option-{question}-{option}").check()
    course.get_by_test_id("submit-quiz").click()
    expect(course.get_by_test_id("unanswered")).to_contain_text("还有 1 题没有作答")
    bridge.exit_check = Check("exit-1", "exit", [PASSED], 60, "离开前请看摄像头")
    course.get_by_test_id("submit-quiz").click()
    expect(course.get_by_test_id("score")).to_have_text("80")
    expect(course.get_by_test_id("delivery")).to_have_text("安学桥已收到成绩，收件编号 msg_1。")

    body = json.loads(bridge.webhooks[0][1])
    assert body["data"]["attempt"] == claims["attempt"]
    assert body["data"]["score"] == "80"
    assert bridge.closed


def test_the_quiz_cannot_be_handed_in_while_a_check_is_open(course: Page, bridge: BridgeDouble) -> None:
    course.get_by_test_id("quiz").click()
    course.get_by_test_id("start-quiz").click()
    expect(course.get_by_test_id("submit-quiz")).to_be_enabled()
    check = bridge.open_check(PASSED, PASSED, kind="in_test")
    check.delay_polls = 10
    expect(course.get_by_test_id("agent-check")).to_be_visible()

    assert course.get_by_test_id("submit-quiz").is_disabled()
    assert course.get_by_test_id("option-1-1").is_disabled()
    expect(course.get_by_test_id("submit-quiz")).to_be_enabled()


def test_a_pages_time_runs_by_the_bridges_clock_and_not_by_its_own(
    course: Page, bridge: BridgeDouble, wait_until: Wait
) -> None:
    bridge.nominal_ms = 12_000_000  # slides that are never over
    course.get_by_test_id("study-unit-1").click()
    wait_until(lambda: bool(bridge.events()) and bridge.events()[-1]["media_ms"] > 0)
    bridge.clock_stands = True
    seen, stood = len(bridge.events()), bridge.events()[-1]["media_ms"]
    wait_until(lambda: len(bridge.events()) > seen + 40)  # a minute by the page's own clock

    assert bridge.events()[-1]["media_ms"] <= stood + 10_000


def test_a_page_that_turns_by_itself_is_no_jump_and_loses_no_time(
    course: Page, bridge: BridgeDouble, wait_until: Wait
) -> None:
    bridge.nominal_ms, bridge.factor = 3_600_000, 1  # the box is ticked long before the first page is over
    course.get_by_test_id("study-unit-1").click()
    course.get_by_test_id("auto-turn").check()
    wait_until(lambda: bool(bridge.events()))
    began = len(bridge.batches)
    bridge.factor = 300
    expect(course.get_by_test_id("slide-4")).to_be_visible()

    turned = [batch.body["events"] for batch in bridge.batches[began:]]
    assert [len(events) for events in turned] == [1] * len(turned)
    assert bridge.events()[-1]["media_ms"] > 890_000
