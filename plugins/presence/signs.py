"""Signs of life of one face: liveness, head pose, closed eyes. Three models beside the recogniser.

Crops and colours are those that the models' own package uses; on other crops the scores drift.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import HeadPose, LifeSigns
from bridge.presence.face_pack import FacePack
from plugins.presence.pictures import Picture
from plugins.presence.weights import open_model

JOBS = ("liveness", "pose", "eyes")
_LIVENESS_SIDE_PX, _LIVENESS_REACH = 128, 2.7
_LIVE = 0
_POSE_SIDE_PX, _POSE_REACH = 224, 1.5
_POSE_OUTPUTS = ("output", "617", "618")  # yaw, pitch, roll
_POSE_DEGREES = np.arange(66) * 3.0 - 99
# (x / 255 − mean) / spread of ImageNet, as one factor and one offset for each plane.
_IMAGENET_SPREAD = np.array([0.229, 0.224, 0.225], np.float32)
_POSE_FACTOR = (1 / (255 * _IMAGENET_SPREAD)).reshape(1, 3, 1, 1)
_POSE_OFFSET = (np.array([0.485, 0.456, 0.406], np.float32) / _IMAGENET_SPREAD).reshape(1, 3, 1, 1)
_EYE_SIDE_PX, _EYE_REACH = 24, 1.6
_CLOSED = 0

Box = tuple[float, float, float, float]
Tensor = NDArray[np.float32]


class SignsReader:
    """The models of a pack that say more of a face than whose it is; a pack may lack any of them."""

    def __init__(self, pack: FacePack, weights: Path) -> None:
        """Load the models from the folder `weights`.

        Raises:
            Unavailable: as `open_model`.
        """
        found = {job: pack.find(job) for job in JOBS}
        self._sessions: dict[str, Any] = {
            job: open_model(model, weights) for job, model in found.items() if model is not None
        }

    def read(self, picture: Picture, box: Box, points: NDArray[np.float64] | None) -> LifeSigns:
        """Return the signs of the face in `box` (left, top, width, height).

        Args:
            points: its 68 points (68, 2); None where the pack places none, and nothing is said of the eyes.
        """
        live = pose = eyes = None
        if "liveness" in self._sessions:
            live = self.run_liveness(liveness_input(picture, box))
        if "pose" in self._sessions:
            pose = self.run_pose(pose_input(picture, box))
        if "eyes" in self._sessions and points is not None:
            right, left = (self.run_eye(eye_input(picture, points[at : at + 6])) for at in (36, 42))
            eyes = (right, left)
        return LifeSigns(live, pose, eyes)

    def run_liveness(self, tensor: Tensor) -> float:
        """Return the score of a living face, of a prepared (1, 3, 128, 128) tensor."""
        return float(_shares(self._sessions["liveness"].run(None, {"input": tensor})[0][0])[_LIVE])

    def run_pose(self, tensor: Tensor) -> HeadPose:
        """Return the pose, of a prepared (1, 3, 224, 224) tensor."""
        outputs = self._sessions["pose"].run(list(_POSE_OUTPUTS), {"input": tensor})
        yaw, pitch, roll = (float(_shares(each[0]) @ _POSE_DEGREES) for each in outputs)
        return HeadPose(yaw, pitch, roll)

    def run_eye(self, tensor: Tensor) -> float:
        """Return the score of a closed eye, of a prepared (1, 1, 24, 24) tensor."""
        return float(_shares(self._sessions["eyes"].run(None, {"input": tensor})[0][0])[_CLOSED])


def liveness_input(picture: Picture, box: Box) -> Tensor:
    """Return the face with its surroundings as the model takes it: (1, 3, 128, 128), BGR, 0..255.

    The crop is 2.7 times the box, less where the picture is smaller, and lies wholly inside the picture.
    """
    rows, columns = picture.shape[:2]
    left, top, width, height = box
    reach = min((rows - 1) / height, (columns - 1) / width, _LIVENESS_REACH)
    wide, high = max(1, int(width * reach)), max(1, int(height * reach))
    x = int(min(max(left + width / 2 - width * reach / 2, 0), columns - wide))
    y = int(min(max(top + height / 2 - height * reach / 2, 0), rows - high))
    crop = _resized(picture[y : y + high, x : x + wide], _LIVENESS_SIDE_PX)
    return _planes(crop, rgb=False)


def pose_input(picture: Picture, box: Box) -> Tensor:
    """Return the head as the model takes it: (1, 3, 224, 224), RGB, as ImageNet's mean and spread have it."""
    left, top, width, height = box
    centre = (left + width / 2, top + height / 2)
    crop = _resized(_cut(picture, centre, width * _POSE_REACH, height * _POSE_REACH), _POSE_SIDE_PX)
    planes = _planes(crop, rgb=True)
    planes *= _POSE_FACTOR
    planes -= _POSE_OFFSET
    return planes


def eye_input(picture: Picture, six: NDArray[np.float64]) -> Tensor:
    """Return one eye as the model takes it: (1, 1, 24, 24), grey, 0..1.

    Args:
        six: its points (6, 2), the first and the fourth being the corners.
    """
    import cv2

    side = max(1.0, float(abs(six[3, 0] - six[0, 0])) * _EYE_REACH)
    middle = six[[1, 2, 4, 5]].mean(axis=0)
    eye = _resized(_cut(picture, (float(middle[0]), float(middle[1])), side, side), _EYE_SIDE_PX)
    grey = np.asarray(cv2.cvtColor(eye, cv2.COLOR_BGR2GRAY), dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(grey[np.newaxis, np.newaxis])


def _cut(picture: Picture, centre: tuple[float, float], width: float, height: float) -> Picture:
    """Return what of the box about `centre` lies in the picture; at least one pixel."""
    rows, columns = picture.shape[:2]
    x0 = min(max(int(centre[0] - width / 2), 0), columns - 1)
    y0 = min(max(int(centre[1] - height / 2), 0), rows - 1)
    x1 = min(max(int(centre[0] + width / 2), x0 + 1), columns)
    y1 = min(max(int(centre[1] + height / 2), y0 + 1), rows)
    return picture[y0:y1, x0:x1]


def _resized(crop: Picture, side_px: int) -> Picture:
    import cv2

    # INTER_LINEAR looks at four pixels: enough down to the half, while the mean of all takes far longer.
    shrinking = min(crop.shape[:2]) > 2 * side_px
    way = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (side_px, side_px), interpolation=way), dtype=np.uint8)


def _planes(picture: Picture, *, rgb: bool) -> Tensor:
    """Return the colours as planes of their own, (1, 3, H, W), 0..255."""
    import cv2

    return np.asarray(cv2.dnn.blobFromImage(picture, swapRB=rgb), dtype=np.float32)


def _shares(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares
