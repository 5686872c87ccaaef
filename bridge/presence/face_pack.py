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
class ChallengeLimits:
    """The random challenge of a registration: what is asked, for how long, and what shows a movement.

    Args:
        steps: movements that are asked for after the straight look.
        front_tries: how often the straight look may be tried: light and distance are found there.
        tries: how often each movement may be tried in one challenge.
        front_frames, frames: frames of the straight look, and of each movement.
        frame_gap_ms: between two frames; `window_ms`: within which all of a try must have come.
        pause_min_ms, pause_max_ms: how long before a movement's moment comes.
        whole_ms: for the whole challenge.
        front_degrees: most yaw of a head that looks into the camera.
        turn_degrees: least yaw of a turned one; `nod_degrees`: how far it must come down.
        eyes_closed, eyes_open: scores from and up to which an eye counts as closed, as open.
        same_picture_below: mean difference (grey levels 0..255 of the faces laid over each other) below which a frame
            is an earlier one, coded anew.
        frozen_share: share of very same blocks from which on a frame is the one before it, but for a part.
        mark_bits: how many of 256 bits of two frames' marks may differ where the pictures are then compared.
    """

    steps: int
    front_tries: int
    tries: int
    front_frames: int
    frames: int
    frame_gap_ms: int
    window_ms: int
    pause_min_ms: int
    pause_max_ms: int
    whole_ms: int
    front_degrees: float
    turn_degrees: float
    nod_degrees: float
    eyes_closed: float
    eyes_open: float
    same_picture_below: float
    frozen_share: float
    mark_bits: int

    def __post_init__(self) -> None:
        if min(self.steps, self.tries, self.front_tries) < 1 or self.front_frames < 2 or self.frames < 3:
            raise ValueError(
                "a challenge needs steps, tries, 2 frames of a straight look and 3 of a movement"
            )
        if not 0 <= self.pause_min_ms <= self.pause_max_ms:
            raise ValueError("pauses need 0 <= min <= max")
        if not 0 < self.frames * self.frame_gap_ms < self.window_ms < self.whole_ms:
            raise ValueError("a burst must fit into its window, and a window into the whole")
        if not 0 < self.front_degrees < self.turn_degrees < 90 or not 0 < self.nod_degrees < 90:
            raise ValueError("angles need 0 < front < turn < 90 and 0 < nod < 90")
        if not 0 <= self.eyes_open < self.eyes_closed <= 1:
            raise ValueError("eyes need 0 <= open < closed <= 1")
        if self.same_picture_below < 0 or not 0.5 < self.frozen_share <= 1 or not 0 <= self.mark_bits < 128:
            raise ValueError(
                "copies need 0 <= same, 0.5 < frozen <= 1, and marks that differ in less than half"
            )


@dataclass(frozen=True, slots=True)
class MovementLimits:
    """The one movement that ends a check during study; angles and copies are the challenge's.

    Args:
        moves: which movements may be asked for, as `challenge.Move` names them.
        frames: pictures of a movement; `frame_gap_ms`: between two of them.
        tries: how often a check may ask for one.
        window_ms: time that is left to answer, at least, whenever one is asked for.
        same_place_from: how alike (correlation, −1..1) what lies around the face is in two pictures of one take.
    """

    moves: tuple[str, ...] = ("turn_left", "turn_right", "nod")
    frames: int = 4
    frame_gap_ms: int = 400
    tries: int = 3
    window_ms: int = 30_000
    same_place_from: float = 0.6

    def __post_init__(self) -> None:
        if not self.moves or len(set(self.moves)) != len(self.moves):
            raise ValueError("a movement needs moves, each named once")
        if self.frames < 3 or self.tries < 1:
            raise ValueError("a movement needs 3 frames and a try")
        if not 0 < self.frames * self.frame_gap_ms < self.window_ms:
            raise ValueError("the frames of a movement must fit into its window")
        if not -1 <= self.same_place_from <= 1:
            raise ValueError("a correlation lies between −1 and 1")


@dataclass(frozen=True, slots=True)
class FacePack:
    """The models that work together, and the thresholds measured with them.

    Args:
        liveness: None where the pack has no model that tells a living face from a picture.
        recorded: licences that the operator has obtained for models of this pack.
        challenge: None where the pack has no model that sees how a head is turned: nobody is anchored by machine then.
        movement: None with it: checks during study then rest on single pictures.
    """

    id: str
    title_zh: str
    models: tuple[PackModel, ...]
    thresholds: Thresholds
    quality: QualityLimits
    liveness: LivenessLimits | None = None
    runtime: FaceRuntime = FaceRuntime.YUFACE
    recorded: tuple[RecordedLicence, ...] = ()
    challenge: ChallengeLimits | None = None
    movement: MovementLimits | None = None

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
