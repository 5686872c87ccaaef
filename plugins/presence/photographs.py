"""Photographs for the demonstration and the tests, made at run time from registry packages.

The "learner" is scikit-image's astronaut (NASA, public domain), "another person" is one of the six in
insightface's t1.jpg; scikit-image's coffee is the empty room. None of them is committed. All pictures of one
person come from one photograph, so their scores against each other say nothing about accuracy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from plugins.presence.pictures import Picture, encode_jpeg, read_picture

FRAME_WIDTH_PX, FRAME_HEIGHT_PX = 640, 480
_ID_PHOTO_SIZE_PX = (358, 441)  # width, height: the photograph of a resident card, as systems exchange it


@dataclass(frozen=True, slots=True)
class View:
    """How the camera sees the person.

    Args:
        shift_x, shift_y: how far the face moves from the middle, in pixels of the frame.
        zoom: size of the face; 1 makes it about 180 px wide.
        tilt_degrees: turn of the head in the plane of the picture.
        light: brightness, 1 as photographed.
        blur: sigma of the blur, pixels of the frame; 0 for none.
    """

    shift_x: float = 0
    shift_y: float = 0
    zoom: float = 1
    tilt_degrees: float = 0
    light: float = 1
    blur: float = 0


STRAIGHT = View()

# Middle of the face and its width in the package's picture. Of the six in the group this one has no
# neighbour's face in the frame.
_LEARNER = ((223.0, 121.0), 90.0)
_OTHER_PERSON = ((1171.0, 344.0), 104.0)


def learner_frame(view: View = STRAIGHT) -> Picture:
    """Return the learner before the camera, (480, 640, 3)."""
    return _seen(_astronaut(), *_LEARNER, view)


def other_person_frame(view: View = STRAIGHT) -> Picture:
    """Return another person before the camera, (480, 640, 3)."""
    return _seen(_group(), *_OTHER_PERSON, view)


def two_faces_frame() -> Picture:
    """Return the learner and another person side by side, (480, 640, 3)."""
    half = FRAME_WIDTH_PX // 4
    left = learner_frame()[:, half : 3 * half]
    right = other_person_frame()[:, half : 3 * half]
    return np.ascontiguousarray(np.hstack([left, right]))


def no_face_frame() -> Picture:
    """Return a room without a person, (480, 640, 3)."""
    import cv2

    picture = cv2.resize(package_picture("skimage", "coffee.png"), (FRAME_WIDTH_PX, FRAME_HEIGHT_PX))
    return np.asarray(picture, dtype=np.uint8)


def dark_frame() -> Picture:
    """Return the learner in a dark room."""
    return learner_frame(View(light=0.15))


def blurred_frame() -> Picture:
    """Return the learner through a smeared lens."""
    return learner_frame(View(blur=7))


def far_frame() -> Picture:
    """Return the learner too far from the camera."""
    return learner_frame(View(zoom=0.38))


def learner_id_photo() -> bytes:
    """Return the learner's ID photo as a JPEG, 358x441."""
    return _id_photo(_astronaut(), *_LEARNER)


def other_person_id_photo() -> bytes:
    """Return the other person's ID photo as a JPEG, 358x441."""
    return _id_photo(_group(), *_OTHER_PERSON)


def learner_video_frames(count: int = 10) -> list[Picture]:
    """Return `count` frames of the learner who moves a little, as a living person does."""
    phases = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [
        learner_frame(
            View(
                shift_x=float(8 * np.sin(phase)),
                shift_y=float(4 * np.cos(phase)),
                zoom=float(1 + 0.03 * np.sin(phase)),
                tilt_degrees=float(3 * np.cos(phase)),
                light=float(1 + 0.04 * np.sin(2 * phase)),
            )
        )
        for phase in phases
    ]


def write_y4m(path: Path, frames: Iterable[Picture], frames_per_second: int = 10) -> int:
    """Write the frames as an uncompressed video for Chromium's fake camera; return how many there were.

    Args:
        frames: (H, W, 3), all of one size, H and W even.

    Raises:
        ValueError: no frame, an odd size, or frames of different sizes.
    """
    import cv2

    count, size = 0, None
    with path.open("wb") as file:
        for frame in frames:
            if size is None:
                size = frame.shape[:2]
                if size[0] % 2 or size[1] % 2:
                    raise ValueError("4:2:0 needs even sizes")
                file.write(
                    f"YUV4MPEG2 W{size[1]} H{size[0]} F{frames_per_second}:1 Ip A1:1 C420jpeg\n".encode()
                )
            elif frame.shape[:2] != size:
                raise ValueError("the frames of a video are of one size")
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
            count += 1
    if not count:
        raise ValueError("a video needs a frame")
    return count


def jpeg_frame(picture: Picture) -> bytes:
    """Return the picture as a browser's canvas would upload it."""
    return encode_jpeg(picture, 90)


def _seen(picture: Picture, centre: tuple[float, float], face_px: float, view: View) -> Picture:
    """Return (480, 640, 3) with the point `centre` of `picture` in the middle, as `view` says.

    Args:
        face_px: width of the face in `picture`.
    """
    import cv2

    scale = 180 / face_px * view.zoom
    matrix = cv2.getRotationMatrix2D(centre, view.tilt_degrees, scale)
    middle = np.array([FRAME_WIDTH_PX / 2 + view.shift_x, FRAME_HEIGHT_PX / 2 + view.shift_y])
    matrix[:, 2] += middle - np.array(centre)
    seen = cv2.warpAffine(
        picture, matrix, (FRAME_WIDTH_PX, FRAME_HEIGHT_PX),
        flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    if view.blur:
        seen = cv2.GaussianBlur(seen, (0, 0), view.blur)
    if view.light != 1:
        seen = cv2.convertScaleAbs(seen, alpha=view.light)
    return np.asarray(seen, dtype=np.uint8)


def _id_photo(picture: Picture, centre: tuple[float, float], face_px: float) -> bytes:
    """Return the JPEG of a portrait cut, lighter and flatter than a webcam's picture, 358x441."""
    import cv2

    width, height = _ID_PHOTO_SIZE_PX
    scale = 190 / face_px
    matrix = np.array(
        [
            [scale, 0, width / 2 - scale * centre[0]],
            [0, scale, height * 0.48 - scale * centre[1]],
        ]
    )
    cut = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return encode_jpeg(np.asarray(cv2.convertScaleAbs(cut, alpha=0.9, beta=22), dtype=np.uint8), 80)


def _astronaut() -> Picture:
    return package_picture("skimage", "astronaut.png")


def _group() -> Picture:
    return package_picture("insightface", "images/t1.jpg")


@cache
def package_picture(package: str, name: str) -> Picture:
    """Return the picture `name` in the `data` folder of an installed package; read-only."""
    # The package's folder is found without importing it: both take a second or more to import.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"package {package} is not installed")
    picture = read_picture(Path(spec.submodule_search_locations[0]) / "data" / name)
    picture.setflags(write=False)
    return picture
