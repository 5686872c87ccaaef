"""What tests of the gate before a platform's test have in common: coming to it, and what stands afterwards."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from bridge.completion.model import TestScore
from bridge.db.outbox import EventRow
from bridge.kernel.ids import LearnerRef
from tests.web.furnished import ORG, RUN
from tests.web.lms import (
    NONE,
    Claims,
    GateAgent,
    Lms,
    csrf_of,
)


def at_gate(lms: Lms, client: FlaskClient, answer: Any) -> GateAgent:
    assert answer.status_code == 303, answer.text
    page = answer.headers["Location"]
    shown = client.get(page)
    assert shown.status_code == 200, shown.text
    return GateAgent(lms.furnished, client, page, csrf_of(shown.text))


def started(lms: Lms, client: FlaskClient, claims: Claims = NONE) -> GateAgent:
    """Return the agent of somebody whose test runs at the platform."""
    agent = at_gate(lms, client, lms.start_proctoring(client, claims))
    assert agent.open().status_code == 201
    assert agent.check() == "passed"
    assert agent.post("/start", "text/html").status_code == 200
    return agent


def rows(lms: Lms, table: Any) -> list[Any]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(tx.session.scalars(select(table).order_by(table.id)))


def ended_events(lms: Lms) -> list[dict[str, Any]]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = tx.session.scalars(
            select(EventRow).where(EventRow.type == "proctoring.assessment_ended").order_by(EventRow.id)
        )
        return [row.data for row in found]


def score(lms: Lms, learner: LearnerRef, over: Claims, mark: str, **changes: str) -> Any:
    """Return the decision on a result of the attempt that is over."""
    claim = {
        "learner": learner,
        "class_run": RUN,
        "unit": over["unit"],
        "attempt": over["attempt"],
        "score": mark,
        "maximum": "100",
        "started_real": over["started_real"],
        "finished_real": over["ended_real"],
        "message": f"msg_{over['attempt'][:20]}",
        **changes,
    }
    with lms.furnished.house.uow.for_institution(ORG) as tx:
        return lms.furnished.house.at(tx).completion.decide_test(TestScore(**claim))
