"""Registrations: https but for demos on loopback (C1); which addresses are the platform's own (C4, C5)."""

from dataclasses import replace

import pytest

from lti.claims import LAUNCH_PRESENTATION
from lti.errors import DeploymentUnknown, LaunchRefused
from lti.launch import verify_launch
from lti.oidc import start_login
from lti.registration import origin_of
from lti.registration_memory import MemoryRegistrations
from tests.lti.doors import CoreDoor, World, going_of, tool_of
from tests.lti.platform import Platform, StandingClock

PLATFORM = Platform("https://lms.example", "client-1", StandingClock(), "https://tool.example")
LOOPBACK = {
    "auth_login_url": "http://127.0.0.1:8001/auth",
    "auth_token_url": "http://localhost:8001/token",
    "jwks_url": "http://[::1]:8001/jwks",
}


@pytest.mark.parametrize("name", list(LOOPBACK))
@pytest.mark.parametrize(
    "url", ["http://lms.example/x", "ftp://lms.example/x", "//lms.example", "javascript:x", "https://a@b/"]
)
def test_an_address_without_https_is_refused(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=name):
        PLATFORM.registration(**{name: url})


def test_a_demo_may_use_http_on_loopback_alone() -> None:
    assert PLATFORM.registration(demo=True, **LOOPBACK).demo
    with pytest.raises(ValueError, match="https"):
        PLATFORM.registration(demo=False, **LOOPBACK)
    with pytest.raises(ValueError, match="https"):
        PLATFORM.registration(demo=True, jwks_url="http://10.0.0.1/jwks")


@pytest.mark.parametrize("name", ["issuer", "client_id"])
def test_an_issuer_and_a_client_have_names(name: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        PLATFORM.registration(**{name: ""})


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS1", ""])
def test_an_algorithm_without_a_public_key_cannot_be_registered(algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        PLATFORM.registration(algorithm=algorithm)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://lms.example/grades/1", True),
        ("https://LMS.example:443/grades/1", True),
        ("https://scores.example/1", True),
        ("http://lms.example/grades/1", False),
        ("https://lms.example:8443/", False),
        ("https://lms.example.evil.example/", False),
        ("https://lms.example@evil.example/", False),
        ("https://evil.example/#https://lms.example/", False),
        ("https://evil.example\\.lms.example/", False),
        ("javascript:alert(1)", False),
        ("/relative", False),
        ("https://lms.example:99999/", False),
        ("https://lms.example /", False),
        ("https://lms.exa\tmple/", False),
        ("https://lms.example/\\evil", False),
        ("https://lms.example/#fragment", False),
        ("https:///path", False),
    ],
)
def test_only_addresses_on_registered_origins_are_the_platforms_own(url: str, own: bool) -> None:
    assert PLATFORM.registration(service_origins=frozenset({"https://scores.example"})).owns(url) is own


def test_a_return_address_is_followed_only_on_the_platform() -> None:
    door = CoreDoor()
    for url, followed in (
        ("https://lms.example/course/1", True),
        ("https://evil.example/", False),
        ("javascript:x", False),
    ):
        going = door.login()
        token = door.world.lms.token(going.nonce, **{LAUNCH_PRESENTATION: {"return_url": url}})
        assert door.launch(going.state, token) == "accepted learner"
        assert door.launched is not None
        assert door.launched.return_url == (url if followed else None)


def test_a_tool_over_http_serves_demos_alone() -> None:
    world = World.new("http://127.0.0.1:5000")
    door = CoreDoor(world, public_url="http://127.0.0.1:5000")
    assert door.login().refusal == "insecure_transport"
    demo = MemoryRegistrations(world.registrations(demo=True))
    door = CoreDoor(world, public_url="http://127.0.0.1:5000", registrations=demo)
    assert door.login().refusal == ""


@pytest.mark.parametrize("url", ["http://tool.example", "https://tool.example/path", "tool.example"])
def test_a_tool_needs_an_https_origin(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # three ways to be wrong, three sentences
        tool_of(World.new(), public_url=url)


def test_an_unknown_deployment_can_be_listed_for_approval() -> None:
    world = World.new()
    tool = tool_of(world)
    world.lms.deployment_id = "deployment-new"
    going = going_of(start_login(tool, world.lms.login_params(), "b").url)
    with pytest.raises(DeploymentUnknown) as unknown:
        verify_launch(tool, {"state": going.state, "id_token": world.lms.token(going.nonce)}, "b")
    assert (unknown.value.registration_id, unknown.value.deployment_id) == (
        "registration-client-1",
        "deployment-new",
    )


def test_default_ports_are_the_same_origin() -> None:
    assert origin_of("https://a.example/x") == origin_of("https://A.example:443")


def test_a_registration_withdrawn_during_a_login_ends_that_login() -> None:
    world = World.new()
    tool = tool_of(world)
    going = going_of(start_login(tool, world.lms.login_params(), "b").url)
    without = replace(tool, registrations=MemoryRegistrations([]))
    with pytest.raises(LaunchRefused, match="issuer_unknown"):
        verify_launch(without, {"state": going.state, "id_token": world.lms.token(going.nonce)}, "b")
