"""Learners of the database with their ledgers and rules, for those who ask about a person or a whole cohort."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.hours.explanation import Explanation, explain
from bridge.hours.simulation import Member
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.registry.tables import ClassRunRow

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

EVERYBODY = "database"
"""The cohort of all learners of all class runs."""


def explain_learner(
    house: "House", learner: LearnerRef, class_run: ClassRunId, *, whole: bool = False
) -> Explanation:
    """Return the explanation of a learner's time; raises as `explanation_of`, and InvalidInput("class_run_unknown")."""
    with house.uow.for_institution(institution_of(house, class_run), read_only=True) as tx:
        return explanation_of(house, house.at(tx), learner, class_run, whole=whole)


def explanation_of(
    house: "House",
    stations: "Stations",
    learner: LearnerRef,
    class_run: ClassRunId,
    *,
    whole: bool = False,
) -> Explanation:
    """Return the same inside a unit of work.

    Args:
        whole: settle all entries, and hold what the snapshot gives against it.

    Raises:
        InvalidInput("not_enrolled"), NoRuleInForce
        Unavailable("snapshot_differs"): the snapshot gives another result than the entries.
    """
    sheet = stations.registry.class_run_sheet(class_run, learner)
    earned = stations.hours.earned(learner, class_run, whole=whole)
    if whole and stations.hours.earned(learner, class_run) != earned:
        raise Unavailable(
            "snapshot_differs",
            "快照与全部台账重算的结果不符,请运行 anxue ledger verify 查明原因。",
            permanent=True,
        )
    rules = house.rules.profile(sheet.class_run.profile)
    return explain(sheet, earned.seconds, earned.hours, rules, earned.ledger_head)


def members(house: "House", cohort: str) -> Iterator[Member]:
    """Yield the learners of the class run `cohort`, or of all of them for `EVERYBODY`, one at a time.

    Raises:
        InvalidInput("class_run_unknown")
    """
    if cohort != EVERYBODY:
        found = [(institution_of(house, ClassRunId(cohort)), ClassRunId(cohort))]
    else:
        with house.uow.across_institutions("class runs of a simulation", read_only=True) as tx:
            rows = tx.session.execute(
                select(ClassRunRow.institution_id, ClassRunRow.id).order_by(ClassRunRow.id)
            )
            found = [(InstitutionId(institution), ClassRunId(run)) for institution, run in rows]
    for institution, run in found:
        with house.uow.for_institution(institution, read_only=True) as tx:
            stations = house.at(tx)
            for learner in stations.registry.enrolled(run):
                sheet = stations.registry.class_run_sheet(run, learner)
                entries = stations.ledger.entries(learner, run)
                yield Member(sheet, entries, house.rules.profile(sheet.class_run.profile))


def institution_of(house: "House", class_run: ClassRunId) -> InstitutionId:
    """Return whose class run it is; InvalidInput("class_run_unknown")."""
    with house.uow.across_institutions("whose class run it is", read_only=True) as tx:
        found = tx.session.scalar(select(ClassRunRow.institution_id).where(ClassRunRow.id == class_run))
    if found is None:
        raise InvalidInput("class_run_unknown", "没有这个班次,请核对班次编号。", http_status=404)
    return InstitutionId(found)
