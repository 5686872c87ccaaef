"""The default face engine: yuface, 68 points and an ArcFace-shaped recogniser on onnxruntime.

The recogniser's weights come from a registry package at set-up and are checked by hash at each load.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import (
    FaceObservation,
    FacePack,
    FaceTemplate,
    Frame,
    comparison_score,
)
from plugins.presence.detector import FaceDetector, LocatedFace
from plugins.presence.pack import PACKS, load_pack
from plugins.presence.pictures import Picture, decode_frame
from plugins.presence.quality import quality_hints
from plugins.presence.weights import open_model

ALIGNED_SIDE_PX = 112
# Where ArcFace (arXiv:1801.07698) puts eyes, nose tip and corners of the mouth in a 112x112 picture.
ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


class OnnxFaceEngine:
    """A `bridge.presence.face.FaceEngine` on one pack. Safe to call from several threads."""

    def __init__(self, pack: FacePack, assets: Path) -> None:
        """Load the pack's models from `<assets>/face/`.

        Raises:
            Unavailable: face_weights_missing, face_weights_altered, face_detector_version (all permanent).
        """
        self._pack = pack
        self.detector = FaceDetector(pack, assets)
        self._model = pack.model("recogniser")
        self._recogniser = open_model(self._model, assets)

    @property
    def pack(self) -> FacePack:
        return self._pack

    def observe(self, jpeg: bytes) -> FaceObservation:
        return self.examine(decode_frame(Frame(jpeg)))

    def compare(self, a: FaceTemplate, b: FaceTemplate) -> float:
        return comparison_score(a, b)

    def examine(self, picture: Picture) -> FaceObservation:
        """Return what the picture shows; `observe` after decoding."""
        located = self.detector.locate(picture)
        faces = tuple(each.face for each in located)
        strong = [each for each in located if each.face.score >= self._pack.thresholds.several_faces_score]
        # A doubtful second face, e.g. a pattern on a jacket, does not hide a sure one.
        candidates = strong or located
        if len(candidates) != 1:
            return FaceObservation(faces, (), None)
        aligned = align(picture, candidates[0].five)
        hints = quality_hints(candidates[0].face, candidates[0].five, aligned, self._pack)
        return FaceObservation(faces, hints, None if hints else self._template(aligned))

    def template_of_main_face(self, picture: Picture) -> FaceTemplate | None:
        """Return the template of the largest face near the middle, whatever its quality; None without a face.

        For measuring error rates on photographs; a check goes through `observe`.
        """
        located = self.detector.locate(picture)
        if not located:
            return None
        main = max(located, key=lambda each: _prominence(each, picture))
        return self._template(align(picture, main.five))

    def run_recogniser(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw embedding (512,) float32 of a prepared (1, 3, 112, 112) tensor."""
        embedding: NDArray[np.float32] = self._recogniser.run(None, {"input": tensor})[0][0]
        return embedding

    def _template(self, aligned: Picture) -> FaceTemplate:
        embedding = self.run_recogniser(recogniser_input(aligned))
        unit = embedding / np.linalg.norm(embedding)
        return FaceTemplate(unit.astype("<f4").tobytes(), self._model.id, self._model.sha256 or "")


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


def recogniser_input(aligned: Picture) -> NDArray[np.float32]:
    """Return the aligned face as the recogniser takes it: (1, 3, 112, 112) float32, BGR, (x − 127) / 128."""
    planes = aligned.transpose(2, 0, 1)[np.newaxis].astype(np.float32)
    planes -= 127
    planes /= 128
    return np.ascontiguousarray(planes)


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


def _prominence(located: LocatedFace, picture: Picture) -> float:
    left, top, width, height = located.face.bbox
    rows, columns = picture.shape[:2]
    off_centre = (left + width / 2 - columns / 2) ** 2 + (top + height / 2 - rows / 2) ** 2
    return float(width * height - 2 * off_centre)


def load_engine(assets: Path, pack_id: str = "default", packs: Path = PACKS) -> OnnxFaceEngine:
    """Return the engine of a pack; `assets` holds `face/*.onnx`.

    Raises:
        Unavailable: as `load_pack` and `OnnxFaceEngine`.
    """
    return OnnxFaceEngine(load_pack(pack_id, packs), assets)
