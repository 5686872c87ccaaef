"""An empty database with a unit of work whose clock stands and whose nudges are kept."""

from datetime import UTC, datetime

from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Id, Instant, JsonDict, TenantRow
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import InstitutionId, JobId
from bridge.kernel.time import FixedClock
from tests.servers.tables import make_tables

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ORG, OTHER_ORG = InstitutionId("org_a"), InstitutionId("org_b")


class Made(Base):
    """Base of the tables that only tests have; their metadata is not the bridge's."""

    __abstract__ = True
    metadata = type(Base.metadata)(naming_convention=Base.metadata.naming_convention)


class NoteRow(TenantRow, Made):
    """A row of one institution."""

    __tablename__ = "note"

    id: Mapped[Id]
    text: Mapped[str]
    about: Mapped[str | None] = mapped_column(default=None)
    at: Mapped[Instant]
    more: Mapped[JsonDict]


def note(id: str, institution: InstitutionId = ORG, **values: object) -> NoteRow:
    return NoteRow(**{"id": id, "institution_id": institution, "text": id, "at": NOW, "more": {}, **values})


class Office:
    """One installation's database."""

    def __init__(self, database_url: str) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        Made.metadata.create_all(self.engine)
        self.clock = FixedClock(NOW)
        self.nudged: list[JobId] = []
        self.uow = UnitOfWork(
            self.engine, self.clock, lambda jobs: self.nudged.extend(one.id for one in jobs)
        )

    def close(self) -> None:
        self.engine.dispose()
