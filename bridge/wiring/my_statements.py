"""How many learning records a person's platforms and courseware sent, found by the blind accounts that stand for it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from bridge.db.unit_of_work import Tx
from bridge.identity.bindings import bindings_of
from bridge.identity.store import SqlIdentityStore
from bridge.intake.cmi5.tables import Cmi5RegistrationRow
from bridge.intake.xapi.cleaning import identifier_of
from bridge.intake.xapi.model import Store
from bridge.intake.xapi.tables import XapiTermRow
from bridge.intake.xapi.terms import Terms
from bridge.kernel.ids import LearnerRef
from bridge.registry.contact_store import blind_reference
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.wiring.xapi import blind_name, blind_page

if TYPE_CHECKING:
    from bridge.wiring.house import House


def statements_of(house: "House", tx: Tx, records: Sequence[LearnerRef]) -> int:
    """Return how many xAPI statements are kept of which the human is the actor.

    Found are those that name an account of a platform that the human has or had, or come from courseware that was
    launched here. A sender that names people by mail address cannot be told from any other: no address is kept.
    """
    terms, page = Terms(tx.institution_id, Store.RECORDS), blind_page(house)
    names = sorted({*_of_accounts(house, tx, records), *_of_courseware(tx, records)})
    keys = [terms.agent({"account": {"homePage": page, "name": name}}) for name in names]
    counted = select(func.count(XapiTermRow.seq.distinct())).where(
        XapiTermRow.key.in_(keys), XapiTermRow.direct
    )
    return tx.session.scalar(counted) or 0


def _of_accounts(house: "House", tx: Tx, records: Sequence[LearnerRef]) -> Iterator[str]:
    store, institution = SqlIdentityStore(tx, house.cipher), tx.institution_id
    for record in records:
        for binding in bindings_of(tx, record):
            account = store.account(binding.account_id)
            issuer = tx.session.scalar(
                select(LtiRegistrationRow.issuer).where(LtiRegistrationRow.id == binding.registration)
            )
            if account is None or issuer is None:
                continue
            # By a key of the platform's own, and by one that belongs to no platform.
            yield blind_reference(house.cipher, institution, binding.registration, "lms_person", account.sub)
            said = identifier_of({"account": {"homePage": issuer, "name": account.sub}}) or ""
            yield blind_name(house, institution, "agent", said)


def _of_courseware(tx: Tx, records: Sequence[LearnerRef]) -> Iterator[str]:
    yield from tx.session.scalars(
        select(Cmi5RegistrationRow.actor).where(Cmi5RegistrationRow.learner.in_(records))
    )
