"""The `face-search` bench: one face among a million made-up people, by our index, by exact search and by clusters.

A person is a random direction c; each template of theirs is a·c + √(1−a²)·e with a random e. How `a` is spread over
photographs was measured on real ones and stands here as numbers. Real templates fill fewer directions than 512: how
alike different people are was measured too, and a smaller set of people is made that are so alike.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.presence.face import VECTOR_LENGTH, FaceTemplate
from bridge.presence.model import RecogniserInForce
from plugins.presence.face_index import SketchFaceIndex
from plugins.presence.pack import load_pack

Vectors = NDArray[np.float32]

SOURCE = "docs/acceptance/2026-11-28-face-spread/spread.json"
"""`./anxue face spread` on 100 photographs of 10 people, default pack; the numbers below are its `to_centre`."""
TO_CENTRE_MEAN, TO_CENTRE_SD = 0.8418, 0.0609
TO_CENTRE_LOWEST, TO_CENTRE_HIGHEST = 0.5859, 0.9316
IMPOSTOR_SD = 0.1055
"""Of the scores of different people, from the same file."""

_AT_ONCE = 20_000
_SEED = 20261128
_EXACT_QUERIES = 50
_CLUSTERS = 1024
_PROBES = (16, 64, 256)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Made-up people: a registered template of each, and a second one of those who are looked for.

    Args:
        registered: (n, 512); `probes`: (q, 512); `who`: (q,) rows of `registered` of the same people.
    """

    registered: Vectors
    probes: Vectors
    who: NDArray[np.int64]


def make_crowd(people: int, queries: int, dimensions: int = VECTOR_LENGTH, seed: int = _SEED) -> Crowd:
    """Return `people` people of whom `queries` are looked for; the same seed makes the same people.

    Args:
        dimensions: of the space in which directions of people are drawn; what photographs add fills all 512.
    """
    random = np.random.default_rng(seed)
    who = np.sort(random.choice(people, queries, replace=False))
    registered = np.empty((people, VECTOR_LENGTH), np.float32)
    probes = np.empty((queries, VECTOR_LENGTH), np.float32)
    for start in range(0, people, _AT_ONCE):
        count = min(_AT_ONCE, people - start)
        centres = np.zeros((count, VECTOR_LENGTH), np.float32)
        centres[:, :dimensions] = random.standard_normal((count, dimensions), dtype=np.float32)
        centres = _unit(centres)
        registered[start : start + count] = _photographed(centres, random)
        asked = (who >= start) & (who < start + count)
        probes[asked] = _photographed(centres[who[asked] - start], random)
    if dimensions < VECTOR_LENGTH:
        # Signs are taken of axes, and no axis of a real recogniser is one of its principal directions.
        turn = np.linalg.qr(random.standard_normal((VECTOR_LENGTH, VECTOR_LENGTH)))[0].astype(np.float32)
        registered, probes = registered @ turn, probes @ turn
    return Crowd(registered, probes, who)


def build(crowd: Crowd, index: SketchFaceIndex) -> float:
    """Put everybody into the index through its port; return the seconds that the index took."""
    seconds = 0.0
    for start in range(0, len(crowd.registered), _AT_ONCE):
        batch = list(_templates(crowd.registered[start : start + _AT_ONCE], index.recogniser, start))
        begun = perf_counter()
        index.put(batch)
        seconds += perf_counter() - begun
    return seconds


def look_for(crowd: Crowd, index: SketchFaceIndex) -> tuple[float, NDArray[np.float64]]:
    """Return the share of those looked for who came first, and the milliseconds of each query."""
    probes = [template for _, template in _templates(crowd.probes, index.recogniser, 0)]
    milliseconds, found = [], 0
    for probe, row in zip(probes, crowd.who.tolist(), strict=True):
        begun = perf_counter()
        near = index.nearest(probe, 1)
        milliseconds.append(1000 * (perf_counter() - begun))
        found += near[0].name == str(row)
    return found / len(probes), np.array(milliseconds)


def run(people: int = 1_000_000, queries: int = 1_000, narrow_people: int = 100_000) -> dict[str, Any]:
    """Return the bench object; a million people take some minutes and about 6 GiB.

    `ms_per_query_*`, `build_seconds` and `recall_at_1` are through the port, one query at a time on one thread; the
    peers run in the same process on the same people. `narrow` is the smaller set of people who are as alike as real
    ones were: there exact search errs too, and `others_over_threshold` is how many other people a probe of somebody
    who is *not* registered would put before staff, by the pack's `same_person`.
    """
    crowd = make_crowd(people, queries)
    index = SketchFaceIndex(_recogniser())
    build_seconds = build(crowd, index)
    look_for(Crowd(crowd.registered, crowd.probes[:20], crowd.who[:20]), index)
    recall, spent = look_for(crowd, index)
    p50 = float(np.percentile(spent, 50))
    size = index.size_bytes
    del index
    return {
        "name": "face-search",
        "n": people,
        "queries": queries,
        "recall_at_1": recall,
        "ms_per_query_p50": round(p50, 3),
        "ms_per_query_p99": round(float(np.percentile(spent, 99)), 3),
        "build_seconds": round(build_seconds, 2),
        "index_bytes": size,
        "spread": {
            "to_centre_mean": TO_CENTRE_MEAN,
            "to_centre_sd": TO_CENTRE_SD,
            "to_centre_lowest": TO_CENTRE_LOWEST,
            "to_centre_highest": TO_CENTRE_HIGHEST,
            "source": SOURCE,
        },
        "narrow": _narrow(narrow_people, min(queries, narrow_people)),
        "peers": [_exact(crowd, p50), *_clusters(crowd, p50)],
    }


def narrow_dimensions() -> int:
    """Return in how many dimensions people's directions must lie for strangers to score as different as measured.

    The score of two strangers is g·(c·c′) and a rest that spreads over all 512, with g the mean of a².
    """
    g = TO_CENTRE_MEAN**2 + TO_CENTRE_SD**2
    return round(g**2 / (IMPOSTOR_SD**2 - (1 - g**2) / VECTOR_LENGTH))


def _narrow(people: int, queries: int) -> dict[str, Any]:
    dimensions = narrow_dimensions()
    crowd = make_crowd(people, queries, dimensions)
    index = SketchFaceIndex(_recogniser())
    build(crowd, index)
    recall, _ = look_for(crowd, index)
    threshold = load_pack().thresholds.same_person
    first, over = 0, 0
    for start in range(0, queries, 100):
        scores = crowd.probes[start : start + 100] @ crowd.registered.T
        own = crowd.who[start : start + 100]
        first += int((scores.argmax(axis=1) == own).sum())
        scores[np.arange(len(own)), own] = -1
        over += 0 if threshold is None else int((scores >= threshold).sum())
    return {
        "n": people,
        "dimensions": dimensions,
        "recall_at_1": recall,
        "recall_at_1_exact": first / queries,
        "same_person": threshold,
        "others_over_threshold": over / queries,
    }


def _exact(crowd: Crowd, ours_ms: float) -> dict[str, Any]:
    queries = min(_EXACT_QUERIES, len(crowd.who))
    return _peer(
        "numpy, every template in single precision, threads of its own",
        crowd,
        queries,
        lambda probe: int(np.argmax(crowd.registered @ probe)),
        ours_ms,
    )


def _clusters(crowd: Crowd, ours_ms: float) -> Iterator[dict[str, Any]]:
    """Yield faiss's inverted lists over 8-bit templates, which look into the nearest clusters alone."""
    import faiss

    faiss.omp_set_num_threads(1)
    begun = perf_counter()
    clusters = min(_CLUSTERS, len(crowd.registered) // 40)
    index: Any = faiss.index_factory(VECTOR_LENGTH, f"IVF{clusters},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(crowd.registered[: 40 * clusters])
    index.add(crowd.registered)
    seconds = round(perf_counter() - begun, 2)
    for probes in _PROBES:
        index.nprobe = min(probes, clusters)
        peer = _peer(
            f"faiss IVF{clusters},SQ8, {index.nprobe} clusters",
            crowd,
            len(crowd.who),
            lambda probe: int(index.search(probe[None], 1)[1][0, 0]),
            ours_ms,
        )
        yield {**peer, "build_seconds": seconds}


def _peer(
    name: str, crowd: Crowd, queries: int, search: Callable[[Vectors], int], ours_ms: float
) -> dict[str, Any]:
    search(crowd.probes[0])
    milliseconds, found = [], 0
    for probe, row in zip(crowd.probes[:queries], crowd.who[:queries].tolist(), strict=True):
        begun = perf_counter()
        first = search(probe)
        milliseconds.append(1000 * (perf_counter() - begun))
        found += first == row
    p50 = float(np.percentile(milliseconds, 50))
    return {
        "name": name,
        "figure": round(p50, 3),
        "unit": "ms",
        "ratio": round(ours_ms / p50, 4),
        "recall_at_1": found / queries,
        "n": queries,
    }


def _photographed(centres: Vectors, random: np.random.Generator) -> Vectors:
    added = random.standard_normal(centres.shape, dtype=np.float32)
    added -= (added * centres).sum(axis=1, keepdims=True) * centres
    drawn = random.normal(TO_CENTRE_MEAN, TO_CENTRE_SD, (len(centres), 1))
    a = np.clip(drawn, TO_CENTRE_LOWEST, TO_CENTRE_HIGHEST).astype(np.float32)
    templates: Vectors = a * centres + np.sqrt(1 - a * a) * _unit(added)
    return templates


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _templates(
    vectors: Vectors, recogniser: RecogniserInForce, first: int
) -> Iterator[tuple[str, FaceTemplate]]:
    for row, vector in enumerate(vectors, first):
        yield str(row), FaceTemplate(vector.astype("<f4").tobytes(), *recogniser)


def _recogniser() -> RecogniserInForce:
    model = load_pack().model("recogniser")
    return RecogniserInForce(model.id, model.sha256 or "")
