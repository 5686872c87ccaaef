"""Put questions to learners who study, judge the answers, and say when the next is due."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Events
from bridge.kernel.ids import ClassRunId, StudySessionId, new_id
from bridge.kernel.time import StudyClock, epoch_ms
from bridge.presence.model import Activity, Command, StudySession
from bridge.presence.ports import StudyPace
from bridge.presence.prompt_model import (
    NOT_RIGHT,
    PROMPT_SENTENCES,
    Prompt,
    PromptKind,
    PromptRules,
    PromptState,
    idle_too_long,
    prompt_command,
)
from bridge.presence.questions import Question, make_question

_DICE = secrets.SystemRandom()


class PromptStore(Protocol):
    """The prompts of one institution."""

    def add_prompt(self, prompt: Prompt) -> None: ...

    def prompt(self, prompt_id: str) -> Prompt | None:
        """Return the prompt; its session and it are locked until commit."""
        ...

    def open_prompt(self, session_id: StudySessionId) -> Prompt | None: ...

    def save_prompt(self, prompt: Prompt, decided_ms: int | None) -> None: ...

    def plan(self, session_id: StudySessionId, next_prompt_ms: int, attended_ms: int | None) -> None: ...


class PromptRulesInForce(Protocol):
    """The values that apply to a class run today; None where its packs want no prompts."""

    def prompts(self, class_run: ClassRunId) -> PromptRules | None: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """How a prompt stands, and what its learner is told. `prompt.question` is None once it is over."""

    prompt: Prompt
    message: str
    answer_within_seconds: int


class Prompts:
    """Prompts within one unit of work. Who may ask is settled before: callers have the session's secret checked."""

    def __init__(
        self,
        store: PromptStore,
        events: Events,
        rules: PromptRulesInForce,
        pace: StudyPace,
        study_clock: StudyClock,
    ) -> None:
        self._store = store
        self._events = events
        self._rules = rules
        self._pace = pace
        self._study_clock = study_clock

    def begin(self, session: StudySession) -> StudySession:
        """Return a session about to be opened with its first prompt planned; a test has none."""
        rules = None if session.activity is Activity.TEST else self._rules.prompts(session.class_run)
        if rules is None:
            return session
        return replace(
            session,
            next_prompt_ms=rules.due_after(session.opened_ms, secrets.randbits(32)),
            prompt_idle_ms=rules.idle_ms,
            attended_ms=session.opened_ms,
        )

    def ask(self, session: StudySession, now_ms: int, *, idle_ms: int, unseen: bool) -> list[Command]:
        """Return the command for the prompt that is open or, being due, is now put; none while nobody looks.

        Args:
            idle_ms: since the last interaction that the client claims.
            unseen: the page was out of sight in all of the batch: that time is refused anyway, and a question would
                only be missed.
        """
        if session.next_prompt_ms is None:
            return []
        prompt = self._store.open_prompt(session.id)
        if prompt is not None:
            prompt = self.expire(prompt)
        if prompt is None or prompt.state is not PromptState.OPEN:
            rules = self._rules.prompts(session.class_run)
            if unseen or rules is None:
                return []
            missed = None if prompt is None else now_ms
            prompt = self._put(session, rules, now_ms, idle_ms, missed)
            now_ms = prompt.opened_ms
        return [prompt_command(prompt, now_ms)]

    def take_over(self, session: StudySession, due_ms: int) -> int:
        """Return the due moment of a check that is opened now: it stands in for a prompt that is open."""
        prompt = self._store.open_prompt(session.id)
        if prompt is None:
            return due_ms
        self._end(replace(prompt, state=PromptState.SUPERSEDED), self._now_ms())
        return min(due_ms, prompt.due_ms)

    def is_open(self, session: StudySession) -> bool:
        """Return whether a prompt of the session waits for an answer."""
        return session.next_prompt_ms is not None and self._store.open_prompt(session.id) is not None

    def passed(self, session: StudySession, at_ms: int) -> None:
        """Note a passed check: who was seen just now need not be asked for idleness, nor by a prompt due meanwhile."""
        planned = session.next_prompt_ms
        if planned is None:
            return
        if planned > at_ms:
            self._store.plan(session.id, planned, at_ms)
        else:
            self._plan_next(session.id, session.class_run, at_ms)

    def give_up(self, session: StudySession) -> None:
        """End an open prompt as missed: its session is closed."""
        prompt = None if session.next_prompt_ms is None else self._store.open_prompt(session.id)
        if prompt is not None:
            self._decide(prompt, PromptState.MISSED)

    def find(self, prompt_id: str) -> Prompt:
        """Return the prompt, ended if its time is over; InvalidInput("prompt_unknown")."""
        prompt = self._store.prompt(prompt_id) if prompt_id.isprintable() else None
        if prompt is None:
            raise InvalidInput("prompt_unknown", "提问不存在或已失效,请刷新页面", http_status=404)
        return self.expire(prompt)

    def show(self, prompt: Prompt) -> Shown:
        """Return the prompt with the question to be answered now; asked again, the same until it is answered."""
        if prompt.state is PromptState.OPEN and prompt.question is None:
            question: Question = make_question(_DICE)
            prompt = replace(
                prompt,
                nonce=secrets.token_hex(16),
                question=question.asked(),
                answer=question.answer,
                shown_ms=self._now_ms(),
            )
            self._store.save_prompt(prompt, None)
        return self._told(prompt, PROMPT_SENTENCES[prompt.state])

    def answer(self, prompt: Prompt, nonce: str, given: Sequence[str]) -> Shown:
        """Judge an answer to the question that is shown. Each question takes one, right or wrong.

        Raises:
            InvalidInput: prompt_closed, prompt_not_shown, prompt_nonce.
        """
        if prompt.state is not PromptState.OPEN:
            raise prompt_closed(prompt)
        if not prompt.nonce:
            raise InvalidInput("prompt_not_shown", "题目还没有显示,请先看题再回答", http_status=409)
        if not hmac.compare_digest(nonce.encode(), prompt.nonce.encode()):
            raise InvalidInput("prompt_nonce", "题目已更换,请回答新的题目", http_status=409)
        if tuple(given) == prompt.answer:
            prompt = self._decide(_hidden(prompt), PromptState.ANSWERED)
            return self._told(prompt, PROMPT_SENTENCES[prompt.state])
        prompt = replace(_hidden(prompt), attempts_left=prompt.attempts_left - 1)
        if prompt.attempts_left <= 0:
            prompt = self._decide(prompt, PromptState.WRONG)
            return self._told(prompt, PROMPT_SENTENCES[prompt.state])
        self._store.save_prompt(prompt, None)
        return self._told(prompt, NOT_RIGHT)

    def expire(self, prompt: Prompt) -> Prompt:
        """Return the prompt, ended as missed if its answer window is over."""
        if prompt.state is not PromptState.OPEN or self._now_ms() < prompt.answer_by_ms:
            return prompt
        return self._decide(prompt, PromptState.MISSED)

    def _put(
        self, session: StudySession, rules: PromptRules, now_ms: int, idle_ms: int, missed_ms: int | None
    ) -> Prompt:
        """Put a prompt: due when it was planned, now if it comes of idleness, or when the one before was missed."""
        planned = session.next_prompt_ms
        kind, due_ms = PromptKind.RANDOM, now_ms if planned is None else min(planned, now_ms)
        if missed_ms is not None:
            due_ms = missed_ms
        elif (planned is None or planned > now_ms) and idle_too_long(session, now_ms, idle_ms):
            kind = PromptKind.IDLE
        self._pace.check_opening()
        opened_ms = self._now_ms()
        prompt = Prompt(
            id=new_id("prm"),
            session=session.id,
            learner=session.learner,
            class_run=session.class_run,
            kind=kind,
            due_ms=due_ms,
            opened_ms=opened_ms,
            answer_by_ms=opened_ms + rules.answer_window_ms,
            attempts_left=rules.attempts,
            state=PromptState.OPEN,
            nonce="",
            question=None,
            answer=(),
            shown_ms=None,
        )
        self._store.add_prompt(prompt)
        # From here on every answer looks for the open prompt, whoever says that nobody is idle now.
        self._store.plan(session.id, due_ms, None)
        self._pace.checks_changed()
        return prompt

    def _decide(self, prompt: Prompt, state: PromptState) -> Prompt:
        now_ms = self._now_ms()
        prompt = self._end(replace(prompt, state=state), now_ms)
        if state is PromptState.ANSWERED:
            self._plan_next(prompt.session, prompt.class_run, now_ms)
        else:
            self._store.plan(prompt.session, now_ms, None)
        self._events.emit(
            "presence.prompt_ended",
            prompt.learner,
            occurred_at=self._study_clock.now(),
            idempotency_key=prompt.id,
            data={
                "learner": prompt.learner,
                "class_run": prompt.class_run,
                "prompt": prompt.id,
                "kind": prompt.kind.value,
                "session": prompt.session,
                "due_ms": prompt.due_ms,
                "at_ms": now_ms,
                "outcome": state.value,
            },
        )
        return prompt

    def _end(self, prompt: Prompt, now_ms: int) -> Prompt:
        self._store.save_prompt(prompt, now_ms)
        self._pace.checks_changed()
        return prompt

    def _plan_next(self, session_id: StudySessionId, class_run: ClassRunId, at_ms: int) -> None:
        rules = self._rules.prompts(class_run)
        if rules is not None:
            self._store.plan(session_id, rules.due_after(at_ms, secrets.randbits(32)), at_ms)

    def _told(self, prompt: Prompt, message: str) -> Shown:
        return Shown(prompt, message, max(0, prompt.answer_by_ms - self._now_ms()) // 1000)

    def _now_ms(self) -> int:
        return epoch_ms(self._study_clock.now())


def prompt_closed(prompt: Prompt) -> InvalidInput:
    """Return the refusal of an answer that comes when the prompt is over."""
    return InvalidInput("prompt_closed", PROMPT_SENTENCES[prompt.state], http_status=409)


def _hidden(prompt: Prompt) -> Prompt:
    """Return the prompt with its question used up."""
    return replace(prompt, nonce="", question=None, answer=())
