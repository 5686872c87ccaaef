"""Movements and copies on the real models and on pixels, with photographs of registry packages bent at run time.

They show that signs, crops and thresholds fit together, and what the challenge does not stop: the puppet is no person.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef
from bridge.presence.bursts import BurstMaterial, JudgedBurst, judge_burst_material
from bridge.presence.challenge import Finding, Move
from bridge.presence.face import FaceTemplate
from bridge.presence.frame_marks import differing_bits
from bridge.presence.model import FaceFrame
from plugins.presence.frame_marks import PixelMarks
from plugins.presence.onnx_engine import OnnxFaceEngine
from plugins.presence.pack import PACKS, load_pack
from plugins.presence.photographs import View, jpeg_frame, learner_frame
from plugins.presence.pictures import Picture, encode_jpeg
from plugins.presence.puppet import Pose, puppet_frame
from plugins.simulators.demonstration.cameras import Camera, Puppet
from tests.presence.pictures import PACK

assert PACK.challenge is not None
LIMITS = PACK.challenge
MARKS = PixelMarks()
ASKED = [move for move in Move if move is not Move.FRONT]


def _row(at: int) -> FaceFrame:
    made = datetime(2026, 11, 28, tzinfo=UTC)
    return FaceFrame(f"frm_{at}", LearnerRef("l"), ClassRunId("r"), None, EvidenceId("e"), "0" * 64, made)


def judged(engine: OnnxFaceEngine, learner: FaceTemplate, move: Move, jpegs: Sequence[bytes]) -> JudgedBurst:
    frames = tuple((_row(at), jpeg) for at, jpeg in enumerate(jpegs))
    material = BurstMaterial("chl", "nonce", move, frames, None, b"photo", ())
    return judge_burst_material(engine, MARKS, material, LIMITS, lambda _photo: learner, lambda _ids: {})


@pytest.mark.parametrize("move", list(Move))
def test_the_models_see_each_movement_of_the_puppet(
    engine: OnnxFaceEngine, learner: FaceTemplate, move: Move
) -> None:
    frames = LIMITS.front_frames if move is Move.FRONT else LIMITS.frames
    shown = [jpeg_frame(picture) for picture in Puppet(seed=8).move(move.value, frames)]
    assert judged(engine, learner, move, shown).found.finding is Finding.MET


@pytest.mark.parametrize("move", ASKED)
def test_a_stored_photograph_however_lively_shows_no_movement(
    engine: OnnxFaceEngine, learner: FaceTemplate, move: Move
) -> None:
    camera = Camera(seed=3)
    shown = [camera.learner() for _ in range(LIMITS.frames)]
    assert judged(engine, learner, move, shown).found.finding is Finding.NOT_SHOWN


def test_left_and_right_are_the_persons_own(engine: OnnxFaceEngine) -> None:
    left, right = (engine.examine(puppet_frame(Pose(turn=turn))).signs for turn in (32, -32))
    assert left is not None
    assert right is not None
    assert left.pose is not None
    assert right.pose is not None
    # Who turns to their own left turns to the right of a picture that is not mirrored.
    assert left.pose.yaw_degrees < -LIMITS.turn_degrees < LIMITS.turn_degrees < right.pose.yaw_degrees


def difference(engine: OnnxFaceEngine, a: Picture, b: Picture, quality: int = 85) -> float:
    (located,) = engine.locate(a)
    return MARKS.difference(encode_jpeg(a, 85), encode_jpeg(b, quality), located.face.bbox)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_a_picture_coded_anew_is_found_to_be_the_same(engine: OnnxFaceEngine, quality: int) -> None:
    picture = learner_frame()
    assert difference(engine, picture, picture, quality) < LIMITS.same_picture_below
    first, second = (MARKS.mark(encode_jpeg(picture, each)) for each in (85, quality))
    assert differing_bits(first, second) <= LIMITS.mark_bits


@pytest.mark.parametrize("turn", [0.5, 1, 3])
def test_a_head_that_moved_a_little_is_another_picture(engine: OnnxFaceEngine, turn: float) -> None:
    before, after = puppet_frame(seed=1), puppet_frame(Pose(turn=turn), seed=2)
    assert difference(engine, before, after) > LIMITS.same_picture_below


def test_a_frozen_picture_with_a_clock_pasted_in_is_frozen_and_a_sensors_is_not() -> None:
    frozen = learner_frame()
    pasted = frozen.copy()
    pasted[20:60, 20:90] = (0, 200, 0)
    before, after = encode_jpeg(frozen, 85), encode_jpeg(pasted, 85)
    assert MARKS.identical_share(before, after) >= LIMITS.frozen_share
    noisy = [encode_jpeg(puppet_frame(seed=seed), 85) for seed in (1, 2)]
    assert MARKS.identical_share(*noisy) < 0.6
    assert MARKS.identical_share(before, encode_jpeg(frozen[::2, ::2], 85)) == 0


def test_what_is_no_picture_has_no_mark() -> None:
    with pytest.raises(InvalidInput, match="frame_not_jpeg"):
        MARKS.mark(b"<svg/>")


def test_a_copy_that_was_turned_is_not_found_which_the_documents_say(engine: OnnxFaceEngine) -> None:
    turned = learner_frame(View(tilt_degrees=2, zoom=1.03))
    assert difference(engine, learner_frame(), turned) > LIMITS.same_picture_below


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  steps: 3\n", ""),
        ("  steps: 3\n", "  steps: three\n"),
        ("  steps: 3\n", "  steps: 0\n"),
        ("  turn_degrees: 20\n", "  turn_degrees: 10\n"),
        ("  frozen_share: 0.9\n", "  frozen_share: 0.1\n"),
        ("  window_ms: 20000\n", "  window_ms: 1000\n"),
        ("  eyes_open: 0.3\n", "  eyes_open: 0.9\n"),
        ("  mark_bits: 32\n", "  mark_bits: 200\n"),
        ("  pause_min_ms: 800\n", "  pause_min_ms: 9000\n"),
        ("  front_degrees: 15\n", "  front_degrees: 15\n  more: 1\n"),
    ],
)
def test_a_pack_whose_challenge_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = (PACKS / "default" / "pack.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "pack.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Unavailable, match="face_pack_invalid"):
        load_pack(str(tmp_path))


def test_a_challenge_needs_a_model_of_the_heads_pose(tmp_path: Path) -> None:
    text = (PACKS / "default" / "pack.yaml").read_text(encoding="utf-8")
    (tmp_path / "pack.yaml").write_text(text.replace("job: pose", "job: faces"), encoding="utf-8")
    with pytest.raises(Unavailable, match="face_pack_invalid"):
        load_pack(str(tmp_path))
