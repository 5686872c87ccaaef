"""How far photographs of one person lie from each other as templates, and how near those of others come.

A template is seen as a·c + √(1−a²)·e: c the person's own direction, e what this photograph adds to it, unit length
and independent of others. Then two photographs of one person score a₁·a₂, and `a` is what the bench `face-search`
makes its people from.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.errors import InvalidInput
from plugins.presence.examiner import FaceExaminer
from plugins.presence.pictures import read_picture

_PICTURES = {".jpg", ".jpeg", ".png"}
_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one set of numbers; `sd` with the divisor n."""

    mean: float
    sd: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Spread:
    """What `face spread` prints.

    Args:
        genuine, impostor: comparison scores of all pairs of photographs of one person, of two people.
        to_centre: `a` of each photograph.
    """

    pack: str
    model_sha256: str
    people: int
    images: int
    failures_to_detect: int
    genuine_pairs: int
    impostor_pairs: int
    genuine: Figures
    impostor: Figures
    to_centre: Figures

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_spread(
    engine: FaceExaminer,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Spread:
    """Return the spread over `folder`, which has a folder for each person with at least three photographs.

    Raises:
        InvalidInput: spread_too_few, picture_unreadable.
    """
    files = [
        (person, file)
        for person in sorted(each for each in folder.iterdir() if each.is_dir())
        for file in sorted(person.iterdir())
        if file.suffix.lower() in _PICTURES
    ]
    found: dict[Path, list[NDArray[np.float64]]] = {}
    for done, (person, file) in enumerate(files, start=1):
        template = engine.template_of_main_face(read_picture(file))
        if template is not None:
            vector = np.frombuffer(template.vector, dtype="<f4").astype(np.float64)
            found.setdefault(person, []).append(vector)
        progress(done, len(files))
    people = [np.stack(vectors) for vectors in found.values() if len(vectors) >= 3]
    if len(people) < 2:
        raise InvalidInput("spread_too_few", "目录中至少要有两个人的子目录,每人至少三张能检测到人脸的照片。")
    genuine = np.concatenate([_pairs(each) for each in people])
    impostor = np.concatenate(
        [(a @ b.T).ravel() for number, a in enumerate(people) for b in people[number + 1 :]]
    )
    model = engine.pack.model("recogniser")
    return Spread(
        pack=engine.pack.id,
        model_sha256=model.sha256 or "",
        people=len(people),
        images=len(files),
        failures_to_detect=len(files) - sum(len(vectors) for vectors in found.values()),
        genuine_pairs=genuine.size,
        impostor_pairs=impostor.size,
        genuine=_figures(genuine),
        impostor=_figures(impostor),
        to_centre=_figures(np.concatenate([to_centre(each @ each.T) for each in people])),
    )


def to_centre(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `a` of each photograph of one person from the scores (m, m) of all with all; the diagonal is not read.

    Photograph i scores a_i · a_j with j; what fits its mean score is sought in turn for all until nothing moves.
    """
    others = scores.shape[0] - 1
    means = (scores.sum(axis=1) - np.diag(scores)) / others
    fitted = np.sqrt(np.clip(means, 1e-6, 1.0))
    for _ in range(_ROUNDS):
        rest = (fitted.sum() - fitted) / others
        # Half-way, since whole steps swing around the answer.
        fitted = (fitted + np.clip(means / rest, 0.0, 1.0)) / 2
    return np.asarray(fitted, dtype=np.float64)


def _pairs(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    upper = np.triu_indices(len(vectors), 1)
    scores: NDArray[np.float64] = (vectors @ vectors.T)[upper]
    return scores


def _figures(numbers: NDArray[np.float64]) -> Figures:
    rounded: Sequence[float] = [
        round(float(each), 4) for each in (numbers.mean(), numbers.std(), numbers.min(), numbers.max())
    ]
    return Figures(*rounded)
