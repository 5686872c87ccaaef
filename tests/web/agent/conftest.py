"""A real Chromium with a made-up camera, a double of the bridge, a page of another origin with the agent."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response, render_template_string, request
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.web.agent.bridge_double import BridgeDouble, Served

_HOST_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>host</title>
<body><h1>课件页面</h1><p>此处是学习平台的课件。</p><button id="there">按钮</button>
<div id="agent"></div><script src="{{ bridge }}/static/agent/v1.js"></script><script src="{{ script }}"></script>
"""
_TEST_SCRIPT = """
window.statuses = [];
window.handle = AnxueAgent.start({
  bridge: '%s', token: 'token-of-the-page', activity: 'test', attempt: %s, mount: document.getElementById('agent'),
  position: function () { return 0; }, setPaused: function (paused) { window.paused = paused; },
  onStatus: function (status) { window.statuses.push(JSON.parse(JSON.stringify(status))); }
});
"""
_HOST_SCRIPT = """
window.pauses = []; window.statuses = []; window.media = 0; window.seeks = []; window.speed = 1;
window.handle = AnxueAgent.start({
  bridge: '%s', token: 'token-of-the-page', activity: 'study', mount: document.getElementById('agent'),
  position: function () { window.media += 7; return window.media; },
  setPaused: function (paused, message) { window.pauses.push([paused, message]); window.paused = paused; },
  seekTo: function (ms) { window.seeks.push(ms); window.media = ms; }, rate: function () { return window.speed; },
  onStatus: function (status) { window.statuses.push(JSON.parse(JSON.stringify(status))); }
});
"""


def _test_script(bridge: str) -> Response:
    attempt = request.args["attempt"]
    words = "null" if attempt == "none" else f"'{attempt}'"
    return Response(_TEST_SCRIPT % (bridge, words), mimetype="text/javascript")


@pytest.fixture
def bridge() -> Iterator[BridgeDouble]:
    double = BridgeDouble()
    yield double
    double.served.stop()
    assert double.complaints == []


@pytest.fixture
def host(bridge: BridgeDouble) -> Iterator[str]:
    """Address of a page of another origin, under a content security policy without 'unsafe-inline'."""
    app = Flask("host")
    app.add_url_rule(
        "/", "page", lambda: render_template_string(_HOST_PAGE, bridge=bridge.url, script="/host.js")
    )
    app.add_url_rule(
        "/attempt/<attempt>",
        "attempt",
        lambda attempt: render_template_string(
            _HOST_PAGE, bridge=bridge.url, script=f"/test.js?attempt={attempt}"
        ),
    )
    app.add_url_rule("/test.js", "test", lambda: _test_script(bridge.url))
    app.add_url_rule("/elsewhere", "elsewhere", lambda: "<!doctype html><title>elsewhere</title>")
    app.add_url_rule(
        "/host.js", "script", lambda: Response(_HOST_SCRIPT % bridge.url, mimetype="text/javascript")
    )

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' {bridge.url}; style-src {bridge.url};"
            f" connect-src {bridge.url}; img-src data:"
        )
        return response

    served = Served(app)
    yield served.url
    served.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page at telephone width; a breach of the content security policy or a script error fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


@pytest.fixture
def wait_until(page: Page) -> Callable[[Callable[[], bool]], None]:
    """Let the browser run until the condition holds; fail after ten seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        for _ in range(500):
            if condition():
                return
            page.wait_for_timeout(20)
        pytest.fail("it did not come to pass within ten seconds")

    return wait
