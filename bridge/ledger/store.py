"""The ledger's tables: entries that are never changed, and the head of each chain."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import DDL, Index, String, UniqueConstraint, event, select, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column

from bridge.db.base import Base, Code, Count, Id, LongText, Ref, Sha256, TenantRow
from bridge.db.copying import add_rows
from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import GENESIS
from bridge.kernel.ids import ClassRunId, LearnerRef, StudySessionId, new_id
from bridge.ledger.marks import ChainOf, RowMarks, same_mark
from bridge.ledger.model.entries import LedgerEntry, LedgerHead, LedgerInvalid, parse_entry
from bridge.ledger.tree_tables import LedgerTreeHeadRow

_BEGINNING = LedgerHead()
_ROWS_AT_ONCE = 250


class LedgerEntryRow(TenantRow, Base):
    """One entry. `body` is its canonical JSON, from which it is read back; other columns are for finding it.

    `session_id` and `batch_seq` stand on beats alone. `mark` is None only on rows of before there were marks.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("institution_id", "learner_ref", "class_run_id", "seq"),
        UniqueConstraint("institution_id", "learner_ref", "class_run_id", "natural_key"),
        Index("ix_ledger_entry_session", "session_id", "batch_seq"),
        Index(
            "ix_ledger_entry_freeze",
            "institution_id",
            "class_run_id",
            sqlite_where=text("kind = 'freeze'"),
            postgresql_where=text("kind = 'freeze'"),
        ),
    )

    id: Mapped[Id]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    seq: Mapped[Count]
    prev: Mapped[Sha256]
    hash: Mapped[Sha256]
    kind: Mapped[Code]
    natural_key: Mapped[str] = mapped_column(String(200))
    session_id: Mapped[str | None] = mapped_column(String(40))
    batch_seq: Mapped[Count | None]
    body: Mapped[LongText]
    mark: Mapped[str | None] = mapped_column(String(64))


_ENTRIES: Any = LedgerEntryRow.__table__


class LedgerHeadRow(TenantRow, Base):
    """The last link of one chain. Writers lock it; what it says can be recomputed from the entries.

    `sealed_seq` says how far the chain stands in the institution's tree; it only saves looking.
    """

    __tablename__ = "ledger_head"

    id: Mapped[Id]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    seq: Mapped[Count]
    hash: Mapped[Sha256]
    mark: Mapped[str | None] = mapped_column(String(64))
    sealed_seq: Mapped[Count] = mapped_column(server_default="0")

    __table_args__ = (
        UniqueConstraint("institution_id", "learner_ref", "class_run_id"),
        Index(
            "ix_ledger_head_unsealed",
            "institution_id",
            sqlite_where=text("seq > sealed_seq"),
            postgresql_where=text("seq > sealed_seq"),
        ),
    )


APPEND_ONLY_DDL: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER ledger_entry_no_{verb} BEFORE {verb.upper()} ON ledger_entry "
        "BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END"
        for verb in ("update", "delete")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION ledger_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'ledger_entry is append-only'; END $$",
        "CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry "
        "FOR EACH ROW EXECUTE FUNCTION ledger_entry_append_only()",
        "CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_append_only()",
    ),
}
"""The database's own guard, by dialect; the migration executes the same statements."""

for _dialect, _statements in APPEND_ONLY_DDL.items():
    for _statement in _statements:
        _ddl: Any = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
        event.listen(LedgerEntryRow.__table__, "after_create", _ddl.execute_if(dialect=_dialect))


class LedgerIsAppendOnly(RuntimeError):
    """Something tried to change or delete an entry: a defect. Corrections are new entries."""


@event.listens_for(Session, "before_flush")
def _never_change_an_entry(session: Session, _context: Any, _instances: Any) -> None:
    for row in (*session.dirty, *session.deleted):
        if isinstance(row, LedgerEntryRow) and (row in session.deleted or session.is_modified(row)):
            raise LedgerIsAppendOnly(row.id)


@event.listens_for(Session, "do_orm_execute")
def _never_change_entries_in_bulk(state: ORMExecuteState) -> None:
    changes = state.is_update or state.is_delete
    if changes and state.bind_mapper is not None and state.bind_mapper.class_ is LedgerEntryRow:
        raise LedgerIsAppendOnly("ledger_entry")


class SqlLedgerStore:
    """`LedgerStore` on the unit of work's database."""

    def __init__(self, tx: Tx, marks: RowMarks) -> None:
        self._tx = tx
        self._session = tx.session
        self._marks = marks

    def lock_head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        return self._believed(self._locked(learner, class_run))

    def head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        row = self._session.scalars(self._head_query(learner, class_run)).one_or_none()
        return LedgerHead() if row is None else self._believed(row)

    def append(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        natural_keys: Sequence[str],
        entries: Sequence[LedgerEntry],
    ) -> None:
        if not entries:
            return
        row = self._locked(learner, class_run)
        if entries[0].prev != row.hash or entries[0].seq != row.seq + 1:
            raise RuntimeError("the entries do not follow the head of the chain")
        chain = self._chain(learner, class_run)
        ids = [new_id("led") for _ in entries]
        add_rows(
            self._session,
            _ENTRIES,
            [
                {
                    "id": row_id,
                    "institution_id": self._tx.institution_id,
                    "learner_ref": learner,
                    "class_run_id": class_run,
                    "seq": entry.seq,
                    "prev": entry.prev,
                    "hash": entry.hash,
                    "kind": entry.kind,
                    "natural_key": key,
                    "session_id": entry.data["session"] if entry.kind == "beats" else None,
                    "batch_seq": int(key.rpartition("|")[2]) if entry.kind == "beats" else None,
                    "body": entry.canonical().decode(),
                    "mark": self._marks.of_entry(chain, row_id, key, entry),
                }
                for row_id, key, entry in zip(ids, natural_keys, entries, strict=True)
            ],
        )
        row.seq, row.hash = entries[-1].seq, entries[-1].hash
        row.mark = self._marks.of_head(chain, row.id, LedgerHead(row.seq, row.hash))
        self._session.flush()

    def recorded(
        self, learner: LearnerRef, class_run: ClassRunId, natural_key: str
    ) -> Mapping[str, Any] | None:
        body = self._session.scalar(
            select(LedgerEntryRow.body).where(
                LedgerEntryRow.institution_id == self._tx.institution_id,
                LedgerEntryRow.learner_ref == learner,
                LedgerEntryRow.class_run_id == class_run,
                LedgerEntryRow.natural_key == natural_key,
            )
        )
        if body is None:
            return None
        data: dict[str, Any] = json.loads(body)["data"]
        return data

    def last_batch(self, learner: LearnerRef, class_run: ClassRunId, session: StudySessionId) -> int:
        return (
            self._session.scalar(
                select(LedgerEntryRow.batch_seq)
                .where(
                    LedgerEntryRow.institution_id == self._tx.institution_id,
                    LedgerEntryRow.learner_ref == learner,
                    LedgerEntryRow.class_run_id == class_run,
                    LedgerEntryRow.session_id == session,
                )
                .order_by(LedgerEntryRow.batch_seq.desc())
                .limit(1)
            )
            or 0
        )

    def entries(
        self, learner: LearnerRef, class_run: ClassRunId, after: LedgerHead = _BEGINNING
    ) -> Sequence[LedgerEntry]:
        # The head first: entries only ever come behind it, so that a writer at work cannot make the two differ.
        last = self.head(learner, class_run)
        entries: list[LedgerEntry] = []
        head = after
        with closing(self.rows(learner, class_run, after.seq, last.seq)) as rows:
            for body, digest in rows:
                line = head.seq + 2
                entry = parse_entry(json.loads(body), line)
                if (entry.seq, entry.prev, entry.hash) != (head.seq + 1, head.hash, digest):
                    raise LedgerInvalid(
                        "chain_broken", line, "数据库中的这条记录与哈希链不符,请停止出证并检查。"
                    )
                entries.append(entry)
                head = LedgerHead(entry.seq, entry.hash)
        if head != last:
            raise LedgerInvalid("head_differs", head.seq + 1, "数据库中的台账末尾缺少记录,请停止出证并检查。")
        return entries

    def rows(
        self, learner: LearnerRef, class_run: ClassRunId, after_seq: int, last_seq: int
    ) -> Generator[tuple[str, str]]:
        rows = self._session.execute(
            select(LedgerEntryRow.body, LedgerEntryRow.hash)
            .where(
                LedgerEntryRow.institution_id == self._tx.institution_id,
                LedgerEntryRow.learner_ref == learner,
                LedgerEntryRow.class_run_id == class_run,
                LedgerEntryRow.seq > after_seq,
                LedgerEntryRow.seq <= last_seq,
            )
            .order_by(LedgerEntryRow.seq),
            execution_options={"yield_per": _ROWS_AT_ONCE},
        )
        try:
            yield from ((body, digest) for body, digest in rows)
        finally:
            rows.close()

    def link(self, learner: LearnerRef, class_run: ClassRunId, seq: int) -> LedgerHead:
        digest = self._session.scalar(
            select(LedgerEntryRow.hash).where(
                LedgerEntryRow.institution_id == self._tx.institution_id,
                LedgerEntryRow.learner_ref == learner,
                LedgerEntryRow.class_run_id == class_run,
                LedgerEntryRow.seq == seq,
            )
        )
        return LedgerHead() if digest is None else LedgerHead(seq, digest)

    def _chain(self, learner: LearnerRef, class_run: ClassRunId) -> ChainOf:
        return ChainOf(self._tx.institution_id, learner, class_run)

    def _believed(self, row: LedgerHeadRow) -> LedgerHead:
        """Return the head that a row says, if the bridge wrote it.

        Heads of before there were marks are believed until the institution's first seal, which marks them.
        """
        head = LedgerHead(row.seq, row.hash)
        chain = ChainOf(row.institution_id, row.learner_ref, row.class_run_id)
        if row.mark is None:
            sealed = select(LedgerTreeHeadRow.tree_size).limit(1)
            good = head == LedgerHead() or self._session.scalar(sealed) is None
        else:
            good = same_mark(row.mark, self._marks.of_head(chain, row.id, head))
        if not good:
            raise LedgerInvalid(
                "head_not_marked",
                head.seq + 1,
                "数据库中的台账末端不是本系统写入的,请停止出证并运行 anxue ledger verify。",
            )
        return head

    def _head_query(self, learner: LearnerRef, class_run: ClassRunId) -> Any:
        return select(LedgerHeadRow).where(
            LedgerHeadRow.institution_id == self._tx.institution_id,
            LedgerHeadRow.learner_ref == learner,
            LedgerHeadRow.class_run_id == class_run,
        )

    def _locked(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHeadRow:
        locked = self._head_query(learner, class_run).with_for_update()
        row: LedgerHeadRow | None = self._session.scalars(locked).one_or_none()
        if row is not None:
            return row
        dialect = self._session.get_bind().dialect.name
        begin: Any = sqlite_insert if dialect == "sqlite" else postgresql_insert
        self._session.execute(
            begin(LedgerHeadRow).on_conflict_do_nothing(),
            {
                "id": new_id("lhd"),
                "institution_id": self._tx.institution_id,
                "learner_ref": learner,
                "class_run_id": class_run,
                "seq": 0,
                "hash": GENESIS,
            },
        )
        made: LedgerHeadRow = self._session.scalars(locked.execution_options(populate_existing=True)).one()
        return made
