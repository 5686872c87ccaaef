"""The one door to the network: https, public addresses, no redirects, small, quick.

The address is checked at the moment of connecting, on the very address that is connected to, so a name
that changes its answer between check and call (DNS rebinding) gains nothing.
"""

import json
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lti.errors import ServiceFailed
from lti.registration import NetworkPolicy, split_url

_NAT64 = IPv6Network("64:ff9b::/96")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
_SERVER_ERROR = 500
_PASSING = frozenset({408, 425, 429})


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one merely wraps, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if wrapped is None and address in _NAT64:
        wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped or address


def address_allowed(address: str, host: str, scheme: str, policy: NetworkPolicy) -> bool:
    """Return whether a connection to `address`, to which `host` resolved, may be made under `policy`."""
    try:
        ip = _innermost(ip_address(address.split("%", 1)[0]))
    except ValueError:
        return False
    if scheme != "https" and not (policy.demo and ip.is_loopback):
        return False
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or str(ip) == "255.255.255.255":
        return False  # not even for an allowed host: cloud metadata lives there
    if ip.is_loopback and policy.demo:
        return True
    return ip.is_global or host.lower() in policy.allow_private_hosts


class _Guard:
    """Connects for one call, and can cut that connection from another thread."""

    def __init__(self, scheme: str, policy: NetworkPolicy, connect_seconds: int) -> None:
        self._scheme, self._policy, self._connect_seconds = scheme, policy, connect_seconds
        self._twin: socket.socket | None = None
        self._over = threading.Event()

    def connect(self, host: str, port: int) -> socket.socket:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ServiceFailed("host_not_found") from error
        # One forbidden answer refuses all: a mixed answer is what an attack looks like.
        if not all(address_allowed(str(to[0]), host, self._scheme, self._policy) for *_, to in found):
            raise ServiceFailed("address_refused")
        failure: OSError | None = None
        for *_, to in found:
            if self.expired():
                break  # a name with many dead addresses must not buy more time than the whole call has
            try:
                sock = socket.create_connection((str(to[0]), port), timeout=self._connect_seconds)
            except OSError as error:
                failure = error
                continue
            self._twin = sock.dup()
            if self.expired():
                self.cut()
            return sock
        raise ServiceFailed("platform_slow" if self.expired() else "platform_unreachable") from failure

    def expired(self) -> bool:
        return self._over.is_set()

    def cut(self) -> None:
        self._over.set()
        if self._twin is not None:
            try:
                self._twin.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed by the other side already

    def close(self) -> None:
        if self._twin is not None:
            self._twin.close()


class _GuardedAdapter(HTTPAdapter):
    """Has requests connect through a `_Guard` only."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        guard = self._guard

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return guard.connect(self._dns_host, self.port)

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return guard.connect(self._dns_host, self.port)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}


def may_pass(status: int) -> bool:
    """Return whether an answer of `status` is worth another try later (RFC 9110 §15.5.9, §15.6; RFC 6585 §4)."""
    return status >= _SERVER_ERROR or status in _PASSING


@dataclass(frozen=True, slots=True)
class Reply:
    """What a platform answered.

    Args:
        body: bounded.
        headers: by lower-case name; one that came several times is joined with ", ".
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def json(self) -> Any:
        """Return the body as JSON; ServiceFailed("reply_not_json") otherwise."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ServiceFailed("reply_not_json") from error


def _what_failed(guard: _Guard, error: Exception) -> str:
    if guard.expired() or isinstance(error, requests.Timeout):
        return "platform_slow"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return "certificate_refused"
        seen = seen.__cause__ or seen.__context__
    return "platform_unreachable"


class GuardedHttp:
    """Calls platforms. One connection per call; proxies and credentials of the environment are not used.

    Args:
        connect_seconds, read_seconds: for connecting, and for each silence while reading.
        total_seconds: for the whole call, however slowly the bytes drip.
        max_bytes: of an answer's body.
        ca_bundle: a file of further trusted roots, for platforms with a private authority.
    """

    def __init__(
        self,
        *,
        connect_seconds: int = 3,
        read_seconds: int = 5,
        total_seconds: int = 8,
        max_bytes: int = 1 << 20,
        ca_bundle: str | None = None,
    ) -> None:
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._total_seconds, self._max_bytes = total_seconds, max_bytes
        self._ca_bundle = ca_bundle

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        """Return the JSON that `url` answers with 200.

        Raises:
            ServiceFailed: another answer, none, one too large or too slow, or an address that is not allowed.
        """
        reply = self.request("GET", url, policy, headers={"Accept": "application/json"})
        if reply.status != 200:
            raise ServiceFailed("platform_error" if may_pass(reply.status) else "request_refused")
        return reply.json()

    def request(
        self,
        method: str,
        url: str,
        policy: NetworkPolicy,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Reply:
        """Return what `url` answers, whatever the status but a redirect.

        Args:
            method: GET, POST, PUT or DELETE.

        Raises:
            ServiceFailed: no answer, one too large or too slow, a redirect, or an address that is not allowed.
            ValueError: another method (a fault of the caller).
        """
        if method not in _METHODS:
            raise ValueError("GET, POST, PUT or DELETE")
        try:
            scheme = split_url(url).scheme
        except ValueError as error:
            raise ServiceFailed("url_invalid") from error
        if scheme != "https" and not policy.demo:
            raise ServiceFailed("https_required")
        guard = _Guard(scheme, policy, self._connect_seconds)
        alarm = threading.Timer(self._total_seconds, guard.cut)
        alarm.daemon = True
        alarm.start()
        try:
            return self._exchange(guard, method, url, headers, body)
        except (requests.RequestException, OSError) as error:
            raise ServiceFailed(_what_failed(guard, error)) from error
        finally:
            alarm.cancel()
            guard.close()

    def _exchange(
        self, guard: _Guard, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", _GuardedAdapter(guard))
            session.mount("https://", _GuardedAdapter(guard))
            with session.request(
                method,
                url,
                headers={"Accept-Encoding": "identity", "User-Agent": "anxue-lti", **headers},
                data=body,
                stream=True,
                allow_redirects=False,
                timeout=(self._connect_seconds, self._read_seconds),
                verify=self._ca_bundle or True,
            ) as response:
                if 300 <= response.status_code < 400:
                    raise ServiceFailed("redirect_refused")
                received = bytearray()
                # Counted after decoding, so a compressed bomb is bounded as well.
                for chunk in response.iter_content(16384):
                    received += chunk
                    if len(received) > self._max_bytes:
                        raise ServiceFailed("reply_too_large")
                if guard.expired():
                    raise ServiceFailed("platform_slow")
                names = MappingProxyType({name.lower(): text for name, text in response.headers.items()})
                return Reply(response.status_code, bytes(received), names)
