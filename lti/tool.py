"""The tool: everything that login and launch need, built once and injected."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from lti.clock import Clock
from lti.errors import LaunchRefused
from lti.jose import FindsKey
from lti.keys import ToolKey
from lti.registration import Registration, RegistrationStore, is_loopback_host, origin_of
from lti.state import FLOW_SECONDS, StateSeal, UsedStates


def new_secret() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


class HoldsToolKeys(Protocol):
    """The tool's keys at this moment: `lti.keys.ToolKeyRing`, or what an application reads anew as they rotate."""

    def signing(self) -> ToolKey:
        """Return the key that signs now."""
        ...

    def jwks(self) -> dict[str, Any]:
        """Return the JWKS document (RFC 7517 §5) to publish now."""
        ...


@dataclass(frozen=True, slots=True)
class LtiTool:
    """An LTI 1.3 tool at one address.

    Args:
        public_url: the origin that browsers see, e.g. "https://bridge.example" (http on loopback alone).
        registrations, platform_keys: where platforms and their public keys are found.
        seal: signs the one-time state; the same key in all processes.
        used_states: remembers, durably, which states were used.
        tool_keys: the tool's own keys; signs client assertions, published at /lti/jwks.
        clock: real time.
        leeway_seconds: by how much the platform's clock may be off.
        max_age_seconds: oldest `iat` of an id_token.
        flow_seconds: how long a login waits for its launch.
        secret: makes browser ids.

    Raises:
        ValueError: public_url has a path, or is http elsewhere than on loopback.
    """

    BASE_PATH: ClassVar[str] = "/lti"
    BROWSER_PATH: ClassVar[str] = "/lti/browser"
    LOGIN_PATH: ClassVar[str] = "/lti/login"
    LAUNCH_PATH: ClassVar[str] = "/lti/launch"
    JWKS_PATH: ClassVar[str] = "/lti/jwks"

    public_url: str
    registrations: RegistrationStore
    seal: StateSeal
    used_states: UsedStates
    platform_keys: FindsKey
    tool_keys: HoldsToolKeys
    clock: Clock
    leeway_seconds: int = 60
    max_age_seconds: int = 600
    flow_seconds: int = FLOW_SECONDS
    secret: Callable[[], str] = new_secret

    def __post_init__(self) -> None:
        scheme, host, _ = origin_of(self.public_url)
        if scheme != "https" and not is_loopback_host(host):
            raise ValueError("public_url must be https (http only on loopback)")
        if self.public_url.rstrip("/").count("/") != 2:
            raise ValueError("public_url is an origin, without a path")

    @property
    def secure(self) -> bool:
        """Whether browsers reach the tool over https."""
        return self.public_url.startswith("https:")

    @property
    def launch_url(self) -> str:
        """The redirect_uri to register with platforms."""
        return self.public_url.rstrip("/") + self.LAUNCH_PATH

    def require_transport(self, registration: Registration) -> None:
        """Refuse a registration of real use on a tool without https (LaunchRefused "insecure_transport")."""
        if not self.secure and not registration.demo:
            raise LaunchRefused("insecure_transport")
