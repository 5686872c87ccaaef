"""What presentation attack detection says of single photographs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import FaceVerdict, judge_liveness
from bridge.presence.face_pack import FacePack
from plugins.presence.examiner import FaceExaminer
from plugins.presence.pictures import read_picture

LIVE = "live"
_SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """One file. `verdict` is "live" or the word of the verdict that a check would have on such a frame.

    Args:
        score: of a living face, 0..1; None where there is none to measure.
        face_px: width of the face; None without one.
    """

    file: str
    score: float | None
    verdict: str
    face_px: int | None


def pictures_in(folder: Path) -> list[Path]:
    """Return the JPEG and PNG files of a folder by name.

    Raises:
        InvalidInput: pictures_missing.
    """
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in _SUFFIXES)
    if not found:
        raise InvalidInput("pictures_missing", f"{folder.name} 里没有 JPEG 或 PNG 图片。")
    return found


def check_pictures(engine: FaceExaminer, files: Iterable[Path]) -> list[CheckedPicture]:
    """Return what the pack's liveness model says of each file's largest face near the middle.

    Raises:
        InvalidInput: picture_unreadable, liveness_missing.
    """
    if engine.pack.liveness is None:
        raise InvalidInput("liveness_missing", f"模型包 {engine.pack.id} 没有活体检测模型。")
    return [_checked(engine, path) for path in files]


def _checked(engine: FaceExaminer, path: Path) -> CheckedPicture:
    seen = engine.signs_of_main_face(read_picture(path))
    if seen.main is None or seen.signs is None:
        return CheckedPicture(path.name, None, FaceVerdict.NO_FACE.value, None)
    against = judge_liveness(seen, engine.pack)
    verdict = LIVE if against is None else against.verdict.value
    return CheckedPicture(path.name, seen.signs.live, verdict, seen.main.width_px)


def report(pack: FacePack, checked: list[CheckedPicture]) -> dict[str, Any]:
    """Return the object that `face spoof-check --json` prints."""
    model, limits = pack.model("liveness"), pack.liveness
    return {
        "pack": pack.id,
        "model": model.id,
        "model_sha256": model.sha256,
        "thresholds": None if limits is None else asdict(limits),
        "n": len(checked),
        "files": [asdict(each) for each in checked],
        "note": f"n = {len(checked)}。单张图片的得分只说明这张图片,不是错误率;核验时至少两帧可疑才会判为疑似翻拍。",
    }
