"""How the real-name providers do: from what became of questions, never by asking after somebody to see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from bridge.identity.name_checks import last_question, open_checks, outcomes_since
from bridge.identity.provider_model import FOR_OPERATOR, PASSING, CheckState, Outcome, ProviderFacts

if TYPE_CHECKING:
    from bridge.wiring.house import House

WITHIN = timedelta(hours=24)
ROSTER = ProviderFacts("roster", "培训机构的报名名单", remote=False)
Health = Literal["good", "unasked", "away", "operator", "incomplete"]


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """One provider.

    Args:
        health: "away": it does not answer and is asked again by itself; "operator": somebody must act;
            "incomplete": settings are missing; "unasked": nobody knows yet.
        counts: of the last 24 hours; an empty outcome: sent, and nobody knows how it ended.
        last: when it last answered or failed to, and how.
    """

    facts: ProviderFacts
    fallback: bool
    health: Health
    counts: Mapping[str, int]
    last: tuple[datetime, str, str] | None


@dataclass(frozen=True, slots=True)
class NameHealth:
    """All providers, and how many people wait: for a provider, for staff."""

    providers: tuple[ProviderHealth, ...]
    pending: int
    staff: int


def name_health(house: "House") -> NameHealth:
    """Return how the installation's providers do."""
    facts = [one.facts for one in house.real_name_providers] or [ROSTER]
    with house.uow.across_institutions("how real-name providers do", read_only=True) as tx:
        counts = outcomes_since(tx, house.clock.now() - WITHIN)
        last = {one.code: last_question(tx, one.code) for one in facts}
        waiting = open_checks(tx)
    providers = tuple(
        ProviderHealth(
            one,
            number > 0,
            _health(one, last[one.code]),
            {outcome: found for (provider, outcome), found in counts.items() if provider == one.code},
            last[one.code],
        )
        for number, one in enumerate(facts)
    )
    return NameHealth(providers, waiting.get(CheckState.PENDING, 0), waiting.get(CheckState.STAFF, 0))


def _health(facts: ProviderFacts, last: tuple[datetime, str, str] | None) -> Health:
    if facts.missing:
        return "incomplete"
    if not facts.remote:
        return "good"
    if last is None:
        return "unasked"
    outcome = Outcome(last[1])
    if outcome in FOR_OPERATOR:
        return "operator"
    return "away" if outcome in PASSING else "good"
