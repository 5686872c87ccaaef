"""What a learner's page is told while they study: the day's figures, what comes next, why something did not count and
where to make it up, and the commands that stand until they are replaced (`agent/v1.js`).

Written by the job that follows each growth of the ledger, never in the door: a beat only hands over what is noted.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from bridge.db.unit_of_work import Tx
from bridge.hours.model import HoursStatement
from bridge.hours.service import HoursService
from bridge.intake.store import SqlInbox
from bridge.kernel.ids import ClassRunId, CourseUnitId, LearnerRef, StudySessionId
from bridge.kernel.intervals import IntervalSet
from bridge.kernel.time import StudyClock, epoch_ms
from bridge.ledger.model import ProfileStudyRules, Refusal, SecondsStatement, StudyRules, Verdict
from bridge.ledger.model.rules import legal_day
from bridge.presence.model import Activity, Command
from bridge.presence.store import SqlPresenceStore
from bridge.presence.tables import StudySessionRow
from bridge.registry.model import ClassRunSheet
from bridge.registry.service import RegistryService
from bridge.rules.model import ProfileInForce, RuleBook
from bridge.rules.wording import seconds_zh
from bridge.wiring.earned import EarnedFromLedger
from bridge.wiring.inbox_batches import batch_of

REASONS_TOLD = 4
TOLD_ANEW_AFTER_MS = 30_000
CAP_NEAR_MS = 15 * 60_000
LEAST_LOSS_MS = 10_000
"""Less than a beat's worth of media is not worth sending anybody back for."""
TO_BE_MADE_UP = frozenset(
    {
        Refusal.BEAT_GAP,
        Refusal.OTHER_PERSON,
        Refusal.SUSPECTED_SPOOF,
        Refusal.CHECK_MISSED,
        Refusal.PROMPT_MISSED,
        Refusal.PRESENCE_GAP,
        Refusal.IDLE,
        Refusal.OVER_RATE,
    }
)
"""Refused time whose media was played and may be played again; after the others there is nothing to go back to."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An open session as it stands.

    Args:
        media_ms: where its media stood last.
        asked: a check or a prompt is open: it comes before anything else.
    """

    id: str
    unit: str
    media_ms: int
    asked: bool


def news_of(statement: SecondsStatement, next_zh: str, now_ms: int) -> dict[str, Any]:
    """Return what the page shows: "today" in the agent's protocol.

    Args:
        next_zh: what comes next, "" for nothing.
    """
    day = statement.on_day(legal_day(now_ms))
    refused = sorted(((ms, code) for code, ms in day.refused_ms.items() if ms >= 1000), reverse=True)
    told: dict[str, Any] = {
        "credited_seconds": statement.credited_seconds,
        "provisional_seconds": statement.provisional_seconds,
        "refused_seconds": statement.figures.refused_seconds_total,
        "day": {
            "credited_seconds": day.credited_seconds,
            "provisional_seconds": day.provisional_seconds,
            "refused_seconds": day.refused_seconds_total,
        },
        "reasons": [
            {"code": code, "seconds": ms // 1000, "message": statement.reasons[code].sentence_zh}
            for ms, code in refused[:REASONS_TOLD]
        ],
        "at_ms": now_ms,
    }
    if next_zh:
        told["next"] = next_zh
    return told


def next_of(sheet: ClassRunSheet, hours: HoursStatement, unit: str) -> str:
    """Return what is still to do in the part of the outline that `unit` teaches, or after it."""
    parts = {one.id: one for one in hours.units}
    taught = next((one.outline_unit_id for one in sheet.course.units if one.id == unit), None)
    here = parts.get(taught or "")
    if here is None or here.mode != "online":
        return ""
    if not here.met:
        return f"“{here.title}”再学 {seconds_zh(here.missing_seconds)}即学满。"
    open_parts = [one.title for one in hours.units if one.mode == "online" and not one.met]
    return f"“{here.title}”已学满,请接着学“{open_parts[0]}”。" if open_parts else "线上学时已全部学满。"


def orders_of(
    statement: SecondsStatement, seen: Seen, rules: StudyRules, now_ms: int, before: Sequence[Command]
) -> list[Command]:
    """Return the commands for an open session from now on.

    Args:
        before: those that stood until now: what was paused is resumed by a command, not by silence.
    """
    today = legal_day(now_ms)
    cap_ms = rules.on(today).daily_cap_ms
    day = statement.on_day(today)
    left_ms = cap_ms - day.credited_ms - day.provisional_ms - day.frozen_ms
    if left_ms < 1000:
        message = f"今天计入的学习时间已满 {seconds_zh(cap_ms // 1000)},请明天再来学习。"
        return [{"type": "pause", "reason": "daily_cap", "message": message}]
    orders: list[Command] = []
    if any(one["type"] in ("pause", "resume") for one in before):
        orders.append({"type": "resume"})
    if left_ms <= CAP_NEAR_MS:
        minutes = -(-left_ms // 60_000)
        orders.append(
            {
                "type": "warn",
                "id": f"daily_cap|{today}",
                "message": f"今天还可计入约 {minutes} 分钟,满 {seconds_zh(cap_ms // 1000)}后请明天再学。",
            }
        )
    if not seen.asked and (rewind := _rewind(statement, seen)) is not None:
        orders.append(rewind)
    return orders


def counts_now(statement: SecondsStatement, session: str) -> bool:
    """Return whether the session's latest stretch counts, if only provisionally."""
    own = [one for one in statement.timeline if one.session == session]
    return bool(own) and own[-1].verdict is not Verdict.REFUSED


def _rewind(statement: SecondsStatement, seen: Seen) -> Command | None:
    """Return the way back to what was refused of this session and has not been made up, once study counts again."""
    own = [one for one in statement.timeline if one.session == seen.id]
    if own and own[-1].reason == Refusal.BEYOND_FURTHEST:
        return _back_to_the_furthest_point(statement, seen, own[-1].start_ms)
    if not counts_now(statement, seen.id):
        return None
    lost = next((one for one in reversed(own) if one.reason in TO_BE_MADE_UP), None)
    part = statement.unit(seen.unit)
    if lost is None or part is None:
        return None
    gap = last_gap(part.seen_media, seen.media_ms)
    if gap is None:
        return None
    why = statement.reasons[str(lost.reason)].sentence_zh
    return {
        "type": "rewind",
        "id": f"rewind|{lost.end_ms}",
        "media_ms": gap,
        "message": f"从 {_clock(gap)} 起有一段没有计入,请从这里补学。原因:{why}",
    }


def _back_to_the_furthest_point(statement: SecondsStatement, seen: Seen, since_ms: int) -> Command | None:
    """Return the way back for who jumped ahead and earns nothing until they are back."""
    part = statement.unit(seen.unit)
    if part is None or seen.media_ms <= part.furthest_ms:
        return None  # back already; the beat that says so is under way
    # What the jump itself passed over lies before the furthest point, and is still to be studied.
    missing = list(IntervalSet([(0, part.furthest_ms)]) - part.seen_media)[-1:]
    to = missing[0].start if missing and missing[0].end == part.furthest_ms else part.furthest_ms
    return {
        "type": "rewind",
        "id": f"ahead|{since_ms}",
        "media_ms": to,
        "message": f"您跳到了还没学到的位置,这里暂不计学时。请回到 {_clock(to)} 接着学,按顺序学完一次后即可任意拖动。",
    }


def last_gap(seen: IntervalSet, media_ms: int) -> int | None:
    """Return where the last unseen stretch before `media_ms` begins; None if none is worth going back for."""
    behind = IntervalSet([(0, media_ms)]) - seen
    gaps = [gap.start for gap in behind if gap.length >= LEAST_LOSS_MS]
    return gaps[-1] if gaps else None


def _clock(media_ms: int) -> str:
    minutes, seconds = divmod(media_ms // 1000, 60)
    return f"{minutes}:{seconds:02d}"


class LearnerNews:
    """Notes on the learner's open sessions what their pages are told, within one unit of work."""

    def __init__(
        self,
        tx: Tx,
        presence: SqlPresenceStore,
        *,
        earned: EarnedFromLedger,
        hours: HoursService,
        registry: RegistryService,
        inbox: SqlInbox,
        rules: RuleBook,
        study_clock: StudyClock,
    ) -> None:
        self._tx = tx
        self._presence = presence
        self._earned = earned
        self._hours = hours
        self._registry = registry
        self._inbox = inbox
        self._rules = rules
        self._study_clock = study_clock

    def note(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Note totals, news and orders; NoRuleInForce as settlement.

        The day's part looks at the whole timeline: anew only when credit changed or some time has passed.
        """
        db, row = self._tx.session, StudySessionRow
        earned = self._earned.earned(learner, class_run)
        totals = {
            "credited_seconds": earned.credited_seconds,
            "provisional_seconds": earned.provisional_seconds,
            "refused_seconds": sum(earned.refused_seconds.values()),
        }
        self._presence.note_totals(learner, class_run, *totals.values())
        studying = (
            row.learner == learner,
            row.class_run == class_run,
            row.open.is_(True),
            row.activity == Activity.STUDY.value,
        )
        columns = (row.id, row.unit, row.chain_seq, row.next_due_ms, row.next_prompt_ms, row.news, row.orders)
        now_ms = epoch_ms(self._study_clock.now())
        for one in db.execute(select(*columns).where(*studying)).all():
            known = json.loads(one.news) if one.news else {}
            # While study does not count, each beat may be the one that says that it does again.
            fresh = known.get("counting") and known["credited_seconds"] == earned.credited_seconds
            if fresh and now_ms - known["at_ms"] < TOLD_ANEW_AFTER_MS:
                told, orders = {**known, **totals}, one.orders
            else:
                told, orders = self._told(learner, class_run, one, now_ms)
            db.execute(update(row).where(row.id == one.id).values(news=_json(told), orders=orders))

    def _told(
        self, learner: LearnerRef, class_run: ClassRunId, row: Any, now_ms: int
    ) -> tuple[dict[str, Any], str]:
        sheet = self._registry.class_run_sheet(class_run, learner)
        profile: ProfileInForce = self._rules.profile(sheet.class_run.profile)
        statement = self._earned.seconds(learner, class_run)
        hours = self._hours.of(statement, learner, class_run)
        asked = now_ms >= row.next_due_ms or (row.next_prompt_ms is not None and now_ms >= row.next_prompt_ms)
        seen = Seen(row.id, row.unit, self._media_ms(StudySessionId(row.id), row.chain_seq), asked)
        before: list[Command] = json.loads(row.orders) if row.orders else []
        orders = orders_of(statement, seen, ProfileStudyRules(profile, sheet), now_ms, before)
        told = news_of(statement, next_of(sheet, hours, CourseUnitId(row.unit)), now_ms)
        told["counting"] = counts_now(statement, row.id)
        return told, _json(orders) if orders else ""

    def _media_ms(self, session: StudySessionId, chain_seq: int) -> int:
        """Return where the media stood in the session's last batch."""
        records = self._inbox.after(session, chain_seq - 1, 1) if chain_seq else []
        beats = [beat for record in records for beat in batch_of(record).beats]
        return beats[-1].media_ms if beats else 0


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
