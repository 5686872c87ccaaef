"""The same canaries with Redis as the queue: what the doors let in lies neither there nor in the sender's log."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bridge.privacy.needles import read_needles
from bridge.privacy.scan import search
from tests.attacks.doors.canaries import ADDRESS, EMAIL, PHONE, QQ, WECHAT
from tests.attacks.doors.server import BridgeServer, bridge_server
from tests.attacks.doors.test_canary import TAKEN, Tour

_PEOPLE = ("钟离", "44019919")
"""What the names and citizen ids of the list begin with."""


@pytest.fixture
def bridge(tmp_path: Path, redis_url: str) -> Iterator[BridgeServer]:
    """A bridge whose nudges go to a Redis that nobody reads, so that every message of the test stays there."""
    with bridge_server(tmp_path, "", redis_url) as server:
        yield server


def test_what_doors_let_in_lies_nowhere_in_redis(
    bridge: BridgeServer, redis_url: str, tmp_path: Path
) -> None:
    tour = Tour(bridge)
    for go in dict.fromkeys(TAKEN.values()):
        go(tour)
    bridge.house.sweep()
    bridge.drain()
    with Redis.from_url(redis_url) as client:
        sent = sum(client.llen(key) for key in client.scan_iter() if client.type(key) == b"list")
    assert sent > len(TAKEN)

    logs = tmp_path / "bridge.log"
    logs.write_text(bridge.log.getvalue(), encoding="utf-8")
    contact = read_needles([PHONE, QQ, EMAIL, WECHAT, ADDRESS])
    found = search(bridge.house, contact, [logs])
    assert (set(found.hits), found.not_searched) == (set(), {})
    assert found.bytes_in["queue"] > 0

    # Names, numbers and account names of people are not for a queue either; at rest they lie encrypted.
    found = search(bridge.house, read_needles(_PEOPLE), [logs])
    assert any(hit.place.startswith("database") for hit in found.hits)
    assert {hit.place for hit in found.hits if hit.place.startswith(("queue", str(logs)))} == set()

    # The search does look: what is put there is found.
    with Redis.from_url(redis_url) as client:
        client.rpush("celery", tour.said[-1].text)
    found = search(bridge.house, contact, [])
    assert {(hit.place, hit.row) for hit in found.hits} == {("queue: redis", "celery")}
