"""The agent in a real browser: what it reports, how it holds on, how it leaves."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.web.agent.bridge_double import BridgeDouble, Check

pytestmark = pytest.mark.e2e

Wait = Callable[[Callable[[], bool]], None]


def test_beats_form_one_chain_at_the_scaled_interval(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 12)

    sequence = [batch.body["seq"] for batch in bridge.batches]
    assert sequence == list(range(1, len(sequence) + 1))
    assert bridge.tokens == ["token-of-the-page"]
    moments = [event["client_ms"] for event in bridge.events()]
    gaps = [later - earlier for earlier, later in pairwise(moments[2:])]
    assert 60 <= sorted(gaps)[len(gaps) // 2] <= 160  # 10 study seconds at a factor of 100
    positions = [event["media_ms"] for event in bridge.events()]
    assert positions == sorted(positions)
    assert all(event["visible"] is True for event in bridge.events())


def test_a_dropped_answer_is_asked_for_again_with_the_same_bytes(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 3)
    bridge.drop_next_answer()
    wait_until(lambda: any(batch.repeated for batch in bridge.batches))
    at = next(index for index, batch in enumerate(bridge.batches) if batch.repeated)
    wait_until(lambda: len(bridge.batches) > at + 3)

    assert bridge.batches[at].raw == bridge.batches[at - 1].raw
    assert bridge.batches[at + 1].body["seq"] == bridge.batches[at].body["seq"] + 1


def test_a_failing_bridge_pauses_the_media_and_loses_no_beat(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 3)
    bridge.fail_next(503)
    bridge.fail_next(503)
    expect(page.get_by_test_id("agent-state")).to_have_text("网络中断，正在重连")
    assert page.evaluate("window.paused") is True

    expect(page.get_by_test_id("agent-state")).to_have_text("学习中")
    assert page.evaluate("window.paused") is False
    failed = [batch.raw for batch in bridge.batches if batch.repeated]
    assert len(failed) == 2
    assert failed[0] == failed[1]
    assert failed[0] in [batch.raw for batch in bridge.batches if not batch.repeated]


def test_the_last_interaction_and_the_visibility_are_reported(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.events()) >= 3)
    assert bridge.events()[-1]["interaction_ms"] is None
    page.click("#there")
    seen = len(bridge.events())
    wait_until(lambda: len(bridge.events()) > seen + 1)
    event = bridge.events()[-1]
    assert 0 <= event["client_ms"] - event["interaction_ms"] < 2000

    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    wait_until(lambda: bridge.events()[-1]["visible"] is False)
    assert page.evaluate("window.paused") is True
    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {get: () => 'visible', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    wait_until(lambda: bridge.events()[-1]["visible"] is True)
    assert page.evaluate("window.paused") is False


def test_a_script_cannot_pass_for_an_interaction(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    page.evaluate("document.dispatchEvent(new MouseEvent('pointerdown', {bubbles: true}))")
    wait_until(lambda: len(bridge.events()) >= 4)

    assert bridge.events()[-1]["interaction_ms"] is None


def test_leaving_the_page_hands_over_the_last_beat(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor = 1  # ten seconds between beats: what comes sooner comes from the leaving
    page.goto(host)
    wait_until(
        lambda: page.evaluate("window.paused") is False
    )  # the first beat is answered: none is on its way
    before = len(bridge.batches)
    page.goto(f"{host}/elsewhere")
    wait_until(lambda: len(bridge.batches) > before)

    assert bridge.events()[-1]["visible"] is False
    assert "ending" not in bridge.batches[-1].body


def test_leaving_properly_answers_the_exit_check_and_then_closes(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    passed = {"state": "passed", "final": True, "message": "核验通过"}
    bridge.exit_check = Check("exit-1", "exit", [passed], 60, "离开前请看摄像头")
    outcome = page.evaluate("window.handle.stop()")

    assert outcome == {"closed": True}
    assert len(bridge.checks[0].frames) == 1
    endings = [batch for batch in bridge.batches if batch.body.get("ending")]
    assert len(endings) == 2
    expect(page.get_by_test_id("agent-state")).to_have_text("已结束")
    assert page.evaluate("window.paused") is True


def test_pause_notice_resume_and_close_are_obeyed_however_often_they_come(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    bridge.commands = [{"type": "pause", "reason": "daily_cap", "message": "今日学时已满。"}]
    expect(page.get_by_test_id("agent-message")).to_have_text("今日学时已满。")
    seen = len(bridge.batches)
    wait_until(lambda: len(bridge.batches) > seen + 3)
    assert page.evaluate("window.pauses.filter((pause) => pause[1] === '今日学时已满。').length") == 1

    bridge.commands = [
        {"type": "resume"},
        {"type": "notice", "message": "<b>请注意</b>休息"},
        {"type": "tomorrow"},
    ]
    expect(page.get_by_test_id("agent-message")).to_have_text("<b>请注意</b>休息")
    assert page.evaluate("window.paused") is False
    bridge.commands = [{"type": "close", "reason": "second_session", "message": "已在其他设备开始学习。"}]
    expect(page.get_by_test_id("agent-state")).to_have_text("已结束")
    bridge.commands = []
    after = len(bridge.batches)
    page.wait_for_timeout(500)
    assert len(bridge.batches) == after


def test_the_bar_shows_the_day_and_explains_it(page: Page, bridge: BridgeDouble, host: str) -> None:
    bridge.today["reasons"] = [{"seconds": 12, "message": "页面不在前台"}]  # type: ignore[assignment]
    page.goto(host)
    expect(page.get_by_test_id("agent-credited")).to_have_text("12:34")
    expect(page.get_by_test_id("agent-provisional")).to_have_text("01:35")
    expect(page.get_by_test_id("agent-refused")).to_have_text("00:12")
    page.get_by_test_id("agent-figures").click()

    expect(page.get_by_test_id("agent-details")).to_contain_text("未计 00:12：页面不在前台")


@pytest.mark.parametrize(
    ("url", "shown"),
    [("/real-name", True), ("https://elsewhere.example/x", False), ("javascript:alert(1)", False)],
)
def test_a_refused_session_says_why_and_links_only_to_the_bridge(
    page: Page, bridge: BridgeDouble, host: str, url: str, *, shown: bool
) -> None:
    bridge.refuse_session = (
        403,
        {"reason": "real_name_required", "message": "请先完成实名核验。", "url": url},
    )
    page.goto(host)
    expect(page.get_by_test_id("agent-message")).to_contain_text("请先完成实名核验。")

    expect(page.get_by_test_id("agent-state")).to_have_text("暂不能学习")
    assert page.get_by_test_id("agent-link").count() == int(shown)
    if shown:
        assert page.get_by_test_id("agent-link").get_attribute("href") == f"{bridge.url}/real-name"
    assert page.evaluate("window.statuses.at(-1).reason") == "real_name_required"
    assert page.evaluate("window.paused") is True


def test_a_broken_chain_stops_the_media_and_says_to_reload(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    with bridge.lock:
        bridge.nonce = "another"
    expect(page.get_by_test_id("agent-state")).to_have_text("连接已失效")

    assert page.evaluate("window.paused") is True
    assert "nonce_mismatch" in bridge.complaints
    bridge.complaints.clear()
