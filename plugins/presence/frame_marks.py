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
_PLACE_COLUMNS, _PLACE_ROWS, _PLACE_SHIFT = 80, 60, 8
_HEAD = 1.6
"""A head with its hair, in face boxes: it moves, what lies beyond it hardly does."""
_BARE = 5.0
"""Spread of grey levels below which, in both, there is only a bare wall around the face: nothing can be said."""
_LEAST_AROUND = 400

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

    def same_place(self, a: bytes, b: bytes, box: Box) -> float:
        first, second = _grey(a), _grey(b)
        rows, columns = second.shape
        around = np.ones((_PLACE_ROWS, _PLACE_COLUMNS), bool)
        left, top, width, height = box
        across, down = _PLACE_COLUMNS / columns, _PLACE_ROWS / rows
        wider, higher = width * (_HEAD - 1) / 2, height * (_HEAD - 1) / 2
        x0, x1 = int(max(0.0, left - wider) * across), int((left + width + wider) * across) + 1
        y0, y1 = int(max(0.0, top - higher) * down), int((top + height + higher) * down) + 1
        around[y0:y1, x0:x1] = False
        one, other = _place(first), _place(second)
        if around.sum() < 2 * _LEAST_AROUND:
            return 1.0
        if max(float(one[around].std()), float(other[around].std())) < _BARE:
            return 1.0
        return max(
            _correlation(one, other, around, dx, dy)
            for dy in range(-_PLACE_SHIFT, _PLACE_SHIFT + 1, 2)
            for dx in range(-_PLACE_SHIFT, _PLACE_SHIFT + 1, 2)
        )


def _place(picture: Grey) -> Grey:
    """Return the picture so small that a breath or a hand that shakes changes nothing."""
    import cv2

    size = (_PLACE_COLUMNS, _PLACE_ROWS)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2), np.float32)


def _correlation(one: Grey, other: Grey, around: NDArray[np.bool_], dx: int, dy: int) -> float:
    """Return the correlation of the two around the face, the second moved by (dx, dy); −1 where too little is left."""
    rows, columns = _PLACE_ROWS - abs(dy), _PLACE_COLUMNS - abs(dx)
    to_x, to_y, from_x, from_y = max(0, dx), max(0, dy), max(0, -dx), max(0, -dy)
    here = np.s_[to_y : to_y + rows, to_x : to_x + columns]
    there = np.s_[from_y : from_y + rows, from_x : from_x + columns]
    seen = around[here] & around[there]
    if seen.sum() < _LEAST_AROUND:
        return -1.0
    a, b = one[here][seen], other[there][seen]
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 1e-6 else -1.0


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
