"""The search among registered faces: who takes part, and what a find becomes.

Taking part is decided anew at each step, since consent and assessment may have ended between two of them; a find is
written down only when both templates could still be opened, and from their exact score.
"""

from collections.abc import Iterator, Sequence

from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import EventsAndWishes
from bridge.kernel.evidence import EvidencePort
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import Clock, rfc3339
from bridge.presence.face import FaceTemplate, comparison_score
from bridge.presence.face_pack import FacePack
from bridge.presence.model import RecogniserInForce
from bridge.presence.ports import PresenceStore
from bridge.presence.search.model import (
    FACE_UNDER_TWO_NAMES,
    SEARCH_WAITING,
    Likeness,
    Near,
    SearchEntry,
    place_named,
    place_of,
)
from bridge.presence.search.ports import SearchPermission, SearchStore


class FaceSearch:
    """Use cases of the search inside one institution's unit of work."""

    def __init__(
        self,
        store: SearchStore,
        presence: PresenceStore,
        evidence: EvidencePort,
        permission: SearchPermission,
        events: EventsAndWishes,
        clock: Clock,
        institution_id: InstitutionId,
        pack: FacePack,
    ) -> None:
        self._store = store
        self._presence = presence
        self._evidence = evidence
        self._permission = permission
        self._events = events
        self._clock = clock
        self._institution_id = institution_id
        self._pack = pack
        recogniser = pack.model("recogniser")
        self._recogniser = RecogniserInForce(recogniser.id, recogniser.sha256 or "")

    @property
    def threshold(self) -> float | None:
        """Return the pack's `same_person`; None where it has none and nothing is searched."""
        return self._pack.thresholds.same_person

    def is_on(self, class_run: ClassRunId) -> bool:
        """Return whether faces of the class run are searched: the pack has a threshold, an assessment is in force."""
        return self.threshold is not None and self._permission.assessed(class_run)

    def enter(self, learner: LearnerRef, class_run: ClassRunId) -> FaceTemplate | None:
        """Enter the learner's reference and return its template; None, and it is out, if it may not be searched."""
        reference = self._presence.reference(learner, class_run)
        template = None
        if reference is not None and reference.is_of(self._recogniser) and self._may(learner, class_run):
            template = self._open(EvidenceId(reference.chosen))
        if reference is None or template is None:
            self._store.take_out(learner, class_run)
            return None
        self._store.enter(learner, class_run, EvidenceId(reference.chosen), self._recogniser)
        return template

    def ask(self, learner: LearnerRef) -> None:
        """Ask for a search of each of the learner's references: the consent came after them."""
        for class_run in self._store.registered(learner):
            self._events.want(SEARCH_WAITING, place_of(learner, class_run))

    def leave(self, learner: LearnerRef, class_run: ClassRunId | None = None) -> Sequence[str]:
        """Take the learner's references out, or that of one class run; return their names in an index."""
        return [place_of(learner, each) for each in self._store.take_out(learner, class_run)]

    def changes(self, after: int, limit: int) -> Sequence[SearchEntry]:
        """See `SearchStore.changes`."""
        return self._store.changes(after, limit)

    def last_change(self) -> int:
        """See `SearchStore.last_change`."""
        return self._store.last_change()

    def templates(self, entries: Sequence[SearchEntry]) -> Iterator[tuple[str, FaceTemplate]]:
        """Yield name and template of the entries that an index of the recogniser in force may keep now."""
        on = {class_run: self.is_on(class_run) for class_run in {entry.class_run for entry in entries}}
        for entry in entries:
            if entry.template is None or (entry.model_id, entry.model_sha256) != self._recogniser:
                continue
            if not on[entry.class_run] or not self._permission.consents(entry.learner):
                continue
            template = self._open(entry.template)
            if template is not None:
                yield place_of(entry.learner, entry.class_run), template

    def record(self, learner: LearnerRef, class_run: ClassRunId, found: Sequence[Near]) -> list[Likeness]:
        """Write down whose reference the learner's is like, and tell; return what is new.

        Two people are written down once, however often they are found.
        """
        threshold = self.threshold
        mine = self._template(learner, class_run)
        if threshold is None or mine is None:
            return []
        kept = []
        # In the order of names, so that those who record a common find wait for each other in one order.
        for near in sorted(found, key=lambda each: each.name):
            other, other_class_run = place_named(near.name)
            theirs = None if other == learner else self._template(other, other_class_run)
            if theirs is None:
                continue
            score = comparison_score(mine, theirs)
            if score < threshold:
                continue
            likeness = Likeness(
                id=new_id("lik"),
                learner=learner,
                class_run=class_run,
                other=other,
                other_class_run=other_class_run,
                score=score,
                threshold=threshold,
                model_id=self._recogniser.id,
                pack_id=self._pack.id,
                found_at=self._clock.now(),
            )
            if self._store.add_likeness(likeness):
                self._tell(likeness)
                kept.append(likeness)
        return kept

    def _tell(self, likeness: Likeness) -> None:
        # The score stays in this station, with the faces.
        self._events.emit(
            FACE_UNDER_TWO_NAMES,
            likeness.learner,
            occurred_at=likeness.found_at,
            idempotency_key=likeness.id,
            data={
                "likeness": likeness.id,
                "learner": likeness.learner,
                "class_run": likeness.class_run,
                "other": likeness.other,
                "other_class_run": likeness.other_class_run,
                "at": rfc3339(likeness.found_at),
            },
        )

    def _template(self, learner: LearnerRef, class_run: ClassRunId) -> FaceTemplate | None:
        """Return the template of an entry that stands and may still be searched."""
        entry = self._store.entry(learner, class_run)
        if entry is None or entry.template is None or not self._may(learner, class_run):
            return None
        if (entry.model_id, entry.model_sha256) != self._recogniser:
            return None
        return self._open(entry.template)

    def _may(self, learner: LearnerRef, class_run: ClassRunId) -> bool:
        return self.is_on(class_run) and self._permission.consents(learner)

    def _open(self, evidence: EvidenceId) -> FaceTemplate | None:
        try:
            vector = self._evidence.get(self._institution_id, evidence)
        except InvalidInput:
            # Its key was destroyed: there is nobody any more who could be compared.
            return None
        return FaceTemplate(vector, *self._recogniser)
