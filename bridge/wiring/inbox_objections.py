"""What stands against letting a day of raw batches go; each is a reason, a count, and a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, text

from bridge.db.base import UtcDateTime
from bridge.intake import days
from bridge.intake.day_tables import is_by_days
from bridge.intake.retention import DayContent


@dataclass(frozen=True, slots=True)
class Objection:
    """One."""

    reason: str
    count: int
    message: str


_OF_DAY = "m.source = 'agent' AND m.chain >= :first AND m.chain < :end"
_AGAINST = {
    "not_in_ledger": (
        "SELECT count(*) FROM {table} m WHERE {of_day}"
        " AND NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.session_id = m.chain AND e.batch_seq = m.seq)"
        " AND NOT EXISTS (SELECT 1 FROM intake_quarantine q WHERE q.chain = m.chain AND q.seq = m.seq"
        " AND q.state = 'discarded')",
        "还没有记入台账。",
    ),
    "in_quarantine": (
        "SELECT count(*) FROM intake_quarantine m WHERE {of_day} AND m.state = 'waiting'",
        "在隔离区等待处理。",
    ),
    "received_lately": (
        "SELECT count(*) FROM {table} m WHERE {of_day} AND m.received_at > :since",
        "收到的时间还在保留期内。",
    ),
    "session_open": (
        "SELECT count(*) FROM study_session m WHERE m.open AND {id} >= :first AND {id} < :end",
        "所属学习会话仍然打开。",
    ),
}
"""Each counts what must not be there."""


def objections(
    connection: Connection, day: date, content: DayContent, since: datetime, *, sessions_may_be_open: bool
) -> Sequence[Objection]:
    """Return what stands against detaching a day.

    Args:
        since: who received a batch after it keeps it.
        sessions_may_be_open: they will be closed before the day goes.
    """
    first, end = days.bounds(day)
    by_days = is_by_days(connection)
    table = days.partition(day) if by_days else "inbox_message"
    session_id = 'm.id COLLATE "C"' if by_days else "m.id"
    found = []
    for reason, (counting, message) in _AGAINST.items():
        if reason == "session_open" and sessions_may_be_open:
            continue
        statement = text(counting.format(table=table, of_day=_OF_DAY, id=session_id))
        given: dict[str, object] = {"first": first, "end": end}
        if ":since" in counting:
            statement = statement.bindparams(bindparam("since", type_=UtcDateTime()))
            given["since"] = since
        count = connection.execute(statement, given).scalar_one()
        if count:
            found.append(Objection(reason, count, f"{count} 条{message}"))
    held = connection.execute(
        text(f"SELECT count(*) FROM {table} m WHERE {_OF_DAY}"),  # noqa: S608  # names of ours
        {"first": first, "end": end},
    ).scalar_one()
    if held != content.batches:
        found.append(
            Objection("chain_broken", abs(content.batches - held), "哈希链缺少或多出批次,请停止删除并检查。")
        )
    return found
