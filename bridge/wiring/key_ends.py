"""Keys whose time is over: templates end with their class run, captures with the archive that they belong to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import delete, select

from bridge.db.data_keys import DataKeyRow
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.tables import FaceReferenceRow
from bridge.registry.model import ClassRun
from bridge.registry.tables import InstitutionRow
from bridge.rules.model import NoRuleInForce, ProfileInForce

if TYPE_CHECKING:
    from bridge.wiring.house import House

log = structlog.get_logger()

TEMPLATE_DAYS = "retention.face_template_days"
ARCHIVE_YEARS = ("retention.special_operation_archive_years", "retention.principal_manager_archive_years")
SCHEDULE = "schedule"
"""Whose order it is where nobody gave one: the rule's."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A key whose time is over, and the reason on its receipt."""

    scope: EvidenceScope
    reason: str


def sweep_key_ends(house: "House") -> int:
    """Destroy the keys of all institutions whose time is over; return how many. Told again it finds nothing."""
    with house.uow.across_institutions("find class runs that ended", read_only=True) as tx:
        institutions = [InstitutionId(one) for one in tx.session.scalars(select(InstitutionRow.id))]
    number = 0
    for institution in institutions:
        for ended in ended_keys(house, institution):
            _end(house, institution, ended)
            number += 1
    if number:
        log.info("keys_ended", keys=number)
    return number


def ended_keys(house: "House", institution: InstitutionId) -> list[Ended]:
    """Return the institution's keys whose time is over on the legal day of now (real time)."""
    today = legal_date(house.clock.now())
    with house.uow.for_institution(institution, read_only=True) as tx:
        over: dict[tuple[str, str], str] = {}
        for run in house.at(tx).registry_store.class_runs():
            profile = house.rules.profile(run.profile)
            over |= {(run.id, purpose.value): reason for purpose, reason in _over(run, profile, today)}
        if not over:
            return []
        rows = tx.session.scalars(
            select(DataKeyRow)
            .where(DataKeyRow.destroyed_at.is_(None), DataKeyRow.class_run_id.in_({run for run, _ in over}))
            .order_by(DataKeyRow.id)
        ).all()
    return [
        Ended(
            EvidenceScope(
                institution, row.subject, EvidencePurpose(row.purpose), ClassRunId(row.class_run_id)
            ),
            over[row.class_run_id, row.purpose],
        )
        for row in rows
        if (row.class_run_id, row.purpose) in over
    ]


def _over(run: ClassRun, profile: ProfileInForce, today: date) -> Iterator[tuple[EvidencePurpose, str]]:
    """Yield the purposes whose time is over; none where no rule in force says so."""
    try:
        days = profile.value(TEMPLATE_DAYS, today).integer()
        if today > run.closes_on + timedelta(days=days):
            yield EvidencePurpose.FACE_TEMPLATE, "class_run_ended"
        # Which class a class run's category belongs to is the operator's word alone: the longer term keeps both right.
        years = max(profile.value(name, today).integer() for name in ARCHIVE_YEARS)
        if today > _years_after(run.closes_on, years):
            yield EvidencePurpose.FACE_FRAME, "archive_expired"
    except NoRuleInForce as error:
        log.warning("keys_kept", reason=error.reason, parameter=error.parameter)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _end(house: "House", institution: InstitutionId, ended: Ended) -> None:
    scope = ended.scope
    with house.uow.for_institution(institution) as tx:
        house.at(tx).vault.destroy(scope, reason=ended.reason, by=SCHEDULE)
        if scope.purpose is EvidencePurpose.FACE_TEMPLATE:
            # Its templates are noise now: a frame that comes yet must find no reference rather than a broken one.
            tx.session.execute(
                delete(FaceReferenceRow).where(
                    FaceReferenceRow.institution_id == institution,
                    FaceReferenceRow.learner == LearnerRef(scope.subject),
                    FaceReferenceRow.class_run == scope.class_run_id,
                )
            )


def sweep_keys(house: "House") -> None:
    """Once an hour: end what is over, and complete the list of destroyed keys."""
    hour = house.clock.now().replace(minute=0, second=0, microsecond=0)
    if house.keys_swept != hour:
        sweep_key_ends(house)
        house.destroyed.sync_if_possible(house.uow)
        house.keys_swept = hour
