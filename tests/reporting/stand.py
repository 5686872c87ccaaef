"""What the tests of reporting share: the station on a real database, and the simulator over real HTTP."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from werkzeug.serving import make_server

from bridge.completion.model import IssuedPaper
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.registry.model import Institution
from bridge.reporting.door import DoorRules
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.reconciliation import ReconciliationService
from bridge.reporting.service import ReportingService
from bridge.reporting.store import SqlReportingStore
from plugins.reporting.guangdong import signing
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.reporting.guangdong.signing import BatchSigner, XmlDsigSigner, own_key
from plugins.simulators.province.app import create_app
from plugins.simulators.province.faults import NO_FAULTS, Faults
from plugins.simulators.province.intake import Verify
from tests.completion.papers import (
    CITIZEN_ID,
    INSTITUTION,
    NOW,
    USCC,
    Identities,
    Sheets,
    Someone,
    Standings,
    Told,
)
from tests.contracts.memory_evidence import MemoryEvidence
from tests.servers.tables import make_tables

KEY = "test-key"
CITY = "440100"
KINDS = [
    "Institution",
    "ClassInfo",
    "Learner",
    "StudySession",
    "Check",
    "HourSummary",
    "TestResult",
    "Certificate",
]
HOME = Institution(INSTITUTION, USCC, "示例培训中心", "示例平台", True)


def right(citizen_id: str) -> str:
    """Return the made-up number with the check character that GB 11643 gives it."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(w * int(d) for w, d in zip(weights, citizen_id[:17], strict=True))
    return citizen_id[:17] + "10X98765432"[total % 11]


def test_signer() -> BatchSigner:
    """Return a signer with a key that only tests have."""
    return XmlDsigSigner(own_key(b"a key of the tests".ljust(32)))


test_signer.__test__ = False  # type: ignore[attr-defined]  # a maker, not a test


@dataclass
class Register:
    """The papers that there are."""

    found: dict[str, IssuedPaper] = field(default_factory=dict)

    def add(self, paper: IssuedPaper) -> str:
        self.found[paper.number] = paper
        return paper.number

    def paper_by_number(self, number: str) -> IssuedPaper | None:
        return self.found.get(number)

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[IssuedPaper]:
        return [one for one in self.found.values() if (one.learner, one.class_run) == (learner, class_run)]


@dataclass
class Asked(Told):
    """Collects events, and the jobs that were asked for."""

    jobs: list[tuple[str, str]] = field(default_factory=list)

    def want(self, kind: str, key: str, *, after: datetime | None = None) -> None:
        self.jobs.append((kind, key))


class Home:
    """The registry's word on the institution."""

    def institution(self) -> Institution:
        return HOME


class Study:
    """One session with one passed check."""

    def sessions(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, str]]:
        return [
            {
                "number": f"ss_{learner}",
                "Unit": "u1",
                "Activity": "study",
                "PresenceMethod": "face",
                "StartedAt": "2026-11-23T06:00:00.000Z",
                "EndedAt": "2026-11-23T07:40:00.000Z",
            }
        ]

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, str]]:
        return [
            {
                "number": f"ck_{learner}",
                "Session": f"ss_{learner}",
                "CheckKind": "entry",
                "DueAt": "2026-11-23T06:00:00.000Z",
                "Outcome": "passed",
                "ImageReference": f"fr_{learner}",
                "ImageSha256": "a" * 64,
            }
        ]


@dataclass
class House:
    """Reporting on a real database, everything around it made up."""

    uow: UnitOfWork
    clock: FixedClock
    register: Register = field(default_factory=Register)
    standings: Standings = field(default_factory=Standings)
    identities: Identities = field(default_factory=lambda: Identities(Someone(citizen_id=right(CITIZEN_ID))))
    told: Asked = field(default_factory=Asked)
    evidence: MemoryEvidence = field(default_factory=MemoryEvidence)
    batches: GuangdongBatches = field(default_factory=lambda: GuangdongBatches(test_signer))
    rules: DoorRules = field(default_factory=DoorRules)

    @contextmanager
    def open(self) -> Iterator[ReportingService]:
        with self.uow.for_institution(INSTITUTION) as tx:
            yield ReportingService(
                SqlReportingStore(tx),
                institution_id=INSTITUTION,
                home=Home(),
                sheets=Sheets(),
                standings=self.standings,
                papers=self.register,
                study=Study(),
                identity=self.identities,
                batches=self.batches,
                evidence=self.evidence,
                events=self.told,
                door=SqlDoorStore(tx),
                rules=self.rules,
                clock=self.clock,
                platform_code="anxue-test",
            )

    @contextmanager
    def store(self) -> Iterator[SqlReportingStore]:
        with self.uow.for_institution(INSTITUTION) as tx:
            yield SqlReportingStore(tx)

    @contextmanager
    def reconciling(self) -> Iterator[ReconciliationService]:
        with self.uow.for_institution(INSTITUTION) as tx:
            yield ReconciliationService(tx, SqlReportingStore(tx), Home(), self.clock)

    def queue(self, paper: IssuedPaper) -> str:
        """Queue a paper's records, build their batch and return its id."""
        with self.open() as reporting:
            reporting.queue_certificate(self.register.add(paper))
            return self.build(reporting)

    @staticmethod
    def build(reporting: ReportingService) -> str:
        """Build what waits and return the batch's id."""
        batch = reporting.build_batch(CITY)
        assert batch is not None
        return batch.id


@contextmanager
def open_house(database_url: str) -> Iterator[House]:
    """Open the station on an empty database."""
    engine = open_engine(database_url)
    make_tables(engine)
    clock = FixedClock(NOW)
    yield House(UnitOfWork(engine, clock), clock)
    engine.dispose()


@contextmanager
def serve_province(state: Path, faults: Faults = NO_FAULTS, verify: Verify = signing.verify) -> Iterator[str]:
    """Run the simulator on a free port; yield its address."""
    server = make_server("127.0.0.1", 0, create_app(state, KEY, faults, verify), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
