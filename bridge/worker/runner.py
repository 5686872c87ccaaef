"""Runs one job: lease, prepare outside any transaction, apply and end in one."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb
from typing import Any

import structlog

from bridge.db.outbox import Job, LeaseLost, fail, finish, overdue, take
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import BridgeError, Unavailable
from bridge.kernel.ids import JobId
from bridge.kernel.time import Clock

log = structlog.get_logger()

_LOOK_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Work:
    """How one kind of job is done.

    Args:
        prepare: slow part (models, network), with no transaction open; its result goes to `apply`.
        apply: all effects, in one unit of work; must be idempotent.
    """

    apply: Callable[[Tx, Job, Any], None]
    prepare: Callable[[Job], Any] = lambda _job: None


OnDead = Callable[[Tx, Job, str], None]
"""Told in the unit of work in which a job is dead from now on, with its reason."""


class Runner:
    """Runs jobs of the kinds it knows."""

    def __init__(
        self,
        uow: UnitOfWork,
        clock: Clock,
        works: Mapping[str, Work],
        on_dead: OnDead = lambda _tx, _job, _reason: None,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._works = works
        self._on_dead = on_dead

    def run(self, job_id: JobId) -> bool:
        """Run the job if it is there to be run; return True if it wants to run again at once."""
        with self._uow.across_institutions("take a job") as tx:
            job = take(tx.session, job_id, self._clock.now())
        return job is not None and self._do(job)

    def run_all(self, leases: Mapping[str, timedelta]) -> None:
        """Run every job of these kinds that waits, the oldest first, each for so long ours.

        Others may be doing the same.
        """
        while True:
            with self._uow.across_institutions("see which jobs of some kinds wait", read_only=True) as tx:
                waiting = overdue(tx.session, self._clock.now(), _LOOK_AHEAD, kinds=leases.keys())
            if not waiting:
                return
            # Who runs the same kind beside us sees the same ones: not both take the first.
            wanted = secrets.choice(waiting)
            lease = leases[wanted.kind]
            with self._uow.across_institutions("take a job of the kind") as tx:
                job = take(tx.session, wanted.id, self._clock.now(), lease)
            while job is not None and self._do(job):
                with self._uow.across_institutions("take the job again") as tx:
                    job = take(tx.session, wanted.id, self._clock.now(), lease)

    def _do(self, job: Job) -> bool:
        """Do a job that is in hand; return whether it wants to run again at once."""
        work = self._works.get(job.kind)
        if work is None:
            self._failed(job, f"kind_unknown:{job.kind}", permanent=True)
            return False
        try:
            prepared = work.prepare(job)
            with self._uow.for_institution(job.institution_id) as tx:
                work.apply(tx, job, prepared)
                again = finish(tx.session, job, self._clock.now())
        except LeaseLost:
            return False
        except Unavailable as error:
            self._failed(job, error.reason, permanent=error.permanent, outside=True)
            return False
        except BridgeError as error:
            self._failed(job, error.reason, permanent=True)
            return False
        except Exception as error:  # noqa: BLE001  # any defect of any job; the row keeps its type
            # A defect: its type and place are enough for the log, its text could carry a person's data.
            self._failed(job, type(error).__name__, permanent=False)
            places = [
                f"{Path(at.filename).name}:{at.name}:{at.lineno}" for at in extract_tb(error.__traceback__)
            ]
            log.error("job_defect", job=job.id, kind=job.kind, defect=type(error).__name__, places=places)
            return False
        return again

    def _failed(self, job: Job, reason: str, *, permanent: bool, outside: bool = False) -> None:
        log.warning("job_attempt_failed", job=job.id, kind=job.kind, reason=reason, attempt=job.attempts)
        with self._uow.for_institution(job.institution_id) as tx:
            dead = fail(tx.session, job, self._clock.now(), reason, permanent=permanent, outside=outside)
            if dead:
                self._on_dead(tx, job, reason)
