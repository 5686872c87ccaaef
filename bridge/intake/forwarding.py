"""Forwarding to an institution's own LRS: what is next, how it is said in the LRS's version, and what became of it.

Statements go out in the order in which they were kept, from a cursor that moves only when the LRS has answered. Whoever
is stopped in between sends the same statements again, and an LRS keeps one of each id. What goes out is what is kept:
blind accounts, no contact data.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.intake.forwarding_tables import LrsForwardRefusedRow, LrsForwardRow
from bridge.intake.xapi.model import Store, Version
from bridge.intake.xapi.tables import XapiStatementRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, new_id
from lti.registration import may_be_called, origin_of

FORWARD_WANTED = "forward.wanted"
"""Kind of the job that sends the next batch; its key is the forward's id."""
BATCH = 100
_MAX_BATCH_BYTES = 512 * 1024
NEEDS_TWO = "statement_needs_version_2"
_MAX_URL, _MAX_KEY, _MAX_SECRET = 500, 200, 500
_ONLY_TWO = frozenset({"contextAgents", "contextGroups"})
_NEVER_SENT = frozenset({"stored", "authority"})
"""An LRS writes these itself."""


@dataclass(frozen=True, slots=True)
class Forward:
    """An institution's LRS and how far it has the statements.

    Args:
        behind: statements that it does not have yet, without those that it refused.
        behind_since: when the oldest of them was kept.
        refused: how many it would not take, by reason.
    """

    id: str
    institution: InstitutionId
    endpoint: str
    version: Version
    key: str
    secret: str = field(repr=False)
    private_host: str
    paused: bool
    sent_seq: int
    sent: int
    there_already: int
    failures: int
    reason: str
    next_at: datetime
    last_sent_at: datetime | None
    behind: int
    behind_since: datetime | None
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One statement on its way; `refused` names why it cannot be said in the LRS's version."""

    seq: int
    id: str
    statement: Mapping[str, Any]
    refused: str | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a batch.

    Args:
        sent, already, refused: by number of the statement; a refused one with its reason.
        failed: why the rest was not tried to the end; "" if it was.
        wait: how long the LRS asks to be left alone.
    """

    sent: list[int] = field(default_factory=list)
    already: list[int] = field(default_factory=list)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    failed: str = ""
    wait: timedelta | None = None


class Forwarding:
    """The LRS of one institution, in an open unit of work."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher

    def set_up(
        self,
        *,
        endpoint: str,
        key: str,
        secret: str,
        version: Version,
        by: str,
        demonstration: bool,
        private_host: str = "",
        from_now: bool = False,
    ) -> Forward:
        """Name the LRS, or change it: another endpoint begins anew, the same one goes on where it stands.

        Args:
            from_now: leave out what is kept already.

        Raises:
            InvalidInput: endpoint_malformed, forward_key_malformed, private_host_foreign.
        """
        endpoint = endpoint.strip().rstrip("/")
        if len(endpoint) > _MAX_URL or not may_be_called(endpoint, demo=demonstration) or "?" in endpoint:
            raise InvalidInput("endpoint_malformed", "LRS 地址须为 https 网址,如 https://lrs.example/xapi")
        if not 0 < len(key) <= _MAX_KEY or ":" in key or not 0 < len(secret) <= _MAX_SECRET:
            raise InvalidInput("forward_key_malformed", "请给出 LRS 的 key(不含冒号)和 secret")
        if private_host and private_host != origin_of(endpoint)[1]:
            raise InvalidInput("private_host_foreign", "允许的内网主机须是 LRS 地址中的主机")
        now = self._tx.clock.now()
        row = self._row()
        begins_anew = row is None or row.endpoint != endpoint
        if row is None:
            row = LrsForwardRow(
                id=new_id("fwd"),
                institution_id=self._tx.institution_id,
                sent=0,
                there_already=0,
                sent_seq=0,
                paused=False,
                last_sent_at=None,
            )
            self._session.add(row)
        row.endpoint, row.version, row.key, row.private_host = endpoint, str(version), key, private_host
        row.secret_enc = self._cipher.encrypt_text(secret, table=LrsForwardRow.__tablename__, row_id=row.id)
        row.failures, row.reason, row.next_at = 0, "", now
        row.set_at, row.set_by = now, by
        if begins_anew:
            row.sent_seq = (self._last_seq() or 0) if from_now else 0
            row.sent = row.there_already = 0
            for old in self._session.scalars(select(LrsForwardRefusedRow)).all():
                self._session.delete(old)
        self._session.flush()
        return self._forward(row)

    def get(self) -> Forward | None:
        """Return the institution's LRS, if it has named one."""
        row = self._row()
        return None if row is None else self._forward(row)

    def require(self) -> Forward:
        """Return the institution's LRS; InvalidInput("forward_missing")."""
        return self._forward(self._required())

    def remove(self) -> None:
        """Forget the LRS; InvalidInput("forward_missing")."""
        row = self._required()
        for refused in self._session.scalars(select(LrsForwardRefusedRow)).all():
            self._session.delete(refused)
        self._session.delete(row)
        self._session.flush()

    def pause(self, paused: bool) -> Forward:
        """Stop sending, or go on; InvalidInput("forward_missing")."""
        row = self._required()
        row.paused, row.failures, row.next_at = paused, 0, self._tx.clock.now()
        self._session.flush()
        return self._forward(row)

    def retry_refused(self) -> int:
        """Have sent again what the LRS would not take, and what waits for its turn; return how many were refused."""
        row = self._required()
        waiting = self._session.scalars(
            select(LrsForwardRefusedRow).where(LrsForwardRefusedRow.state == "waiting")
        ).all()
        for refused in waiting:
            refused.state = "retry"
        row.failures, row.next_at = 0, self._tx.clock.now()
        self._session.flush()
        return len(waiting)

    def next_batch(self, forward: Forward) -> Sequence[Outgoing]:
        """Return what is to be sent now: first what is tried again, then what follows the cursor."""
        again = self._session.scalars(
            select(LrsForwardRefusedRow.seq)
            .where(LrsForwardRefusedRow.state == "retry")
            .order_by(LrsForwardRefusedRow.seq)
            .limit(BATCH)
        ).all()
        which = XapiStatementRow.seq.in_(again) if again else XapiStatementRow.seq > forward.sent_seq
        rows = self._session.execute(
            select(XapiStatementRow.seq, XapiStatementRow.statement_id, XapiStatementRow.payload)
            .where(XapiStatementRow.store == Store.RECORDS, which)
            .order_by(XapiStatementRow.seq)
            .limit(BATCH)
        )
        found: list[Outgoing] = []
        size = 0
        for seq, statement_id, payload in rows:
            size += len(payload)
            if found and size > _MAX_BATCH_BYTES:
                break
            found.append(outgoing(seq, statement_id, json.loads(payload), forward.version))
        return found

    def note(self, forward_id: str, outcome: Outcome, pause: timedelta | None) -> bool:
        """Keep what became of a batch; return whether more waits and may be sent at once.

        Args:
            pause: how long to wait after a failure; None if there was none.
        """
        row = self._row()
        if row is None or row.id != forward_id:
            return False
        now = self._tx.clock.now()
        tried_again = {
            one.seq: one
            for one in self._session.scalars(
                select(LrsForwardRefusedRow).where(LrsForwardRefusedRow.state == "retry")
            )
        }
        for seq, (statement_id, reason) in outcome.refused.items():
            known = tried_again.get(seq)
            if known is None:
                self._session.add(
                    LrsForwardRefusedRow(
                        id=new_id("fwr"),
                        institution_id=self._tx.institution_id,
                        forward_id=row.id,
                        seq=seq,
                        statement_id=statement_id,
                        reason=reason,
                        state="waiting",
                        refused_at=now,
                        tried_at=now,
                    )
                )
            else:
                known.state, known.reason, known.tried_at = "waiting", reason, now
        there = [*outcome.sent, *outcome.already]
        for seq in there:
            if seq in tried_again:
                tried_again[seq].state, tried_again[seq].tried_at = "sent", now
        row.sent += len(outcome.sent)
        row.there_already += len(outcome.already)
        row.sent_seq = max([row.sent_seq, *there, *outcome.refused])
        if there:
            row.last_sent_at = now
        row.failures = row.failures + 1 if outcome.failed else 0
        row.reason = outcome.failed
        row.next_at = now + (pause or timedelta(0))
        self._session.flush()
        return not outcome.failed and not row.paused and self._waits(row)

    def _waits(self, row: LrsForwardRow) -> bool:
        retry = select(LrsForwardRefusedRow.id).where(LrsForwardRefusedRow.state == "retry").limit(1)
        last = self._last_seq()
        return self._session.scalar(retry) is not None or (last is not None and last > row.sent_seq)

    def _last_seq(self) -> int | None:
        return self._session.scalar(_newest(self._tx.institution_id))

    def _row(self) -> LrsForwardRow | None:
        return self._session.scalar(select(LrsForwardRow))

    def _required(self) -> LrsForwardRow:
        row = self._row()
        if row is None:
            raise InvalidInput(
                "forward_missing",
                "本机构没有设置转发,请先用 ./anxue intake forward set 设置",
                http_status=404,
            )
        return row

    def _forward(self, row: LrsForwardRow) -> Forward:
        behind: list[ColumnElement[bool]] = [
            XapiStatementRow.store == Store.RECORDS,
            XapiStatementRow.seq > row.sent_seq,
        ]
        how_many, since = self._session.execute(
            select(func.count(), func.min(XapiStatementRow.stored)).where(
                XapiStatementRow.institution_id == self._tx.institution_id, *behind
            )
        ).one()
        refused = self._session.execute(
            select(LrsForwardRefusedRow.reason, func.count())
            .where(LrsForwardRefusedRow.state != "sent")
            .group_by(LrsForwardRefusedRow.reason)
        )
        return Forward(
            id=row.id,
            institution=InstitutionId(row.institution_id),
            endpoint=row.endpoint,
            version=Version(row.version),
            key=row.key,
            secret=self._cipher.decrypt_text(
                row.secret_enc, table=LrsForwardRow.__tablename__, row_id=row.id
            ),
            private_host=row.private_host,
            paused=row.paused,
            sent_seq=row.sent_seq,
            sent=row.sent,
            there_already=row.there_already,
            failures=row.failures,
            reason=row.reason,
            next_at=row.next_at,
            last_sent_at=row.last_sent_at,
            behind=how_many,
            behind_since=since,
            refused={reason: found for reason, found in refused},  # noqa: C416  # rows are no pairs to mypy
        )


def outgoing(seq: int, statement_id: str, kept: Mapping[str, Any], version: Version) -> Outgoing:
    """Return a kept statement as it is said in the LRS's version; pure.

    Source: xAPI 1.0.3 Part Two §2.4.10 (version), §2.4.8–9 (stored, authority); IEEE 9274.1.1 §4.2.1.
    """
    said = {name: value for name, value in kept.items() if name not in _NEVER_SENT}
    said["version"] = "1.0.0" if version is Version.ONE else "2.0.0"
    spoken_only_in_two = not _ONLY_TWO.isdisjoint(kept.get("context", {}))
    refused = NEEDS_TWO if version is Version.ONE and spoken_only_in_two else None
    return Outgoing(seq, statement_id, said, refused)


def _newest(institution: Any) -> Select[int]:
    """Return how the newest statement of an institution is found: one look at the end of an index, however many."""
    return (
        select(XapiStatementRow.seq)
        .where(XapiStatementRow.institution_id == institution, XapiStatementRow.store == Store.RECORDS)
        .order_by(XapiStatementRow.stored.desc(), XapiStatementRow.seq.desc())
        .limit(1)
    )


def due_forwards(tx: Tx) -> Sequence[tuple[InstitutionId, str]]:
    """Return which LRS wait for statements and may be sent some now, in a unit of work over all institutions."""
    newest = _newest(LrsForwardRow.institution_id).correlate(LrsForwardRow).scalar_subquery()
    again = (
        select(LrsForwardRefusedRow.id)
        .where(LrsForwardRefusedRow.forward_id == LrsForwardRow.id, LrsForwardRefusedRow.state == "retry")
        .exists()
    )
    rows = tx.session.execute(
        select(LrsForwardRow.institution_id, LrsForwardRow.id).where(
            LrsForwardRow.paused.is_(False),
            LrsForwardRow.next_at <= tx.clock.now(),
            again | (newest > LrsForwardRow.sent_seq),
        )
    )
    return [(InstitutionId(institution), forward) for institution, forward in rows]
