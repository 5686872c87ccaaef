"""Enrolment lists: read from a file in memory, taken over by a job, previews wiped when their time is over."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.enrolment import ENROLMENT_WANTED, expired_previews
from bridge.identity.enrolment_files import Photos, read_grid
from bridge.identity.enrolment_sheet import read_sheet
from bridge.intake.contact import without_contact_text
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House


def preview_list(
    house: "House", institution: InstitutionId, class_run: ClassRunId, content: bytes, photos: bytes, by: str
) -> str:
    """Read a list and keep its preview; return the import's id.

    Args:
        content: an .xlsx or CSV file; photos: a ZIP file, empty for none.
        by: a member of staff, by id.

    Raises:
        InvalidInput: class_run_unknown, and those of `read_grid`, `read_sheet` and `Photos`.
    """
    with house.uow.for_institution(institution, read_only=True) as tx:
        house.at(tx).registry.class_run(class_run)
    sheet, pictures = read_sheet(read_grid(content), without_contact_text), Photos(photos)
    # Reading and planning take seconds for a long list; nobody else could write if this unit of work did.
    with house.uow.for_institution(institution, read_only=True) as tx:
        plan = house.at(tx).enrolments.plan(class_run, sheet, pictures)
    with house.uow.for_institution(institution) as tx:
        return house.at(tx).enrolments.preview(class_run, plan, by)


def enrolment_works(house: "House") -> Mapping[str, Work]:
    """Return how a confirmed list is taken over."""
    return {ENROLMENT_WANTED: Work(apply=partial(_take_over, house))}


def sweep_previews(house: "House") -> None:
    """Wipe the previews that nobody confirmed in time."""
    for institution, import_id in expired_previews(house.uow, house.clock.now()):
        with house.uow.for_institution(institution) as tx:
            house.at(tx).enrolments.expire(import_id)


def _take_over(house: "House", tx: Tx, job: Job, _prepared: Any) -> None:
    if house.at(tx).enrolments.take_over(job.key):
        tx.want(job.kind, job.key)
