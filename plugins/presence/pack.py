"""Read a face pack: `<packs>/<id>/pack.yaml`."""

from pathlib import Path
from typing import Any

from bridge.kernel.errors import Unavailable
from bridge.presence.face import (
    CommercialUse,
    FacePack,
    ModelLicence,
    PackModel,
    QualityLimits,
    Thresholds,
)

PACKS = Path(__file__).resolve().parents[2] / "config" / "facepacks"
"""The packs that ship with the bridge."""

JOBS = ("detector", "landmarks", "recogniser")


def load_pack(pack_id: str = "default", packs: Path = PACKS) -> FacePack:
    """Return the pack in folder `pack_id` of `packs`.

    Raises:
        Unavailable: face_pack_missing, face_pack_invalid (both permanent).
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = packs / pack_id / "pack.yaml"
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return _pack(content)
    except FileNotFoundError as error:
        raise Unavailable(
            "face_pack_missing", f"找不到人脸模型包“{pack_id}”,请检查设置中的模型包名称。", permanent=True
        ) from error
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            "face_pack_invalid", f"人脸模型包“{pack_id}”的 pack.yaml 有误:{error}", permanent=True
        ) from error


def _pack(content: dict[str, Any]) -> FacePack:
    models = tuple(_model(entry) for entry in content["models"])
    if sorted(model.job for model in models) != sorted(JOBS):
        raise ValueError(f"models: one each of {', '.join(JOBS)}")
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
        ),
        quality=QualityLimits(
            darkest=float(quality["darkest"]),
            brightest=float(quality["brightest"]),
            least_sharpness=float(quality["least_sharpness"]),
            most_yaw=float(quality["most_yaw"]),
            least_pitch=float(quality["least_pitch"]),
            most_pitch=float(quality["most_pitch"]),
        ),
    )


def _model(entry: dict[str, Any]) -> PackModel:
    licence = entry["licence"]
    file, sha256 = entry.get("file"), entry.get("sha256")
    if (file is None) != (sha256 is None):
        raise ValueError(f"model {entry['id']}: file and sha256 come together")
    if file is not None and Path(file).name != file:
        raise ValueError(f"model {entry['id']}: file is a bare name")
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
    )
