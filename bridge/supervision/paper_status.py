"""What a paper is on a day, in a query: one that ends is over from midnight on, whatever a sweep has noted yet."""

from datetime import date
from typing import Any

from sqlalchemy import FromClause, and_, case

from bridge.supervision.scope import table

_VALID, _EXPIRED = "valid", "expired"


def paper_status(today: date, paper: FromClause | None = None) -> Any:
    """Return a column `status`; as `completion.life_model.status_on`.

    Args:
        paper: the table of papers, or what stands for it.
    """
    rows = table("certificate") if paper is None else paper
    over = and_(rows.c.status == _VALID, rows.c.expires_on.is_not(None), rows.c.expires_on <= today)
    return case((over, _EXPIRED), else_=rows.c.status).label("status")
