"""Face packs: which models work together, under which licences and with which thresholds. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class CommercialUse(StrEnum):
    """Whether the stated licence of a model's weights lets an institution use them in its business."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


class FaceRuntime(StrEnum):
    """What runs a pack's models."""

    YUFACE = "yuface"
    """The default pack's own: yuface finds, a 68-point model places the points."""
    INSIGHTFACE = "insightface"
    """An operator's folder, loaded by insightface's FaceAnalysis."""


@dataclass(frozen=True, slots=True)
class ModelLicence:
    """What is known about the right to use a model's weights.

    Args:
        stated: the licence that the package itself names, e.g. "MIT".
        provenance: what is known of the training data and the author of the weights; "unknown" if nothing.
    """

    stated: str
    provenance: str
    commercial_use: CommercialUse


@dataclass(frozen=True, slots=True)
class PackModel:
    """One model of a pack.

    Args:
        job: "detector", "landmarks", "recogniser", "liveness", "pose" or "eyes".
        package: registry, name and version from which the weights come.
        file: name under the folder of the weights; None where an installed package holds them.
        sha256: of `file`, lower-case hex; None where the package's own pin vouches for them.
        colours: order in which the model takes the colours, "bgr" or "rgb".
    """

    job: str
    id: str
    package: str
    file: str | None
    sha256: str | None
    licence: ModelLicence
    colours: str = "bgr"


@dataclass(frozen=True, slots=True)
class RecordedLicence:
    """A right to use weights that the operator has obtained and signed for (`licence.yaml` beside the pack).

    Args:
        sha256: of the weights that it covers: other weights under the same name are not covered.
        granted_by: who granted it; `reference`: the contract or letter; `recorded_by`: who vouches for it here.
        until: its last day; None where it does not end.
    """

    sha256: str
    granted_by: str
    reference: str
    recorded_by: str
    recorded_on: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where scores become verdicts; they belong to the pack, since each model has its own scale.

    Args:
        verify: comparison score (cosine, −1..1) from which on the face is the reference's.
        other_person_below: score below which it is not; from here up to `verify` nothing is decided.
        face_score: detector score (0..1) from which on something is a face at all.
        several_faces_score: detector score from which on a second face counts as a second person.
        min_face_px: least width of a face, in pixels of the frame, that is compared.
        same_person: comparison score from which on two registered faces are put before staff as one person's; above
            `verify`, since each is compared with very many. None: nobody is searched for.
    """

    verify: float
    other_person_below: float
    face_score: float
    several_faces_score: float
    min_face_px: int
    same_person: float | None = None

    def __post_init__(self) -> None:
        if self.same_person is not None and not self.verify <= self.same_person <= 1:
            raise ValueError("thresholds need verify <= same_person <= 1")
        if not -1 <= self.other_person_below <= self.verify <= 1:
            raise ValueError("thresholds need −1 <= other_person_below <= verify <= 1")
        if not 0 < self.face_score <= self.several_faces_score <= 1:
            raise ValueError("thresholds need 0 < face_score <= several_faces_score <= 1")


@dataclass(frozen=True, slots=True)
class LivenessLimits:
    """Where the score of presentation attack detection (ISO/IEC 30107-1) says something about a frame.

    Args:
        live: score (0..1) from which on a frame shows a living person.
        spoof_below: score below which it is suspected to show a picture; between the two nothing is decided.
        live_min_face_px: least width of a face about which the score says anything.
    """

    live: float
    spoof_below: float
    live_min_face_px: int

    def __post_init__(self) -> None:
        if not 0 <= self.spoof_below <= self.live <= 1:
            raise ValueError("liveness needs 0 <= spoof_below <= live <= 1")


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Beyond these a face is not compared: the score would say more about the picture than about the person.

    Args:
        darkest, brightest: mean grey (0..255) of the aligned face.
        least_sharpness: variance of the Laplacian of the aligned 112x112 face.
        most_yaw: sideways distance of the nose tip from the middle of the eyes, in eye distances.
        least_pitch, most_pitch: nose tip's place between eyes (0) and mouth (1).
    """

    darkest: float
    brightest: float
    least_sharpness: float
    most_yaw: float
    least_pitch: float
    most_pitch: float


@dataclass(frozen=True, slots=True)
class FacePack:
    """The models that work together, and the thresholds measured with them.

    Args:
        liveness: None where the pack has no model that tells a living face from a picture.
        recorded: licences that the operator has obtained for models of this pack.
    """

    id: str
    title_zh: str
    models: tuple[PackModel, ...]
    thresholds: Thresholds
    quality: QualityLimits
    liveness: LivenessLimits | None = None
    runtime: FaceRuntime = FaceRuntime.YUFACE
    recorded: tuple[RecordedLicence, ...] = ()

    def find(self, job: str) -> PackModel | None:
        """Return the pack's one model for `job`, None if there is none."""
        return next((model for model in self.models if model.job == job), None)

    def model(self, job: str) -> PackModel:
        """Return the pack's one model for `job`; LookupError if there is none."""
        found = self.find(job)
        if found is None:
            raise LookupError(f"face pack {self.id} has no {job}")
        return found


_OBJECTION_ZH: Mapping[CommercialUse, str] = {
    CommercialUse.FORBIDDEN: "声明的许可不允许商用",
    CommercialUse.UNKNOWN: "许可不明",
}


def licence_objections(pack: FacePack, today: date) -> tuple[str, ...]:
    """Return a Chinese sentence for each model that lacks a licence recorded by the operator in production.

    A stated licence that allows commercial use raises no objection, even where nobody knows what the
    weights were trained on; that `provenance` is shown beside it wherever a pack is shown.
    """
    covered = {each.sha256 for each in pack.recorded if each.until is None or today <= each.until}
    return tuple(
        f"人脸模型 {model.id} {_OBJECTION_ZH[model.licence.commercial_use]}({model.licence.stated}),"
        "请先登记已取得的授权,或更换模型包。"
        for model in pack.models
        if model.licence.commercial_use is not CommercialUse.ALLOWED and model.sha256 not in covered
    )
