"""Signs of life on photographs of registry packages. They show that crops, colours and outputs are read rightly;
what a picture of a picture scores in the field they do not show."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import FaceVerdict, LifeSigns
from plugins.presence import photographs
from plugins.presence.commands import face
from plugins.presence.onnx_engine import OnnxFaceEngine
from plugins.presence.photographs import View, jpeg_frame
from plugins.presence.pictures import Picture, encode_jpeg
from plugins.presence.signs import eye_input, liveness_input, pose_input
from plugins.presence.spoof_check import pictures_in

NEAR = View(zoom=1.4)


def held_picture() -> Picture:
    """The other person's photograph with a dark frame, held in the empty room: a made presentation attack."""
    import cv2

    room = photographs.no_face_frame().copy()
    picture = photographs.other_person_frame(View(zoom=1.6))
    small = cv2.resize(picture, (384, 288), interpolation=cv2.INTER_AREA)
    cv2.rectangle(room, (116, 84), (524, 396), (15, 15, 15), -1)
    room[96:384, 128:512] = small
    return room


def signs(engine: OnnxFaceEngine, picture: Picture) -> LifeSigns:
    observed = engine.observe(jpeg_frame(picture))
    assert observed.signs is not None
    assert observed.main is not None
    assert observed.main.width_px >= 120
    return observed.signs


def test_a_person_scores_as_living_and_a_held_picture_does_not(engine: OnnxFaceEngine) -> None:
    limits = engine.pack.liveness
    assert limits is not None
    for living in (photographs.learner_frame(NEAR), photographs.other_person_frame()):
        live = signs(engine, living).live
        assert live is not None
        assert live >= 0.8 > limits.live
    live = signs(engine, held_picture()).live
    assert live is not None
    assert live < limits.spoof_below


@pytest.mark.parametrize("degrees", [-15, 15])
def test_the_roll_follows_a_tipped_head(engine: OnnxFaceEngine, degrees: float) -> None:
    upright = signs(engine, photographs.learner_frame(NEAR)).pose
    tipped = signs(engine, photographs.learner_frame(View(zoom=1.4, tilt_degrees=degrees))).pose
    assert upright is not None
    assert tipped is not None
    # A picture turned counter-clockwise, which OpenCV counts as positive, tips the head that way.
    assert tipped.roll_degrees - upright.roll_degrees == pytest.approx(-degrees, abs=5)
    assert abs(tipped.yaw_degrees - upright.yaw_degrees) < 5


def test_a_mirrored_head_looks_the_other_way(engine: OnnxFaceEngine) -> None:
    picture = photographs.other_person_frame(View(zoom=1.6))
    there = signs(engine, picture).pose
    mirrored = signs(engine, np.ascontiguousarray(picture[:, ::-1])).pose
    assert there is not None
    assert mirrored is not None
    assert there.yaw_degrees > 8
    assert mirrored.yaw_degrees < -8
    assert abs(there.pitch_degrees - mirrored.pitch_degrees) < 5


@pytest.mark.parametrize(("side", "at"), [(0, 36), (1, 42)], ids=["right eye", "left eye"])
def test_an_eye_under_a_painted_lid_is_closed_and_the_other_open(
    engine: OnnxFaceEngine, side: int, at: int
) -> None:
    import cv2

    picture = photographs.learner_frame(NEAR)
    (located,) = engine.locate(picture)
    assert located.points is not None
    six = located.points[at : at + 6]
    (x, y), width = six.mean(axis=0), abs(six[3, 0] - six[0, 0])
    skin = [int(value) for value in picture[int(y + 0.7 * width), int(x)]]
    lash = [int(0.4 * value) for value in skin]
    painted = picture.copy()
    cv2.ellipse(painted, (int(x), int(y)), (int(0.62 * width), int(0.33 * width)), 0, 0, 360, skin, -1)
    lid = (int(x), int(y + 0.08 * width))
    cv2.ellipse(painted, lid, (int(0.55 * width), int(0.14 * width)), 0, 0, 180, lash, 2)
    closed = signs(engine, painted).eyes_closed
    assert closed is not None
    assert closed[side] > 0.9
    assert closed[1 - side] < 0.1


def test_each_model_is_fed_the_crop_and_the_colours_that_it_was_measured_with() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:] = (10, 20, 200)
    box = (270.0, 200.0, 100.0, 120.0)
    live = liveness_input(picture, box)
    assert live.shape == (1, 3, 128, 128)
    assert live.dtype == np.float32
    assert [float(plane.mean()) for plane in live[0]] == [10, 20, 200]
    pose = pose_input(picture, box)
    expected = [(200 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (10 / 255 - 0.406) / 0.225]
    assert pose.shape == (1, 3, 224, 224)
    assert [float(plane.mean()) for plane in pose[0]] == pytest.approx(expected, abs=1e-4)
    eye = eye_input(
        np.full((480, 640, 3), 51, np.uint8), np.array([[300.0, 200.0]] * 3 + [[330.0, 200.0]] * 3)
    )
    assert eye.shape == (1, 1, 24, 24)
    assert np.allclose(eye, 0.2)


def test_the_liveness_crop_is_2_7_boxes_and_lies_inside_the_picture() -> None:
    columns = np.tile(np.arange(640) // 5, (480, 1)).astype(np.uint8)
    picture = np.dstack([columns] * 3)
    middle = liveness_input(picture, (270.0, 190.0, 100.0, 100.0))[0, 0]
    # 270 px of the picture about its middle, at one grey step for five pixels.
    assert float(middle.max() - middle.min()) == pytest.approx(270 / 5, abs=2)
    corner = liveness_input(picture, (0.0, 0.0, 100.0, 100.0))[0, 0]
    assert float(corner.min()) == 0
    assert float(corner.max()) == pytest.approx(270 / 5, abs=2)
    large = liveness_input(picture, (100.0, 20.0, 400.0, 440.0))[0, 0]
    assert large.shape == (128, 128)


@pytest.mark.parametrize(
    "box", [(-50.0, -50.0, 60.0, 60.0), (630.0, 470.0, 200.0, 200.0), (0.0, 0.0, 1.0, 1.0)]
)
def test_a_face_at_the_edge_has_crops_too(box: tuple[float, float, float, float]) -> None:
    picture = photographs.no_face_frame()
    assert liveness_input(picture, box).shape == (1, 3, 128, 128)
    assert pose_input(picture, box).shape == (1, 3, 224, 224)
    assert eye_input(picture, np.array([[box[0], box[1]]] * 6)).shape == (1, 1, 24, 24)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, picture in {
        "a-live.jpg": photographs.learner_frame(NEAR),
        "b-held.PNG": held_picture(),
        "c-small.jpg": photographs.learner_frame(View(zoom=0.6)),
        "d-empty.jpeg": photographs.no_face_frame(),
    }.items():
        (folder / name).write_bytes(encode_jpeg(picture))
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    return folder


def test_spoof_check_prints_file_score_and_verdict_and_says_n(engine: OnnxFaceEngine, pictures: Path) -> None:
    result = CliRunner().invoke(face, ["spoof-check", "--images", str(pictures), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [(each["file"], each["verdict"]) for each in found["files"]] == [
        ("a-live.jpg", "live"),
        ("b-held.PNG", FaceVerdict.SUSPECTED_SPOOF),
        ("c-small.jpg", FaceVerdict.TOO_POOR),
        ("d-empty.jpeg", FaceVerdict.NO_FACE),
    ]
    scores = [each["score"] for each in found["files"]]
    assert scores[0] > found["thresholds"]["live"] > found["thresholds"]["spoof_below"] > scores[1]
    assert scores[3] is None
    assert found["n"] == 4
    assert "n = 4" in found["note"]
    assert found["model_sha256"] == engine.pack.model("liveness").sha256


def test_spoof_check_without_json_has_a_line_for_each_file(pictures: Path) -> None:
    result = CliRunner().invoke(face, ["spoof-check", "--images", str(pictures)])
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == [
        "a-live.jpg",
        "b-held.PNG",
        "c-small.jpg",
        "d-empty.jpeg",
    ]
    assert "n = 4" in lines[4]


def test_a_folder_without_pictures_ends_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="pictures_missing"):
        pictures_in(tmp_path)
    result = CliRunner().invoke(face, ["spoof-check", "--images", str(tmp_path), "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pictures_missing" in result.stderr
