"""Asking a platform what somebody reached in a test: with no unit of work open; what it said is kept in one."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from bridge.completion.gradebook_model import ItemState
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.store import SqlIdentityStore
from bridge.intake.results import RESULT_WANTED, AwaitedResult, ResultState, due_results, result_text
from bridge.registry.link_model import HOURS_TAG
from bridge.wiring.platform_calls import CallFailed, call_platform, pause_after, want_due
from bridge.wiring.test_gates import finish_of
from lti.ags import GradeService, Result
from lti.errors import ServiceFailed
from lti.registration import Registration

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

_UNCHANGED, _NONE_YET = "result_unchanged", "result_none_yet"


@dataclass(frozen=True, slots=True)
class ResultAsked:
    """What a platform keeps for the person of an awaited result.

    Args:
        line_item_url: where it keeps it.
    """

    awaited: AwaitedResult
    line_item_url: str
    found: Result | CallFailed


def ask_result(house: "House", job: Job) -> ResultAsked | None:
    """Ask for the job's result; None when there is nothing to ask."""
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        stations = house.at(tx)
        awaited = stations.test_results.get(job.key)
        now = house.clock.now()
        if awaited is None or awaited.next_at is None or awaited.next_at > now:
            return None
        account = SqlIdentityStore(tx, house.cipher).account(awaited.account_id)
        known = awaited.line_item_url or _known_column(stations, awaited)
        container = None if known else _columns_of(stations, awaited)
    if account is None:
        return ResultAsked(awaited, "", CallFailed("account_unknown", permanent=True))
    service = GradeService(house.service_calls)
    asked_at = [known or ""]

    def call(registration: Registration) -> Result:
        url = known or _look_for_column(service, registration, container, awaited.resource_link_id)
        asked_at[0] = url
        for page in service.results(registration, url, user_id=account.sub):
            for result in page.results:
                return result
        return Result(account.sub, None, Fraction(1))

    found = call_platform(house, awaited.registration, call)
    return ResultAsked(awaited, asked_at[0], found)


def _known_column(stations: "Stations", awaited: AwaitedResult) -> str | None:
    """Return the column that a launch of the test's link named; never one into which we write hours ourselves."""
    for item in stations.gradebook.of_link(awaited.registration, awaited.resource_link_id):
        if item.state is ItemState.OTHER:
            return item.url
    return None


def _columns_of(stations: "Stations", awaited: AwaitedResult) -> str | None:
    for registration, context in stations.lms_courses.courses_of(awaited.class_run):
        if registration == awaited.registration:
            url = stations.gradebook.line_items_url(registration, context)
            if url is not None:
                return url
    return None


def _look_for_column(
    service: GradeService, registration: Registration, container: str | None, resource_link_id: str
) -> str:
    if container is None:
        raise ServiceFailed("line_item_missing")
    listed = service.line_items(registration, container, resource_link_id=resource_link_id).items
    meant = [
        item.id
        for item in listed
        if item.id and item.tag != HOURS_TAG and item.resource_link_id == resource_link_id
    ]
    if len(meant) != 1:
        # None, or several: which of them is the test's cannot be told.
        raise ServiceFailed("line_item_missing")
    return meant[0]


def note_result(house: "House", tx: Tx, job: Job, asked: ResultAsked | None) -> None:
    """Keep what was there before the test, or take what has come of it."""
    if asked is None:
        return
    results, awaited, found = house.at(tx).test_results, asked.awaited, asked.found
    if isinstance(found, CallFailed):
        pause = None if found.permanent else pause_after(awaited.tries + 1, found)
        results.note_failure(job.key, found.reason, pause=pause)
        return
    kept = result_text(found.score, found.maximum)
    if awaited.state is ResultState.BEFORE:
        results.note_before(job.key, asked.line_item_url, kept)
    elif found.score is None:
        results.note_unchanged(job.key, _NONE_YET)
    elif kept == awaited.before:
        results.note_unchanged(job.key, _UNCHANGED)
    else:
        ended = {"ended_real": awaited.ended_real, "ended_by": awaited.ended_by}
        results.receive(job.key, found.score, found.maximum, finish_of(ended, house.clock.now()))


def sweep_results(house: "House") -> None:
    """Have results asked for whose time has come."""
    with house.uow.across_institutions("find results to ask for", read_only=True) as tx:
        due = [(institution, RESULT_WANTED, key) for institution, key in due_results(tx)]
    want_due(house, due)
