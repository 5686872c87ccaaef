"""The one door to the network: https, public addresses, no redirects, small, quick, JSON.

The address is checked at the moment of connecting, on the very address that is connected to, so a name
that changes its answer between check and call (DNS rebinding) gains nothing.
"""

import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lti.errors import ServiceFailed
from lti.registration import NetworkPolicy, split_url

_NAT64 = IPv6Network("64:ff9b::/96")


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
        self.expired = False

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
            try:
                sock = socket.create_connection((str(to[0]), port), timeout=self._connect_seconds)
            except OSError as error:
                failure = error
                continue
            self._twin = sock.dup()
            if self.expired:
                self.cut()
            return sock
        raise ServiceFailed("platform_unreachable") from failure

    def cut(self) -> None:
        self.expired = True
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


@dataclass(frozen=True, slots=True)
class Reply:
    """What a platform answered: status, and the body as bytes (bounded)."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; ServiceFailed("reply_not_json") otherwise."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ServiceFailed("reply_not_json") from error


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
        reply = self._call("GET", url, policy, {"Accept": "application/json"}, None)
        if reply.status != 200:
            raise ServiceFailed("platform_error" if reply.status >= 500 else "request_refused")
        return reply.json()

    def post(self, url: str, policy: NetworkPolicy, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return what `url` answers to `body`, whatever the status; ServiceFailed as `get_json` says."""
        return self._call("POST", url, policy, headers, body)

    def _call(
        self, method: str, url: str, policy: NetworkPolicy, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
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
            slow = guard.expired or isinstance(error, requests.Timeout)
            raise ServiceFailed("platform_slow" if slow else "platform_unreachable") from error
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
                if guard.expired:
                    raise ServiceFailed("platform_slow")
                return Reply(response.status_code, bytes(received))
