"""Marks and differences of frames by OpenCV: finds one picture that was coded twice, a little shifted or relit or not.

It does not find a picture that was turned, warped, zoomed or given much noise (docs/face.md says what that leaves).
"""

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import Frame
from bridge.presence.frame_marks import Box
from plugins.presence.pictures import decode_frame

_SIDE = 16
_FACE_PX = (160, 160)
_REACH = 1.1
_MARGIN = 0.1
_MOST_SHIFT_PX = 16.0
_BLOCK_PX = 8

Grey = NDArray[np.float32]


class PixelMarks:
    """A `bridge.presence.frame_marks.FrameMarks`."""

    def mark(self, jpeg: bytes) -> str:
        import cv2

        small = cv2.resize(_grey(jpeg), (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA)
        rises = small[:, 1:] > small[:, :-1]
        return np.packbits(rises).tobytes().hex()

    def difference(self, a: bytes, b: bytes, box: Box) -> float:
        import cv2

        first, second = _grey(a), _grey(b)
        if second.shape != first.shape:
            size = (first.shape[1], first.shape[0])
            second = np.asarray(cv2.resize(second, size, interpolation=cv2.INTER_AREA), np.float32)
        first, second = _face(first, box), _face(second, box)
        window = cv2.createHanningWindow(_FACE_PX, cv2.CV_32F)
        (x, y), _ = cv2.phaseCorrelate(first, second, window)
        if max(abs(x), abs(y)) <= _MOST_SHIFT_PX:
            back = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
            laid = cv2.warpAffine(second, back, _FACE_PX, borderMode=cv2.BORDER_REPLICATE)
            second = np.asarray(laid, np.float32)
        one, other = _inner(first), _inner(second)
        one, other = one - one.mean(), other - other.mean()
        # Another exposure is the same picture still: gain and offset are fitted away.
        spread = float((other * other).mean())
        gain = float((one * other).mean()) / spread if spread > 1e-6 else 1.0
        return float(np.abs(one - gain * other).mean())

    def identical_share(self, a: bytes, b: bytes) -> float:
        first, second = decode_frame(Frame(a)), decode_frame(Frame(b))
        if first.shape != second.shape:
            return 0.0
        rows, columns = (side // _BLOCK_PX * _BLOCK_PX for side in first.shape[:2])
        differs = (first != second).any(axis=2)[:rows, :columns]
        blocks = differs.reshape(rows // _BLOCK_PX, _BLOCK_PX, columns // _BLOCK_PX, _BLOCK_PX)
        return float(1 - blocks.any(axis=(1, 3)).mean()) if blocks.size else 0.0


def _grey(jpeg: bytes) -> Grey:
    import cv2

    return np.asarray(cv2.cvtColor(decode_frame(Frame(jpeg)), cv2.COLOR_BGR2GRAY), dtype=np.float32)


def _face(picture: Grey, box: Box) -> Grey:
    """Return what of the box, a tenth wider, lies in the picture, at one size."""
    import cv2

    rows, columns = picture.shape
    left, top, width, height = box
    x0 = min(max(int(left - width * (_REACH - 1) / 2), 0), columns - 1)
    y0 = min(max(int(top - height * (_REACH - 1) / 2), 0), rows - 1)
    x1 = min(max(int(left + width * (_REACH + 1) / 2), x0 + 1), columns)
    y1 = min(max(int(top + height * (_REACH + 1) / 2), y0 + 1), rows)
    return np.asarray(cv2.resize(picture[y0:y1, x0:x1], _FACE_PX, interpolation=cv2.INTER_AREA), np.float32)


def _inner(picture: Grey) -> Grey:
    rows, columns = picture.shape
    y, x = int(rows * _MARGIN), int(columns * _MARGIN)
    return picture[y : rows - y, x : columns - x]
