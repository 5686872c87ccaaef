"""From bytes to pixels: uploaded frames under narrow limits, files of an operator under wide ones."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import Frame

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 BGR."""

_MOST_FILE_PIXELS = 200_000_000
_LONGEST_SIDE_PX = 1920


def decode_frame(frame: Frame) -> Picture:
    """Return the pixels of an uploaded frame.

    Raises:
        InvalidInput: frame_unreadable.
    """
    picture = _decode(frame.jpeg)
    if picture is None:
        raise InvalidInput("frame_unreadable", "照片无法读取,请重新拍摄。")
    return picture


def read_picture(path: Path) -> Picture:
    """Return the pixels of a JPEG or PNG file, made smaller if a side is longer than 1920 px.

    Raises:
        InvalidInput: picture_unreadable.
    """
    try:
        picture = _decode(path.read_bytes())
    except OSError:
        picture = None
    if picture is None or picture.size > 3 * _MOST_FILE_PIXELS:
        raise InvalidInput("picture_unreadable", f"无法读取图片 {path.name},请确认它是 JPEG 或 PNG 文件。")
    return at_most(picture, _LONGEST_SIDE_PX)


def at_most(picture: Picture, longest_side_px: int) -> Picture:
    """Return `picture`, made smaller if its longer side has more than `longest_side_px`."""
    import cv2

    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest <= longest_side_px:
        return picture
    size = (
        max(1, round(width * longest_side_px / longest)),
        max(1, round(height * longest_side_px / longest)),
    )
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def encode_jpeg(picture: Picture, quality: int = 90) -> bytes:
    """Return `picture` as a JPEG of `quality` (1..100)."""
    import cv2

    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("the picture has no JPEG form")
    return content.tobytes()


def _decode(content: bytes) -> Picture | None:
    import cv2

    if not content:
        return None
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, dtype=np.uint8)
