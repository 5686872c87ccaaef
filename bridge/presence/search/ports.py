"""What the search among registered faces needs from outside."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef
from bridge.presence.face import FaceTemplate
from bridge.presence.model import RecogniserInForce
from bridge.presence.search.model import Likeness, Near, SearchEntry


class FaceIndex(Protocol):
    """Templates of one recogniser in memory, searched for those most like a probe. Safe to call from several threads.

    Every method raises InvalidInput("face_model_differs") for a template of another model: templates of two models
    are never compared.
    """

    @property
    def recogniser(self) -> RecogniserInForce: ...

    def put(self, templates: Iterable[tuple[str, FaceTemplate]]) -> None:
        """Keep each template under its name; one that stood there before is overwritten."""
        ...

    def forget(self, name: str) -> bool:
        """Overwrite what is kept under the name, so that no bit of it stays in memory; False if there is nothing."""
        ...

    def nearest(self, probe: FaceTemplate, count: int) -> Sequence[Near]:
        """Return up to `count` of the templates most like the probe, most like it first."""
        ...

    def names(self) -> Sequence[str]:
        """Return the names under which templates are kept."""
        ...

    def __len__(self) -> int: ...

    @property
    def size_bytes(self) -> int:
        """Return what the index takes in memory for its templates."""
        ...


class SearchPermission(Protocol):
    """Whether faces may be searched at all, and whether this person's may."""

    def assessed(self, class_run: ClassRunId) -> bool:
        """Return whether an impact assessment of the search is in force for the class run (PIPL article 55)."""
        ...

    def consents(self, learner: LearnerRef) -> bool:
        """Return whether the learner's consent to the search, a purpose of its own, is in force (PIPL article 29)."""
        ...


class SearchStore(Protocol):
    """Entries and likenesses of one institution."""

    def enter(
        self, learner: LearnerRef, class_run: ClassRunId, template: EvidenceId, recogniser: RecogniserInForce
    ) -> None:
        """Enter a reference, or put another template in its place. Always a change, so that every index hears of it."""
        ...

    def take_out(self, learner: LearnerRef, class_run: ClassRunId | None = None) -> Sequence[ClassRunId]:
        """Take out the learner's entries, or that of one class run; return the class runs of those there were."""
        ...

    def entry(self, learner: LearnerRef, class_run: ClassRunId) -> SearchEntry | None: ...

    def registered(self, learner: LearnerRef) -> Sequence[ClassRunId]:
        """Return the class runs in which the learner has a face reference."""
        ...

    def changes(self, after: int, limit: int) -> Sequence[SearchEntry]:
        """Return entries as they stand whose last change came after change `after`, in the order of changes."""
        ...

    def last_change(self) -> int:
        """Return the number of the last change; 0 if there was none."""
        ...

    def add_likeness(self, likeness: Likeness) -> bool:
        """Keep a likeness; False if the two people were found alike before, whichever of them registered then."""
        ...

    def likeness(self, likeness_id: str) -> Likeness | None: ...

    def likenesses(self, learner: LearnerRef) -> Sequence[Likeness]:
        """Return what was found of a learner, on either side, oldest first."""
        ...
