"""Reviews on a real database, with a clock that stands and checks that ended as a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bridge.db.engine import open_engine
from bridge.db.outbox import EventRow
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.ids import CheckId, ClassRunId, InstitutionId, LearnerRef, StudySessionId
from bridge.kernel.time import FixedClock, epoch_ms
from bridge.presence.model import CheckKind, CheckState, PresenceCheck
from bridge.presence.review.model import ReviewRules
from bridge.presence.review.service import Reviews
from bridge.presence.review.store import SqlReviewStore
from bridge.presence.store import SqlPresenceStore
from tests.presence.review.made import LEARNER, NOW, RULES, RUN
from tests.servers.tables import make_tables

ORG, OTHER_ORG = InstitutionId("org_a"), InstitutionId("org_b")


@dataclass
class MadeRules:
    """`ReviewRulesInForce` whose values a test sets."""

    values: ReviewRules = field(default_factory=lambda: RULES)

    def reviews(self, class_run: ClassRunId) -> ReviewRules:
        return self.values


@dataclass
class Opened:
    """Reviews inside one unit of work."""

    tx: Tx
    store: SqlReviewStore
    reviews: Reviews


class Desk:
    """One installation's reviews."""

    def __init__(self, database_url: str) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        self.clock = FixedClock(NOW)
        self.uow = UnitOfWork(self.engine, self.clock)
        self.rules = MadeRules()

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[Opened]:
        with self.uow.for_institution(institution) as tx:
            store = SqlReviewStore(tx)
            yield Opened(tx, store, Reviews(store, tx, self.rules, self.clock))

    def ended(
        self,
        check: str,
        outcome: CheckState | str = CheckState.OTHER_PERSON,
        *,
        at: datetime = NOW - timedelta(minutes=5),
        learner: LearnerRef = LEARNER,
        run: ClassRunId = RUN,
        institution: InstitutionId = ORG,
    ) -> CheckId:
        """Keep a check that ended so; an open one has no end."""
        outcome, at_ms = CheckState(outcome), epoch_ms(at)
        made = PresenceCheck(
            id=CheckId(check),
            session=StudySessionId("ss_1"),
            learner=learner,
            class_run=run,
            kind=CheckKind.RANDOM,
            due_ms=at_ms - 30_000,
            opened_ms=at_ms - 20_000,
            answer_by_ms=at_ms + 40_000,
            attempts_left=0,
            state=outcome,
            nonce="n",
            verdicts=(),
        )
        with self.uow.for_institution(institution) as tx:
            store = SqlPresenceStore(tx)
            store.add_check(made)
            store.save_check(made, None if outcome is CheckState.OPEN else at_ms)
        return made.id

    def note(self, check: CheckId, outcome: str, institution: InstitutionId = ORG) -> None:
        """Tell reviews how a check ended, as the flow does."""
        with self.open(institution) as opened:
            opened.reviews.note_check(
                {"learner": LEARNER, "class_run": RUN, "check": check, "outcome": outcome}
            )

    def case(self, check: str = "chk_1", outcome: str = "other_person", **when: Any) -> str:
        """Return the id of the case that the system opens for a new check."""
        self.note(self.ended(check, outcome, **when), outcome)
        with self.open() as opened:
            return opened.store.of_check(CheckId(check))[-1].id

    def events(self, type_: str) -> list[dict[str, Any]]:
        with self.uow.across_institutions("read a test's events", read_only=True) as tx:
            rows = tx.session.scalars(select(EventRow).where(EventRow.type == type_).order_by(EventRow.id))
            return [row.data for row in rows]

    def close(self) -> None:
        self.engine.dispose()
