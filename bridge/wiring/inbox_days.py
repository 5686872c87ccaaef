"""The inbox's days: old raw batches detached, taken back or dropped, and the proof of what is gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, collate, select, text
from sqlalchemy.exc import OperationalError

from bridge.db.unit_of_work import Tx
from bridge.intake import days
from bridge.intake.day_tables import attach, attached_days, detach, drop, is_by_days, make_days, take_turn
from bridge.intake.retention import (
    DayContent,
    KeepRule,
    Step,
    StepTaken,
    digest_of,
    last_steps,
    record_step,
)
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, StudySessionId
from bridge.kernel.time import legal_date
from bridge.presence.tables import StudySessionRow
from bridge.rules.model import NoRuleInForce
from bridge.wiring.inbox_objections import Objection, objections

if TYPE_CHECKING:
    from bridge.wiring.house import House

log = structlog.get_logger()

SCHEDULE = "schedule"
"""Who takes the steps that nobody asked for."""
_KEEP, _UNDO = "retention.raw_beats_days", "retention.raw_beats_undo_days"
_RULE_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What became of a day, or would.

    Args:
        done: None where something stands against it.
        objections: what does.
    """

    day: date
    content: DayContent
    done: Step | None
    drop_after: datetime | None = None
    objections: Sequence[Objection] = ()


def keep_rule(house: "House", today: date) -> KeepRule:
    """Return what binds: a day holds batches of all institutions, so the longest of all profiles.

    Raises:
        NoRuleInForce: a profile does not say; then nothing goes.
    """
    keep, undo = (
        max((one.value(name, today) for one in house.rules.profiles.values()), key=lambda one: one.integer())
        for name in (_KEEP, _UNDO)
    )
    said = "; ".join(
        f"{name}={one.integer()} {one.pack_id}@{one.pack_hash[:12]} ({one.parameter.citation.basis})"
        for name, one in ((_KEEP, keep), (_UNDO, undo))
    )
    return KeepRule(keep.integer(), undo.integer(), said[:_RULE_CHARACTERS])


def sweep_inbox_days(house: "House") -> None:
    """Make the tables of the coming days each hour, and let old days go once a day."""
    now = house.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    if house.inbox_swept == hour:
        return
    try:
        for day in make_days(house.uow, now):
            log.info("inbox_day_made", day=day.isoformat())
        if house.inbox_swept is None or legal_date(house.inbox_swept) != legal_date(now):
            for outcome in retain(house, by=SCHEDULE):
                _tell(outcome)
    except OperationalError as error:
        # Somebody held the table for longer than we may make others wait: the next sweep tries again.
        log.warning("inbox_days_put_off", cause=type(error.orig).__name__)
        return
    except NoRuleInForce as error:
        log.warning("inbox_days_kept", reason=error.reason, parameter=error.parameter)
    house.inbox_swept = hour


def retain(house: "House", *, by: str, dry_run: bool = False, day: date | None = None) -> list[DayOutcome]:
    """Detach the days that are due and drop those that were detached long enough ago, each in its own unit of work.

    Args:
        day: this one alone; also one that was taken back, which else stays.

    Raises:
        NoRuleInForce: as `keep_rule`.
        InvalidInput: day_not_due, day_unknown.
    """
    now = house.clock.now()
    rule = keep_rule(house, legal_date(now))
    if day is not None and not rule.is_due(day, legal_date(now)):
        raise InvalidInput("day_not_due", f"{day} 的原始批次还在保留期内(保留 {rule.keep_days} 天)。")
    with house.uow.across_institutions("which days of raw batches are there", read_only=True) as tx:
        last = last_steps(tx.session)
        present = _present_days(tx.session.connection())
    if day is not None and day not in present and _step(last, day) is not Step.DETACHED:
        raise InvalidInput("day_unknown", f"收件箱中没有 {day} 的原始批次。")
    outcomes = []
    for one in sorted({*present, *last}) if day is None else [day]:
        before = last.get(one)
        match _step(last, one):
            case Step.DETACHED if before is not None and before.drop_after is not None:
                if before.drop_after <= now:
                    outcomes.append(_drop(house, before, rule, by=by, dry_run=dry_run))
            case Step.RESTORED if day is None:
                continue
            case _ if one in present and rule.is_due(one, legal_date(now)):
                outcomes.append(_detach(house, one, rule, by=by, dry_run=dry_run))
    return outcomes


def restore(house: "House", day: date, *, by: str) -> DayOutcome:
    """Take back a day that was detached; it then stays until somebody names it.

    Raises:
        InvalidInput: day_not_detached.
    """
    with house.uow.across_institutions("take back a day of raw batches") as tx:
        connection = _in_turn(tx)
        before = last_steps(tx.session).get(day)
        if before is None or before.step is not Step.DETACHED:
            raise InvalidInput("day_not_detached", f"{day} 的原始批次没有移出,或已经删除,无法撤回。")
        if is_by_days(connection):
            attach(connection, day)
        now = house.clock.now()
        record_step(tx.session, StepTaken(day, Step.RESTORED, now, by, before.content, before.rule, None))
    return DayOutcome(day, before.content, Step.RESTORED)


def _detach(house: "House", day: date, rule: KeepRule, *, by: str, dry_run: bool) -> DayOutcome:
    if not dry_run:
        _close_sessions(house, day)
    now = house.clock.now()
    with house.uow.across_institutions("detach a day of raw batches", read_only=dry_run) as tx:
        connection = tx.session.connection() if dry_run else _in_turn(tx)
        content = _content(connection, day)
        against = objections(
            connection, day, content, now - timedelta(days=rule.keep_days), sessions_may_be_open=dry_run
        )
        if against:
            return DayOutcome(day, content, None, objections=against)
        drop_after = now + timedelta(days=rule.undo_days)
        if not dry_run:
            if is_by_days(connection):
                detach(connection, day)
            record_step(tx.session, StepTaken(day, Step.DETACHED, now, by, content, rule.said, drop_after))
    return DayOutcome(day, content, Step.DETACHED, drop_after)


def _drop(house: "House", before: StepTaken, rule: KeepRule, *, by: str, dry_run: bool) -> DayOutcome:
    day = before.day
    with house.uow.across_institutions("drop a day of raw batches", read_only=dry_run) as tx:
        connection = tx.session.connection() if dry_run else _in_turn(tx)
        content = _content(connection, day)
        if content != before.content:
            changed = Objection("content_changed", 1, "移出后内容有变化,请停止删除并检查。")
            return DayOutcome(day, content, None, objections=[changed])
        if not dry_run:
            now = house.clock.now()
            # The record first: SQLite lets rows go by it alone.
            record_step(tx.session, StepTaken(day, Step.DROPPED, now, by, content, rule.said, None))
            if is_by_days(connection):
                drop(connection, day)
            else:
                _delete(connection, day, content.batches)
    return DayOutcome(day, content, Step.DROPPED)


def _close_sessions(house: "House", day: date) -> None:
    """Close the day's sessions that were never ended: nobody may send to a day that goes."""
    with house.uow.across_institutions("which sessions of an old day are open", read_only=True) as tx:
        rows = tx.session.execute(
            select(StudySessionRow.institution_id, StudySessionRow.id).where(
                StudySessionRow.open.is_(True), *_of_day(tx.session.connection(), day)
            )
        ).all()
    for institution, session in rows:
        with house.uow.for_institution(InstitutionId(institution)) as tx:
            house.at(tx).presence.close_session(StudySessionId(session), "expired")


def audit_dropped(house: "House") -> list[tuple[StepTaken, bool]]:
    """Return each dropped day's record, and whether the sessions' own last links still are what was dropped."""
    with house.uow.across_institutions("prove what was dropped", read_only=True) as tx:
        connection = tx.session.connection()
        dropped = [taken for taken in last_steps(tx.session).values() if taken.step is Step.DROPPED]
        return [(taken, _of_sessions(connection, taken.day) == taken.content) for taken in dropped]


def _of_sessions(connection: Connection, day: date) -> DayContent:
    ordered = _sortable(connection)
    rows = connection.execute(
        select(StudySessionRow.id, StudySessionRow.chain_seq, StudySessionRow.chain_hash)
        .where(StudySessionRow.chain_seq > 0, *_of_day(connection, day))
        .order_by(ordered)
    )
    return DayContent(*digest_of((row[0], row[1], row[2]) for row in rows))


def _of_day(connection: Connection, day: date) -> tuple[Any, Any]:
    first, end = days.bounds(day)
    ordered = _sortable(connection)
    return ordered >= first, ordered < end


def _sortable(connection: Connection) -> Any:
    """Return the session's id in the order of its bytes, whatever the database's own order."""
    return collate(StudySessionRow.id, "C") if is_by_days(connection) else StudySessionRow.id


def _content(connection: Connection, day: date) -> DayContent:
    """Return what a day's table (on SQLite: the day's part of the one table) holds."""
    first, end = days.bounds(day)
    table = days.partition(day) if is_by_days(connection) else "inbox_message"
    rows = connection.execute(
        text(
            f"SELECT m.chain, m.seq, m.hash FROM {table} m"  # noqa: S608  # a name of ours
            " WHERE m.source = 'agent' AND m.chain >= :first AND m.chain < :end AND NOT EXISTS"
            f" (SELECT 1 FROM {table} n WHERE n.chain = m.chain AND n.seq = m.seq + 1)"
            " ORDER BY m.chain"
        ),
        {"first": first, "end": end},
    )
    return DayContent(*digest_of((row[0], row[1], row[2]) for row in rows))


def _present_days(connection: Connection) -> Sequence[date]:
    if is_by_days(connection):
        return attached_days(connection)
    return list(_days_of_chains(connection))


def _days_of_chains(connection: Connection) -> Iterator[date]:
    """Yield the days on which SQLite's chains of batches began, by leaping from the end of one to the next chain."""
    leap = text(
        "SELECT min(chain) FROM inbox_message WHERE source = 'agent' AND chain >= :begin AND chain < :last"
    )
    begin, last = "ss_", "ss_~"
    while (chain := connection.execute(leap, {"begin": begin, "last": last}).scalar()) is not None:
        day = days.day_of_chain(chain)
        yield day
        begin = days.bounds(day)[1]


def _delete(connection: Connection, day: date, batches: int) -> None:
    first, end = days.bounds(day)
    gone = connection.execute(
        text("DELETE FROM inbox_message WHERE source = 'agent' AND chain >= :first AND chain < :end"),
        {"first": first, "end": end},
    ).rowcount
    if gone != batches:
        raise RuntimeError(f"{batches} batches were recorded, {gone} deleted")


def _in_turn(tx: Tx) -> Connection:
    connection = tx.session.connection()
    if is_by_days(connection):
        take_turn(connection)
    return connection


def _step(last: dict[date, StepTaken], day: date) -> Step | None:
    return last[day].step if day in last else None


def _tell(outcome: DayOutcome) -> None:
    day, step = outcome.day.isoformat(), outcome.done
    if step is None:
        reasons = [f"{one.reason}:{one.count}" for one in outcome.objections]
        log.warning("inbox_day_kept", day=day, reasons=reasons)
    else:
        log.info("inbox_day_retained", day=day, step=step.value, batches=outcome.content.batches)
