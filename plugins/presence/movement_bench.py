"""What the movement of a check lets through, measured on photographs: `./anxue face movements`.

No burst of a living person is at hand. What is measured is what an attacker has: one photograph, several of one person,
the fitting one of them at the right moment, a photograph drawn into the shape of a turned head; and a photograph that a
program bends to order, which is not stopped. Each is tried as it would be at a check: a verified straight look first.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bridge.kernel.errors import InvalidInput
from bridge.presence.challenge import Finding, Move
from bridge.presence.face import FaceObservation, FaceTemplate, FaceVerdict, judge
from bridge.presence.movement import Asked, SeenFrame, check_moves, find_movement
from bridge.presence.moving_frames import Means, Surroundings, judge_moving
from plugins.presence.examiner import FaceExaminer
from plugins.presence.frame_marks import PixelMarks
from plugins.presence.pictures import Picture, encode_jpeg, read_picture
from plugins.presence.puppet import Pose, puppet_frame

_FACE_PX = 160
_MIDDLE = (320, 240)
_SIZE = (640, 480)
_BENT = {Move.TURN_LEFT: Pose(turn=32), Move.TURN_RIGHT: Pose(turn=-32), Move.NOD: Pose(nod=24)}
_PUPPETS = 10


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph as a camera would show it, (480, 640, 3) with a face of 160 px, and what the engine sees."""

    picture: Picture
    jpeg: bytes
    seen: FaceObservation


@dataclass(frozen=True, slots=True)
class Tried:
    """How often what was shown passed for a movement.

    Args:
        met: as a check judges it; `met_any_place`: had nobody looked whether the pictures are of one take.
        found: finding → how often.
    """

    shown: str
    move: str
    n: int
    met: int
    met_any_place: int
    found: Mapping[str, int]


def measure_movements(
    engine: FaceExaminer, images: Path, told: Callable[[str], None] = lambda _title: None
) -> list[Tried]:
    """Return what each kind of attack meets, on one folder of photographs for each person.

    Raises:
        InvalidInput: pictures_missing.
    """
    if engine.pack.movement is None:
        raise InvalidInput("pack_without_movement", f"人脸模型包“{engine.pack.id}”看不出头部动作,无法测量。")
    people = [list(_photographs(engine, folder)) for folder in sorted(images.iterdir()) if folder.is_dir()]
    people = [photographs for photographs in people if len(photographs) > 1]
    if not people:
        raise InvalidInput("pictures_missing", f"{images} 下没有每人一个子目录、每人两张以上的照片。")
    dice = random.Random(1)  # noqa: S311  # which photographs, not a secret
    bench = _Bench(engine, engine.pack.movement.frames)
    found: list[Tried] = []
    for title, kind in (
        ("one photograph, moved, turned in its plane and lit a little", _one_photograph),
        ("one photograph, drawn in perspective as if it turned", _in_perspective),
        ("several photographs of the person, in any order", _in_any_order),
        ("several photographs of the person, the fitting one at the right moment", _the_fitting_one),
    ):
        told(title)
        found += bench.tally(title, kind(bench, people, dice))
    told("puppet")
    found += bench.tally("a photograph bent to order by a program (not stopped)", _puppet(bench))
    return found


_Shown = tuple[Photograph, Move, Sequence[bytes]]
"""A straight look, the movement that is asked for, and what is shown then."""


class _Bench:
    def __init__(self, engine: FaceExaminer, frames: int) -> None:
        self.engine, self.frames = engine, frames
        self.moves = check_moves(engine.pack)
        self._means = Means(PixelMarks(), lambda _ids: {})

    def tally(self, title: str, shown: Iterator[_Shown]) -> list[Tried]:
        found: dict[Move, list[tuple[Finding, Finding]]] = {move: [] for move in self.moves}
        for straight, move, jpegs in shown:
            found[move].append(self._find(straight, move, jpegs))
        return [
            Tried(
                shown=title,
                move=move.value,
                n=len(both),
                met=sum(one is Finding.MET for one, _ in both),
                met_any_place=sum(other is Finding.MET for _, other in both),
                found=dict(sorted(Counter(one.value for one, _ in both).items())),
            )
            for move, both in found.items()
        ]

    def straight(self, photographs: Sequence[Photograph], reference: FaceTemplate) -> list[Photograph]:
        """Return the photographs that a check would take for its straight look."""
        return [
            one
            for one in photographs
            if judge(one.seen, reference, self.engine.pack).verdict is FaceVerdict.VERIFIED
        ]

    def _find(self, straight: Photograph, move: Move, jpegs: Sequence[bytes]) -> tuple[Finding, Finding]:
        limits = self.engine.pack.challenge
        template, signs = straight.seen.template, straight.seen.signs
        if limits is None or template is None or signs is None or signs.pose is None:
            raise LookupError("a straight look has a template and a pose")
        seen: dict[str, SeenFrame] = {}
        before = straight.jpeg
        for at, jpeg in enumerate(jpegs):
            around = Surroundings(before, ())
            _, judged = judge_moving(self.engine, jpeg, template, around, self._means)
            seen[str(at)], before = judged.seen, jpeg
        pose = signs.pose
        asked = Asked(
            move, len(jpegs), 1, "straight", pose.pitch_degrees, tuple(seen), seen, pose.yaw_degrees
        )
        anywhere = {name: replace(one, elsewhere=False) for name, one in seen.items()}
        return find_movement(asked, limits), find_movement(replace(asked, seen=anywhere), limits)


def _photographs(engine: FaceExaminer, folder: Path) -> Iterator[Photograph]:
    for file in sorted(folder.iterdir()):
        picture = read_picture(file)
        located = max(engine.locate(picture), key=lambda each: each.face.width_px, default=None)
        if located is not None:
            shown = _laid(picture, located.face.bbox)
            seen = engine.examine(shown)
            if seen.main is not None:
                yield Photograph(shown, encode_jpeg(shown, 85), seen)


def _laid(picture: Picture, box: tuple[float, float, float, float]) -> Picture:
    import cv2

    left, top, width, height = box
    scale = _FACE_PX / width
    x, y = left + width / 2, top + height / 2
    matrix = np.array([[scale, 0, _MIDDLE[0] - scale * x], [0, scale, _MIDDLE[1] - scale * y]])
    laid = cv2.warpAffine(picture, matrix, _SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.uint8)


def _lively(picture: Picture, dice: random.Random) -> bytes:
    """Return the picture moved, turned in its plane, sized and lit a little anew, with a sensor's noise."""
    import cv2

    matrix = cv2.getRotationMatrix2D(_MIDDLE, dice.uniform(-3, 3), dice.uniform(0.97, 1.04))
    matrix[:, 2] += np.array([dice.uniform(-10, 10), dice.uniform(-6, 6)])
    moved = cv2.warpAffine(picture, matrix, _SIZE, borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(dice.randrange(2**32)).normal(0, 1.5, moved.shape)
    seen = np.clip(moved * dice.uniform(0.96, 1.04) + grain, 0, 255)
    return encode_jpeg(np.asarray(seen, np.uint8), 85)


def _one_photograph(
    bench: _Bench, people: Sequence[Sequence[Photograph]], dice: random.Random
) -> Iterator[_Shown]:
    for straight in _looks(bench, people):
        for move in bench.moves:
            yield straight, move, [_lively(straight.picture, dice) for _ in range(bench.frames)]


def _in_perspective(
    bench: _Bench, people: Sequence[Sequence[Photograph]], dice: random.Random
) -> Iterator[_Shown]:
    for straight in _looks(bench, people):
        for move in bench.moves:
            shares = np.linspace(0.1, 0.4, bench.frames)
            yield straight, move, [_lively(_drawn(straight.picture, move, s), dice) for s in shares]


def _drawn(picture: Picture, move: Move, share: float) -> Picture:
    """Return the picture as a sheet of paper that is turned away by its side, or tipped back, so far."""
    import cv2

    columns, rows = _SIZE
    dx, dy = columns * share / 2, rows * share / 2
    flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    to = {
        Move.TURN_LEFT: [[0, dy], [columns - dx, 0], [columns - dx, rows], [0, rows - dy]],
        Move.TURN_RIGHT: [[dx, 0], [columns, dy], [columns, rows - dy], [dx, rows]],
        Move.NOD: [[0, 0], [columns, 0], [columns - dx, rows - dy], [dx, rows - dy]],
    }[move]
    matrix = cv2.getPerspectiveTransform(flat, np.array(to, np.float32))
    return np.asarray(cv2.warpPerspective(picture, matrix, _SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _in_any_order(
    bench: _Bench, people: Sequence[Sequence[Photograph]], dice: random.Random
) -> Iterator[_Shown]:
    for photographs, straight in _with_looks(bench, people):
        others = [one for one in photographs if one is not straight]
        for move in bench.moves:
            chosen = dice.sample(others, min(bench.frames, len(others)))
            yield straight, move, [_lively(one.picture, dice) for one in chosen]


def _the_fitting_one(
    bench: _Bench, people: Sequence[Sequence[Photograph]], dice: random.Random
) -> Iterator[_Shown]:
    for photographs, straight in _with_looks(bench, people):
        others = [one for one in photographs if one is not straight]
        for move in bench.moves:
            fitting = min(others, key=lambda one, move=move: _far(one, move))  # type: ignore[misc]
            yield straight, move, [_lively(fitting.picture, dice) for _ in range(bench.frames)]


def _far(photograph: Photograph, move: Move) -> float:
    signs = photograph.seen.signs
    if signs is None or signs.pose is None:
        return 0.0
    if move is Move.NOD:
        return signs.pose.pitch_degrees
    return signs.pose.yaw_degrees if move is Move.TURN_LEFT else -signs.pose.yaw_degrees


def _puppet(bench: _Bench) -> Iterator[_Shown]:
    for other in (False, True):
        for seed in range(_PUPPETS):
            picture = puppet_frame(Pose(), other=other, seed=100 * seed)
            straight = Photograph(picture, encode_jpeg(picture, 90), bench.engine.examine(picture))
            if straight.seen.template is None:
                continue
            for move in bench.moves:
                bent = [
                    puppet_frame(_part(_BENT[move], share), other=other, seed=100 * seed + at + 1)
                    for at, share in enumerate((0.0, 0.5, 1.0, 0.75))
                ]
                yield straight, move, [encode_jpeg(each, 90) for each in bent]


def _part(pose: Pose, share: float) -> Pose:
    return Pose(turn=pose.turn * share, nod=pose.nod * share)


def _looks(bench: _Bench, people: Sequence[Sequence[Photograph]]) -> Iterator[Photograph]:
    for _, straight in _with_looks(bench, people):
        yield straight


def _with_looks(
    bench: _Bench, people: Sequence[Sequence[Photograph]]
) -> Iterator[tuple[Sequence[Photograph], Photograph]]:
    for photographs in people:
        reference = next((one.seen.template for one in photographs if one.seen.template), None)
        if reference is not None:
            for straight in bench.straight(photographs, reference):
                yield photographs, straight


def as_json(found: Sequence[Tried]) -> list[dict[str, Any]]:
    """Return the rows by name."""
    return [{name: getattr(one, name) for name in Tried.__slots__} for one in found]
