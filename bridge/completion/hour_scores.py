"""Scores on their way into gradebooks: what is wanted, what left, and what became of it.

What leaves is written down before it leaves. A worker that dies in between sends the very same again, which the
platform takes for what it has already; nothing is graded twice, and nothing older comes after something newer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.completion.gradebook import Gradebook
from bridge.completion.gradebook_model import (
    LAST_TRY_AFTER,
    CoursePlaces,
    DatedGrade,
    Grade,
    ItemState,
    LeftGrade,
    LineItemFacts,
    PendingScore,
    ScoreState,
    hours_grade,
)
from bridge.completion.gradebook_tables import LmsScoreRow
from bridge.completion.model import Earned
from bridge.completion.ports import EarnedHours, Sheets
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, new_id

SCORE_WANTED = "gradebook.score"
"""Kind of the job that sends one score; its key is the score's id."""


class HourScores:
    """Scores of one institution in one unit of work."""

    def __init__(
        self, tx: Tx, gradebook: Gradebook, places: CoursePlaces, sheets: Sheets, hours: EarnedHours
    ) -> None:
        self._tx = tx
        self._session = tx.session
        self._gradebook = gradebook
        self._places = places
        self._sheets = sheets
        self._hours = hours

    def note(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Put the learner's hours on their way to each column that takes them; what has not changed stays."""
        columns = [
            (place.account_id, item)
            for place in self._places.places_of(learner, class_run)
            for item in self._gradebook.items(place.registration, place.context_id)
            if item.state is ItemState.HOURS
        ]
        if not columns:
            return
        theory = self._sheets.class_run_sheet(class_run, learner).outline.theory_class_hours
        earned = self._hours.earned(learner, class_run)
        for account_id, item in columns:
            self._want(learner, class_run, account_id, item, earned, theory)

    def get(self, score_id: str) -> PendingScore | None:
        """Return a score, locked until the unit of work ends."""
        row = self._locked(score_id)
        return None if row is None else _score(row)

    def of_class_run(self, class_run: ClassRunId) -> Sequence[PendingScore]:
        """Return the scores of a class run, oldest first."""
        rows = self._session.scalars(
            select(LmsScoreRow).where(LmsScoreRow.class_run_id == class_run).order_by(LmsScoreRow.id)
        )
        return [_score(row) for row in rows]

    def leave(self, score_id: str, what: DatedGrade, dated: datetime) -> None:
        """Write down what leaves now, before it does; KeyError if the score is gone."""
        row = self._known(score_id)
        row.left_given, row.left_maximum = str(what.grade.given), str(what.grade.maximum)
        row.left_progress, row.left_earned_at = what.grade.progress, what.earned_at
        row.left_at, row.arrived = dated, False
        self._session.flush()

    def note_arrived(self, score_id: str, what: DatedGrade) -> None:
        """Keep that the platform has `what`, or something newer; what was wanted since then follows."""
        row = self._known(score_id)
        now = self._tx.clock.now()
        if _left_of(row) == what:
            row.arrived = True
        row.failing_since, row.failures, row.reason = None, 0, ""
        if _wanted_of(row) == what:
            row.state, row.since, row.next_at = ScoreState.SENT.value, now, None
            self._session.flush()
        else:
            self._again(row, now)

    def note_failure(
        self, score_id: str, reason: str, *, pause: timedelta | None, what: DatedGrade | None = None
    ) -> None:
        """Keep that a try came to nothing; there is a next one, the last of them after three days.

        Args:
            pause: until the next try; None where trying again cannot help.
            what: the grade that was tried; one that was wanted since then is tried all the same.
        """
        row = self._known(score_id)
        now = self._tx.clock.now()
        row.reason = reason
        row.failures += 1
        row.failing_since = row.failing_since or now
        last_try = row.failing_since + LAST_TRY_AFTER
        if pause is None and what is not None and _wanted_of(row) != what:
            self._again(row, now)
        elif pause is None or now >= last_try:
            row.state, row.since, row.next_at = ScoreState.REFUSED.value, now, None
        else:
            row.next_at = min(now + pause, last_try)
        self._session.flush()

    def wait(self, score_id: str, seconds: int) -> None:
        """Try again in `seconds`."""
        row = self._known(score_id)
        row.next_at = self._tx.clock.now() + timedelta(seconds=seconds)
        self._session.flush()

    def send_again(self, score_id: str, class_run: ClassRunId) -> None:
        """Have a score sent once more, whatever became of it; it is dated now, so that it counts as new.

        Raises:
            InvalidInput("score_unknown"): also for another class run's.
        """
        row = self._locked(score_id)
        if row is None or row.class_run_id != class_run:
            raise InvalidInput("score_unknown", "没有这条回传记录,请刷新页面。", http_status=404)
        now = self._tx.clock.now()
        if row.state != ScoreState.WAITING:
            row.since = now
        row.earned_at = max(now, row.earned_at)
        row.failing_since, row.failures, row.reason = None, 0, ""
        self._again(row, now)

    def _want(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        account_id: str,
        item: LineItemFacts,
        earned: Earned,
        theory: int,
    ) -> None:
        grade = hours_grade(earned, theory, item.maximum)
        if grade is None:
            return
        now = self._tx.clock.now()
        row = self._session.scalar(
            select(LmsScoreRow)
            .where(LmsScoreRow.line_item_id == item.id, LmsScoreRow.account_id == account_id)
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        if row is None:
            # Nobody's column is filled with a 0 because they began to study.
            if grade.given > 0:
                self._add(learner, class_run, account_id, item, grade)
            return
        if _wanted_of(row).grade == grade:
            return
        row.given, row.maximum, row.progress = str(grade.given), str(grade.maximum), grade.progress
        # A clock that was set back must not make what is newer look older.
        row.earned_at = max(now, row.earned_at)
        if row.state != ScoreState.WAITING:
            row.since = now
        self._again(row, now)

    def _add(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        account_id: str,
        item: LineItemFacts,
        grade: Grade,
    ) -> None:
        now = self._tx.clock.now()
        row = LmsScoreRow(
            id=new_id("scr"),
            institution_id=self._tx.institution_id,
            line_item_id=item.id,
            account_id=account_id,
            learner_ref=learner,
            class_run_id=class_run,
            given=str(grade.given),
            maximum=str(grade.maximum),
            progress=grade.progress,
            earned_at=now,
            left_given=None,
            left_maximum=None,
            left_progress=None,
            left_earned_at=None,
            left_at=None,
            arrived=False,
            state=ScoreState.WAITING.value,
            reason="",
            since=now,
            failing_since=None,
            failures=0,
            next_at=now,
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return  # another job was first, with the same ledger before it
        self._tx.want(SCORE_WANTED, row.id)

    def _again(self, row: LmsScoreRow, now: datetime) -> None:
        row.state, row.next_at = ScoreState.WAITING.value, now
        self._session.flush()
        self._tx.want(SCORE_WANTED, row.id)

    def _known(self, score_id: str) -> LmsScoreRow:
        row = self._locked(score_id)
        if row is None:
            raise KeyError(score_id)
        return row

    def _locked(self, score_id: str) -> LmsScoreRow | None:
        return self._session.scalar(
            select(LmsScoreRow).where(LmsScoreRow.id == score_id).with_for_update(),
            execution_options={"populate_existing": True},
        )


def due_scores(tx: Tx, limit: int = 200) -> Sequence[tuple[InstitutionId, str]]:
    """Return which scores are to be sent now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(LmsScoreRow.institution_id, LmsScoreRow.id)
        .where(LmsScoreRow.next_at <= tx.clock.now())
        .order_by(LmsScoreRow.next_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), score_id) for institution, score_id in rows]


def _wanted_of(row: LmsScoreRow) -> DatedGrade:
    return DatedGrade(Grade(Fraction(row.given), Fraction(row.maximum), row.progress), row.earned_at)


def _left_of(row: LmsScoreRow) -> DatedGrade | None:
    if row.left_given is None or row.left_maximum is None or row.left_progress is None:
        return None
    if row.left_earned_at is None:
        return None
    grade = Grade(Fraction(row.left_given), Fraction(row.left_maximum), row.left_progress)
    return DatedGrade(grade, row.left_earned_at)


def _score(row: LmsScoreRow) -> PendingScore:
    left = _left_of(row)
    return PendingScore(
        id=row.id,
        line_item_id=row.line_item_id,
        account_id=row.account_id,
        learner=LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        wanted=_wanted_of(row),
        left=None if left is None or row.left_at is None else LeftGrade(left, row.left_at, row.arrived),
        state=ScoreState(row.state),
        reason=row.reason,
        since=row.since,
        failing_since=row.failing_since,
        failures=row.failures,
        next_at=row.next_at,
    )
