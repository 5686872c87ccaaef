"""The dated versions of a person's record, as an operator reads them on the machine; each look is logged."""

from datetime import date
from typing import TYPE_CHECKING, Any

from bridge.identity.change_model import VERSIONS, Change, ChangeKind
from bridge.identity.model import mask_citizen_id, mask_name
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.kernel.time import legal_date, rfc3339

if TYPE_CHECKING:
    from bridge.wiring.house import House

_SHOWN = VERSIONS | {ChangeKind.MERGE, ChangeKind.UNMERGE}


def versions_of(
    house: "House", institution: str, learner: str, *, on: str | None, reveal: str | None, by: str
) -> dict[str, Any]:
    """Return what is in force on a day, and every change with its two people, as JSON values.

    Args:
        on: a legal day, YYYY-MM-DD; None: today.
        reveal: a code of `model.REVEAL_REASONS` for whole values; None masks them.

    Raises:
        InvalidInput: date_malformed, learner_unknown.
    """
    try:
        day = legal_date(house.clock.now()) if on is None else date.fromisoformat(on)
    except ValueError as error:
        raise InvalidInput("date_malformed", "日期应为 YYYY-MM-DD。") from error
    who = LearnerRef(learner)
    with house.uow.for_institution(InstitutionId(institution)) as tx:
        stations = house.at(tx)
        stations.identity.disclose(
            who,
            purpose="cli.versions" if reveal is None else f"reveal.{reveal}",
            recipient="operator",
            by=by,
            what="identity" if reveal is None else "identity_full",
        )
        store = SqlIdentityStore(tx, house.cipher)
        person = store.person_on(who, day)
        rows = store.list_rows_of(who)
        changes = [one for one in store.changes.of(who) if one.kind in _SHOWN]
        records = store.changes.records_of(who)
    if person is None:
        raise InvalidInput("learner_unknown", "没有这名学员,请核对后重试。", http_status=404)
    name, number, employer = person
    employer = (rows[-1].employer if rows else "") if employer is None else employer
    whole = reveal is not None
    return {
        "learner": learner,
        "records": list(records),
        "on": day.isoformat(),
        "name": name if whole else mask_name(name),
        "document": number if whole else mask_citizen_id(number),
        "employer": employer,
        "changes": [_change(one, whole=whole) for one in changes],
    }


def _change(one: Change, *, whole: bool) -> dict[str, Any]:
    masked = mask_name(one.value) if one.kind is ChangeKind.NAME else mask_citizen_id(one.value)
    return {
        "change": one.id,
        "kind": one.kind.value,
        "value": one.value if whole or one.kind is ChangeKind.EMPLOYER else masked,
        "from": None if one.from_date is None else one.from_date.isoformat(),
        "state": one.state.value,
        "evidence": one.evidence_kind,
        "evidence_sha256": one.evidence_sha256,
        "proposed_by": one.proposed_by,
        "proposed_at": rfc3339(one.proposed_at),
        "decided_by": one.decided_by,
        "decided_at": None if one.decided_at is None else rfc3339(one.decided_at),
    }
