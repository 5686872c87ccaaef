"""Questions to real-name providers: asked once by a job, kept until answered, handed to staff where nobody can say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.identity.model import BY_STAFF, ListRow, document_of, normalise_name
from bridge.identity.name_check_tables import RealNameCheckRow, RealNameQuestionRow
from bridge.identity.ports import RealNameDesk, RealNameProvider
from bridge.identity.provider_model import (
    PASSING,
    Answer,
    CheckState,
    Claim,
    Grace,
    Outcome,
    Standing,
    state_after,
)
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, new_id

NAME_WANTED = "identity.real_name_wanted"
"""Kind of the job that asks a provider; its key is the check's id."""
PURPOSE = "real_name.verify"
NO_CONSENT = "photo_consent_missing"
STAFF_ALONE = "document_needs_staff"
"""Detail of a check of a document of which no provider and no check says anything (a passport)."""
NEVER_PUT = "question_not_put"
"""Detail of a check whose job failed in itself, so that no provider was asked."""
STUCK_AFTER = timedelta(hours=24)
"""Practice: longer than each grace of the practice pack."""
_LIVE = frozenset({CheckState.PENDING, CheckState.STAFF})


@dataclass(frozen=True, slots=True)
class NameCheck:
    """Where the question of one account and one person of a list stands.

    Args:
        outcome, detail: of the last answer; empty before the first.
        claim: the blind index of what is asked.
        asked_at: when it was first asked; next_at: when to ask (again); None: not to be asked.
    """

    id: str
    claim: str
    account_id: str
    list_row_id: str
    class_run: ClassRunId
    state: CheckState
    outcome: str
    detail: str
    failures: int
    asked_at: datetime
    next_at: datetime | None
    decided_by: str | None


class OnTheSpot:
    """`ports.RealNameDesk` over a provider in the house: nothing waits but for documents that staff alone can judge.

    Args:
        staff: who keeps those.
    """

    def __init__(self, provider: RealNameProvider, staff: RealNameDesk | None = None) -> None:
        self._provider = provider
        self._staff = staff

    def ask(self, account_id: str, row: ListRow) -> Standing:
        """See `RealNameDesk.ask`."""
        if document_of(row.citizen_id) in BY_STAFF:
            return Standing.STAFF if self._staff is None else self._staff.ask(account_id, row)
        answer = self._provider.verify(Claim(normalise_name(row.name), row.citizen_id))
        match answer.outcome:
            case Outcome.MATCH:
                return Standing.MATCH
            case Outcome.MISMATCH:
                return Standing.MISMATCH
            case _:
                return Standing.NO_RECORD


class NameChecks:
    """`ports.RealNameDesk` over providers that are asked by a job, and the checks of one institution.

    Args:
        photo_allowed: account → whether the learner lets the ID photo go to the provider; None: none is sent.
    """

    def __init__(
        self, tx: Tx, cipher: FieldCipher, photo_allowed: Callable[[str], bool] | None = None
    ) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher
        self._photo_allowed = photo_allowed
        self._matched_here: set[str] = set()

    def ask(self, account_id: str, row: ListRow) -> Standing:
        """See `RealNameDesk.ask`. What was never asked, or could not be answered, is (again) on its way.

        A match is good in the unit of work in which it was found, which binds the account: after the binding's end
        nobody takes it up again.
        """
        check = self._session.scalar(
            self._of(account_id, row).with_for_update(), execution_options={"populate_existing": True}
        )
        index = self._index(row)
        if check is None:
            check = self._added(account_id, row, index)
        elif check.claim_index != index or self._may_ask_again(check):
            self._open(check, row, index)
        return _STANDING[CheckState(check.state)]

    def get(self, check_id: str) -> NameCheck | None:
        """Return a check, locked until the unit of work ends."""
        row = self._row(check_id)
        return None if row is None else _check(row)

    def newest(self, account_id: str, class_run: ClassRunId) -> NameCheck | None:
        """Return the account's last question in a class run, for the learner's page."""
        row = self._session.scalar(
            select(RealNameCheckRow)
            .where(RealNameCheckRow.account_id == account_id, RealNameCheckRow.class_run_id == class_run)
            .order_by(RealNameCheckRow.asked_at.desc(), RealNameCheckRow.id.desc())
            .limit(1)
        )
        return None if row is None else _check(row)

    def for_staff(self, class_run: ClassRunId) -> Sequence[NameCheck]:
        """Return the class run's checks that wait for a member of staff, oldest first."""
        rows = self._session.scalars(
            select(RealNameCheckRow)
            .where(RealNameCheckRow.class_run_id == class_run, RealNameCheckRow.state == CheckState.STAFF)
            .order_by(RealNameCheckRow.asked_at, RealNameCheckRow.id)
        )
        return [_check(row) for row in rows]

    def still_asks(self, check: NameCheck, row: ListRow) -> bool:
        """Return whether the list says of the person what it said when the question was put."""
        return self._index(row) == check.claim

    def leave(self, check_id: str, provider: str, *, photo: EvidenceId | None) -> str:
        """Write down, before anything leaves, what goes to whom; return the question's id.

        Args:
            photo: the ID photo that goes, too, by its evidence.
        """
        question = new_id("rnq")
        self._session.add(
            RealNameQuestionRow(
                id=question,
                institution_id=self._tx.institution_id,
                check_id=check_id,
                provider=provider,
                sent="name,citizen_id" if photo is None else "name,citizen_id,photo",
                photo=photo,
                purpose=PURPOSE,
                at=self._tx.clock.now(),
                outcome="",
                detail="",
                score=None,
                answered_at=None,
            )
        )
        self._session.flush()
        return question

    def photo_confirmed(self, row: ListRow) -> bool:
        """Return whether a provider found the list's photograph of today to be that of this name and number."""
        found = self._session.scalar(
            select(RealNameQuestionRow.id)
            .join(RealNameCheckRow, RealNameCheckRow.id == RealNameQuestionRow.check_id)
            .where(
                RealNameCheckRow.list_row_id == row.id,
                RealNameCheckRow.claim_index == self._index(row),
                RealNameQuestionRow.photo == row.photo,
                RealNameQuestionRow.outcome == Outcome.MATCH.value,
            )
            .limit(1)
        )
        return row.photo is not None and found is not None

    def note(self, question_id: str, answer: Answer) -> None:
        """Keep how a question ended; KeyError if it is gone."""
        row = self._session.get(RealNameQuestionRow, question_id)
        if row is None:
            raise KeyError(question_id)
        row.outcome, row.detail, row.score = answer.outcome.value, answer.detail, answer.score
        row.answered_at = self._tx.clock.now()
        self._session.flush()

    def settle(
        self, asked: NameCheck, answer: Answer, grace: Grace, pause: Callable[[int], timedelta]
    ) -> CheckState | None:
        """Put the check where the answer puts it; None, with nothing changed, if it was decided meanwhile.

        An answer to what the list said before it was corrected is no answer.

        Args:
            pause: failures in a row → how long until the next try.
        """
        row = self._row(asked.id)
        if row is None or row.state != CheckState.PENDING or row.claim_index != asked.claim:
            return None
        now = self._tx.clock.now()
        row.outcome, row.detail = answer.outcome.value, answer.detail
        row.state = state = state_after(answer.outcome, now - row.asked_at, grace)
        row.next_at = None
        if state is CheckState.PENDING:
            row.failures += 1
            row.next_at = now + pause(row.failures)
        elif state not in _LIVE:
            self._decided(row, now)
        self._session.flush()
        return state

    def decide(self, check_id: str, *, same_person: bool, by: str) -> NameCheck:
        """Return the check as a member of staff decides it, who has seen person and card.

        Raises:
            InvalidInput("real_name_check_closed"): it does not wait for staff.
        """
        row = self._row(check_id)
        if row is None or row.state != CheckState.STAFF:
            raise InvalidInput("real_name_check_closed", "这项实名核验已有结果,请刷新页面。", http_status=409)
        row.state = CheckState.MATCHED if same_person else CheckState.MISMATCHED
        row.decided_by = by
        self._decided(row, self._tx.clock.now())
        self._session.flush()
        return _check(row)

    def hand_over(self, check_id: str) -> None:
        """Have staff asked instead of a provider, where the question was not even put."""
        row = self._row(check_id)
        if row is not None and row.state == CheckState.PENDING:
            row.state, row.next_at = CheckState.STAFF, None
            row.outcome, row.detail = Outcome.OUTAGE.value, NEVER_PUT
            self._session.flush()

    def _decided(self, row: RealNameCheckRow, now: datetime) -> None:
        row.decided_at = now
        if row.state == CheckState.MATCHED:
            self._matched_here.add(row.id)

    def _may_ask_again(self, row: RealNameCheckRow) -> bool:
        if row.state == CheckState.MISMATCHED:
            return True
        if row.state == CheckState.MATCHED:
            return row.id not in self._matched_here
        # Staff have it because nobody answered; by now somebody may. So with a consent that was given since.
        passing = row.outcome in PASSING or (
            row.detail == NO_CONSENT and self._photo_may_leave(row.account_id)
        )
        return row.state == CheckState.STAFF and passing

    def _photo_may_leave(self, account_id: str) -> bool:
        return self._photo_allowed is None or self._photo_allowed(account_id)

    def _added(self, account_id: str, row: ListRow, index: str) -> RealNameCheckRow:
        check = RealNameCheckRow(
            id=new_id("rnc"),
            institution_id=self._tx.institution_id,
            account_id=account_id,
            list_row_id=row.id,
            class_run_id=row.class_run,
        )
        self._reset(check, row, index)
        try:
            with self._session.begin_nested():
                self._session.add(check)
        except IntegrityError:
            # Submitted twice at once: the other one has asked.
            return self._session.scalars(self._of(account_id, row)).one()
        self._send(check)
        return check

    def _open(self, check: RealNameCheckRow, row: ListRow, index: str) -> None:
        self._reset(check, row, index)
        self._session.flush()
        self._send(check)

    def _reset(self, check: RealNameCheckRow, row: ListRow, index: str) -> None:
        now = self._tx.clock.now()
        against = "" if self._photo_may_leave(check.account_id) else NO_CONSENT
        if document_of(row.citizen_id) in BY_STAFF:
            against = STAFF_ALONE
        check.claim_index, check.asked_at, check.failures = index, now, 0
        check.outcome, check.detail = (Outcome.UNCLEAR.value if against else ""), against
        check.state = CheckState.STAFF if against else CheckState.PENDING
        check.next_at = None if against else now
        check.decided_at = check.decided_by = None

    def _send(self, check: RealNameCheckRow) -> None:
        if check.state == CheckState.PENDING:
            self._tx.want(NAME_WANTED, check.id)

    @staticmethod
    def _of(account_id: str, row: ListRow) -> Select[RealNameCheckRow]:
        return select(RealNameCheckRow).where(
            RealNameCheckRow.account_id == account_id, RealNameCheckRow.list_row_id == row.id
        )

    def _index(self, row: ListRow) -> str:
        said = f"{normalise_name(row.name)}|{row.citizen_id}"
        return self._cipher.blind_index(said, domain=f"{self._tx.institution_id}:real_name_claim")

    def _row(self, check_id: str) -> RealNameCheckRow | None:
        return self._session.scalar(
            select(RealNameCheckRow).where(RealNameCheckRow.id == check_id).with_for_update(),
            execution_options={"populate_existing": True},
        )


_STANDING = {
    CheckState.PENDING: Standing.PENDING,
    CheckState.STAFF: Standing.STAFF,
    CheckState.MATCHED: Standing.MATCH,
    CheckState.MISMATCHED: Standing.MISMATCH,
}


def due_checks(tx: Tx, limit: int = 200) -> Sequence[tuple[InstitutionId, str]]:
    """Return which checks are to be asked now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(RealNameCheckRow.institution_id, RealNameCheckRow.id)
        .where(RealNameCheckRow.next_at <= tx.clock.now())
        .order_by(RealNameCheckRow.next_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), check_id) for institution, check_id in rows]


def stuck_checks(tx: Tx, limit: int = 200) -> Sequence[tuple[InstitutionId, str]]:
    """Return which checks wait for a provider for too long, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(RealNameCheckRow.institution_id, RealNameCheckRow.id)
        .where(
            RealNameCheckRow.next_at.is_not(None), RealNameCheckRow.asked_at <= tx.clock.now() - STUCK_AFTER
        )
        .limit(limit)
    )
    return [(InstitutionId(institution), check_id) for institution, check_id in rows]


def outcomes_since(tx: Tx, since: datetime) -> Mapping[tuple[str, str], int]:
    """Return (provider, outcome) → questions since then; an empty outcome: nobody knows how it ended."""
    rows = tx.session.execute(
        select(RealNameQuestionRow.provider, RealNameQuestionRow.outcome, func.count())
        .where(RealNameQuestionRow.at > since)
        .group_by(RealNameQuestionRow.provider, RealNameQuestionRow.outcome)
    )
    return {(provider, outcome): number for provider, outcome, number in rows}


def last_question(tx: Tx, provider: str) -> tuple[datetime, str, str] | None:
    """Return when the provider was last asked, and how that ended: (at, outcome, detail)."""
    row = tx.session.execute(
        select(RealNameQuestionRow.at, RealNameQuestionRow.outcome, RealNameQuestionRow.detail)
        .where(RealNameQuestionRow.provider == provider, RealNameQuestionRow.answered_at.is_not(None))
        .order_by(RealNameQuestionRow.at.desc(), RealNameQuestionRow.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.at, row.outcome, row.detail)


def open_checks(tx: Tx) -> Mapping[CheckState, int]:
    """Return how many checks wait: for a provider, for staff."""
    rows = tx.session.execute(
        select(RealNameCheckRow.state, func.count())
        .where(RealNameCheckRow.state.in_([state.value for state in _LIVE]))
        .group_by(RealNameCheckRow.state)
    )
    return {CheckState(state): number for state, number in rows}


def _check(row: RealNameCheckRow) -> NameCheck:
    return NameCheck(
        row.id,
        row.claim_index,
        row.account_id,
        row.list_row_id,
        ClassRunId(row.class_run_id),
        CheckState(row.state),
        row.outcome,
        row.detail,
        row.failures,
        row.asked_at,
        row.next_at,
        row.decided_by,
    )
