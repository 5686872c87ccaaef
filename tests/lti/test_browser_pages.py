"""The pages between two redirects, as HTML: nothing that a platform or a browser sends becomes markup (C4); and whose
stored value is believed. What the pages do in a browser is `tests/attacks/launch/test_in_a_frame.py`."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, Request, Response

from lti.browser_pages import STORED, Doors, launch_page, login_page, posting_page
from lti.errors import LaunchRefused
from lti.flask import lti_blueprint
from lti.launch import Launch
from lti.oidc import LoginRedirect, PlatformStorage
from tests.lti.doors import World, tool_of

DOORS = Doors("/lti/login", "/lti/launch", "/lti/browser", "/lti/static")
EVIL = "\"'><script>alert(1)</script>&amp;"
STORAGE = PlatformStorage(f"frame{EVIL}", "https://lms.example", "lti_browser_1", "secret")


class Page(HTMLParser):
    """The elements of a page, in order: name and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def marks(self) -> dict[str, str | None]:
        (main,) = self.all("main")
        return {name.removeprefix("data-"): value for name, value in main.items() if name.startswith("data-")}


def pages() -> dict[str, Page]:
    going = LoginRedirect(f"https://lms.example/auth?x={EVIL}", f"state{EVIL}", "nonce", STORAGE)
    return {
        "login": Page(login_page(going, {"login_hint": EVIL}, DOORS)),
        "launch": Page(launch_page({"state": EVIL, f"na{EVIL}me": "x"}, STORAGE, DOORS)),
        "post": Page(posting_page(f"https://lms.example/{EVIL}", {"JWT": EVIL}, DOORS)),
    }


@pytest.mark.parametrize("step", ["login", "launch", "post"])
def test_c4_nothing_that_was_sent_becomes_markup(step: str) -> None:
    page = pages()[step]
    assert page.all("script") == [{"src": "/lti/static/browser.js"}]
    assert page.all("link") == [{"rel": "stylesheet", "href": "/lti/static/browser.css"}]
    assert page.marks()["step"] == step
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []


def test_a_login_page_knows_where_to_go_what_to_probe_and_where_the_value_is_kept() -> None:
    page = pages()["login"]
    assert page.marks() == {
        "step": "login",
        "authorise": f"https://lms.example/auth?x={EVIL}",
        "state": f"state{EVIL}",
        "probe": "/lti/browser",
        "storage-target": f"frame{EVIL}",
        "storage-origin": "https://lms.example",
        "storage-key": "lti_browser_1",
        "storage-value": "secret",
    }
    (again,) = page.all("a")
    assert again["rel"] == "noopener"
    assert again["target"] == "_blank"
    address = urlsplit(again["href"] or "")
    assert (address.path, parse_qs(address.query)) == ("/lti/login", {"login_hint": [EVIL]})


def test_a_login_page_without_storage_names_none() -> None:
    going = LoginRedirect("https://lms.example/auth", "state", "nonce", None)
    assert set(Page(login_page(going, {}, DOORS)).marks()) == {"step", "authorise", "state", "probe"}


def test_a_launch_page_carries_the_form_on_and_asks_for_the_value_without_knowing_it() -> None:
    asked = PlatformStorage("frame", "https://lms.example", "lti_browser_1", None)
    page = Page(launch_page({"state": "s", "id_token": "t"}, asked, DOORS))
    assert page.marks() == {
        "step": "launch",
        "storage-target": "frame",
        "storage-origin": "https://lms.example",
        "storage-key": "lti_browser_1",
    }
    (form,) = page.all("form")
    assert (form["method"], form["action"], form["target"]) == ("post", "/lti/launch", "_blank")
    fields = page.all("input")
    assert [(each["name"], each["value"]) for each in fields] == [
        ("state", "s"),
        ("id_token", "t"),
        (STORED, ""),
    ]
    assert [each.get("id") for each in fields] == [None, None, "lti-stored"]


def test_a_posting_page_posts_to_the_platform_in_the_same_window() -> None:
    page = pages()["post"]
    assert page.marks() == {"step": "post"}
    (form,) = page.all("form")
    assert (form["method"], form["action"]) == ("post", f"https://lms.example/{EVIL}")
    assert "target" not in form
    assert [(each["type"], each["name"], each["value"]) for each in page.all("input")] == [
        ("hidden", "JWT", EVIL)
    ]


def _on_launch(launch: Launch, _: Request) -> Response:
    return Response(launch.claims.role.value)


def _error_page(refusal: LaunchRefused) -> Response:
    return Response(refusal.reason)


def _post_stored_value(headers: dict[str, str]) -> str:
    """Log in where the platform offers storage, then launch without a cookie but with the value that it kept."""
    world = World.new()
    tool = tool_of(world)
    app = Flask(__name__)
    app.register_blueprint(lti_blueprint(tool, _on_launch, _error_page))
    login = app.test_client().get(
        "/lti/login",
        query_string=world.lms.login_params(lti_storage_target="frame"),
        base_url="https://tool.example",
    )
    marks = Page(login.get_data(as_text=True)).marks()
    assert login.headers["Referrer-Policy"] == "same-origin"
    nonce = parse_qs(urlsplit(marks["authorise"] or "").query)["nonce"][0]
    form = {"state": marks["state"], "id_token": world.lms.token(nonce), STORED: marks["storage-value"]}
    # Another client has no cookie: only the stored value can bind it.
    answer = app.test_client().post(
        "/lti/launch", data=form, headers=headers, base_url="https://tool.example"
    )
    return answer.get_data(as_text=True)


def test_b2_a_stored_value_binds_the_browser_when_our_own_page_read_it() -> None:
    assert _post_stored_value({"Origin": "https://tool.example"}) == "learner"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://lms.example"},
        {"Origin": "null"},
        {"Origin": "https://tool.example.evil.example"},
    ],
)
def test_b2_a_stored_value_that_another_site_posts_binds_nobody(headers: dict[str, str]) -> None:
    assert _post_stored_value(headers) == "browser_mismatch"
