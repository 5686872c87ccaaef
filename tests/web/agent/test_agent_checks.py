"""Checks and the face reference in a real browser with a made-up camera."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.agent.bridge_double import BridgeDouble

pytestmark = pytest.mark.e2e

Wait = Callable[[Callable[[], bool]], None]
PASSED = {"state": "passed", "final": True, "message": "核验通过，请继续学习。"}
DARK = {"state": "open", "final": False, "hint": "光线太暗，请面向光亮处。"}
_MESSAGE = "document.querySelector('[data-testid=agent-check-message]')"
_COUNT_TRACKS = """
window.tracks = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  const stream = await open(wish); window.tracks.push(...stream.getTracks()); return stream;
};
"""
_DENY = """
window.asked = 0;
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  window.asked += 1;
  if (window.asked === 1) throw new DOMException('denied', 'NotAllowedError');
  return open(wish);
};
"""


def test_a_check_pauses_the_media_takes_frames_until_it_passes_and_lets_the_camera_go(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.add_init_script(_COUNT_TRACKS)
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    assert page.evaluate("window.tracks.length") == 0
    check = bridge.open_check(DARK, PASSED)
    expect(page.get_by_test_id("agent-check")).to_be_visible()
    expect(page.get_by_test_id("agent-check-title")).to_have_text("学习中的人脸抽查")
    assert page.evaluate("window.paused") is True
    expect(page.get_by_test_id("agent-check-hint")).to_have_text("光线太暗，请面向光亮处。")
    assert page.evaluate("window.tracks.some((track) => track.readyState === 'live')") is True

    expect(page.get_by_test_id("agent-check-message")).to_have_text("核验通过，请继续学习。")
    expect(page.get_by_test_id("agent-check")).to_have_count(0)
    assert [frame[:3] for frame in check.frames] == [b"\xff\xd8\xff"] * 2
    assert all(len(frame) < 512 * 1024 for frame in check.frames)
    assert page.evaluate("window.tracks.every((track) => track.readyState === 'ended')") is True
    assert page.evaluate("window.paused") is False
    after = len(bridge.batches)
    wait_until(lambda: len(bridge.batches) > after + 3)  # at once back at the scaled beat


def asks(move: str, say: str, message: str = "") -> dict[str, Any]:
    step = {"move": move, "say": say, "frames": 3, "taken": 0, "gap_ms": 60, "tries_left": 3}
    return {"state": "open", "final": False, "message": message or say, "step": step}


def test_a_movement_is_asked_for_in_large_words_with_a_picture_that_does_it(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    check = bridge.open_check(
        asks("turn_left", "请慢慢向左转头。"),
        asks("nod", "请慢慢低头,再抬起来。", "没关系,没有看清动作。请跟着图示再慢慢做一次。"),
        PASSED,
    )
    dialog, said = page.get_by_test_id("agent-check"), page.get_by_test_id("agent-check-message")
    expect(said).to_have_text("请慢慢向左转头。")
    expect(dialog).to_have_attribute("data-move", "turn_left")
    assert page.evaluate("getComputedStyle(document.querySelector('.anxue-sign')).display") == "block"
    assert page.evaluate(f"parseFloat(getComputedStyle({_MESSAGE}).fontSize)") >= 28
    # What was wrong is said without blame, then another movement is asked for.
    expect(page.get_by_test_id("agent-check-hint")).to_have_text(
        "没关系,没有看清动作。请跟着图示再慢慢做一次。"
    )
    expect(dialog).to_have_attribute("data-move", "nod")

    expect(said).to_have_text("核验通过，请继续学习。")
    expect(dialog).to_have_count(0)
    assert len(check.frames) == 1 + 3 + 3
    assert bridge.complaints == []


def test_beats_keep_ten_seconds_while_a_check_is_open(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    check = bridge.open_check(DARK, DARK, PASSED)
    wait_until(lambda: len(check.frames) >= 1)
    before = len(bridge.batches)
    wait_until(lambda: len(check.frames) >= 2)

    assert len(bridge.batches) <= before + 1


def test_a_check_that_failed_says_so_in_words_and_study_goes_on(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    bridge.open_check(
        {"state": "other_person", "final": True, "message": "<i>画面中的人</i>与登记照片不一致。"}
    )
    expect(page.get_by_test_id("agent-check-message")).to_have_text("<i>画面中的人</i>与登记照片不一致。")
    page.get_by_test_id("agent-check-done").click()

    expect(page.get_by_test_id("agent-check")).to_have_count(0)
    wait_until(lambda: page.evaluate("window.paused") is False)


def test_a_denied_camera_is_explained_and_can_be_tried_again(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.add_init_script(_DENY)
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    check = bridge.open_check(PASSED)
    expect(page.get_by_test_id("agent-check-hint")).to_contain_text("摄像头没有获得允许")
    page.get_by_test_id("agent-camera-retry").click()
    expect(page.get_by_test_id("agent-check")).to_have_count(0)

    assert len(check.frames) == 1


def test_a_browser_without_a_camera_interface_says_so_until_the_time_is_over(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    check = bridge.open_check(PASSED)
    expect(page.get_by_test_id("agent-check-hint")).to_contain_text("当前浏览器不能使用摄像头")
    assert page.get_by_test_id("agent-camera-retry").is_hidden()
    bridge.expire(check, "没有在规定时间内完成核验，从应核验时起不计时。")

    expect(page.get_by_test_id("agent-check-message")).to_contain_text("没有在规定时间内完成核验")
    assert check.frames == []


def test_the_reference_is_taken_in_frames_with_the_pages_token_and_cookie(
    page: Page, bridge: BridgeDouble, wait_until: Wait
) -> None:
    bridge.page = (
        '<!doctype html><meta charset="utf-8"><title>bridge</title><body><div id="mount"></div>'
        '<script src="/static/agent/v1.js"></script>'
    )
    good = {"accepted": True, "needed": 3, "anchored": False, "done": False}
    bridge.reference_replies = [
        {**good, "good_frames": 1, "message": "第一张可以。"},
        {**good, "accepted": False, "good_frames": 1, "message": "请摘下口罩。"},
        {**good, "good_frames": 2, "message": "再来一张。"},
        {**good, "good_frames": 3, "message": "采集完成。", "anchored": True, "done": True},
    ]
    page.goto(f"{bridge.url}/page")
    page.evaluate(
        "window.done = []; window.AnxueAgent.captureReference({bridge: location.origin, url: '/reference',"
        " csrf: 'csrf-of-the-page', mount: document.getElementById('mount'),"
        " onDone: (reply) => window.done.push(reply)}); null"
    )
    expect(page.get_by_test_id("agent-check-hint")).to_have_text("请摘下口罩。")
    wait_until(lambda: page.evaluate("window.done.length") == 1)

    assert page.evaluate("window.done[0].anchored") is True
    assert page.get_by_test_id("agent-check").count() == 0
    assert (
        bridge.reference
        == [
            {
                "csrf": "csrf-of-the-page",
                "cookie": "cookie-of-the-page",
                "start": "ffd8ff",
                "type": "image/jpeg",
            }
        ]
        * 4
    )


def test_the_reference_can_be_put_off_or_tried_again(
    page: Page, bridge: BridgeDouble, wait_until: Wait
) -> None:
    bridge.page = (
        '<!doctype html><meta charset="utf-8"><title>bridge</title><body><div id="mount"></div>'
        '<script src="/static/agent/v1.js"></script>'
    )
    poor = {
        "accepted": False,
        "needed": 3,
        "good_frames": 0,
        "anchored": False,
        "done": False,
        "message": "太暗",
    }
    bridge.reference_replies = [dict(poor) for _ in range(6)]
    page.goto(f"{bridge.url}/page")
    page.evaluate(
        "window.done = []; window.AnxueAgent.captureReference({bridge: location.origin, url: '/reference',"
        " csrf: 'x', mount: document.getElementById('mount'),"
        " onDone: (reply) => window.done.push(reply)}); null"
    )
    page.get_by_test_id("agent-reference-again").click(timeout=20_000)
    wait_until(lambda: len(bridge.reference) == 6)
    page.get_by_test_id("agent-reference-cancel").click()

    assert page.evaluate("window.done") == [None]
