"""Freezes and releases: each studied day is held against the institution's registration and the course's standing.

What is wrong is the institution's fault and never the learner's: the time is frozen by an entry, and released by
another once the registration for that day is there, or the course version stands again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.outbox import Job, is_idle
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import epoch_ms, legal_date
from bridge.ledger.model.facts import Facts, read_facts
from bridge.ledger.model.freezes import Fault
from bridge.ledger.model.rules import day_start_ms, legal_day, next_day_start_ms
from bridge.ledger.store import LedgerEntryRow
from bridge.registry.course_withdrawals import withdrawn_courses
from bridge.registry.model import CityRegistration, ClassRun
from bridge.registry.tables import InstitutionRow
from bridge.rules.model import NoRuleInForce, ProfileInForce

if TYPE_CHECKING:
    from bridge.wiring.house import House

STANDING = "ledger.standing"
"""Kind of the job that reviews an institution's class runs; its key is `ALL`."""
ALL = "all"
_EVERY_MS = 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How many days of learners were frozen and released."""

    frozen: int = 0
    released: int = 0


def review_standing(house: "House", institution: InstitutionId) -> Reviewed:
    """Freeze what was studied under a fault that stands, release what was mended; again is nothing more."""
    frozen = released = 0
    for run, learners, faults in _runs_to_look_at(house, institution):
        for learner in learners:
            with house.uow.for_institution(institution) as tx:
                made = _review_learner(house, tx, learner, run.id, faults)
            frozen, released = frozen + made.frozen, released + made.released
    return Reviewed(frozen, released)


def prepare_review(house: "House", job: Job) -> Reviewed:
    """Review as the job's slow part: each learner is a unit of work of its own."""
    return review_standing(house, job.institution_id)


def sweep_standing(house: "House") -> None:
    """Have each institution reviewed once an hour."""
    now = house.clock.now()
    stretch = epoch_ms(now) // _EVERY_MS
    if house.reviewed_stretch == stretch:
        return
    for institution in institutions(house):
        with house.uow.for_institution(institution) as tx:
            if is_idle(tx.session, institution, STANDING, ALL, now):
                tx.want(STANDING, ALL)
    house.reviewed_stretch = stretch


def institutions(house: "House") -> Sequence[InstitutionId]:
    """Return all institutions."""
    with house.uow.across_institutions("whose standing is to be reviewed", read_only=True) as tx:
        return [InstitutionId(one) for one in tx.session.scalars(select(InstitutionRow.id))]


def _runs_to_look_at(
    house: "House", institution: InstitutionId
) -> Iterator[tuple[ClassRun, Sequence[LearnerRef], Mapping[date, frozenset[Fault]]]]:
    """Yield class runs with a fault on one of their days so far, or with a freeze from before."""
    today = legal_date(house.study_clock.now())
    found = []
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        registrations = stations.registry_store.city_registrations()
        down = withdrawn_courses(tx)
        ever_frozen = set(
            tx.session.scalars(
                select(LedgerEntryRow.class_run_id).where(LedgerEntryRow.kind == "freeze").distinct()
            )
        )
        for run in stations.registry_store.class_runs():
            profile = house.rules.profile(run.profile)
            faults = _faults(run, today, profile, registrations, down.get(run.course_id))
            if faults or run.id in ever_frozen:
                found.append((run, stations.registry.enrolled(run.id), faults))
    yield from found


def _faults(
    run: ClassRun,
    today: date,
    profile: ProfileInForce,
    registrations: Sequence[CityRegistration],
    down_since: date | None,
) -> dict[date, frozenset[Fault]]:
    """Return what was wrong on each day of the class run so far; days on which nothing was are left out."""
    faults: dict[date, frozenset[Fault]] = {}
    day = run.opens_on
    while day <= min(run.closes_on, today):
        wrong = set()
        # Where no rule speaks, settlement says so itself; a freeze would hide it.
        with suppress(NoRuleInForce):
            needed = profile.value("institution.registration_required", day).boolean()
            if needed and not any(one.covers(run.division_code, day) for one in registrations):
                wrong.add(Fault.NOT_REGISTERED)
        if down_since is not None and down_since <= day:
            wrong.add(Fault.COURSE_WITHDRAWN)
        if wrong:
            faults[day] = frozenset(wrong)
        day += timedelta(days=1)
    return faults


def _review_learner(
    house: "House",
    tx: Tx,
    learner: LearnerRef,
    class_run: ClassRunId,
    faults: Mapping[date, frozenset[Fault]],
) -> Reviewed:
    ledger = house.at(tx).ledger
    ledger.lock(learner, class_run)
    facts = read_facts(ledger.entries(learner, class_run))
    released_before = {one.freeze for one in facts.releases}
    standing = {
        (one.fault, legal_day(one.start_ms)): one.freeze
        for one in facts.freezes
        if one.freeze not in released_before
    }
    wanted = {(fault, day) for day in _studied_days(facts) for fault in faults.get(day, ())}
    whose = {"learner": learner, "class_run": class_run}
    frozen = released = 0
    for fault, day in sorted(wanted - standing.keys()):
        start = day_start_ms(day)
        # The same day may be frozen again after a release: what counts is a freeze that has none of its own.
        times = sum(1 for one in facts.freezes if (one.fault, one.start_ms) == (fault, start))
        frozen += ledger.record_freeze(
            {
                **whose,
                "freeze": f"{fault.value}|{day.isoformat()}|{times + 1}",
                "fault": fault.value,
                "start_ms": start,
                "end_ms": next_day_start_ms(start),
            }
        )
    for fault, day in sorted(standing.keys() - wanted):
        at_ms = epoch_ms(house.study_clock.now())
        released += ledger.record_release({**whose, "freeze": standing[fault, day], "at_ms": at_ms})
    return Reviewed(frozen, released)


def _studied_days(facts: Facts) -> set[date]:
    days = set()
    for batch in facts.beats:
        days.add(legal_day(batch.received_ms))
        if batch.previous_received_ms is not None:
            days.add(legal_day(batch.previous_received_ms))
    return days
