"""An HTTP transport whose requests end after so many seconds altogether, wherever the other side makes them hang.

A time-out of `requests` is for each read: an answer that comes drop by drop, in its headers or its body, would hold the
carrier for hours, past the lease of its job, and another carrier would send the same batch beside it.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolManager


class _Current(threading.local):
    watch: "Watch | None" = None


_current = _Current()


class Watch:
    """One request under way, and the connections that it has used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self.ran_out = False

    def see(self, used: socket.socket) -> None:
        """Keep a hold of the request's line; it is ended at once if the time has run out already.

        It is a hold of its own: TLS takes the socket away from the object that opened it, and says goodbye when its
        own is shut, while another thread reads from it.
        """
        with self._lock:
            self._lines.append(socket.socket(fileno=os.dup(used.fileno())))
        if self.ran_out:
            self.end()

    def end(self) -> None:
        """End the request: whoever reads or writes on its lines is told that they are closed."""
        with self._lock:
            self.ran_out = True
            for line in self._lines:
                with suppress(OSError):  # closed by the other side
                    line.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Give up the holds; the lines stay as they are."""
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()


@contextmanager
def ended_after(seconds: float) -> Iterator[Watch]:
    """End every request that this thread makes within the block through a `WatchedAdapter`, so many seconds on."""
    watch = Watch()
    timer = threading.Timer(seconds, watch.end)
    timer.daemon = True
    timer.start()
    _current.watch = watch
    try:
        yield watch
    finally:
        _current.watch = None
        timer.cancel()
        watch.let_go()


def _tell(used: socket.socket | None) -> None:
    if _current.watch is not None and used is not None:
        _current.watch.see(used)


class _HttpConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _tell(made)
        return made

    def request(self, *said: Any, **named: Any) -> None:
        _tell(self.sock)  # of a connection that was open before
        super().request(*said, **named)


class _HttpsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _tell(made)  # a handshake may hang too
        return made

    def request(self, *said: Any, **named: Any) -> None:
        _tell(self.sock)
        super().request(*said, **named)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class WatchedAdapter(HTTPAdapter):
    """The adapter of `requests` whose connections `ended_after` can end."""

    _POOLS: ClassVar = {"http": _HttpPool, "https": _HttpsPool}

    def init_poolmanager(self, *said: Any, **named: Any) -> None:
        """Make the pools of watched connections."""
        super().init_poolmanager(*said, **named)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = dict(self._POOLS)
