"""The job that builds and delivers a city's batches, and what asks for it when its time has come."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import or_, select

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import LEGAL_ZONE
from bridge.reporting.door import SIGNING_REASONS
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.model import FEED, RECONCILE, BatchState, RecordState
from bridge.reporting.reconciliation import Compared, compare
from bridge.reporting.tables import ReportBatchRow, ReportReconciliationRow, ReportRecordRow
from bridge.wiring.platform_calls import hold_job, want_due
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House

log = structlog.get_logger()

_MOST_AT_ONCE = 50
"""Batches that one run delivers; then others have their turn."""


def feed_works(house: "House") -> Mapping[str, Work]:
    """Return how the job is done."""
    return {
        FEED: Work(prepare=partial(run_feed, house), apply=_go_on),
        RECONCILE: Work(prepare=partial(reconcile, house), apply=partial(_keep, house)),
    }


def run_feed(house: "House", job: Job) -> bool:
    """Build and deliver until nothing waits or the regulator is not to be called; return whether more is to do.

    Each step is a unit of work of its own, so that a process may end anywhere: what was built goes out, what was sent
    is sent again under the same id and gets the same receipt.
    """
    for _ in range(_MOST_AT_ONCE):
        try:
            with house.uow.for_institution(job.institution_id) as tx:
                reporting = house.at(tx).reporting
                built = reporting.build_batch(job.key)
                due = reporting.next_due(job.key) if house.settings.regulator_url else None
        except (InvalidInput, Unavailable) as failed:
            if failed.reason not in SIGNING_REASONS:
                raise
            _stop_door(house, failed.reason)
            return False
        if due is None:
            if built is None:
                return False
            continue
        hold_job(house, job)
        try:
            house.courier(job.institution_id).deliver(due)
        except Unavailable as failed:
            # Kept on the attempt, the batch and the door; the sweep asks again when it is time.
            log.warning("feed_attempt_failed", batch=due, reason=failed.reason)
            return False
        except InvalidInput as broken:
            log.error("feed_batch_broken", batch=due, reason=broken.reason)
            with house.uow.for_institution(job.institution_id) as tx:
                house.at(tx).reporting.give_up(due, broken.reason)
    return True


def _go_on(tx: Tx, job: Job, more: bool) -> None:
    if more:
        tx.want(job.kind, job.key)


def sweep_feed(house: "House") -> None:
    """Have batches built and delivered where records or batches wait and the regulator may be called."""
    now = house.clock.now()
    with house.uow.across_institutions("find reports that wait", read_only=True) as tx:
        ready = select(ReportBatchRow.institution_id, ReportBatchRow.division_code).where(
            ReportBatchRow.state == BatchState.READY.value,
            or_(ReportBatchRow.next_at.is_(None), ReportBatchRow.next_at <= now),
        )
        waiting = select(ReportRecordRow.institution_id, ReportRecordRow.division_code).where(
            ReportRecordRow.state == RecordState.WAITING.value
        )
        found: set[tuple[str, ...]] = set()
        if not SqlDoorStore(tx).door().cannot_sign:
            found |= {tuple(row) for row in tx.session.execute(waiting.distinct())}
        if house.settings.regulator_url and _may_call(house, tx):
            found |= {tuple(row) for row in tx.session.execute(ready.distinct())}
    want_due(house, [(InstitutionId(owner), FEED, division) for owner, division in sorted(found)])


def reconcile(house: "House", job: Job) -> Compared:
    """Compare a day with the regulator's books, with no unit of work open while they are fetched."""
    division_code, _, day = job.key.partition("|")
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        ours = house.at(tx).reconciliation.ours(division_code, date.fromisoformat(day))
    return compare(ours, house.regulator_feed.books, house.batch_format.read_books)


def _keep(house: "House", tx: Tx, job: Job, compared: Compared) -> None:
    house.at(tx).reconciliation.keep(compared, by="schedule")


def sweep_reconciliations(house: "House") -> None:
    """Have yesterday compared, from the time of day on that the rules name; a failed one again at the next sweep."""
    now = house.clock.now()
    here = now.astimezone(LEGAL_ZONE)
    if not house.settings.regulator_url or here.time() < house.feed_rules.reconcile_at:
        return
    day = (here.date() - timedelta(days=1)).isoformat()
    with house.uow.across_institutions("find days to reconcile", read_only=True) as tx:
        if not _may_call(house, tx):
            return
        cities = {
            tuple(row)
            for row in tx.session.execute(
                select(ReportBatchRow.institution_id, ReportBatchRow.division_code).distinct()
            )
        }
        done = {
            tuple(row)
            for row in tx.session.execute(
                select(ReportReconciliationRow.institution_id, ReportReconciliationRow.division_code).where(
                    ReportReconciliationRow.day == day, ReportReconciliationRow.failure.is_(None)
                )
            )
        }
    due = [
        (InstitutionId(owner), RECONCILE, f"{division}|{day}") for owner, division in sorted(cities - done)
    ]
    want_due(house, due)


def _stop_door(house: "House", reason: str) -> None:
    """Say on the page why nothing can be signed, and try no more until a person has put it right."""
    log.error("feed_cannot_sign", reason=reason)
    with house.uow.across_institutions("stop the regulator's door") as tx:
        doors = SqlDoorStore(tx)
        doors.save_door(doors.door().stopped(house.clock.now(), reason))


def _may_call(house: "House", tx: Tx) -> bool:
    now = house.clock.now()
    return SqlDoorStore(tx).door().lets_through(now) and house.feed_rules.maintenance_until(now) is None
