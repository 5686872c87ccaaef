"""The verify page by real HTTP and in a browser as WeChat's calls itself: no script needed, and no guessing."""

import re
import threading
from collections.abc import Iterator
from itertools import count

import pytest
import requests
from playwright.sync_api import Browser, FilePayload, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from bridge.completion.paper_number import new_number, new_verify_code
from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, Furnished
from tests.web.test_verify_pages import path_of, pdf_of

Finished = tuple[Furnished, str, LearnerRef, str]

WECHAT = (
    "Mozilla/5.0 (Linux; Android 14; Phone Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/130.0.0.0 Mobile Safari/537.36 XWEB/1300333 MMWEBSDK/20241103 MicroMessenger/8.0.55.2780 "
    "WeChat/arm64 Weixin NetType/4G Language/zh_CN ABI/arm64"
)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_args: object) -> None:
        pass


@pytest.fixture
def served(finished_alone: Finished) -> Iterator[tuple[Finished, str]]:
    server = make_server("127.0.0.1", 0, finished_alone[0].app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield finished_alone, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_codes_cannot_be_tried_through_nor_numbers_counted_through(served: tuple[Finished, str]) -> None:
    finished, address = served
    number = finished[3]
    spoofed = count(1)

    def tried(path: str) -> requests.Response:
        # What a caller writes of where it comes from is believed of nobody who was not named to the bridge.
        came_from = {"X-Forwarded-For": f"203.0.113.{next(spoofed)}"}
        return requests.get(f"{address}{path}", headers=came_from, allow_redirects=False, timeout=30)

    answers = [
        tried(f"/verify/{number if turn % 2 else new_number('440100', 2026)}/{new_verify_code()}")
        for turn in range(40)
    ]

    assert [one.status_code for one in answers] == [404] * 30 + [429] * 10
    assert len({re.sub(r'name="csrf_token" value="[^"]+"', "", one.text) for one in answers[:30]}) == 1
    # From now on the right code is not told from a wrong one either.
    assert tried(path_of(finished)).status_code == 429
    assert {tried(f"/verify/{number}/{new_verify_code()}/proof.json").status_code for _ in range(11)} == {
        404,
        429,
    }


def test_it_opens_in_wechat_and_needs_no_script(served: tuple[Finished, str], browser: Browser) -> None:
    finished, address = served
    number, code = finished[3], path_of(finished).rpartition("/")[2]
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        user_agent=WECHAT,
        java_script_enabled=False,
        locale="zh-CN",
    )
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(f"{address}/verify", wait_until="networkidle")
        page.get_by_test_id("verify-number").fill(number.lower())
        page.get_by_test_id("verify-code").fill(code.lower())
        page.get_by_test_id("verify-submit").tap()
        page.wait_for_url(f"**/verify/{number}/{code}", wait_until="networkidle")
        assert page.get_by_test_id("verify-status").inner_text() == "演示·无效"
        assert page.get_by_test_id("verify-wechat").count() == 1
        _fits(page)
        said = page.content()
        for personal in (CHEN, CHEN_ID):
            assert personal not in said
        assert 'property="og:title" content="网络学时证明' in said
        assert 'name="robots" content="noindex"' in said

        file = FilePayload(name="paper.pdf", mimeType="application/pdf", buffer=pdf_of(finished))
        page.get_by_test_id("verify-file").set_input_files(file)
        page.get_by_test_id("verify-compare").tap()
        page.get_by_test_id("verify-same").wait_for()
        _fits(page)
    finally:
        context.close()
    assert wrong == []
    assert [one for one in asked if not one.startswith(address)] == []
    assert [one for one in asked if one.endswith(".js")] == []


def _fits(page: Page) -> None:
    """Nothing stands out to the right of a telephone's screen."""
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    for one in page.locator("main .card, main .note, main table").all():
        inner = one.bounding_box()
        assert inner is None or inner["x"] + inner["width"] <= 390
