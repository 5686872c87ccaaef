"""dlib as face_recognition calls it, as a peer of the bench `face`, in an environment of its own, on one core.

    dlib_peer.py ROUNDS FRAME.ppm …

What `face_recognition.face_locations` and `face_encodings` do with their defaults: the HOG detector on the picture
doubled in size once, five points, one descriptor of 128 numbers; it says nothing of life, pose or quality. The
package itself is left out, since it asks for a dlib that is built from source. Prints one JSON object.
"""

import importlib
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any


def read_ppm(path: Path) -> Any:
    """Return a binary PPM as an array (H, W, 3), red first."""
    numpy = importlib.import_module("numpy")
    with path.open("rb") as file:
        magic, size, depth = (file.readline().split() for _ in range(3))
        content = file.read()
    if (magic, depth) != ([b"P6"], [b"255"]):
        raise ValueError("not a PPM of 8 bits")
    width, height = map(int, size)
    return numpy.frombuffer(content, numpy.uint8).reshape(height, width, 3)


def measure(rounds: int, files: list[str]) -> dict[str, Any]:
    """Return the median ms for each frame, and how many faces were found in all frames of a round."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    dlib = importlib.import_module("dlib")
    models = importlib.import_module("face_recognition_models")
    detect = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(models.pose_predictor_five_point_model_location())
    recogniser = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    frames = [read_ppm(Path(one)) for one in files]
    taken, faces = [], 0
    for turn in range(rounds + 1):
        faces = 0
        for frame in frames:
            start = time.perf_counter()
            for box in detect(frame, 1):
                recogniser.compute_face_descriptor(frame, points(frame, box), 1)
                faces += 1
            if turn:  # the first is to warm up
                taken.append((time.perf_counter() - start) * 1000)
    return {"ms": statistics.median(taken), "faces": faces}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]), sys.argv[2:])) + "\n")
