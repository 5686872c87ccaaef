"""The default face engine: yuface, 68 points and an ArcFace-shaped recogniser on onnxruntime.

The models' weights come from a registry package at set-up and are checked by hash at each load.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face_pack import FacePack
from plugins.presence.detector import FaceDetector, LocatedFace
from plugins.presence.examiner import FaceExaminer
from plugins.presence.pack import PACKS, load_pack
from plugins.presence.pictures import Picture
from plugins.presence.signs import SignsReader
from plugins.presence.weights import open_model


class OnnxFaceEngine(FaceExaminer):
    """A `bridge.presence.face.FaceEngine` on one pack. Safe to call from several threads."""

    def __init__(self, pack: FacePack, assets: Path) -> None:
        """Load the pack's models from `<assets>/face/`.

        Raises:
            Unavailable: face_weights_missing, face_weights_altered, face_detector_version (all permanent).
        """
        weights = assets / "face"
        super().__init__(pack, SignsReader(pack, weights))
        self.detector = FaceDetector(pack, weights)
        self._recogniser = open_model(self._model, weights)

    def locate(self, picture: Picture) -> list[LocatedFace]:
        return self.detector.locate(picture)

    def embed(self, aligned: Picture) -> NDArray[np.float32]:
        return self.run_recogniser(recogniser_input(aligned))

    def run_recogniser(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw embedding (512,) float32 of a prepared (1, 3, 112, 112) tensor."""
        embedding: NDArray[np.float32] = self._recogniser.run(None, {"input": tensor})[0][0]
        return embedding


def recogniser_input(aligned: Picture) -> NDArray[np.float32]:
    """Return the aligned face as the recogniser takes it: (1, 3, 112, 112) float32, BGR, (x − 127) / 128."""
    planes = aligned.transpose(2, 0, 1)[np.newaxis].astype(np.float32)
    planes -= 127
    planes /= 128
    return np.ascontiguousarray(planes)


def load_engine(assets: Path, pack_id: str = "default", packs: Path = PACKS) -> OnnxFaceEngine:
    """Return the engine of a pack; `assets` holds `face/*.onnx`.

    Raises:
        Unavailable: as `load_pack` and `OnnxFaceEngine`.
    """
    return OnnxFaceEngine(load_pack(pack_id, packs), assets)
