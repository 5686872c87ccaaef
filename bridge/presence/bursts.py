"""A burst's frames judged together: what each shows, whether any is another one coded anew, and what the whole says.

Runs the models with no transaction open; a worker that dies in between judges again and changes nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.kernel.errors import InvalidInput
from bridge.presence.challenge import BurstFinding, Finding, FrameShown, Move, judge_burst
from bridge.presence.face import (
    FaceEngine,
    FaceObservation,
    FaceTemplate,
    FaceVerdict,
    QualityHint,
    judge,
)
from bridge.presence.face_pack import ChallengeLimits, FacePack
from bridge.presence.frame_marks import Box, FrameMarks, nearest
from bridge.presence.model import FaceFrame
from bridge.presence.renewal import Vouched, template_of

_OF_A_MOVING_HEAD = frozenset({QualityHint.TURNED, QualityHint.BLURRED})
"""With these nothing can be said of whose face it is, but of how it is turned."""


@dataclass(frozen=True, slots=True)
class BurstMaterial:
    """All that is needed to judge one burst. Biometric data: lives in memory only.

    Args:
        nonce: of the try; a verdict on another one is dropped.
        known: the person's face as the challenge, or an earlier registration, saw it; None at the beginning.
        roster_jpeg: the enrolment list's ID photo.
        earlier: (frame id, mark) of the frames of this learner that were judged before this challenge: within one,
            whoever sits still is much like themselves a moment ago.
        vouched: the person was anchored by staff with another model: the pictures of that check. They go before the ID
            photo, which need not be like the person, or staff would not have been asked.
    """

    challenge_id: str
    nonce: str
    move: Move
    frames: tuple[tuple[FaceFrame, bytes], ...]
    known: FaceTemplate | None
    roster_jpeg: bytes | None
    earlier: tuple[tuple[str, str], ...]
    vouched: Vouched | None = None


@dataclass(frozen=True, slots=True)
class JudgedBurst:
    """What the models made of a burst.

    Args:
        verdicts: one for each frame, with what the learner may hear of it.
        marks: one for each frame; "" where it could not be read.
        template: the best face that looked into the camera; None if none is the person's.
        with_photo: whether it was compared with the ID photo.
        card_check: with the pictures of which check of the card it was compared; "" for none.
    """

    nonce: str
    found: BurstFinding
    verdicts: tuple[tuple[FaceVerdict, str], ...]
    marks: tuple[str, ...]
    template: FaceTemplate | None
    with_photo: bool
    card_check: str = ""


Fetch = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Return the pictures of earlier frames by their ids, without those that are gone."""


def judge_burst_material(
    engine: FaceEngine,
    marks: FrameMarks,
    material: BurstMaterial,
    limits: ChallengeLimits,
    roster_template: Callable[[bytes], FaceTemplate | None],
    fetch: Fetch,
) -> JudgedBurst:
    """Return the verdict on one burst.

    Args:
        roster_template: makes (and may remember) the template of an ID photo; None if no one face can be used.
    """
    vouching = template_of(material.vouched, roster_template)
    anchor = None
    if vouching is None and material.roster_jpeg is not None:
        anchor = roster_template(material.roster_jpeg)
    seen = [observed(engine, jpeg) for _, jpeg in material.frames]
    first = next((one.template for one in seen if isinstance(one, FaceObservation) and one.template), None)
    # Nobody's picture of a face is compared with itself alone but at the very beginning without an ID photo.
    against = vouching or anchor or material.known or first
    shown = [shown_of(one, against, engine.pack, limits) for one in seen]
    made = tuple(_mark(marks, jpeg) for _, jpeg in material.frames)
    boxes = [one.main.bbox if isinstance(one, FaceObservation) and one.main else None for one in seen]
    jpegs = [jpeg for _, jpeg in material.frames]
    shown = _with_copies(shown, boxes, jpegs, made, marks, material, limits, fetch)
    found = judge_burst(material.move, shown, limits)
    good = [one.template for one in shown if one.template is not None]
    return JudgedBurst(
        nonce=material.nonce,
        found=found,
        verdicts=tuple((_verdict_of(one), one.advice) for one in shown),
        marks=made,
        template=good[0] if good and found.finding is Finding.MET else None,
        with_photo=anchor is not None,
        card_check=material.vouched.card_check if vouching is not None and material.vouched else "",
    )


def observed(engine: FaceEngine, jpeg: bytes) -> FaceObservation | str:
    """Return what a picture shows, or a sentence about why it cannot be read."""
    try:
        return engine.observe(jpeg)
    except InvalidInput as error:
        return error.message


def shown_of(
    seen: FaceObservation | str, against: FaceTemplate | None, pack: FacePack, limits: ChallengeLimits
) -> FrameShown:
    """Return what one frame of a burst shows of the person of `against`, who moves; copies are not looked for here."""
    if isinstance(seen, str):
        return FrameShown(FaceVerdict.TOO_POOR, advice=seen)
    # Without any face to compare with, `judge` still says what is wrong with the picture.
    judgement = judge(seen, against or _nobody(pack), pack)
    signs = seen.signs
    blind = judgement.verdict in (FaceVerdict.NO_FACE, FaceVerdict.SEVERAL_FACES)
    if blind or signs is None or signs.pose is None:
        return FrameShown(judgement.verdict, advice=judgement.reason_zh)
    readable = set(seen.hints) <= _OF_A_MOVING_HEAD
    shown = FrameShown(
        judgement.verdict,
        signs.pose if readable else None,
        signs.eyes_closed if readable else None,
        "" if judgement.verdict is FaceVerdict.VERIFIED else judgement.reason_zh,
    )
    if abs(signs.pose.yaw_degrees) <= limits.front_degrees:
        good = judgement.verdict is FaceVerdict.VERIFIED
        return replace(shown, template=seen.template if good else None)
    # What tells a living face from a picture was not measured on turned faces: only whose face it is, is asked.
    verdict = judgement.verdict
    if verdict in (FaceVerdict.SUSPECTED_SPOOF, FaceVerdict.TOO_POOR, FaceVerdict.UNSURE):
        verdict = _whose(seen, against, pack) if readable else FaceVerdict.TOO_POOR
    return replace(shown, verdict=verdict)


def _whose(seen: FaceObservation, against: FaceTemplate | None, pack: FacePack) -> FaceVerdict:
    if seen.template is None or against is None:
        return FaceVerdict.UNSURE
    without_signs = replace(pack, liveness=None)
    return judge(seen, against, without_signs).verdict


def _with_copies(
    shown: list[FrameShown],
    boxes: Sequence[Box | None],
    jpegs: Sequence[bytes],
    made: Sequence[str],
    marks: FrameMarks,
    material: BurstMaterial,
    limits: ChallengeLimits,
    fetch: Fetch,
) -> list[FrameShown]:
    """Return the frames with what is known of copies: of the frame before, and of frames sent earlier."""

    found = []
    for at, (one, box) in enumerate(zip(shown, boxes, strict=True)):
        if not made[at]:
            found.append(one)
            continue
        near = nearest(made[at], material.earlier, limits.mark_bits) if box is not None else ()
        repeated = any(
            box is not None and marks.difference(jpegs[at], other, box) < limits.same_picture_below
            for other in (fetch(near).values() if near else ())
        )
        still = (
            at > 0
            and bool(made[at - 1])
            and marks.identical_share(jpegs[at - 1], jpegs[at]) >= limits.frozen_share
        )
        found.append(replace(one, still=still, repeated=repeated))
    return found


def _mark(marks: FrameMarks, jpeg: bytes) -> str:
    try:
        return marks.mark(jpeg)
    except InvalidInput:
        return ""


def _verdict_of(shown: FrameShown) -> FaceVerdict:
    if shown.still or shown.repeated:
        return FaceVerdict.SUSPECTED_VIRTUAL_CAMERA
    return shown.verdict


def _nobody(pack: FacePack) -> FaceTemplate:
    model = pack.model("recogniser")
    return FaceTemplate(b"\0\0\x80\x3f" + bytes(4 * 511), model.id, model.sha256 or "")
