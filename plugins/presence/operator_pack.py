"""For tests and the bench: an operator's pack made of the default weights, the detector in the form of SCRFD.

The detector knows no points: they are put where they lie in most upright faces. Good enough to show that such a
pack runs through insightface; its error rates would say nothing of packs that are made for it.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, version_converter

from plugins.presence.insightface_engine import SIGNS_FOLDER

_WIDTH, _HEIGHT = 320, 240
# Stride, boxes for each place, rows and columns in the detector's own order.
_LEVELS = ((8, 3, 30, 40), (16, 2, 15, 20), (32, 2, 8, 10), (64, 3, 4, 5))
# Eyes, nose tip, corners of the mouth, as shares of the box's width and height.
_POINTS = ((0.30, 0.38), (0.71, 0.38), (0.50, 0.58), (0.34, 0.77), (0.67, 0.77))

_LICENCE = """
    licence: {{stated: {stated}, provenance: unknown, commercial_use: {use}}}"""
_MODEL = """
  - job: {job}
    id: made-{job}
    package: npm faceplugin-face-recognition-js 0.0.1, rewritten
    file: {file}
    sha256: {sha256}"""
_PACK = """id: made-operator-pack
title_zh: 测试与测速用的自备模型包
runtime: insightface
models:{models}
thresholds: {{verify: 0.40, other_person_below: 0.25, face_score: 0.65, several_faces_score: 0.80, min_face_px: 60}}
quality:
  {{darkest: 40, brightest: 225, least_sharpness: 25, most_yaw: 0.5, least_pitch: 0.2, most_pitch: 0.95}}
{liveness}"""
_LIVENESS = "liveness: {live: 0.6, spoof_below: 0.3, live_min_face_px: 110}\n"


def make_pack(
    folder: Path,
    assets: Path,
    *,
    commercial_use: str = "allowed",
    stated: str = "MIT",
    with_liveness: bool = True,
) -> Path:
    """Fill `folder` with a pack made of `<assets>/face/*.onnx`; return it."""
    weights = assets / "face"
    (folder / SIGNS_FOLDER).mkdir(parents=True)
    (folder / "detector.onnx").write_bytes(as_scrfd((weights / "fr_detect.onnx").read_bytes()))
    shutil.copy(weights / "fr_feature.onnx", folder / "recogniser.onnx")
    files = {"detector": folder / "detector.onnx", "recogniser": folder / "recogniser.onnx"}
    if with_liveness:
        shutil.copy(weights / "fr_liveness.onnx", folder / SIGNS_FOLDER / "liveness.onnx")
        files["liveness"] = folder / SIGNS_FOLDER / "liveness.onnx"
    licence = _LICENCE.format(stated=stated, use=commercial_use)
    models = "".join(
        _MODEL.format(job=job, file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest()) + licence
        for job, path in files.items()
    )
    text = _PACK.format(models=models, liveness=_LIVENESS if with_liveness else "")
    (folder / "pack.yaml").write_text(text, encoding="utf-8")
    return folder


def as_scrfd(content: bytes) -> bytes:
    """Return fr_detect (scores (1, 4420, 2), boxes (1, 4420, 4) as shares of the picture) with SCRFD's 15 outputs."""
    model = version_converter.convert_version(onnx.load_from_string(content), 13)
    graph = model.graph
    count = 0

    def constant(values: NDArray[np.float32] | NDArray[np.int64] | list[int]) -> str:
        nonlocal count
        count += 1
        array = np.asarray(values, dtype=np.int64) if isinstance(values, list) else values
        graph.initializer.append(numpy_helper.from_array(array, f"made_{count}"))
        return f"made_{count}"

    def node(kind: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        nonlocal count
        count += 1
        output = name or f"made_{count}"
        graph.node.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    names: dict[str, list[str]] = {"score": [], "bbox": [], "kps": []}
    at = 0
    for stride, each, rows, columns in _LEVELS:
        span, whole = rows * columns * each, (_HEIGHT // stride) * (_WIDTH // stride)
        bounds = [constant([at]), constant([at + span]), constant([1])]
        boxes = node("Slice", ["boxes", *bounds])
        scores = node("Slice", ["scores", *bounds])
        at += span
        scores = node("Slice", [scores, constant([1]), constant([2]), constant([2])])
        scores = node("Reshape", [scores, constant([rows * columns, each])])
        boxes = node("Reshape", [boxes, constant([rows * columns, each, 4])])
        best = node("ArgMax", [scores], axis=1, keepdims=1)
        place = node("Expand", [node("Unsqueeze", [best, constant([2])]), constant([rows * columns, 1, 4])])
        box = node("Reshape", [node("GatherElements", [boxes, place], axis=1), constant([rows * columns, 4])])
        first = [constant([0]), constant([whole]), constant([0])]
        score = node("ReduceMax", [scores], axes=[1], keepdims=1)
        names["score"].append(node("Slice", [score, *first], f"score_{stride}"))
        box = node("Slice", [box, *first])
        down, across = np.indices((_HEIGHT // stride, _WIDTH // stride))
        places = np.column_stack([across.ravel(), down.ravel()])
        for kind, mixing in {"bbox": _sides(), "kps": _points()}.items():
            weight = mixing * np.float32(1 / stride)
            origin = np.tile(places, (1, mixing.shape[1] // 2)).astype(np.float32)
            if kind == "bbox":
                origin[:, :2] *= -1
            lengths = node("MatMul", [box, constant(weight.astype(np.float32))])
            names[kind].append(node("Sub", [lengths, constant(origin)], f"{kind}_{stride}"))
    for kind, width in {"score": 1, "bbox": 4, "kps": 10}.items():
        empty = np.zeros(((_HEIGHT // 128) * (_WIDTH // 128), width), np.float32)
        names[kind].append(node("Identity", [constant(empty)], f"{kind}_128"))
    del graph.output[:]
    for kind, width in {"score": 1, "bbox": 4, "kps": 10}.items():
        for name in names[kind]:
            graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _sides() -> NDArray[np.float32]:
    """Return (4, 4): from corners as shares of the picture to −left, −top, right, bottom in pixels."""
    return np.diag([-_WIDTH, -_HEIGHT, _WIDTH, _HEIGHT]).astype(np.float32)


def _points() -> NDArray[np.float32]:
    """Return (4, 10): from corners as shares of the picture to five points in pixels."""
    mixing = np.zeros((4, 10), np.float32)
    for index, (across, down) in enumerate(_POINTS):
        mixing[0, 2 * index], mixing[2, 2 * index] = (1 - across) * _WIDTH, across * _WIDTH
        mixing[1, 2 * index + 1], mixing[3, 2 * index + 1] = (1 - down) * _HEIGHT, down * _HEIGHT
    return mixing
