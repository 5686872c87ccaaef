"""Sealing the ledgers: at fixed times of the real clock, and whenever somebody needs a proof at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.outbox import Job, is_idle
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import epoch_ms
from bridge.ledger.model.seals import SignedHead
from bridge.ledger.sealing import SEAL, SEAL_EVERY_MS, TREE, LedgerSealing, Sealed
from bridge.ledger.signatures import SigningKey
from bridge.ledger.store import LedgerHeadRow
from bridge.ledger.tree_store import SqlTreeStore, signed_head
from bridge.ledger.tree_tables import LedgerTreeHeadRow

if TYPE_CHECKING:
    from bridge.wiring.house import House


def signing_key(house: "House", _job: Job) -> SigningKey:
    """Return the key, read before the unit of work that seals: reading it takes one of its own."""
    return house.ledger_keys.signing()


def seal_tree(house: "House", tx: Tx, job: Job, key: SigningKey) -> None:
    """Seal what waits; ask for another run if not all of it was sealed."""
    if sealing(house, tx).seal(key).more:
        tx.want(job.kind, job.key)


def seal_now(house: "House", institution: InstitutionId) -> Sealed:
    """Seal all that waits, in as many units of work as it takes; return the last one's result."""
    key = house.ledger_keys.signing()
    while True:
        with house.uow.for_institution(institution) as tx:
            sealed = sealing(house, tx).seal(key)
        if not sealed.more:
            return sealed


def sealing(house: "House", tx: Tx) -> LedgerSealing:
    """Return the service in a unit of work."""
    return LedgerSealing(SqlTreeStore(tx, house.ledger_marks), tx.institution_id, house.clock)


def sweep_trees(house: "House") -> None:
    """Have each ledger sealed that has grown, once in each stretch of `SEAL_EVERY_MS`."""
    now = house.clock.now()
    stretch = epoch_ms(now) // SEAL_EVERY_MS
    if house.sealed_stretch == stretch:
        return
    for institution in grown_institutions(house):
        with house.uow.for_institution(institution) as tx:
            if is_idle(tx.session, institution, SEAL, TREE, now):
                tx.want(SEAL, TREE)
    house.sealed_stretch = stretch


def grown_institutions(house: "House") -> Sequence[InstitutionId]:
    """Return the institutions whose ledgers hold something that is not sealed yet."""
    with house.uow.across_institutions("which ledgers have grown", read_only=True) as tx:
        grown = tx.session.scalars(
            select(LedgerHeadRow.institution_id)
            .where(LedgerHeadRow.seq > LedgerHeadRow.sealed_seq)
            .distinct()
        ).all()
    return [InstitutionId(one) for one in sorted(grown)]


def signed_heads(house: "House", institution: str | None, *, newest: bool) -> Sequence[SignedHead]:
    """Return the signed heads of all institutions or of one, the oldest first; of each the newest alone if wanted."""
    head = LedgerTreeHeadRow
    with house.uow.across_institutions("hand out signed heads", read_only=True) as tx:
        rows = tx.session.scalars(select(head).order_by(head.institution_id, head.tree_size)).all()
    found = [signed_head(row) for row in rows if institution in (None, row.institution_id)]
    if newest:
        found = list({one.head.institution: one for one in found}.values())
    return found
