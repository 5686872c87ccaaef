"""Events that left a unit of work, and the job rows that carry each to its services.

A job row is the durable thing; a Celery message is only a nudge to it. A job is taken with a lease, its
effects and its end are one transaction, and the sweeper nudges again what nobody finished.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Index, String, UniqueConstraint, bindparam, case, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, JsonDict, LongText, Ref, UtcDateTime
from bridge.db.prepared import Prepared
from bridge.kernel.events import Event
from bridge.kernel.ids import EventId, InstitutionId, JobId, new_id

LEASE = timedelta(seconds=20)
MAX_ATTEMPTS = 8
MAX_LOST = 8
"""How many workers in a row may end in the middle of a job before it is dead."""
WORKER_LOST = "worker_lost"
DEAD_FOR = timedelta(hours=1)
_BACKOFF = (1, 2, 5, 15, 60, 300, 900)


class EventRow(Base):
    """One event; never changed, never deleted."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("institution_id", "type", "idempotency_key"),)

    id: Mapped[Id]
    institution_id: Mapped[Ref]
    type: Mapped[Code]
    schema_version: Mapped[int]
    subject: Mapped[str] = mapped_column(String(80))
    occurred_at: Mapped[Instant]
    received_at: Mapped[Instant]
    idempotency_key: Mapped[str] = mapped_column(String(200))
    causation_id: Mapped[str | None] = mapped_column(String(80))
    data: Mapped[JsonDict]


class JobRow(Base):
    """Work that must be done once. `wanted` above `done` means there is some."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("institution_id", "kind", "key"),
        Index("ix_job_open", "state", "run_after"),
    )

    id: Mapped[Id]
    institution_id: Mapped[Ref]
    kind: Mapped[Code]
    key: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(8))  # open, leased, done, dead
    wanted: Mapped[Count]
    done: Mapped[Count]
    attempts: Mapped[int]
    run_after: Mapped[Instant]
    lease_until: Mapped[Instant | None]
    last_error: Mapped[LongText] = mapped_column(default="")
    lost: Mapped[int] = mapped_column(server_default="0", default=0)


@dataclass(frozen=True, slots=True)
class Job:
    """A job in hand. `taken` is the value of `wanted` when it was taken."""

    id: JobId
    institution_id: InstitutionId
    kind: str
    key: str
    taken: int
    attempts: int


class WantedJob(NamedTuple):
    """A job that wants to run; `kind` says who is told of it."""

    id: JobId
    kind: str


def store_event(session: Session, event: Event) -> bool:
    """Store `event`; return False, with nothing changed, when its idempotency key is known."""
    known = session.scalar(
        select(EventRow.id).where(
            EventRow.institution_id == event.institution_id,
            EventRow.type == event.type,
            EventRow.idempotency_key == event.idempotency_key,
        )
    )
    if known is not None:
        return False
    session.add(EventRow(**{name: getattr(event, name) for name in Event.__slots__}))
    session.flush()
    return True


def load_event(session: Session, event_id: EventId) -> Event:
    """Return the stored event; KeyError if there is none."""
    row = session.get(EventRow, event_id)
    if row is None:
        raise KeyError(event_id)
    return Event(**{name: getattr(row, name) for name in Event.__slots__})


def want(
    session: Session, institution_id: InstitutionId, kind: str, key: str, now: datetime
) -> tuple[JobId, bool]:
    """Ask for the job (`kind`, `key`) to run (again) after `now`.

    Asking while it waits is one run, at the earlier of the two times; asking while it runs is one more run
    after it.

    Returns:
        The job's id, and whether it needs a nudge: not if an earlier ask that nobody has answered yet sent one.
    """
    row = _ASK.row(
        session,
        {"id": new_id("job"), "institution_id": institution_id, "kind": kind, "key": key, "now": now},
    )
    return JobId(row.id), row.wanted == row.done + 1


def _ask(dialect: str) -> Any:
    insert: Any = sqlite_insert if dialect == "sqlite" else postgresql_insert
    now = bindparam("now", type_=UtcDateTime())
    statement = insert(JobRow.__table__).values(
        id=bindparam("id"),
        institution_id=bindparam("institution_id"),
        kind=bindparam("kind"),
        key=bindparam("key"),
        state="open",
        wanted=1,
        done=0,
        attempts=0,
        run_after=now,
        lease_until=None,
        last_error="",
        lost=0,
    )
    table = JobRow.__table__.c
    return statement.on_conflict_do_update(
        index_elements=["institution_id", "kind", "key"],
        set_={
            "wanted": table.wanted + 1,
            "state": case((table.state == "leased", "leased"), else_="open"),
            "lost": case((table.state == "dead", 0), else_=table.lost),
            "run_after": case(
                (or_(table.state == "done", table.state == "dead"), now),
                (table.run_after < now, table.run_after),
                else_=now,
            ),
        },
    ).returning(table.id, table.wanted, table.done)


_ASK = Prepared(_ask)


def is_idle(session: Session, institution_id: InstitutionId, kind: str, key: str, now: datetime) -> bool:
    """Return whether the job was never asked for, is done, or has been dead for `DEAD_FOR`.

    For what asks by the clock: a job that waits or is in hand will run anyway, one that always fails must not be
    tried at every tick.
    """
    row = session.execute(
        select(JobRow.state, JobRow.run_after).where(
            JobRow.institution_id == institution_id, JobRow.kind == kind, JobRow.key == key
        )
    ).one_or_none()
    if row is None or row.state == "done":
        return True
    return bool(row.state == "dead" and row.run_after <= now - DEAD_FOR)


def take(session: Session, job_id: JobId, now: datetime, lease: timedelta = LEASE) -> Job | None:
    """Lease the job; None when it is done, not due, in another's hands, or has lost too many workers."""
    claimed = session.execute(
        update(JobRow)
        .where(
            JobRow.id == job_id,
            JobRow.run_after <= now,
            or_(
                JobRow.state == "open",
                (JobRow.state == "leased") & (JobRow.lease_until <= now) & (JobRow.lost < MAX_LOST - 1),
            ),
        )
        .values(
            state="leased",
            lease_until=now + lease,
            attempts=JobRow.attempts + 1,
            lost=case((JobRow.state == "leased", JobRow.lost + 1), else_=JobRow.lost),
        )
        .returning(JobRow.institution_id, JobRow.kind, JobRow.key, JobRow.wanted, JobRow.attempts)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if claimed is None:
        return None
    return Job(job_id, InstitutionId(claimed[0]), claimed[1], claimed[2], claimed[3], claimed[4])


def finish(session: Session, job: Job, now: datetime) -> bool:
    """End the job within the transaction that holds its effects; return True if it is wanted again.

    Raises:
        LeaseLost: another worker took the job meanwhile; the caller's transaction must roll back.
    """
    row = session.get(JobRow, job.id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "leased" or row.attempts != job.attempts:
        raise LeaseLost(job.id)
    row.done = job.taken
    row.lease_until = None
    row.attempts = row.lost = 0
    row.last_error = ""
    row.state = "open" if row.wanted > job.taken else "done"
    row.run_after = now
    return row.state == "open"


def hold(session: Session, job: Job, now: datetime) -> None:
    """Lease the job for `LEASE` more, from `now`: for work that asks another system many times.

    Raises:
        LeaseLost: another worker took the job meanwhile.
    """
    held = session.execute(
        update(JobRow)
        .where(JobRow.id == job.id, JobRow.state == "leased", JobRow.attempts == job.attempts)
        .values(lease_until=now + LEASE)
        .returning(JobRow.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if held is None:
        raise LeaseLost(job.id)


def fail(
    session: Session, job: Job, now: datetime, reason: str, *, permanent: bool, outside: bool = False
) -> bool:
    """Record a failed attempt; the job waits for its next turn, or is dead with its reason kept (True).

    Args:
        permanent: trying again cannot help.
        outside: another system was away; such a job is tried for ever, ever more slowly.
    """
    row = session.get(JobRow, job.id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "leased" or row.attempts != job.attempts:
        return False
    row.last_error = reason
    row.lease_until = None
    row.lost = 0
    dead = permanent or (job.attempts >= MAX_ATTEMPTS and not outside)
    row.state = "dead" if dead else "open"
    row.run_after = now + timedelta(seconds=_BACKOFF[min(job.attempts, len(_BACKOFF)) - 1])
    return dead


def give_up_lost(session: Session, now: datetime) -> list[Job]:
    """Return the jobs that are dead from now on because `MAX_LOST` workers in a row ended in the middle of them."""
    ended = session.execute(
        update(JobRow)
        .where(JobRow.state == "leased", JobRow.lease_until <= now, JobRow.lost >= MAX_LOST - 1)
        .values(state="dead", lease_until=None, last_error=WORKER_LOST, run_after=now)
        .returning(JobRow.id, JobRow.institution_id, JobRow.kind, JobRow.key, JobRow.wanted, JobRow.attempts)
        .execution_options(synchronize_session=False)
    )
    return [_job(row) for row in ended]


def reopen(session: Session, job_id: JobId, now: datetime) -> bool:
    """Have a dead job run again as if it never had; False if it is not dead."""
    opened = session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state == "dead")
        .values(state="open", attempts=0, lost=0, run_after=now)
        .returning(JobRow.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return opened is not None


def dead_jobs(session: Session, limit: int = 200) -> list[tuple[Job, str]]:
    """Return jobs that are dead and why, the latest first."""
    rows = session.scalars(
        select(JobRow).where(JobRow.state == "dead").order_by(JobRow.run_after.desc()).limit(limit)
    )
    return [
        (
            Job(
                JobId(one.id), InstitutionId(one.institution_id), one.kind, one.key, one.wanted, one.attempts
            ),
            one.last_error,
        )
        for one in rows
    ]


def _job(row: Any) -> Job:
    return Job(JobId(row[0]), InstitutionId(row[1]), row[2], row[3], row[4], row[5])


def overdue(
    session: Session, now: datetime, limit: int = 200, *, kinds: Collection[str] = ()
) -> list[WantedJob]:
    """Return jobs (of these kinds alone, if any are named) that are due and in nobody's hands, oldest first."""
    wanted = select(JobRow.id, JobRow.kind).where(
        JobRow.run_after <= now,
        or_(JobRow.state == "open", (JobRow.state == "leased") & (JobRow.lease_until <= now)),
    )
    if kinds:
        wanted = wanted.where(JobRow.kind.in_(kinds))
    rows = session.execute(wanted.order_by(JobRow.run_after).limit(limit))
    return [WantedJob(JobId(row.id), row.kind) for row in rows]


class LeaseLost(Exception):
    """The lease ran out while the work was under way; somebody else has it now."""
