"""What every face engine does alike: from a picture to an observation, whatever finds and recognises the faces."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import FaceObservation, FaceTemplate, Frame, LifeSigns, comparison_score
from bridge.presence.face_pack import FacePack
from plugins.presence.alignment import align
from plugins.presence.detector import LocatedFace
from plugins.presence.pictures import Picture, decode_frame
from plugins.presence.quality import quality_hints
from plugins.presence.signs import SignsReader


class FaceExaminer(ABC):
    """A `bridge.presence.face.FaceEngine` but for the two models that differ from runtime to runtime."""

    def __init__(self, pack: FacePack, signs: SignsReader) -> None:
        self._pack = pack
        self._signs = signs
        self._model = pack.model("recogniser")

    @abstractmethod
    def locate(self, picture: Picture) -> list[LocatedFace]:
        """Return the faces that score the pack's `face_score` or more, best score first."""

    @abstractmethod
    def embed(self, aligned: Picture) -> NDArray[np.float32]:
        """Return the raw embedding (512,) of an aligned face (112, 112, 3)."""

    @property
    def pack(self) -> FacePack:
        return self._pack

    def observe(self, jpeg: bytes) -> FaceObservation:
        return self.examine(decode_frame(Frame(jpeg)))

    def compare(self, a: FaceTemplate, b: FaceTemplate) -> float:
        return comparison_score(a, b)

    def examine(self, picture: Picture) -> FaceObservation:
        """Return what the picture shows; `observe` after decoding."""
        located = self.locate(picture)
        faces = tuple(each.face for each in located)
        strong = [each for each in located if each.face.score >= self._pack.thresholds.several_faces_score]
        # A doubtful second face, e.g. a pattern on a jacket, does not hide a sure one.
        candidates = strong or located
        if len(candidates) != 1:
            return FaceObservation(faces, (), None)
        main = candidates[0]
        aligned = align(picture, main.five)
        hints = quality_hints(main.face, main.five, aligned, self._pack)
        template = None if hints else self._template(aligned)
        return FaceObservation(faces, hints, template, main.face, self._signs_of(picture, main))

    def template_of_main_face(self, picture: Picture) -> FaceTemplate | None:
        """Return the template of the largest face near the middle, whatever its quality; None without a face.

        For measuring error rates on photographs; a check goes through `observe`.
        """
        main = self._main_of(picture)
        return None if main is None else self._template(align(picture, main.five))

    def signs_of_main_face(self, picture: Picture) -> FaceObservation:
        """Return the largest face near the middle with its signs and no template; no face, no signs.

        For measuring on photographs; a check goes through `observe`.
        """
        main = self._main_of(picture)
        if main is None:
            return FaceObservation((), (), None)
        return FaceObservation((main.face,), (), None, main.face, self._signs_of(picture, main))

    def _main_of(self, picture: Picture) -> LocatedFace | None:
        return max(self.locate(picture), key=lambda each: _prominence(each, picture), default=None)

    def _signs_of(self, picture: Picture, located: LocatedFace) -> LifeSigns:
        return self._signs.read(picture, located.face.bbox, located.points)

    def _template(self, aligned: Picture) -> FaceTemplate:
        embedding = self.embed(aligned)
        unit = embedding / np.linalg.norm(embedding)
        return FaceTemplate(unit.astype("<f4").tobytes(), self._model.id, self._model.sha256 or "")


def _prominence(located: LocatedFace, picture: Picture) -> float:
    left, top, width, height = located.face.bbox
    rows, columns = picture.shape[:2]
    off_centre = (left + width / 2 - columns / 2) ** 2 + (top + height / 2 - rows / 2) ** 2
    return float(width * height - 2 * off_centre)
