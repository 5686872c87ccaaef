"""Study under the eyes of staff, in person or by live video: the way without a face.

Staff say at the beginning that they saw person and card, in between and at the end that the person is still there.
Each word is a passed check of every session that it covers, so the ledger credits what lies between two of them, no
further apart than face checks may be, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef, StudySessionId, new_id
from bridge.kernel.time import Clock, StudyClock, epoch_ms
from bridge.presence.anchoring import ANCHORED
from bridge.presence.model import (
    SUPERVISED,
    Activity,
    CheckKind,
    CheckState,
    PresenceCheck,
    StudySession,
)
from bridge.presence.ports import RulesInForce
from bridge.presence.service import OpenedSession, PresenceService
from bridge.presence.store import SqlPresenceStore
from bridge.presence.supervised_tables import (
    SupervisedSessionRow,
    SupervisedStretchRow,
    SupervisionAttestationRow,
)
from bridge.presence.tables import StudySessionRow

NOT_SEEN_OUT = "not_seen_out"
"""Why a stretch ended: staff did not say at its end that the person was still there."""


class SupervisionMode(StrEnum):
    """How staff see the person."""

    IN_PERSON = "in_person"
    LIVE_VIDEO = "live_video"


MODES_ZH = {SupervisionMode.IN_PERSON: "现场监督", SupervisionMode.LIVE_VIDEO: "实时视频监督"}


@dataclass(frozen=True, slots=True)
class SupervisedStretch:
    """One stretch as it stands.

    Args:
        attested_ms: when staff last said that the person is there; study clock, epoch ms.
        attest_by_ms: when they are to say so again; time after it waits for a new beginning.
        lapsed: they did not.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    mode: SupervisionMode
    started_by: str
    started_ms: int
    attested_ms: int
    attested_at: datetime
    attest_by_ms: int
    ended_ms: int | None
    ended_reason: str | None
    lapsed: bool


class SupervisedStudy:
    """Supervision within one unit of work of one institution."""

    def __init__(
        self,
        tx: Tx,
        store: SqlPresenceStore,
        presence: PresenceService,
        rules: RulesInForce,
        clock: Clock,
        study_clock: StudyClock,
    ) -> None:
        self._tx = tx
        self._store = store
        self._presence = presence
        self._rules = rules
        self._clock = clock
        self._study_clock = study_clock

    def start(
        self, learner: LearnerRef, class_run: ClassRunId, *, mode: str, by: str, card_checked: bool
    ) -> SupervisedStretch:
        """Begin to supervise a learner whose person and card `by` has seen; they are anchored by it.

        Args:
            by: a member of staff, by id.

        Raises:
            InvalidInput: supervision_mode_unknown, card_check_required, supervision_running.
        """
        if mode not in set(SupervisionMode):
            raise InvalidInput("supervision_mode_unknown", "请选择现场监督或实时视频监督。")
        if not card_checked:
            raise InvalidInput("card_check_required", "请先核对本人和身份证件,勾选确认后再开始监督。")
        running = self._row(learner, class_run)
        if running is not None:
            if not self._stretch(running).lapsed:
                raise InvalidInput(
                    "supervision_running", "这名学员正在监督中,无需再次开始。", http_status=409
                )
            self._end(running, "lapsed")
        now_ms, now = epoch_ms(self._study_clock.now()), self._clock.now()
        row = SupervisedStretchRow(
            id=new_id("sst"),
            institution_id=self._tx.institution_id,
            learner=learner,
            class_run=class_run,
            mode=mode,
            started_by=by,
            started_ms=now_ms,
            attested_ms=now_ms,
            attested_at=now,
            ended_ms=None,
            ended_reason=None,
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        self._note(row, "start", by, card_checked=True)
        self._tx.emit(
            ANCHORED,
            learner,
            occurred_at=self._study_clock.now(),
            idempotency_key=row.id,
            data={
                "learner": learner,
                "class_run": class_run,
                "reference": row.id,
                "at_ms": now_ms,
                "method": SUPERVISED,
                "mode": mode,
                "by": by,
            },
        )
        return self._stretch(row)

    def open_session(
        self, stretch: SupervisedStretch, *, token_id: str, **whose: str | None
    ) -> OpenedSession:
        """Open a session that the stretch covers, without a face check.

        Args:
            whose: unit, activity, attempt, account_id, as `PresenceService.open_session`.

        Raises:
            NotPermitted("token_used")
        """
        activity = Activity(str(whose["activity"]))
        due_ms = stretch.attested_ms + self._rules.checks(stretch.class_run, activity).gap_max_ms
        opened = self._presence.open_session(
            learner=stretch.learner,
            class_run=stretch.class_run,
            unit=whose["unit"],  # type: ignore[arg-type]  # a CourseUnitId, passed on as it came
            activity=activity,
            attempt=whose["attempt"],
            account_id=str(whose["account_id"]),
            token_id=token_id,
            supervised_until_ms=due_ms,
        )
        self._tx.session.add(
            SupervisedSessionRow(
                session_id=opened.session.id,
                institution_id=self._tx.institution_id,
                stretch_id=stretch.id,
            )
        )
        self._tx.session.flush()
        kind = CheckKind.TEST_START if activity is Activity.TEST else CheckKind.ENTRY
        self._pass(opened.session, stretch.id, kind, stretch.attested_ms)
        return opened

    def running(self, learner: LearnerRef, class_run: ClassRunId) -> SupervisedStretch | None:
        """Return the stretch under which the learner may study now."""
        row = self._row(learner, class_run)
        found = None if row is None else self._stretch(row)
        return None if found is None or found.lapsed else found

    def of_class_run(self, class_run: ClassRunId) -> list[SupervisedStretch]:
        """Return the stretches that nobody has ended, lapsed ones too, oldest first."""
        rows = self._tx.session.scalars(
            select(SupervisedStretchRow)
            .where(SupervisedStretchRow.class_run == class_run, SupervisedStretchRow.ended_ms.is_(None))
            .order_by(SupervisedStretchRow.started_ms, SupervisedStretchRow.id)
        )
        return [self._stretch(row) for row in rows]

    def of_learner(self, learner: LearnerRef) -> list[SupervisedStretch]:
        """Return all of the learner's stretches, oldest first."""
        rows = self._tx.session.scalars(
            select(SupervisedStretchRow)
            .where(SupervisedStretchRow.learner == learner)
            .order_by(SupervisedStretchRow.started_ms, SupervisedStretchRow.id)
        )
        return [self._stretch(row) for row in rows]

    def attest(self, stretch_id: str, class_run: ClassRunId, by: str) -> SupervisedStretch:
        """Say that the person is still there: what lies between this word and the one before is settled.

        Raises:
            InvalidInput: supervision_unknown, supervision_over, supervision_lapsed.
        """
        row = self._required(stretch_id, class_run)
        if self._stretch(row).lapsed:
            raise InvalidInput(
                "supervision_lapsed",
                "距上次确认太久,这段监督已失效。请重新核对本人和证件后再次开始监督。",
                http_status=409,
            )
        self._say(row, "seen", by)
        return self._stretch(row)

    def stop(self, stretch_id: str, class_run: ClassRunId, by: str, *, seen: bool) -> SupervisedStretch:
        """End the stretch and close the sessions that it covers.

        Args:
            seen: the person was there until now; else what came after the last word is not settled.

        Raises:
            InvalidInput: supervision_unknown, supervision_over.
        """
        row = self._required(stretch_id, class_run)
        settled = seen and not self._stretch(row).lapsed
        if settled:
            self._say(row, "end", by)
        self._end(row, "seen_out" if settled else NOT_SEEN_OUT)
        return self._stretch(row)

    def _say(self, row: SupervisedStretchRow, moment: str, by: str) -> None:
        """Enter one word of staff in every session that was live since the one before."""
        before_ms = row.attested_ms
        row.attested_ms, row.attested_at = epoch_ms(self._study_clock.now()), self._clock.now()
        self._note(row, moment, by, card_checked=False)
        for session in self._sessions(row.id):
            if not session.open and (session.last_received_ms or session.opened_ms) < before_ms:
                continue
            test = session.activity is Activity.TEST
            ending = CheckKind.EXIT if moment == "end" and not test else CheckKind.RANDOM
            self._pass(session, row.id, CheckKind.IN_TEST if test else ending, row.attested_ms)

    def _pass(self, session: StudySession, stretch_id: str, kind: CheckKind, at_ms: int) -> None:
        check = PresenceCheck(
            id=CheckId(new_id("chk")),
            session=session.id,
            learner=session.learner,
            class_run=session.class_run,
            kind=kind,
            due_ms=at_ms,
            opened_ms=at_ms,
            answer_by_ms=at_ms,
            attempts_left=0,
            state=CheckState.OPEN,
            nonce="",
            verdicts=(),
            reference=stretch_id,
        )
        self._store.add_check(check)
        self._presence.decide(check, CheckState.PASSED, 0, at_ms)
        found = self._store.session(session.id)
        if found is not None and found[0].open:
            gap_ms = self._rules.checks(session.class_run, session.activity).gap_max_ms
            self._store.save_batch(replace(found[0], next_due_ms=at_ms + gap_ms))

    def _end(self, row: SupervisedStretchRow, reason: str) -> None:
        row.ended_ms, row.ended_reason = epoch_ms(self._study_clock.now()), reason
        self._tx.session.flush()
        for session in self._sessions(row.id):
            if session.open:
                self._presence.close_session(session.id, "supervision_ended")

    def _note(self, row: SupervisedStretchRow, moment: str, by: str, *, card_checked: bool) -> None:
        self._tx.session.add(
            SupervisionAttestationRow(
                id=new_id("sat"),
                institution_id=self._tx.institution_id,
                stretch_id=row.id,
                moment=moment,
                by=by,
                at_ms=row.attested_ms,
                at=row.attested_at,
                card_checked=card_checked,
            )
        )
        self._tx.session.flush()

    def _sessions(self, stretch_id: str) -> Sequence[StudySession]:
        ids = self._tx.session.scalars(
            select(SupervisedSessionRow.session_id)
            .where(SupervisedSessionRow.stretch_id == stretch_id)
            .order_by(SupervisedSessionRow.session_id)
        ).all()
        found = (self._store.session(StudySessionId(one)) for one in ids)
        return [one[0] for one in found if one is not None and one[0].method == SUPERVISED]

    def _sits_test(self, stretch_id: str) -> bool:
        # Without a lock: the page of staff must not stand in the way of the learners' batches.
        found = self._tx.session.scalar(
            select(StudySessionRow.id)
            .join(SupervisedSessionRow, SupervisedSessionRow.session_id == StudySessionRow.id)
            .where(
                SupervisedSessionRow.stretch_id == stretch_id,
                StudySessionRow.open.is_(True),
                StudySessionRow.activity == Activity.TEST.value,
            )
            .limit(1)
        )
        return found is not None

    def _row(self, learner: LearnerRef, class_run: ClassRunId) -> SupervisedStretchRow | None:
        return self._tx.session.scalars(
            select(SupervisedStretchRow)
            .where(
                SupervisedStretchRow.learner == learner,
                SupervisedStretchRow.class_run == class_run,
                SupervisedStretchRow.ended_ms.is_(None),
            )
            .with_for_update()
        ).one_or_none()

    def _required(self, stretch_id: str, class_run: ClassRunId) -> SupervisedStretchRow:
        row = self._tx.session.scalars(
            select(SupervisedStretchRow)
            .where(SupervisedStretchRow.id == stretch_id, SupervisedStretchRow.class_run == class_run)
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise InvalidInput("supervision_unknown", "没有这段监督,请刷新页面。", http_status=404)
        if row.ended_ms is not None:
            raise InvalidInput("supervision_over", "这段监督已经结束,请刷新页面。", http_status=409)
        return row

    def _stretch(self, row: SupervisedStretchRow) -> SupervisedStretch:
        class_run = ClassRunId(row.class_run)
        rules = self._rules.checks(class_run, Activity.STUDY)
        # As far as a passed check reaches: a word that comes later proves nothing of the time before it.
        reaches_ms = row.attested_ms + rules.gap_max_ms + rules.answer_window_ms
        lapsed = epoch_ms(self._study_clock.now()) > reaches_ms
        # Over a test words must come as often as its face checks, or its score does not count.
        asked = self._rules.checks(class_run, Activity.TEST) if self._sits_test(row.id) else rules
        return SupervisedStretch(
            id=row.id,
            learner=LearnerRef(row.learner),
            class_run=class_run,
            mode=SupervisionMode(row.mode),
            started_by=row.started_by,
            started_ms=row.started_ms,
            attested_ms=row.attested_ms,
            attested_at=row.attested_at,
            attest_by_ms=row.attested_ms + asked.gap_max_ms,
            ended_ms=row.ended_ms,
            ended_reason=row.ended_reason,
            lapsed=row.ended_ms is None and lapsed,
        )
