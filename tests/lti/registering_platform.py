"""A simulator of a platform's dynamic registration, over real HTTP, which answers as Moodle 4.5 does, or oddly."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.wrappers import Request, Response

from lti.ags import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, RESULT_READ_SCOPE, SCORE_SCOPE
from lti.dynamic_registration import TOOL_CONFIGURATION, RegisteredTool, ToolProfile, register
from lti.http import GuardedHttp
from lti.nrps import MEMBERSHIP_SCOPE
from lti.platform_configuration import (
    PLATFORM_CONFIGURATION,
    PlatformConfiguration,
    RegistrationLink,
    fetch_configuration,
    read_configuration,
)
from lti.registration import NetworkPolicy
from tests.lti.served import served

DEMO = NetworkPolicy(demo=True)
PUBLIC = NetworkPolicy()
URL = "https://lms.example/.well-known/openid-configuration"
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


def read(url: str = URL, policy: NetworkPolicy = PUBLIC, **changes: Any) -> PlatformConfiguration:
    return read_configuration(configuration(**changes), url, policy)


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


@contextmanager
def registering_platform() -> Iterator[RegisteringPlatform]:
    """Serve a platform on loopback."""
    platform = RegisteringPlatform()
    with served(platform) as origin:
        platform.origin = origin
        yield platform
