"""Headers, form tokens, cookies, limits, roles, assets: what every page owes."""

from pathlib import Path

import pytest
from flask import Flask

from bridge.web.security import rate_limited, require_counted
from tests.web.furnished import ASSETS, Furnished, furnish, token

PUBLIC = (
    "/",
    "/sign-in",
    "/verify",
    "/verify/440100-2026-00000-00000-00000-0",
    "/invite/unknown",
    "/nowhere",
)


@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_forbids_inline_code_and_foreign_sources(looked_at: Furnished, path: str) -> None:
    policy = looked_at.client().get(path).headers["Content-Security-Policy"]

    directives = dict(one.split(" ", 1) for one in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert directives["form-action"] == "'self'"
    assert directives["base-uri"] == "'none'"
    assert "unsafe" not in policy


def test_registered_platforms_alone_may_frame_a_page(looked_at: Furnished) -> None:
    policy = looked_at.client().get("/").headers["Content-Security-Policy"]

    assert policy.endswith("frame-ancestors 'self' http://127.0.0.1:8123 http://127.0.0.1:8124")


@pytest.mark.parametrize("path", PUBLIC)
def test_no_template_holds_what_the_policy_refuses(looked_at: Furnished, path: str) -> None:
    page = looked_at.client().get(path).text

    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page
    assert "<script>" not in page


def test_pages_are_not_kept_sniffed_or_given_the_microphone(looked_at: Furnished) -> None:
    headers = looked_at.client().get("/sign-in").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Permissions-Policy"].startswith("camera=(self), microphone=()")
    assert "Strict-Transport-Security" not in headers


def test_over_https_the_cookie_travels_in_a_frame_and_in_no_clear_text(tmp_path: Path) -> None:
    client = furnish(tmp_path, public_url="https://bridge.example.cn").client()

    answer = client.get("/sign-in", base_url="https://bridge.example.cn")

    cookie = answer.headers["Set-Cookie"]
    for attribute in ("Secure", "HttpOnly", "SameSite=None", "Partitioned"):
        assert attribute in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_on_loopback_the_cookie_is_lax(looked_at: Furnished) -> None:
    cookie = looked_at.client().get("/sign-in").headers["Set-Cookie"]

    assert "SameSite=Lax" in cookie
    assert "HttpOnly" in cookie


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/sign-out",
        "/invite/unknown",
        "/verify",
        "/verify/440100-2026-00000-00000-00000-0/00000000",
        "/learner/consent",
        "/learner/consent/revoke",
        "/learner/real-name",
        "/learner/face/frames",
        "/institution/class-runs/run_demo/offline-sessions",
        "/institution/class-runs/run_demo/offline-sessions/off_1/confirm",
        "/authority",
        "/authority/class-runs/run_demo",
    ],
)
def test_a_form_without_its_token_is_refused(looked_at: Furnished, path: str) -> None:
    answer = looked_at.client().post(path, data={"login": "staff-lin"})

    assert answer.status_code == 400
    assert 'data-reason="csrf_failed"' in answer.text


def test_a_token_of_another_session_is_refused(looked_at: Furnished) -> None:
    stolen = token(looked_at.client())

    answer = looked_at.client().post("/sign-in", data={"csrf_token": stolen, "login": "x", "password": "y"})

    assert answer.status_code == 400


def test_doors_of_programs_ask_for_no_form_token(looked_at: Furnished) -> None:
    client = looked_at.client()

    answers = [
        client.post("/agent/v1/sessions", json={"v": 1, "token": "x"}),
        client.post("/webhooks/v1/none", json={}),
    ]

    assert [answer.status_code for answer in answers] != [400, 400]
    assert all("csrf" not in answer.text for answer in answers)


def test_signing_in_is_limited_for_one_address(furnished: Furnished) -> None:
    client = furnished.client()
    data = {"csrf_token": token(client), "login": "nobody-here", "password": "wrong"}

    statuses = [client.post("/sign-in", data=data).status_code for _ in range(31)]

    assert statuses[:30] == [422] * 30
    assert statuses[30] == 429


def test_looking_up_numbers_is_limited(furnished: Furnished) -> None:
    client = furnished.client()

    statuses = [client.get("/verify/nothing").status_code for _ in range(31)]

    assert statuses == [404] * 30 + [429]


def test_asking_for_the_head_alone_is_limited_too(furnished: Furnished) -> None:
    client = furnished.client()

    statuses = [client.head("/verify/nothing").status_code for _ in range(31)]

    assert statuses == [404] * 30 + [429]


@pytest.mark.parametrize("path", ["/sign-in/province", "/sign-in/province/callback"])
def test_signing_in_by_the_province_is_limited_for_one_address(furnished: Furnished, path: str) -> None:
    client = furnished.client()

    statuses = [client.get(path).status_code for _ in range(21)]

    assert 429 not in statuses[:20]
    assert statuses[20] == 429


def test_a_limit_that_would_never_count_is_refused() -> None:
    def view() -> str:
        return "read"

    app = Flask(__name__)
    app.add_url_rule("/read", "read", rate_limited("1 per minute", methods=("GET",))(view))
    require_counted(app)
    app.add_url_rule("/seen", "seen", rate_limited("1 per minute")(view))
    with pytest.raises(RuntimeError, match="seen"):
        require_counted(app)


def test_assets_are_served_by_known_name_only_and_kept_when_named_by_content(looked_at: Furnished) -> None:
    client = looked_at.client()

    plain = client.get("/assets/htmx.min.js")
    packed = client.get("/assets/htmx.min.js", headers={"Accept-Encoding": "gzip"})

    assert plain.data == ASSETS["web/htmx.min.js"]
    assert plain.mimetype == "text/javascript"
    assert "immutable" not in plain.headers["Cache-Control"]
    assert packed.headers["Content-Encoding"] == "gzip"
    for path in ("/assets/htmx.LICENSE", "/assets/..%2Fbridge%2Fkeys%2Fmaster.key", "/assets/master.key"):
        assert client.get(path).status_code == 404


def test_a_body_beyond_one_megabyte_is_refused(looked_at: Furnished) -> None:
    answer = looked_at.client().post("/sign-in", data={"login": "x" * (1024 * 1024 + 1)})

    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/institution", "/institution/class-runs/run_demo", "/authority"])
def test_a_stranger_is_sent_to_sign_in_and_back(looked_at: Furnished, path: str) -> None:
    answer = looked_at.client().get(path)

    assert answer.status_code == 303
    assert answer.location == f"/sign-in?next={path}"


def test_a_stranger_on_the_learners_page_hears_how_to_come_in(looked_at: Furnished) -> None:
    answer = looked_at.client().get("/learner")

    assert answer.status_code == 403
    assert 'data-reason="launch_required"' in answer.text


def test_a_fragment_is_never_answered_with_a_page(looked_at: Furnished) -> None:
    answer = looked_at.client().get("/learner/progress", headers={"HX-Request": "true"})

    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/learner"


@pytest.mark.parametrize(
    ("login", "path"),
    [
        ("staff-lin", "/authority"),
        ("staff-lin", "/learner"),
        ("official-guangzhou", "/institution"),
        ("official-guangzhou", "/learner"),
    ],
)
def test_a_role_opens_its_own_pages_alone(looked_at: Furnished, login: str, path: str) -> None:
    assert looked_at.as_staff(login).get(path).status_code == 403


def test_a_learner_opens_no_page_of_staff(furnished: Furnished) -> None:
    client = furnished.as_learner(furnished.account("lms-user-1001"))

    assert client.get("/institution").status_code == 403
    assert client.get("/authority").status_code == 403
