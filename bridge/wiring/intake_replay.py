"""Reading again what was stored: each message through the present reader of its source, chain by chain."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.intake.model import InboxRecord
from bridge.intake.normalisers import NORMALISERS, PoisonMessage, family_of, normalise
from bridge.intake.store import InboxChainRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.presence.tables import StudySessionRow
from bridge.wiring.intake_claims import Claims, Outcome, Weighed

if TYPE_CHECKING:
    from bridge.wiring.house import House

_PAGE = 200
_CHAINS = 500
_MOST_NAMED = 100
"""How many claims that are not as they should be are named one by one; all are counted."""
AGENT = "agent"


@dataclass(frozen=True, slots=True)
class ReplayAsked:
    """What to read again.

    Args:
        source: a kind of source ("webhook"), or one source of it ("webhook:reg_1"); None for all.
        since: received from then on; None for all.
        after: chain and number of the last message that an earlier run read; it goes on behind it.
        dry_run: change nothing.
    """

    institution: InstitutionId
    source: str | None = None
    since: datetime | None = None
    after: tuple[str, int] | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.source is not None and family_of(self.source) not in NORMALISERS:
            known = "、".join(sorted(NORMALISERS))
            raise InvalidInput("source_unknown", f"没有这种来源;可选 {known}")

    def wants(self, record: InboxRecord) -> bool:
        """Return whether the message is to be read."""
        by_source = self.source in (None, record.source, family_of(record.source))
        return by_source and (self.since is None or record.received_at >= self.since)


@dataclass(slots=True)
class Replayed:
    """What a replay has found so far.

    Args:
        messages: read; poison: of them, those that cannot be read.
        claims: how many stood how (`Outcome`).
        named: the first claims and messages that are not as they should be.
        at: chain and number of the last message read.
    """

    messages: int = 0
    poison: int = 0
    claims: Counter[str] = field(default_factory=Counter)
    named: list[Mapping[str, Any]] = field(default_factory=list)
    at: tuple[str, int] | None = None
    complete: bool = False

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "messages": self.messages,
            "poison": self.poison,
            "claims": {outcome.value: self.claims[outcome.value] for outcome in Outcome},
            "named": self.named,
            "next": None if self.complete or self.at is None else cursor(self.at),
            "complete": self.complete,
        }


def cursor(at: tuple[str, int]) -> str:
    """Return where a replay stands, as `read_cursor` takes it."""
    return f"{at[0]}@{at[1]}"


def read_cursor(text: str) -> tuple[str, int]:
    """Return what `cursor` wrote; InvalidInput("cursor_malformed")."""
    chain, sign, seq = text.rpartition("@")
    if not (sign and chain and seq.isascii() and seq.isdigit() and len(seq) < 19):
        raise InvalidInput("cursor_malformed", "--after 应为上次输出的 next 值")
    return chain, int(seq)


def replay(house: "House", asked: ReplayAsked, told: Callable[[Replayed], None]) -> Replayed:
    """Read again what is asked for, a page in a unit of work; whoever stops it loses the page in hand at most.

    Args:
        told: called after each page.
    """
    done = Replayed()
    for chain in _chains(house, asked):
        seq = asked.after[1] if asked.after is not None and asked.after[0] == chain else 0
        while True:
            with house.uow.for_institution(asked.institution, read_only=asked.dry_run) as tx:
                records = house.at(tx).inbox.after(chain, seq, _PAGE)
                page = _read(house, tx, asked, records)
            done.messages += page.messages
            done.poison += page.poison
            done.claims += page.claims
            done.named += page.named[: max(0, _MOST_NAMED - len(done.named))]
            if records:
                seq = records[-1].seq
                done.at = (chain, seq)
                told(done)
            if len(records) < _PAGE:
                break
    done.complete = True
    return done


def _read(house: "House", tx: Tx, asked: ReplayAsked, records: list[InboxRecord]) -> Replayed:
    page = Replayed()
    stations = house.at(tx)
    claims = Claims(tx, stations)
    for record in records:
        if not asked.wants(record):
            continue
        page.messages += 1
        try:
            found = normalise(record)
        except PoisonMessage as fault:
            page.poison += 1
            page.named.append({"message": record.id, "source": record.source, "outcome": fault.reason})
            if not asked.dry_run:
                stations.quarantine.set_aside(record, fault.reason)
            continue
        for claim in found:
            for one in claims.weigh(claim) if asked.dry_run else claims.take(record, claim):
                page.claims[one.outcome.value] += 1
                if one.outcome is not Outcome.SAME:
                    page.named.append(_named(record, one))
                if one.outcome is Outcome.LOST and not asked.dry_run:
                    stations.quarantine.set_aside(record, "statement_lost")
    return page


def _named(record: InboxRecord, one: Weighed) -> Mapping[str, Any]:
    return {
        "message": record.id,
        "source": record.source,
        "outcome": one.outcome.value,
        "claim": one.key,
    }


def _chains(house: "House", asked: ReplayAsked) -> Iterator[str]:
    """Return the chains in an order that stays: those of claims, then the sessions."""
    start = None if asked.after is None else asked.after[0]
    family = None if asked.source is None else family_of(asked.source)
    if family != AGENT:
        with house.uow.for_institution(asked.institution, read_only=True) as tx:
            found = sorted(tx.session.scalars(select(InboxChainRow.chain)))
        in_sessions = start is not None and start not in found
        if not in_sessions:
            yield from (chain for chain in found if start is None or chain >= start)
            start = None
    if family in (None, AGENT):
        yield from _sessions(house, asked.institution, start)


def _sessions(house: "House", institution: InstitutionId, start: str | None) -> Iterator[str]:
    row = StudySessionRow
    last, including = start or "", start is not None
    while True:
        with house.uow.for_institution(institution, read_only=True) as tx:
            behind = row.id >= last if including else row.id > last
            found = tx.session.scalars(select(row.id).where(behind).order_by(row.id).limit(_CHAINS)).all()
        yield from found
        if len(found) < _CHAINS:
            return
        last, including = found[-1], False
