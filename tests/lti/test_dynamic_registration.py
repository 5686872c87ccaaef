"""Dynamic Registration: what is asked of a platform, what it made of it, and what is left to do by hand."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.wrappers import Response

from lti.ags import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, RESULT_READ_SCOPE, SCORE_SCOPE
from lti.dynamic_registration import TOOL_CONFIGURATION, ToolProfile, client_metadata, read_registration
from lti.errors import ServiceFailed
from lti.notices import NOTICE_HANDLERS_SCOPE
from lti.nrps import MEMBERSHIP_SCOPE
from lti.platform_configuration import PLATFORM_CONFIGURATION, PlatformConfiguration
from lti.proctoring import CONTROL_SCOPE
from lti.registration import NetworkPolicy
from tests.lti.doors import World, tool_of
from tests.lti.registering_platform import (
    DEMO,
    MOODLE_SCOPES,
    PROFILE,
    PUBLIC,
    RegisteringPlatform,
    kept,
    read,
    registering_platform,
)


@pytest.fixture
def moodle() -> Iterator[RegisteringPlatform]:
    with registering_platform() as platform:
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
    message = {"target_link_uri": PROFILE.target_link_uri, "label": "安学"}
    assert tool["messages"] == [
        {"type": "LtiDeepLinkingRequest", **message, "placements": ["ContentArea"]},
        {"type": "LtiResourceLinkRequest", **message},
    ]
    assert (tool["description"], tool["custom_parameters"]) == ("安全生产培训考核", {})
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


def test_a_tool_with_a_slash_behind_its_address_has_the_same_doors() -> None:
    profile = ToolProfile.of(tool_of(World.new(), public_url="https://tool.example/"), "安学", "培训")
    assert (profile.name, profile.description) == ("安学", "培训")
    assert (profile.login_url, profile.jwks_url) == (
        "https://tool.example/lti/login",
        "https://tool.example/lti/jwks",
    )


def test_a_registration_is_kept_under_the_names_and_the_network_rules_that_are_given() -> None:
    asked = client_metadata(PROFILE, read())
    policy = NetworkPolicy(frozenset({"lms.internal"}))
    made = read_registration(kept(asked), asked, read(), PROFILE).registration("r-1", "institution-1", policy)
    assert (made.id, made.tenant) == ("r-1", "institution-1")
    assert (made.allow_private_hosts, made.demo) == (policy.allow_private_hosts, False)


def test_the_question_goes_out_as_json_and_asks_for_json(moodle: RegisteringPlatform) -> None:
    moodle.register()
    asked = moodle.asked[-1]
    assert (asked.headers["Content-Type"], asked.headers["Accept"]) == (
        "application/json",
        "application/json",
    )


def test_a_deployment_beside_the_tools_configuration_counts_too() -> None:
    asked = client_metadata(PROFILE, read())
    answer = kept(asked, deployment_id="8")
    answer[TOOL_CONFIGURATION] = asked[TOOL_CONFIGURATION]
    assert read_registration(answer, asked, read(), PROFILE).deployment_id == "8"


@pytest.mark.parametrize(
    ("told", "lacking"),
    [
        ({"number": "$Person.sourcedId", "fixed": "1"}, []),
        ({"number": "$Person.sourcedId", "fixed": "2"}, ["fixed"]),
        ({}, ["number", "fixed"]),
        ("x", ["number", "fixed"]),
    ],
)
def test_parameters_that_the_platform_did_not_keep_are_named(told: Any, lacking: list[str]) -> None:
    profile = replace(PROFILE, custom={"number": "$Person.sourcedId", "fixed": "1"})
    asked = client_metadata(profile, read())
    answer = kept(asked)
    answer[TOOL_CONFIGURATION] = {**answer[TOOL_CONFIGURATION], "custom_parameters": told}
    found = read_registration(answer, asked, read(), profile).warnings
    assert [each.reason for each in found] == (["custom_not_granted"] if lacking else [])
    assert all("、".join(lacking) in each.message_zh for each in found)


def test_an_answer_that_does_not_speak_of_parameters_has_dropped_none() -> None:
    profile = replace(PROFILE, custom={"fixed": "1"})
    asked = client_metadata(profile, read())
    answer = kept(asked, **{TOOL_CONFIGURATION: {"deployment_id": "7"}})
    assert read_registration(answer, asked, read(), profile).warnings == ()
