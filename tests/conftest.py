"""What every test has: real servers on request, and no way out of this machine."""

import ipaddress
import sys
from collections.abc import Callable, Hashable
from typing import Any

from hypothesis import settings
from playwright.sync_api import expect
from werkzeug.routing import Rule

pytest_plugins = ["tests.servers.postgresql", "tests.servers.redis"]

# No test asserts how long something takes: a busy machine is no defect.
settings.register_profile("anxue", deadline=None)
settings.load_profile("anxue")
expect.set_options(timeout=20_000)


def _compile_builders_once() -> None:
    """Have applications with the same routes share what builds their URLs: to compile it is most of making one."""
    compile_builder = Rule._compile_builder
    compiled: dict[Hashable, Callable[..., tuple[str, str]]] = {}

    def shared(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults or rule.subdomain:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, rule.merge_slashes, append_unknown)
        return compiled.get(key) or compiled.setdefault(key, compile_builder(rule, append_unknown))

    Rule._compile_builder = shared  # type: ignore[method-assign, assignment]


_compile_builders_once()


class LeftTheMachineError(RuntimeError):
    """A test tried to reach another machine; give the code under test a server on loopback instead."""


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        # Binding to a wildcard and reading a literal address ask nobody.
        host = arguments[0]
        if not _is_loopback(host) and not _is_literal(host):
            raise LeftTheMachineError(f"name lookup of {host!r} in a test")
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise LeftTheMachineError(f"connection to {address[0]!r} in a test")


def _is_literal(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


# An audit hook sees every socket of this process, whichever library opens it, and cannot be patched away.
sys.addaudithook(_stay_here)
