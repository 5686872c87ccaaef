"""Study sessions and beats: who may study, what the agent must do next, when a check is due."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from bridge.intake.model import BeatBatch, ChainHead
from bridge.kernel.canonical import GENESIS, sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import EventsAndWishes
from bridge.kernel.ids import (
    CheckId,
    ClassRunId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    StudySessionId,
    new_id,
)
from bridge.kernel.time import StudyClock, epoch_ms
from bridge.presence.model import (
    FACE_METHOD,
    SUPERVISED,
    Activity,
    CheckKind,
    CheckState,
    Command,
    PresenceCheck,
    SeenCheck,
    StudySession,
    batch_nonce,
    check_command,
    check_sentence,
    supervised_commands,
)
from bridge.presence.ports import BatchInbox, PresenceStore, RulesInForce, StudyPace
from bridge.presence.prompt_model import Prompt, is_prompt_due
from bridge.presence.prompts import Prompts
from bridge.presence.session_ends import (
    CONSENT_REVOKED,
    FACE_RESET,
    FACES_STOPPED,
    NOT_TO_ANSWER,
    closed_sentence,
)
from bridge.presence.waiting import FrameQueue, put_off_until

BATCH_SOURCE = "agent"
BEATS_WAITING = "study.beats_waiting"
BATCHES_AT_ONCE = 20
"""How many batches of a session are entered in the ledger in one unit of work."""
_EXIT_CHECK_AFTER_MS = 30_000
"""Who leaves so soon after a passed check is not asked again: the page's last beat lags behind the check that it
answered (in the demonstration by the 10 study seconds for which its clock waits), and what is lost is less than
the longest gap that counts."""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session and the secret that is told once."""

    session: StudySession
    secret: str
    nonce: str
    commands: list[Command]


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What the agent hears back; the same for a batch that is sent again."""

    session: StudySession
    nonce: str
    commands: list[Command]


class PresenceService:
    """Opens sessions, takes batches, opens checks."""

    def __init__(
        self,
        store: PresenceStore,
        inbox: BatchInbox,
        events: EventsAndWishes,
        rules: RulesInForce,
        pace: StudyPace,
        study_clock: StudyClock,
        nonce_key: bytes,
        institution_id: InstitutionId,
        prompts: Prompts,
        queue: FrameQueue,
        faces_stopped: Callable[[ClassRunId], bool] = lambda _class_run: False,
    ) -> None:
        """Bind the service to one unit of work.

        Args:
            faces_stopped: whether no face may be checked in a class run now.
        """
        self._store = store
        self._inbox = inbox
        self._events = events
        self._rules = rules
        self._pace = pace
        self._study_clock = study_clock
        self._nonce_key = nonce_key
        self._institution_id = institution_id
        self._prompts = prompts
        self._queue = queue
        self._faces_stopped = faces_stopped

    def open_session(
        self,
        *,
        learner: LearnerRef,
        class_run: ClassRunId,
        unit: CourseUnitId,
        activity: Activity,
        attempt: str | None,
        account_id: str,
        token_id: str,
        supervised_until_ms: int | None = None,
    ) -> OpenedSession:
        """Open a session with its entry (or test start) check, and close the learner's others.

        Args:
            supervised_until_ms: staff see the person, and are to say so again by then: no face is asked for.

        Raises:
            NotPermitted: token_used.
        """
        now_ms = self._now_ms()
        for other in self._store.open_sessions(learner):
            self._close(other, "other_device")
        institution = self._institution_id
        # The tenant stands in the secret so that a beat needs no look-up across tenants; a forged one finds no row.
        secret = f"{institution}~{secrets.token_urlsafe(32)}"
        session = StudySession(
            id=StudySessionId(new_id("ss")),
            learner=learner,
            class_run=class_run,
            unit=unit,
            activity=activity,
            attempt=attempt,
            account_id=account_id,
            open=True,
            opened_ms=now_ms,
            next_seq=1,
            last_batch_sha256="",
            last_received_ms=None,
            chain_seq=0,
            chain_hash=GENESIS,
            next_due_ms=now_ms if supervised_until_ms is None else supervised_until_ms,
            method=FACE_METHOD if supervised_until_ms is None else SUPERVISED,
            credited_seconds=0,
            provisional_seconds=0,
            refused_seconds=0,
            closed_reason=None,
        )
        session = self._prompts.begin(session)
        if not self._store.add_session(session, sha256_hex(secret.encode()), token_id):
            raise NotPermitted("token_used", "本页的凭证已使用,请刷新页面后重试", http_status=409)
        if session.method == SUPERVISED:
            return OpenedSession(session, secret, self._nonce(session), [])
        kind = CheckKind.TEST_START if activity is Activity.TEST else CheckKind.ENTRY
        check = self._open_check(session, kind, now_ms)
        return OpenedSession(session, secret, self._nonce(session), [check_command(check, now_ms)])

    def resume_session(
        self,
        session_id: StudySessionId,
        secret: str,
        *,
        learner: LearnerRef,
        class_run: ClassRunId,
        unit: CourseUnitId,
        attempt: str,
        account_id: str,
    ) -> OpenedSession | None:
        """Return the session with which a further page of the same attempt goes on; None if there is none.

        Who does not have its secret goes on with nothing: another page, another device begins with a check.
        """
        try:
            session = self._authenticated(session_id, secret)
        except NotPermitted:
            return None
        there = (session.learner, session.class_run, session.unit, session.attempt, session.account_id)
        if not session.open or session.activity is not Activity.TEST:
            return None
        if there != (learner, class_run, unit, attempt, account_id):
            return None
        answer = self._answer(session, self._now_ms())
        return OpenedSession(answer.session, secret, answer.nonce, answer.commands)

    def accept_batch(
        self, batch: BeatBatch, secret: str, body_sha256: str, received_real: datetime
    ) -> BatchAnswer:
        """Chain a batch of beats and return what the agent must do next.

        Raises:
            NotPermitted: session_unknown, nonce_mismatch.
            InvalidInput: seq_out_of_order, seq_conflict, session_closed.
        """
        now_ms = self._now_ms()
        session = self._authenticated(StudySessionId(batch.session), secret)
        if batch.seq == session.next_seq - 1 and session.last_batch_sha256:
            if not hmac.compare_digest(body_sha256, session.last_batch_sha256):
                raise InvalidInput("seq_conflict", "同一序号的内容前后不一致", http_status=409)
            return self._answer(session, now_ms)
        if not session.open:
            raise InvalidInput("session_closed", closed_sentence(session), http_status=410)
        if batch.seq != session.next_seq:
            raise SeqOutOfOrder(session.next_seq)
        if not hmac.compare_digest(batch.nonce.encode(), self._nonce(session).encode()):
            raise NotPermitted("nonce_mismatch", "本页面已失效,请刷新页面后继续")
        record = self._inbox.append(
            chain=session.id,
            source=BATCH_SOURCE,
            received_at=received_real,
            original_sha256=body_sha256,
            verification="session secret, nonce chain",
            idempotency_key=f"{session.id}:{batch.seq}",
            payload=_payload(
                batch, now_ms, session.last_received_ms or session.opened_ms, self._study_clock.factor()
            ),
            head=ChainHead(session.chain_seq, session.chain_hash),
        )
        if record is None:
            raise InvalidInput("seq_conflict", "同一序号的内容前后不一致", http_status=409)
        session = replace(
            session,
            next_seq=session.next_seq + 1,
            last_batch_sha256=body_sha256,
            last_received_ms=now_ms,
            chain_seq=record.seq,
            chain_hash=record.hash,
        )
        self._store.save_batch(session)
        self._events.want(BEATS_WAITING, session.id)
        self._pace.heard()
        if batch.ending:
            session = self._ending(session, now_ms)
        return self._answer(session, now_ms, batch)

    def prompt(self, prompt_id: str, secret: str) -> Prompt:
        """Return a prompt of the secret's session; InvalidInput("prompt_unknown"), NotPermitted("session_unknown")."""
        prompt = self._prompts.find(prompt_id)
        self._authenticated(prompt.session, secret)
        return prompt

    def check_state(self, check_id: CheckId, secret: str) -> tuple[PresenceCheck, bool, str]:
        """Return a check of the secret's session, whether a frame is being judged, and the last message.

        Raises:
            InvalidInput: check_unknown.
            NotPermitted: session_unknown.
        """
        check = self._store.check(check_id) if check_id.isprintable() else None
        if check is None:
            raise _check_unknown()
        session = self._authenticated(check.session, secret)
        check = self.expire(check)
        judging = check.state is CheckState.OPEN and check.is_judging(self._store.waiting_frames(check_id))
        message = check_sentence(check.state, session.activity, moving=check.asked is not None)
        if check.state is CheckState.OPEN:
            message = self._store.last_message(check_id) or message
        return check, judging, message

    def look(self, check_id: CheckId, secret: str) -> tuple[PresenceCheck, bool, str] | None:
        """Return what `check_state` does where looking is all there is to do; None otherwise. Nothing is locked.

        A page asks several times a second while a frame is judged; it must not stand in the judges' way.
        """
        seen = self.seen(check_id, secret)
        if seen is None:
            return None
        check = seen.check
        if check.state is not CheckState.OPEN:
            return check, False, check_sentence(check.state, seen.activity, moving=check.asked is not None)
        if not seen.waiting and self._now_ms() >= check.answer_by_ms:
            return None
        message = seen.message or check_sentence(check.state, seen.activity)
        return check, check.is_judging(seen.waiting), message

    def seen(self, check_id: CheckId, secret: str) -> SeenCheck | None:
        """Return a check of the secret's session as it stands, with nothing locked; None for any other."""
        seen = self._store.seen(check_id) if check_id.isprintable() else None
        if seen is None or not hmac.compare_digest(seen.secret_sha256, sha256_hex(secret.encode())):
            return None
        return seen

    def for_frame(self, check_id: CheckId, secret: str) -> SeenCheck:
        """Return a check of the secret's session, which is locked until commit.

        Raises:
            InvalidInput: check_unknown.
            NotPermitted: session_unknown.
        """
        seen = self._store.seen(check_id, locked=True) if check_id.isprintable() else None
        if seen is None:
            raise _check_unknown()
        if not hmac.compare_digest(seen.secret_sha256, sha256_hex(secret.encode())):
            raise _session_unknown()
        return seen

    def close_session(self, session_id: StudySessionId, reason: str) -> None:
        """Close a session if it is open."""
        found = self._store.session(session_id)
        if found is not None and found[0].open:
            self._close(found[0], reason)

    def withdraw(self, learner: LearnerRef) -> None:
        """Stop what rests on the learner's consent: close open sessions, forget the face references."""
        self.end_study(learner, CONSENT_REVOKED)
        self._store.forget_references(learner)

    def end_study(self, learner: LearnerRef, reason: str) -> None:
        """Close the learner's open sessions; what was recorded stays.

        Who withdraws the consent to faces, or is to register anew, and is supervised by staff goes on.
        """
        for session in self._store.open_sessions(learner):
            if reason not in (CONSENT_REVOKED, FACE_RESET) or session.method == FACE_METHOD:
                self._close(session, reason)

    def expire(self, check: PresenceCheck) -> PresenceCheck:
        """Return the check, ended as missed if its answer window is over with no frame waiting to be judged.

        Where no face may be checked any more it ends with its session, charged to nobody: it could not be answered.
        """
        now_ms = self._now_ms()
        if check.state is not CheckState.OPEN or now_ms < check.answer_by_ms:
            return check
        if self._store.waiting_frames(check.id):
            # A frame that came in time is judged, however long our queue; nobody loses by our delay.
            return check
        if self._faces_stopped(check.class_run):
            self.close_session(check.session, FACES_STOPPED)
            ended = self._store.check(check.id)
            if ended is not None and ended.state is not CheckState.OPEN:
                return ended
            return self.decide(check, CheckState.DECLINED, check.attempts_left, now_ms)
        return self.decide(check, CheckState.MISSED, check.attempts_left, now_ms)

    def decide(
        self, check: PresenceCheck, state: CheckState, attempts_left: int, at_ms: int
    ) -> PresenceCheck:
        """Record a check's new state and, once it is final, tell it and schedule the next."""
        check = replace(check, state=state, attempts_left=attempts_left)
        final = state is not CheckState.OPEN
        self._store.save_check(check, at_ms if final else None)
        if not final:
            return check
        if state is CheckState.DECLINED:
            # Nobody hears of it: it proves nothing, and nothing is held against who withdrew or may not be seen.
            self._pace.checks_changed()
            return check
        found = self._store.session(check.session)
        if found is not None and found[0].open:
            session = found[0]
            passed = state is CheckState.PASSED
            rules = self._rules.checks(session.class_run, session.activity)
            # A frame that waited long for us was passed at the moment at which it came.
            due = max(rules.due_after(at_ms, secrets.randbits(32)), self._now_ms()) if passed else at_ms
            self._store.save_batch(replace(session, next_due_ms=due))
            if passed:
                self._prompts.passed(session, at_ms)
        self._events.emit(
            "presence.check_decided",
            check.learner,
            occurred_at=self._study_clock.now(),
            idempotency_key=check.id,
            data={
                "learner": check.learner,
                "class_run": check.class_run,
                "check": check.id,
                "kind": check.kind.value,
                "session": check.session,
                "due_ms": check.due_ms,
                "at_ms": at_ms,
                "outcome": state.value,
                **({"method": SUPERVISED} if found is not None and found[0].method == SUPERVISED else {}),
                # Which reference was compared with: none but an anchor of this very one makes the time count.
                **({"reference": check.reference} if check.reference else {}),
                **({"movement": check.asked.move.value} if check.asked is not None else {}),
                "reason": check_sentence(
                    state,
                    Activity.STUDY if found is None else found[0].activity,
                    moving=check.asked is not None,
                ),
            },
        )
        self._pace.checks_changed()
        return check

    def _authenticated(self, session_id: StudySessionId, secret: str) -> StudySession:
        found = self._store.session(session_id)
        presented = sha256_hex(secret.encode())
        if found is None or not hmac.compare_digest(found[1], presented):
            raise _session_unknown()
        return found[0]

    def _answer(self, session: StudySession, now_ms: int, batch: BeatBatch | None = None) -> BatchAnswer:
        if not session.open:
            command: Command = {
                "type": "close",
                "reason": session.closed_reason,
                "message": closed_sentence(session),
            }
            return BatchAnswer(session, self._nonce(session), [command])
        first = supervised_commands(session, now_ms)
        if now_ms < session.next_due_ms:
            idle_ms = self._idle_ms(session, now_ms, batch)
            if not is_prompt_due(session, now_ms, idle_ms):
                return BatchAnswer(session, self._nonce(session), first)
            unseen = batch is not None and not any(event.visible for event in batch.events)
            asked = self._prompts.ask(session, now_ms, idle_ms=idle_ms, unseen=unseen)
            return BatchAnswer(session, self._nonce(session), first + asked)
        if session.method == SUPERVISED:
            return BatchAnswer(session, self._nonce(session), first)
        # From its due moment on a check is open or about to be: only then is the check table read.
        check = self._store.open_check(session.id)
        if check is None:
            rules = self._rules.checks(session.class_run, session.activity)
            later = put_off_until(rules, self._queue, self._store.last_end(session.id), now_ms)
            if later is not None:
                session = replace(session, next_due_ms=later)
                self._store.save_batch(session)
                return BatchAnswer(session, self._nonce(session), [])
        else:
            check = self.expire(check)
            now = self._store.session(session.id) if check.state is CheckState.DECLINED else None
            if now is not None and not now[0].open:
                return self._answer(now[0], now_ms)
        if check is None or check.state is not CheckState.OPEN:
            kind = CheckKind.IN_TEST if session.activity is Activity.TEST else CheckKind.RANDOM
            due = session.next_due_ms if check is None else now_ms
            check = self._open_check(session, kind, due)
        return BatchAnswer(session, self._nonce(session), [check_command(check, now_ms)])

    def _ending(self, session: StudySession, now_ms: int) -> StudySession:
        if session.method == SUPERVISED:
            # The next word of staff still covers what came before the learner left.
            return self._close(session, "finished")
        if self._store.open_check(session.id) is not None:
            return session
        last = self._store.last_passed_ms(session.id)
        seen = last is not None and now_ms - last < _EXIT_CHECK_AFTER_MS
        if seen and not self._prompts.is_open(session):
            return self._close(session, "finished")
        # A check that was due before the learner wished to leave keeps its moment.
        session = replace(session, next_due_ms=min(session.next_due_ms, now_ms))
        self._store.save_batch(session)
        self._open_check(session, CheckKind.EXIT, session.next_due_ms)
        return session

    def _open_check(self, session: StudySession, kind: CheckKind, due_ms: int) -> PresenceCheck:
        if session.next_prompt_ms is not None:
            due_ms = self._prompts.take_over(session, due_ms)
        self._pace.check_opening()
        now_ms = self._now_ms()
        rules = self._rules.checks(session.class_run, session.activity)
        check = PresenceCheck(
            id=CheckId(new_id("chk")),
            session=session.id,
            learner=session.learner,
            class_run=session.class_run,
            kind=kind,
            due_ms=due_ms,
            opened_ms=now_ms,
            answer_by_ms=now_ms + rules.answer_window_ms,
            attempts_left=rules.attempts,
            state=CheckState.OPEN,
            nonce=secrets.token_hex(16),
            verdicts=(),
            with_movement=rules.movement,
        )
        self._store.add_check(check)
        self._pace.checks_changed()
        return check

    def _close(self, session: StudySession, reason: str) -> StudySession:
        check = self._store.open_check(session.id)
        closed = replace(session, open=False, closed_reason=reason)
        self._store.save_session(closed)
        # What was sent in time is judged all the same, unless the leave to judge it was withdrawn.
        answered = (
            check is not None and reason not in NOT_TO_ANSWER and self._store.waiting_frames(check.id) > 0
        )
        if check is not None and not answered:
            # The check was asked for and its session is given up: it was not answered.
            unanswered = CheckState.DECLINED if reason in NOT_TO_ANSWER else CheckState.MISSED
            self.decide(check, unanswered, check.attempts_left, self._now_ms())
        if reason in NOT_TO_ANSWER:
            # Nor is an open prompt charged to who may not go on answering.
            self._prompts.take_over(session, self._now_ms())
        else:
            self._prompts.give_up(session)
        return closed

    def _idle_ms(self, session: StudySession, now_ms: int, batch: BeatBatch | None) -> int:
        """Return how long ago the batch claims its learner's last interaction was, study ms."""
        if batch is None or session.prompt_idle_ms is None:
            return 0
        last = batch.events[-1]
        if last.interaction_ms is None:
            return now_ms - session.opened_ms
        return max(0, last.client_ms - last.interaction_ms) * self._study_clock.factor()

    def _nonce(self, session: StudySession) -> str:
        return batch_nonce(self._nonce_key, session.id, session.next_seq, session.chain_hash)

    def _now_ms(self) -> int:
        return epoch_ms(self._study_clock.now())


class SeqOutOfOrder(InvalidInput):
    """A batch came before or after its turn; the agent goes on from `expected_seq`."""

    def __init__(self, expected_seq: int) -> None:
        super().__init__("seq_out_of_order", "批次序号不连续,请按序重发", http_status=409)
        self.expected_seq = expected_seq


def _check_unknown() -> InvalidInput:
    return InvalidInput("check_unknown", "核验不存在或已失效,请刷新页面", http_status=404)


def _session_unknown() -> NotPermitted:
    return NotPermitted("session_unknown", "会话不存在或凭证不符,请刷新页面", http_status=401)


def _payload(batch: BeatBatch, received_ms: int, previous_received_ms: int, study_factor: int) -> str:
    """Return the canonical JSON of a batch: numbers and flags only, so nothing personal can hide in it.

    Integers, null and booleans under ASCII keys that stand in their order: there any JSON encoder writes RFC 8785.
    """
    content = {
        "beats": [
            (e.client_ms, e.media_ms, int(e.visible), e.interaction_ms, e.rate_permille) for e in batch.events
        ],
        "ending": batch.ending,
        "previous_received_ms": previous_received_ms,
        "received_ms": received_ms,
        "seq": batch.seq,
        "study_factor": study_factor,
    }
    return msgspec.json.encode(content).decode()
