"""What the server tells the agent, and bad luck: outages, hidden pages, pages that go and come back, other devices."""

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.web.agent.bridge_double import BridgeDouble

pytestmark = pytest.mark.e2e

WAIT_MS = 10_000
"""So far a clock that runs faster than real time goes on without a beat."""

Wait = Callable[[Callable[[], bool]], None]
_HIDE = (
    "Object.defineProperty(document, 'visibilityState', {get: () => '%s', configurable: true});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)
_NO_KEEPALIVE = "delete Request.prototype.keepalive"


def studying(page: Page, bridge: BridgeDouble, host: str, wait_until: Wait) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2 and page.evaluate("window.paused") is False)


def test_a_short_outage_neither_stops_the_media_nor_loses_a_beat(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor, bridge.beat_interval_ms = 1, 1500  # two beats of silence are three seconds
    studying(page, bridge, host, wait_until)
    pauses = page.evaluate("window.pauses.length")
    bridge.fail_next(503)
    wait_until(lambda: bridge.batches[-1].repeated)
    lost = bridge.batches[-1]
    wait_until(lambda: not bridge.batches[-1].repeated)

    assert page.evaluate("window.pauses.length") == pauses
    assert bridge.batches[-1].raw == lost.raw


def test_a_long_outage_stops_the_media_until_it_is_over_and_then_hands_over_what_was_kept(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor, bridge.beat_interval_ms = 1, 300
    studying(page, bridge, host, wait_until)
    page.context.set_offline(True)
    expect(page.get_by_test_id("agent-state")).to_have_text("网络中断，正在重连")
    assert page.evaluate("window.paused") is True
    taken = len(bridge.events())
    page.context.set_offline(False)

    expect(page.get_by_test_id("agent-state")).to_have_text("学习中")
    wait_until(lambda: page.evaluate("window.paused") is False and len(bridge.events()) > taken + 2)
    moments = [event["client_ms"] for event in bridge.events()]
    assert moments == sorted(moments)


def test_a_hidden_page_says_so_at_once_and_goes_on_when_it_is_seen_again(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor = 1  # ten seconds between beats: what comes sooner comes from the hiding
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 1 and page.evaluate("window.paused") is False)
    page.evaluate(_HIDE % "hidden")
    wait_until(lambda: bridge.events()[-1]["visible"] is False)
    assert page.evaluate("window.paused") is True
    page.evaluate(_HIDE % "visible")

    wait_until(lambda: bridge.events()[-1]["visible"] is True)
    assert page.evaluate("window.paused") is False


def test_a_page_that_the_browser_kept_goes_on_when_it_is_shown_again(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor = 1
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 1 and page.evaluate("window.paused") is False)
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    wait_until(lambda: bridge.events()[-1]["visible"] is False)
    seen = len(bridge.events())
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")

    wait_until(lambda: len(bridge.events()) > seen)
    assert bridge.events()[-1]["visible"] is True


def test_a_browser_without_keepalive_sends_its_last_words_as_a_beacon_and_the_same_again_if_it_stays(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor = 1
    page.add_init_script(_NO_KEEPALIVE)
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 1 and page.evaluate("window.paused") is False)
    page.evaluate(_HIDE % "hidden")
    wait_until(lambda: len(bridge.beacons) == 1)

    assert json.loads(bridge.beacons[0])["events"][-1]["visible"] is False
    wait_until(lambda: [batch.raw.decode() for batch in bridge.batches].count(bridge.beacons[0]) == 2)


def test_storage_that_fails_keeps_nobody_from_a_test(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get: () => { throw new DOMException('no'); }})"
    )
    page.goto(f"{host}/attempt/attempt-1")

    wait_until(lambda: len(bridge.batches) >= 2)


def test_a_wall_clock_set_back_does_not_reach_the_beats(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    page.evaluate("const now = Date.now; Date.now = () => now() - 9 * 3600 * 1000; null")
    seen = len(bridge.events())
    wait_until(lambda: len(bridge.events()) > seen + 3)

    moments = [event["client_ms"] for event in bridge.events()]
    assert moments == sorted(moments)


def test_another_device_took_over_is_said_kindly_with_a_way_back(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    bridge.commands = [{"type": "close", "reason": "other_device", "message": "您已在另一台设备上开始学习。"}]
    expect(page.get_by_test_id("agent-state")).to_have_text("已在别处继续")
    expect(page.get_by_test_id("agent-message")).to_contain_text("您已在另一台设备上开始学习。")
    bridge.commands = []
    page.get_by_test_id("agent-here").click()

    wait_until(lambda: len(bridge.tokens) == 2)
    expect(page.get_by_test_id("agent-state")).to_have_text("学习中")


def test_rewind_is_obeyed_once_however_often_it_comes_and_both_ends_are_reported(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    page.evaluate("window.media = 50000")
    wait_until(lambda: bridge.events()[-1]["media_ms"] > 50_000)
    bridge.commands = [{"type": "rewind", "id": "r1", "media_ms": 12_000, "message": "请从这里补学。"}]
    wait_until(lambda: page.evaluate("window.seeks.length") == 1)
    seen = len(bridge.batches)
    wait_until(lambda: len(bridge.batches) > seen + 4)

    assert page.evaluate("window.seeks") == [12_000]
    expect(page.get_by_test_id("agent-message")).to_have_text("请从这里补学。")
    places = [event["media_ms"] for event in bridge.events()]
    jump = next(index for index, place in enumerate(places) if index and place < places[index - 1])
    assert 0 < places[jump] - 12_000 < 200
    bridge.commands = [{"type": "rewind", "id": "r2", "media_ms": 900_000, "message": "前进?"}]
    expect(page.get_by_test_id("agent-message")).to_have_text("前进?")
    assert page.evaluate("window.seeks") == [12_000]  # never forward


def test_a_warning_is_told_once_and_goes_away(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.clock.install()
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2)
    bridge.commands = [{"type": "warn", "id": "cap", "message": "今天还可计入 10 分钟。"}]
    expect(page.get_by_test_id("agent-message")).to_have_text("今天还可计入 10 分钟。")
    page.clock.fast_forward(21_000)

    expect(page.get_by_test_id("agent-message")).to_be_hidden()


def test_the_rate_of_the_media_is_reported(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    assert bridge.events()[-1]["rate"] == 1
    page.evaluate("window.speed = 1.5")

    wait_until(lambda: bridge.events()[-1]["rate"] == 1.5)


def test_the_bar_shows_the_legal_day_and_what_comes_next(page: Page, bridge: BridgeDouble, host: str) -> None:
    bridge.today["day"] = {"credited_seconds": 61, "provisional_seconds": 2, "refused_seconds": 3}  # type: ignore[assignment]
    bridge.today["next"] = "再学 12 分钟,满 2 学时。"  # type: ignore[assignment]
    page.goto(host)

    expect(page.get_by_test_id("agent-credited")).to_have_text("01:01")
    expect(page.get_by_test_id("agent-next")).to_have_text("再学 12 分钟,满 2 学时。")


def test_the_study_clock_is_the_bridges_and_waits_for_the_next_beat(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 3)
    for _ in range(3):
        bridge.fail_next(503)
    wait_until(lambda: bridge.batches[-1].repeated)

    waits_at = bridge.last_answer["study_ms"] + WAIT_MS
    wait_until(lambda: page.evaluate("window.handle.studyMs()") == waits_at)


def test_answers_slower_than_the_beats_leave_one_beat_of_the_moment_in_each_batch(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor, bridge.beat_interval_ms = 600, 10_000  # a beat is due every 20 ms
    bridge.answer_seconds = 0.15
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 6)

    assert {len(batch.body["events"]) for batch in bridge.batches} == {1}
    moments = [event["client_ms"] for event in bridge.events()]
    assert all(later - earlier >= 150 for earlier, later in pairwise(moments))
