"""Statements at the door: checked, stripped, compared with what is kept, chained. They are claims, not credit."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from bridge.db.unit_of_work import Tx
from bridge.intake.model import ChainHead
from bridge.intake.store import SqlInbox
from bridge.intake.xapi.cleaning import Keeping
from bridge.intake.xapi.comparison import same_statement
from bridge.intake.xapi.fragments import NOTHING, Recall
from bridge.intake.xapi.model import (
    MAX_STATEMENTS,
    Attachment,
    Caller,
    Query,
    Scope,
    StatementFault,
    Store,
    Version,
)
from bridge.intake.xapi.packing import Closing, Packed, Packer
from bridge.intake.xapi.query import Parameters, cursor, read_query
from bridge.intake.xapi.reading import Said, said
from bridge.intake.xapi.signature import check_signatures
from bridge.intake.xapi.store import Kept, NewStatement, SqlStatements
from bridge.intake.xapi.terms import Terms
from bridge.intake.xapi.validation import check_statement
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import Clock, epoch_ms, from_epoch_ms

_HASHES: Mapping[int, Callable[[bytes], Any]] = {
    56: hashlib.sha224,
    64: hashlib.sha256,
    96: hashlib.sha384,
    128: hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request brought, checked.

    Args:
        original_sha256: of the body's bytes as they came.
    """

    said: tuple[Said, ...]
    attachments: tuple[Attachment, ...]
    version: Version
    original_sha256: str

    @property
    def statements(self) -> Sequence[dict[str, Any]]:
        """The statements in their order."""
        return [one.value for one in self.said]


def read_batch(
    value: Any, attachments: Sequence[Attachment], version: Version, body: bytes, recall: Recall = NOTHING
) -> Batch:
    """Return the statements in a request's JSON, each whole and each with an id.

    Args:
        value: JSON, or what `reading.statements` made of it.

    Raises:
        StatementFault: of the first that is wrong, as seen from the body's root; then none is kept.
    """
    single = not isinstance(value, list)
    found = [value] if single else value
    if single and not isinstance(value, (dict, Said)):
        raise StatementFault("statement_expected")
    if len(found) > MAX_STATEMENTS:
        raise StatementFault("statements_count", http_status=413)
    ids = set()
    told = []
    right: set[tuple[str, bytes]] = set()
    for index, one in enumerate(found):
        told.append(one if isinstance(one, Said) else said(one, recall))
        statement, texts, known = told[-1]
        try:
            passed = [named[0] for named in texts.items() if named[0] in known or named in right]
            check_statement(statement, version, passed)
            statement["id"] = statement.get("id", "").lower() or str(uuid4())
            if statement["id"] in ids:
                raise StatementFault("id_duplicate", "/id")
        except StatementFault as fault:
            raise (fault if single else fault.below(index)) from None
        ids.add(statement["id"])
        right.update(texts.items())
    _check_attachments([one.value for one in told], attachments)
    return Batch(tuple(told), tuple(attachments), version, sha256_hex(body))


def pack(batch: Batch, keeping: Keeping, caller: Caller, recall: Recall = NOTHING) -> tuple[Packed, ...]:
    """Return the batch's statements as `keeping` keeps them."""
    packer = Packer(batch.version, keeping, caller, recall)
    return tuple(map(packer.packed, batch.said))


class Statements:
    """One caller's statements, in an open unit of work.

    Args:
        authority: how the bridge names the caller in a statement.
    """

    def __init__(
        self,
        tx: Tx,
        inbox: SqlInbox,
        keeping: Keeping,
        clock: Clock,
        caller: Caller,
        authority: Mapping[str, Any],
    ) -> None:
        self._rows = SqlStatements(tx, caller.store)
        self._inbox = inbox
        self._keeping = keeping
        self._clock = clock
        self._caller = caller
        self._authority = dict(authority)
        self._terms = Terms(caller.institution, caller.store)

    def receive(self, batch: Batch, packed: Sequence[Packed] | None = None) -> list[str]:
        """Keep the statements that are new and return all ids; all are kept or none.

        Args:
            packed: the batch's statements, if they were packed before this unit of work began.

        Raises:
            InvalidInput: statement_conflict (409): an id is kept with another statement.
            StatementFault: attachment_refused (a store of records keeps no content), signature_malformed,
                signature_content.
        """
        if batch.attachments and self._caller.store is Store.RECORDS:
            raise StatementFault("attachment_refused", http_status=403)
        chain = f"{self._caller.institution}:xapi"
        if self._caller.store is Store.CONFORMANCE:
            chain += "_conformance"
        head = self._inbox.lock(chain)
        sent = {one.sha2: one for one in batch.attachments}
        for statement in batch.statements:
            if "attachments" in statement and self._caller.store is Store.CONFORMANCE:
                check_signatures(statement, lambda sha2: sent.get(sha2) or self._rows.attachment(sha2))
        stored = from_epoch_ms(epoch_ms(self._clock.now()))
        known = self._rows.existing([one["id"] for one in batch.statements])
        closing = Closing(stored, self._authority, batch.version, self._terms)
        new = []
        for one in pack(batch, self._keeping, self._caller) if packed is None else packed:
            before = known.get(one.id)
            if before is None:
                new.append(closing.of(one))
            elif not same_statement(json.loads(before), one.value()):
                raise InvalidInput(
                    "statement_conflict", "该 id 已保存了另一条内容不同的陈述,整批未接收", http_status=409
                )
        if new:
            self._keep(new, batch, chain, head, stored)
        return [statement["id"] for statement in batch.statements]

    def one(self, statement_id: str, *, voided: bool) -> Kept | None:
        """Return a statement that the caller may read."""
        return self._rows.one(statement_id, voided=voided, source=self._readable)

    def find(self, query: Query) -> tuple[list[Kept], str | None]:
        """Return a page of statements that the caller may read, and the cursor of the next page if there is one."""
        found = self._rows.find(query, self._readable)
        page = found[: query.limit]
        more = cursor(query, (page[-1].stored, page[-1].seq)) if len(found) > query.limit else None
        return page, more

    def activity(self, activity_id: str) -> dict[str, Any]:
        """Return the activity with all that the newest statements about it say of it."""
        kept_id = self._keeping.iri(activity_id)
        about = Query(terms=((self._terms.key("activity", kept_id), True),))
        found: dict[str, Any] = {"objectType": "Activity", "id": kept_id}
        for kept in reversed(self._rows.find(about, self._readable)):
            said = json.loads(kept.payload)["object"]
            if said.get("id") == kept_id and "definition" in said:
                found["definition"] = _merged(found.get("definition", {}), said["definition"])
        return found

    def attachments_of(self, statements: Sequence[Kept]) -> list[Attachment]:
        """Return what came along with these statements, each once."""
        named = {
            one["sha2"].lower() for kept in statements for one in _attachments_in(json.loads(kept.payload))
        }
        found = [self._rows.attachment(sha2) for sha2 in sorted(named)]
        return [one for one in found if one is not None]

    def read_query(self, given: Parameters) -> Query:
        """Return the query in a request's parameters; InvalidInput as `query.read_query`."""
        return read_query(given, self._keeping, self._terms)

    @property
    def _readable(self) -> str | None:
        """The one source that the caller may read; None: all of the institution."""
        return None if self._caller.may(Scope.READ) else self._caller.source

    def _keep(
        self, new: Sequence[NewStatement], batch: Batch, chain: str, head: ChainHead, stored: datetime
    ) -> None:
        record = self._inbox.append(
            chain=chain,
            source=f"xapi:{self._caller.source}",
            received_at=stored,
            original_sha256=batch.original_sha256,
            verification=f"Basic, credential {self._caller.credential}",
            # A statement is kept once, so that the first of a batch names the batch.
            idempotency_key=f"{self._caller.store}:{new[0].id}",
            payload=canonical_json(
                {
                    "statements": [[one.id, one.sha256] for one in new],
                    "store": str(self._caller.store),
                    "type": "xapi.statements",
                    "v": 1,
                }
            ).decode(),
            head=head,
        )
        if record is None:
            raise InvalidInput("statement_race", "同一陈述正在处理,请稍后重发", http_status=409)
        self._inbox.advance(record)
        self._rows.add(new, source=self._caller.source, message=record.id, stored=stored)
        self._rows.keep_attachments(batch.attachments)


def _merged(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return `now` upon `before`, language maps and extensions entry by entry."""
    both = {
        name: {**before[name], **item} if isinstance(item, dict) and name in before else item
        for name, item in now.items()
    }
    return {**before, **both}


def _check_attachments(statements: Sequence[Mapping[str, Any]], sent: Sequence[Attachment]) -> None:
    """Check that what came along and what the statements name fit each other."""
    named = [
        (index, place, one)
        for index, statement in enumerate(statements)
        for place, one in enumerate(_attachments_in(statement))
    ]
    by_hash = {one.sha2: one for one in sent}
    for index, _place, one in named:
        if "fileUrl" not in one and one["sha2"].lower() not in by_hash:
            reason = "attachment_missing" if sent else "attachment_inline"
            raise StatementFault(reason, f"/{index}/attachments")
    wanted = {one["sha2"].lower() for _index, _place, one in named}
    for held in sent:
        if held.sha2 not in wanted:
            raise StatementFault("attachment_unknown")
        digest = _HASHES.get(len(held.sha2))
        if digest is None or not hmac.compare_digest(digest(held.content).hexdigest(), held.sha2):
            raise StatementFault("attachment_hash")


def _attachments_in(statement: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = statement["object"] if statement["object"].get("objectType") == "SubStatement" else {}
    return [*statement.get("attachments", ()), *inner.get("attachments", ())]
