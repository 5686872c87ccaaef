"""One unit of work for one message: rows, events and job rows commit together or not at all.

A unit of work is opened for one institution, and then sees and writes that institution's rows only, or
across institutions with a stated purpose (supervision, sweeping, signing in).
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from bridge.db.base import TenantRow
from bridge.db.engine import READ_ONLY
from bridge.db.group_commit import GroupCommit
from bridge.db.outbox import WantedJob, store_event, want
from bridge.kernel.events import Event
from bridge.kernel.ids import EventId, InstitutionId, new_id
from bridge.kernel.time import Clock

T = TypeVar("T")

EVENT_JOB = "event"
"""Kind of the job that carries one event through `bridge.flow`; its key is the event's id."""


class Tx:
    """An open unit of work."""

    def __init__(self, session: Session, clock: Clock, institution_id: InstitutionId | None) -> None:
        self.session = session
        self.clock = clock
        self._institution_id = institution_id
        self.wanted_jobs: list[WantedJob] = []
        self.after_commit: list[Callable[[], None]] = []
        """Called in order once the rows are durable; for what is only a hint (nudges, the demonstration's pace)."""

    @property
    def institution_id(self) -> InstitutionId:
        """The tenant; RuntimeError in a unit of work that spans institutions."""
        if self._institution_id is None:
            raise RuntimeError("this unit of work spans institutions")
        return self._institution_id

    def emit(
        self,
        type: str,
        subject: str,
        *,
        occurred_at: datetime,
        idempotency_key: str,
        data: Mapping[str, Any] | None = None,
        causation_id: str | None = None,
        schema_version: int = 1,
    ) -> EventId | None:
        """Store an event and the job that carries it on; None if its idempotency key is known."""
        now = self.clock.now()
        event = Event(
            id=EventId(new_id("ev")),
            type=type,
            schema_version=schema_version,
            institution_id=self.institution_id,
            subject=subject,
            occurred_at=occurred_at,
            received_at=now,
            idempotency_key=idempotency_key,
            causation_id=causation_id,
            data=dict(data or {}),
        )
        if not store_event(self.session, event):
            return None
        self.want(EVENT_JOB, event.id)
        return event.id

    def want(self, kind: str, key: str, *, after: datetime | None = None) -> None:
        """Ask for the job (`kind`, `key`): many asks before it runs are one run."""
        job_id, needs_nudge = want(self.session, self.institution_id, kind, key, after or self.clock.now())
        if needs_nudge and after is None:
            self.wanted_jobs.append(WantedJob(job_id, kind))


class UnitOfWork:
    """Opens units of work on one engine.

    Args:
        nudge: called after commit with the jobs that want to run; losing a nudge loses nothing.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        nudge: Callable[[Sequence[WantedJob]], None] = lambda _jobs: None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self._nudge = nudge
        self._writing = sessionmaker(engine, expire_on_commit=False)
        self._reading = sessionmaker(engine.execution_options(**{READ_ONLY: True}), expire_on_commit=False)
        # PostgreSQL shows each statement what is committed when it runs, in a transaction or not: without one a look
        # is one round trip instead of three.
        alone = {} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._looking = sessionmaker(
            engine.execution_options(**{READ_ONLY: True}, **alone), expire_on_commit=False
        )
        # SQLite lets one writer in at a time and has the others sleep and try; threads of one process rather
        # queue here, in order. PostgreSQL needs no such queue.
        self._one_writer = engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[Any] = threading.RLock() if self._one_writer else nullcontext()
        self._together = GroupCommit(engine, self._turn)
        self._lone: Any = None
        event.listen(engine, "engine_disposed", self._close_lone)

    @contextmanager
    def for_institution(self, institution_id: InstitutionId, *, read_only: bool = False) -> Iterator[Tx]:
        """Open a unit of work that sees and writes the rows of `institution_id` only."""
        with self._open(institution_id, {"institution_id": institution_id}, read_only) as tx:
            yield tx

    @contextmanager
    def looking(self, institution_id: InstitutionId) -> Iterator[Tx]:
        """Open a unit of work that only looks, statement by statement: they need not see the same moment."""
        with self._looking(info={"institution_id": institution_id}) as session, session.begin():
            yield Tx(session, self.clock, institution_id)

    @contextmanager
    def across_institutions(self, purpose: str, *, read_only: bool = False) -> Iterator[Tx]:
        """Open a unit of work over all institutions; `purpose` says why (it stands in the code, to be read)."""
        with self._open(None, {"across": purpose}, read_only) as tx:
            yield tx

    def together(self, institution_id: InstitutionId, work: Callable[[Tx], T]) -> T:
        """Do `work` in a unit of work as `for_institution` opens it, and return its result once that is durable.

        Units of work that wait here at the same time share one commit (`group_commit`). Not from within another
        unit of work; and `work` may be called twice, the first time without effect.
        """
        opened: list[Tx] = []

        def carried(session: Session) -> T:
            tx = Tx(session, self.clock, institution_id)
            opened[:] = [tx]
            return work(tx)

        result = self._together.run({"institution_id": institution_id}, carried)
        self._tell(opened[0])
        return result

    def execute_alone(self, purpose: str, statement: str, parameters: Any) -> int:
        """Run one statement that commits by itself, durably; return the number of rows that it changed.

        For a write on a hot path that belongs to no tenant and to nothing else: session, identity map and
        hooks of a whole unit of work cost more than the write (measured in the bench `launch`).

        Args:
            purpose: says why it spans institutions (it stands in the code, to be read).
            statement: in the driver's own words and parameter style.
        """
        if self._one_writer:
            # Writers queue up anyway, so one connection serves them all; it commits each statement by itself.
            with self._turn:
                return int(self._lone_connection().execute(statement, parameters).rowcount)
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(statement, parameters)
            changed = int(cursor.rowcount)
            connection.commit()
        finally:
            connection.close()
        return changed

    def _lone_connection(self) -> Any:
        if self._lone is None:
            pooled = self.engine.raw_connection()
            pooled.detach()
            self._lone = pooled.dbapi_connection
        return self._lone

    def _close_lone(self, _engine: Engine) -> None:
        lone, self._lone = self._lone, None
        if lone is not None:
            lone.close()

    @contextmanager
    def _open(
        self, institution_id: InstitutionId | None, info: dict[str, Any], read_only: bool
    ) -> Iterator[Tx]:
        sessions = self._reading if read_only else self._writing
        with nullcontext() if read_only else self._turn, sessions(info=info) as session, session.begin():
            tx = Tx(session, self.clock, institution_id)
            yield tx
        self._tell(tx)

    def _tell(self, tx: Tx) -> None:
        if tx.wanted_jobs:
            self._nudge(tx.wanted_jobs)
        for call in tx.after_commit:
            call()


class WrongInstitution(RuntimeError):
    """A store tried to write a row of another institution: a defect, never an answer."""


@event.listens_for(Session, "do_orm_execute")
def _only_own_rows(state: ORMExecuteState) -> None:
    if not state.is_orm_statement:
        # A Core statement is the store's own work, its WHERE included.
        return
    institution_id = state.session.info.get("institution_id")
    if institution_id is None:
        if "across" not in state.session.info:
            raise WrongInstitution("a session needs an institution or a stated purpose")
        return
    if state.is_insert:
        _insert_own_rows(state, institution_id)
        return
    if state.is_column_load or state.is_relationship_load:
        return
    state.statement = state.statement.options(
        with_loader_criteria(
            TenantRow, lambda row: row.institution_id == institution_id, include_aliases=True
        )
    )


def _insert_own_rows(state: ORMExecuteState, institution_id: InstitutionId) -> None:
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, TenantRow):
        return
    given = state.parameters
    if not given:
        # The rows are built into the statement, which names their values after their columns.
        statement: Any = state.statement
        built = statement.compile(dialect=state.session.get_bind().dialect).params
        written = {value for name, value in built.items() if name.startswith("institution_id")} or {None}
    else:
        written = {row.get("institution_id") for row in ([given] if isinstance(given, Mapping) else given)}
    if written != {institution_id}:
        raise WrongInstitution(mapper.class_.__name__)


@event.listens_for(Session, "before_flush")
def _write_own_rows(session: Session, _context: Any, _instances: Any) -> None:
    institution_id = session.info.get("institution_id")
    if institution_id is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantRow) and row.institution_id != institution_id:
            raise WrongInstitution(type(row).__name__)
