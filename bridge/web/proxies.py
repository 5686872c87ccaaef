"""Whose address a request has that came through proxies: the proxies' own word, and nobody else's."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)


class TrustedProxies:
    """WSGI middleware: sets REMOTE_ADDR to the visitor's, and takes away every header that says where from.

    Not werkzeug's ProxyFix, which believes whoever connects, and counts hops: a proxy of a chain that is passed by
    would let the visitor write the address.

    Args:
        trusted: where proxies of ours connect from; empty: nobody's word is taken.
    """

    def __init__(self, app: Any, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = visitor(environ.get("REMOTE_ADDR", ""), said, self._trusted)
        for name in _FORWARDED:
            environ.pop(name, None)
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer


def visitor(peer: str, said: str, trusted: Sequence[Network]) -> str:
    """Return the address that a request is counted under.

    Each proxy adds at the end whom it was called by. So the list is read from there: as long as the last speaker is
    trusted, its word is taken; the first address that is no proxy of ours is the visitor. What stands before it
    anybody may have written. At a word that is no address, the one who passed it on is counted instead.

    Args:
        peer: who opened the connection.
        said: X-Forwarded-For, "" if there is none.
    """
    speaker = _address(peer)
    if speaker is None:
        return peer
    for word in reversed(said.split(",") if said else ()):
        if not _within(speaker, trusted):
            break
        heard = _address(word.strip())
        if heard is None:
            break
        speaker = heard
    return str(speaker)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that takes both families shows IPv4 peers so.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
