"""What the demonstration's cameras see: photographs made at run time, no two frames alike.

The bridge refuses a frame whose bytes it has seen, since that is what a replayed picture looks like. So every
view is moved, turned and lit a little differently, as a living person's is.
"""

import random

from plugins.presence.photographs import (
    View,
    jpeg_frame,
    learner_frame,
    no_face_frame,
    other_person_frame,
    two_faces_frame,
)
from plugins.presence.pictures import Picture, encode_jpeg
from plugins.presence.puppet import AT_EASE, Pose, eased, puppet_frame


def _lively(dice: random.Random) -> View:
    return View(
        shift_x=dice.uniform(-10, 10),
        shift_y=dice.uniform(-6, 6),
        zoom=dice.uniform(0.97, 1.04),
        tilt_degrees=dice.uniform(-3, 3),
        light=dice.uniform(0.96, 1.04),
    )


class Camera:
    """Pictures for a client without a browser: each call gives a JPEG that was never given before."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)  # noqa: S311  # pictures, not secrets

    def learner(self) -> bytes:
        """Return the learner."""
        return jpeg_frame(learner_frame(_lively(self._dice)))

    def other_person(self) -> bytes:
        """Return another person."""
        return jpeg_frame(other_person_frame(_lively(self._dice)))

    def no_face(self) -> bytes:
        """Return a room without a person."""
        return jpeg_frame(self._grained(no_face_frame()))

    def two_faces(self) -> bytes:
        """Return the learner with somebody beside them."""
        return jpeg_frame(self._grained(two_faces_frame()))

    def _grained(self, picture: Picture) -> Picture:
        # One patch of slightly other light is enough to make other bytes.
        changed = picture.copy()
        x, y = self._dice.randrange(560), self._dice.randrange(40)
        changed[y : y + 40, x : x + 80] //= 2
        return changed


MOVES_ZH = {"front": "正对", "turn_left": "左转", "turn_right": "右转", "nod": "低头", "blink": "闭眼"}
_WAYS = {
    "front": (AT_EASE, 0.0),
    "turn_left": (Pose(turn=32), 1.0),
    "turn_right": (Pose(turn=-32), 1.0),
    "nod": (Pose(nod=32), 1.0),
    "blink": (Pose(eyes_closed=True), 1.0),
}
_THERE_AND_BACK = (0.0, 0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.0)


class Puppet:
    """Does what a registration or a check asks for: one photograph bent to order, no living person, and says so."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)  # noqa: S311  # pictures, not secrets

    def move(self, move: str, frames: int) -> list[Picture]:
        """Return the pictures of one movement, as many as are asked for, no two alike."""
        pose, share = _WAYS[move]
        return [
            self._seen(eased(pose, share * _THERE_AND_BACK[at * len(_THERE_AND_BACK) // frames]))
            for at in range(frames)
        ]

    def burst(self, move: str, frames: int) -> list[bytes]:
        """Return `move` as a browser's canvas would upload it."""
        return [jpeg_frame(picture) for picture in self.move(move, frames)]

    def _seen(self, pose: Pose) -> Picture:
        view = View(
            shift_x=self._dice.uniform(-3, 3),
            shift_y=self._dice.uniform(-2, 2),
            zoom=self._dice.uniform(0.99, 1.01),
            tilt_degrees=self._dice.uniform(-1, 1),
        )
        return puppet_frame(pose, view, seed=self._dice.randrange(2**32))


def coded_anew(jpeg: bytes, quality: int) -> bytes:
    """Return the same picture as other bytes, as a program that plays a film makes them."""
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return encode_jpeg(np.asarray(picture, np.uint8), quality)


class Elsewhere:
    """The puppet's poses before another wall: photographs of one person that were not taken in one go."""

    def __init__(self, seed: int) -> None:
        self._puppet = Puppet(seed)

    def burst(self, move: str, frames: int) -> list[bytes]:
        """Return the pose of `move`, each picture a little different."""
        return [jpeg_frame(self._moved(picture)) for picture in self._puppet.move(move, 8)[3 : 3 + frames]]

    def _moved(self, picture: Picture) -> Picture:
        import cv2
        import numpy as np

        room = cv2.resize(no_face_frame(), (picture.shape[1], picture.shape[0]))
        rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
        out = ((columns - 320) / 150) ** 2 + ((rows - 235) / 190) ** 2
        share = np.clip(3 - 3 * out, 0, 1)[..., np.newaxis]  # a soft edge around head and shoulders
        return np.asarray(picture * share + room * (1 - share), dtype=np.uint8)
