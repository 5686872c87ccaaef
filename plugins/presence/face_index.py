"""Indexes of face templates in memory: an exact one, and one that looks at 64 bytes of each before it compares.

Rows lie in arrays of our own without a gap: a template that is forgotten is overwritten by the last one, whose
place is cleared. Libraries that keep vectors themselves mark a removed one and leave its numbers where they are.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import VECTOR_LENGTH, FaceTemplate
from bridge.presence.model import RecogniserInForce
from bridge.presence.search.model import Near

_FIRST_ROWS = 256
_GROWTH = 1.5
_AT_ONCE = 4096

CANDIDATES = 64
"""So many templates, those whose sketches differ least, are compared; a measured choice (ADR 0023)."""

Vectors = NDArray[np.float32]


class MemoryFaceIndex(ABC):
    """`FaceIndex` but for what is kept of a template and how it is looked for.

    Args:
        columns: (width, dtype) of each array in which a template has a row.
    """

    def __init__(self, recogniser: RecogniserInForce, columns: Sequence[tuple[int, type]]) -> None:
        self._recogniser = recogniser
        self._names: list[str] = []
        self._rows: dict[str, int] = {}
        self._arrays: list[NDArray[Any]] = [np.zeros((_FIRST_ROWS, width), dtype) for width, dtype in columns]
        # Held while arrays are read as well: a row that is overwritten half-way is nobody's.
        self._lock = threading.RLock()

    @abstractmethod
    def keep(self, vectors: Vectors) -> Sequence[NDArray[Any]]:
        """Return what is kept of templates (n, 512), an array (n, width) for each column."""

    @abstractmethod
    def look(self, probe: Vectors, count: int) -> tuple[Sequence[int], Sequence[float]]:
        """Return rows and scores of the `count` templates most like `probe` (512,), most like it first."""

    @property
    def recogniser(self) -> RecogniserInForce:
        return self._recogniser

    def put(self, templates: Iterable[tuple[str, FaceTemplate]]) -> None:
        for batch in _batches(templates):
            kept = self.keep(np.stack([self._vector(template) for _, template in batch]))
            with self._lock:
                rows = [self._row_for(name) for name, _ in batch]
                for array, new in zip(self._arrays, kept, strict=True):
                    array[rows] = new

    def forget(self, name: str) -> bool:
        with self._lock:
            row = self._rows.pop(name, None)
            if row is None:
                return False
            last = len(self._names) - 1
            moved = self._names.pop()
            for array in self._arrays:
                array[row] = array[last]
                array[last] = 0
            if row != last:
                self._names[row] = moved
                self._rows[moved] = row
        return True

    def nearest(self, probe: FaceTemplate, count: int) -> Sequence[Near]:
        vector = self._vector(probe)
        with self._lock:
            if not self._names or count < 1:
                return ()
            rows, scores = self.look(vector, min(count, len(self._names)))
            return [Near(self._names[row], float(score)) for row, score in zip(rows, scores, strict=True)]

    def names(self) -> Sequence[str]:
        with self._lock:
            return list(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in self._arrays)

    def _used(self, column: int) -> NDArray[Any]:
        return self._arrays[column][: len(self._names)]

    def _row_for(self, name: str) -> int:
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = len(self._names)
            self._names.append(name)
            if row == len(self._arrays[0]):
                self._grow()
        return row

    def _grow(self) -> None:
        rows = int(len(self._arrays[0]) * _GROWTH)
        for number, old in enumerate(self._arrays):
            grown = np.zeros((rows, old.shape[1]), old.dtype)
            grown[: len(old)] = old
            # What is given back to the allocator must not stay readable there.
            old[:] = 0
            self._arrays[number] = grown

    def _vector(self, template: FaceTemplate) -> Vectors:
        if (template.model_id, template.model_sha256) != self._recogniser:
            raise InvalidInput(
                "face_model_differs", "人脸特征由不同的模型生成,请重新采集人脸。", http_status=409
            )
        return np.frombuffer(template.vector, "<f4").astype(np.float32)


class ExactFaceIndex(MemoryFaceIndex):
    """Compares the probe with every template, in single precision: 2 KiB for each, slow beyond some ten thousand."""

    def __init__(self, recogniser: RecogniserInForce) -> None:
        super().__init__(recogniser, [(VECTOR_LENGTH, np.float32)])

    def keep(self, vectors: Vectors) -> Sequence[NDArray[Any]]:
        return [vectors]

    def look(self, probe: Vectors, count: int) -> tuple[Sequence[int], Sequence[float]]:
        scores: Vectors = self._used(0) @ probe
        rows = _best(scores, count)
        return rows.tolist(), scores[rows].tolist()


class SketchFaceIndex(MemoryFaceIndex):
    """Compares 512 signs with every template by faiss, and in half precision those that differ least.

    Two unit vectors at an angle t differ in t/π of their signs on average, so that who looks alike is among the few
    whose signs differ least; every template is looked at, nobody can be lost in a graph. 1,088 bytes for each.
    """

    def __init__(self, recogniser: RecogniserInForce, candidates: int = CANDIDATES) -> None:
        import faiss  # 0.2 s, and the worker alone needs it

        self._knn_hamming, self._threads = faiss.knn_hamming, faiss.omp_set_num_threads
        self._candidates = candidates
        super().__init__(recogniser, [(VECTOR_LENGTH // 8, np.uint8), (VECTOR_LENGTH, np.float16)])

    def keep(self, vectors: Vectors) -> Sequence[NDArray[Any]]:
        return [_signs(vectors), vectors.astype(np.float16)]

    def look(self, probe: Vectors, count: int) -> tuple[Sequence[int], Sequence[float]]:
        wanted = min(max(count, self._candidates), len(self._names))
        # One thread a query, said by each thread that asks: the process works on several at a time.
        self._threads(1)
        _, found = self._knn_hamming(_signs(probe[None]), self._used(0), wanted)
        near = found[0]
        scores = self._used(1)[near].astype(np.float32) @ probe
        best = _best(scores, count)
        return near[best].tolist(), scores[best].tolist()


def make_face_index(recogniser: RecogniserInForce) -> SketchFaceIndex:
    """Return the index that the bridge uses, empty."""
    return SketchFaceIndex(recogniser)


def _signs(vectors: Vectors) -> NDArray[np.uint8]:
    return np.packbits(vectors > 0, axis=-1)


def _best(scores: Vectors, count: int) -> NDArray[np.intp]:
    """Return the places of the `count` highest scores, highest first."""
    places = np.argpartition(scores, -count)[-count:] if count < len(scores) else np.arange(len(scores))
    return places[np.argsort(scores[places])[::-1]]


def _batches(templates: Iterable[tuple[str, FaceTemplate]]) -> Iterator[list[tuple[str, FaceTemplate]]]:
    source = iter(templates)
    while batch := list(islice(source, _AT_ONCE)):
        # A name that comes twice in a batch: the last one holds.
        yield list(dict(batch).items())
