"""Made pictures and an engine that reads what they say: no photograph, no model."""

import math
import struct
from itertools import count

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.presence.challenge import Move
from bridge.presence.face import (
    DetectedFace,
    FaceObservation,
    FaceTemplate,
    HeadPose,
    LifeSigns,
    QualityHint,
    comparison_score,
)
from bridge.presence.face_pack import FacePack
from bridge.presence.frame_marks import Box
from bridge.presence.model import RecogniserInForce
from plugins.presence.pack import load_pack

PACK = load_pack()
RECOGNISER = RecogniserInForce(PACK.model("recogniser").id, PACK.model("recogniser").sha256 or "")
_numbers = count(1)
# Yaw is positive to the picture's left, which is a person's own right.
_HELD = {
    "left": HeadPose(-30, -5, 0),
    "right": HeadPose(30, -5, 0),
    "down": HeadPose(0, -25, 0),
    "shut": HeadPose(0, -5, 0),
}
SHOWING = {
    Move.FRONT: ("0", "0", "0"),
    Move.TURN_LEFT: ("0", "0", "left", "left", "left", "0", "0", "0"),
    Move.TURN_RIGHT: ("0", "0", "right", "right", "right", "0", "0", "0"),
    Move.NOD: ("0", "0", "down", "down", "0", "0", "0", "0"),
    Move.BLINK: ("0", "0", "shut", "shut", "0", "0", "0", "0"),
}
"""What the pictures of a burst say in which the learner does as they are asked."""
MOVING = {
    Move.TURN_LEFT: ("0", "left", "left", "0"),
    Move.TURN_RIGHT: ("0", "right", "right", "0"),
    Move.NOD: ("0", "down", "down", "0"),
}
"""The same of a check's movement."""


def picture(says: str, *, width: int = 320, height: int = 240) -> bytes:
    """Return a new file with a JPEG's frame, no two alike, whose comment says what there is to see.

    Args:
        says: degrees between the face and the learner's own ("0", "20", "90"), or "none", "two", "dark", "spoof" (the
            learner's picture held before the camera), "doubtful" (perhaps that), "broken"; of the learner's own face
            "left", "right", "down" (turned or lowered so), "shut" (with both eyes closed). With "?" behind it nobody
            can tell whose face it is, with "!" it was taken at another place than those without.
    """
    comment = f"{says} {next(_numbers)}".encode()
    parts = (
        b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment,
        b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00",
        b"\xff\xd9",
    )
    return b"".join(parts)


def template(degrees: float) -> FaceTemplate:
    """Return a template whose score against `template(0)` is cos(degrees)."""
    angle = math.radians(degrees)
    recogniser = PACK.model("recogniser")
    vector = struct.pack("<512f", math.cos(angle), math.sin(angle), *([0.0] * 510))
    return FaceTemplate(vector, recogniser.id, recogniser.sha256 or "")


def coded_anew(jpeg: bytes) -> bytes:
    """Return the same picture as other bytes."""
    return jpeg + b"\0"


class PictureMarks:
    """`FrameMarks` for `picture`s: two show the same if they have one number."""

    def mark(self, jpeg: bytes) -> str:
        return sha256_hex(self._number(jpeg))

    def difference(self, a: bytes, b: bytes, box: Box) -> float:
        return 0.5 if self._number(a) == self._number(b) else 9.0

    def identical_share(self, a: bytes, b: bytes) -> float:
        return 0.97 if self._number(a) == self._number(b) else 0.1

    def same_place(self, a: bytes, b: bytes, box: Box) -> float:
        return 0.95 if (b"! " in a[6:]) == (b"! " in b[6:]) else 0.1

    def _number(self, jpeg: bytes) -> bytes:
        return jpeg[6:].split(b"\xff", 1)[0].split(b" ")[1]


class PictureEngine:
    """A `FaceEngine` for `picture`s. It recognises nobody and says so by its name."""

    @property
    def pack(self) -> FacePack:
        return PACK

    def observe(self, jpeg: bytes) -> FaceObservation:
        said = jpeg[6:].split(b" ", 1)[0].decode()
        says = said.rstrip("?!")
        face = DetectedFace((80, 40, 120, 150), 0.9, ((0, 0),) * 5, 120)
        if says == "broken":
            raise InvalidInput("frame_unreadable", "照片无法读取,请重新拍摄。")
        if says == "none":
            return FaceObservation((), (), None)
        if says == "two":
            return FaceObservation((face, face), (), None)
        if says == "dark":
            return FaceObservation((face,), (QualityHint.TOO_DARK,), None)
        live = {"spoof": 0.05, "doubtful": 0.45}.get(says, 0.98)
        held = _HELD.get(says, HeadPose(0, -5, 0))
        whose = 0.0 if says in _HELD or live < 0.9 else float(says)
        eyes = (1.0, 1.0) if says == "shut" else (0.0, 0.0)
        signs = LifeSigns(live, held, eyes)
        if "?" in said:
            return FaceObservation((face,), (QualityHint.TURNED,), None, face, signs)
        return FaceObservation((face,), (), template(whose), face, signs)

    def compare(self, a: FaceTemplate, b: FaceTemplate) -> float:
        return comparison_score(a, b)
