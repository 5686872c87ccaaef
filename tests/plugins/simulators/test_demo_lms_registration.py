"""Dynamic registration at the demo LMS: by the bridge's own library, and each wrong request refused."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from lti.dynamic_registration import ToolProfile, client_metadata, register
from lti.errors import ServiceFailed
from lti.http import GuardedHttp
from lti.platform_configuration import PlatformConfiguration, RegistrationLink, fetch_configuration
from lti.registration import NetworkPolicy
from tests.plugins.simulators.demo_lms_server import BRIDGE, DemoLmsServer, server

__all__ = ["server"]

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
DEMO = NetworkPolicy(demo=True)


def profile(server: DemoLmsServer) -> ToolProfile:
    tool = server.desk.lms.tool
    return ToolProfile(
        "安学桥", "在场与学时", tool.login_url, tool.redirect_uris[0], tool.jwks_url, tool.target_link_uri
    )


def link(server: DemoLmsServer) -> RegistrationLink:
    """Return what the platform appends to the tool's address."""
    reply = requests.post(
        f"{server.url}/simulator/registrations",
        json={"url": f"{BRIDGE}/lti/register?invitation=i"},
        timeout=5,
        allow_redirects=False,
    )
    assert reply.status_code == 303, reply.text
    place = urlsplit(reply.headers["Location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"{BRIDGE}/lti/register"
    added = {name: values[0] for name, values in parse_qs(place.query).items()}
    assert added["invitation"] == "i"
    return RegistrationLink(added["openid_configuration"], added["registration_token"])


def configuration(server: DemoLmsServer) -> PlatformConfiguration:
    return fetch_configuration(GuardedHttp(), link(server), DEMO)


def test_the_bridges_library_registers_itself_once(server: DemoLmsServer) -> None:
    given = link(server)
    platform = fetch_configuration(GuardedHttp(), given, DEMO)

    tool = register(GuardedHttp(), given, platform, profile(server), DEMO)

    assert (tool.client_id, tool.deployment_id, tool.warnings) == ("anxue-demo", "1", ())
    known = tool.registration("reg", "org", DEMO)
    assert known.jwks_url == f"{server.url}/lti/jwks"
    assert known.auth_login_url == f"{server.url}/lti/auth"
    with pytest.raises(ServiceFailed, match="registration_refused"):
        register(GuardedHttp(), given, platform, profile(server), DEMO)


def test_a_registration_that_is_wrong_in_one_thing_is_refused(server: DemoLmsServer) -> None:
    right = client_metadata(profile(server), configuration(server))
    own = right[TOOL]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"redirect_uris": ["https://evil.example/lti/launch"]}, "redirect_uris"),
        ({"initiate_login_uri": "https://evil.example/lti/login"}, "initiate_login_uri"),
        ({"jwks_uri": "https://evil.example/lti/jwks"}, "jwks_uri"),
        ({"application_type": "native"}, "application_type"),
        ({"response_types": ["code"]}, "response_types"),
        ({"grant_types": ["implicit", []]}, "grant_types"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
        ({"client_name": ""}, "client_name"),
        ({"scope": []}, "scope"),
        ({TOOL: None}, "lti-tool-configuration"),
        ({TOOL: {**own, "domain": "evil.example"}}, "domain"),
        ({TOOL: {**own, "target_link_uri": "https://evil.example/"}}, "target_link_uri"),
        ({TOOL: {**own, "messages": []}}, "messages"),
        ({TOOL: {**own, "messages": [{"type": "LtiEulaRequest"}]}}, "messages"),
        ({TOOL: {**own, "claims": ["https://evil.example/secret"]}}, "claims"),
    ]
    for changed, what in wrong:
        headers = {"Authorization": f"Bearer {link(server).registration_token}"}
        reply = requests.post(
            f"{server.url}/lti/registration", json={**right, **changed}, headers=headers, timeout=5
        )
        assert (reply.status_code, reply.json()["error_description"]) == (400, what), changed


def test_without_a_token_of_this_platform_nobody_registers(server: DemoLmsServer) -> None:
    right = client_metadata(profile(server), configuration(server))

    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic x"}):
        reply = requests.post(f"{server.url}/lti/registration", json=right, headers=headers, timeout=5)
        assert reply.status_code == 401


@pytest.mark.parametrize("url", ["https://evil.example/lti/register", "", "javascript:alert(1)"])
def test_the_token_goes_to_the_tool_alone(server: DemoLmsServer, url: str) -> None:
    reply = requests.post(
        f"{server.url}/simulator/registrations", json={"url": url}, timeout=5, allow_redirects=False
    )

    assert (reply.status_code, reply.json()["reason"]) == (400, "registration_url_foreign")
