"""The table of tests that were decided anew after two people had seen that a check over them was wrong."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Id, Instant, JsonList, Ref, TenantRow


class TestDecidedAnewRow(Base, TenantRow):
    """What became of one decision by one review; never changed, and the decision stays beside it."""

    __tablename__ = "test_decided_anew"
    __table_args__ = (UniqueConstraint("institution_id", "decision", "review"),)
    __test__ = False

    id: Mapped[Id]
    decision: Mapped[str] = mapped_column(String(40), ForeignKey("test_decision.id"))
    review: Mapped[Ref]
    accepted: Mapped[bool]
    reasons: Mapped[JsonList]
    checks_passed: Mapped[int]
    decided_at: Mapped[Instant]
