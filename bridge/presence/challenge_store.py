"""Tables of challenges, of the frames of their bursts, and of the marks by which a frame is found again."""

from typing import Any

from sqlalchemy import JSON, String, delete, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, JsonList, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import CheckId, ClassRunId, InstitutionId, LearnerRef
from bridge.presence.challenge import Challenge, ChallengeState, Move, Step
from bridge.presence.tables import FaceFrameRow


class FaceChallengeRow(TenantRow, Base):
    """One challenge. `step` is the movement under way with its nonce; it is told no earlier than its moment."""

    __tablename__ = "face_challenge"

    id: Mapped[Id]
    learner: Mapped[Ref] = mapped_column(index=True)
    class_run: Mapped[Ref]
    pack_id: Mapped[Code]
    state: Mapped[Code]
    met: Mapped[JsonList]
    step: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    opened_ms: Mapped[Count]
    ends_ms: Mapped[Count]
    suspicions: Mapped[JsonList]
    camera: Mapped[Code]
    sentence: Mapped[str] = mapped_column(String(300), default="")
    templates: Mapped[JsonList]
    with_photo: Mapped[bool]
    eyes_read: Mapped[bool]
    card_check: Mapped[str] = mapped_column(String(40), default="", server_default="")


class FaceChallengeFrameRow(TenantRow, Base):
    """One frame of a burst, in the order in which they came."""

    __tablename__ = "face_challenge_frame"

    frame_id: Mapped[Id]
    challenge: Mapped[Ref] = mapped_column(index=True)
    nonce: Mapped[Code]
    seq: Mapped[int]


class FaceFrameMarkRow(TenantRow, Base):
    """256 bits of a frame: no picture can be made of them."""

    __tablename__ = "face_frame_mark"

    frame_id: Mapped[Id]
    learner: Mapped[Ref] = mapped_column(index=True)
    mark: Mapped[Code]


class SqlChallengeStore:
    """Challenges on the unit of work's database."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._db = tx.session

    def add(self, challenge: Challenge) -> None:
        self._db.add(FaceChallengeRow(institution_id=self._tx.institution_id, **_columns(challenge)))
        self._db.flush()

    def save(self, challenge: Challenge) -> None:
        row = self._db.get_one(FaceChallengeRow, challenge.id)
        for name, value in _columns(challenge).items():
            setattr(row, name, value)
        self._db.flush()

    def get(self, challenge_id: str) -> Challenge | None:
        """Return the challenge, locked until commit."""
        row = self._db.get(FaceChallengeRow, challenge_id, with_for_update=True, populate_existing=True)
        return None if row is None else _challenge(row)

    def latest(self, learner: LearnerRef, class_run: ClassRunId) -> Challenge | None:
        """Return the learner's last challenge in the class run, locked until commit."""
        row = self._db.scalars(
            select(FaceChallengeRow)
            .where(FaceChallengeRow.learner == learner, FaceChallengeRow.class_run == class_run)
            .order_by(FaceChallengeRow.opened_ms.desc(), FaceChallengeRow.id.desc())
            .limit(1)
            .with_for_update()
        ).one_or_none()
        return None if row is None else _challenge(row)

    def challenges_of(self, learner: LearnerRef, class_run: ClassRunId) -> list[Challenge]:
        """Return the learner's challenges, oldest first, for who reviews."""
        rows = self._db.scalars(
            select(FaceChallengeRow)
            .where(FaceChallengeRow.learner == learner, FaceChallengeRow.class_run == class_run)
            .order_by(FaceChallengeRow.opened_ms, FaceChallengeRow.id)
        )
        return [_challenge(row) for row in rows]

    def add_frame(self, frame_id: str, challenge_id: str, nonce: str, seq: int) -> None:
        self._db.add(
            FaceChallengeFrameRow(
                institution_id=self._tx.institution_id,
                frame_id=frame_id,
                challenge=challenge_id,
                nonce=nonce,
                seq=seq,
            )
        )
        self._db.flush()

    def frames(self, challenge_id: str, nonce: str) -> list[str]:
        """Return the ids of the frames of one try, in their order."""
        return list(
            self._db.scalars(
                select(FaceChallengeFrameRow.frame_id)
                .where(FaceChallengeFrameRow.challenge == challenge_id, FaceChallengeFrameRow.nonce == nonce)
                .order_by(FaceChallengeFrameRow.seq)
            )
        )

    def marks(self, learner: LearnerRef, *, but_of: str) -> list[tuple[str, str]]:
        """Return (frame id, mark) of all judged frames of the learner but those of the challenge `but_of`."""
        own = select(FaceChallengeFrameRow.frame_id).where(FaceChallengeFrameRow.challenge == but_of)
        rows = self._db.execute(
            select(FaceFrameMarkRow.frame_id, FaceFrameMarkRow.mark).where(
                FaceFrameMarkRow.learner == learner, FaceFrameMarkRow.frame_id.not_in(own)
            )
        )
        return [(row.frame_id, row.mark) for row in rows]

    def marks_but_of_check(self, learner: LearnerRef, check_id: CheckId) -> list[tuple[str, str]]:
        """Return (frame id, mark) of all judged frames of the learner but those of one check."""
        rows = self._db.execute(
            select(FaceFrameMarkRow.frame_id, FaceFrameMarkRow.mark)
            .join(FaceFrameRow, FaceFrameRow.id == FaceFrameMarkRow.frame_id)
            .where(
                FaceFrameMarkRow.learner == learner,
                or_(FaceFrameRow.check_id.is_(None), FaceFrameRow.check_id != check_id),
            )
        )
        return [(row.frame_id, row.mark) for row in rows]

    def add_mark(self, frame_id: str, learner: LearnerRef, mark: str) -> None:
        if self._db.get(FaceFrameMarkRow, frame_id) is None:
            self._db.add(
                FaceFrameMarkRow(
                    institution_id=self._tx.institution_id, frame_id=frame_id, learner=learner, mark=mark
                )
            )
            self._db.flush()

    def unended(self, learner: LearnerRef) -> list[Challenge]:
        """Return the learner's challenges, of all class runs, that are open or judged yet, locked until commit."""
        rows = self._db.scalars(
            select(FaceChallengeRow)
            .where(FaceChallengeRow.learner == learner, FaceChallengeRow.step.is_not(None))
            .order_by(FaceChallengeRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return [_challenge(row) for row in rows]

    def forget_marks(self, learner: LearnerRef) -> None:
        self._db.execute(delete(FaceFrameMarkRow).where(FaceFrameMarkRow.learner == learner))


def overdue_challenges(tx: Tx, now_ms: int) -> list[tuple[InstitutionId, str]]:
    """Return the open challenges, of all institutions, whose time is over (real ms)."""
    rows = tx.session.execute(
        select(FaceChallengeRow.institution_id, FaceChallengeRow.id)
        .where(FaceChallengeRow.state == ChallengeState.OPEN.value, FaceChallengeRow.ends_ms <= now_ms)
        .limit(500)
    )
    return [(InstitutionId(institution), challenge) for institution, challenge in rows]


def _columns(challenge: Challenge) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(challenge, name) for name in Challenge.__slots__}
    step = challenge.step
    return {
        **values,
        "state": challenge.state.value,
        "met": [move.value for move in challenge.met],
        "step": None
        if step is None
        else {**{name: getattr(step, name) for name in Step.__slots__}, "move": step.move.value},
        "suspicions": list(challenge.suspicions),
        "templates": list(challenge.templates),
    }


def _challenge(row: FaceChallengeRow) -> Challenge:
    values = {name: getattr(row, name) for name in Challenge.__slots__}
    step = row.step
    return Challenge(
        **{
            **values,
            "learner": LearnerRef(row.learner),
            "class_run": ClassRunId(row.class_run),
            "state": ChallengeState(row.state),
            "met": tuple(Move(move) for move in row.met),
            "step": None if step is None else Step(**{**step, "move": Move(step["move"])}),
            "suspicions": tuple(row.suspicions),
            "templates": tuple(row.templates),
        }
    )
