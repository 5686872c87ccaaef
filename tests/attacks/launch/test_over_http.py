"""Every launch row again over real HTTP, and what only HTTP shows: cookies, methods, sizes, fixation."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask, Request, Response, session
from werkzeug.wrappers import Request as WsgiRequest
from werkzeug.wrappers import Response as WsgiResponse

from lti.errors import LaunchRefused
from lti.flask import lti_blueprint
from lti.http import GuardedHttp
from lti.keys import KeySource
from lti.launch import Launch
from lti.registration_memory import MemoryRegistrations
from lti.tool import LtiTool
from tests.lti.doors import Going, World, going_of, tool_of
from tests.lti.launch_rows import ROWS, Row
from tests.lti.platform import Platform
from tests.lti.served import served

JSON = {"Accept": "application/json"}


def application(tool: LtiTool) -> Flask:
    """A small application as an operator would write it around the blueprint."""
    app = Flask(__name__)
    app.secret_key = "for this test alone"

    def on_launch(launch: Launch, _: Request) -> Response:
        session.clear()
        session["role"] = launch.claims.role.value
        return Response(json.dumps({"accepted": launch.claims.role.value}), content_type="application/json")

    def error_page(refusal: LaunchRefused) -> Response:
        return Response(f"<p>{refusal.message_zh}</p>", content_type="text/html; charset=utf-8")

    @app.get("/plant")
    def plant() -> str:
        session["planted"] = "by an attacker"
        return ""

    @app.get("/session")
    def show() -> dict[str, Any]:
        return dict(session)

    app.register_blueprint(lti_blueprint(tool, on_launch, error_page))
    return app


class JwksServer:
    """Serves the JWKS documents of a world's platforms, each under its own path, and counts."""

    def __init__(self) -> None:
        self.world: World | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        assert self.world is not None
        path = WsgiRequest(environ).path
        for platform in self.world.platforms():
            if platform.issuer.endswith(path.removesuffix("/jwks")):
                platform.fetches += 1
                body = json.dumps(platform.jwks)
                return WsgiResponse(body, content_type="application/json")(environ, start_response)
        return WsgiResponse(status=404)(environ, start_response)


class HttpDoor:
    """A `tests.lti.doors.Door` whose browsers and platforms talk HTTP on loopback."""

    def __init__(self, world: World, app: "AppSlot", origin: str) -> None:
        self.world, self.origin = world, origin
        registrations = MemoryRegistrations(world.registrations())
        keys = KeySource(GuardedHttp(), world.clock)
        tool = tool_of(world, public_url=origin, registrations=registrations, platform_keys=keys)
        app.wsgi = application(tool)
        self.browsers: dict[str, requests.Session] = {}

    def browser(self, name: str) -> requests.Session:
        """Return the browser of that name; "" is one that keeps no cookies."""
        if name not in self.browsers:
            self.browsers[name] = requests.Session()
            self.browsers[name].headers.update(JSON)
            self.browsers[name].trust_env = False
        return self.browsers[name]

    def login(self, platform: Platform | None = None, browser: str = "a", **changes: Any) -> Going:
        params = (platform or self.world.lms).login_params(**changes)
        reply = self.browser(browser).get(f"{self.origin}/lti/login", params=params, allow_redirects=False)
        if reply.status_code == 302:
            return going_of(reply.headers["Location"])
        assert 400 <= reply.status_code < 500
        return Going("", "", reply.json()["reason"])

    def launch(self, state: str | None, id_token: str | None, browser: str = "a", **form: str) -> str:
        given = {"state": state, "id_token": id_token, **form}
        sent = {name: value for name, value in given.items() if value is not None}
        reply = self.browser(browser).post(f"{self.origin}/lti/launch", data=sent, allow_redirects=False)
        answer = reply.json()
        if reply.status_code == 200:
            return f"accepted {answer['accepted']}"
        assert 400 <= reply.status_code < 500, reply.text
        assert re.search("[\u4e00-\u9fff]", answer["message"])
        reason: str = answer["reason"]
        return reason


class AppSlot:
    """A WSGI application that can be exchanged while its server runs."""

    wsgi: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.wsgi(environ, start_response)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[AppSlot, str, JwksServer, str]]:
    slot, jwks = AppSlot(), JwksServer()
    with served(slot) as origin, served(jwks) as platforms:
        yield slot, origin, jwks, platforms


@pytest.fixture
def door(servers: tuple[AppSlot, str, JwksServer, str]) -> Iterator[HttpDoor]:
    slot, origin, jwks, platforms = servers
    jwks.world = World.new(origin, (f"{platforms}/lms", f"{platforms}/other", f"{platforms}/open"))
    door = HttpDoor(jwks.world, slot, origin)
    yield door
    for browser in door.browsers.values():
        browser.close()


def right_form(door: HttpDoor, browser: str = "a") -> dict[str, str]:
    going = door.login(browser=browser)
    return {"state": going.state, "id_token": door.world.lms.token(going.nonce)}


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_row_over_http(row: Row, door: HttpDoor) -> None:
    assert row.play(door) == row.expected


def test_b23_login_works_by_post_as_by_get(door: HttpDoor) -> None:
    reply = door.browser("a").post(
        f"{door.origin}/lti/login", data=door.world.lms.login_params(), allow_redirects=False
    )
    going = going_of(reply.headers["Location"])
    assert door.launch(going.state, door.world.lms.token(going.nonce)) == "accepted learner"


def test_b23_a_repeated_parameter_is_refused(door: HttpDoor) -> None:
    params = [*door.world.lms.login_params().items(), ("iss", "https://other.example")]
    reply = door.browser("a").get(f"{door.origin}/lti/login", params=params, allow_redirects=False)
    assert (reply.status_code, reply.json()["reason"]) == (400, "parameter_repeated")
    form = [*right_form(door).items(), ("state", "x")]
    assert (
        door.browser("a").post(f"{door.origin}/lti/launch", data=form).json()["reason"]
        == "parameter_repeated"
    )


def test_query_parameters_never_stand_in_for_the_form(door: HttpDoor) -> None:
    reply = door.browser("a").post(f"{door.origin}/lti/launch", params=right_form(door), data={"x": "y"})
    assert reply.json()["reason"] == "state_missing"


def test_a_launch_by_get_is_refused(door: HttpDoor) -> None:
    reply = door.browser("a").get(f"{door.origin}/lti/launch", params=right_form(door))
    assert (reply.status_code, reply.json()["reason"]) == (405, "method_not_allowed")


def test_b24_a_platform_error_by_get_gives_a_page_for_people_without_an_echo(door: HttpDoor) -> None:
    reply = door.browser("a").get(
        f"{door.origin}/lti/launch",
        params={"error": "login_required", "error_description": "<script>alert(1)</script>", "state": "x"},
        headers={"Accept": "text/html"},
    )
    assert (reply.status_code, "请先登录学习平台" in reply.text, "script" in reply.text) == (401, True, False)


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"state=" + b"x" * 200_000, "application/x-www-form-urlencoded", 413, "request_too_large"),
        (b"{}", "application/json", 415, "form_expected"),
        (b"", "multipart/form-data; boundary=x", 415, "form_expected"),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded", 400, "state_missing"),
        (b"state=%00&id_token=a.b.c", "application/x-www-form-urlencoded", 401, "state_unknown"),
        (
            b"&".join(b"a%d=1" % n for n in range(5000)),
            "application/x-www-form-urlencoded",
            400,
            "state_missing",
        ),
    ],
)
def test_b22_odd_bodies_get_a_clear_answer(
    door: HttpDoor, body: bytes, kind: str, status: int, reason: str
) -> None:
    reply = door.browser("a").post(f"{door.origin}/lti/launch", data=body, headers={"Content-Type": kind})
    assert (reply.status_code, reply.json()["reason"]) == (status, reason)


def test_c2_a_session_from_before_a_launch_does_not_survive_it(door: HttpDoor) -> None:
    """The application above does what `lti_blueprint` demands of `on_launch`."""
    victim = door.browser("a")
    victim.get(f"{door.origin}/plant")
    assert victim.get(f"{door.origin}/session").json() == {"planted": "by an attacker"}
    victim.post(f"{door.origin}/lti/launch", data=right_form(door))
    assert victim.get(f"{door.origin}/session").json() == {"role": "learner"}


def test_c3_two_people_in_two_browsers_cannot_swap_launches(door: HttpDoor) -> None:
    first, second = right_form(door, "a"), right_form(door, "b")
    reply = door.browser("b").post(f"{door.origin}/lti/launch", data=first)
    assert reply.json()["reason"] == "browser_mismatch"
    assert door.browser("b").post(f"{door.origin}/lti/launch", data=second).status_code == 200


def test_one_cookie_binds_all_tabs_of_a_browser(door: HttpDoor) -> None:
    door.login()
    (first,) = [cookie.value for cookie in door.browser("a").cookies]
    door.login()
    assert [cookie.value for cookie in door.browser("a").cookies] == [first]


@pytest.mark.parametrize("planted", ["", "short", "x" * 44, "x" * 42 + ";", "../" * 14 + "x"])
def test_a_binding_cookie_of_another_shape_is_replaced(door: HttpDoor, planted: str) -> None:
    reply = requests.get(
        f"{door.origin}/lti/login",
        params=door.world.lms.login_params(),
        headers={"Cookie": f"lti_browser={planted}"},
        allow_redirects=False,
        timeout=5,
    )
    assert re.fullmatch(
        r"lti_browser=[A-Za-z0-9_-]{43}; Max-Age=3600; HttpOnly; Path=/; SameSite=Lax",
        re.sub(r"Expires=[^;]+; ", "", reply.headers["Set-Cookie"]),
    )


def test_over_https_the_cookie_is_host_only_secure_and_partitioned() -> None:
    world = World.new()
    client = application(tool_of(world)).test_client()
    reply = client.get("/lti/login", query_string=world.lms.login_params(), base_url="https://tool.example")
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("__Host-lti_browser=")
    for attribute in ("Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_answers_are_not_kept_and_the_published_keys_are_public(door: HttpDoor) -> None:
    browser = door.browser("a")
    assert (
        browser.post(f"{door.origin}/lti/launch", data={"state": "x"}).headers["Cache-Control"] == "no-store"
    )
    jwks = browser.get(f"{door.origin}/lti/jwks")
    assert [sorted(key) for key in jwks.json()["keys"]] == [["alg", "e", "kid", "kty", "n", "use"]]


def test_a_page_for_people_when_no_json_is_asked_for(door: HttpDoor) -> None:
    reply = requests.post(f"{door.origin}/lti/launch", data={"state": "made-up", "id_token": "x"}, timeout=5)
    assert reply.headers["Content-Type"].startswith("text/html")
    assert (reply.status_code, "请返回学习平台" in reply.text) == (401, True)


def test_of_many_replays_at_once_one_gets_in(door: HttpDoor) -> None:
    from concurrent.futures import ThreadPoolExecutor

    form = right_form(door)
    cookies = door.browser("a").cookies.get_dict()

    def replay(_: int) -> int:
        return requests.post(
            f"{door.origin}/lti/launch", data=form, cookies=cookies, headers=JSON, timeout=10
        ).status_code

    with ThreadPoolExecutor(8) as thieves:
        statuses = sorted(thieves.map(replay, range(8)))
    assert statuses == [200] + [401] * 7
