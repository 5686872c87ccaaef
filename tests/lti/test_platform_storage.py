"""The platform's storage in place of a cookie: who is asked, what binds, and for which logins."""

from typing import Any

import pytest

from lti.errors import LaunchRefused
from lti.launch import storage_to_ask, verify_launch
from lti.oidc import LoginRedirect, PlatformStorage, start_login
from lti.tool import LtiTool
from tests.lti.doors import World, tool_of

BROWSER = "browser-a"


def begun(target: str | None = "frame", **changes: Any) -> tuple[World, LtiTool, LoginRedirect]:
    world = World.new()
    if "auth_login_url" in changes:
        from lti.registration_memory import MemoryRegistrations

        registrations = [world.lms.registration(auth_login_url=changes["auth_login_url"])]
        tool = tool_of(world, registrations=MemoryRegistrations(registrations))
    else:
        tool = tool_of(world)
    params = world.lms.login_params(**({} if target is None else {"lti_storage_target": target}))
    return world, tool, start_login(tool, params, BROWSER)


def test_a_login_says_where_the_value_is_kept_and_a_launch_asks_there_without_telling_it() -> None:
    _, tool, going = begun()
    flow = tool.seal.open(going.state)
    assert flow is not None
    kept = PlatformStorage(
        "frame", "https://lms.example", f"lti_browser_{flow.id.hex()}", tool.seal.storage_value(flow)
    )
    assert going.storage == kept
    assert storage_to_ask(tool, {"state": going.state}, None) == PlatformStorage(
        kept.target, kept.origin, kept.key, None
    )
    assert tool.seal.storage_value(flow) not in repr(going)


@pytest.mark.parametrize(
    ("auth_login_url", "origin"),
    [
        ("https://lms.example:8443/auth", "https://lms.example:8443"),
        ("https://lms.example:443/auth", "https://lms.example"),
        ("https://LMS.example/auth?x=1", "https://lms.example"),
        ("https://[2001:db8::1]/auth", "https://[2001:db8::1]"),
    ],
)
def test_the_only_origin_that_is_talked_to_is_that_of_the_authentication(
    auth_login_url: str, origin: str
) -> None:
    _, _, going = begun(auth_login_url=auth_login_url)
    assert going.storage is not None
    assert going.storage.origin == origin


@pytest.mark.parametrize("target", [None, "", "x" * 65, "帧", "a\nb"])
def test_a_name_that_is_no_frames_name_offers_no_storage(target: str | None) -> None:
    _, tool, going = begun(target)
    assert going.storage is None
    assert storage_to_ask(tool, {"state": going.state}, None) is None


def test_nobody_is_asked_when_the_cookie_binds_or_the_platform_sent_an_error() -> None:
    _, tool, going = begun()
    assert storage_to_ask(tool, {"state": going.state}, BROWSER) is None
    assert storage_to_ask(tool, {"error": "login_required"}, None) is None
    assert storage_to_ask(tool, {"state": going.state}, "browser-thief") is not None


@pytest.mark.parametrize(("state", "reason"), [(None, "state_missing"), ("made-up", "state_unknown")])
def test_a_state_that_is_not_ours_is_refused_before_anybody_is_asked(state: str | None, reason: str) -> None:
    _, tool, _ = begun()
    with pytest.raises(LaunchRefused) as refused:
        storage_to_ask(tool, {} if state is None else {"state": state}, None)
    assert refused.value.reason == reason


def launch(world: World, tool: LtiTool, going: LoginRedirect, stored: str | None) -> str:
    form = {"state": going.state, "id_token": world.lms.token(going.nonce)}
    try:
        return verify_launch(tool, form, None, stored=stored).claims.role.value
    except LaunchRefused as refusal:
        return refusal.reason


def test_the_stored_value_binds_once_and_only_its_own_login() -> None:
    world, tool, going = begun()
    other = start_login(tool, world.lms.login_params(lti_storage_target="frame"), BROWSER)
    assert going.storage is not None
    assert other.storage is not None
    assert launch(world, tool, going, other.storage.value) == "browser_mismatch"
    assert launch(world, tool, going, "") == "browser_mismatch"
    assert launch(world, tool, going, None) == "browser_mismatch"
    assert launch(world, tool, going, going.storage.value) == "learner"
    assert launch(world, tool, going, going.storage.value) == "state_unknown"


def test_a_login_that_was_offered_no_storage_is_not_bound_by_a_value() -> None:
    world, tool, going = begun(None)
    flow = tool.seal.open(going.state)
    assert flow is not None
    assert launch(world, tool, going, tool.seal.storage_value(flow)) == "browser_mismatch"
