"""Table of prompts, and what of a session's row belongs to them."""

from typing import Any

from sqlalchemy import JSON, Index, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, JsonList, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, StudySessionId
from bridge.presence.prompt_model import Prompt, PromptKind, PromptState
from bridge.presence.tables import StudySessionRow


class PresencePromptRow(TenantRow, Base):
    """One question put to a learner, and how it ended."""

    __tablename__ = "presence_prompt"
    __table_args__ = (Index("ix_presence_prompt_state", "state", "answer_by_ms"),)

    id: Mapped[Id]
    session: Mapped[Ref] = mapped_column(index=True)
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    kind: Mapped[Code]
    due_ms: Mapped[Count]
    opened_ms: Mapped[Count]
    answer_by_ms: Mapped[Count]
    attempts_left: Mapped[int]
    state: Mapped[Code]
    nonce: Mapped[Code]
    question: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    answer: Mapped[JsonList]
    shown_ms: Mapped[Count | None]
    decided_ms: Mapped[Count | None]


class SqlPromptStore:
    """`PromptStore` on the unit of work's database."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._db = tx.session

    def add_prompt(self, prompt: Prompt) -> None:
        self._db.add(
            PresencePromptRow(institution_id=self._tx.institution_id, decided_ms=None, **_columns(prompt))
        )
        self._db.flush()

    def prompt(self, prompt_id: str) -> Prompt | None:
        """Return the prompt; its session and it are locked until commit, in a batch's order."""
        self._db.execute(
            select(StudySessionRow.id)
            .join(PresencePromptRow, PresencePromptRow.session == StudySessionRow.id)
            .where(PresencePromptRow.id == prompt_id)
            .with_for_update(of=StudySessionRow)
        )
        row = self._db.get(PresencePromptRow, prompt_id, populate_existing=True)
        return None if row is None else _prompt(row)

    def open_prompt(self, session_id: StudySessionId) -> Prompt | None:
        row = self._db.scalars(
            select(PresencePromptRow).where(
                PresencePromptRow.session == session_id, PresencePromptRow.state == PromptState.OPEN.value
            )
        ).one_or_none()
        return None if row is None else _prompt(row)

    def save_prompt(self, prompt: Prompt, decided_ms: int | None) -> None:
        row = self._db.get_one(PresencePromptRow, prompt.id)
        for name, value in _columns(prompt).items():
            setattr(row, name, value)
        row.decided_ms = decided_ms
        self._db.flush()

    def plan(self, session_id: StudySessionId, next_prompt_ms: int, attended_ms: int | None) -> None:
        """Keep when the session's next prompt is due and, unless None, when its learner last showed attention."""
        values: dict[str, int] = {"next_prompt_ms": next_prompt_ms}
        if attended_ms is not None:
            values["attended_ms"] = attended_ms
        self._db.execute(update(StudySessionRow).where(StudySessionRow.id == session_id).values(values))

    def prompts_of(self, session_id: StudySessionId) -> list[Prompt]:
        """Return the prompts of a session, oldest first."""
        rows = self._db.scalars(
            select(PresencePromptRow)
            .where(PresencePromptRow.session == session_id)
            .order_by(PresencePromptRow.opened_ms, PresencePromptRow.id)
        )
        return [_prompt(row) for row in rows]


def open_prompts(tx: Tx) -> int:
    """Return how many prompts are open over all institutions."""
    return (
        tx.session.scalar(
            select(func.count())
            .select_from(PresencePromptRow)
            .where(PresencePromptRow.state == PromptState.OPEN.value)
        )
        or 0
    )


def overdue_prompts(tx: Tx, now_ms: int) -> list[tuple[InstitutionId, str]]:
    """Return the open prompts, of all institutions, whose answer window is over."""
    rows = tx.session.execute(
        select(PresencePromptRow.institution_id, PresencePromptRow.id)
        .where(PresencePromptRow.state == PromptState.OPEN.value, PresencePromptRow.answer_by_ms <= now_ms)
        .limit(500)
    )
    return [(InstitutionId(institution), prompt) for institution, prompt in rows]


def _prompt(row: PresencePromptRow) -> Prompt:
    return Prompt(
        id=row.id,
        session=StudySessionId(row.session),
        learner=LearnerRef(row.learner),
        class_run=ClassRunId(row.class_run),
        kind=PromptKind(row.kind),
        due_ms=row.due_ms,
        opened_ms=row.opened_ms,
        answer_by_ms=row.answer_by_ms,
        attempts_left=row.attempts_left,
        state=PromptState(row.state),
        nonce=row.nonce,
        question=row.question,
        answer=tuple(row.answer),
        shown_ms=row.shown_ms,
    )


def _columns(prompt: Prompt) -> dict[str, Any]:
    values = {name: getattr(prompt, name) for name in Prompt.__slots__}
    return {
        **values,
        "kind": prompt.kind.value,
        "state": prompt.state.value,
        "answer": list(prompt.answer),
    }
