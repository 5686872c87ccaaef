"""What is known of a platform before it says anything: the registration, and where it is found."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

# Key type that each algorithm needs (RFC 7518 §3.1). Symmetric algorithms and "none" are absent on purpose.
KEY_TYPES = {"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "ES256": "EC"}

Origin = tuple[str, str, int]
_NEVER_IN_A_URL = re.compile(r"[\x00-\x20\\\x7f]")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback_host(host: str) -> bool:
    """Return whether `host` names this machine by itself (no look-up is made)."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def split_url(url: str) -> SplitResult:
    """Return the parts of an absolute http(s) URL; ValueError for others, user names and fragments."""
    if _NEVER_IN_A_URL.search(url):
        raise ValueError("a URL holds no space, control character or backslash")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None or "#" in url:
        raise ValueError("not an absolute http(s) URL")
    _ = parts.port  # raises ValueError when out of range
    return parts


@lru_cache(maxsize=512)  # the same few addresses in every launch
def origin_of(url: str) -> Origin:
    """Return (scheme, host, port) of an absolute http(s) URL; ValueError for any other (RFC 6454 §4)."""
    parts = split_url(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS[parts.scheme]


def may_be_called(url: str, *, demo: bool) -> bool:
    """Return whether `url` is https, or http on loopback for a demo registration."""
    try:
        scheme, host, _ = origin_of(url)
    except ValueError:
        return False
    return scheme == "https" or (demo and is_loopback_host(host))


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """Which addresses beyond the public internet the guarded client may call for a registration."""

    allow_private_hosts: frozenset[str] = frozenset()
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """One client of one platform, as an administrator registered it.

    Args:
        id: ours; stable even when the platform moves to another issuer.
        tenant: opaque; whose platform it is (the bridge: institution id).
        issuer, client_id: as the platform writes them in `iss` and `aud`, compared exactly.
        auth_login_url, auth_token_url, jwks_url: the platform's three addresses.
        deployment_ids: the approved ones.
        allow_private_hosts: host names in private networks that may be called for this registration.
        demo: may use http, and only on loopback; never set one in real use.
        algorithm: the only one accepted for this platform's signatures; a key of `KEY_TYPES`.
        anonymous_allowed: a launch without `sub` is accepted.
        token_audience: `aud` of client assertions where it is not the token URL.
        service_origins: further origins on which the platform offers its services.

    Raises:
        ValueError: an address is neither https nor (demo) loopback http, or the algorithm is not known.
    """

    id: str
    tenant: str
    issuer: str
    client_id: str
    auth_login_url: str
    auth_token_url: str
    jwks_url: str
    deployment_ids: frozenset[str] = frozenset()
    allow_private_hosts: frozenset[str] = frozenset()
    demo: bool = False
    algorithm: str = "RS256"
    anonymous_allowed: bool = False
    token_audience: str | None = None
    service_origins: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.algorithm not in KEY_TYPES:
            raise ValueError(f"algorithm must be one of {', '.join(KEY_TYPES)}")
        for name in ("auth_login_url", "auth_token_url", "jwks_url"):
            if not may_be_called(getattr(self, name), demo=self.demo):
                raise ValueError(f"{name} must be https (http only on loopback, for a demo registration)")
        if not self.issuer or not self.client_id:
            raise ValueError("issuer and client_id must not be empty")

    @property
    def network(self) -> NetworkPolicy:
        """What the guarded client may call for this registration."""
        return NetworkPolicy(self.allow_private_hosts, self.demo)

    def owns(self, url: str) -> bool:
        """Return whether `url` lies on an origin of this platform (so a token or a browser may go there)."""
        try:
            origin = origin_of(url)
        except ValueError:
            return False
        known = {self.auth_login_url, self.auth_token_url, self.jwks_url, *self.service_origins}
        return origin in {origin_of(each) for each in known} and may_be_called(url, demo=self.demo)


class RegistrationStore(Protocol):
    """Where registrations are kept."""

    def find(self, issuer: str, client_id: str | None) -> Registration:
        """Return the registration of `issuer` and `client_id`.

        Raises:
            LaunchRefused: issuer_unknown; client_id_unknown; client_id_ambiguous (None given, several exist).
        """
        ...

    def by_id(self, registration_id: str) -> Registration:
        """Return the registration; LaunchRefused("issuer_unknown") if it is gone."""
        ...
