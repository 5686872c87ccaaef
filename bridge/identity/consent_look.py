"""Whether a person consents now: asked for each frame of a face that comes, so in one prepared statement."""

from typing import Any

from sqlalchemy import bindparam, select

from bridge.db.prepared import Prepared, Question
from bridge.db.unit_of_work import Tx
from bridge.identity.tables import AccountBindingRow, ConsentRow
from bridge.kernel.ids import LearnerRef

_BINDING: Any = AccountBindingRow.__table__
_CONSENT: Any = ConsentRow.__table__
_GIVEN = Prepared(
    lambda _dialect: (
        select(_CONSENT.c.id)
        .join(_BINDING, _BINDING.c.account_id == _CONSENT.c.account_id)
        .where(
            _BINDING.c.institution_id == bindparam("institution"),
            _BINDING.c.learner == bindparam("learner"),
            _BINDING.c.ended_at.is_(None),
            _CONSENT.c.institution_id == bindparam("institution"),
            _CONSENT.c.purpose == bindparam("purpose"),
            _CONSENT.c.version == bindparam("version"),
            _CONSENT.c.revoked_at.is_(None),
        )
    )
)


def consents(tx: Tx, learner: LearnerRef, purpose: str, version: str) -> bool:
    """Return whether the learner, under the account that they own, consents to this version of the text."""
    return whether_consents(tx, learner, purpose, version).row(tx.session) is not None


def whether_consents(tx: Tx, learner: LearnerRef, purpose: str, version: str) -> Question:
    """Return what `consents` asks the database."""
    values = {
        "institution": tx.institution_id,
        "learner": learner,
        "purpose": purpose,
        "version": version,
    }
    return Question(_GIVEN, values)
