"""Statements of one institution's store: written once, found by their terms."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, insert, select, tuple_

from bridge.db.copying import write_rows
from bridge.db.prepared import Prepared, on_driver
from bridge.db.unit_of_work import Tx
from bridge.intake.xapi.model import Attachment, Query, Store
from bridge.intake.xapi.tables import XapiAttachmentRow, XapiReferenceRow, XapiStatementRow, XapiTermRow

_STATEMENT: Any = XapiStatementRow.__table__
_TERM: Any = XapiTermRow.__table__
_LAST = Prepared(lambda _dialect: select(func.max(_STATEMENT.c.seq)))
_EXISTING_SQLITE = (
    "SELECT statement_id, payload FROM xapi_statement WHERE institution_id = ? AND store = ?"
    " AND statement_id IN (SELECT value FROM json_each(?))"
)
_EXISTING = (
    "SELECT statement_id, payload FROM xapi_statement WHERE institution_id = %s AND store = %s"
    " AND statement_id = ANY(%s)"
)
"""In the drivers' words: to write out a hundred ids anew each time costs more than to look for them (measured)."""
_REFERENCE: Any = XapiReferenceRow.__table__
_ATTACHMENT: Any = XapiAttachmentRow.__table__


class NewStatement(NamedTuple):
    """A statement that is to be kept.

    Args:
        target: the statement that it refers to (object StatementRef), if it does; `voids`: whether to void it.
    """

    id: str
    payload: str
    sha256: str
    terms: Mapping[str, bool]
    target: str | None
    voids: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement as it is found."""

    seq: int
    stored: datetime
    payload: str


class SqlStatements:
    """The statements of one store, in an open unit of work."""

    def __init__(self, tx: Tx, store: Store) -> None:
        self._session = tx.session
        self._institution = tx.institution_id
        self._store = store

    def existing(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the payloads of those of `ids` that are kept."""
        connection = self._session.connection()
        is_sqlite = connection.dialect.name == "sqlite"
        given = (self._institution, str(self._store), json.dumps(list(ids)) if is_sqlite else list(ids))
        return dict(on_driver(connection, _EXISTING_SQLITE if is_sqlite else _EXISTING, given).fetchall())

    def add(self, new: Sequence[NewStatement], *, source: str, message: str, stored: datetime) -> None:
        """Keep statements whose ids are not kept yet, in their order."""
        connection = self._session.connection()
        dialect = connection.dialect
        seqs = self._numbers(len(new))
        bound = _STATEMENT.c.stored.type.dialect_impl(dialect).bind_processor(dialect)
        owner = (self._institution, str(self._store), source, message, bound(stored) if bound else stored)
        write_rows(
            connection,
            _STATEMENT,
            ("seq", "institution_id", "store", "source", "message", "stored", "statement_id", "payload"),
            [(seq, *owner, one.id, one.payload) for seq, one in zip(seqs, new, strict=True)],
        )
        by_term: dict[str, list[tuple[str, int, bool]]] = {}
        for seq, one in zip(seqs, new, strict=True):
            for key, direct in one.terms.items():
                by_term.setdefault(key, []).append((key, seq, direct))
        write_rows(
            connection,
            _TERM,
            ("key", "seq", "direct"),
            # In the order of their index: a batch has the same few terms again and again, side by side there.
            [row for _key, rows in sorted(by_term.items()) for row in rows],
        )
        for seq, one in zip(seqs, new, strict=True):
            if one.target is not None:
                self._refer(one, seq, source)

    def _numbers(self, count: int) -> Sequence[int]:
        """Return the next numbers of statements; they rise."""
        if self._session.get_bind().dialect.name == "sqlite":
            # The unit of work holds the only write lock.
            last = _LAST.row(self._session, {})[0] or 0
            return range(last + 1, last + 1 + count)
        sequence = func.pg_get_serial_sequence(_STATEMENT.name, "seq")
        return self._session.scalars(
            select(func.nextval(sequence)).select_from(func.generate_series(1, count))
        ).all()

    def one(self, statement_id: str, *, voided: bool, source: str | None) -> Kept | None:
        """Return a statement, if it is (or, with `voided`, if it is not) in force."""
        is_voided = self._voided(_STATEMENT)
        row = self._session.execute(
            self._kept(source).where(
                _STATEMENT.c.statement_id == statement_id, is_voided if voided else ~is_voided
            )
        ).first()
        return None if row is None else Kept(*row)

    def find(self, query: Query, source: str | None) -> list[Kept]:
        """Return up to `query.limit` + 1 statements; the one too many says that there are more."""
        wanted = self._kept(source).where(~self._voided(_STATEMENT))
        if query.after is not None:
            wanted = wanted.where(_STATEMENT.c.stored > query.after)
        if query.before is not None:
            wanted = wanted.where(_STATEMENT.c.stored <= query.before)
        if not query.terms:
            place = tuple_(_STATEMENT.c.stored, _STATEMENT.c.seq)
            if query.position is not None:
                wanted = wanted.where(place > query.position if query.ascending else place < query.position)
            order = (_STATEMENT.c.stored, _STATEMENT.c.seq)
            ordered = wanted.order_by(*(o if query.ascending else o.desc() for o in order))
            return [Kept(*row) for row in self._session.execute(ordered.limit(query.limit + 1))]
        found = {kept.seq: kept for kept in self._of_terms(wanted, query, refers=False)}
        found.update({kept.seq: kept for kept in self._of_terms(wanted, query, refers=True)})
        ordered_seqs = sorted(found, reverse=not query.ascending)[: query.limit + 1]
        return [found[seq] for seq in ordered_seqs]

    def keep_attachments(self, attachments: Sequence[Attachment]) -> None:
        """Keep what came along; content that is kept already is not kept twice."""
        for one in attachments:
            if self.attachment(one.sha2) is None:
                self._session.execute(
                    insert(_ATTACHMENT).values(
                        institution_id=self._institution,
                        store=self._store,
                        sha2=one.sha2,
                        content_type=one.content_type,
                        content=one.content,
                    )
                )

    def attachment(self, sha2: str) -> Attachment | None:
        """Return the attachment with this hash, if it is kept."""
        row = self._session.execute(
            select(_ATTACHMENT.c.sha2, _ATTACHMENT.c.content_type, _ATTACHMENT.c.content).where(
                *self._own(_ATTACHMENT), _ATTACHMENT.c.sha2 == sha2
            )
        ).first()
        return None if row is None else Attachment(*row)

    def last_stored(self) -> datetime | None:
        """Return when the last statement was stored."""
        found: datetime | None = self._session.scalar(
            select(func.max(_STATEMENT.c.stored)).where(*self._own(_STATEMENT))
        )
        return found

    def _of_terms(self, wanted: Select[Any], query: Query, *, refers: bool) -> list[Kept]:
        """Return those that meet all terms themselves, or those that refer to one that does."""
        (first, direct), *others = query.terms
        met = _STATEMENT
        if refers:
            met = _STATEMENT.alias("met")
            wanted = wanted.join(_REFERENCE, _REFERENCE.c.seq == _STATEMENT.c.seq).join(
                met,
                and_(
                    met.c.institution_id == _REFERENCE.c.institution_id,
                    met.c.store == _REFERENCE.c.store,
                    met.c.statement_id == _REFERENCE.c.target,
                ),
            )
        term = _TERM.alias("first")
        # The terms' own index is in the order that is asked for, so that a page ends the search.
        wanted = wanted.join(term, term.c.seq == met.c.seq).where(term.c.key == first)
        if direct:
            wanted = wanted.where(term.c.direct.is_(True))
        for key, only_direct in others:
            other = _TERM.alias()
            here = [other.c.key == key, other.c.seq == met.c.seq]
            wanted = wanted.where(exists().where(*here, *([other.c.direct.is_(True)] if only_direct else [])))
        order = _STATEMENT.c.seq if refers else term.c.seq
        if query.position is not None:
            at = query.position[1]
            wanted = wanted.where(order > at if query.ascending else order < at)
        rows = self._session.execute(
            wanted.order_by(order if query.ascending else order.desc()).limit(query.limit + 1)
        )
        return [Kept(*row) for row in rows]

    def _kept(self, source: str | None) -> Select[Any]:
        wanted = select(_STATEMENT.c.seq, _STATEMENT.c.stored, _STATEMENT.c.payload)
        wanted = wanted.where(*self._own(_STATEMENT))
        return wanted if source is None else wanted.where(_STATEMENT.c.source == source)

    def _voided(self, statement: Any) -> ColumnElement[bool]:
        """Return whether a statement of the same source voids this one, which is no voiding statement itself."""
        by, itself = _REFERENCE.alias("voided_by"), _REFERENCE.alias("itself")
        return and_(
            exists().where(
                by.c.institution_id == statement.c.institution_id,
                by.c.store == statement.c.store,
                by.c.target == statement.c.statement_id,
                by.c.source == statement.c.source,
                by.c.voids.is_(True),
            ),
            ~exists().where(itself.c.seq == statement.c.seq, itself.c.voids.is_(True)),
        )

    def _refer(self, one: NewStatement, seq: int, source: str) -> None:
        """Note what a new statement refers to, and that those who refer to it refer to that as well."""
        targets = {str(one.target), *self._targets_of(str(one.target))}
        common = {"institution_id": self._institution, "store": self._store}
        rows = [
            {
                **common,
                "target": target,
                "seq": seq,
                "source": source,
                "voids": one.voids and target == one.target,
            }
            for target in targets
        ]
        referrers = self._session.execute(
            select(_REFERENCE.c.seq, _REFERENCE.c.source).where(
                *self._own(_REFERENCE), _REFERENCE.c.target == one.id
            )
        ).all()
        for referrer, its_source in referrers:
            known = self._targets(referrer)
            rows += [
                {**common, "target": target, "seq": referrer, "source": its_source, "voids": False}
                for target in targets - known
            ]
        self._session.execute(insert(_REFERENCE), rows)

    def _targets_of(self, statement_id: str) -> set[str]:
        seq = self._session.scalar(
            select(_STATEMENT.c.seq).where(*self._own(_STATEMENT), _STATEMENT.c.statement_id == statement_id)
        )
        return set() if seq is None else self._targets(seq)

    def _targets(self, seq: int) -> set[str]:
        return set(
            self._session.scalars(
                select(_REFERENCE.c.target).where(*self._own(_REFERENCE), _REFERENCE.c.seq == seq)
            )
        )

    def _own(self, table: Any) -> list[ColumnElement[bool]]:
        return [table.c.institution_id == self._institution, table.c.store == self._store]
