"""After a backup was restored: what was destroyed since is destroyed again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from bridge.db.destroyed_list import DestroyedList
from bridge.db.destruction import Receipt
from bridge.db.master_key import derive
from bridge.db.schema import is_current, upgrade
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.wiring.key_ends import let_go

if TYPE_CHECKING:
    from bridge.wiring.house import House


@dataclass(slots=True)
class Reapplied:
    """What was done.

    Args:
        destroyed: keys that the backup had brought back; absent: such as it never held, or that were wiped in it.
        refused: lines that cannot be read or do not bear this bridge's mark; nothing was done for them.
    """

    destroyed: int = 0
    absent: int = 0
    refused: int = 0


def _scope(receipt: Receipt) -> EvidenceScope:
    body = receipt.body
    run = body["class_run"]
    return EvidenceScope(
        InstitutionId(body["institution"]),
        body["subject"],
        EvidencePurpose(body["purpose"]),
        ClassRunId(run) if run else None,
    )


def reapply(house: "House", file: Path | None = None) -> Reapplied:
    """Destroy again every key that the list names, one unit of work each; twice is once.

    Args:
        file: a copy of the list that was kept elsewhere; its lines are taken into this bridge's own list.
    """
    if inspect(house.engine).has_table("alembic_version") and not is_current(house.engine):
        upgrade(house.engine)
    done = Reapplied()
    listed = (
        house.destroyed
        if file is None
        else DestroyedList(file, derive(house.key_ring.root, "destroyed keys"))
    )
    for line in listed.lines():
        if line is None or not line.genuine:
            done.refused += 1
            continue
        with house.uow.for_institution(InstitutionId(line.receipt.body["institution"])) as tx:
            again = house.at(tx).vault.destroy_again(line.receipt)
            if again:
                # The backup brought back the rows that name it, too.
                let_go(tx, _scope(line.receipt))
        done.destroyed += again
        done.absent += not again
    house.destroyed.relist(house.uow)
    return done
