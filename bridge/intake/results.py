"""Results of tests at a platform that tells us nothing by itself: asked for, and taken as a claim like any other score.

A result has no time and no attempt. What the platform keeps when the test begins is remembered; only something else,
seen after the test, can have come of it. What a person reached earlier, unseen, is never taken for it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from sqlalchemy import or_, select

from bridge.db.unit_of_work import Tx
from bridge.intake.normalisers import EventClaim, normalise, tell
from bridge.intake.ports import Inbox
from bridge.intake.result_tables import LmsResultRow
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId, new_id
from bridge.kernel.time import parse_rfc3339, rfc3339

RESULT_WANTED = "intake.result"
"""Kind of the job that asks for one result; its key is the row's id."""
ABANDONED = "test_abandoned"
"""Reason of a result that is not asked for because nobody has ended the test."""
WAITED_FOR = timedelta(days=3)
"""Practice: who marks by hand has done so by then."""
_PAUSES = (2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_NINE_PLACES = Decimal("1e-9")
_MARK = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class ResultState(StrEnum):
    """Where it stands with a result."""

    BEFORE = "before"
    """The test has begun, and what the platform kept until then is being asked for."""
    RUNNING = "running"
    WAITING = "waiting"
    """The test is over."""
    RECEIVED = "received"
    GIVEN_UP = "given_up"


_STANDS_OPEN = (ResultState.BEFORE, ResultState.RUNNING, ResultState.WAITING)


@dataclass(frozen=True, slots=True)
class AwaitedResult:
    """One attempt whose result the platform keeps.

    Args:
        before: as `result_text` of what was kept before the test; None until it was read.
        ended_real, ended_by: of the gate's event; None while the test runs.
    """

    id: str
    registration: RegistrationId
    resource_link_id: str
    account_id: str
    learner: LearnerRef
    class_run: ClassRunId
    unit: str
    attempt: str
    gate_attempt: str
    started_real: str
    ended_real: str | None
    ended_by: str | None
    line_item_url: str | None
    before: str | None
    state: ResultState
    reason: str
    tries: int
    next_at: datetime | None


def mark_text(number: Fraction) -> str | None:
    """Return a mark as decimal digits, to nine places; None for what is no mark (negative, or too large)."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    if not 0 <= number < 10**9:
        return None
    # Platforms compute in binary: what is beyond nine places is noise of theirs.
    text = format(exact.quantize(_NINE_PLACES, ROUND_HALF_EVEN).normalize(), "f")
    return text if _MARK.fullmatch(text) else None


def result_text(score: Fraction | None, maximum: Fraction) -> str:
    """Return a result as it is compared with another; "" where there is no score."""
    return "" if score is None else sha256_hex(f"{score}/{maximum}".encode())


class TestResults:
    """Awaited results of one institution in one unit of work."""

    __test__ = False

    def __init__(self, tx: Tx, inbox: Inbox) -> None:
        self._tx = tx
        self._session = tx.session
        self._inbox = inbox

    def begin(self, data: Mapping[str, Any]) -> None:
        """Await the result of a test that has begun (data of `proctoring.assessment_started`); twice is once."""
        if self._of_attempt(data["gate_attempt"]) is not None:
            return
        now = self._tx.clock.now()
        earlier = self._session.scalars(
            select(LmsResultRow)
            .where(
                LmsResultRow.registration_id == data["registration"],
                LmsResultRow.account_id == data["account"],
                LmsResultRow.resource_link_id == data["resource_link_id"],
                or_(LmsResultRow.state.in_(_STANDS_OPEN), LmsResultRow.reason == ABANDONED),
            )
            .with_for_update()
        )
        for row in earlier:
            # From here on nobody can tell which attempt a result is of.
            self._give_up(row, "test_begun_again")
        row = LmsResultRow(
            id=new_id("res"),
            institution_id=self._tx.institution_id,
            registration_id=data["registration"],
            resource_link_id=data["resource_link_id"],
            account_id=data["account"],
            learner_ref=data["learner"],
            class_run_id=data["class_run"],
            unit=data["unit"],
            attempt=data["attempt"],
            gate_attempt=data["gate_attempt"],
            started_real=data["started_real"],
            ended_real=None,
            ended_by=None,
            ended_at=None,
            line_item_url=None,
            before=None,
            state=ResultState.BEFORE.value,
            reason="",
            tries=0,
            next_at=now,
            message=None,
        )
        self._session.add(row)
        self._session.flush()
        self._tx.want(RESULT_WANTED, row.id)

    def end(self, data: Mapping[str, Any]) -> None:
        """Ask for the result of a test that is over (data of `proctoring.assessment_ended`).

        The platform's word on the end, which may come after the learner's, replaces it until the result is there.
        An abandoned test that somebody ends after all is over like any other.
        """
        row = self._of_attempt(data["gate_attempt"])
        if row is None or (row.state not in _STANDS_OPEN and row.reason != ABANDONED):
            return
        row.ended_real, row.ended_by = data["ended_real"], data["ended_by"]
        row.ended_at = parse_rfc3339(data["ended_real"])
        if row.before is None:
            self._give_up(row, "result_before_unknown")
            return
        if row.reason == ABANDONED:
            row.reason = ""
        row.state, row.tries, row.next_at = ResultState.WAITING.value, 0, self._tx.clock.now()
        self._session.flush()
        self._tx.want(RESULT_WANTED, row.id)

    def abandon(self, data: Mapping[str, Any]) -> None:
        """Stop waiting for a test that nobody ended (data of `proctoring.assessment_abandoned`)."""
        row = self._of_attempt(data["gate_attempt"])
        if row is not None and row.state in (ResultState.BEFORE, ResultState.RUNNING):
            self._give_up(row, ABANDONED)

    def get(self, result_id: str) -> AwaitedResult | None:
        """Return an awaited result by its id."""
        row = self._session.scalar(select(LmsResultRow).where(LmsResultRow.id == result_id))
        return None if row is None else _awaited(row)

    def of_class_run(self, class_run: ClassRunId) -> Sequence[AwaitedResult]:
        """Return the awaited results of a class run, oldest first."""
        rows = self._session.scalars(
            select(LmsResultRow).where(LmsResultRow.class_run_id == class_run).order_by(LmsResultRow.id)
        )
        return [_awaited(row) for row in rows]

    def note_before(self, result_id: str, line_item_url: str, before: str) -> None:
        """Remember what the platform kept before the test; too late once that is over."""
        row = self._locked(result_id)
        if row is None or row.state != ResultState.BEFORE:
            return
        row.line_item_url, row.before = line_item_url, before
        row.state, row.reason, row.tries, row.next_at = ResultState.RUNNING.value, "", 0, None
        self._session.flush()

    def note_failure(self, result_id: str, reason: str, *, pause: timedelta | None) -> None:
        """Keep that the platform did not tell; `pause` is None where asking again cannot help."""
        row = self._locked(result_id)
        if row is None or row.state not in (ResultState.BEFORE, ResultState.WAITING):
            return
        row.reason = reason
        row.tries += 1
        if pause is None:
            self._give_up(row, reason)
        else:
            self._later(row, pause, reason)

    def note_unchanged(self, result_id: str, reason: str) -> None:
        """Keep that the platform has no result yet, or the one from before; ask again until three days are over."""
        row = self._locked(result_id)
        if row is None or row.state != ResultState.WAITING:
            return
        row.reason = reason
        pause = timedelta(seconds=_PAUSES[min(row.tries, len(_PAUSES) - 1)])
        row.tries += 1
        self._later(row, pause, reason)

    def receive(self, result_id: str, score: Fraction, maximum: Fraction, finished: datetime) -> None:
        """Take a result as the claim that it is, and tell it on as any other score; once for each attempt.

        Args:
            finished: when it was reached at the latest; real clock.
        """
        row = self._locked(result_id)
        if row is None or row.state != ResultState.WAITING:
            return
        given, of = mark_text(score), mark_text(maximum)
        if given is None or of is None or not 0 <= score <= maximum or maximum == 0:
            self._give_up(row, "result_malformed")
            return
        data = {
            "attempt": row.attempt,
            "class_run": row.class_run_id,
            "finished_real": rfc3339(finished),
            "learner": row.learner_ref,
            "maximum": of,
            "score": given,
            "started_real": row.started_real,
            "unit": row.unit,
        }
        payload = canonical_json({**data, "account": row.account_id, "type": "ags.result"})
        record = self._inbox.append(
            chain=f"{self._tx.institution_id}:lti_result",
            source=f"result:{row.registration_id}",
            received_at=self._tx.clock.now(),
            original_sha256=sha256_hex(payload),
            verification="read at the platform with a token of ours",
            idempotency_key=row.gate_attempt,
            payload=payload.decode(),
        )
        row.state, row.reason, row.next_at = ResultState.RECEIVED.value, "", None
        self._session.flush()
        if record is None:
            return
        row.message = record.id
        self._session.flush()
        for claim in normalise(record):
            if isinstance(claim, EventClaim):
                tell(self._tx, claim, record.id)

    def _later(self, row: LmsResultRow, pause: timedelta, reason: str) -> None:
        now = self._tx.clock.now()
        last = None if row.ended_at is None else row.ended_at + WAITED_FOR
        if last is not None and now >= last:
            self._give_up(row, reason)
            return
        row.next_at = now + pause if last is None else min(now + pause, last)
        self._session.flush()

    def _give_up(self, row: LmsResultRow, reason: str) -> None:
        row.state, row.reason, row.next_at = ResultState.GIVEN_UP.value, reason, None
        self._session.flush()

    def _of_attempt(self, gate_attempt: str) -> LmsResultRow | None:
        return self._session.scalar(
            select(LmsResultRow).where(LmsResultRow.gate_attempt == gate_attempt).with_for_update(),
            execution_options={"populate_existing": True},
        )

    def _locked(self, result_id: str) -> LmsResultRow | None:
        return self._session.scalar(
            select(LmsResultRow).where(LmsResultRow.id == result_id).with_for_update(),
            execution_options={"populate_existing": True},
        )


def due_results(tx: Tx, limit: int = 200) -> Sequence[tuple[InstitutionId, str]]:
    """Return which results are to be asked for now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(LmsResultRow.institution_id, LmsResultRow.id)
        .where(LmsResultRow.next_at <= tx.clock.now())
        .order_by(LmsResultRow.next_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), result_id) for institution, result_id in rows]


def _awaited(row: LmsResultRow) -> AwaitedResult:
    return AwaitedResult(
        id=row.id,
        registration=RegistrationId(row.registration_id),
        resource_link_id=row.resource_link_id,
        account_id=row.account_id,
        learner=LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        unit=row.unit,
        attempt=row.attempt,
        gate_attempt=row.gate_attempt,
        started_real=row.started_real,
        ended_real=row.ended_real,
        ended_by=row.ended_by,
        line_item_url=row.line_item_url,
        before=row.before,
        state=ResultState(row.state),
        reason=row.reason,
        tries=row.tries,
        next_at=row.next_at,
    )
