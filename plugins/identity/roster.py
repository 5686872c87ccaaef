"""The offline real-name provider: the institution's own enrolment lists are the source. No network."""

from collections.abc import Callable, Sequence

from bridge.identity.model import normalise_name
from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts

FACTS = ProviderFacts("roster", "培训机构的报名名单", remote=False)


class RosterProvider:
    """`bridge.identity.ports.RealNameProvider` over enrolment lists that the institution answers for.

    Args:
        names_listed_for: checked citizen id → the names under which the lists hold it
            (`IdentityStore.names_listed_for` in production).
    """

    facts = FACTS

    def __init__(self, names_listed_for: Callable[[str], Sequence[str]]) -> None:
        self._names_listed_for = names_listed_for

    def verify(self, claim: Claim) -> Answer:
        """Return match if every list that holds the number holds it under the name."""
        names = self._names_listed_for(claim.citizen_id)
        if not names:
            return Answer(Outcome.NO_RECORD)
        agree = all(normalise_name(each) == claim.name for each in names)
        return Answer(Outcome.MATCH if agree else Outcome.MISMATCH)
