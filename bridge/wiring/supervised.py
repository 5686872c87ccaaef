"""What an authority's officer sees, put together: a store that holds the area, and a logged way to names."""

from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.identity.model import MaskedIdentity
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.registry.tables import InstitutionRow
from bridge.supervision.model import Area
from bridge.supervision.service import SupervisionService
from bridge.supervision.signals import SignalPage, signal_count, signal_page
from bridge.supervision.signals_model import SignalCount
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.store import SqlSupervisionStore

if TYPE_CHECKING:
    from bridge.wiring.house import House


def supervision(house: "House", tx: Tx, division_code: str, *, officer: str) -> SupervisionService:
    """Return the service for one officer, in a unit of work across institutions that only reads."""
    area = Area(division_code)
    authority = house.divisions.get(division_code, division_code)
    return SupervisionService(
        SqlSupervisionStore(tx, area), PeopleOfAllInstitutions(house), authority=authority, officer=officer
    )


def signals_of_area(house: "House", tx: Tx, division_code: str, class_run: ClassRunId | None) -> SignalPage:
    """Return the signals of an officer's area, in a unit of work across institutions that only reads."""
    return signal_page(SqlAreaSignals(tx, Area(division_code)), class_run, house.clock.now())


def signal_count_of_area(tx: Tx, division_code: str, class_run: ClassRunId | None) -> SignalCount:
    """Return how many signals there are in an officer's area, or in one class run of it."""
    return signal_count(SqlAreaSignals(tx, Area(division_code)), class_run)


class PeopleOfAllInstitutions:
    """`supervision.ports.PersonSearch`: asks identity of each institution in a unit of work of its own."""

    def __init__(self, house: "House") -> None:
        self._house = house

    def find(self, citizen_id: str) -> tuple[tuple[InstitutionId, LearnerRef], ...]:
        house = self._house
        with house.uow.across_institutions("search a person for supervision", read_only=True) as tx:
            institutions = [InstitutionId(one) for one in tx.session.scalars(select(InstitutionRow.id))]
        found: list[tuple[InstitutionId, LearnerRef]] = []
        for institution in institutions:
            # Blind indexes differ from tenant to tenant, so that two tables cannot be joined on them.
            with house.uow.for_institution(institution, read_only=True) as tx:
                store = SqlIdentityStore(tx, house.cipher)
                learner = store.learner_with(citizen_id)
                # What was studied before two records of one human were merged stands under the other one.
                records = [] if learner is None else store.changes.records_of(learner)
            found.extend((institution, record) for record in records)
        return tuple(found)

    def masked(
        self, institution_id: InstitutionId, learner: LearnerRef, *, purpose: str, recipient: str, by: str
    ) -> MaskedIdentity:
        with self._house.uow.for_institution(institution_id) as tx:
            identity = self._house.at(tx).identity
            return identity.disclose(learner, purpose=purpose, recipient=recipient, by=by).masked()
