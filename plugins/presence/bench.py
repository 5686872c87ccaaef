"""The `face` bench: what our engine adds to the models that it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import Frame
from bridge.presence.face_pack import FacePack
from plugins.presence.alignment import align
from plugins.presence.detector import landmark_input
from plugins.presence.onnx_engine import OnnxFaceEngine, load_engine, recogniser_input
from plugins.presence.photographs import jpeg_frame, learner_video_frames
from plugins.presence.pictures import Picture, decode_frame
from plugins.presence.signs import eye_input, liveness_input, pose_input
from plugins.presence.weights import open_model


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """One frame in every form that a step takes."""

    frame: Frame
    picture: Picture
    detector_input: Picture
    landmark_tensors: tuple[NDArray[np.float32], NDArray[np.float32]]
    recogniser_tensor: NDArray[np.float32]
    liveness_tensor: NDArray[np.float32]
    pose_tensor: NDArray[np.float32]
    eye_tensors: tuple[NDArray[np.float32], NDArray[np.float32]]


def run(assets: Path, rounds: int = 20) -> dict[str, Any]:
    """Return the bench object for 640x480 frames of one face, on one thread; takes some seconds.

    `ms_per_frame` and `overhead_ratio` are of detection, quality checks, embedding and signs of life, from pixels
    to observation; `ms_decode` is the JPEG decoding before it. The peer runs the same models in the same process,
    turn about, on tensors that are ready. All figures are medians.

    Args:
        assets: holds `face/*.onnx`.
        rounds: how often each of ten frames is measured.
    """
    engine = load_engine(assets)
    frames = [_prepare(engine, jpeg_frame(picture)) for picture in learner_video_frames(10)]
    bare = _bare_models(engine.pack, assets)
    for prepared in frames:
        engine.examine(prepared.picture)
        bare(prepared)
    decode_ms, ours_ms, bare_ms = [], [], []
    for _ in range(rounds):
        for prepared in frames:
            start = perf_counter()
            decode_frame(prepared.frame)
            decoded = perf_counter()
            engine.examine(prepared.picture)
            examined = perf_counter()
            bare(prepared)
            end = perf_counter()
            decode_ms.append((decoded - start) * 1000)
            ours_ms.append((examined - decoded) * 1000)
            bare_ms.append((end - examined) * 1000)
    ours, peer, decode = median(ours_ms), median(bare_ms), median(decode_ms)
    ratio = round(ours / peer, 4)
    return {
        "name": "face",
        "n": len(ours_ms),
        "ms_per_frame": round(ours, 3),
        "overhead_ratio": ratio,
        "ms_decode": round(decode, 3),
        "overhead_ratio_with_decode": round((ours + decode) / peer, 4),
        "peers": [{"name": "bare model runs", "figure": round(peer, 3), "unit": "ms", "ratio": ratio}],
    }


def _prepare(engine: OnnxFaceEngine, jpeg: bytes) -> PreparedFrame:
    frame = Frame(jpeg)
    picture = decode_frame(frame)
    (located,) = engine.detector.locate(picture)
    box, points = located.face.bbox, located.points
    assert points is not None  # noqa: S101  # the default pack places them
    low, high = points.min(axis=0), points.max(axis=0)
    boxes = (np.array(box), np.concatenate([low, high - low]))
    first, second = (landmark_input(picture, each)[0] for each in boxes)
    right, left = (eye_input(picture, points[at : at + 6]) for at in (36, 42))
    return PreparedFrame(
        frame=frame,
        picture=picture,
        detector_input=engine.detector.detector_input(picture),
        landmark_tensors=(first, second),
        recogniser_tensor=recogniser_input(align(picture, located.five)),
        liveness_tensor=liveness_input(picture, box),
        pose_tensor=pose_input(picture, box),
        eye_tensors=(right, left),
    )


def _bare_models(pack: FacePack, assets: Path) -> Callable[[PreparedFrame], None]:
    """Return a call that runs the pack's models as often as the engine does, with nothing around them."""
    import yuface

    landmarks, recogniser, liveness, pose, eyes = (
        open_model(pack.model(job), assets / "face")
        for job in ("landmarks", "recogniser", "liveness", "pose", "eyes")
    )

    def run_models(prepared: PreparedFrame) -> None:
        yuface.detect(prepared.detector_input)
        for tensor in prepared.landmark_tensors:
            landmarks.run(None, {"input": tensor})
        recogniser.run(None, {"input": prepared.recogniser_tensor})
        liveness.run(None, {"input": prepared.liveness_tensor})
        pose.run(None, {"input": prepared.pose_tensor})
        for tensor in prepared.eye_tensors:
            eyes.run(None, {"input": tensor})

    return run_models
