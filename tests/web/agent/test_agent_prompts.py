"""Questions in a real browser: shown, answered with a tap or the keyboard, judged by the server."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.agent.bridge_double import BridgeDouble

pytestmark = pytest.mark.e2e

Wait = Callable[[Callable[[], bool]], None]
LARGEST = ("请点出最大的数", ["17", "92", "45", "38", "61", "20"], ["92"])
SMALLEST = ("请点出最小的数", ["31", "54", "12", "88", "70", "69"], ["12"])
IN_ORDER = ("请从小到大依次点击", ["45", "17", "92", "38"], ["17", "38", "45", "92"])


def studying(page: Page, bridge: BridgeDouble, host: str, wait_until: Wait) -> None:
    page.goto(host)
    wait_until(lambda: len(bridge.batches) >= 2 and page.evaluate("window.paused") is False)


def choice(page: Page, label: str) -> None:
    page.get_by_test_id("agent-prompt-choice").get_by_text(label, exact=True).click()


def test_a_question_pauses_the_media_and_is_answered_by_a_tap(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    prompt = bridge.put_prompt(LARGEST)
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("请点出最大的数")
    assert page.evaluate("window.paused") is True
    assert page.evaluate("[window.statuses.at(-1).state, window.statuses.at(-1).promptOpen]") == [
        "prompting",
        True,
    ]
    expect(page.get_by_test_id("agent-prompt-count")).to_contain_text("秒内回答")
    sizes = page.get_by_test_id("agent-prompt-choice").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect()).map((box) => [box.width, box.height])"
    )
    assert all(width >= 120 and height >= 56 for width, height in sizes)
    choice(page, "92")

    expect(page.get_by_test_id("agent-prompt")).to_have_count(0)
    wait_until(lambda: page.evaluate("window.paused") is False)
    assert (prompt.state, prompt.given) == ("answered", [["id-92"]])
    seen = len(bridge.batches)
    wait_until(lambda: len(bridge.batches) > seen + 3)  # at once back at the scaled beat
    assert bridge.events()[-1]["interaction_ms"] is not None


def test_beats_go_on_while_a_question_stands(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor, bridge.beat_interval_ms = 1, 200
    studying(page, bridge, host, wait_until)
    bridge.put_prompt(LARGEST)
    expect(page.get_by_test_id("agent-prompt-question")).to_be_visible()
    seen = len(bridge.batches)
    wait_until(lambda: len(bridge.batches) >= seen + 3)

    assert page.get_by_test_id("agent-prompt").count() == 1


def test_an_ordered_question_is_answered_in_order_with_the_keyboard_and_can_be_begun_anew(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    prompt = bridge.put_prompt(IN_ORDER)
    expect(page.get_by_test_id("agent-prompt-question")).to_be_visible()
    choice(page, "92")
    page.get_by_test_id("agent-prompt-again").click()
    for label in IN_ORDER[2]:
        page.get_by_test_id("agent-prompt-choice").get_by_text(label, exact=True).focus()
        page.keyboard.press("Enter")

    expect(page.get_by_test_id("agent-prompt")).to_have_count(0)
    assert prompt.given == [[f"id-{label}" for label in IN_ORDER[2]]]


def test_a_wrong_answer_brings_another_question_and_says_so(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    prompt = bridge.put_prompt(LARGEST, SMALLEST)
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("请点出最大的数")
    choice(page, "17")
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("请点出最小的数")
    expect(page.get_by_test_id("agent-prompt-hint")).to_contain_text("回答不对")
    choice(page, "12")

    expect(page.get_by_test_id("agent-prompt")).to_have_count(0)
    assert prompt.state == "answered"


def test_a_question_that_was_lost_says_so_and_the_next_one_is_shown(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    bridge.put_prompt(LARGEST)
    expect(page.get_by_test_id("agent-prompt-question")).to_be_visible()
    choice(page, "17")
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("多次回答不对。")
    following = bridge.put_prompt(SMALLEST)
    page.get_by_test_id("agent-prompt-done").click()
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("请点出最小的数")
    choice(page, "12")

    expect(page.get_by_test_id("agent-prompt")).to_have_count(0)
    assert following.state == "answered"


def test_a_question_whose_time_is_over_is_left_to_the_servers_word(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    prompt = bridge.put_prompt(LARGEST, seconds=2)
    expect(page.get_by_test_id("agent-prompt-question")).to_be_visible()
    bridge.expire_prompt(prompt)
    page.get_by_test_id("agent-prompt-done").click()

    expect(page.get_by_test_id("agent-prompt")).to_have_count(0)
    assert prompt.given == []
    wait_until(lambda: page.evaluate("window.paused") is False)


def test_a_face_check_stands_in_for_an_open_question(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    bridge.factor, bridge.beat_interval_ms = 1, 200
    studying(page, bridge, host, wait_until)
    bridge.put_prompt(LARGEST)
    expect(page.get_by_test_id("agent-prompt-question")).to_be_visible()
    bridge.open_check({"state": "passed", "final": True, "message": "核验通过"})
    bridge.prompt = None

    expect(page.get_by_test_id("agent-check")).to_be_visible()
    expect(page.get_by_test_id("agent-prompt")).to_have_count(0)
    expect(page.get_by_test_id("agent-check")).to_have_count(0)
    wait_until(lambda: page.evaluate("window.paused") is False)


def test_what_a_question_says_is_text_and_never_markup(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    studying(page, bridge, host, wait_until)
    bridge.put_prompt(("<b>哪一个</b>?", ["<i>甲</i>", "乙"], ["乙"]))
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("<b>哪一个</b>?")
    choice(page, "<i>甲</i>")
    expect(page.get_by_test_id("agent-prompt-question")).to_have_text("多次回答不对。")
