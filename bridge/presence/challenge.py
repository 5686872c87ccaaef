"""The random challenge of a face registration: look straight, then movements that the server chooses. Pure.

A stored photograph meets none of the movements, and stored photographs or a film meet them only if the right one is
shown at the right moment: which movement comes is told when its moment has come and not before, and who shows another
one begins that step anew with a movement drawn anew. Who can animate a face to order is not stopped by this
(docs/face.md).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.face import FaceTemplate, FaceVerdict, HeadPose
from bridge.presence.face_pack import ChallengeLimits, FacePack

GRAVE_BURSTS = 2
"""So many bursts under the same suspicion end a challenge: one alone may be chance, as with a check's frames."""
_GRAVE_FRAMES = 2
_NOT_THEIRS = frozenset({FaceVerdict.OTHER_PERSON, FaceVerdict.SUSPECTED_SPOOF})
_CHANCE_BITS = 32


class Move(StrEnum):
    """What the person is asked to do. Left and right are the person's own."""

    FRONT = "front"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    NOD = "nod"
    BLINK = "blink"


MOVE_SENTENCES = {
    Move.FRONT: "请正对屏幕,看着摄像头。",
    Move.TURN_LEFT: "请慢慢向左转头。",
    Move.TURN_RIGHT: "请慢慢向右转头。",
    Move.NOD: "请慢慢低头,再抬起来。",
    Move.BLINK: "请闭上双眼,数一下,再睁开。",
}


class ChallengeState(StrEnum):
    """Open, or how it ended. Every state but `OPEN` is final."""

    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"
    EXPIRED = "expired"


class Finding(StrEnum):
    """What one burst shows. All but `MET` lead to another try; the last three are suspicions and kept for review."""

    MET = "met"
    NOT_SHOWN = "not_shown"
    WRONG_MOVE = "wrong_move"
    TOO_POOR = "too_poor"
    UNSURE = "unsure"
    OTHER_PERSON = "other_person"
    SUSPECTED_SPOOF = "suspected_spoof"
    SUSPECTED_VIRTUAL_CAMERA = "suspected_virtual_camera"


SUSPICIONS = frozenset({Finding.OTHER_PERSON, Finding.SUSPECTED_SPOOF, Finding.SUSPECTED_VIRTUAL_CAMERA})

_AGAIN = {
    Finding.NOT_SHOWN: "没关系,没有看清动作。请跟着图示再慢慢做一次。",
    Finding.WRONG_MOVE: "没关系,动作和图示不一样。请看清图示再做一次。",
    Finding.TOO_POOR: "画面不够清楚,请正对光源、拿稳手机,再做一次。",
    Finding.UNSURE: "还看不太清,请正对摄像头、避开反光,再做一次。",
    Finding.OTHER_PERSON: "画面中的人与报名照片不一致,请由学员本人来做。",
    Finding.SUSPECTED_SPOOF: "画面像是照片或屏幕,请学员本人正对摄像头、避开反光,再做一次。",
    Finding.SUSPECTED_VIRTUAL_CAMERA: "画面没有变化或与之前的重复,请直接使用手机或电脑的摄像头,再做一次。",
}
_WHY_ENDED = {Finding.NOT_SHOWN: "几次都没有看清动作。", Finding.WRONG_MOVE: "几次动作都和图示不一样。"}
"""In place of what asks for another try."""
_ENDED = {
    ChallengeState.PASSED: "动作完成,谢谢!",
    ChallengeState.FAILED: "这次没有完成,没有关系。准备好以后可以重新开始,也可以请班主任当面核对证件。",
    ChallengeState.EXPIRED: "时间到了,没有关系。准备好以后可以重新开始。",
}


@dataclass(frozen=True, slots=True)
class FrameShown:
    """What one frame of a burst shows.

    Args:
        verdict: about the face, as `judge` gives it for a face that looks into the camera; for a turned one only whose
            face it is is asked, `UNSURE` where that cannot be told.
        pose, eyes_closed: of the one face; None where it cannot be read.
        advice: for the learner, if the frame is not good; "" otherwise.
        template: of a face that looks into the camera and is the person's; None otherwise.
        still: whether it is the frame before it once more, but for its coding: no sensor gives that.
        repeated: whether it is a frame that the learner sent earlier once more, but for its coding.
    """

    verdict: FaceVerdict
    pose: HeadPose | None = None
    eyes_closed: tuple[float, float] | None = None
    advice: str = ""
    template: FaceTemplate | None = None
    still: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class BurstFinding:
    """What a burst shows, and what the learner hears of it.

    Args:
        eyes_read: whether the person's eyes read as open while they look into the camera. Of some people's they do not,
            and these are not asked to blink.
    """

    finding: Finding
    sentence: str
    eyes_read: bool = False


def judge_burst(move: Move, shown: Sequence[FrameShown], limits: ChallengeLimits) -> BurstFinding:
    """Return whether the frames, in their order, show the movement that was asked for.

    Suspicions come first: whoever shows the right movement with somebody else's face has shown nothing.
    """
    finding = _suspicion(shown) or (_straight(shown) if move is Move.FRONT else _moved(move, shown, limits))
    if finding is Finding.MET:
        good = [one for one in shown if one.template is not None]
        read = all(one.eyes_closed is not None and max(one.eyes_closed) <= limits.eyes_open for one in good)
        return BurstFinding(finding, "很好!", eyes_read=read)
    advice = Counter(one.advice for one in shown if one.advice).most_common(1)
    if advice and finding in (Finding.TOO_POOR, Finding.UNSURE):
        return BurstFinding(finding, advice[0][0])
    return BurstFinding(finding, _AGAIN[finding])


def _suspicion(shown: Sequence[FrameShown]) -> Finding | None:
    repeats = sum(one.repeated for one in shown)
    # All but the first frame can be the one before it.
    if repeats >= _GRAVE_FRAMES or (len(shown) > 1 and 2 * sum(one.still for one in shown) >= len(shown)):
        return Finding.SUSPECTED_VIRTUAL_CAMERA
    verdicts = [one.verdict for one in shown]
    for verdict, finding in (
        (FaceVerdict.OTHER_PERSON, Finding.OTHER_PERSON),
        (FaceVerdict.SUSPECTED_SPOOF, Finding.SUSPECTED_SPOOF),
    ):
        if verdicts.count(verdict) >= _GRAVE_FRAMES:
            return finding
    return None


def _straight(shown: Sequence[FrameShown]) -> Finding:
    good = sum(one.verdict is FaceVerdict.VERIFIED and one.template is not None for one in shown)
    if 2 * good > len(shown):
        return Finding.MET
    return _poverty(shown)


def _moved(move: Move, shown: Sequence[FrameShown], limits: ChallengeLimits) -> Finding:
    seen = [(one, one.pose) for one in shown if one.pose is not None]
    if 2 * len(seen) < len(shown):
        return _poverty(shown)
    # What comes before the person looked into the camera is not counted: they may still be coming from elsewhere.
    begin = next((at for at, (one, _) in enumerate(seen) if one.template is not None), None)
    if begin is None:
        return _poverty(shown)
    first = seen[begin][1]
    # One such frame may be chance, and ends nothing; but no movement is shown by it.
    rest = [(one, pose) for one, pose in seen[begin:] if one.verdict not in _NOT_THEIRS]
    yaws = [pose.yaw_degrees for _, pose in rest]
    # The camera's picture is not mirrored: who turns to their own left turns to the picture's right.
    turned = {
        Move.TURN_LEFT: min(yaws) <= -limits.turn_degrees,
        Move.TURN_RIGHT: max(yaws) >= limits.turn_degrees,
    }
    if any(done for other, done in turned.items() if other is not move):
        return Finding.WRONG_MOVE
    if move in turned:
        sure = any(
            abs(pose.yaw_degrees) >= limits.turn_degrees and one.verdict is FaceVerdict.VERIFIED
            for one, pose in rest
        )
        if turned[move]:
            return Finding.MET if sure else Finding.UNSURE
        return Finding.NOT_SHOWN
    if move is Move.NOD:
        lowest = min(pose.pitch_degrees for _, pose in rest)
        return Finding.MET if first.pitch_degrees - lowest >= limits.nod_degrees else Finding.NOT_SHOWN
    return Finding.MET if _blinked(rest, first, limits) else Finding.NOT_SHOWN


def _blinked(seen: Sequence[tuple[FrameShown, HeadPose]], first: HeadPose, limits: ChallengeLimits) -> bool:
    """Return whether both eyes are open, then closed, then open, in frames that look into the camera.

    A lowered head reads as closed eyes (docs/face.md), so frames with another pitch than the first say nothing.
    """
    wanted = [False, True, False]
    for one, pose in seen:
        if one.eyes_closed is None or abs(pose.yaw_degrees) > limits.front_degrees:
            continue
        if abs(pose.pitch_degrees - first.pitch_degrees) > limits.nod_degrees / 2:
            continue
        closed = min(one.eyes_closed) >= limits.eyes_closed
        opened = max(one.eyes_closed) <= limits.eyes_open
        if wanted and (closed if wanted[0] else opened):
            wanted.pop(0)
    return not wanted


def _poverty(shown: Sequence[FrameShown]) -> Finding:
    poor = sum(
        one.verdict in (FaceVerdict.NO_FACE, FaceVerdict.SEVERAL_FACES, FaceVerdict.TOO_POOR) for one in shown
    )
    return Finding.TOO_POOR if 2 * poor >= len(shown) else Finding.UNSURE


@dataclass(frozen=True, slots=True)
class Step:
    """One movement under way. Times are epoch ms of the server's clock.

    Args:
        nonce: every frame of this try must carry it, and no other try's frame can.
        opens_ms: its moment; until then nobody is told which movement it is.
        frames: how many frames its burst has.
        taken: how many have come; once all have, they are judged.
        tries_left: this one included.
    """

    move: Move
    nonce: str
    opens_ms: int
    closes_ms: int
    frames: int
    tries_left: int
    taken: int = 0

    @property
    def judging(self) -> bool:
        return self.taken >= self.frames


@dataclass(frozen=True, slots=True)
class Challenge:
    """One registration's challenge.

    Args:
        met: what was shown so far, in order.
        step: None once it has ended; of one that another took the place of, once its whole burst is judged.
        suspicions: findings of bursts that a reviewer should see.
        camera: what the browser calls its camera, as a hint: "virtual", "physical" or "unknown".
        sentence: what the learner heard last.
        templates: evidence ids of faces that looked into the camera, one for each burst at most.
        with_photo: whether each of them was compared with the enrolment list's ID photo.
        card_check: with the pictures of which staff's check of the card each of them was compared; "" for none.
        eyes_read: see `BurstFinding`, of the straight look.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    pack_id: str
    state: ChallengeState
    met: tuple[Move, ...]
    step: Step | None
    opened_ms: int
    ends_ms: int
    suspicions: tuple[str, ...] = ()
    camera: str = "unknown"
    sentence: str = ""
    templates: tuple[str, ...] = ()
    with_photo: bool = False
    eyes_read: bool = False
    card_check: str = ""


@dataclass(frozen=True, slots=True)
class Draw:
    """Chance for one step, the server's: integers in [0, 2**32), and a nonce of 128 bits."""

    which: int
    when: int
    nonce: str


def moves_of(pack: FacePack) -> tuple[Move, ...]:
    """Return the movements that the pack's models can see; none without a model of the head's pose."""
    if pack.challenge is None or pack.find("pose") is None:
        return ()
    turns = (Move.TURN_LEFT, Move.TURN_RIGHT, Move.NOD)
    return (*turns, Move.BLINK) if pack.find("eyes") is not None else turns


def begin(
    challenge_id: str,
    learner: LearnerRef,
    class_run: ClassRunId,
    pack_id: str,
    limits: ChallengeLimits,
    draw: Draw,
    now_ms: int,
    camera: str,
) -> Challenge:
    """Return a new challenge whose first step is the straight look, open at once."""
    step = Step(
        Move.FRONT, draw.nonce, now_ms, now_ms + limits.window_ms, limits.front_frames, limits.front_tries
    )
    return Challenge(
        challenge_id, learner, class_run, pack_id, ChallengeState.OPEN, (), step,
        now_ms, now_ms + limits.whole_ms, camera=camera, sentence=MOVE_SENTENCES[Move.FRONT],
    )  # fmt: skip


def after(
    challenge: Challenge,
    found: BurstFinding,
    moves: Sequence[Move],
    limits: ChallengeLimits,
    draw: Draw,
    now_ms: int,
) -> Challenge:
    """Return the challenge as it goes on, or ends, once the burst of its step was judged."""
    step = challenge.step
    if step is None:
        return challenge
    suspicions = challenge.suspicions
    if found.finding in SUSPICIONS:
        suspicions = (*suspicions, found.finding.value)
    if challenge.state is not ChallengeState.OPEN:
        # Another took its place while this burst was judged: nothing is made of it, but what was suspected is kept.
        return replace(challenge, suspicions=suspicions, step=None)
    if suspicions.count(found.finding.value) >= GRAVE_BURSTS:
        return _ended(replace(challenge, suspicions=suspicions), ChallengeState.FAILED, found.sentence)
    met = (*challenge.met, step.move) if found.finding is Finding.MET else challenge.met
    challenge = replace(challenge, met=met, suspicions=suspicions)
    if met == (Move.FRONT,) and step.move is Move.FRONT:
        challenge = replace(challenge, eyes_read=found.eyes_read)
    if found.finding is Finding.MET and len(met) > limits.steps:
        return _ended(challenge, ChallengeState.PASSED, _ENDED[ChallengeState.PASSED])
    tries = limits.tries if found.finding is Finding.MET else step.tries_left - 1
    if tries <= 0:
        why = _WHY_ENDED.get(found.finding, found.sentence)
        return _ended(challenge, ChallengeState.FAILED, why)
    readable = [move for move in moves if move is not Move.BLINK or challenge.eyes_read]
    following = _next_step(met, step.move, readable, limits, draw, now_ms, tries)
    return replace(challenge, step=following, sentence=found.sentence)


def expire(
    challenge: Challenge, moves: Sequence[Move], limits: ChallengeLimits, draw: Draw, now_ms: int
) -> Challenge:
    """Return the challenge, its step lost if its window is over; what is being judged waits for its verdict."""
    step = challenge.step
    if challenge.state is not ChallengeState.OPEN or step is None or step.judging:
        return challenge
    if now_ms >= challenge.ends_ms:
        return _ended(challenge, ChallengeState.EXPIRED, "")
    if now_ms < step.closes_ms:
        return challenge
    return after(
        challenge, BurstFinding(Finding.NOT_SHOWN, _AGAIN[Finding.NOT_SHOWN]), moves, limits, draw, now_ms
    )


def replaced(challenge: Challenge) -> Challenge:
    """Return the challenge, ended since another takes its place; a whole burst of it is judged all the same."""
    step = challenge.step if challenge.step is not None and challenge.step.judging else None
    return replace(challenge, state=ChallengeState.EXPIRED, step=step)


def give_up(
    challenge: Challenge, limits: ChallengeLimits, draw: Draw, now_ms: int, sentence: str
) -> Challenge:
    """Return the challenge with its step asked for once more, since we could not judge it; no try is lost.

    Of one that has ended nothing is asked.
    """
    step = challenge.step
    if challenge.state is not ChallengeState.OPEN or step is None:
        return replace(challenge, step=None)
    again = replace(step, nonce=draw.nonce, opens_ms=now_ms, closes_ms=now_ms + limits.window_ms, taken=0)
    return replace(challenge, step=again, ends_ms=now_ms + limits.whole_ms, sentence=sentence)


def draw_move(met: Sequence[Move], last: Move, moves: Sequence[Move], chance: int) -> Move:
    """Return the next movement: one that was not shown yet while there is one, and not the one just asked for."""
    fresh = [move for move in moves if move not in met and move is not last]
    choice = fresh or [move for move in moves if move is not last] or list(moves)
    return choice[len(choice) * chance >> _CHANCE_BITS]


def _next_step(
    met: Sequence[Move],
    last: Move,
    moves: Sequence[Move],
    limits: ChallengeLimits,
    draw: Draw,
    now_ms: int,
    tries: int,
) -> Step:
    if not met:
        return Step(Move.FRONT, draw.nonce, now_ms, now_ms + limits.window_ms, limits.front_frames, tries)
    spread = limits.pause_max_ms - limits.pause_min_ms
    opens = now_ms + limits.pause_min_ms + (spread * draw.when >> _CHANCE_BITS)
    move = draw_move(met, last, moves, draw.which)
    return Step(move, draw.nonce, opens, opens + limits.window_ms, limits.frames, tries)


def _ended(challenge: Challenge, state: ChallengeState, sentence: str) -> Challenge:
    said = _ENDED[state] if state is not ChallengeState.FAILED else f"{sentence}{_ENDED[state]}"
    return replace(challenge, state=state, step=None, sentence=said)


_VIRTUAL_CAMERAS = (
    "obs", "virtual", "虚拟", "manycam", "v4l2loopback", "droidcam", "iriun", "xsplit", "snap camera", "splitcam",
    "e2esoft", "vcam", "dummy video",
)  # fmt: skip
"""Parts of names under which programs offer a made camera. A name proves nothing: whoever wants to gives another."""


def camera_hint(label: str) -> str:
    """Return what a camera's name suggests; the name itself is not kept, since it may name its owner."""
    name = label.casefold()
    if not name.strip():
        return "unknown"
    return "virtual" if any(part in name for part in _VIRTUAL_CAMERAS) else "physical"
