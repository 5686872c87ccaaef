"""Dynamic Registration over real HTTP, with a platform that answers as Moodle 4.5 does, or oddly."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from lti.ags import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, RESULT_READ_SCOPE, SCORE_SCOPE
from lti.dynamic_registration import (
    TOOL_CONFIGURATION,
    RegisteredTool,
    ToolProfile,
    client_metadata,
    read_registration,
    register,
)
from lti.errors import ServiceFailed
from lti.http import GuardedHttp
from lti.notices import NOTICE_HANDLERS_SCOPE
from lti.nrps import MEMBERSHIP_SCOPE
from lti.platform_configuration import (
    PLATFORM_CONFIGURATION,
    PlatformConfiguration,
    RegistrationLink,
    fetch_configuration,
    read_configuration,
    read_registration_link,
)
from lti.proctoring import CONTROL_SCOPE
from lti.registration import NetworkPolicy
from tests.lti.doors import World, tool_of
from tests.lti.served import served

DEMO = NetworkPolicy(demo=True)
PUBLIC = NetworkPolicy()
MOODLE_SCOPES = [LINE_ITEM_SCOPE, LINE_ITEM_READ_SCOPE, RESULT_READ_SCOPE, SCORE_SCOPE, MEMBERSHIP_SCOPE]
PROFILE = ToolProfile(
    name="安学",
    description="安全生产培训考核",
    login_url="https://tool.example:8443/lti/login",
    launch_url="https://tool.example:8443/lti/launch",
    jwks_url="https://tool.example:8443/lti/jwks",
    target_link_uri="https://tool.example:8443/lti/launch",
)


def configuration(origin: str = "https://lms.example", **changes: Any) -> dict[str, Any]:
    """Return the configuration of a Moodle at `origin`, members changed (None removes one)."""
    members = {
        "issuer": origin,
        "token_endpoint": f"{origin}/mod/lti/token.php",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "jwks_uri": f"{origin}/mod/lti/certs.php",
        "authorization_endpoint": f"{origin}/mod/lti/auth.php",
        "registration_endpoint": f"{origin}/mod/lti/openid-registration.php",
        "scopes_supported": [*MOODLE_SCOPES, "openid"],
        "response_types_supported": ["id_token"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "iss", "name", "given_name", "family_name", "email"],
        PLATFORM_CONFIGURATION: {
            "product_family_code": "moodle",
            "version": "4.5.5+ (Build: 20250711)",
            "messages_supported": [
                {"type": "LtiResourceLinkRequest"},
                {"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]},
            ],
            "variables": ["Person.sourcedId", "CourseSection.sourcedId"],
        },
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


def kept(asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what a platform that keeps everything answers to `asked`."""
    tool = {**asked[TOOL_CONFIGURATION], "deployment_id": "7"}
    return {**asked, "client_id": "client-77", TOOL_CONFIGURATION: tool, **changes}


class RegisteringPlatform:
    """A simulator of a platform's registration, which leaves out what Moodle leaves out."""

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[Request] = []
        self.wanted: dict[str, Any] = {}
        self.tokens = {"token-1"}
        self.odd: Callable[[Request], Response | None] = lambda _: None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data()
        self.asked.append(request)
        return (self.odd(request) or self._answer(request, body))(environ, start_response)

    def _answer(self, request: Request, body: bytes) -> Response:
        if request.path.endswith("openid-configuration.php"):
            return Response(json.dumps(configuration(self.origin)), content_type="application/json")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return Response("token_already_used", status=401)
        self.tokens.remove(token)
        self.wanted = json.loads(body)
        tool = self.wanted[TOOL_CONFIGURATION]
        if tool["domain"] != tool["target_link_uri"].split("/")[2]:
            return Response("invalid domain", status=400)
        messages = [each for each in tool["messages"] if each["type"] == "LtiDeepLinkingRequest"]
        answer = kept(self.wanted)
        answer[TOOL_CONFIGURATION] = {**answer[TOOL_CONFIGURATION], "messages": messages}
        return Response(json.dumps(answer), content_type="application/json")

    def link(self, token: str | None = "token-1") -> RegistrationLink:  # noqa: S107  # no password
        return RegistrationLink(f"{self.origin}/mod/lti/openid-configuration.php", token)

    def register(self, token: str | None = "token-1", profile: ToolProfile = PROFILE) -> RegisteredTool:  # noqa: S107
        http, link = GuardedHttp(), self.link(token)
        return register(http, link, fetch_configuration(http, link, DEMO), profile, DEMO)


@pytest.fixture
def moodle() -> Iterator[RegisteringPlatform]:
    platform = RegisteringPlatform()
    with served(platform) as origin:
        platform.origin = origin
        yield platform


def test_a_moodle_takes_the_tool_and_two_clicks_remain(moodle: RegisteringPlatform) -> None:
    made = moodle.register()
    assert (made.client_id, made.deployment_id, made.warnings) == ("client-77", "7", ())
    assert len(made.pending_steps_zh) == 2
    assert "激活" in made.pending_steps_zh[0]
    assert "预配置工具" in made.pending_steps_zh[1]
    registration = made.registration("r1", "institution-1", DEMO)
    assert (registration.issuer, registration.client_id) == (moodle.origin, "client-77")
    assert registration.auth_login_url == f"{moodle.origin}/mod/lti/auth.php"
    assert registration.auth_token_url == f"{moodle.origin}/mod/lti/token.php"
    assert registration.jwks_url == f"{moodle.origin}/mod/lti/certs.php"
    assert (registration.deployment_ids, registration.algorithm) == (frozenset({"7"}), "RS256")
    assert (registration.demo, registration.token_audience) == (True, None)


def test_what_the_tool_says_of_itself(moodle: RegisteringPlatform) -> None:
    moodle.register()
    asked = moodle.wanted
    tool = asked.pop(TOOL_CONFIGURATION)
    assert asked == {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": "https://tool.example:8443/lti/login",
        "redirect_uris": ["https://tool.example:8443/lti/launch"],
        "client_name": "安学",
        "jwks_uri": "https://tool.example:8443/lti/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(
            [SCORE_SCOPE, RESULT_READ_SCOPE, LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, MEMBERSHIP_SCOPE]
        ),
    }
    assert tool["domain"] == "tool.example:8443"
    assert tool["claims"] == ["iss", "sub", "given_name", "family_name"]
    assert [each["type"] for each in tool["messages"]] == ["LtiDeepLinkingRequest", "LtiResourceLinkRequest"]
    assert tool["custom_parameters"] == {}
    assert moodle.asked[-1].headers["Authorization"] == "Bearer token-1"


def test_no_address_of_a_person_is_ever_asked_for() -> None:
    everything = replace(read(), variables=frozenset({"Person.email.primary"}), scopes=frozenset())
    assert "mail" not in json.dumps(client_metadata(PROFILE, everything)).lower()


def test_the_registration_token_goes_to_the_registration_alone(moodle: RegisteringPlatform) -> None:
    moodle.register()
    assert [("Authorization" in request.headers) for request in moodle.asked] == [False, True]
    assert all("token-1" not in request.url for request in moodle.asked)
    assert "token-1" not in repr(moodle.link())


def test_a_link_that_was_used_is_refused(moodle: RegisteringPlatform) -> None:
    moodle.register()
    with pytest.raises(ServiceFailed) as failed:
        moodle.register()
    assert (failed.value.reason, failed.value.status, failed.value.permanent) == (
        "registration_refused",
        401,
        True,
    )


def test_without_a_token_none_is_sent(moodle: RegisteringPlatform) -> None:
    with pytest.raises(ServiceFailed, match="registration_refused"):
        moodle.register(token=None)
    assert "Authorization" not in moodle.asked[-1].headers


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


URL = "https://lms.example/.well-known/openid-configuration"


def read(url: str = URL, policy: NetworkPolicy = PUBLIC, **changes: Any) -> PlatformConfiguration:
    return read_configuration(configuration(**changes), url, policy)


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


@pytest.mark.parametrize(
    ("offered", "pinned"),
    [(["ES256", "RS256"], "RS256"), (["HS256", "ES256"], "ES256"), (["PS256"], "PS256"), (None, "RS256")],
)
def test_signatures_are_pinned_to_what_both_can(offered: Any, pinned: str) -> None:
    platform = read(id_token_signing_alg_values_supported=offered)
    assert platform.algorithm == pinned
    asked = client_metadata(PROFILE, platform)
    made = read_registration(kept(asked), asked, platform, PROFILE)
    assert made.registration("r", "t", PUBLIC).algorithm == pinned


def test_the_assertions_audience_is_taken_over() -> None:
    platform = read(authorization_server="https://auth.lms.example")
    asked = client_metadata(PROFILE, platform)
    made = read_registration(kept(asked), asked, platform, PROFILE)
    assert made.registration("r", "t", PUBLIC).token_audience == "https://auth.lms.example"


def test_messages_are_read_as_names_and_as_objects() -> None:
    names = ["LtiResourceLinkRequest", {"type": "LtiStartProctoring"}, 7, {"type": 7}, {}]
    told: dict[str, Any] = {
        PLATFORM_CONFIGURATION: {"messages_supported": names, "product_family_code": "Moodle"}
    }
    platform = read(**told)
    assert platform.messages == {"LtiResourceLinkRequest", "LtiStartProctoring"}
    assert platform.product_family == "moodle"


@pytest.mark.parametrize("told", [None, "x", [], {"messages_supported": "x", "variables": 7, "version": []}])
def test_a_platform_that_tells_nothing_of_itself_is_asked_for_the_usual(told: Any) -> None:
    platform = read(**{PLATFORM_CONFIGURATION: told, "scopes_supported": None})
    asked = client_metadata(PROFILE, platform)
    assert set(asked["scope"].split()) == set(MOODLE_SCOPES)
    assert [each["type"] for each in asked[TOOL_CONFIGURATION]["messages"]] == [
        "LtiDeepLinkingRequest",
        "LtiResourceLinkRequest",
    ]
    (step,) = read_registration(kept(asked), asked, platform, PROFILE).pending_steps_zh
    assert "启用" in step


def test_proctoring_is_asked_for_where_it_is_known() -> None:
    types = ["LtiStartProctoring", "LtiEndAssessment", "LtiSubmissionReviewRequest", "LtiEulaRequest"]
    platform = replace(
        read(), messages=frozenset(types), scopes=frozenset({CONTROL_SCOPE, NOTICE_HANDLERS_SCOPE})
    )
    asked = client_metadata(PROFILE, platform)
    assert [each["type"] for each in asked[TOOL_CONFIGURATION]["messages"]] == [
        "LtiDeepLinkingRequest",
        "LtiResourceLinkRequest",
        *types[:3],
    ]
    assert asked["scope"].split() == [CONTROL_SCOPE, NOTICE_HANDLERS_SCOPE]


def test_only_variables_that_the_platform_knows_are_asked_for() -> None:
    custom = {"number": "$Person.sourcedId", "unknown": "$Moon.phase", "fixed": "1"}
    profile = replace(PROFILE, custom=custom)
    asked = client_metadata(profile, read())
    assert asked[TOOL_CONFIGURATION]["custom_parameters"] == {"number": "$Person.sourcedId", "fixed": "1"}
    (warning,) = read_registration(kept(asked), asked, read(), profile).warnings
    assert warning.reason == "custom_not_granted"
    assert "unknown" in warning.message_zh
    told_nothing = replace(read(), variables=frozenset())
    assert client_metadata(profile, told_nothing)[TOOL_CONFIGURATION]["custom_parameters"] == custom


def warnings(platform: PlatformConfiguration | None = None, /, **changes: Any) -> dict[str, str]:
    """Return what a reply with members changed is warned of; those of the tool configuration by `tool`."""
    platform = platform or read()
    asked = client_metadata(PROFILE, platform)
    answer = kept(asked)
    tool = {**answer[TOOL_CONFIGURATION], **changes.pop("tool", {})}
    answer = {**answer, TOOL_CONFIGURATION: tool, **changes}
    answer = {name: value for name, value in answer.items() if value is not None}
    made = read_registration(answer, asked, platform, PROFILE)
    assert all(warning.message_zh.endswith("。") for warning in made.warnings)
    return {warning.reason: warning.message_zh for warning in made.warnings}


def test_what_was_kept_is_not_warned_of() -> None:
    assert warnings() == {}
    assert warnings(scope=None, redirect_uris=None, jwks_uri=None) == {}
    assert warnings(scope=[*MOODLE_SCOPES, "more"]) == {}


def test_services_that_were_not_granted_are_named() -> None:
    told = warnings(scope=f"{SCORE_SCOPE} {RESULT_READ_SCOPE} {LINE_ITEM_READ_SCOPE}")
    assert list(told) == ["services_not_granted"]
    assert "成绩项管理、成员名单" in told["services_not_granted"]
    offers_less = replace(read(), scopes=frozenset({SCORE_SCOPE, CONTROL_SCOPE}))
    assert "成员名单" in warnings(offers_less)["services_not_granted"]
    assert "监考控制" in warnings(offers_less, scope=SCORE_SCOPE)["services_not_granted"]
    assert "监考控制" not in warnings(offers_less)["services_not_granted"]


def test_messages_that_were_dropped_are_named_but_for_plain_launches() -> None:
    assert warnings(tool={"messages": [{"type": "LtiDeepLinkingRequest"}]}) == {}
    assert "LtiDeepLinkingRequest" in warnings(tool={"messages": []})["messages_not_granted"]


def test_an_answer_that_does_not_speak_of_messages_has_dropped_none() -> None:
    asked = client_metadata(PROFILE, read())
    answer = kept(asked, **{TOOL_CONFIGURATION: {"deployment_id": "7"}})
    assert read_registration(answer, asked, read(), PROFILE).warnings == ()


def test_an_email_claim_that_nobody_asked_for_is_named() -> None:
    assert list(warnings(tool={"claims": ["sub", "iss", "name", "email"]})) == ["email_claim_listed"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"redirect_uris": ["https://evil.example/"]}, "redirect_uris"),
        ({"initiate_login_uri": "https://evil.example/"}, "initiate_login_uri"),
        ({"jwks_uri": "https://evil.example/"}, "jwks_uri"),
        ({"tool": {"target_link_uri": "https://evil.example/"}}, "target_link_uri"),
    ],
)
def test_changed_addresses_are_named_and_never_repeated(changes: dict[str, Any], name: str) -> None:
    told = warnings(**changes)
    assert list(told) == ["addresses_changed"]
    assert name in told["addresses_changed"]
    assert "evil" not in told["addresses_changed"]


@pytest.mark.parametrize(
    ("deployment", "read_as"), [("7", "7"), (7, "7"), (None, None), ("", None), ("x" * 255, "x" * 255)]
)
def test_a_deployment_is_named_or_waits_for_the_first_launch(deployment: Any, read_as: str | None) -> None:
    asked = client_metadata(PROFILE, read())
    answer = kept(asked)
    answer[TOOL_CONFIGURATION] = {**answer[TOOL_CONFIGURATION], "deployment_id": deployment}
    made = read_registration(answer, asked, read(), PROFILE)
    assert made.deployment_id == read_as
    assert ("deployment_not_named" in {each.reason for each in made.warnings}) is (read_as is None)
    assert made.registration("r", "t", PUBLIC).deployment_ids == ({read_as} if read_as else set())


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": "x" * 256},
        {"client_id": "a\nb"},
        {TOOL_CONFIGURATION: {"deployment_id": "x" * 256}},
        {TOOL_CONFIGURATION: {"deployment_id": ["7"]}},
        {TOOL_CONFIGURATION: {"deployment_id": True}},
    ],
)
def test_an_answer_without_a_client_is_none(changes: dict[str, Any]) -> None:
    asked = client_metadata(PROFILE, read())
    with pytest.raises(ServiceFailed, match="registration_reply_malformed"):
        read_registration(kept(asked, **changes), asked, read(), PROFILE)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, "invalid_response_types", "registration_refused"),
        (503, "", "platform_error"),
        (200, "<html>", "registration_reply_malformed"),
        (200, "[]", "registration_reply_malformed"),
        (201, "{}", "registration_reply_malformed"),
    ],
)
def test_odd_answers_to_a_registration(moodle: RegisteringPlatform, status: int, body: str, why: str) -> None:
    moodle.odd = lambda request: Response(body, status=status) if request.method == "POST" else None
    with pytest.raises(ServiceFailed) as failed:
        moodle.register()
    assert failed.value.reason == why


@pytest.mark.parametrize("token", ["a b", "令牌", "a\r\nX: y", "x" * 8193])
def test_an_odd_registration_token_is_never_sent(token: str) -> None:
    with pytest.raises(ServiceFailed, match="registration_link_malformed"):
        read_registration_link({"openid_configuration": URL, "registration_token": token})


@pytest.mark.parametrize("params", [{}, {"openid_configuration": ""}, {"openid_configuration": "x" * 1001}])
def test_a_link_without_a_configuration_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(ServiceFailed, match="registration_link_malformed"):
        read_registration_link(params)


def test_a_link_is_read() -> None:
    assert read_registration_link({"openid_configuration": URL}) == RegistrationLink(URL, None)
    given = {"openid_configuration": URL, "registration_token": "abc.def-_"}
    assert read_registration_link(given) == RegistrationLink(URL, "abc.def-_")


def test_a_tool_presents_its_own_doors() -> None:
    profile = ToolProfile.of(tool_of(World.new()), "安学", "培训", logo_url="https://tool.example/logo.png")
    assert (profile.login_url, profile.launch_url, profile.jwks_url) == (
        "https://tool.example/lti/login",
        "https://tool.example/lti/launch",
        "https://tool.example/lti/jwks",
    )
    asked = client_metadata(profile, read())
    assert asked["logo_uri"] == "https://tool.example/logo.png"
    assert asked[TOOL_CONFIGURATION]["target_link_uri"] == "https://tool.example/lti/launch"
    assert ToolProfile.of(
        tool_of(World.new()), "a", "b", target_link_uri="https://tool.example/x"
    ).target_link_uri == ("https://tool.example/x")
