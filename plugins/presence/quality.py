"""Is an aligned face good enough to be compared?"""

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import DetectedFace, QualityHint
from bridge.presence.face_pack import FacePack
from plugins.presence.pictures import Picture


def quality_hints(
    face: DetectedFace, five: NDArray[np.float64], aligned: Picture, pack: FacePack
) -> tuple[QualityHint, ...]:
    """Return what is wrong with the face, the first thing to mend first; empty if it can be compared.

    Args:
        five: keypoints (5, 2).
        aligned: (112, 112, 3), the face as the recogniser sees it.
    """
    import cv2

    limits = pack.quality
    # The middle of the aligned picture is skin, whatever hair, helmet or wall surround it.
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)[20:100, 20:92]
    light = float(grey.mean())
    hints = []
    if face.width_px < pack.thresholds.min_face_px:
        hints.append(QualityHint.TOO_SMALL)
    if light < limits.darkest:
        hints.append(QualityHint.TOO_DARK)
    if light > limits.brightest:
        hints.append(QualityHint.TOO_BRIGHT)
    yaw, pitch = turn(five)
    if abs(yaw) > limits.most_yaw or not limits.least_pitch <= pitch <= limits.most_pitch:
        hints.append(QualityHint.TURNED)
    if float(cv2.Laplacian(grey, cv2.CV_32F).var()) < limits.least_sharpness:
        hints.append(QualityHint.BLURRED)
    return tuple(hints)


def turn(five: NDArray[np.float64]) -> tuple[float, float]:
    """Return (yaw, pitch) of the head in the units of `QualityLimits`; infinite where the points coincide."""
    right_eye, left_eye, nose, right_mouth, left_mouth = five
    between = left_eye - right_eye
    distance = float(np.hypot(*between))
    if distance == 0:
        return float("inf"), float("inf")
    across = between / distance
    down = np.array([-across[1], across[0]])
    eyes = (right_eye + left_eye) / 2
    to_mouth = float(((right_mouth + left_mouth) / 2 - eyes) @ down)
    if to_mouth <= 0:
        return float("inf"), float("inf")
    return float((nose - eyes) @ across) / distance, float((nose - eyes) @ down) / to_mouth
