"""The configuration of a platform that offers dynamic registration: where it comes from, and what must stand in it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Response

from lti.errors import ServiceFailed
from lti.http import GuardedHttp
from lti.platform_configuration import (
    PLATFORM_CONFIGURATION,
    RegistrationLink,
    fetch_configuration,
    read_configuration,
    read_registration_link,
)
from tests.lti.registering_platform import (
    DEMO,
    MOODLE_SCOPES,
    PUBLIC,
    URL,
    RegisteringPlatform,
    configuration,
    read,
    registering_platform,
)


@pytest.fixture
def moodle() -> Iterator[RegisteringPlatform]:
    with registering_platform() as platform:
        yield platform


def test_a_platform_in_private_or_behind_a_redirect_is_not_reached(moodle: RegisteringPlatform) -> None:
    with pytest.raises(ServiceFailed, match="https_required"):
        fetch_configuration(GuardedHttp(), moodle.link(), PUBLIC)
    private = RegistrationLink("https://10.0.0.1/openid-configuration", None)
    with pytest.raises(ServiceFailed, match="address_refused"):
        fetch_configuration(GuardedHttp(), private, PUBLIC)
    assert moodle.asked == []
    moodle.odd = lambda _: Response(status=302, headers={"Location": moodle.origin})
    with pytest.raises(ServiceFailed, match="redirect_refused"):
        fetch_configuration(GuardedHttp(), moodle.link(), DEMO)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, "<html>", "configuration_malformed"),
        (200, "[]", "configuration_malformed"),
        (200, '{"issuer": "https://a.example", "issuer": "https://b.example"}', "configuration_malformed"),
        (200, "{}", "configuration_malformed"),
        (404, "{}", "configuration_malformed"),
        (503, "{}", "platform_error"),
    ],
)
def test_what_is_no_configuration_is_refused(
    moodle: RegisteringPlatform, status: int, body: str, why: str
) -> None:
    moodle.odd = lambda _: Response(body, status=status)
    with pytest.raises(ServiceFailed) as failed:
        moodle.register()
    assert failed.value.reason == why


@pytest.mark.parametrize(
    "issuer",
    [
        "https://other.example",
        "https://lms.example.evil.example",
        "https://lms.example:8443",
        "https://evil.example/https://lms.example",
    ],
)
def test_nobody_registers_in_the_name_of_another_issuer(issuer: str) -> None:
    with pytest.raises(ServiceFailed, match="configuration_foreign"):
        read(issuer=issuer)
    document = configuration(issuer=issuer)
    vouched = read_configuration(document, URL, PUBLIC, vouched_issuers=frozenset({issuer}))
    assert vouched.issuer == issuer


@pytest.mark.parametrize(
    "issuer", ["https://lms.example", "https://LMS.example:443", "https://lms.example/a/b"]
)
def test_an_issuer_of_the_same_origin_is_kept_exactly(issuer: str) -> None:
    assert read(issuer=issuer).issuer == issuer


ENDPOINTS = ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint"]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        7,
        ["https://lms.example/"],
        "http://lms.example/x",
        "javascript:x",
        "https://lms.example/" + "x" * 1000,
    ],
)
def test_every_endpoint_is_there_and_over_https(name: str, value: Any) -> None:
    with pytest.raises(ServiceFailed, match="configuration_malformed"):
        read(**{name: value})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "https://lms.example/?a=b"}, "configuration_malformed"),
        ({"issuer": "https://lms.example/" + "x" * 240}, "configuration_malformed"),
        ({"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, "configuration_malformed"),
        ({"authorization_server": ""}, "configuration_malformed"),
        ({"authorization_server": ["x"]}, "configuration_malformed"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "algorithm_unsupported"),
        ({"id_token_signing_alg_values_supported": "RS256"}, "algorithm_unsupported"),
        ({"token_endpoint_auth_signing_alg_values_supported": ["ES256"]}, "algorithm_unsupported"),
    ],
)
def test_what_the_tool_cannot_work_with_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ServiceFailed, match=why):
        read(**changes)


def test_messages_are_read_as_names_and_as_objects() -> None:
    names = ["LtiResourceLinkRequest", {"type": "LtiStartProctoring"}, 7, {"type": 7}, {}]
    told: dict[str, Any] = {
        PLATFORM_CONFIGURATION: {"messages_supported": names, "product_family_code": "Moodle"}
    }
    platform = read(**told)
    assert platform.messages == {"LtiResourceLinkRequest", "LtiStartProctoring"}
    assert platform.product_family == "moodle"


@pytest.mark.parametrize("token", ["a b", "令牌", "a\r\nX: y", "x" * 8193])
def test_an_odd_registration_token_is_never_sent(token: str) -> None:
    with pytest.raises(ServiceFailed, match="registration_link_malformed"):
        read_registration_link({"openid_configuration": URL, "registration_token": token})


@pytest.mark.parametrize("params", [{}, {"openid_configuration": ""}, {"openid_configuration": "x" * 1001}])
def test_a_link_without_a_configuration_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(ServiceFailed, match="registration_link_malformed"):
        read_registration_link(params)


def test_a_link_and_a_token_at_their_limits_are_read() -> None:
    url, token = "https://lms.example/" + "x" * 980, "t" * 8192
    given = {"openid_configuration": url, "registration_token": token}
    assert read_registration_link(given) == RegistrationLink(url, token)


def test_a_link_is_read() -> None:
    assert read_registration_link({"openid_configuration": URL}) == RegistrationLink(URL, None)
    given = {"openid_configuration": URL, "registration_token": "abc.def-_"}
    assert read_registration_link(given) == RegistrationLink(URL, "abc.def-_")


def test_a_configuration_is_read_to_the_letter() -> None:
    platform = read()
    assert (platform.product_family, platform.version) == ("moodle", "4.5.5+ (Build: 20250711)")
    assert platform.scopes == set(MOODLE_SCOPES)
    assert platform.variables == {"Person.sourcedId", "CourseSection.sourcedId"}


@pytest.mark.parametrize(
    ("version", "read_as"), [("v" * 255, "v" * 255), ("v" * 256, ""), (7, ""), ("a\nb", "")]
)
def test_a_version_that_cannot_be_shown_is_none(version: Any, read_as: str) -> None:
    told: dict[str, Any] = {PLATFORM_CONFIGURATION: {"version": version}}
    assert read(**told).version == read_as


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "https://lms.example/" + "x" * 235),
        ("jwks_uri", "https://lms.example/" + "x" * 980),
        ("authorization_server", "a"),
        ("authorization_server", "a" * 1000),
    ],
)
def test_what_is_just_within_its_limit_is_taken(name: str, value: str) -> None:
    changed: dict[str, Any] = {name: value}
    platform = read(**changed)
    assert value in (platform.issuer, platform.jwks_uri, platform.token_audience)


def test_a_configuration_is_asked_for_as_json_and_an_administrator_may_vouch_for_its_issuer(
    moodle: RegisteringPlatform,
) -> None:
    shared = "https://canvas.example"
    document = configuration(moodle.origin, issuer=shared)
    moodle.odd = lambda _: Response(json.dumps(document), content_type="application/json")
    with pytest.raises(ServiceFailed, match="configuration_foreign"):
        fetch_configuration(GuardedHttp(), moodle.link(), DEMO)
    vouched = fetch_configuration(GuardedHttp(), moodle.link(), DEMO, vouched_issuers=frozenset({shared}))
    assert vouched.issuer == shared
    assert moodle.asked[-1].headers["Accept"] == "application/json"


@pytest.mark.parametrize(("status", "body"), [(404, "{}"), (503, "{}"), (200, "<html>")])
def test_a_platform_that_does_not_answer_as_it_should_is_told_with_its_status(
    moodle: RegisteringPlatform, status: int, body: str
) -> None:
    moodle.odd = lambda _: Response(body, status=status)
    with pytest.raises(ServiceFailed) as failed:
        fetch_configuration(GuardedHttp(), moodle.link(), DEMO)
    assert failed.value.status == status
