"""Forms: none works without its token, none takes more than it asks for, and no address breaks the application."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from bridge.identity.consent import FACE_CONSENT
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import RUN, BridgeServer, refused
from tests.presence.pictures import picture

PASSWORD = "made-up-Pass-2026"
# Doors for programs, which have keys and secrets of their own in place of a cookie.
_FOR_PROGRAMS = {"lti", "agent", "webhooks", "notices", "xapi", "cmi5", "caliper", "canvas", "api_tokens"}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Visitor:
    """Somebody with a session and a right token."""

    bridge: BridgeServer
    browser: requests.Session
    token: str

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> requests.Response:
        form = {"csrf_token": self.token, **(data or {})}
        return self.browser.post(
            self.bridge.origin + path, data=form, allow_redirects=False, timeout=30, **more
        )


def token_on(bridge: BridgeServer, browser: requests.Session, path: str) -> str:
    page = browser.get(bridge.origin + path).text
    found = _TOKEN.search(page)
    assert found is not None, page
    return found[1]


def as_staff(bridge: BridgeServer, login: str) -> Visitor:
    browser = bridge.browser()
    path = bridge.invitations[login].removeprefix(bridge.origin)
    form = {"csrf_token": token_on(bridge, browser, path), "password": PASSWORD, "again": PASSWORD}
    assert browser.post(bridge.origin + path, data=form, allow_redirects=False).status_code == 303
    return Visitor(bridge, browser, token_on(bridge, browser, "/sign-in"))


def as_learner(bridge: BridgeServer, person: Person) -> Visitor:
    browser = bridge.browser()
    assert bridge.launch(browser, person).status_code == 303
    return Visitor(bridge, browser, token_on(bridge, browser, "/learner"))


@pytest.fixture(scope="module")
def visitors(bridge: BridgeServer) -> dict[str, Visitor]:
    """Each kind of visitor; no test that uses them changes what they are."""
    return {
        "nobody": Visitor(bridge, bridge.browser(), ""),
        "learner": as_learner(bridge, bridge.someone()),
        "institution": as_staff(bridge, "staff-lin"),
        "authority": as_staff(bridge, "official-guangzhou"),
    }


def routes(bridge: BridgeServer, value: str, *methods: str) -> list[tuple[str, str]]:
    """Return (method, path) of each route that people use, `value` standing for each variable."""
    found = []
    for rule in bridge.app.url_map.iter_rules():
        blueprint = rule.endpoint.partition(".")[0]
        if blueprint in _FOR_PROGRAMS:
            continue
        path = re.sub(r"<[^>]+>", value, rule.rule)
        found += [(method, path) for method in methods if method in (rule.methods or ())]
    return found


@pytest.mark.parametrize("who", ["nobody", "learner", "institution", "authority"])
def test_no_form_works_without_its_token(
    bridge: BridgeServer, visitors: dict[str, Visitor], who: str
) -> None:
    forms = routes(bridge, "x", "POST", "PUT", "PATCH", "DELETE")
    assert len(forms) >= 12

    with bridge.unchanged("web_session"):
        for method, path in forms:
            for form in (
                {},
                {"csrf_token": ""},
                {"csrf_token": "made-up"},
                {"csrf_token": visitors["learner"].token + "x"},
            ):
                data = {"version": FACE_CONSENT.version, "purpose": "x", **form}
                answer = visitors[who].browser.request(
                    method, bridge.origin + path, data=data, allow_redirects=False
                )
                refused(answer, 400, "csrf_failed")


def test_a_token_is_good_in_its_own_session_alone(bridge: BridgeServer, visitors: dict[str, Visitor]) -> None:
    thief = visitors["institution"].token

    with bridge.unchanged():
        answer = visitors["learner"].post(
            "/learner/consent", {"csrf_token": thief, "version": FACE_CONSENT.version}
        )

    refused(answer, 400, "csrf_failed")


@pytest.mark.parametrize("who", ["nobody", "learner", "institution", "authority"])
@pytest.mark.parametrize(
    "value", ["%00", "a%00b", "%ff%fe", "..%2f..%2fkeys%2fmaster.key", "x" * 2000, "%3Cscript%3E", "'--"]
)
def test_no_address_breaks_the_application(
    bridge: BridgeServer, visitors: dict[str, Visitor], who: str, value: str
) -> None:
    visitor = visitors[who]

    for method, path in routes(bridge, value, "GET"):
        answer = visitor.browser.request(method, bridge.origin + path, allow_redirects=False)
        assert answer.status_code < 500, (method, path, answer.text)
        assert "<script>" not in answer.text.replace(" ", "")


@pytest.mark.parametrize("value", ["a\x00b", "\x00", "\udcff", "x" * 100_000, "<script>", "'--"])
def test_no_field_breaks_a_form(bridge: BridgeServer, visitors: dict[str, Visitor], value: str) -> None:
    odd = value.encode("utf-8", "surrogateescape")
    fields = ("login", "password", "name", "citizen_id", "purpose", "version", "outline_unit", "learner", "place",
              "teacher", "day", "starts", "ends", "class_hours", "number")  # fmt: skip

    with bridge.unchanged("web_session", "real_name_refusal", "disclosure", "access_log_head"):
        for who, path in (
            ("institution", f"/institution/class-runs/{RUN}/offline-sessions"),
            ("institution", "/institution/class-runs/a%00b/offline-sessions"),
            ("institution", f"/institution/class-runs/{RUN}/offline-sessions/a%00b/confirm"),
            ("authority", "/authority/class-runs/a%00b"),
            ("learner", "/learner/consent"),
            ("learner", "/learner/real-name"),
        ):
            answer = visitors[who].post(
                path, dict.fromkeys(fields, odd), files={"sheet": ("s\x00.jpg", b"x")}
            )
            assert 400 <= answer.status_code < 500, (path, answer.status_code, answer.text)
        # An official's purpose is free text, and a search that finds nobody is an answer.
        for path in ("/authority", f"/authority/class-runs/{RUN}"):
            assert visitors["authority"].post(path, {"purpose": odd, "citizen_id": odd}).status_code < 500


def test_a_form_beyond_its_size_is_refused(bridge: BridgeServer, visitors: dict[str, Visitor]) -> None:
    with bridge.unchanged():
        for who, path in (
            ("learner", "/learner/real-name"),
            ("nobody", "/sign-in"),
            ("authority", "/authority"),
        ):
            refused(visitors[who].post(path, {"name": "x" * (1024 * 1024)}), 413, "body_too_large")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1",
        "44019919900307121",
        "440199199003071210",
        "440199199013311219",
        "440199299003071219",
        "x" * 5000,
        "440199199003071219'--",
        "\x00" * 18,
        "４４０１９９１９９００３０７１２１０",
        "<b>440199199003071219</b>",
    ],
)
def test_a_citizen_id_that_is_none_proves_nobody(bridge: BridgeServer, typed: str) -> None:
    person = bridge.someone_again()
    visitor = as_learner(bridge, person)

    with bridge.unchanged("real_name_refusal", "web_session"):
        answer = visitor.post("/learner/real-name", {"name": person.name, "citizen_id": typed})

    assert answer.status_code == 422
    assert "<b>440199" not in answer.text


def test_who_guesses_at_a_list_is_stopped_even_with_the_right_answer(bridge: BridgeServer) -> None:
    person, other = bridge.someone(), bridge.someone()
    visitor = as_learner(bridge, person)
    for _ in range(10):
        answer = visitor.post("/learner/real-name", {"name": person.name, "citizen_id": other.citizen_id})
        assert answer.status_code == 422

    with bridge.unchanged("web_session"):
        answer = visitor.post("/learner/real-name", {"name": person.name, "citizen_id": person.citizen_id})

    assert answer.status_code == 422
    assert "失败次数过多" in answer.text


def test_one_person_has_one_account_and_one_account_one_person(bridge: BridgeServer) -> None:
    person, _ = bridge.ready()
    second = as_learner(bridge, bridge.someone())
    first = as_learner(bridge, person)
    stranger = bridge.someone()

    # The learner's own page shows the masked name, and that is logged.
    with bridge.unchanged("web_session", "real_name_refusal", "disclosure", "access_log_head"):
        taken = second.post("/learner/real-name", {"name": person.name, "citizen_id": person.citizen_id})
        changed = first.post("/learner/real-name", {"name": stranger.name, "citizen_id": stranger.citizen_id})

    assert (taken.status_code, changed.status_code) == (422, 422)
    assert "一人只能使用一个账号" in taken.text


def test_a_face_is_taken_from_a_named_and_consenting_learner_alone(bridge: BridgeServer) -> None:
    person = bridge.someone()
    visitor = as_learner(bridge, person)
    headers = {"Content-Type": "image/jpeg", "X-CSRFToken": visitor.token}

    def send(content: bytes, **more: str) -> requests.Response:
        url = f"{bridge.origin}/learner/face/frames"
        return visitor.browser.post(url, data=content, headers={**headers, **more}, timeout=30)

    with bridge.unchanged("web_session"):
        refused(send(picture("0")), 403, "real_name_required")
    account = bridge.account(person)
    bridge.name(account, person)
    visitor = as_learner(bridge, person)
    headers["X-CSRFToken"] = visitor.token
    with bridge.unchanged("web_session"):
        refused(send(picture("0")), 403, "consent_required")
    bridge.consent(account)
    with bridge.unchanged("web_session"):
        refused(send(picture("0"), **{"X-CSRFToken": ""}), 400, "csrf_failed")
        refused(send(picture("0"), **{"Content-Type": "image/png"}), 415, "media_type")
        refused(send(b"not a picture"), 415, "frame_not_jpeg")
        refused(send(bytes(600 * 1024)), 413, "body_too_large")
        refused(send(picture("0", width=4000)), 413, "frame_too_many_pixels")
