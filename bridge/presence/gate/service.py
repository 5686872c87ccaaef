"""Use cases of the gate: an attempt begins, runs under watch, and ends; what is found is told to the platform."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import EventsAndWishes
from bridge.kernel.ids import LearnerRef, StudySessionId, new_id
from bridge.kernel.time import Clock, StudyClock, epoch_ms, rfc3339
from bridge.presence.gate.model import (
    ASSESSMENT_ABANDONED,
    ASSESSMENT_ENDED,
    ASSESSMENT_STARTED,
    SESSION_LOST,
    AttemptState,
    ControlAction,
    ControlState,
    EndedBy,
    ExamGrant,
    GateOrigin,
    GrantState,
    TestAttempt,
    actions_on,
    ended_data,
    severity,
    started_data,
    state_at_first,
)
from bridge.presence.gate.ports import GateRules, GateStore, Sessions
from bridge.presence.model import CheckKind, CheckState

CONTROL_WAITING = "proctoring.control"
"""Kind of the job that carries an attempt's actions to the platform, in their order; its key is the attempt's id."""
GRANT_WAITING = "proctoring.grant"
"""Kind of the job that opens or closes a platform's test; its key is the grant's id."""
ABANDONED_AFTER = timedelta(hours=12)
"""Practice: who was not heard for so long sits no test any more."""

_FINDINGS_ZH: Mapping[str, str] = {
    CheckState.MISSED: "未在规定时间内完成人脸核验",
    CheckState.OTHER_PERSON: "人脸与登记的本人不一致",
    CheckState.SUSPECTED_SPOOF: "核验时镜头前多次疑似照片或屏幕",
    CheckState.NO_FACE: "核验时多次没有检测到人脸",
    CheckState.SEVERAL_FACES: "核验时镜头前有多人",
    CheckState.TOO_POOR: "核验画面多次不够清晰",
    CheckState.UNSURE: "核验时多次无法确认是否本人",
    SESSION_LOST: "与考生一侧的监考页面失去联系",
}
_RESUMED_ZH = "考生已重新通过人脸核验"
TEST_ENDED = "test_ended"
"""Reason with which a session is closed when its test is over."""


@dataclass(frozen=True, slots=True)
class StartCheck:
    """How the check before the test stands.

    Args:
        passed: in a session that is still open: who left and came back is checked anew.
        failed: it ended otherwise; another session asks for another one.
    """

    opened: bool
    passed: bool
    failed: bool


class GateService:
    """The gate in one unit of work of one institution.

    Args:
        grants_offered: whether tests of a registration can be opened at the platform itself.
    """

    def __init__(
        self,
        store: GateStore,
        sessions: Sessions,
        rules: GateRules,
        events: EventsAndWishes,
        clock: Clock,
        study_clock: StudyClock,
        grants_offered: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._rules = rules
        self._events = events
        self._clock = clock
        self._study_clock = study_clock
        self._grants_offered = grants_offered

    def ask(self, wanted: TestAttempt, message: str | None) -> TestAttempt:
        """Return the attempt that the learner came for, new or as it stands; the newest message is the one kept.

        Args:
            message: the platform's, to be answered once the check is passed; None for a link of the course.

        An attempt that the learner alone has ended goes on: only the platform knows when its test is over.

        Raises:
            NotPermitted("attempt_over"): the platform ended the attempt; a further test is a further attempt.
        """
        if wanted.origin is GateOrigin.LINK:
            known = self._store.open_at_link(
                wanted.account_id, wanted.registration, wanted.deployment_id, wanted.resource_link_id
            )
        else:
            known = self._store.find(wanted.account_id, wanted.attempt)
        if known is None and self._store.add(wanted):
            self._store.keep_message(wanted.id, message)
            return wanted
        # Two windows that came at once: the second finds what the first has added.
        known = known or self._store.find(wanted.account_id, wanted.attempt)
        known = None if known is None else self._store.get(known.id)
        if known is None:
            raise RuntimeError("an attempt of the account could neither be added nor found")
        if known.state is AttemptState.ENDED and known.ended_by is EndedBy.PLATFORM:
            raise NotPermitted(
                "attempt_over",
                "这一次考试的监考已经结束,不能重新开始。如需再考,请在学习平台开始新的一次考试。",
                http_status=409,
            )
        again = replace(
            known,
            state=AttemptState.WAITING if known.state is AttemptState.ENDED else known.state,
            ended_at=None,
            ended_by=None,
            asked_at=wanted.asked_at,
            control=wanted.control or known.control,
            return_url=wanted.return_url,
        )
        self._store.save(again)
        self._store.keep_message(again.id, message)
        return again

    def own(self, attempt_id: str, account_id: str) -> TestAttempt:
        """Return the attempt, locked; InvalidInput("attempt_unknown") for another account's."""
        attempt = self._store.get(attempt_id)
        if attempt is None or attempt.account_id != account_id:
            raise InvalidInput("attempt_unknown", "没有这次考试,请从学习平台重新进入。", http_status=404)
        return attempt

    def watch(self, attempt: TestAttempt, learner: LearnerRef, session: StudySessionId) -> TestAttempt:
        """Note that the learner's agent runs in `session` now."""
        watched = replace(attempt, learner=learner, session=session)
        self._store.save(watched)
        return watched

    def start_check(self, attempt: TestAttempt) -> StartCheck:
        """Return how the check before the test stands in the newest session of the gate's page."""
        session = None if attempt.session is None else self._store.session(attempt.session)
        if session is None or not session.open:
            return StartCheck(opened=False, passed=False, failed=False)
        checks = self._store.checks(session.id)
        states = [check.state for check in checks if check.kind is CheckKind.TEST_START]
        return StartCheck(
            opened=True,
            passed=CheckState.PASSED in states,
            failed=any(state not in (CheckState.OPEN, CheckState.PASSED) for state in states),
        )

    def start(self, attempt: TestAttempt) -> tuple[TestAttempt, str | None]:
        """Return the running attempt, and the platform's message to answer, which is given out this once.

        Raises:
            NotPermitted: start_check_required, attempt_over, start_asked_already (409).
        """
        if attempt.state is AttemptState.ENDED:
            raise NotPermitted("attempt_over", "这一次考试的监考已经结束。", http_status=409)
        if not self.start_check(attempt).passed:
            raise NotPermitted(
                "start_check_required", "开考前须先通过人脸核验,请保持本页打开并完成核验。", http_status=409
            )
        message = self._store.message(attempt.id)
        if attempt.origin is GateOrigin.PROCTORING and message is None:
            raise NotPermitted(
                "start_asked_already",
                "考试已经打开过。如没有看到试卷,请回到学习平台重新点击开始考试。",
                http_status=409,
            )
        self._store.keep_message(attempt.id, None)
        now = self._clock.now()
        started = attempt.started_at or now
        running = replace(
            attempt,
            state=AttemptState.RUNNING,
            started_at=started,
            start_session=attempt.start_session or attempt.session,
            silent_since=None,
        )
        self._store.save(running)
        if attempt.started_at is None and running.learner is not None:
            self._events.emit(
                ASSESSMENT_STARTED,
                running.learner,
                occurred_at=now,
                idempotency_key=running.id,
                data=started_data(running, rfc3339(now)),
            )
        return running, message

    def end(self, attempt: TestAttempt, by: EndedBy) -> TestAttempt:
        """Return the attempt, ended; tell it, and close its session unless a check is still to be answered.

        The platform's word comes after the learner's: who left the gate before the test was over has ended nothing.
        """
        if attempt.state is AttemptState.ENDED and (
            attempt.ended_by is by or attempt.ended_by is EndedBy.PLATFORM
        ):
            return attempt
        now = self._clock.now()
        ended = replace(attempt, state=AttemptState.ENDED, ended_at=now, ended_by=by, silent_since=None)
        self._store.save(ended)
        self._store.keep_message(ended.id, None)
        self._close_unless_asked(ended)
        self.revoke_grants(ended, "考试已结束。")
        if ended.learner is not None and ended.started_at is not None:
            self._events.emit(
                ASSESSMENT_ABANDONED if by is EndedBy.NOBODY else ASSESSMENT_ENDED,
                ended.learner,
                occurred_at=now,
                idempotency_key=f"{ended.id}|{by.value}|{rfc3339(now)}",
                data=ended_data(ended, rfc3339(ended.started_at), rfc3339(now)),
            )
        return ended

    def note_check(self, data: Mapping[str, Any]) -> None:
        """Draw the consequences of a check that was decided (data of `presence.check_decided`)."""
        session = self._store.session(StudySessionId(data["session"]))
        if session is None or session.attempt is None:
            return
        # An agent in the platform's own page watches under the platform's name of the attempt.
        known = self._store.of_learner(session.learner, session.attempt) or self._store.running_of(
            session.learner, session.class_run, session.unit
        )
        attempt = None if known is None else self._store.get(known.id)
        if attempt is None:
            return
        if attempt.state is AttemptState.ENDED:
            self._close_unless_asked(attempt)
        elif attempt.state is AttemptState.RUNNING and data["kind"] != CheckKind.EXIT:
            self._act_on_check(attempt, str(data["check"]), str(data["outcome"]))

    def look_at(self, attempt_id: str) -> None:
        """Find out whether the learner of a running attempt is still heard, and act on it."""
        attempt = self._store.get(attempt_id)
        if attempt is None or attempt.state is not AttemptState.RUNNING:
            return
        now = self._clock.now()
        if attempt.silent_since is not None and attempt.silent_since < now - ABANDONED_AFTER:
            self.end(attempt, EndedBy.NOBODY)
            return
        heard = self._store.last_heard_ms(attempt)
        limit = self._rules.session_lost_ms(attempt.class_run) * self._study_clock.factor()
        lost = heard is None or epoch_ms(self._study_clock.now()) - heard > limit
        if lost and attempt.silent_since is None:
            silent = replace(attempt, silent_since=now)
            self._store.save(silent)
            self._found(silent, f"silence:{rfc3339(now)}", SESSION_LOST, None)
            self.revoke_grants(silent, "监考页面失去联系,请重新完成核验后继续。")
        elif not lost and attempt.silent_since is not None:
            self._store.save(replace(attempt, silent_since=None))

    def grant(self, attempt: TestAttempt, resource_link_id: str, nominal_ms: int) -> ExamGrant | None:
        """Ask the platform to open the test, where one is set up for that; None where it is not: nothing is granted.

        Args:
            resource_link_id: of the platform's own test, which need not be the link that leads to the gate.
        """
        if not self._grants_offered(attempt.registration):
            return None
        for known in self._store.grants(attempt.id):
            if known.state in (GrantState.ASKED, GrantState.GRANTED) and self._clock.now() < known.expires_at:
                return known
        seconds = self._rules.grant_seconds(attempt.class_run, nominal_ms)
        grant = ExamGrant(
            id=new_id("grt"),
            attempt_id=attempt.id,
            registration=attempt.registration,
            account_id=attempt.account_id,
            resource_link_id=resource_link_id,
            expires_at=self._clock.now() + timedelta(seconds=seconds),
            state=GrantState.ASKED,
        )
        self._store.add_grant(grant)
        self._events.want(GRANT_WAITING, grant.id)
        return grant

    def revoke_grants(self, attempt: TestAttempt, reason: str) -> None:
        """Have the platform close what it opened for the attempt."""
        for grant in self._store.grants(attempt.id):
            if grant.state in (GrantState.ASKED, GrantState.GRANTED):
                self._store.save_grant(replace(grant, state=GrantState.REVOKING, reason=reason))
                self._events.want(GRANT_WAITING, grant.id)

    def note_grant(self, grant_id: str, asked: GrantState, refused: str | None) -> None:
        """Record the platform's answer to what was asked; what was asked since then stays asked.

        Args:
            refused: reason code of a refusal for good; None if the platform did what was asked.
        """
        grant = self._store.exam_grant(grant_id)
        if grant is None:
            return
        if grant.state is not asked:
            self._events.want(GRANT_WAITING, grant_id)
            return
        done = GrantState.GRANTED if asked is GrantState.ASKED else GrantState.REVOKED
        if refused is not None:
            self._store.save_grant(replace(grant, state=GrantState.REFUSED, reason=refused))
        else:
            self._store.save_grant(replace(grant, state=done))

    def note_answer(
        self, attempt_id: str, control: ControlAction, answer: str | None, refused: str | None
    ) -> None:
        """Record how the platform answered an action; the next one that waits is then sent.

        Args:
            answer: how the test stands, in the platform's word.
            refused: reason code of a refusal for good; None if the action was carried out.
        """
        self._store.save_control(
            replace(
                control,
                state=ControlState.SENT if refused is None else ControlState.REFUSED,
                answer=answer,
                answered_at=self._clock.now(),
                error=refused or "",
            )
        )
        if self._store.next_control(attempt_id) is not None:
            self._events.want(CONTROL_WAITING, attempt_id)

    def controls(self, attempt_id: str) -> Sequence[ControlAction]:
        """Return the actions of an attempt with their answers, oldest first."""
        return self._store.controls(attempt_id)

    def _act_on_check(self, attempt: TestAttempt, check: str, outcome: str) -> None:
        if outcome != CheckState.PASSED:
            self._found(attempt, check, outcome, self._store.best_likeness(check))
            return
        if attempt.paused:
            self._store.save(replace(attempt, paused=False))
            self._ask_platform(attempt, check, "resume", Decimal(0), "check_passed", _RESUMED_ZH)

    def _found(self, attempt: TestAttempt, cause: str, finding: str, likeness: float | None) -> None:
        policy = self._rules.control(attempt.class_run)
        grave = severity(finding, policy, likeness)
        asked = actions_on(grave, policy, paused=attempt.paused)
        code = finding if finding == SESSION_LOST else f"check_{finding}"
        for action in asked:
            self._ask_platform(attempt, cause, action, grave, code, _FINDINGS_ZH[finding])
        if "pause" in asked and attempt.control is not None and "pause" in attempt.control.actions:
            self._store.save(replace(attempt, paused=True))
        if asked[-1] != "flag":
            # Where the platform opens the test by our grant, closing it is how it is stopped.
            self.revoke_grants(attempt, f"{_FINDINGS_ZH[finding]},请重新完成核验后继续。")

    def _ask_platform(
        self, attempt: TestAttempt, cause: str, action: str, grave: Decimal, code: str, message: str
    ) -> None:
        if attempt.control is None:
            return
        control = ControlAction(
            id=new_id("act"),
            attempt_id=attempt.id,
            cause=cause,
            action=action,
            severity=grave,
            reason_code=code,
            reason_message=message,
            incident_at=self._clock.now(),
            state=state_at_first(action, attempt.control.actions),
        )
        if self._store.add_control(control) and control.state is ControlState.WAITING:
            self._events.want(CONTROL_WAITING, attempt.id)

    def _close_unless_asked(self, attempt: TestAttempt) -> None:
        """Close the session; a check that was asked for before the end is answered, or missed, first."""
        if attempt.session is None:
            return
        if not any(check.state is CheckState.OPEN for check in self._store.checks(attempt.session)):
            self._sessions.close_session(attempt.session, TEST_ENDED)
