"""The job that searches a face that was registered, who may be searched, and the vault that takes people out."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bridge.db.data_keys import DataKeyRow
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.db.vault import Vault
from bridge.identity.consent import FACE, FACE_SEARCH
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.search.model import SEARCH_WAITING, Near, place_named
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House


def search_works(house: "House") -> dict[str, Work]:
    """Return the work of searching a face that was registered."""

    def prepare(job: Job) -> Sequence[Near]:
        learner, class_run = place_named(job.key)
        # Entered first, for everybody to see, then searched: of two who register one face at the same time, the
        # later to search finds the other.
        with house.uow.for_institution(job.institution_id) as tx:
            search = house.at(tx).face_search
            template = search.enter(learner, class_run)
            threshold = search.threshold
        if template is None or threshold is None:
            return ()
        return house.face_indexes.search(job.institution_id, learner, template, threshold)

    def apply(tx: Tx, job: Job, found: Sequence[Near]) -> None:
        if found:
            house.at(tx).face_search.record(*place_named(job.key), found)

    return {SEARCH_WAITING: Work(prepare=prepare, apply=apply)}


class PermissionInForce:
    """`SearchPermission`: the learner's consent and the institution's impact assessment, both of this purpose."""

    def __init__(
        self, consent: Callable[[LearnerRef, str], bool], assessed: Callable[[str, ClassRunId], bool]
    ) -> None:
        self._consent = consent
        self._assessed = assessed

    def assessed(self, class_run: ClassRunId) -> bool:
        # Whatever stops the checking of faces stops the search among them.
        return all(self._assessed(purpose, class_run) for purpose in (FACE, FACE_SEARCH))

    def consents(self, learner: LearnerRef) -> bool:
        return self._consent(learner, FACE_SEARCH)


class ForgettingVault(Vault):
    """The vault; whatever destroys the key of face templates takes them out of the search in the same breath."""

    def __init__(self, *args: Any, left: Callable[[LearnerRef, ClassRunId], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left = left

    def _wipe(self, key: DataKeyRow) -> list[tuple[str, str]]:
        wiped = super()._wipe(key)
        if key.purpose == EvidencePurpose.FACE_TEMPLATE:
            self._left(LearnerRef(key.subject), ClassRunId(key.class_run_id))
        return wiped
