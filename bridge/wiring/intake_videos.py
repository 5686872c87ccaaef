"""Which course units a platform's xAPI statements speak of: by the platform's own addresses and ids."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.identity.store import SqlIdentityStore
from bridge.identity.tables import AccountBindingRow, LmsAccountRow
from bridge.intake.reconciliation import Finding, Gap
from bridge.kernel.ids import InstitutionId, LearnerRef, RegistrationId
from bridge.wiring.adapters import find_unit
from bridge.wiring.lms_references import LmsReferences

if TYPE_CHECKING:
    from bridge.wiring.house import House

_VIEW = "/view.php"


def played_units(
    house: "House", tx: Tx, registration: RegistrationId, statements: Iterable[str]
) -> Mapping[tuple[str, str, str], Finding]:
    """Return the latest statement of each learner and unit, by learner, class run and unit.

    A statement's person is the platform's blind reference; whoever has no account here stands for nobody.
    """
    stations = house.at(tx)
    people = _people(house, tx, registration)
    known: dict[tuple[str, str], tuple[str, str] | None] = {}
    found: dict[tuple[str, str, str], Finding] = {}
    for text in statements:
        said = json.loads(text)
        person = people.get(said["actor"].get("account", {}).get("name", ""))
        about = said["object"]
        if person is None or about.get("objectType", "Activity") != "Activity":
            continue
        account, learner = person
        link = link_of(str(about["id"]))
        if (learner, link) not in known:
            unit = find_unit(stations.registry, registration, link, LearnerRef(learner))
            known[learner, link] = None if unit is None else (unit[0].class_run.id, unit[1].id)
        place = known[learner, link]
        if place is not None:
            found[learner, *place] = Finding(
                Gap.VIDEO,
                registration,
                account,
                learner=learner,
                class_run=place[0],
                unit=place[1],
                at=said.get("timestamp"),
            )
    return found


def link_of(activity: str) -> str:
    """Return the resource link that an activity's id stands for: of Moodle's page its course module, else itself."""
    parts = urlsplit(activity)
    module = parse_qs(parts.query).get("id", [""])[0]
    return (
        f"cm-{module}" if parts.path.endswith(_VIEW) and module.isascii() and module.isdigit() else activity
    )


def _people(house: "House", tx: Tx, registration: RegistrationId) -> Mapping[str, tuple[str, str]]:
    """Return (account, learner) of the platform's learners by their blind reference."""
    stations, store = house.at(tx), SqlIdentityStore(tx, house.cipher)
    institution = InstitutionId(tx.institution_id)
    lms = LmsReferences(stations.identity, stations.registry_store, house.cipher, institution)
    bound = tx.session.scalars(
        select(AccountBindingRow.account_id)
        .join(LmsAccountRow, LmsAccountRow.id == AccountBindingRow.account_id)
        .where(LmsAccountRow.registration_id == registration, AccountBindingRow.ended_at.is_(None))
    )
    found = {}
    for account_id in bound.all():
        account = store.account(account_id)
        if account is not None and account.learner is not None:
            found[lms.actor(registration, account.sub)] = (account_id, str(account.learner))
    return found
