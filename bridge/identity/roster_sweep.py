"""Readings of rosters are notes on how it went: old ones go, the last of each course stay."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, select

from bridge.db.unit_of_work import UnitOfWork
from bridge.identity.roster_model import READ
from bridge.identity.roster_tables import LmsRosterReadRow

READS_KEPT = timedelta(days=90)
"""Practice: who was in a course when is in the memberships, which are kept; a quarter says how well it was read."""
_AT_ONCE = 1000


def sweep_roster_reads(uow: UnitOfWork, now: datetime) -> int:
    """Delete readings older than `READS_KEPT`; return how many.

    The newest of each roster stays whatever its age, and so does the newest that was taken over: a page shows both.
    """
    row = LmsRosterReadRow
    taken_over = case((row.outcome == READ, 1), else_=0)
    age = func.row_number().over(
        partition_by=(row.roster_id, taken_over), order_by=(row.ended_at.desc(), row.id.desc())
    )
    ranked = select(row.id, row.ended_at, age.label("age")).subquery()
    over = select(ranked.c.id).where(ranked.c.age > 1, ranked.c.ended_at < now - READS_KEPT).limit(_AT_ONCE)
    with uow.across_institutions("drop old readings of rosters") as tx:
        gone = tx.session.scalars(over).all()
        result: Any = tx.session.execute(delete(row).where(row.id.in_(gone)))
    return int(result.rowcount)
