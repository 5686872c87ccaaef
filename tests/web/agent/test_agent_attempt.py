"""The agent in a test: one session for the pages of an attempt, and no word of study."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.agent.bridge_double import BridgeDouble

Wait = Callable[[Callable[[], bool]], None]


def test_the_pages_of_an_attempt_share_a_session(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(f"{host}/attempt/71")
    wait_until(lambda: len(bridge.batches) >= 2)
    session = bridge.session
    for turn in (1, 2):
        before = len(bridge.batches)
        page.goto(f"{host}/attempt/71")
        expect(page.get_by_test_id("agent-state")).to_have_text("考试中")
        wait_until(lambda before=before: len(bridge.batches) > before + 3)  # type: ignore[misc]
        assert (bridge.session, bridge.resumed) == (session, turn)

    sent = [batch.body["seq"] for batch in bridge.batches if not batch.repeated]
    assert sent == list(range(1, len(sent) + 1))


def test_another_attempt_another_tab_and_a_page_without_an_attempt_begin_anew(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(f"{host}/attempt/71")
    wait_until(lambda: len(bridge.batches) >= 1)
    for place in ("attempt/72", "attempt/none"):
        page.goto(f"{host}/{place}")
        wait_until(lambda: page.evaluate("window.statuses.some((s) => s.state === 'running')"))
    page.goto(f"{host}/elsewhere")
    tab = page.context.new_page()
    tab.goto(f"{host}/attempt/71")
    expect(tab.get_by_test_id("agent-state")).to_have_text("考试中")

    assert bridge.resumed == 0
    assert len(bridge.tokens) == 4


def test_a_session_that_ended_is_not_gone_on_with(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(f"{host}/attempt/71")
    wait_until(lambda: len(bridge.batches) >= 1)
    page.evaluate("window.handle.stop()")
    expect(page.get_by_test_id("agent-state")).to_have_text("已结束")
    assert page.evaluate("window.sessionStorage.length") == 0
    page.goto(f"{host}/attempt/71")
    expect(page.get_by_test_id("agent-state")).to_have_text("考试中")

    assert bridge.resumed == 0


def test_last_words_that_come_after_the_next_page_took_over_break_nothing(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(f"{host}/attempt/71")
    wait_until(lambda: len(bridge.batches) >= 1)
    # As if the batch of the page before were taken between the next page's opening and its first beat.
    page.route("**/agent/v1/batches", lambda route: route.abort())
    page.goto(f"{host}/elsewhere")
    page.unroute("**/agent/v1/batches")
    taken: list[int] = []

    def take_last_words() -> None:
        bridge.seq += 1
        bridge.nonce = "of the last words"
        taken.append(1)

    bridge.after_open = take_last_words
    page.goto(f"{host}/attempt/71")
    expect(page.get_by_test_id("agent-state")).to_have_text("考试中")
    before = len(bridge.batches)
    wait_until(lambda: len(bridge.batches) > before + 2)

    assert taken == [1]
    assert bridge.resumed == 2
    assert bridge.complaints == ["seq_conflict"]
    bridge.complaints.clear()


def test_a_test_has_no_figures_of_study_and_no_word_of_it(
    page: Page, bridge: BridgeDouble, host: str, wait_until: Wait
) -> None:
    page.goto(f"{host}/attempt/71")
    expect(page.get_by_test_id("agent-state")).to_have_text("考试中")
    assert page.get_by_test_id("agent-figures").count() == 0
    bridge.fail_next(503)
    bridge.fail_next(503)
    expect(page.get_by_test_id("agent-state")).to_have_text("网络中断，正在重连")
    expect(page.get_by_test_id("agent-state")).to_have_text("考试中")
    page.evaluate("window.handle.stop()")
    expect(page.get_by_test_id("agent-state")).to_have_text("已结束")

    said = page.evaluate("window.statuses.map((status) => status.message)")
    assert any("作答已暂停" in message for message in said)
    assert [message for message in said if "学习" in message] == []
