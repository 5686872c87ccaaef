"""What a process remembers of people for a moment, so that the same is not worked out at every turn."""

import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

KEPT_SECONDS = 60.0
"""Practice: so long at most a process that does not hear of a key's destruction keeps what was read with it."""


class ShortMemory(Generic[K, V]):
    """Remembers values for a while; afterwards they are let go whether somebody asks or not.

    The values themselves are Python objects: letting go of one leaves its bytes to be written over by others.

    Args:
        most: how many at once; the oldest makes room.
        seconds: for how long.
    """

    def __init__(self, most: int, seconds: float = KEPT_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._turn = threading.Lock()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        with self._turn:
            return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return what is remembered; None for nothing."""
        with self._turn:
            found = self._kept.get(key)
            return None if found is None or found[0] <= time.monotonic() else found[1]

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        with self._turn:
            self._kept.pop(key, None)
            self._kept[key] = time.monotonic() + self._seconds, value
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            self._wake(self._seconds)

    def clear(self) -> None:
        """Let go of everything."""
        with self._turn:
            self._kept.clear()

    def _wake(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._let_go)
            # A process that ends needs nobody to forget for it.
            self._timer.daemon = True
            self._timer.start()

    def _let_go(self) -> None:
        with self._turn:
            self._timer = None
            now = time.monotonic()
            # All are kept for equally long, so the first is the oldest.
            while self._kept and next(iter(self._kept.values()))[0] <= now:
                self._kept.popitem(last=False)
            if self._kept:
                self._wake(next(iter(self._kept.values()))[0] - now)
