"""Prompts: questions that the server puts to a learner who studies, so that an idle page earns nothing. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.kernel.ids import ClassRunId, LearnerRef, StudySessionId
from bridge.presence.model import Command, StudySession


class PromptKind(StrEnum):
    """Why a prompt was put."""

    RANDOM = "random"
    IDLE = "idle"


class PromptState(StrEnum):
    """Open, or how it ended. Every state but `OPEN` is final."""

    OPEN = "open"
    ANSWERED = "answered"
    MISSED = "missed"
    WRONG = "wrong"
    SUPERSEDED = "superseded"
    """A face check was asked for meanwhile: it is the stronger proof, and counts from the prompt's due moment."""


PROMPT_SENTENCES = {
    PromptState.OPEN: "请回答下面的问题,学习即可继续。",
    PromptState.ANSWERED: "回答正确,请继续学习。",
    PromptState.MISSED: "没有在规定时间内回答,自提问时起的学习时间不计入学时。请回答新的提问后继续学习。",
    PromptState.WRONG: "多次回答不对,自提问时起的学习时间不计入学时。请回答新的提问后继续学习。",
    PromptState.SUPERSEDED: "请完成人脸核验。",
}
NOT_RIGHT = "回答不对,请再看一遍题目,重新回答。"


@dataclass(frozen=True, slots=True)
class PromptRules:
    """The pack's values for prompts, in study milliseconds.

    Args:
        gap_min_ms, gap_max_ms: from one answer or passed check to the next prompt, whatever the learner does.
        idle_ms: with no interaction for so long a prompt is put at once.
    """

    gap_min_ms: int
    gap_max_ms: int
    idle_ms: int
    answer_window_ms: int
    attempts: int

    def __post_init__(self) -> None:
        if not 0 < self.gap_min_ms <= self.gap_max_ms or self.idle_ms <= 0 or self.attempts <= 0:
            raise ValueError("prompts need 0 < min <= max gap, an idle time and an attempt")

    def due_after(self, from_ms: int, chance: int) -> int:
        """Return when the next prompt is due.

        Args:
            chance: a random integer in [0, 2**32); the server's, unknown to the client.
        """
        return from_ms + self.gap_min_ms + (self.gap_max_ms - self.gap_min_ms) * chance // 2**32


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt. `due_ms` is the server's moment; withdrawal counts from it.

    Args:
        nonce: of the question that is shown now; "" while none is.
        question: what the client was shown; None while nothing is.
        answer: to it; never leaves the server.
        shown_ms: when the question now shown was fetched.
    """

    id: str
    session: StudySessionId
    learner: LearnerRef
    class_run: ClassRunId
    kind: PromptKind
    due_ms: int
    opened_ms: int
    answer_by_ms: int
    attempts_left: int
    state: PromptState
    nonce: str
    question: dict[str, Any] | None
    answer: tuple[str, ...]
    shown_ms: int | None

    @property
    def over(self) -> bool:
        return self.state is not PromptState.OPEN


def is_prompt_due(session: StudySession, now_ms: int, idle_ms: int) -> bool:
    """Return whether a prompt is open or to be put.

    Args:
        idle_ms: since the last interaction that the client claims.
    """
    if session.next_prompt_ms is None:
        return False
    return now_ms >= session.next_prompt_ms or idle_too_long(session, now_ms, idle_ms)


def idle_too_long(session: StudySession, now_ms: int, idle_ms: int) -> bool:
    """Return whether neither an interaction nor an answer was seen for the session's idle time."""
    since = max(session.attended_ms, now_ms - idle_ms)
    return session.prompt_idle_ms is not None and now_ms - since >= session.prompt_idle_ms


def prompt_command(prompt: Prompt, now_ms: int) -> Command:
    """Return the command that has the agent fetch the question and show it."""
    return {
        "type": "prompt",
        "prompt": prompt.id,
        "answer_within_seconds": max(0, prompt.answer_by_ms - now_ms) // 1000,
        "attempts_left": prompt.attempts_left,
        "message": PROMPT_SENTENCES[PromptState.OPEN],
    }
