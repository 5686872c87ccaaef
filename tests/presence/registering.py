"""Goes a learner's registration of the face in a house: all that the challenge asks for is shown, in made pictures."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.presence.challenge import Move
from bridge.wiring import House
from bridge.wiring.challenges import begin_challenge, look_at_challenge, take_challenge_frame
from tests.presence.pictures import SHOWING, picture

Json = dict[str, Any]


def show_burst(
    house: House, institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, told: Json
) -> None:
    """Send new pictures of the movement that is asked for."""
    step = told["step"]
    for seq, says in enumerate(SHOWING[Move(step["move"])]):
        take_challenge_frame(
            house, institution, learner, class_run, told["challenge"], step["nonce"], seq, picture(says)
        )


def register_face(
    house: House,
    institution: InstitutionId,
    learner: LearnerRef,
    class_run: ClassRunId,
    work_off: Callable[[], object],
    pass_time: Callable[..., object],
) -> Mapping[str, Any]:
    """Pass the challenge; return how it stands.

    Args:
        work_off: does what the worker does.
        pass_time: moves the house's clock on, by keywords of `timedelta`.
    """
    told = begin_challenge(house, institution, learner, class_run, "")
    while told["state"] == "open":
        if told["step"].get("move"):
            show_burst(house, institution, learner, class_run, told)
            work_off()
        pass_time(milliseconds=told["step"]["wait_ms"])
        told = look_at_challenge(house, institution, learner, class_run)
    assert told["done"], told
    return told
