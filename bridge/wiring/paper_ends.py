"""Papers whose day has come: the register says so too, and it is told; who looks sees it from midnight on anyway."""

from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.completion.life import STATUS_CHANGED
from bridge.completion.life_model import EXPIRED, VALID
from bridge.completion.store import CertificateRow
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import legal_date, rfc3339

if TYPE_CHECKING:
    from bridge.wiring.house import House


def end_papers(house: "House") -> int:
    """Note each paper whose end two people confirmed and whose day has come; return how many."""
    now = house.clock.now()
    row = CertificateRow
    with house.uow.across_institutions("which papers end today", read_only=True) as tx:
        due = tx.session.execute(
            select(row.institution_id, row.number).where(
                row.status == VALID, row.expires_on.is_not(None), row.expires_on <= legal_date(now)
            )
        ).all()
    for institution, number in due:
        with house.uow.for_institution(InstitutionId(institution)) as tx:
            store = house.at(tx).completion_store
            paper = store.paper_by_number(number)
            if paper is None or paper.status != EXPIRED:
                continue
            store.set_status(number, EXPIRED)
            tx.emit(
                STATUS_CHANGED,
                number,
                occurred_at=now,
                idempotency_key=f"{number}|{EXPIRED}",
                data={
                    "number": number,
                    "learner": paper.learner,
                    "class_run": paper.class_run,
                    "kind": paper.kind.value,
                    "what": "expired",
                    "status": EXPIRED,
                    "expires_on": None if paper.expires_on is None else paper.expires_on.isoformat(),
                    "at": rfc3339(now),
                },
            )
    return len(due)
