"""The tool under attack, by its core or over real HTTP, behind one interface."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from lti.errors import LaunchRefused
from lti.keys import KeySource, ToolKey, ToolKeyRing
from lti.launch import Launch, verify_launch
from lti.oidc import start_login
from lti.registration import NetworkPolicy, Registration
from lti.registration_memory import MemoryRegistrations
from lti.state import MemoryUsedStates, StateSeal
from lti.tool import LtiTool
from tests.lti.platform import Platform, StandingClock, rsa_key

TOOL_URL = "https://tool.example"


@dataclass(frozen=True)
class Going:
    """What a login sent to the platform: the secrets, or why it was refused."""

    state: str
    nonce: str
    refusal: str = ""


@dataclass
class World:
    """Three platforms and what is registered of them.

    `lms` has the registrations client-1 and client-2; `other` is another issuer; `open_lms` allows
    launches without sub.
    """

    clock: StandingClock
    lms: Platform
    other: Platform
    open_lms: Platform

    @classmethod
    def new(cls, tool_url: str = TOOL_URL, issuers: tuple[str, str, str] | None = None) -> "World":
        clock = StandingClock()
        first, second, third = issuers or (
            "https://lms.example",
            "https://other.example",
            "https://open.example",
        )
        return cls(
            clock,
            Platform(first, "client-1", clock, tool_url),
            Platform(second, "client-9", clock, tool_url),
            Platform(third, "client-open", clock, tool_url),
        )

    def registrations(self, **changes: Any) -> list[Registration]:
        changes = {"demo": self.lms.issuer.startswith("http:"), **changes}
        return [
            self.lms.registration(**changes),
            self.lms.registration(id="registration-client-2", client_id="client-2", **changes),
            self.other.registration(**changes),
            self.open_lms.registration(anonymous_allowed=True, **changes),
        ]

    def platforms(self) -> list[Platform]:
        return [self.lms, self.other, self.open_lms]

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        (platform,) = [each for each in self.platforms() if url.startswith(each.issuer + "/")]
        return platform.get_json(url, policy)


@cache  # reading a private key takes longer than all the rest of a launch
def tool_keys() -> ToolKeyRing:
    key = rsa_key("tool")
    return ToolKeyRing([ToolKey("tool-1", key.as_pem(private=True))])


def tool_of(world: World, **changes: Any) -> LtiTool:
    known: dict[str, Any] = {
        "public_url": TOOL_URL,
        "registrations": MemoryRegistrations(world.registrations()),
        "seal": StateSeal(b"made up for these tests".ljust(32)),
        "used_states": MemoryUsedStates(),
        "platform_keys": KeySource(world, world.clock),
        "tool_keys": tool_keys(),
        "clock": world.clock,
    }
    return LtiTool(**{**known, **changes})


class Door(Protocol):
    """What a row may do. A launch answers "accepted <role>" or the reason of its refusal."""

    world: World

    def login(self, platform: Platform | None = None, browser: str = "a", **changes: Any) -> Going: ...

    def launch(self, state: str | None, id_token: str | None, browser: str = "a", **form: str) -> str: ...


def going_of(url: str) -> Going:
    query = parse_qs(urlsplit(url).query, strict_parsing=True)
    return Going(query["state"][0], query["nonce"][0])


class CoreDoor:
    """The core, without HTTP."""

    def __init__(self, world: World | None = None, **changes: Any) -> None:
        self.world = world or World.new()
        self.tool = tool_of(self.world, **changes)
        self.launched: Launch | None = None

    def login(self, platform: Platform | None = None, browser: str = "a", **changes: Any) -> Going:
        params = (platform or self.world.lms).login_params(**changes)
        try:
            return going_of(start_login(self.tool, params, f"browser-{browser}").url)
        except LaunchRefused as refusal:
            return Going("", "", refusal.reason)

    def launch(self, state: str | None, id_token: str | None, browser: str = "a", **form: str) -> str:
        given = {"state": state, "id_token": id_token, **form}
        sent = {name: value for name, value in given.items() if value is not None}
        try:
            self.launched = verify_launch(self.tool, sent, f"browser-{browser}" if browser else None)
        except LaunchRefused as refusal:
            return refusal.reason
        return f"accepted {self.launched.claims.role.value}"
