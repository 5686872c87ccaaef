"""What one picture of a check's movement shows: whose face, how it is held, and whether it is of the take before it.

Runs the models with no transaction open. Each picture is judged by itself when it comes, so that with the last one the
verdict is near.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.kernel.errors import InvalidInput
from bridge.presence.bursts import observed, shown_of
from bridge.presence.challenge import FrameShown
from bridge.presence.face import (
    FaceEngine,
    FaceJudgement,
    FaceObservation,
    FaceTemplate,
    FaceVerdict,
    judge,
)
from bridge.presence.face_pack import ChallengeLimits, FacePack, MovementLimits
from bridge.presence.frame_marks import Box, FrameMarks, nearest
from bridge.presence.movement import SeenFrame

Fetch = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Return the pictures of earlier frames by their ids, without those that are gone."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """With what a picture of a movement is held together. Biometric data: lives in memory only.

    Args:
        before: the picture that came before it in the same check; None if it is gone.
        earlier: (frame id, mark) of the learner's pictures of other movements and of registrations.
    """

    before: bytes | None
    earlier: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Means:
    """What judges look with, beside the engine."""

    marks: FrameMarks
    fetch: Fetch


@dataclass(frozen=True, slots=True)
class JudgedMove:
    """What the models made of one picture of a movement: what is kept of it, and its mark ("" if it has none)."""

    seen: SeenFrame
    mark: str


def judge_moving(
    engine: FaceEngine, jpeg: bytes, reference: FaceTemplate, around: Surroundings, means: Means
) -> tuple[FaceJudgement, JudgedMove]:
    """Return the verdict on one picture of a movement, and what it shows of the movement.

    Raises:
        LookupError: the pack has no challenge; no movement is asked for then.
    """
    limits, movement = engine.pack.challenge, engine.pack.movement
    if limits is None or movement is None:
        raise LookupError(f"face pack {engine.pack.id} sees no movement")
    seen = observed(engine, jpeg)
    shown = shown_of(seen, reference, engine.pack, limits)
    box = seen.main.bbox if isinstance(seen, FaceObservation) and seen.main is not None else None
    mark = _mark(means.marks, jpeg)
    still, elsewhere = _beside(jpeg, box, around.before, means.marks, limits, movement)
    repeated = bool(mark) and box is not None and _is_copy(jpeg, box, mark, around, means, limits)
    kept = SeenFrame(
        verdict=shown.verdict.value,
        yaw=None if shown.pose is None else shown.pose.yaw_degrees,
        pitch=None if shown.pose is None else shown.pose.pitch_degrees,
        still=still,
        repeated=repeated,
        elsewhere=elsewhere,
    )
    judgement = _judgement(seen, shown, reference, engine.pack)
    if still or repeated or elsewhere:
        judgement = replace(judgement, verdict=FaceVerdict.SUSPECTED_VIRTUAL_CAMERA)
    return judgement, JudgedMove(kept, mark)


def _judgement(
    seen: FaceObservation | str, shown: FrameShown, reference: FaceTemplate, pack: FacePack
) -> FaceJudgement:
    """Return the verdict of `shown` with the score that it rests on, for whoever reviews it."""
    if isinstance(seen, FaceObservation):
        for one in (pack, replace(pack, liveness=None)):
            found = judge(seen, reference, one)
            if found.verdict is shown.verdict:
                return found
    return FaceJudgement(shown.verdict, None, None, None, pack.id, shown.advice)


def _beside(
    jpeg: bytes,
    box: Box | None,
    before: bytes | None,
    marks: FrameMarks,
    limits: ChallengeLimits,
    movement: MovementLimits,
) -> tuple[bool, bool]:
    """Return whether the picture is the one before it once more, and whether it was taken at another place."""
    if before is None:
        return False, False
    try:
        still = marks.identical_share(before, jpeg) >= limits.frozen_share
        place = marks.same_place(before, jpeg, box) if box is not None else 1.0
    except InvalidInput:
        return False, False  # one that cannot be read is too poor, and shows nothing by itself
    return still, place < movement.same_place_from


def _is_copy(
    jpeg: bytes, box: Box, mark: str, around: Surroundings, means: Means, limits: ChallengeLimits
) -> bool:
    near = nearest(mark, around.earlier, limits.mark_bits)
    others = means.fetch(near).values() if near else ()
    return any(means.marks.difference(jpeg, other, box) < limits.same_picture_below for other in others)


def _mark(marks: FrameMarks, jpeg: bytes) -> str:
    try:
        return marks.mark(jpeg)
    except InvalidInput:
        return ""
