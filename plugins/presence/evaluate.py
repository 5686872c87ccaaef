"""Error rates of an engine on pairs of photographs."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import FaceTemplate
from plugins.presence.examiner import FaceExaminer
from plugins.presence.pictures import read_picture

_COLUMNS = ("file_a", "file_b", "same")
_WORDS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files, and whether they show one person."""

    file_a: str
    file_b: str
    same: bool


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """What `face evaluate` prints. Rates are fractions 0..1; None where no pair could tell.

    Args:
        eer: equal error rate, the mean of both rates where they come nearest.
        fmr, fnmr: false match and false non-match rate at `threshold` (ISO/IEC 19795-1).
        genuine, impostor: pairs compared. A pair with a photograph without a face is not compared.
        images, failures_to_detect: photographs, and how many of them show the engine no face.
    """

    pack: str
    threshold: float
    eer: float | None
    fmr: float | None
    fnmr: float | None
    genuine: int
    impostor: int
    images: int
    failures_to_detect: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a CSV file with the columns file_a, file_b, same (1/0/true/false).

    Raises:
        InvalidInput: pairs_unreadable, pairs_columns, pairs_row (names the line), pairs_empty.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = list(csv.reader(lines, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(
            "pairs_unreadable", f"无法读取 {path.name}(需要 UTF-8 编码的 CSV):{error}"
        ) from error
    if not rows or tuple(cell.strip() for cell in rows[0]) != _COLUMNS:
        raise InvalidInput("pairs_columns", f"{path.name} 的第一行应为 file_a,file_b,same。")
    pairs = []
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        cells = [cell.strip() for cell in row]
        same = _WORDS.get(cells[2].lower()) if len(cells) == len(_COLUMNS) else None
        if same is None or not cells[0] or not cells[1]:
            raise InvalidInput(
                "pairs_row", f"{path.name} 第 {number} 行有误:应为两个文件名和 1/0/true/false,用逗号分隔。"
            )
        pairs.append(Pair(cells[0], cells[1], same))
    if not pairs:
        raise InvalidInput("pairs_empty", f"{path.name} 里没有任何一对图片。")
    return pairs


def evaluate(
    engine: FaceExaminer,
    pairs: Sequence[Pair],
    images: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ErrorRates:
    """Return the error rates on `pairs` of files under `images`; each file is embedded once.

    Args:
        progress: called after each photograph with how many are done and how many there are.

    Raises:
        InvalidInput: picture_missing, picture_unreadable.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.file_a, pair.file_b)))
    for name in names:
        if not (images / name).is_file():
            raise InvalidInput(
                "picture_missing", f"图片目录里没有 {name},请检查 --images 和 CSV 中的文件名。"
            )
    vectors: dict[str, NDArray[np.float32]] = {}
    for done, name in enumerate(names, start=1):
        template = engine.template_of_main_face(read_picture(images / name))
        if template is not None:
            vectors[name] = _vector(template)
        progress(done, len(names))
    compared = [pair for pair in pairs if pair.file_a in vectors and pair.file_b in vectors]
    scores = np.array([float(vectors[pair.file_a] @ vectors[pair.file_b]) for pair in compared])
    same = np.array([pair.same for pair in compared], dtype=bool)
    genuine, impostor = scores[same], scores[~same]
    threshold = engine.pack.thresholds.verify
    return ErrorRates(
        pack=engine.pack.id,
        threshold=threshold,
        eer=equal_error_rate(genuine, impostor),
        fmr=float((impostor >= threshold).mean()) if impostor.size else None,
        fnmr=float((genuine < threshold).mean()) if genuine.size else None,
        genuine=int(genuine.size),
        impostor=int(impostor.size),
        images=len(names),
        failures_to_detect=len(names) - len(vectors),
    )


def equal_error_rate(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> float | None:
    """Return the mean of both error rates where they differ least; None if a side is empty."""
    if not genuine.size or not impostor.size:
        return None
    thresholds = np.append(np.unique(np.concatenate([genuine, impostor])), np.inf)
    fnmr = np.searchsorted(np.sort(genuine), thresholds, side="left") / genuine.size
    fmr = 1 - np.searchsorted(np.sort(impostor), thresholds, side="left") / impostor.size
    nearest = int(np.argmin(np.abs(fnmr - fmr)))
    return float((fnmr[nearest] + fmr[nearest]) / 2)


def _vector(template: FaceTemplate) -> NDArray[np.float32]:
    return np.frombuffer(template.vector, dtype="<f4").astype(np.float32)
