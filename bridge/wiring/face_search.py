"""Indexes of registered faces in this process's memory, kept true to the entries in the database.

Templates stay encrypted at rest; an index is made from them when the worker starts and lives in its memory alone.
Before each search, and at each sweep, it hears of every change since the last one: a person who took the consent
back is overwritten there, and a person whose key was destroyed cannot be opened again by anybody.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.presence.face import FaceTemplate
from bridge.presence.search.model import Near, SearchEntry, place_named, place_of
from bridge.presence.search.ports import FaceIndex
from bridge.presence.search.service import FaceSearch
from bridge.presence.search.store import institutions_searched

if TYPE_CHECKING:
    from bridge.wiring.house import House

log = structlog.get_logger()

_AT_ONCE = 500
"""Entries that are read and opened in one unit of work."""
_WITHIN_A_JOB = 2_000
"""So many changes a job hears of by itself; with more it waits for the thread that loads, or its lease would end."""
_PATIENCE_SECONDS = 5.0
"""So long a job waits for another thread that hears of changes."""
_MOST_FOUND = 8
"""So many other people are told of at most."""
_ROUNDING = 0.002
"""By so much a score of an index may fall short of the exact one, which decides."""


class _Held:
    """One institution's index, the number of the last change that it has heard of, and whose faces are in it."""

    def __init__(self, index: FaceIndex) -> None:
        self.index = index
        self.number = 0
        self.class_runs: dict[ClassRunId, bool] = {}
        """Class runs of entries heard of, and whether their faces were searched then."""
        self.lock = threading.Lock()


class FaceIndexes:
    """The indexes of all institutions of this process.

    Args:
        make: returns an empty index for the recogniser in force.
    """

    def __init__(self, house: "House", make: Callable[[], FaceIndex]) -> None:
        self._house = house
        self._make = make
        self._held: dict[InstitutionId, _Held] = {}
        self._making = threading.Lock()
        self._loading: threading.Thread | None = None
        self._started = False
        self._closing = threading.Event()

    def load_in_background(self) -> None:
        """Load the indexes of all institutions in a thread; searches of one that is not loaded wait for it."""
        with self._making:
            if self._loading is None or not self._loading.is_alive():
                self._loading = threading.Thread(target=self._load, name="face-index", daemon=True)
                self._loading.start()

    def wait(self) -> None:
        """Return once nothing is being loaded in the background."""
        if self._loading is not None:
            self._loading.join()

    def close(self) -> None:
        """End what is being loaded in the background."""
        self._closing.set()
        self.wait()

    def search(
        self, institution: InstitutionId, learner: LearnerRef, probe: FaceTemplate, threshold: float
    ) -> Sequence[Near]:
        """Return whose templates reach about `threshold` with the probe, other than the learner's own.

        Raises:
            Unavailable("face_index_loading"): later; the index is being made.
        """
        self.catch_up(institution, at_most=_WITHIN_A_JOB)
        index = self._of(institution).index
        count = _MOST_FOUND
        while True:
            near = index.nearest(probe, count)
            others = [each for each in near if place_named(each.name)[0] != learner]
            # A learner's own references, one for each class run, are the most alike and would fill the list.
            if len(others) >= _MOST_FOUND or len(near) < count:
                break
            count *= 4
        return [each for each in others[:_MOST_FOUND] if each.score >= threshold - _ROUNDING]

    def catch_up(self, institution: InstitutionId, *, at_most: int | None = None) -> None:
        """Have the institution's index hear of every committed change.

        Raises:
            Unavailable("face_index_loading"): another thread is long at it, or more than `at_most` changes wait.
        """
        held = self._of(institution)
        if not held.lock.acquire(timeout=-1 if at_most is None else _PATIENCE_SECONDS):
            raise _loading()
        try:
            while not self._closing.is_set() and self._hear(institution, held, at_most):
                pass
        finally:
            held.lock.release()

    def sweep(self, *, look_at_grounds: bool = False) -> None:
        """Have every index in memory hear of what changed: withdrawals above all. The first time they are loaded.

        Args:
            look_at_grounds: also drop faces of class runs whose impact assessment ended.
        """
        if not self._started:
            self._started = True
            if self._institutions():
                self.load_in_background()
            return
        for institution, held in list(self._held.items()):
            if look_at_grounds:
                self._look_at_grounds(institution, held)
            try:
                self.catch_up(institution, at_most=_WITHIN_A_JOB)
            except Unavailable:
                continue

    def sizes(self) -> Mapping[InstitutionId, tuple[int, int]]:
        """Return the number of templates and the bytes of each index."""
        return {
            institution: (len(held.index), held.index.size_bytes)
            for institution, held in list(self._held.items())
        }

    def forget(self, institution: InstitutionId, names: Sequence[str]) -> None:
        """Overwrite templates in this process's index, if there is one, without waiting for the next search."""
        held = self._held.get(institution)
        if held is not None:
            for name in names:
                held.index.forget(name)

    def _hear(self, institution: InstitutionId, held: _Held, at_most: int | None) -> bool:
        """Hear of the next changes; return whether there may be more."""
        with self._house.uow.for_institution(institution, read_only=True) as tx:
            search = self._house.at(tx).face_search
            last = search.last_change()
            if last == held.number:
                return False
            if at_most is not None and last - held.number > at_most:
                self.load_in_background()
                raise _loading()
            entries = search.changes(held.number, _AT_ONCE)
            templates = list(search.templates(entries))
            for class_run in {entry.class_run for entry in entries} - held.class_runs.keys():
                held.class_runs[class_run] = search.is_on(class_run)
        _apply(held.index, entries, templates)
        held.number = entries[-1].number if entries else last
        if len(entries) == _AT_ONCE:
            log.info("face_index", institution=institution, change=held.number, of=last, kept=len(held.index))
        return True

    def _look_at_grounds(self, institution: InstitutionId, held: _Held) -> None:
        with held.lock:
            with self._house.uow.for_institution(institution, read_only=True) as tx:
                search = self._house.at(tx).face_search
                now = {class_run: search.is_on(class_run) for class_run in held.class_runs}
            if now == held.class_runs:
                return
            for name in held.index.names():
                held.index.forget(name)
            held.class_runs.clear()
            held.number = 0

    def _of(self, institution: InstitutionId) -> _Held:
        with self._making:
            held = self._held.get(institution)
            if held is None:
                held = self._held[institution] = _Held(self._make())
            return held

    def _institutions(self) -> Sequence[InstitutionId]:
        with self._house.uow.across_institutions("load the indexes of faces", read_only=True) as tx:
            return institutions_searched(tx)

    def _load(self) -> None:
        for institution in self._institutions():
            self.catch_up(institution)
            if self._closing.is_set():
                return
            index = self._of(institution).index
            mib = index.size_bytes // 2**20
            log.info("face_index_ready", institution=institution, kept=len(index), mib=mib)


def _apply(
    index: FaceIndex, entries: Sequence[SearchEntry], templates: Sequence[tuple[str, FaceTemplate]]
) -> None:
    opened = {name for name, _ in templates}
    for entry in entries:
        name = place_of(entry.learner, entry.class_run)
        if name not in opened:
            index.forget(name)
    index.put(templates)


def leave_search(
    indexes: FaceIndexes,
    institution: InstitutionId,
    after_commit: list[Callable[[], None]],
    search: FaceSearch,
    learner: LearnerRef,
    class_run: ClassRunId | None = None,
) -> None:
    """Take a learner's references out, and out of this process's memory once that is durable."""
    names = search.leave(learner, class_run)
    if names:
        after_commit.append(lambda: indexes.forget(institution, names))


def _loading() -> Unavailable:
    return Unavailable("face_index_loading", "人脸查重索引正在载入,稍后自动再试。")
