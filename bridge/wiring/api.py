"""What a client of the read API may see, and the logged way to the names of learners."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.identity.model import MaskedIdentity
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.supervision.api_tokens import ApiCaller, ApiTokens
from bridge.supervision.institution_scope import InstitutionScope
from bridge.supervision.list_exports import Owner
from bridge.supervision.scope import Scope
from bridge.wiring.supervised import scope_of

if TYPE_CHECKING:
    from bridge.wiring.house import House

_LONGEST_LOGGED = 64
_AT_ONCE = 100


def api_tokens(house: "House") -> ApiTokens:
    """Return the token endpoint's use cases."""
    return ApiTokens(house.uow, house.clock)


def scope_of_owner(house: "House", tx: Tx, owner: Owner) -> Scope:
    """Return what the programs of an office or an institution may read, in a unit of work across institutions."""
    if owner.institution is not None:
        return InstitutionScope(tx, owner.institution)
    return scope_of(house, tx, owner.division_code or "")


def owner_name(house: "House", owner: Owner) -> str:
    """Return who reads, as the log of accesses names them."""
    if owner.institution is not None:
        return "培训机构"
    code = owner.division_code or ""
    return house.divisions.get(code, code)


def masked_people(
    house: "House",
    learners: Iterable[tuple[InstitutionId, LearnerRef]],
    caller: ApiCaller,
    purpose: str,
    recipient: str | None = None,
) -> Mapping[LearnerRef, MaskedIdentity]:
    """Return who these learners are, masked, but for those whose keys are destroyed; each is logged.

    Args:
        learners: within the caller's scope; whoever calls has looked.
    """
    by_institution: dict[InstitutionId, list[LearnerRef]] = {}
    for institution, learner in learners:
        by_institution.setdefault(institution, []).append(learner)
    # The institution reads in its log that an authority looked, not why; of its own program it reads why.
    prefix = "supervision: " if caller.owner.institution is None else "api: "
    found: dict[LearnerRef, MaskedIdentity] = {}
    # A few at a time: each is written down, and on SQLite nobody else writes meanwhile.
    some = (
        (institution, of_it[begin : begin + _AT_ONCE])
        for institution, of_it in by_institution.items()
        for begin in range(0, len(of_it), _AT_ONCE)
    )
    for institution, learners_now in some:
        with house.uow.for_institution(institution) as tx:
            identity = house.at(tx).identity
            for learner in learners_now:
                try:
                    person = identity.disclose(
                        learner,
                        purpose=f"{prefix}{purpose}"[:_LONGEST_LOGGED],
                        recipient=(recipient or owner_name(house, caller.owner))[:120],
                        by=caller.client_id,
                    )
                except InvalidInput as gone:
                    if gone.reason != "learner_unknown":
                        raise
                    continue
                found[learner] = person.masked()
    return found
