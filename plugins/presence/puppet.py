"""A puppet: one photograph bent as if its head turned, nodded or blinked. For demonstration, attacks and tests.

No photographs of one person in several poses come with a registry package. What this makes is no living person, and
that the challenge can be passed with it is one of the challenge's limits (docs/face.md).
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plugins.presence.photographs import STRAIGHT, View, learner_frame, other_person_frame
from plugins.presence.pictures import Picture

_MIDDLE = (320.0, 240.0)
# The head as a bowl: half its width and height in pixels of the frame, its depth, and how far the nose stands out.
_HALF_WIDTH, _HALF_HEIGHT, _DEPTH = 118.0, 150.0, 105.0
_NOSE, _NOSE_AT, _NOSE_REACH = 42.0, (0.0, 14.0), 26.0
_ROUNDS = 30
# Middle of each eye and its width, as the two photographs show them before the camera.
_EYES = {False: ((282, 201, 33), (367, 204, 33)), True: ((283, 211, 27), (357, 206, 31))}

Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pose:
    """How the puppet holds its head.

    Args:
        turn: degrees to its own left; nod: degrees down.
        eyes_closed: whether both lids are down.
    """

    turn: float = 0
    nod: float = 0
    eyes_closed: bool = False


AT_EASE = Pose()


def puppet_frame(
    pose: Pose = AT_EASE,
    view: View = STRAIGHT,
    *,
    other: bool = False,
    noise: float = 1.5,
    seed: int = 0,
) -> Picture:
    """Return the learner (or the other person) in `pose` before the camera, (480, 640, 3).

    Args:
        noise: spread of the sensor's noise in grey levels; `seed` makes it.
    """
    import cv2

    picture = _held(pose, other)
    around = cv2.getRotationMatrix2D(_MIDDLE, view.tilt_degrees, view.zoom)
    around[:, 2] += np.array([view.shift_x, view.shift_y])
    seen = cv2.warpAffine(
        picture, around, (picture.shape[1], picture.shape[0]),
        flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    grain = np.random.default_rng(seed).normal(0, noise, seen.shape)
    return np.asarray(np.clip(seen * view.light + grain, 0, 255), dtype=np.uint8)


@lru_cache(maxsize=64)
def _held(pose: Pose, other: bool) -> Picture:
    """Return the person in `pose`, read-only: bending takes long, and the poses of a film are few."""
    picture = (other_person_frame if other else learner_frame)().copy()
    if pose.eyes_closed:
        for eye in _EYES[other]:
            _close(picture, *eye)
    picture = _bent(picture, pose)
    picture.setflags(write=False)
    return picture


def _bent(picture: Picture, pose: Pose) -> Picture:
    """Return the picture with its head turned: each point of a bowl moves, what lies around it stays."""
    import cv2

    if not pose.turn and not pose.nod:
        return picture
    rows, columns = picture.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    to_x, to_y = x - _MIDDLE[0], y - _MIDDLE[1]
    from_x, from_y = to_x.copy(), to_y.copy()
    for _ in range(_ROUNDS):
        # Where a point came from is found by going back as far as it moved; half a step at a time, or it swings.
        moved_x, moved_y = _moved(from_x, from_y, pose)
        from_x += 0.5 * (to_x - moved_x)
        from_y += 0.5 * (to_y - moved_y)
    bent = cv2.remap(
        picture, from_x + _MIDDLE[0], from_y + _MIDDLE[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(bent, dtype=np.uint8)


def _moved(x: Grid, y: Grid, pose: Pose) -> tuple[Grid, Grid]:
    out = (x / _HALF_WIDTH) ** 2 + (y / _HALF_HEIGHT) ** 2
    inside = np.clip(1 - out, 0, 1)
    nose = np.exp(-((x - _NOSE_AT[0]) ** 2 + (y - _NOSE_AT[1]) ** 2) / (2 * _NOSE_REACH**2))
    depth = _DEPTH * inside + _NOSE * nose
    held = np.clip(2 * inside, 0, 1)
    turn, nod = np.deg2rad(pose.turn), np.deg2rad(pose.nod)
    moved_x = x + held * x * (np.cos(turn) - 1) + depth * np.sin(turn)
    moved_y = y + held * y * (np.cos(nod) - 1) + depth * np.sin(nod)
    return moved_x.astype(np.float32), moved_y.astype(np.float32)


def _close(picture: Picture, x: int, y: int, width: int) -> None:
    """Paint a lid over an eye, skin of its own cheek with a dark rim."""
    import cv2

    skin = [int(value) for value in picture[int(y + 0.7 * width), x]]
    lash = [int(0.4 * value) for value in skin]
    cv2.ellipse(picture, (x, y), (int(0.62 * width), int(0.33 * width)), 0, 0, 360, skin, -1)
    rim = (x, int(y + 0.08 * width))
    cv2.ellipse(picture, rim, (int(0.55 * width), int(0.14 * width)), 0, 0, 180, lash, 2)


def eased(pose: Pose, share: float) -> Pose:
    """Return how the puppet holds its head on the way to `pose`, 0 at ease, 1 there."""
    return replace(
        pose, turn=pose.turn * share, nod=pose.nod * share, eyes_closed=pose.eyes_closed and share > 0.5
    )
