from pathlib import Path

import numpy as np
import pytest

from bridge.presence.face import FaceTemplate, FaceVerdict, comparison_score, judge
from plugins.presence import photographs
from plugins.presence.onnx_engine import OnnxFaceEngine
from plugins.presence.photographs import jpeg_frame
from plugins.presence.pictures import Picture


def test_the_video_of_the_learner_moves_and_every_frame_is_the_learner(
    engine: OnnxFaceEngine, learner: FaceTemplate
) -> None:
    frames = photographs.learner_video_frames(10)
    verdicts = {judge(engine.observe(jpeg_frame(frame)), learner, engine.pack).verdict for frame in frames}
    assert verdicts == {FaceVerdict.VERIFIED}
    assert len({frame.tobytes() for frame in frames}) == 10


def test_the_two_id_photos_are_of_two_people(engine: OnnxFaceEngine, learner: FaceTemplate) -> None:
    other = engine.observe(photographs.other_person_id_photo()).template
    assert other is not None
    assert comparison_score(learner, other) < engine.pack.thresholds.other_person_below


@pytest.mark.parametrize(
    "make",
    [
        photographs.learner_frame,
        photographs.other_person_frame,
        photographs.two_faces_frame,
        photographs.no_face_frame,
        photographs.dark_frame,
        photographs.blurred_frame,
        photographs.far_frame,
    ],
)
def test_each_frame_is_a_webcams_picture(make: object) -> None:
    assert callable(make)
    picture = make()
    assert (picture.shape, picture.dtype) == ((480, 640, 3), np.uint8)
    assert len(jpeg_frame(picture)) < 200_000


def test_the_fake_cameras_video_has_a_header_and_whole_frames(tmp_path: Path) -> None:
    path = tmp_path / "camera.y4m"
    assert photographs.write_y4m(path, photographs.learner_video_frames(3)) == 3
    content = path.read_bytes()
    header = b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n"
    assert content.startswith(header)
    assert len(content) == len(header) + 3 * (len(b"FRAME\n") + 640 * 480 * 3 // 2)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [np.zeros((479, 640, 3), np.uint8)],
        [np.zeros((480, 640, 3), np.uint8), np.zeros((240, 320, 3), np.uint8)],
    ],
)
def test_what_is_no_video_is_not_written_as_one(tmp_path: Path, frames: list[Picture]) -> None:
    with pytest.raises(ValueError, match=r"frame|sizes"):
        photographs.write_y4m(tmp_path / "camera.y4m", frames)
