"""The `face` bench: what our engine adds to the models that it runs."""

import json
import multiprocessing
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import Frame
from bridge.presence.face_pack import FacePack
from bridge.setup.peer_environment import DLIB, ensure_peer
from plugins.presence.alignment import align
from plugins.presence.detector import landmark_input
from plugins.presence.insightface_engine import InsightFaceEngine
from plugins.presence.onnx_engine import OnnxFaceEngine, load_engine, recogniser_input
from plugins.presence.operator_pack import make_pack
from plugins.presence.pack import load_pack
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
    to observation; `ms_decode` is the JPEG decoding before it. Two peers run in the same process, turn about: the
    same models on tensors that are ready, and insightface's FaceAnalysis with the same recogniser, which finds and
    embeds and does no more. dlib, as face_recognition calls it, takes the same frames on one core right afterwards.
    These figures are medians. `two_workers_ratio` is what a second process adds.

    Args:
        assets: holds `face/*.onnx`.
        rounds: how often each of ten frames is measured; ten times as many are measured in each worker.
    """
    engine = load_engine(assets)
    frames = [_prepare(engine, jpeg_frame(picture)) for picture in learner_video_frames(10)]
    bare, analysis = _bare_models(engine.pack, assets), _face_analysis(assets)
    for prepared in frames:
        engine.examine(prepared.picture)
        bare(prepared)
        analysis(prepared)
    decode_ms, ours_ms, bare_ms, analysis_ms = [], [], [], []
    for _ in range(rounds):
        for prepared in frames:
            start = perf_counter()
            decode_frame(prepared.frame)
            decoded = perf_counter()
            engine.examine(prepared.picture)
            examined = perf_counter()
            bare(prepared)
            ran = perf_counter()
            analysis(prepared)
            end = perf_counter()
            decode_ms.append((decoded - start) * 1000)
            ours_ms.append((examined - decoded) * 1000)
            bare_ms.append((ran - examined) * 1000)
            analysis_ms.append((end - ran) * 1000)
    ours, peer, decode = median(ours_ms), median(bare_ms), median(decode_ms)
    other = median(analysis_ms)
    dlib_ms, dlib_faces = _dlib([prepared.picture for prepared in frames], rounds)
    one, two = (_frames_per_second(assets, workers, 10 * rounds) for workers in (1, 2))
    ratio = round(ours / peer, 4)
    return {
        "name": "face",
        "n": len(ours_ms),
        "ms_per_frame": round(ours, 3),
        "overhead_ratio": ratio,
        "ms_decode": round(decode, 3),
        "overhead_ratio_with_decode": round((ours + decode) / peer, 4),
        "frames_per_second": round(one, 2),
        "frames_per_second_two_workers": round(two, 2),
        "two_workers_ratio": round(two / one, 3),
        "peers": [
            {"name": "bare model runs", "figure": round(peer, 3), "unit": "ms", "ratio": ratio},
            {
                "name": "insightface FaceAnalysis, detect and embed",
                "figure": round(other, 3),
                "unit": "ms",
                "ratio": round(ours / other, 4),
            },
            {
                "name": f"dlib as face_recognition calls it, detect and embed ({dlib_faces} of {len(frames)} found)",
                "figure": round(dlib_ms, 3),
                "unit": "ms",
                "ratio": round(ours / dlib_ms, 4),
            },
        ],
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


def _face_analysis(assets: Path) -> Callable[[PreparedFrame], None]:
    """Return a call of FaceAnalysis on the default recogniser and the detector of the same package."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_pack(Path(folder) / "pack", assets)
        engine = InsightFaceEngine(load_pack(str(made)), made)

    def analyse(prepared: PreparedFrame) -> None:
        with warnings.catch_warnings():
            # insightface 2.1 aligns by a call that scikit-image calls deprecated.
            warnings.simplefilter("ignore", FutureWarning)
            (_,) = engine.analysis.get(prepared.picture)

    return analyse


def _dlib(pictures: Sequence[Picture], rounds: int) -> tuple[float, int]:
    """Return dlib's median ms for one of the pictures, and in how many of them it found a face."""
    python = ensure_peer(DLIB)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, picture in enumerate(pictures):
            file = Path(folder) / f"{number}.ppm"
            height, width = picture.shape[:2]
            file.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + picture[:, :, ::-1].tobytes())
            files.append(str(file))
        command = [str(python), str(Path(__file__).with_name("dlib_peer.py")), str(rounds), *files]
        measured = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return float(measured["ms"]), int(measured["faces"])


def _frames_per_second(assets: Path, workers: int, frames: int) -> float:
    """Return how many frames `workers` processes examine in a second when each has `frames` of them."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(workers)
    with context.Pool(workers, _begin_worker, (assets, together)) as pool:
        spans = pool.map(_work, [frames] * workers, chunksize=1)
    elapsed = max(end for _, end in spans) - min(start for start, _ in spans)
    return workers * frames / elapsed


_worker: dict[str, Any] = {}


def _begin_worker(assets: Path, together: Any) -> None:
    engine, pictures = load_engine(assets), learner_video_frames(10)
    for picture in pictures:
        engine.examine(picture)
    _worker.update(engine=engine, pictures=pictures, together=together)


def _work(frames: int) -> tuple[float, float]:
    """Return when the frames were begun and done, by the clock that all processes share."""
    # Nobody begins, and so nobody takes a second share, before everybody is ready.
    _worker["together"].wait()
    start = monotonic()
    for number in range(frames):
        _worker["engine"].examine(_worker["pictures"][number % len(_worker["pictures"])])
    return start, monotonic()
