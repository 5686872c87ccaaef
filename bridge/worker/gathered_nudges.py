"""Nudges to the judges, gathered: a class that is checked at once needs a few messages, not one for each frame.

A judge that is told of any frame judges all that wait. Who asks here has committed, so a message that is sent later
tells of their frame too; and it is sent on a thread of its own, so that nobody's answer waits for the broker.
"""

import threading
from collections.abc import Callable, Collection, Sequence

from bridge.db.outbox import WantedJob


class GatheredNudges:
    """Hands on nudges: those of some kinds gathered, all others as they come.

    Args:
        send: sends a message for each job that it is given.
        kinds: of the jobs that are gathered.
        at_once: how many messages are enough: as many as there are processes that do such jobs.
    """

    def __init__(
        self, send: Callable[[Sequence[WantedJob]], None], kinds: Collection[str], at_once: int
    ) -> None:
        self._send = send
        self._kinds = frozenset(kinds)
        self._at_once = at_once
        self._turn = threading.Lock()
        self._waiting: list[WantedJob] = []
        self._sender: threading.Thread | None = None

    def __call__(self, jobs: Sequence[WantedJob]) -> None:
        """Have somebody told of the jobs, soon."""
        others = [one for one in jobs if one.kind not in self._kinds]
        if others:
            self._send(others)
        gathered = [one for one in jobs if one.kind in self._kinds]
        if not gathered:
            return
        with self._turn:
            self._waiting += gathered
            if self._sender is None:
                # Losing what a process that ends did not send loses nothing: the sweep nudges again.
                self._sender = threading.Thread(target=self._hand_on, name="nudges", daemon=True)
                self._sender.start()

    def settle(self) -> None:
        """Return once all that was asked for until now has been sent."""
        while (sender := self._sender) is not None:
            sender.join()

    def _hand_on(self) -> None:
        while True:
            with self._turn:
                told, self._waiting = self._waiting, []
                if not told:
                    self._sender = None
                    return
            self._send(told[: self._at_once])
