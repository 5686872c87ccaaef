"""Columns read or made at a platform, and scores sent to them: asked with no unit of work open, kept in one."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from bridge.completion.gradebook import LINE_ITEM_WANTED, due_line_items
from bridge.completion.gradebook_model import (
    DatedGrade,
    ItemState,
    LineItemFacts,
    PendingScore,
    ScoreState,
)
from bridge.completion.hour_scores import SCORE_WANTED, due_scores
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.ids import ClassRunId
from bridge.ledger.service import EXTENDED_JOB
from bridge.registry.link_model import HOURS_TAG
from bridge.wiring.platform_calls import CallFailed, call_platform, pause_after, want_due
from lti.ags import LINE_ITEM_SCOPE, GradeService, LineItem
from lti.claims import AgsEndpoint
from lti.registration import Registration
from lti.roles import Role
from lti.scores import ActivityProgress, Drop, Score, Send, Wait, next_step

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

LABEL = "线上学时（安学桥）"
NOT_A_LEARNER = "not_a_learner_there"
COLUMN_GONE = "column_switched_off"


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """What came of reading or making a column."""

    found: LineItem | CallFailed


@dataclass(frozen=True, slots=True)
class ScoreTried:
    """What came of a score's try.

    Args:
        what: the grade that left; None if none did.
        found: seconds to wait, a failure, or None: the platform has it.
    """

    what: DatedGrade | None
    found: int | CallFailed | None


def read_column(house: "House", job: Job) -> ColumnRead | None:
    """Read the job's column, or make it, at the platform; None when there is nothing to do."""
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        stations = house.at(tx)
        item = stations.gradebook.get(job.key)
        if item is None or item.next_at is None or item.next_at > house.clock.now():
            return None
        wanted = _column_for(stations, item) if item.state is ItemState.WANTED else None
        of_link = wanted is not None and item.url != ""
        endpoint = AgsEndpoint(
            lineitem=None,
            lineitems=item.url
            if of_link
            else stations.gradebook.line_items_url(item.registration, item.context_id),
            scopes=(LINE_ITEM_SCOPE,)
            if of_link
            else stations.gradebook.scopes(item.registration, item.context_id),
        )
    service = GradeService(house.service_calls)

    def call(registration: Registration) -> LineItem:
        url = item.url if wanted is None else service.line_item_address(registration, endpoint, wanted)
        return service.line_item(registration, url, granted=endpoint.scopes)

    return ColumnRead(call_platform(house, item.registration, call))


def _column_for(stations: "Stations", item: LineItemFacts) -> LineItem:
    run = stations.registry_store.class_run_of_context(item.registration, item.context_id)
    hours = 0 if run is None else _online_hours(stations, run)
    # An outline without online hours has nothing to count; a column must still go up to something.
    return LineItem(
        LABEL,
        Fraction(max(hours, 1)),
        resource_id=f"anxue-hours-{run}",
        resource_link_id=item.resource_link_id,
        tag=HOURS_TAG,
    )


def _online_hours(stations: "Stations", class_run: ClassRunId) -> int:
    outline = stations.registry_store.outline(stations.registry.class_run(class_run).outline_id)
    units = () if outline is None else outline.units
    return sum(unit.class_hours for unit in units if unit.mode == "online")


def note_column(house: "House", tx: Tx, job: Job, read: ColumnRead | None) -> None:
    """Keep what the column is; if it is for class hours, have those sent that were earned already."""
    if read is None:
        return
    stations = house.at(tx)
    gradebook, found = stations.gradebook, read.found
    if isinstance(found, CallFailed):
        pause = None if found.permanent else pause_after(gradebook.failures(job.key) + 1, found)
        gradebook.note_failure(job.key, found.reason, pause=pause)
        return
    item = gradebook.note_read(
        job.key,
        url=found.id or "",
        for_hours=found.tag == HOURS_TAG,
        maximum=found.score_maximum,
    )
    if item is None or item.state is not ItemState.HOURS:
        return
    run = stations.registry_store.class_run_of_context(item.registration, item.context_id)
    for learner in () if run is None else stations.registry.enrolled(run):
        tx.want(EXTENDED_JOB, f"{learner}|{run}")


def send_score(house: "House", job: Job) -> ScoreTried | None:
    """Send the job's score; None when there is nothing to do.

    What leaves is written down first, in a unit of work of its own, so that whoever tries next knows of it.
    """
    with house.uow.for_institution(job.institution_id) as tx:
        stations = house.at(tx)
        pending = stations.hour_scores.get(job.key)
        now = house.clock.now()
        if pending is None or pending.state is not ScoreState.WAITING:
            return None
        if pending.next_at is None or pending.next_at > now:
            return None
        item = stations.gradebook.get(pending.line_item_id)
        account = SqlIdentityStore(tx, house.cipher).account(pending.account_id)
        if item is None or item.state is not ItemState.HOURS:
            return ScoreTried(pending.wanted, CallFailed(COLUMN_GONE, permanent=True))
        if account is None or not _is_learner(stations, item, pending):
            return ScoreTried(pending.wanted, CallFailed(NOT_A_LEARNER, permanent=True))
        step = _step(pending, account.sub, house)
        if isinstance(step, Wait):
            return ScoreTried(None, step.seconds)
        if isinstance(step, Drop):
            return ScoreTried(pending.wanted, None)
        stations.hour_scores.leave(pending.id, pending.wanted, step.timestamp)
    service = GradeService(house.service_calls)
    outcome = call_platform(
        house,
        item.registration,
        lambda registration: service.post_score(registration, item.url, step.outgoing()),
    )
    return ScoreTried(pending.wanted, outcome if isinstance(outcome, CallFailed) else None)


def _is_learner(stations: "Stations", item: LineItemFacts, pending: PendingScore) -> bool:
    role = stations.rosters.role_now(item.registration, item.context_id, pending.account_id)
    return role == Role.LEARNER.value


def _step(pending: PendingScore, sub: str, house: "House") -> Send | Wait | Drop:
    left = pending.left
    last = None if left is None else Send(_score(left.what, sub), left.dated)
    if left is not None and last is not None and not left.arrived and left.what == pending.wanted:
        # It left, and nobody knows whether it arrived: the very same again changes nothing if it did.
        return last
    return next_step(last, _score(pending.wanted, sub), house.clock.now())


def _score(what: DatedGrade, sub: str) -> Score:
    grade = what.grade
    return Score(sub, grade.given, grade.maximum, what.earned_at, ActivityProgress(grade.progress))


def note_score(house: "House", tx: Tx, job: Job, tried: ScoreTried | None) -> None:
    """Keep what became of a try."""
    if tried is None:
        return
    scores = house.at(tx).hour_scores
    found = tried.found
    if isinstance(found, CallFailed):
        pending = scores.get(job.key)
        failures = 0 if pending is None else pending.failures
        pause = None if found.permanent else pause_after(failures + 1, found)
        scores.note_failure(job.key, found.reason, pause=pause, what=tried.what)
    elif found is not None:
        scores.wait(job.key, found)
    elif tried.what is not None:
        scores.note_arrived(job.key, tried.what)


def sweep_gradebooks(house: "House") -> None:
    """Have columns read and scores sent whose time has come."""
    with house.uow.across_institutions("find scores to send", read_only=True) as tx:
        due = [(institution, LINE_ITEM_WANTED, key) for institution, key in due_line_items(tx)]
        due += [(institution, SCORE_WANTED, key) for institution, key in due_scores(tx)]
    want_due(house, due)
