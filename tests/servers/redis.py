"""An own Redis on a free port of loopback, emptied before each test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from bridge.setup.servers import PROGRAMS, require
from tests.servers.children import free_port, running

_REDIS = next(p for p in PROGRAMS if p.title == "Redis")


@contextmanager
def running_redis() -> Iterator[str]:
    """Run a Redis without persistence; yield its URL."""
    folder = Path(tempfile.mkdtemp(prefix="anxue-redis-"))
    port = free_port()

    def answers() -> bool:
        try:
            with Redis(host="127.0.0.1", port=port, socket_timeout=2) as client:
                return bool(client.ping())
        except RedisError:
            return False

    command = [str(require(_REDIS)), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
    try:
        with running(command, log=folder / "server.log", is_ready=answers):
            yield f"redis://127.0.0.1:{port}/0"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of one running Redis for the session (one for each xdist worker)."""
    with running_redis() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """URL of an empty Redis."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server
