"""The search among registered faces on a real database: permissions that a test sets, templates at chosen angles."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import select

from bridge.db.engine import open_engine
from bridge.db.outbox import EventRow, Job, JobRow
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, JobId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.presence.face import FaceTemplate
from bridge.presence.face_pack import FacePack
from bridge.presence.model import FaceReference
from bridge.presence.search.model import SEARCH_WAITING, Likeness, place_of
from bridge.presence.search.service import FaceSearch
from bridge.presence.search.store import SqlSearchStore
from bridge.presence.store import SqlPresenceStore
from bridge.wiring.face_search import FaceIndexes
from bridge.wiring.face_search_jobs import search_works
from bridge.wiring.house import House
from plugins.presence.face_index import make_face_index
from tests.contracts.memory_evidence import MemoryEvidence
from tests.presence.pictures import PACK, RECOGNISER, template
from tests.presence.room import NOW, ORG, RUN
from tests.servers.tables import make_tables

ANN, BOB, CLEO = LearnerRef("lrn_ann"), LearnerRef("lrn_bob"), LearnerRef("lrn_cleo")


@dataclass
class Permission:
    """`SearchPermission` that a test sets: everybody but `withdrawn`, every class run but `unassessed`."""

    withdrawn: set[LearnerRef] = field(default_factory=set)
    unassessed: set[ClassRunId] = field(default_factory=set)

    def assessed(self, class_run: ClassRunId) -> bool:
        return class_run not in self.unassessed

    def consents(self, learner: LearnerRef) -> bool:
        return learner not in self.withdrawn


class SearchRoom:
    """One installation that has registered faces and nothing else, and a worker process with its indexes."""

    def __init__(self, database_url: str) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        self.clock = FixedClock(NOW)
        self.uow = UnitOfWork(self.engine, self.clock)
        self.evidence = MemoryEvidence()
        self.permission = Permission()
        self.pack: FacePack = PACK
        self.face_indexes = self.another_process()

    def another_process(self) -> FaceIndexes:
        """Return the indexes of a further process, which has loaded nothing."""
        return FaceIndexes(cast(House, self), lambda: make_face_index(RECOGNISER))

    def at(self, tx: Tx) -> Any:
        """Return what the wiring asks of stations."""
        search = FaceSearch(
            SqlSearchStore(tx),
            SqlPresenceStore(tx),
            self.evidence,
            self.permission,
            tx,
            self.clock,
            tx.institution_id,
            self.pack,
        )
        return SimpleNamespace(face_search=search)

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[FaceSearch]:
        with self.uow.for_institution(institution) as tx:
            yield self.at(tx).face_search

    def register(
        self,
        learner: LearnerRef,
        degrees: float,
        class_run: ClassRunId = RUN,
        institution: InstitutionId = ORG,
        made: FaceTemplate | None = None,
    ) -> EvidenceId:
        """Keep a reference of the learner whose face is so many degrees from `template(0)`."""
        made = made or template(degrees)
        scope = EvidenceScope(institution, learner, EvidencePurpose.FACE_TEMPLATE, class_run)
        evidence = self.evidence.put(scope, made.vector, "application/octet-stream")
        with self.uow.for_institution(institution) as tx:
            SqlPresenceStore(tx).save_reference(
                FaceReference(
                    learner=learner,
                    class_run=class_run,
                    model_id=made.model_id,
                    model_sha256=made.model_sha256,
                    templates=(evidence,),
                    chosen=evidence,
                    anchored_ms=None,
                    has_roster_photo=False,
                )
            )
        return evidence

    def destroy(self, learner: LearnerRef, class_run: ClassRunId = RUN) -> None:
        """Destroy the key of a learner's templates; nobody tells the search of it."""
        self.evidence.destroy(
            EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, class_run),
            reason="requested",
            by="stf_lin",
        )

    def search(
        self, learner: LearnerRef, class_run: ClassRunId = RUN, institution: InstitutionId = ORG
    ) -> list[Likeness]:
        """Do what the worker does after a reference was kept; return what the learner was found like."""
        work = search_works(cast(House, self))[SEARCH_WAITING]
        job = Job(JobId("job_1"), institution, SEARCH_WAITING, place_of(learner, class_run), 1, 1)
        prepared = work.prepare(job)
        with self.uow.for_institution(institution) as tx:
            work.apply(tx, job, prepared)
        with self.uow.for_institution(institution, read_only=True) as tx:
            return list(SqlSearchStore(tx).likenesses(learner))

    def enrol(self, learner: LearnerRef, degrees: float, **where: Any) -> list[Likeness]:
        """Register a face and have it searched."""
        self.register(learner, degrees, **where)
        return self.search(learner, **where)

    def kept(self, institution: InstitutionId = ORG) -> int:
        """Return how many templates this process holds of an institution."""
        return self.face_indexes.sizes().get(institution, (0, 0))[0]

    def rows(self, of: type[EventRow] | type[JobRow], name: str) -> list[Any]:
        """Return the events of a type, or the jobs of a kind, in the order in which they were written."""
        column = EventRow.type if of is EventRow else JobRow.kind
        with self.uow.across_institutions("read a test's rows", read_only=True) as tx:
            return list(tx.session.scalars(select(of).where(column == name)))

    def without_threshold(self) -> None:
        """Have a pack that says nothing of the search."""
        self.pack = replace(PACK, thresholds=replace(PACK.thresholds, same_person=None))

    def close(self) -> None:
        self.face_indexes.close()
        self.engine.dispose()
