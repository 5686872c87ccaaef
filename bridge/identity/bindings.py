"""Which accounts a learner has owned, from when to when, and who ended it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.identity.tables import AccountBindingRow, LmsAccountRow
from bridge.kernel.ids import LearnerRef, RegistrationId


@dataclass(frozen=True, slots=True)
class Binding:
    """A learner owned an account.

    Args:
        reason, by: a code of `model.RELEASE_REASONS` and a staff id; None while the binding holds.
    """

    account_id: str
    registration: RegistrationId
    bound_at: datetime
    ended_at: datetime | None
    reason: str | None
    by: str | None


def bindings_of(tx: Tx, learner: LearnerRef) -> Sequence[Binding]:
    """Return the accounts that the learner has owned, oldest first; at most the last one holds."""
    rows = tx.session.execute(
        select(AccountBindingRow, LmsAccountRow.registration_id)
        .join(LmsAccountRow, LmsAccountRow.id == AccountBindingRow.account_id)
        .where(AccountBindingRow.learner == learner)
        .order_by(AccountBindingRow.bound_at, AccountBindingRow.id)
    )
    return [
        Binding(
            row.account_id,
            RegistrationId(registration),
            row.bound_at,
            row.ended_at,
            row.ended_reason,
            row.ended_by,
        )
        for row, registration in rows
    ]
