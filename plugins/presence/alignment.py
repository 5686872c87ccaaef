"""Faces turned, scaled and moved to where ArcFace-shaped recognisers expect them."""

import numpy as np
from numpy.typing import NDArray

from plugins.presence.pictures import Picture

ALIGNED_SIDE_PX = 112
# Where ArcFace (arXiv:1801.07698) puts eyes, nose tip and corners of the mouth in a 112x112 picture.
ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def align(picture: Picture, five: NDArray[np.float64]) -> Picture:
    """Return the face turned, scaled and moved so that its keypoints meet ArcFace's: (112, 112, 3)."""
    import cv2

    matrix = similarity(five, ARCFACE_POINTS)
    # warpAffine looks at four pixels only; a face much larger than 112 px would be sampled, not shrunk.
    while np.hypot(matrix[0, 0], matrix[1, 0]) < 0.5 and min(picture.shape[:2]) > 1:
        height, width = picture.shape[:2]
        half = (max(1, width // 2), max(1, height // 2))
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        matrix = similarity(five := five * (half[0] / width, half[1] / height), ARCFACE_POINTS)
    warped = cv2.warpAffine(picture, matrix, (ALIGNED_SIDE_PX, ALIGNED_SIDE_PX))
    return np.asarray(warped, dtype=np.uint8)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) matrix of turn, scale and shift that brings `source` nearest to `target`.

    Least squares, points as complex numbers: the best factor is ⟨s, t⟩ / ⟨s, s⟩ about the two centres.
    """
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    s = (source - source_centre) @ np.array([1, 1j])
    t = (target - target_centre) @ np.array([1, 1j])
    spread = float(np.vdot(s, s).real)
    factor = np.vdot(s, t) / spread if spread > 0 else complex(1)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.hstack([turn, (target_centre - turn @ source_centre)[:, np.newaxis]])
