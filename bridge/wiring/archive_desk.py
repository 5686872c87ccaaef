"""What the archive's page of a class run shows beside the file: term, holds, fixity, the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.archive.disposal import Disposal
from bridge.archive.fixity import Round
from bridge.archive.holds import Hold
from bridge.archive.retention import Retention
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.registry.model import ClassRun
from bridge.wiring.archive_disposal import objection
from bridge.wiring.archive_files import kept_until

if TYPE_CHECKING:
    from bridge.wiring.house import House


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
