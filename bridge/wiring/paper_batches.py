"""Papers for a whole class run: asked for on a page, issued by the worker a few learners at a time."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.completion.batch_tables import ISSUED, NOTHING_NEW, REFUSED, SqlPaperBatches
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

BATCH_WANTED = "completion.batch_wanted"
_AT_ONCE = 5
"""Learners of one unit of work: others may write in between."""


def begin_batch(house: "House", institution: InstitutionId, class_run: ClassRunId, by: str) -> str:
    """Ask for the papers of all who are enrolled; return the batch's id, the running one's if there is one.

    Raises:
        InvalidInput: class_run_unknown; "batch_empty".
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        stations.registry.class_run(class_run)
        batches = SqlPaperBatches(tx)
        running = batches.latest(class_run)
        if running is not None and running.done < running.total:
            return running.id
        learners = list(stations.registry.enrolled(class_run))
        if not learners:
            raise InvalidInput("batch_empty", "班次中还没有完成实名登记的学员。")
        batch = batches.add(class_run, learners, by)
        tx.want(BATCH_WANTED, batch)
        return batch


def batch_works(house: "House") -> Mapping[str, Work]:
    """Return how a batch is carried on."""
    return {BATCH_WANTED: Work(apply=partial(_carry_on, house))}


def _carry_on(house: "House", tx: Tx, job: Job, _prepared: Any) -> None:
    batches = SqlPaperBatches(tx)
    class_run = batches.class_run_of(job.key)
    if class_run is None:
        return
    waiting = batches.waiting(job.key, _AT_ONCE)
    for learner in waiting:
        state, sentence = _issue(house.at(tx), learner, class_run)
        batches.note(job.key, learner, state, sentence)
    if len(waiting) == _AT_ONCE:
        tx.want(job.kind, job.key)


def _issue(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> tuple[str, str]:
    """Return what came of it, and why there is no paper. A seal service that is away raises: the job comes again."""
    try:
        due = stations.completion.due(learner, class_run)
        before = {one.number for one in stations.completion.papers(learner, class_run)}
        reasons = list(due.missing)
        for kind in due.papers:
            reasons += stations.completion.issue(learner, class_run, kind).reasons
        issued = {one.number for one in stations.completion.papers(learner, class_run)} - before
    except InvalidInput as refused:
        return REFUSED, refused.message
    except Unavailable as error:
        if not error.permanent:
            raise
        return REFUSED, error.message
    if issued:
        return ISSUED, ""
    if before:
        return NOTHING_NEW, ""
    return REFUSED, "".join(reason.sentence_zh for reason in reasons)
