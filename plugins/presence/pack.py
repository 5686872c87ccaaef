"""Read a face pack: `<packs>/<id>/pack.yaml`, or `pack.yaml` in a folder of the operator's own."""

from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from bridge.kernel.errors import Unavailable
from bridge.presence.challenge import Move
from bridge.presence.face_pack import (
    ChallengeLimits,
    CommercialUse,
    FacePack,
    FaceRuntime,
    LivenessLimits,
    ModelLicence,
    MovementLimits,
    PackModel,
    QualityLimits,
    RecordedLicence,
    Thresholds,
)
from plugins.presence import signs

PACKS = Path(__file__).resolve().parents[2] / "config" / "facepacks"
"""The packs that ship with the bridge."""

_NEEDED = {
    FaceRuntime.YUFACE: {"detector", "landmarks", "recogniser"},
    FaceRuntime.INSIGHTFACE: {"detector", "recogniser"},
}
_COLOURS = ("bgr", "rgb")


def load_pack(pack_id: str = "default", packs: Path = PACKS) -> FacePack:
    """Return the pack in folder `pack_id` of `packs`, or in the folder `pack_id` itself if that is absolute.

    Raises:
        Unavailable: face_pack_missing, face_pack_invalid (both permanent).
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    # An absolute `pack_id` stands for itself, whatever it is joined to.
    path = packs / pack_id / "pack.yaml"
    licences = path.with_name("licence.yaml")
    yaml = YAML(typ="safe", pure=True)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"))
        recorded = yaml.load(licences.read_text(encoding="utf-8")) if licences.exists() else []
        return _pack(content, tuple(_recorded(entry) for entry in recorded))
    except FileNotFoundError as error:
        raise Unavailable(
            "face_pack_missing", f"找不到人脸模型包“{pack_id}”,请检查设置中的模型包名称。", permanent=True
        ) from error
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            "face_pack_invalid", f"人脸模型包“{pack_id}”的 pack.yaml 有误:{error}", permanent=True
        ) from error


def _pack(content: dict[str, Any], recorded: tuple[RecordedLicence, ...]) -> FacePack:
    models = tuple(_model(entry) for entry in content["models"])
    runtime = FaceRuntime(content.get("runtime", FaceRuntime.YUFACE))
    jobs, needed = [model.job for model in models], _NEEDED[runtime]
    if len(set(jobs)) != len(jobs) or not needed <= set(jobs) <= needed | {"landmarks", *signs.JOBS}:
        raise ValueError(
            f"models: one each of {', '.join(sorted(needed))}; {', '.join(signs.JOBS)} may be added"
        )
    if ("liveness" in jobs) != ("liveness" in content):
        raise ValueError("a liveness model and its thresholds come together")
    if "challenge" in content and "pose" not in jobs:
        raise ValueError("a challenge needs a model of the head's pose")
    if "movement" in content and "challenge" not in content:
        raise ValueError("a movement at checks needs the challenge's angles")
    thresholds, quality = content["thresholds"], content["quality"]
    return FacePack(
        id=str(content["id"]),
        title_zh=str(content["title_zh"]),
        models=models,
        thresholds=Thresholds(
            verify=float(thresholds["verify"]),
            other_person_below=float(thresholds["other_person_below"]),
            face_score=float(thresholds["face_score"]),
            several_faces_score=float(thresholds["several_faces_score"]),
            min_face_px=int(thresholds["min_face_px"]),
            same_person=float(thresholds["same_person"]) if "same_person" in thresholds else None,
        ),
        quality=QualityLimits(
            darkest=float(quality["darkest"]),
            brightest=float(quality["brightest"]),
            least_sharpness=float(quality["least_sharpness"]),
            most_yaw=float(quality["most_yaw"]),
            least_pitch=float(quality["least_pitch"]),
            most_pitch=float(quality["most_pitch"]),
        ),
        liveness=_liveness(content["liveness"]) if "liveness" in content else None,
        runtime=runtime,
        recorded=recorded,
        challenge=_challenge(content["challenge"]) if "challenge" in content else None,
        movement=_movement(content.get("movement", {})) if "challenge" in content else None,
    )


def _liveness(entry: dict[str, Any]) -> LivenessLimits:
    return LivenessLimits(
        live=float(entry["live"]),
        spoof_below=float(entry["spoof_below"]),
        live_min_face_px=int(entry["live_min_face_px"]),
    )


def _challenge(entry: dict[str, Any]) -> ChallengeLimits:
    names = [field.name for field in fields(ChallengeLimits)]
    if set(entry) != set(names) or not all(type(value) in (int, float) for value in entry.values()):
        raise ValueError(f"challenge: numbers for {', '.join(names)}")
    return ChallengeLimits(**entry)


def _movement(entry: dict[str, Any]) -> MovementLimits:
    known = {field.name for field in fields(MovementLimits)} - {"moves"}
    moves = entry.get("moves", MovementLimits().moves)
    numbers = {name: value for name, value in entry.items() if name != "moves"}
    if not set(numbers) <= known or not all(type(value) in (int, float) for value in numbers.values()):
        raise ValueError(f"movement: moves, and numbers for {', '.join(sorted(known))}")
    if not set(moves) <= {move.value for move in Move if move is not Move.FRONT}:
        raise ValueError("movement: moves are turn_left, turn_right, nod and blink")
    return MovementLimits(moves=tuple(moves), **numbers)


def _recorded(entry: dict[str, Any]) -> RecordedLicence:
    recorded_on, until = entry["recorded_on"], entry.get("until")
    if not isinstance(recorded_on, date) or not (until is None or isinstance(until, date)):
        raise ValueError("licence.yaml: recorded_on and until are dates, e.g. 2026-11-28")
    words = {name: str(entry[name]).strip() for name in ("sha256", "granted_by", "reference", "recorded_by")}
    if not all(words.values()):
        raise ValueError("licence.yaml: sha256, granted_by, reference and recorded_by are needed")
    return RecordedLicence(**words, recorded_on=recorded_on, until=until)


def _model(entry: dict[str, Any]) -> PackModel:
    licence = entry["licence"]
    file, sha256 = entry.get("file"), entry.get("sha256")
    if (file is None) != (sha256 is None):
        raise ValueError(f"model {entry['id']}: file and sha256 come together")
    if file is not None and Path(file).name != file:
        raise ValueError(f"model {entry['id']}: file is a bare name")
    colours = str(entry.get("colours", "bgr"))
    if colours not in _COLOURS:
        raise ValueError(f"model {entry['id']}: colours are bgr or rgb")
    return PackModel(
        job=str(entry["job"]),
        id=str(entry["id"]),
        package=str(entry["package"]),
        file=file,
        sha256=sha256,
        licence=ModelLicence(
            stated=str(licence["stated"]),
            provenance=str(licence["provenance"]),
            commercial_use=CommercialUse(licence["commercial_use"]),
        ),
        colours=colours,
    )
