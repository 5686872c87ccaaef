"""A paper's last day is over at midnight for everybody who looks, the authority included, before any sweep has run."""

from bridge.completion.life_model import PaperChangeKind
from bridge.completion.store import CertificateRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.supervision.api_queries import Chosen, SqlApiQueries
from bridge.supervision.model import Area, AreaOfRecord
from bridge.supervision.scope import Scope
from bridge.supervision.store import SqlSupervisionStore
from bridge.wiring.compliance import _counts
from tests.web.furnished import ORG, RUN, Furnished

Finished = tuple[Furnished, str, LearnerRef, str]
RULES = {"guangdong": AreaOfRecord.INSTITUTION}


def _scope(tx: Tx) -> Scope:
    return Scope(tx, Area("440000"), RULES)


def test_the_authority_sees_a_paper_expired_on_its_day(finished_alone: Finished) -> None:
    house, _account, learner, number = finished_alone
    today = legal_date(house.clock.now())
    with house.house.uow.for_institution(ORG) as tx:
        before = _counts(tx, RUN)["papers"]
        life = house.house.at(tx).paper_life
        change = life.propose(
            number, PaperChangeKind.EXPIRE, reason="term_over", by="staff_a", expires_on=today
        )
        life.confirm(change.id, "staff_b")

    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        kept = tx.session.get(CertificateRow, number)
        assert kept is not None
        assert kept.status == "valid"
        assert _counts(tx, RUN)["papers"] == before - 1
    with house.house.uow.across_institutions("a test", read_only=True) as tx:
        shown = SqlSupervisionStore(_scope(tx)).learners(RUN)
        assert {one.status for who in shown for one in who.papers if one.number == number} == {"expired"}
        api = SqlApiQueries(_scope(tx))
        found = {
            status: [row["number"] for row in api.papers(Chosen(today=today, status=status), None, 10).rows]
            for status in ("valid", "expired")
        }
        assert (number in found["valid"], found["expired"]) == (False, [number])
        listed = {row["learner"]: row for row in api.learners(Chosen(today=today), None, 10).rows}
        assert number not in listed[learner].values()
