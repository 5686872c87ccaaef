"""Who may hand an institution over or take one in: people with an account of the bridge that does it."""

from typing import TYPE_CHECKING

from bridge.identity.staff import StaffRecord
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId

if TYPE_CHECKING:
    from bridge.wiring.house import House

_OF_THE_BRIDGE = ("administrator", "operator")


def two_people(house: "House", institution: InstitutionId, by: str, approved_by: str) -> tuple[str, str]:
    """Return the ids of two different people of the bridge or of the institution.

    Args:
        by, approved_by: the login or the id of each one's account.

    Raises:
        InvalidInput("staff_unknown"): no such account, or one that was never accepted or is shut.
        NotPermitted: handover_role_wrong, second_person_required.
    """
    first, second = (_account(house, one, institution) for one in (by, approved_by))
    if first == second:
        raise NotPermitted("second_person_required", "移交须由另一人批准。")
    return first, second


def receiving_person(house: "House", by: str) -> str:
    """Return the id of a person of this bridge; raises as `two_people`."""
    return _account(house, by, None)


def _account(house: "House", named: str, institution: InstitutionId | None) -> str:
    with house.uow.across_institutions("who hands an institution over", read_only=True) as tx:
        records = house.at(tx).staff.all()
    wanted = named.strip()
    found = next((one for one in records if wanted.lower() == one.account.login), None)
    found = found or next((one for one in records if wanted == one.account.id), None)
    if found is None or not _active(found):
        raise InvalidInput("staff_unknown", f"没有可用的账号 {wanted},请核对后重试。", http_status=404)
    own = institution is not None and found.account.institution_id == institution
    if found.account.role not in _OF_THE_BRIDGE and not own:
        raise NotPermitted(
            "handover_role_wrong", f"账号 {found.account.login} 既不是本平台的管理人员,也不是该机构的人员。"
        )
    return found.account.id


def _active(record: StaffRecord) -> bool:
    return record.accepted and record.disabled_at is None
