import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bridge.kernel.errors import BridgeError, InvalidInput, Unavailable
from bridge.presence.face import (
    FaceEngine,
    FaceTemplate,
    FaceVerdict,
    Frame,
    QualityHint,
    comparison_score,
    judge,
)
from bridge.setup.assets import assets_dir
from plugins.presence import photographs
from plugins.presence.alignment import ARCFACE_POINTS, align, similarity
from plugins.presence.onnx_engine import OnnxFaceEngine, load_engine, recogniser_input
from plugins.presence.pack import load_pack
from plugins.presence.photographs import View, jpeg_frame
from plugins.presence.pictures import Picture, encode_jpeg
from plugins.presence.weights import read_weights, without_denormals


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        pytest.param(photographs.learner_frame, FaceVerdict.VERIFIED, id="learner"),
        pytest.param(
            lambda: photographs.learner_frame(View(tilt_degrees=12, shift_x=60)),
            FaceVerdict.VERIFIED,
            id="learner tilted and off centre",
        ),
        pytest.param(
            lambda: photographs.learner_frame(View(light=0.5)),
            FaceVerdict.VERIFIED,
            id="learner in dim light",
        ),
        pytest.param(
            lambda: photographs.learner_frame(View(zoom=1.4)), FaceVerdict.VERIFIED, id="learner near"
        ),
        pytest.param(photographs.other_person_frame, FaceVerdict.OTHER_PERSON, id="another person"),
        pytest.param(
            lambda: photographs.other_person_frame(View(tilt_degrees=-8, light=0.7)),
            FaceVerdict.OTHER_PERSON,
            id="another person tilted in dim light",
        ),
        pytest.param(photographs.two_faces_frame, FaceVerdict.SEVERAL_FACES, id="two faces"),
        pytest.param(photographs.no_face_frame, FaceVerdict.NO_FACE, id="empty room"),
        pytest.param(photographs.dark_frame, FaceVerdict.TOO_POOR, id="dark"),
        pytest.param(photographs.blurred_frame, FaceVerdict.TOO_POOR, id="blurred"),
        pytest.param(photographs.far_frame, FaceVerdict.TOO_POOR, id="far"),
    ],
)
def test_each_frame_gets_its_verdict_against_the_id_photo(
    engine: OnnxFaceEngine, learner: FaceTemplate, make: Callable[[], Picture], verdict: FaceVerdict
) -> None:
    judgement = judge(engine.observe(jpeg_frame(make())), learner, engine.pack)
    assert judgement.verdict is verdict, judgement


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (photographs.dark_frame, QualityHint.TOO_DARK),
        (photographs.blurred_frame, QualityHint.BLURRED),
        (photographs.far_frame, QualityHint.TOO_SMALL),
        (
            lambda: np.clip(photographs.learner_frame() * 1.75, 0, 255).astype(np.uint8),
            QualityHint.TOO_BRIGHT,
        ),
    ],
)
def test_a_poor_frame_says_what_is_wrong_and_makes_no_template(
    engine: OnnxFaceEngine, make: Callable[[], Picture], hint: QualityHint
) -> None:
    observation = engine.observe(jpeg_frame(make()))
    assert hint in observation.hints
    assert observation.template is None


def test_a_turned_head_is_asked_to_look_into_the_camera(engine: OnnxFaceEngine) -> None:
    located = engine.detector.locate(photographs.learner_frame())[0]
    turned = located.five.copy()
    turned[2, 0] += 60  # the nose tip where a head turned far to the side shows it
    from plugins.presence.quality import quality_hints

    aligned = np.full((112, 112, 3), 128, np.uint8)
    aligned[::2] = 100
    assert quality_hints(located.face, located.five, aligned, engine.pack) == ()
    assert quality_hints(located.face, turned, aligned, engine.pack) == (QualityHint.TURNED,)


@pytest.mark.parametrize(
    ("package", "name", "faces"),
    [
        ("insightface", "images/t1.jpg", 6),
        ("skimage", "astronaut.png", 1),
        ("skimage", "chelsea.png", 0),
        ("skimage", "coffee.png", 0),
        ("skimage", "rocket.jpg", 0),
    ],
)
def test_the_detector_counts_the_faces_of_known_photographs(
    engine: OnnxFaceEngine, package: str, name: str, faces: int
) -> None:
    assert len(engine.examine(photographs.package_picture(package, name)).faces) == faces


def test_an_observed_face_lies_where_the_photograph_shows_it(engine: OnnxFaceEngine) -> None:
    (face,) = engine.observe(jpeg_frame(photographs.learner_frame())).faces
    left, top, width, height = face.bbox
    assert abs(left + width / 2 - 320) < 20
    assert abs(top + height / 2 - 240) < 40
    assert face.width_px == pytest.approx(180, abs=15)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.keypoints
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]


def test_the_engine_fulfils_its_protocol_and_makes_unit_templates_of_the_packs_model(
    engine: OnnxFaceEngine, learner: FaceTemplate
) -> None:
    port: FaceEngine = engine
    recogniser = port.pack.model("recogniser")
    assert (learner.model_id, learner.model_sha256) == (recogniser.id, recogniser.sha256)
    assert np.linalg.norm(np.frombuffer(learner.vector, "<f4")) == pytest.approx(1, abs=1e-6)
    assert port.compare(learner, learner) == pytest.approx(1, abs=1e-6)


def test_the_same_frame_gives_the_same_template_in_any_thread(engine: OnnxFaceEngine) -> None:
    jpeg = jpeg_frame(photographs.learner_frame())
    expected = engine.observe(jpeg)
    found = []
    threads = [threading.Thread(target=lambda: found.append(engine.observe(jpeg))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_a_face_larger_than_the_models_keeps_its_template(
    engine: OnnxFaceEngine, learner: FaceTemplate
) -> None:
    import cv2

    large = cv2.resize(photographs.learner_frame(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    template = engine.observe(encode_jpeg(np.asarray(large, np.uint8), 85)).template
    assert template is not None
    assert comparison_score(template, learner) > 0.9


def _header_says(width: int, height: int) -> bytes:
    """A tiny JPEG whose header claims another size."""
    jpeg = bytearray(encode_jpeg(np.zeros((16, 16, 3), np.uint8)))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(jpeg)


@pytest.mark.parametrize(
    ("content", "reason", "status"),
    [
        pytest.param(b"", "frame_not_jpeg", 415, id="empty"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(50), "frame_not_jpeg", 415, id="png"),
        pytest.param(b"<svg/>", "frame_not_jpeg", 415, id="text"),
        pytest.param(b"\xff\xd8\xff" + b"\xff" * 40 + b"\xff\xd9", "frame_not_jpeg", 415, id="fill bytes"),
        pytest.param(b"\xff\xd8\xff\xe0\x00\x00\xff\xd9", "frame_not_jpeg", 415, id="segment without length"),
        pytest.param(_header_says(16, 16)[:-20], "frame_not_jpeg", 415, id="cut off"),
        pytest.param(_header_says(0, 16), "frame_not_jpeg", 415, id="no width"),
        pytest.param(_header_says(1921, 16), "frame_too_many_pixels", 413, id="too wide"),
        pytest.param(_header_says(16, 65535), "frame_too_many_pixels", 413, id="too high"),
        pytest.param(_header_says(16, 16) + bytes(512 * 1024), "frame_too_large", 413, id="too many bytes"),
        pytest.param(
            b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03" + b"\x00" * 30 + b"\xff\xd9",
            "frame_unreadable", 400, id="header without a picture",
        ),
    ],
)  # fmt: skip
def test_what_is_no_proper_frame_is_refused_with_a_reason(
    engine: OnnxFaceEngine, content: bytes, reason: str, status: int
) -> None:
    with pytest.raises(InvalidInput) as refused:
        engine.observe(content)
    assert (refused.value.reason, refused.value.http_status) == (reason, status)
    assert refused.value.message.endswith("。")


def test_a_frame_at_the_limits_and_with_padding_is_accepted() -> None:
    jpeg = encode_jpeg(np.zeros((1080, 1920, 3), np.uint8))
    assert Frame(jpeg).jpeg == jpeg
    assert Frame(jpeg + bytes(3)).jpeg.endswith(bytes(3))


@pytest.mark.parametrize("size", [(1, 1), (1, 1920), (1920, 1), (15, 17)])
def test_a_tiny_or_thin_frame_holds_no_face(engine: OnnxFaceEngine, size: tuple[int, int]) -> None:
    assert engine.observe(encode_jpeg(np.full((*size, 3), 128, np.uint8))).faces == ()


def _copied_assets(into: Path) -> Path:
    (into / "face").mkdir()
    for name in ("feature", "landmark", "liveness", "pose", "eye"):
        shutil.copy(assets_dir() / "face" / f"fr_{name}.onnx", into / "face")
    return into


def test_missing_weights_stop_the_engine_and_name_the_file(tmp_path: Path) -> None:
    assets = _copied_assets(tmp_path)
    (assets / "face" / "fr_feature.onnx").unlink()
    with pytest.raises(Unavailable, match=r"face_weights_missing.*fr_feature\.onnx") as stopped:
        load_engine(assets)
    assert stopped.value.permanent


def test_altered_weights_stop_the_engine(tmp_path: Path) -> None:
    assets = _copied_assets(tmp_path)
    path = assets / "face" / "fr_landmark.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="face_weights_altered") as stopped:
        load_engine(assets)
    assert stopped.value.permanent


def test_zeroing_denormal_weights_changes_no_output() -> None:
    content = read_weights(load_pack().model("recogniser"), assets_dir() / "face")
    tensor = np.random.default_rng(7).uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)
    outputs = [
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"input": tensor})[
            0
        ]
        for model in (content, without_denormals(content))
    ]
    assert np.array_equal(outputs[0], outputs[1])


def test_the_similarity_transform_finds_turn_scale_and_shift() -> None:
    source = np.random.default_rng(7).uniform(0, 100, (5, 2))
    angle, scale, shift = 0.3, 1.7, np.array([12.0, -5.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = similarity(source, source @ turn.T + shift)
    assert np.allclose(found, np.hstack([turn, shift[:, np.newaxis]]))


PACK_TEXT = (Path(__file__).parents[3] / "config/facepacks/default/pack.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "face_pack_missing"),
        ("models: [", "face_pack_invalid"),
        ("models: []", "face_pack_invalid"),
        ("- 1", "face_pack_invalid"),
        (PACK_TEXT.replace("file: fr_feature.onnx", "file: ../fr_feature.onnx"), "face_pack_invalid"),
        (PACK_TEXT.replace("    file: fr_feature.onnx\n", ""), "face_pack_invalid"),
        (PACK_TEXT.replace("verify: 0.38", "verify: 0.20"), "face_pack_invalid"),
        (PACK_TEXT.replace("live: 0.60", "live: 0.20"), "face_pack_invalid"),
        (PACK_TEXT.replace("liveness:\n  live", "lively:\n  live"), "face_pack_invalid"),
        (PACK_TEXT.replace("job: pose", "job: age"), "face_pack_invalid"),
        (PACK_TEXT + "runtime: another\n", "face_pack_invalid"),
        (PACK_TEXT.replace("job: detector", "job: recogniser"), "face_pack_invalid"),
        (PACK_TEXT.replace("commercial_use: allowed", "commercial_use: perhaps"), "face_pack_invalid"),
    ],
)
def test_a_pack_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "pack.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BridgeError, match=reason):
        load_pack("mine", tmp_path)


def test_another_version_of_the_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    text = PACK_TEXT.replace("PyPI yuface 2023.5.1", "PyPI yuface 2024.1.1")
    (tmp_path / "mine" / "pack.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Unavailable, match="face_detector_version"):
        load_engine(assets_dir(), "mine", tmp_path)


def test_the_recogniser_is_fed_blue_green_red_about_zero() -> None:
    aligned = np.full((112, 112, 3), (127, 255, 63), np.uint8)
    tensor = recogniser_input(aligned)
    assert tensor.shape == (1, 3, 112, 112)
    assert tensor.dtype == np.float32
    assert [float(plane.mean()) for plane in tensor[0]] == [0, 1, -0.5]


def test_a_face_much_larger_than_the_model_is_shrunk_not_sampled() -> None:
    chequered = np.zeros((1120, 1120, 3), np.uint8)
    chequered[::2, ::2] = chequered[1::2, 1::2] = 255
    aligned = align(chequered, ARCFACE_POINTS * 10.3)
    assert aligned[10:100, 10:100].std() < 10


def test_the_points_lie_where_a_person_would_put_them(engine: OnnxFaceEngine) -> None:
    marked_by_hand = np.array([[279, 201], [367, 204], [322, 250], [280, 280], [362, 283]])
    (located,) = engine.detector.locate(photographs.learner_frame())
    assert np.abs(located.five - marked_by_hand).max() < 8


def test_a_doubtful_face_beside_a_sure_one_leaves_the_sure_one_its_template(
    engine: OnnxFaceEngine, learner: FaceTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = photographs.learner_frame()
    (sure,) = engine.detector.locate(picture)
    doubtful = replace(sure, face=replace(sure.face, score=0.7))
    monkeypatch.setattr(engine.detector, "locate", lambda _: [sure, doubtful])
    assert judge(engine.examine(picture), learner, engine.pack).verdict is FaceVerdict.VERIFIED
    monkeypatch.setattr(engine.detector, "locate", lambda _: [doubtful, doubtful])
    assert judge(engine.examine(picture), learner, engine.pack).verdict is FaceVerdict.TOO_POOR
    monkeypatch.setattr(engine.detector, "locate", lambda _: [sure, sure])
    assert judge(engine.examine(picture), learner, engine.pack).verdict is FaceVerdict.SEVERAL_FACES
