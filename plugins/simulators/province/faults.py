"""What can go wrong at the other end, for rehearsals: each fault by itself or mixed, by chance, with a seed."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from plugins.simulators.province.archive import Received

FAULTS: Mapping[str, str] = {
    "slow": "很久才回答",
    "down": "停机(503 或断开连接)",
    "lossy": "丢失请求或回执",
    "duplicating": "同一请求收到两次",
    "reordering": "请求迟到,晚于后来的请求",
    "partial": "部分记录退回更正",
    "garbage": "返回无法识别的内容或别的批次的回执",
    "schema": "要求或使用另一个版本",
    "certificate": "出示错误的证书",
}
"""Name → what it is, in words for people."""
_LATE_SECONDS = (0.2, 1.5)


class Dropped(Exception):
    """The connection is to be broken without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    body: bytes
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


class Faults:
    """The faults in force.

    Args:
        names: of `FAULTS`.
        chance: with which each of them strikes a request (a record, for "partial"; a handshake, for "certificate").
        slow_seconds: how long a slow answer takes.
    """

    def __init__(
        self, names: frozenset[str], *, chance: float = 0.3, seed: int | None = None, slow_seconds: float = 20
    ) -> None:
        self.names = names
        self._chance = chance
        self._slow_seconds = slow_seconds
        self._dice = random.Random(seed)  # noqa: S311  # a rehearsal, not a secret
        self._lock = threading.Lock()
        self._last: Received | None = None
        self.struck: dict[str, int] = dict.fromkeys(sorted(names), 0)

    def strikes(self, name: str) -> bool:
        """Return whether the fault happens now, and count it."""
        if name not in self.names:
            return False
        with self._lock:
            hit = self._dice.random() < self._chance
            self.struck[name] += hit
        return hit

    def whim(self) -> bool:
        """Return whether a sound record is returned for correction."""
        return self.strikes("partial")

    def around(self, take_in: Callable[[], Received]) -> Answer:
        """Take a request in as this world would have it; what `take_in` raises comes through.

        Raises:
            Dropped: there is no answer.
        """
        if self.strikes("down"):
            return self._down()
        if self.strikes("schema") and self._even():
            return Answer(b'{"reason":"schema_version_not_supported","supported":["9.0"]}', 415)
        if self.strikes("reordering"):
            late = threading.Timer(self._dice.uniform(*_LATE_SECONDS), _quietly, [take_in])
            late.daemon = True
            late.start()
            raise Dropped
        lost = self.strikes("lossy")
        if lost and self._even():
            raise Dropped
        if self.strikes("duplicating"):
            twin = threading.Thread(target=_quietly, args=[take_in])
            twin.start()
            received = take_in()
            twin.join()
        else:
            received = take_in()
        if self.strikes("slow"):
            time.sleep(self._slow_seconds)
        if lost:
            raise Dropped
        if self.strikes("garbage"):
            return self._garbage(received)
        if self.strikes("schema"):
            return Answer(received.receipt.replace(b"receipt:2.0", b"receipt:9.0"), received.http_status)
        self._last = received
        return Answer(received.receipt, received.http_status)

    def _down(self) -> Answer:
        if self._even():
            raise Dropped
        return Answer("系统维护中".encode(), 503, {"Retry-After": "1"})

    def _garbage(self, received: Received) -> Answer:
        other = self._last.receipt if self._last is not None else b""
        choices = (
            b"<html><body>404 Not Found</body></html>",
            received.receipt[: len(received.receipt) // 2],
            b"",
            b"\x00\xff\xfe garbage",
            other,
            received.receipt.replace(b'result="accepted"', b'result="perhaps"'),
        )
        with self._lock:
            return Answer(self._dice.choice(choices), 200)

    def _even(self) -> bool:
        with self._lock:
            return self._dice.random() < 0.5


def _quietly(take_in: Callable[[], Received]) -> None:
    """Take a copy of a request in that nobody waits for."""
    with suppress(Exception):  # whatever it is, the copy that somebody waits for tells it
        take_in()


NO_FAULTS = Faults(frozenset())
