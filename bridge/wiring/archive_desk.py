"""What the archive's page of a class run shows beside the file: term, holds, fixity, the end; and who is on hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.archive.disposal import Disposal
from bridge.archive.fixity import Round
from bridge.archive.holds import Hold
from bridge.archive.retention import Retention
from bridge.db.unit_of_work import Tx
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.registry.model import ClassRun
from bridge.wiring.archive_disposal import objection
from bridge.wiring.archive_files import kept_until

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


@dataclass(frozen=True, slots=True)
class ArchiveDesk:
    """All of it; `against` says why the archive may not end today."""

    run: ClassRun
    retention: Retention | None
    holds: Sequence[Hold]
    disposal: Disposal | None
    against: str | None
    fixity: Round | None
    faults: Sequence[tuple[str, str, datetime]]


def archive_desk(house: "House", institution: InstitutionId, class_run: ClassRunId) -> ArchiveDesk:
    """Return what the page shows; InvalidInput("class_run_unknown")."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        return ArchiveDesk(
            run=run,
            retention=kept_until(house, run),
            holds=stations.legal_holds.of(class_run),
            disposal=stations.disposals.of(class_run),
            against=objection(house, tx, run),
            fixity=stations.fixity.newest(),
            faults=stations.fixity.open_faults(class_run),
        )


def on_hold(stations: "Stations", tx: Tx, subject: str, class_run: ClassRunId | None) -> bool:
    """Return whether a key of `subject` may not be destroyed now: for whoever ends keys by a schedule or on request.

    Args:
        subject: a data key's: a LearnerRef, or the id of an enrolment list's row, whose learner is looked up.
        class_run: the key's; None asks for all class runs that the learner is in.
    """
    learner = tx.session.scalar(
        select(EnrolmentListRow.learner).where(
            EnrolmentListRow.id == subject, EnrolmentListRow.institution_id == tx.institution_id
        )
    )
    holds = stations.legal_holds
    who = LearnerRef(learner or subject)
    runs = [class_run] if class_run is not None else stations.registry.class_runs_of(who)
    return holds.binds(None, who) if not runs else any(holds.binds(run, who) for run in runs)
