"""Rows that faces leave outside of the evidence: marks of frames and notes that two people are alike; how they go."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.challenge_store import FaceFrameMarkRow
from bridge.presence.search.store import FaceLikenessRow
from bridge.presence.tables import FaceFrameRow

_AT_ONCE = 500


def count_marks(tx: Tx, learner: LearnerRef, class_run: ClassRunId) -> int:
    """Return how many marks are kept of the learner's frames in a class run."""
    counted = (
        select(func.count(FaceFrameMarkRow.frame_id))
        .join(FaceFrameRow, FaceFrameRow.id == FaceFrameMarkRow.frame_id)
        .where(FaceFrameMarkRow.learner == learner, FaceFrameRow.class_run == class_run)
    )
    return tx.session.scalar(counted) or 0


def drop_marks_of(tx: Tx, learner: LearnerRef, class_run: ClassRunId) -> int:
    """Delete the marks of the learner's frames of a class run; return how many."""
    own = (
        select(FaceFrameMarkRow.frame_id)
        .join(FaceFrameRow, FaceFrameRow.id == FaceFrameMarkRow.frame_id)
        .where(FaceFrameMarkRow.learner == learner, FaceFrameRow.class_run == class_run)
    )
    return _delete(tx, FaceFrameMarkRow, FaceFrameMarkRow.frame_id, list(tx.session.scalars(own)))


def drop_marks_of_runs(tx: Tx, class_runs: Sequence[ClassRunId]) -> int:
    """Delete the marks of all frames of these class runs; return how many."""
    # From the marks, of which only those of class runs under way are left, to their frames: these are never deleted.
    over = (
        select(FaceFrameMarkRow.frame_id)
        .join(FaceFrameRow, FaceFrameRow.id == FaceFrameMarkRow.frame_id)
        .where(FaceFrameRow.class_run.in_(class_runs))
    )
    return _delete(tx, FaceFrameMarkRow, FaceFrameMarkRow.frame_id, list(tx.session.scalars(over)))


def drop_likenesses(tx: Tx, found_before: datetime, is_held: Callable[[ClassRunId, LearnerRef], bool]) -> int:
    """Delete the notes that were made before a moment; return how many.

    Args:
        is_held: whether something of a learner in a class run must stay nevertheless; either side keeps the note.
    """
    row = FaceLikenessRow
    found = tx.session.execute(
        select(row.id, row.learner, row.class_run, row.other, row.other_class_run).where(
            row.found_at < found_before
        )
    )
    over = [
        one.id
        for one in found
        if not is_held(ClassRunId(one.class_run), LearnerRef(one.learner))
        and not is_held(ClassRunId(one.other_class_run), LearnerRef(one.other))
    ]
    return _delete(tx, row, row.id, over)


def likenesses_of(tx: Tx, learners: Sequence[LearnerRef]) -> Sequence[tuple[datetime, ClassRunId]]:
    """Return when and for which class run the learner's face was found like another person's, oldest first.

    Whose it is like is another person's affair and is not said.
    """
    row = FaceLikenessRow
    rows = tx.session.scalars(
        select(row)
        .where(or_(row.learner.in_(learners), row.other.in_(learners)))
        .order_by(row.found_at, row.pair)
    )
    return [
        (one.found_at, ClassRunId(one.class_run if one.learner in learners else one.other_class_run))
        for one in rows
    ]


def _delete(tx: Tx, table: Any, key: Any, keys: Sequence[str]) -> int:
    for at in range(0, len(keys), _AT_ONCE):
        tx.session.execute(delete(table).where(key.in_(keys[at : at + _AT_ONCE])))
    return len(keys)
