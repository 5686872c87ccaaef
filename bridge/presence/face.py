"""What a face engine says about one frame, and the verdict that follows from it. Standard library only.

An engine finds and measures; it never decides. The decision is `judge`, pure, under the thresholds of the
pack whose models did the measuring. Scores and thresholds are floats and stay in this station.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from sys import byteorder
from types import MappingProxyType
from typing import Protocol

from bridge.kernel.errors import InvalidInput
from bridge.presence.face_pack import FacePack

VECTOR_LENGTH = 512
"""Numbers in a template."""

MAX_FRAME_BYTES = 512 * 1024
MAX_FRAME_SIDE_PX = 1920


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture as it was uploaded: `jpeg` is one whole baseline or progressive JPEG.

    Raises:
        InvalidInput: frame_too_large (413), frame_not_jpeg (415), frame_too_many_pixels (413); read from the
            header alone, so that a bomb is never unpacked.
    """

    jpeg: bytes

    def __post_init__(self) -> None:
        if len(self.jpeg) > MAX_FRAME_BYTES:
            raise InvalidInput("frame_too_large", "照片超过 512 KB,请降低清晰度后重新拍摄。", http_status=413)
        size = _jpeg_size(self.jpeg)
        if size is None:
            raise InvalidInput("frame_not_jpeg", "照片不是完整的 JPEG 文件,请重新拍摄。", http_status=415)
        if max(size) > MAX_FRAME_SIDE_PX:
            raise InvalidInput(
                "frame_too_many_pixels", "照片尺寸超过 1920 像素,请降低分辨率后重新拍摄。", http_status=413
            )


# Start-of-frame markers; DHT, JPG and DAC lie in the same range and are none (ITU-T T.81, table B.1).
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Return (width, height) as the header says, or None if this is no whole JPEG (ITU-T T.81, B.2)."""
    # Some cameras pad with zeros after the end-of-image marker.
    if not content.startswith(b"\xff\xd8\xff") or not content.rstrip(b"\0").endswith(b"\xff\xd9"):
        return None
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _START_OF_FRAME:
            height = int.from_bytes(content[at + 5 : at + 7], "big")
            width = int.from_bytes(content[at + 7 : at + 9], "big")
            return (width, height) if width and height else None
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if length < 2:
            return None
        at += 2 + length
    return None


class QualityHint(StrEnum):
    """Why a face in the frame is not good enough to be compared."""

    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TURNED = "turned"


HINT_SENTENCES: Mapping[QualityHint, str] = MappingProxyType(
    {
        QualityHint.TOO_DARK: "光线太暗,请面向光源。",
        QualityHint.TOO_BRIGHT: "光线太强,请避开直射光。",
        QualityHint.TOO_SMALL: "距离太远,请靠近摄像头。",
        QualityHint.BLURRED: "画面模糊,请拿稳手机并擦净镜头。",
        QualityHint.TURNED: "请正对摄像头。",
    }
)


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in a frame; all lengths in pixels of that frame.

    Args:
        bbox: left, top, width, height; may reach beyond the frame.
        score: the detector's confidence, 0..1.
        keypoints: (x, y) of the person's right eye, left eye, nose tip, right and left corner of the mouth.
        width_px: width of the face.
    """

    bbox: tuple[float, float, float, float]
    score: float
    keypoints: tuple[tuple[float, float], ...]
    width_px: int


@dataclass(frozen=True, slots=True)
class FaceTemplate:
    """A face as numbers. Personal biometric data: kept encrypted, never logged (no number shows in its repr).

    Args:
        vector: 512 float32, little-endian, unit length.
        model_id, model_sha256: the recogniser that made it; templates of two models cannot be compared.
    """

    vector: bytes
    model_id: str
    model_sha256: str

    def __post_init__(self) -> None:
        if len(self.vector) != 4 * VECTOR_LENGTH:
            raise ValueError("a template holds 512 float32")

    def __repr__(self) -> str:
        return f"FaceTemplate({self.model_id})"


@dataclass(frozen=True, slots=True)
class HeadPose:
    """How a head is turned, in degrees, as the picture shows it: to its left, up, and tipped clockwise are positive."""

    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float


@dataclass(frozen=True, slots=True)
class LifeSigns:
    """What models beside the recogniser say of one face; None for what the pack has no model for.

    Args:
        live: score of a living person against a picture of one, 0..1.
        eyes_closed: scores (0..1) that the person's right and left eye are closed; they tell something of faces
            that look into the camera, little of others.
    """

    live: float | None = None
    pose: HeadPose | None = None
    eyes_closed: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """What one frame shows.

    Args:
        faces: everything that scores `face_score` or more, best score first.
        hints: what is wrong with the one face that would have been compared; empty if nothing is, or if
            no single face stands out.
        template: of the one suitable face; None unless exactly one face is suitable.
        main: the one face that stands out, whatever its quality; None if none does.
        signs: of `main`; None with it.
    """

    faces: tuple[DetectedFace, ...]
    hints: tuple[QualityHint, ...]
    template: FaceTemplate | None
    main: DetectedFace | None = None
    signs: LifeSigns | None = None


class FaceEngine(Protocol):
    """Finds, measures and compares faces. Safe to call from several threads."""

    @property
    def pack(self) -> FacePack:
        """The pack that is loaded."""
        ...

    def observe(self, jpeg: bytes) -> FaceObservation:
        """Return what the frame shows.

        Raises:
            InvalidInput: as `Frame`, and frame_unreadable.
        """
        ...

    def compare(self, a: FaceTemplate, b: FaceTemplate) -> float:
        """Return the comparison score; InvalidInput("face_model_differs") for templates of two models."""
        ...


def comparison_score(a: FaceTemplate, b: FaceTemplate) -> float:
    """Return the cosine of two templates, −1..1.

    Raises:
        InvalidInput: face_model_differs.
    """
    if (a.model_id, a.model_sha256) != (b.model_id, b.model_sha256):
        raise InvalidInput("face_model_differs", "人脸特征由不同的模型生成,请重新采集人脸。", http_status=409)
    x, y = _numbers(a), _numbers(b)
    lengths = sqrt(sum(i * i for i in x) * sum(i * i for i in y))
    if not lengths > 0:
        raise ValueError("a template has no direction")
    return max(-1.0, min(1.0, sum(i * j for i, j in zip(x, y, strict=True)) / lengths))


def _numbers(template: FaceTemplate) -> "array[float]":
    numbers = array("f", template.vector)
    if byteorder == "big":
        numbers.byteswap()
    return numbers


class FaceVerdict(StrEnum):
    """What one frame says of the person before the camera. The first two are about who it is, the third whether
    it is a person at all."""

    VERIFIED = "verified"
    OTHER_PERSON = "other_person"
    SUSPECTED_SPOOF = "suspected_spoof"
    SUSPECTED_VIRTUAL_CAMERA = "suspected_virtual_camera"
    """It is another frame of this learner once more, coded anew: for review, no proof of anything."""
    UNSURE = "unsure"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_POOR = "too_poor"


@dataclass(frozen=True, slots=True)
class FaceJudgement:
    """A verdict and what it rests on.

    Args:
        score, threshold: compared with each other to reach the verdict; None where nothing was measured.
        parameter: the pack's threshold that `threshold` is the value of; None with it.
        reason_zh: for the learner; says what to do next.
    """

    verdict: FaceVerdict
    score: float | None
    threshold: float | None
    parameter: str | None
    pack_id: str
    reason_zh: str


def judge(observation: FaceObservation, reference: FaceTemplate, pack: FacePack) -> FaceJudgement:
    """Return the verdict on one frame of a person who claims to be the one of `reference`.

    `unsure` asks for another frame and is never held against anybody. Whether the frame shows a person or a
    picture of one is asked before whose face it is (ISO/IEC 30107-1: presentation attack detection).

    Raises:
        InvalidInput: face_model_differs: the reference, the frame and the pack are not of one model.
    """
    limits = pack.thresholds
    strong = [face.score for face in observation.faces if face.score >= limits.several_faces_score]
    if len(strong) > 1:
        second = sorted(strong)[-2]
        return FaceJudgement(
            FaceVerdict.SEVERAL_FACES, second, limits.several_faces_score, "several_faces_score", pack.id,
            "画面中有多张人脸,请确保只有学员本人在镜头前,然后重试。",
        )  # fmt: skip
    seen = [face.score for face in observation.faces if face.score >= limits.face_score]
    if not seen:
        return FaceJudgement(
            FaceVerdict.NO_FACE, None, None, None, pack.id, "没有检测到人脸,请让面部完整出现在画面中央。"
        )
    if observation.template is None:
        advice = "".join(HINT_SENTENCES[hint] for hint in observation.hints)
        return FaceJudgement(
            FaceVerdict.TOO_POOR, None, None, None, pack.id, advice or "面部不够清楚,请正对摄像头后重试。"
        )
    recogniser = pack.model("recogniser")
    if (observation.template.model_id, observation.template.model_sha256) != (
        recogniser.id,
        recogniser.sha256,
    ):
        raise InvalidInput("face_model_differs", "人脸特征由不同的模型生成,请重新采集人脸。", http_status=409)
    lifeless = judge_liveness(observation, pack)
    if lifeless is not None:
        return lifeless
    score = comparison_score(observation.template, reference)
    if score >= limits.verify:
        verdict, reason = FaceVerdict.VERIFIED, "人脸核验通过。"
    elif score >= limits.other_person_below:
        verdict, reason = FaceVerdict.UNSURE, "暂时无法确认,请正对摄像头、保持光线均匀,再拍一张。"
    else:
        return FaceJudgement(
            FaceVerdict.OTHER_PERSON, score, limits.other_person_below, "other_person_below", pack.id,
            "与登记的人脸不一致,请由学员本人完成核验;如确为本人,请重试或联系班主任。",
        )  # fmt: skip
    return FaceJudgement(verdict, score, limits.verify, "verify", pack.id, reason)


def judge_liveness(observation: FaceObservation, pack: FacePack) -> FaceJudgement | None:
    """Return what speaks against a living face in the frame; None if nothing does or the pack cannot tell.

    A frame without a score, under a pack that asks for one, shows nothing: it is `unsure`, never passed over.
    """
    limits = pack.liveness
    if limits is None:
        return None
    if observation.main is not None and observation.main.width_px < limits.live_min_face_px:
        return FaceJudgement(
            FaceVerdict.TOO_POOR, observation.main.width_px, limits.live_min_face_px, "live_min_face_px",
            pack.id, HINT_SENTENCES[QualityHint.TOO_SMALL],
        )  # fmt: skip
    live = None if observation.signs is None else observation.signs.live
    if live is None or observation.main is None:
        return FaceJudgement(
            FaceVerdict.UNSURE, None, None, None, pack.id, "暂时无法确认,请正对摄像头,再拍一张。"
        )
    if live >= limits.live:
        return None
    if live >= limits.spoof_below:
        return FaceJudgement(
            FaceVerdict.UNSURE, live, limits.live, "live", pack.id,
            "暂时无法确认是真人在镜头前,请正对摄像头、避开反光,再拍一张。",
        )  # fmt: skip
    return FaceJudgement(
        FaceVerdict.SUSPECTED_SPOOF, live, limits.spoof_below, "spoof_below", pack.id,
        "画面像是照片或屏幕,请由学员本人正对摄像头,再拍一张。",
    )  # fmt: skip
