"""What an authority's officer sees, put together: a store that holds the area, and a logged way to names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.identity.model import MaskedIdentity
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.registry.tables import InstitutionRow
from bridge.rules.model import NoRuleInForce, RuleBook
from bridge.supervision.model import Area, AreaOfRecord
from bridge.supervision.scope import Scope
from bridge.supervision.service import SupervisionService
from bridge.supervision.signals import SignalPage, signal_page
from bridge.supervision.signals_model import SignalCount
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.store import SqlSupervisionStore

if TYPE_CHECKING:
    from bridge.wiring.house import House


def area_of(divisions: Mapping[str, str], division_code: str) -> Area:
    """Return an official's area.

    Raises:
        InvalidInput: division_code_malformed; division_unknown for a county of a city that has none (东莞, 中山).
    """
    area = Area(division_code)
    city = f"{division_code[:4]}00"
    counties = any(code.startswith(city[:4]) and code != city for code in divisions)
    if area.level == "county" and city in divisions and not counties:
        raise InvalidInput(
            "division_unknown", f"{divisions[city]}不设县级行政区,请管理员更正账号的辖区。", http_status=422
        )
    return area


def area_rules(house: "House") -> Mapping[str, AreaOfRecord]:
    """Return whose area decides today, by profile; a profile without such a rule shows its records to nobody."""
    return _area_rules(house.rules, house)


def _area_rules(rules: RuleBook, house: "House") -> Mapping[str, AreaOfRecord]:
    today, found = legal_date(house.study_clock.now()), {}
    for name in rules.profiles:
        try:
            found[name] = AreaOfRecord(
                rules.profile(name).value("supervision.area_of_record", today).string()
            )
        except NoRuleInForce:
            continue
    return found


def scope_of(house: "House", tx: Tx, division_code: str) -> Scope:
    """Return what the officials of a division may read, in a unit of work across institutions."""
    return Scope(tx, area_of(house.divisions, division_code), area_rules(house))


def supervision(house: "House", tx: Tx, division_code: str, *, officer: str) -> SupervisionService:
    """Return the service for one officer, in a unit of work across institutions that only reads."""
    authority = house.divisions.get(division_code, division_code)
    store = SqlSupervisionStore(scope_of(house, tx, division_code))
    return SupervisionService(store, PeopleOfAllInstitutions(house), authority=authority, officer=officer)


def signals_of_area(house: "House", tx: Tx, division_code: str, class_run: ClassRunId | None) -> SignalPage:
    """Return the signals of an officer's area, in a unit of work across institutions that only reads."""
    return signal_page(SqlAreaSignals(scope_of(house, tx, division_code)), class_run, house.clock.now())


def signal_count_of_area(
    house: "House", tx: Tx, division_code: str, class_run: ClassRunId | None
) -> SignalCount:
    """Return how many signals there are in an officer's area, or in one class run of it."""
    return SqlAreaSignals(scope_of(house, tx, division_code)).count(class_run)


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
