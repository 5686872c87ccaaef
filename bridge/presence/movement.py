"""The movement that ends a face check: what is asked once the learner looked straight, and what shows it. Pure.

A check that one picture could pass is passed by any stored picture of the right face. So the straight look alone passes
nothing: a movement follows that the server draws then and tells no sooner, shown in a few pictures of one take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.presence.challenge import Finding, Move, moves_of
from bridge.presence.face import FaceVerdict, HeadPose
from bridge.presence.face_pack import ChallengeLimits, FacePack, MovementLimits

_CHANCE_BITS = 32
_COPIES = 2
_NOT_THEIRS = frozenset({FaceVerdict.OTHER_PERSON.value, FaceVerdict.SUSPECTED_SPOOF.value})
_POOR = frozenset({FaceVerdict.NO_FACE.value, FaceVerdict.SEVERAL_FACES.value, FaceVerdict.TOO_POOR.value})
MOVE_TITLES = {
    Move.FRONT: "正对镜头",
    Move.TURN_LEFT: "向左转头",
    Move.TURN_RIGHT: "向右转头",
    Move.NOD: "低头",
    Move.BLINK: "闭眼",
}
_AGAIN = {
    Finding.NOT_SHOWN: "没关系,没有看清动作。请跟着图示再慢慢做一次。",
    Finding.WRONG_MOVE: "没关系,动作和图示不一样。请看清图示再做一次。",
    Finding.TOO_POOR: "画面不够清楚,请正对光源、拿稳手机,再做一次。",
    Finding.UNSURE: "没有看清是不是本人在做,请慢一点,再做一次。",
    Finding.SUSPECTED_VIRTUAL_CAMERA: "画面没有变化、前后不连贯或与之前的重复,请用摄像头一次拍完,再做一次。",
}


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """What one picture of a movement showed, as it is kept until the last one of them is judged.

    Args:
        yaw, pitch: degrees; None where the head could not be read.
        still: it is the picture before it once more, but for its coding.
        repeated: it is a picture of an earlier check or registration once more, but for its coding.
        elsewhere: what lies around the face is not what the picture before shows.
    """

    verdict: str
    yaw: float | None = None
    pitch: float | None = None
    still: bool = False
    repeated: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A movement under way.

    Args:
        move: what is asked; known to nobody before the straight look was verified.
        frames: how many pictures show it.
        tries_left: this one included.
        straight: the picture of the straight look, by its id.
        straight_pitch, straight_yaw: how the head was held in it, degrees; None where that could not be read.
        pictures: ids of those that have come, in their order.
        seen: what those that were judged showed.
    """

    move: Move
    frames: int
    tries_left: int
    straight: str
    straight_pitch: float | None = None
    pictures: tuple[str, ...] = ()
    seen: Mapping[str, SeenFrame] | None = None
    straight_yaw: float | None = None

    @property
    def whole(self) -> bool:
        """Whether all its pictures have come: no more are taken, they are judged."""
        return len(self.pictures) >= self.frames

    @property
    def judged(self) -> bool:
        return self.whole and all(name in (self.seen or {}) for name in self.pictures)

    def taking(self, picture: str) -> "Asked":
        """Return it with one more picture that has come."""
        return replace(self, pictures=(*self.pictures, picture))

    def with_seen(self, picture: str, seen: SeenFrame) -> "Asked":
        """Return it with what one of its pictures showed."""
        return replace(self, seen={**(self.seen or {}), picture: seen})

    def before(self, picture: str) -> str:
        """Return the picture that came before one of this movement: the straight look before the first."""
        at = self.pictures.index(picture)
        return self.pictures[at - 1] if at else self.straight

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        seen = {
            name: {field: getattr(one, field) for field in SeenFrame.__slots__}
            for name, one in (self.seen or {}).items()
        }
        values = {field: getattr(self, field) for field in Asked.__slots__}
        return {**values, "move": self.move.value, "pictures": list(self.pictures), "seen": seen}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Asked":
        """Return what `as_json` made."""
        seen = {name: SeenFrame(**one) for name, one in stored["seen"].items()}
        pictures = tuple(stored["pictures"])
        return cls(**{**stored, "move": Move(stored["move"]), "pictures": pictures, "seen": seen})


def check_moves(pack: FacePack) -> tuple[Move, ...]:
    """Return the movements that a check may ask for: those of the pack that its models can see."""
    if pack.movement is None:
        return ()
    return tuple(move for move in moves_of(pack) if move.value in pack.movement.moves)


def ask(
    straight: str, pose: HeadPose | None, moves: Sequence[Move], limits: MovementLimits, chance: int
) -> Asked:
    """Return the first movement, once the straight look was verified.

    Args:
        straight: the picture of it; `pose`: how the head was held there, None where that could not be read.
        chance: an integer in [0, 2**32), the server's.
    """
    move = moves[len(moves) * chance >> _CHANCE_BITS]
    asked = Asked(move, limits.frames, limits.tries, straight)
    if pose is None:
        return asked
    return replace(asked, straight_pitch=pose.pitch_degrees, straight_yaw=pose.yaw_degrees)


def ask_again(asked: Asked, moves: Sequence[Move], chance: int, *, lost: bool) -> Asked | None:
    """Return the next try, with another movement if there is one; None where no try is left.

    Args:
        lost: whether the last try counts; where we could not judge it, it does not.
    """
    tries = asked.tries_left - 1 if lost else asked.tries_left
    if tries <= 0:
        return None
    others = [move for move in moves if move is not asked.move] or list(moves)
    move = others[len(others) * chance >> _CHANCE_BITS]
    return replace(asked, move=move, tries_left=tries, pictures=(), seen={})


def find_movement(asked: Asked, limits: ChallengeLimits) -> Finding:
    """Return what the pictures of a movement show together. All but `MET` lead to another try.

    Whose face it is must be sure while the head is turned or lowered, or somebody else could move after a stored
    picture looked straight. What would be an end of the check (`PresenceCheck.after_movement`) is none of this.
    """
    shown = [(asked.seen or {})[name] for name in asked.pictures]
    if sum(one.repeated for one in shown) >= _COPIES or 2 * sum(one.still for one in shown) >= len(shown):
        return Finding.SUSPECTED_VIRTUAL_CAMERA
    if any(one.elsewhere for one in shown):
        return Finding.SUSPECTED_VIRTUAL_CAMERA
    read = [one for one in shown if one.yaw is not None]
    if 2 * len(read) < len(shown):
        poor = sum(one.verdict in _POOR for one in shown)
        return Finding.TOO_POOR if 2 * poor >= len(shown) else Finding.UNSURE
    theirs = [one for one in read if one.verdict not in _NOT_THEIRS]
    # The camera's picture is not mirrored: who turns to their own left turns to the picture's right.
    turned = {
        Move.TURN_LEFT: _turned(asked, theirs, -limits.turn_degrees),
        Move.TURN_RIGHT: _turned(asked, theirs, limits.turn_degrees),
    }
    if any(found for other, found in turned.items() if other is not asked.move):
        return Finding.WRONG_MOVE
    if asked.move in turned:
        done, sure = turned[asked.move], turned[asked.move]
    else:
        done, sure = (_lowered(asked, theirs, limits.nod_degrees * share) for share in (1, 0.5))
    if not done:
        return Finding.NOT_SHOWN
    verified = any(one.verdict == FaceVerdict.VERIFIED.value for one in sure)
    return Finding.MET if verified else Finding.UNSURE


def _turned(asked: Asked, shown: Sequence[SeenFrame], degrees: float) -> list[SeenFrame]:
    """Return the pictures in which the head is turned so far (left is negative), half of it since the straight look.

    A photograph of somebody who looked aside is taken for a straight look, too: turned it is from the beginning.
    """
    begin = asked.straight_yaw
    side = 1 if degrees > 0 else -1
    return [
        one
        for one in shown
        if one.yaw is not None
        and side * one.yaw >= abs(degrees)
        and (begin is None or side * (one.yaw - begin) >= abs(degrees) / 2)
    ]


def _lowered(asked: Asked, shown: Sequence[SeenFrame], degrees: float) -> list[SeenFrame]:
    begin = asked.straight_pitch
    if begin is None:
        return []
    return [one for one in shown if one.pitch is not None and begin - one.pitch >= degrees]


def again_sentence(finding: Finding) -> str:
    """Return what the learner hears of a try that was not enough."""
    return _AGAIN[finding]
