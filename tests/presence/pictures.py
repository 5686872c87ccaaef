"""Made pictures and an engine that reads what they say: no photograph, no model."""

import math
import struct
from itertools import count

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import (
    DetectedFace,
    FaceObservation,
    FaceTemplate,
    LifeSigns,
    QualityHint,
    comparison_score,
)
from bridge.presence.face_pack import FacePack
from bridge.presence.model import RecogniserInForce
from plugins.presence.pack import load_pack

PACK = load_pack()
RECOGNISER = RecogniserInForce(PACK.model("recogniser").id, PACK.model("recogniser").sha256 or "")
_numbers = count(1)


def picture(says: str, *, width: int = 320, height: int = 240) -> bytes:
    """Return a new file with a JPEG's frame, no two alike, whose comment says what there is to see.

    Args:
        says: degrees between the face and the learner's own ("0", "20", "90"), or "none", "two", "dark", "spoof" (the
            learner's picture held before the camera), "doubtful" (perhaps that), "broken".
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


class PictureEngine:
    """A `FaceEngine` for `picture`s. It recognises nobody and says so by its name."""

    @property
    def pack(self) -> FacePack:
        return PACK

    def observe(self, jpeg: bytes) -> FaceObservation:
        says = jpeg[6:].split(b" ", 1)[0].decode()
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
        seen = template(float(says)) if live > 0.9 else template(0)
        return FaceObservation((face,), (), seen, face, LifeSigns(live))

    def compare(self, a: FaceTemplate, b: FaceTemplate) -> float:
        return comparison_score(a, b)
