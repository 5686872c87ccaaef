"""An operator's own pack on insightface: a folder with pack.yaml, one SCRFD detector and one 112x112 recogniser.

insightface's code is MIT. Its published weights are for non-commercial research alone, so none of them comes with
the bridge, and it is never asked for a pack by name: that would download one.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.errors import Unavailable
from bridge.presence.face import DetectedFace
from bridge.presence.face_pack import FacePack, PackModel
from plugins.presence.detector import LocatedFace
from plugins.presence.examiner import FaceExaminer
from plugins.presence.pictures import Picture
from plugins.presence.signs import SignsReader
from plugins.presence.weights import one_thread, open_content, read_weights, with_colours_swapped

_DETECTOR_SIDE_PX = 640
SIGNS_FOLDER = "signs"
"""Where liveness, pose and eye models stand: beside the others FaceAnalysis would take them for recognisers."""


class InsightFaceEngine(FaceExaminer):
    """A `bridge.presence.face.FaceEngine` on an operator's folder. Safe to call from several threads."""

    def __init__(self, pack: FacePack, folder: Path) -> None:
        """Load the pack's models from `folder` (absolute), those of signs of life from `folder`/signs.

        Raises:
            Unavailable: face_weights_missing, face_weights_altered, face_pack_unsuitable (all permanent).
        """
        super().__init__(pack, SignsReader(pack, folder / SIGNS_FOLDER))
        detector = pack.model("detector")
        contents = {model.job: read_weights(model, folder) for model in (detector, self._model)}
        from insightface.app import FaceAnalysis

        try:
            analysis = FaceAnalysis(
                name=str(folder.resolve(strict=True)),
                allowed_modules=["detection", "recognition"],
                providers=["CPUExecutionProvider"],
                sess_options=one_thread(),
            )
            content = contents["recogniser"]
            # insightface feeds red first.
            content = with_colours_swapped(content) if self._model.colours == "bgr" else content
            recogniser = open_content(content)
            self._require_named_files(analysis, {"detection": detector, "recognition": self._model})
            analysis.prepare(
                ctx_id=-1,
                det_thresh=pack.thresholds.face_score,
                det_size=(_DETECTOR_SIDE_PX, _DETECTOR_SIDE_PX),
            )
        except (AssertionError, LookupError, ValueError, RuntimeError) as error:
            raise Unavailable(
                "face_pack_unsuitable",
                f"模型包 {pack.id} 的模型不适用:需要一个 SCRFD 检测模型和一个 112×112 识别模型。({error})",
                permanent=True,
            ) from error
        self._detector = analysis.models["detection"]
        self._recogniser = analysis.models["recognition"]
        self._recogniser.session = recogniser
        self.analysis = analysis

    def locate(self, picture: Picture) -> list[LocatedFace]:
        boxes, points = self._detector.detect(picture)
        if points is None:
            points = np.empty((0, 5, 2))
        found = [_located(box, five) for box, five in zip(boxes, points, strict=True)]
        return sorted(found, key=lambda located: -located.face.score)

    def embed(self, aligned: Picture) -> NDArray[np.float32]:
        embedding: NDArray[np.float32] = np.asarray(self._recogniser.get_feat(aligned)[0], dtype=np.float32)
        return embedding

    def _require_named_files(self, analysis: Any, wanted: dict[str, PackModel]) -> None:
        """Make sure that FaceAnalysis took the files that pack.yaml names, not others that lie beside them."""
        for task, model in wanted.items():
            taken = Path(analysis.models[task].model_file).name
            if taken != model.file:
                raise ValueError(f"{task}: {taken} instead of {model.file}")


def _located(box: NDArray[np.float32], five: NDArray[np.float32]) -> LocatedFace:
    left, top, right, bottom, score = (float(number) for number in box)
    face = DetectedFace(
        bbox=(left, top, right - left, bottom - top),
        score=min(score, 1.0),
        keypoints=tuple((float(x), float(y)) for x, y in five),
        width_px=round(right - left),
    )
    return LocatedFace(face, five.astype(np.float64))
