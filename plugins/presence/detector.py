"""Faces of a picture with five keypoints each: yuface finds, a 68-point model places the points, twice.

Of the detectors that come with a registry package, yuface on at most 320 px missed no face of the photographs
it was measured on. Its own keypoints are whole pixels of the small picture and lie up to a tenth of the face
off; points from the second model, 0.2 ms a face, gave fewer false rejections than yuface's own. Its boxes vary
from picture to picture; points that are placed again, in the box of the first points, tell two people apart better
(docs/face.md).
"""

import os
import threading
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.errors import Unavailable
from bridge.presence.face import DetectedFace
from bridge.presence.face_pack import FacePack
from plugins.presence.pictures import Picture, at_most
from plugins.presence.weights import open_model

DETECTOR_SIDE_PX = 320
_LANDMARK_SIDE_PX = 64
# The landmark model was trained on wider boxes than yuface draws.
_LANDMARK_MARGIN = 1.1


@dataclass(frozen=True, slots=True)
class LocatedFace:
    """A face with its points as arrays, in pixels of the picture.

    Args:
        five: keypoints (5, 2).
        points: all 68 points (68, 2); None where no model placed them.
    """

    face: DetectedFace
    five: NDArray[np.float64]
    points: NDArray[np.float64] | None = None


class FaceDetector:
    """yuface and the landmark model of one pack."""

    def __init__(self, pack: FacePack, weights: Path) -> None:
        """Load the models from the folder `weights`.

        Raises:
            Unavailable: face_detector_version, or as `open_model`.
        """
        # Its OpenMP threads spin while they wait for work, on cores that other workers need.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import yuface

        wanted = pack.model("detector").package
        if wanted != f"PyPI yuface {version('yuface')}":
            raise Unavailable(
                "face_detector_version",
                f"人脸检测组件版本与模型包不符(需要 {wanted}),请重新运行 ./anxue 安装依赖。",
                permanent=True,
            )
        self._detect = yuface.detect
        self._least_score = pack.thresholds.face_score
        self._landmarks = open_model(pack.model("landmarks"), weights)
        # The library keeps its buffers in static memory.
        self._lock = threading.Lock()

    def locate(self, picture: Picture) -> list[LocatedFace]:
        """Return the faces that score the pack's `face_score` or more, best score first."""
        small = self.detector_input(picture)
        scores, boxes = self.run_detector(small)
        scale = picture.shape[1] / small.shape[1]
        found = [
            self._located(picture, float(score) / 100, box.astype(np.float64) * scale)
            for score, box in zip(scores, boxes, strict=True)
        ]
        return sorted(found, key=lambda located: -located.face.score)

    def detector_input(self, picture: Picture) -> Picture:
        """Return the picture as the detector takes it: at most 320 px wide and high, contiguous."""
        return np.ascontiguousarray(at_most(picture, DETECTOR_SIDE_PX))

    def run_detector(self, small: Picture) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return scores (N,) 0..100 and boxes (N, 4) left, top, width, height of a prepared picture."""
        with self._lock:
            # Scores are whole hundredths, and yuface wants more than the bound it is given.
            scores, boxes, _ = self._detect(small, self._least_score - 0.005)
        return scores, boxes

    def run_landmarks(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return 68 points (68, 2), 0..1 of the crop, from a prepared (1, 1, 64, 64) tensor."""
        points: NDArray[np.float32] = self._landmarks.run(None, {"input": tensor})[0]
        return points.reshape(68, 2)

    def _located(self, picture: Picture, score: float, box: NDArray[np.float64]) -> LocatedFace:
        points = self._points(picture, box)
        low, high = points.min(axis=0), points.max(axis=0)
        points = self._points(picture, np.concatenate([low, high - low]))
        five = np.stack(
            [points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]]
        )
        left, top, width, height = (float(number) for number in box)
        face = DetectedFace(
            bbox=(left, top, width, height),
            score=score,
            keypoints=tuple((float(x), float(y)) for x, y in five),
            width_px=round(width),
        )
        return LocatedFace(face, five, points)

    def _points(self, picture: Picture, box: NDArray[np.float64]) -> NDArray[np.float64]:
        tensor, corner, size = landmark_input(picture, box)
        return self.run_landmarks(tensor).astype(np.float64) * size + corner


def landmark_input(
    picture: Picture, box: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return the crop of `box` for the landmark model, and the crop's corner and size in the picture.

    The tensor is (1, 1, 64, 64) float32, grey / 256. What lies beyond the picture repeats its edge.
    """
    import cv2

    left, top, width, height = box
    half = np.array([width, height]) * _LANDMARK_MARGIN / 2
    centre = np.array([left + width / 2, top + height / 2])
    x0, y0 = (int(number) for number in np.round(centre - half))
    x1, y1 = (int(number) for number in np.round(centre + half))
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    rows, columns = picture.shape[:2]
    # A face at the very edge may have its points beyond it; one column of the picture is then all there is.
    x0, y0, x1, y1 = min(x0, columns - 1), min(y0, rows - 1), max(x1, 1), max(y1, 1)
    crop = picture[max(0, y0) : min(rows, y1), max(0, x0) : min(columns, x1)]
    beyond = (max(0, -y0), max(0, y1 - rows), max(0, -x0), max(0, x1 - columns))
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    if any(beyond):
        grey = cv2.copyMakeBorder(grey, *beyond, cv2.BORDER_REPLICATE)
    shrinking = min(grey.shape) > _LANDMARK_SIDE_PX
    grey = cv2.resize(
        grey,
        (_LANDMARK_SIDE_PX, _LANDMARK_SIDE_PX),
        interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
    )
    tensor = (np.asarray(grey, dtype=np.float32) / np.float32(256))[np.newaxis, np.newaxis]
    return tensor, np.array([x0, y0], dtype=np.float64), np.array([x1 - x0, y1 - y0], dtype=np.float64)
