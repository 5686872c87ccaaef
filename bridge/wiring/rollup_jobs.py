"""Jobs that keep the authority's figures current: a learner's days out of the ledger, a class run's day out of all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.ledger.model.rules import day_start_ms, legal_day, next_day_start_ms
from bridge.ledger.model.statement import Segment, Verdict
from bridge.supervision.rollup_tables import SupervisedDayRow
from bridge.supervision.rollups import CLASS_DAY, LEARNER_DAYS
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House


@dataclass(slots=True)
class Day:
    """Milliseconds of one legal day; what waits for a test or is frozen is provisional here."""

    credited_ms: int = 0
    provisional_ms: int = 0
    refused_ms: int = 0


def rollup_works(house: "House") -> Mapping[str, Work]:
    """Return how the two kinds of jobs are done."""
    return {
        LEARNER_DAYS: Work(prepare=partial(read_days, house), apply=partial(_keep_days, house)),
        CLASS_DAY: Work(apply=partial(_count, house)),
    }


def read_days(house: "House", job: Job) -> Mapping[date, Day]:
    """Return what a learner's ledger says day by day, read with no unit of work open for writing; NoRuleInForce."""
    learner, class_run = _pair(job.key)
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        return by_day(house.at(tx).ledger.statement(learner, class_run, whole=False).timeline)


def by_day(timeline: Iterable[Segment]) -> dict[date, Day]:
    """Return the sums of each legal day; a segment over midnight belongs to both, each with its part."""
    days: dict[date, Day] = {}
    for one in timeline:
        start = one.start_ms
        while start < one.end_ms:
            day = legal_day(start)
            end = min(one.end_ms, next_day_start_ms(day_start_ms(day)))
            found = days.setdefault(day, Day())
            if one.verdict is Verdict.CREDITED:
                found.credited_ms += end - start
            elif one.verdict is Verdict.REFUSED:
                found.refused_ms += end - start
            else:
                found.provisional_ms += end - start
            start = end
    return days


def days_differ(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId
) -> tuple[date, ...]:
    """Return the days of which a learner's ledger, settled whole, says something else than is kept; NoRuleInForce."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        said = by_day(house.at(tx).ledger.statement(learner, class_run).timeline)
        kept = {
            row.day: Day(row.credited_ms, row.provisional_ms, row.refused_ms)
            for row in tx.session.scalars(
                select(SupervisedDayRow).where(
                    SupervisedDayRow.learner_ref == learner, SupervisedDayRow.class_run_id == class_run
                )
            )
        }
    return tuple(day for day in sorted(set(said) | set(kept)) if said.get(day, Day()) != kept.get(day, Day()))


def _keep_days(house: "House", tx: Tx, job: Job, days: Mapping[date, Day]) -> None:
    house.at(tx).rollups.keep_learner(*_pair(job.key), days)


def _count(house: "House", tx: Tx, job: Job, _nothing: None) -> None:
    class_run, _, day = job.key.partition("|")
    house.at(tx).rollups.count(ClassRunId(class_run), date.fromisoformat(day))


def _pair(key: str) -> tuple[LearnerRef, ClassRunId]:
    learner, _, class_run = key.partition("|")
    return LearnerRef(learner), ClassRunId(class_run)
