"""Attacks on the registration of the face: somebody who is not there is to become the learner's face.

The tool has the learner's account and photographs. It goes through the registration with them, as often as it is let,
and then studies with the same pictures. What it is credited for in the end is forged, all of it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from bridge.kernel.errors import BridgeError
from bridge.kernel.ids import LearnerRef
from bridge.wiring.challenges import begin_challenge, look_at_challenge, take_challenge_frame
from plugins.simulators.attack.measure import Result
from plugins.simulators.attack.stage import ORG, RUN, MadeUpPerson, Stage
from plugins.simulators.attack.visit import BEAT_SECONDS, Visit
from plugins.simulators.demonstration.cameras import Puppet

_CHALLENGES = 3
_STEPS_OF_A_CHALLENGE = 1_000


@dataclass
class FalseFace(ABC):
    """What stands before the camera in the learner's place.

    Attributes:
        in_total: False where nothing that the bridge has stops it; the row then says what is still possible.
    """

    stage: Stage
    id = ""
    title_zh = ""
    defended_by = ""
    in_total = True

    @abstractmethod
    def burst(self, move: str, frames: int) -> list[bytes]:
        """Return what is shown when the page asks for a movement, at the registration and at checks."""


class StoredPhotograph(FalseFace):
    """Shows a stored photograph, moved, turned and lit a little anew for each frame."""

    id, title_zh = "X8", "登记人脸时用事先存下的本人照片(略加移动、明暗)应付动作"
    defended_by = "random challenge at registration: no movement, no anchor"

    def burst(self, move: str, frames: int) -> list[bytes]:
        return [self.stage.camera.learner() for _ in range(frames)]


class AnimatedPhotograph(FalseFace):
    """Bends the photograph as the page asks, which takes a program in the camera's place."""

    id, title_zh = "X8p", "登记人脸时和每次核验时,都用程序把照片按要求变形(转头、低头、闭眼)"
    defended_by = "not stopped: a face that is animated to order passes challenge and liveness"
    in_total = False

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._puppet = Puppet(seed=6)

    def burst(self, move: str, frames: int) -> list[bytes]:
        return self._puppet.burst(move, frames)


FALSE_FACES: tuple[type[FalseFace], ...] = (StoredPhotograph, AnimatedPhotograph)


def play_registration(stage: Stage, kind: type[FalseFace], minutes: int, tries: int) -> Result:
    """Register with the false face, study `minutes` with pictures, and measure what is credited in the end.

    Args:
        tries: how many checks in a row fail before the tool leaves them unanswered.
    """
    face = kind(stage)
    person, learner = stage.stranger_to_the_camera()
    for _ in range(_CHALLENGES):
        if _register(stage, face, learner):
            break
    refusals: dict[str, int] = {}
    if stage.has_reference(learner):
        refusals = _study(stage, face, person, learner, minutes, tries)
    else:
        refusals["face_reference_required"] = 1
    statement = stage.statement(learner)
    return Result(
        id=face.id,
        title_zh=face.title_zh,
        defended_by=face.defended_by,
        in_total=face.in_total,
        attempted_seconds=minutes * 60,
        credited_seconds=statement.credited_seconds,
        forged_seconds=statement.credited_seconds,
        away_seconds=statement.credited_seconds,
        refused_seconds=statement.refused_seconds,
        refusals=dict(sorted(refusals.items())),
    )


def _register(stage: Stage, face: FalseFace, learner: LearnerRef) -> bool:
    """Go through one challenge; return whether it was passed."""
    told = begin_challenge(stage.house, ORG, learner, RUN, "")
    for _ in range(_STEPS_OF_A_CHALLENGE):
        if told["state"] != "open":
            return bool(told["done"])
        step = told["step"]
        if step.get("move"):
            try:
                for seq, jpeg in enumerate(face.burst(step["move"], step["frames"])):
                    take_challenge_frame(
                        stage.house, ORG, learner, RUN, told["challenge"], step["nonce"], seq, jpeg
                    )
            except BridgeError:
                pass  # the try is lost: the tool looks what comes next
            stage.run_jobs()
        stage.clock.advance(step["wait_ms"] / 1000)
        told = look_at_challenge(stage.house, ORG, learner, RUN)
    raise RuntimeError("a challenge does not come to an end: are its frames judged?")


def _study(
    stage: Stage, face: FalseFace, person: MadeUpPerson, learner: LearnerRef, minutes: int, tries: int
) -> dict[str, int]:
    visit, left = Visit(stage, person, learner), tries
    for _ in range(minutes * 60 // BEAT_SECONDS):
        if visit.check is not None and left:
            passed = visit.fool(stage.camera.learner, face.burst) == "passed"
            left = tries if passed else left - 1
        if visit.prompt is not None:
            visit.answer_prompt()
        if visit.closed:
            visit.open()
        stage.clock.advance(BEAT_SECONDS)
        visit.media_ms += BEAT_SECONDS * 1000
        visit.beat()
    visit.beat(ending=True)
    return visit.refusals
