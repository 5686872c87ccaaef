"""The inbox table: append-only, hash-chained."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, String, UniqueConstraint, bindparam, event, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import append_only_ddl
from bridge.db.base import Base, Code, Count, Id, Instant, LongText, Sha256, TenantRow
from bridge.db.prepared import Prepared
from bridge.db.unit_of_work import Tx
from bridge.intake import days
from bridge.intake.model import ChainHead, InboxRecord
from bridge.intake.retention_tables import InboxRetentionRow
from bridge.kernel.canonical import GENESIS, canonical_json, chained_hash, sha256_hex
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import MessageId, new_id
from bridge.kernel.time import SystemClock, legal_date, rfc3339


class InboxMessageRow(TenantRow, Base):
    """One message as it was stored."""

    __tablename__ = "inbox_message"
    __table_args__ = (
        UniqueConstraint("chain", "seq"),
        UniqueConstraint("institution_id", "source", "idempotency_key"),
    )

    id: Mapped[Id]
    chain: Mapped[str] = mapped_column(String(120))
    seq: Mapped[Count]
    source: Mapped[Code]
    idempotency_key: Mapped[str] = mapped_column(String(200))
    received_at: Mapped[Instant]
    original_sha256: Mapped[Sha256]
    verification: Mapped[str] = mapped_column(String(120))
    payload: Mapped[LongText]
    previous_hash: Mapped[Sha256]
    hash: Mapped[Sha256]


class InboxChainRow(TenantRow, Base):
    """The head of a chain that no other row keeps."""

    __tablename__ = "inbox_chain"

    chain: Mapped[str] = mapped_column(String(120), primary_key=True)
    seq: Mapped[Count]
    hash: Mapped[Sha256]


_RETENTION_MAY = (
    "OLD.source = 'agent' AND EXISTS (SELECT 1 FROM inbox_retention WHERE step = 'dropped'"
    " AND OLD.chain >= first_chain AND OLD.chain < end_chain)"
)
"""In SQLite a day's batches may go once the record stands that they go: no other row can be deleted."""

SQLITE_GUARD = (
    "CREATE TRIGGER inbox_message_no_update BEFORE UPDATE ON inbox_message "
    "BEGIN SELECT RAISE(ABORT, 'inbox_message is append-only'); END",
    f"CREATE TRIGGER inbox_message_no_delete BEFORE DELETE ON inbox_message WHEN NOT ({_RETENTION_MAY}) "
    "BEGIN SELECT RAISE(ABORT, 'inbox_message is append-only'); END",
)


# The guard reads that table.
InboxMessageRow.__table__.add_is_dependent_on(InboxRetentionRow.__table__)  # type: ignore[attr-defined]  # a Table


@event.listens_for(InboxMessageRow.__table__, "after_create")
def _lay_out(_table: Any, connection: Connection, **_options: Any) -> None:
    """Do what the migrations do to a table made from the mapped one."""
    statements: tuple[str, ...] = SQLITE_GUARD
    if connection.dialect.name == "postgresql":
        wanted = days.days_wanted(legal_date(SystemClock().now()))
        statements = (
            *append_only_ddl("inbox_message", "postgresql"),
            *days.layout_ddl(),
            *(statement for day in wanted for statement in days.day_ddl(day)),
            *days.attach_claims_ddl(),
        )
    for statement in statements:
        connection.exec_driver_sql(statement)


log = structlog.get_logger()

_TABLE: Any = InboxMessageRow.__table__
_CHAIN: Any = InboxChainRow.__table__
_INSERT = Prepared(
    lambda _dialect: insert(_TABLE).values({column.name: bindparam(column.name) for column in _TABLE.c})
)
_LOCKED_HEAD = Prepared(
    lambda _dialect: (
        select(_CHAIN.c.seq, _CHAIN.c.hash).where(_CHAIN.c.chain == bindparam("chain")).with_for_update()
    )
)
_ADVANCE = Prepared(
    lambda _dialect: (
        update(_CHAIN)
        .where(_CHAIN.c.chain == bindparam("of"))
        .values(seq=bindparam("seq"), hash=bindparam("hash"))
    )
)


def record_hash(
    previous_hash: str,
    *,
    chain: str,
    seq: int,
    source: str,
    received_at: datetime,
    original_sha256: str,
    verification: str,
    payload: str,
) -> str:
    """Return the hash of an inbox record that follows `previous_hash` (hex)."""
    return chained_hash(
        previous_hash,
        canonical_json(
            {
                "chain": chain,
                "original_sha256": original_sha256,
                "payload_sha256": sha256_hex(payload.encode()),
                "received_at": rfc3339(received_at),
                "seq": seq,
                "source": source,
                "v": 1,
                "verification": verification,
            }
        ),
    )


class SqlInbox:
    """`Inbox` on the unit of work's database."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def append(
        self,
        *,
        chain: str,
        source: str,
        received_at: datetime,
        original_sha256: str,
        verification: str,
        idempotency_key: str,
        payload: str,
        head: ChainHead | None = None,
    ) -> InboxRecord | None:
        # The head is locked first: of two that carry one key at once, the later finds the earlier's message.
        last = head or self._head(chain)
        if head is None and self.find(source, idempotency_key) is not None:
            return None
        seq = last.seq + 1
        link = record_hash(
            last.hash,
            chain=chain,
            seq=seq,
            source=source,
            received_at=received_at,
            original_sha256=original_sha256,
            verification=verification,
            payload=payload,
        )
        record = InboxRecord(
            id=MessageId(new_id("msg")),
            chain=chain,
            seq=seq,
            source=source,
            received_at=received_at,
            original_sha256=original_sha256,
            verification=verification,
            payload=payload,
            previous_hash=last.hash,
            hash=link,
        )
        self._insert(
            {
                "institution_id": self._tx.institution_id,
                "idempotency_key": idempotency_key,
                **{name: getattr(record, name) for name in InboxRecord.__slots__},
            }
        )
        if head is None:
            self._tx.session.execute(
                update(InboxChainRow).where(InboxChainRow.chain == chain).values(seq=seq, hash=link)
            )
        return record

    def lock(self, chain: str) -> ChainHead:
        """Have whoever else appends to `chain` wait until this unit of work ends; return its last link."""
        return self._head(chain)

    def advance(self, record: InboxRecord) -> None:
        """Make `record`, which was appended after a head from `lock`, its chain's last link."""
        _ADVANCE.run(self._tx.session, {"of": record.chain, "seq": record.seq, "hash": record.hash})

    def find(self, source: str, idempotency_key: str) -> MessageId | None:
        found = self._tx.session.scalar(
            select(InboxMessageRow.id).where(
                InboxMessageRow.source == source, InboxMessageRow.idempotency_key == idempotency_key
            )
        )
        return None if found is None else MessageId(found)

    def after(self, chain: str, seq: int, limit: int) -> list[InboxRecord]:
        # The source is said for the planner's sake: it then looks at one table alone, whatever their number.
        of_agent = InboxMessageRow.source == days.AGENT
        rows = self._tx.session.scalars(
            select(InboxMessageRow)
            .where(of_agent if days.is_chain_of_agent(chain) else ~of_agent)
            .where(InboxMessageRow.chain == chain, InboxMessageRow.seq > seq)
            .order_by(InboxMessageRow.seq)
            .limit(limit)
        )
        return [InboxRecord(**{name: getattr(row, name) for name in InboxRecord.__slots__}) for row in rows]

    def _insert(self, row: dict[str, Any]) -> None:
        try:
            _INSERT.run(self._tx.session, row)
        except IntegrityError as error:
            if not _without_partition(error):
                raise
            log.error("inbox_day_missing", day=days.day_of_chain(row["chain"]).isoformat())
            # Not the sender's fault, and not ours to guess at: the agent keeps the batch and sends it again.
            raise Unavailable(
                "inbox_day_missing", "服务器正在准备当日的记录表,学习记录已保留在本页,稍后会自动重发。"
            ) from error

    def _head(self, chain: str) -> ChainHead:
        db = self._tx.session
        row = _LOCKED_HEAD.row(db, {"chain": chain})
        if row is None:
            begin = sqlite_insert if db.get_bind().dialect.name == "sqlite" else postgresql_insert
            first = {"institution_id": self._tx.institution_id, "chain": chain, "seq": 0, "hash": GENESIS}
            db.execute(begin(_CHAIN).values(first).on_conflict_do_nothing())
            row = _LOCKED_HEAD.row(db, {"chain": chain})
        return ChainHead(row.seq, row.hash)


def _without_partition(error: IntegrityError) -> bool:
    """Return whether PostgreSQL had no table to put a row into: a violated check that has no name."""
    cause: Any = error.orig
    return getattr(cause, "sqlstate", None) == "23514" and cause.diag.constraint_name is None
