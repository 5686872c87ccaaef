"""Tables of the search among registered faces. A template itself is evidence; here stands only which ones count.

Each change of an entry has a number, given under a lock that lasts until commit: who has read up to a number has
missed nothing below it, so that an index in memory is kept true by reading what came after.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float, Index, String, UniqueConstraint, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, Ref, Sha256, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef
from bridge.presence.model import RecogniserInForce
from bridge.presence.search.model import Likeness, SearchEntry
from bridge.presence.tables import FaceReferenceRow


class FaceSearchEntryRow(TenantRow, Base):
    """A reference that others are compared with. `template` is NULL from the change that took it out."""

    __tablename__ = "face_search_entry"
    __table_args__ = (Index("ix_face_search_entry_number", "institution_id", "number"),)

    learner: Mapped[str] = mapped_column(String(40), primary_key=True)
    class_run: Mapped[str] = mapped_column(String(40), primary_key=True)
    model_id: Mapped[str] = mapped_column(String(80))
    model_sha256: Mapped[Sha256]
    template: Mapped[str | None] = mapped_column(String(40))
    number: Mapped[Count]


class FaceSearchHeadRow(Base):
    """The number of an institution's last change."""

    __tablename__ = "face_search_head"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[Count]


class FaceLikenessRow(TenantRow, Base):
    """Two people of whom one face was registered; `pair` names them in an order of its own."""

    __tablename__ = "face_likeness"
    __table_args__ = (UniqueConstraint("institution_id", "pair"),)

    id: Mapped[Id]
    pair: Mapped[str] = mapped_column(String(90))
    learner: Mapped[Ref] = mapped_column(index=True)
    class_run: Mapped[Ref]
    other: Mapped[Ref] = mapped_column(index=True)
    other_class_run: Mapped[Ref]
    score: Mapped[float] = mapped_column(Float)
    threshold: Mapped[float] = mapped_column(Float)
    model_id: Mapped[str] = mapped_column(String(80))
    pack_id: Mapped[Code]
    found_at: Mapped[Instant]


class SqlSearchStore:
    """`SearchStore` on the unit of work's database."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._db = tx.session

    def enter(
        self, learner: LearnerRef, class_run: ClassRunId, template: EvidenceId, recogniser: RecogniserInForce
    ) -> None:
        row = self._db.get(
            FaceSearchEntryRow, (learner, class_run), with_for_update=True, populate_existing=True
        )
        if row is None:
            row = FaceSearchEntryRow(
                learner=learner, class_run=class_run, institution_id=self._tx.institution_id
            )
        row.template, (row.model_id, row.model_sha256) = template, recogniser
        row.number = self._next_number()
        self._db.add(row)
        self._db.flush()

    def take_out(self, learner: LearnerRef, class_run: ClassRunId | None = None) -> Sequence[ClassRunId]:
        wanted = select(FaceSearchEntryRow).where(
            FaceSearchEntryRow.learner == learner, FaceSearchEntryRow.template.is_not(None)
        )
        if class_run is not None:
            wanted = wanted.where(FaceSearchEntryRow.class_run == class_run)
        rows = self._db.scalars(wanted.order_by(FaceSearchEntryRow.class_run).with_for_update()).all()
        for row in rows:
            row.template, row.number = None, self._next_number()
        self._db.flush()
        return [ClassRunId(row.class_run) for row in rows]

    def entry(self, learner: LearnerRef, class_run: ClassRunId) -> SearchEntry | None:
        # Not locked: two people who are found alike at the same time would wait for each other.
        row = self._db.get(FaceSearchEntryRow, (learner, class_run), populate_existing=True)
        return None if row is None else _entry(row)

    def registered(self, learner: LearnerRef) -> Sequence[ClassRunId]:
        rows = self._db.scalars(
            select(FaceReferenceRow.class_run)
            .where(FaceReferenceRow.learner == learner)
            .order_by(FaceReferenceRow.class_run)
        )
        return [ClassRunId(one) for one in rows]

    def changes(self, after: int, limit: int) -> Sequence[SearchEntry]:
        rows = self._db.scalars(
            select(FaceSearchEntryRow)
            .where(FaceSearchEntryRow.number > after)
            .order_by(FaceSearchEntryRow.number)
            .limit(limit)
        )
        return [_entry(row) for row in rows]

    def last_change(self) -> int:
        return (
            self._db.scalar(
                select(FaceSearchHeadRow.number).where(
                    FaceSearchHeadRow.institution_id == self._tx.institution_id
                )
            )
            or 0
        )

    def add_likeness(self, likeness: Likeness) -> bool:
        pair = "|".join(sorted((likeness.learner, likeness.other)))
        values: dict[str, Any] = {name: getattr(likeness, name) for name in Likeness.__slots__}
        statement = (
            self._insert(FaceLikenessRow.__table__)
            .values(institution_id=self._tx.institution_id, pair=pair, **values)
            .on_conflict_do_nothing(index_elements=["institution_id", "pair"])
            .returning(FaceLikenessRow.__table__.c.id)
        )
        return self._db.execute(statement).first() is not None

    def likeness(self, likeness_id: str) -> Likeness | None:
        row = self._db.get(FaceLikenessRow, likeness_id)
        return None if row is None else _likeness(row)

    def likenesses(self, learner: LearnerRef) -> Sequence[Likeness]:
        rows = self._db.scalars(
            select(FaceLikenessRow)
            .where(or_(FaceLikenessRow.learner == learner, FaceLikenessRow.other == learner))
            .order_by(FaceLikenessRow.found_at, FaceLikenessRow.pair)
        )
        return [_likeness(row) for row in rows]

    def _next_number(self) -> int:
        head: Any = FaceSearchHeadRow.__table__
        statement = (
            self._insert(head)
            .values(institution_id=self._tx.institution_id, number=1)
            .on_conflict_do_update(index_elements=["institution_id"], set_={"number": head.c.number + 1})
            .returning(head.c.number)
        )
        return int(self._db.execute(statement).scalar_one())

    def _insert(self, table: Any) -> Any:
        insert: Any = sqlite_insert if self._db.get_bind().dialect.name == "sqlite" else postgresql_insert
        return insert(table)


def institutions_searched(tx: Tx) -> list[InstitutionId]:
    """Return the institutions that have entries, in a unit of work that spans them."""
    return [InstitutionId(one) for one in tx.session.scalars(select(FaceSearchHeadRow.institution_id))]


def _entry(row: FaceSearchEntryRow) -> SearchEntry:
    return SearchEntry(
        LearnerRef(row.learner),
        ClassRunId(row.class_run),
        row.model_id,
        row.model_sha256,
        None if row.template is None else EvidenceId(row.template),
        row.number,
    )


def _likeness(row: FaceLikenessRow) -> Likeness:
    return Likeness(**{name: getattr(row, name) for name in Likeness.__slots__})
