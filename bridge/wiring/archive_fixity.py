"""The fixity schedule: begins each institution's round when it is due, and looks at it lot by lot.

With it goes what keeps the stores clean: drafts that killed processes left are removed.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import structlog
from sqlalchemy import select

from bridge.archive.fixity import FIXITY_LOT, REASONS, Looked
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import EvidenceId, InstitutionId
from bridge.registry.tables import InstitutionRow
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House

log = structlog.get_logger()

_LOT = 64
"""Pieces of one job: a few seconds of reading, so that nobody waits behind it."""


class FixityJobs:
    """The job of one lot."""

    def __init__(self, house: "House") -> None:
        self._house = house

    def look(self, job: Job) -> tuple[list[Looked], bool]:
        """Return what the next lot shows, and whether it is the last.

        Raises:
            Unavailable: the store or the key service does not answer; the job is tried again.
        """
        house = self._house
        with house.uow.for_institution(job.institution_id, read_only=True) as tx:
            stations = house.at(tx)
            lot = stations.fixity.lot(job.key, _LOT)
            looked = []
            for evidence, key in lot:
                fault = None
                try:
                    stations.vault.get(job.institution_id, EvidenceId(evidence.id))
                except InvalidInput:
                    # Its key was destroyed since the lot was read: there is nothing to look at.
                    continue
                except Unavailable as error:
                    if error.reason not in REASONS:
                        raise
                    fault = error.reason
                looked.append(
                    Looked(
                        EvidenceId(evidence.id),
                        evidence.size,
                        key.subject,
                        key.purpose,
                        key.class_run_id,
                        fault,
                    )
                )
        return looked, len(lot) < _LOT

    def note(self, tx: Tx, job: Job, found: tuple[list[Looked], bool]) -> None:
        """Keep what it showed."""
        looked, last = found
        self._house.at(tx).fixity.note(job.key, looked, last=last)


def fixity_works(house: "House") -> dict[str, Work]:
    """Return the job's work."""
    jobs = FixityJobs(house)
    return {FIXITY_LOT: Work(prepare=jobs.look, apply=jobs.note)}


def begin_rounds(house: "House") -> int:
    """Begin a round for each institution for which one is due; return how many."""
    with house.uow.across_institutions("whose store is to be looked at", read_only=True) as tx:
        institutions = [InstitutionId(one) for one in tx.session.scalars(select(InstitutionRow.id))]
    begun = 0
    for institution in institutions:
        with house.uow.for_institution(institution) as tx:
            every = timedelta(days=house.settings.fixity_days)
            begun += house.at(tx).fixity.begin_if_due(every) is not None
    if begun:
        log.info("fixity_rounds_begun", institutions=begun)
    return begun


@runtime_checkable
class KeepsDrafts(Protocol):
    """A store that writes a draft before a name."""

    def sweep_drafts(self) -> int:
        """Remove drafts that are nobody's; return how many."""
        ...


def sweep_drafts(house: "House") -> int:
    """Remove what killed processes left in the stores of this machine; return how many."""
    swept = sum(
        store.sweep_drafts()
        for store in (house.blobs, house.material_files)
        if isinstance(store, KeepsDrafts)
    )
    if swept:
        log.info("store_drafts_swept", drafts=swept)
    return swept


def sweep_fixity(house: "House") -> None:
    """Once an hour: begin what is due, and remove drafts that are nobody's."""
    hour = house.clock.now().replace(minute=0, second=0, microsecond=0)
    if house.fixity_swept != hour:
        begin_rounds(house)
        sweep_drafts(house)
        house.fixity_swept = hour
