"""Setting aside and trying again: what a door refused for now, what a worker gave up, and what people ask for."""

from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select

from bridge.db.outbox import Job, JobRow, WantedJob, dead_jobs, give_up_lost, reopen
from bridge.db.unit_of_work import Tx
from bridge.intake.held import held_message
from bridge.intake.normalisers import PoisonMessage, normalise
from bridge.intake.quarantine import (
    BRIDGE,
    HELD,
    due_held,
    institutions_with_jobs_set_aside,
)
from bridge.intake.quarantine_model import Kind, SetAside, State
from bridge.kernel.errors import BridgeError, InvalidInput
from bridge.kernel.ids import InstitutionId, JobId, RegistrationId
from bridge.presence.challenges import BURST_WAITING
from bridge.presence.frames import FRAME_WAITING
from bridge.wiring.intake_claims import Claims, Outcome
from bridge.wiring.lms_references import LmsReferences
from bridge.wiring.platform_calls import want_due

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

log = structlog.get_logger()

_BURST_UNJUDGED = "系统未能核对这个动作(不是您的原因),请再做一次。"
_FRAME_UNJUDGED = "系统未能核对这张照片(不是您的原因),请重新拍摄。"


def hold_refused(
    house: "House",
    institution: InstitutionId,
    registration: RegistrationId,
    value: Any,
    refused: InvalidInput,
    *,
    original_sha256: str,
    verification: str,
) -> str | None:
    """Set aside a message that a door refused if it may be right one day; return the quarantine's id.

    In a unit of work of its own: the door's has been given up.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        lms = LmsReferences(stations.identity, stations.registry_store, house.cipher, institution)
        held = held_message(
            registration,
            value,
            refused.reason,
            original_sha256=original_sha256,
            verification=verification,
            actor=lms.actor,
        )
        if held is None:
            return None
        kept = stations.quarantine.hold(held, refused.reason)
    if kept is None:
        log.warning("quarantine_full", institution=institution, registration=registration)
    return kept


def try_held(house: "House", tx: Tx, job: Job, _prepared: Any) -> None:
    """Try a held message again; one that is not waiting any more is left."""
    stations = house.at(tx)
    found = stations.quarantine.get(job.key)
    if found.state is State.WAITING and found.kind is Kind.ARRIVED:
        replay(house, tx, stations, found, by=BRIDGE)


def replay_one(house: "House", institution: InstitutionId, quarantine_id: str, *, by: str) -> SetAside:
    """Try one thing again that was set aside, and return how it stands then.

    Raises:
        InvalidInput: quarantine_unknown, quarantine_not_waiting.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        found = stations.quarantine.require_waiting(quarantine_id)
        replay(house, tx, stations, found, by=by)
        return stations.quarantine.get(quarantine_id)


def replay(house: "House", tx: Tx, stations: "Stations", found: SetAside, *, by: str) -> None:
    """Try again in an open unit of work; what fails is noted with its reason."""
    quarantine = stations.quarantine
    try:
        # What a failed try began is undone; that it failed is kept.
        with tx.session.begin_nested():
            if found.kind is Kind.ARRIVED:
                _take_arrived(stations, found)
            elif found.kind is Kind.STORED:
                _take_stored(tx, stations, found)
            else:
                _reopen(house, tx, found)
                return
    except BridgeError as fault:
        quarantine.note_failed(found.id, fault.reason, by=by)
    except Exception as defect:  # noqa: BLE001  # any defect of any reader; its type is kept as the reason
        quarantine.note_failed(found.id, type(defect).__name__, by=by)
        log.error("quarantine_replay_defect", quarantine=found.id, defect=type(defect).__name__)
    else:
        quarantine.note_taken(found.id, by=by)


def _take_arrived(stations: "Stations", found: SetAside) -> None:
    registration = RegistrationId(found.source.partition(":")[2])
    stations.intake.receive_held(registration, stations.quarantine.held(found.id), found.set_aside_at)


def _take_stored(tx: Tx, stations: "Stations", found: SetAside) -> None:
    records = stations.inbox.after(str(found.chain), (found.seq or 1) - 1, 1)
    if not records or records[0].seq != found.seq:
        raise PoisonMessage("payload_malformed", "收件箱里没有这条消息")
    claims = Claims(tx, stations)
    for claim in normalise(records[0]):
        for one in claims.take(records[0], claim):
            if one.outcome is Outcome.DIFFERS:
                raise InvalidInput("ledger_entry_conflict", "已有内容不同的记录,不能改写", http_status=409)
            if one.outcome is Outcome.LOST:
                raise PoisonMessage("statement_lost", "消息所指的内容已找不到")


def _reopen(house: "House", tx: Tx, found: SetAside) -> None:
    job = JobId(str(found.job))
    if reopen(tx.session, job, house.clock.now()):
        tx.wanted_jobs.append(WantedJob(job, found.source))


def note_dead(house: "House", tx: Tx, job: Job, reason: str) -> None:
    """Set a job aside that gave up, in the unit of work in which it did."""
    house.at(tx).quarantine.set_aside_job(job, reason)
    if job.kind in (FRAME_WAITING, BURST_WAITING):
        tx.after_commit.append(lambda: _let_check_go_on(house, job))


def _let_check_go_on(house: "House", job: Job) -> None:
    """Give the frame that nobody can judge a verdict: without one it would hold its check in judging for ever."""
    try:
        with house.uow.for_institution(job.institution_id) as tx:
            stations = house.at(tx)
            if job.kind == BURST_WAITING:
                stations.challenges.give_up(job.key, _BURST_UNJUDGED)
            else:
                stations.frames.give_up(job.key, _FRAME_UNJUDGED)
    except Exception as defect:  # noqa: BLE001  # the job is set aside already; the sweep comes back to it
        log.error("frame_not_given_up", frame=job.key, defect=type(defect).__name__)


def sweep_quarantine(house: "House") -> None:
    """Try again what is due, end jobs that lose every worker."""
    with house.uow.across_institutions("find held messages to try again", read_only=True) as tx:
        due = [(institution, HELD, key) for institution, key in due_held(tx)]
    want_due(house, due)
    with house.uow.across_institutions("end jobs that lose every worker") as tx:
        lost = give_up_lost(tx.session, house.clock.now())
    for job in lost:
        log.error("job_lost_every_worker", job=job.id, kind=job.kind)
    _set_aside(house, [(job, "worker_lost") for job in lost])


def tidy_quarantine(house: "House") -> None:
    """Set aside dead jobs that nobody did (of earlier versions too), and end what was done after all."""
    with house.uow.across_institutions("dead jobs that are not set aside", read_only=True) as tx:
        dead = dead_jobs(tx.session)
        whose = institutions_with_jobs_set_aside(tx)
    _set_aside(house, dead, new_only=True)
    for institution in whose:
        with house.uow.for_institution(institution) as tx:
            quarantine = house.at(tx).quarantine
            waiting = {str(one.job): one.id for one in quarantine.jobs_waiting()}
            done = select(JobRow.id).where(JobRow.id.in_(waiting), JobRow.state == "done")
            for job in tx.session.scalars(done).all():
                quarantine.note_taken(waiting[job], by=BRIDGE)


def _set_aside(house: "House", jobs: list[tuple[Job, str]], *, new_only: bool = False) -> None:
    for job, reason in jobs:
        with house.uow.for_institution(job.institution_id) as tx:
            if not (new_only and house.at(tx).quarantine.has_job(job)):
                note_dead(house, tx, job, reason or "unknown")
