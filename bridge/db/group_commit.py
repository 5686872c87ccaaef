"""Many units of work in one durable commit.

A commit that survives a power cut waits for the disk, whatever it holds. So units of work that come while another
is on its way wait together, and one of their threads carries all of them: each between savepoints of its own, as if
it were alone, then one commit; and nobody is answered before it. Who comes alone waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker

from bridge.db.prepared import on_driver

T = TypeVar("T")

GROUP = 64
"""How many units of work share a commit at most, so that other writers get their turn."""
_NEXT = ["RELEASE SAVEPOINT one_of_group", "SAVEPOINT one_of_group"]


class _Waiting(Generic[T]):
    """One unit of work that waits; its thread sleeps on `_woken` until it is done, or leads the next group."""

    __slots__ = ("_woken", "done", "error", "info", "result", "work")

    def __init__(self, info: dict[str, Any], work: Callable[[Session], T]) -> None:
        self.info = info
        self.work = work
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None
        self._woken = threading.Lock()
        self._woken.acquire()

    def fail(self, error: BaseException) -> None:
        """Note why it failed; what was noted first is the cause."""
        if self.error is None:
            self.error = error

    def sleep(self) -> None:
        self._woken.acquire()

    def wake(self) -> None:
        self._woken.release()


class GroupCommit:
    """Carries units of work of one engine.

    Args:
        turn: held by whoever writes; this process's other writers wait there.
    """

    def __init__(self, engine: Engine, turn: AbstractContextManager[Any]) -> None:
        self._engine = engine
        self._turn = turn
        self._sessions = sessionmaker(expire_on_commit=False, join_transaction_mode="rollback_only")
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting[Any]] = deque()
        self._led = False

    def run(self, info: dict[str, Any], work: Callable[[Session], T]) -> T:
        """Do `work` in a unit of work and return its result once that is durable; raise what it raises.

        Not from within an open unit of work: the thread that leads may be waiting for that one's turn.
        """
        mine = _Waiting(info, work)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._led
            self._led = True
        if not leads:
            mine.sleep()
        if not mine.done:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return mine.result  # type: ignore[return-value]  # done without an error

    def _lead(self) -> None:
        """Carry a group, the caller's own among it, then have the next who waits lead."""
        group: list[_Waiting[Any]] = []
        try:
            self._commit(group)
        except Exception as error:  # noqa: BLE001  # nothing of the group is durable: each of them must hear so
            if not group:
                # Without a connection nobody was taken along; the leader stands first in the queue.
                with self._lock:
                    group.append(self._waiting.popleft())
                group[0].error = error
            elif len(group) == 1:
                group[0].fail(error)
            else:
                # What one of them did to the database's connection must not cost the others their answer.
                for one in group:
                    self._alone(one)
        except BaseException as ended:
            # The thread itself is told to end: what it carried is not durable, and nobody may believe that it is.
            for one in group:
                one.fail(ended)
            raise
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._led = successor is not None
            for one in group:
                one.done = True
            for one in group[1:]:
                one.wake()
            if successor is not None:
                successor.wake()

    def _commit(self, group: list[_Waiting[Any]]) -> None:
        """Take along who waits when it is our turn, into `group`, and commit what they do."""
        with self._turn, self._engine.connect() as connection, connection.begin():
            with self._lock:
                while self._waiting and len(group) < GROUP:
                    group.append(self._waiting.popleft())
            self._carry(connection, group)

    def _alone(self, one: _Waiting[Any]) -> None:
        one.error = None
        try:
            with self._turn, self._engine.connect() as connection, connection.begin():
                self._carry(connection, [one])
        except Exception as error:  # noqa: BLE001  # heard from `run`
            one.fail(error)

    def _carry(self, connection: Connection, group: Sequence[_Waiting[Any]]) -> None:
        sessions: dict[str, Session] = {}
        for number, one in enumerate(group):
            key = repr(one.info)
            session = sessions.get(key)
            if session is None:
                session = sessions[key] = self._sessions(bind=connection, info=dict(one.info))
            if len(group) == 1:
                # Its failure is the transaction's: a savepoint would only have each page that it changes copied.
                one.result = one.work(session)
                session.flush()
                return
            self._save_point(connection, first=number == 0)
            try:
                one.result = one.work(session)
                session.flush()
            except Exception as error:  # noqa: BLE001  # it is the caller's, who hears it from `run`
                one.error = error
                # After a failed flush the session has rolled back all that there was: then the group has failed.
                on_driver(connection, "ROLLBACK TO SAVEPOINT one_of_group")
            # The next begins with a session that remembers nothing.
            session.expunge_all()

    @staticmethod
    def _save_point(connection: Connection, *, first: bool) -> None:
        """Begin what one of the group does, and let go of the savepoint of the one before; the commit ends the last."""
        steps = ["SAVEPOINT one_of_group"] if first else _NEXT
        for step in steps if connection.dialect.name == "sqlite" else ["; ".join(steps)]:
            on_driver(connection, step)
