"""Login: what the platform is asked through the browser (OpenID Connect Core §3.1.2.1; Security Framework §5.1.1)."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lti.errors import LaunchRefused
from lti.oidc import LoginRedirect, start_login
from lti.registration_memory import MemoryRegistrations
from tests.lti.doors import World, tool_of

HINTS = "a b&c=d/ü?#%+安"


def begun(auth_login_url: str = "https://lms.example/auth", /, **changes: Any) -> LoginRedirect:
    world = World.new()
    registration = world.lms.registration(auth_login_url=auth_login_url)
    tool = tool_of(world, registrations=MemoryRegistrations([registration]))
    return start_login(tool, world.lms.login_params(**changes), "browser-a")


def refusal(**changes: Any) -> str:
    with pytest.raises(LaunchRefused) as refused:
        begun(**changes)
    return refused.value.reason


def test_the_platform_is_asked_for_an_id_token_by_a_posted_form_and_without_a_page_of_its_own() -> None:
    going = begun()
    assert urlsplit(going.url)._replace(query="").geturl() == "https://lms.example/auth"
    assert dict(parse_qsl(urlsplit(going.url).query, strict_parsing=True)) == {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": "client-1",
        "redirect_uri": "https://tool.example/lti/launch",
        "login_hint": "hint-1",
        "lti_message_hint": "message-1",
        "state": going.state,
        "nonce": going.nonce,
    }


def test_hints_go_back_as_they_came_and_add_nothing_to_the_question() -> None:
    asked = parse_qsl(
        urlsplit(begun(login_hint=HINTS, lti_message_hint=HINTS).url).query, strict_parsing=True
    )
    assert [value for name, value in asked if name in ("login_hint", "lti_message_hint")] == [HINTS, HINTS]
    assert len(asked) == 10


@pytest.mark.parametrize("hint", [None, ""])
def test_a_message_hint_that_did_not_come_is_not_sent(hint: str | None) -> None:
    assert "lti_message_hint" not in begun(lti_message_hint=hint).url


def test_the_query_of_a_platforms_address_is_kept() -> None:
    query = urlsplit(begun("https://lms.example/auth?tenant=7").url).query
    assert query.startswith("tenant=7&scope=openid&")


def test_a_platform_with_one_client_need_not_name_it() -> None:
    assert "client_id=client-1" in begun(client_id=None).url


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"login_hint": ""}, "parameter_missing"),
        ({"iss": ""}, "parameter_missing"),
        ({"iss": "h" * 4097}, "parameter_too_long"),
        ({"client_id": "c" * 4097}, "parameter_too_long"),
        ({"target_link_uri": "https://tool.example/" + "x" * 4076}, "parameter_too_long"),
        ({"lti_message_hint": "m" * 16385}, "parameter_too_long"),
        ({"target_link_uri": "http://tool.example/study/unit-1"}, "target_link_uri_foreign"),
        ({"target_link_uri": "https://tool.example:8443/"}, "target_link_uri_foreign"),
        ({"target_link_uri": "/study/unit-1"}, "target_link_uri_foreign"),
    ],
)
def test_a_login_that_is_not_right_is_refused_for_its_own_reason(
    changes: dict[str, Any], reason: str
) -> None:
    assert refusal(**changes) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"login_hint": "h" * 4096},
        {"lti_message_hint": "m" * 16384},
        {"target_link_uri": "https://tool.example/" + "x" * 4075},
    ],
)
def test_what_is_just_within_its_limit_is_taken(changes: dict[str, Any]) -> None:
    assert begun(**changes).url


def test_a_frames_name_of_64_characters_is_taken_and_one_more_is_none() -> None:
    storage = begun(lti_storage_target="f" * 64).storage
    assert storage is not None
    assert storage.target == "f" * 64
    assert begun(lti_storage_target="f" * 65).storage is None


def test_neither_state_nor_nonce_nor_the_address_that_holds_them_stands_in_a_log() -> None:
    going = begun()
    assert going.state not in repr(going)
    assert going.nonce not in repr(going)
