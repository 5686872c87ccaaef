"""The offline real-name provider: the institution's own enrolment lists are the source. No network."""

from collections.abc import Callable, Sequence

from bridge.identity.model import Match, normalise_name


class RosterProvider:
    """`bridge.identity.ports.RealNameProvider` over enrolment lists that the institution answers for.

    Args:
        names_listed_for: checked citizen id → the names under which the lists hold it
            (`IdentityStore.names_listed_for` in production).
    """

    def __init__(self, names_listed_for: Callable[[str], Sequence[str]]) -> None:
        self._names_listed_for = names_listed_for

    def verify(self, name: str, citizen_id: str) -> Match:
        """Return match if every list that holds `citizen_id` holds it under `name`; never Unavailable."""
        names = self._names_listed_for(citizen_id)
        if not names:
            return Match.NO_RECORD
        wanted = normalise_name(name)
        return Match.MATCH if all(normalise_name(each) == wanted for each in names) else Match.MISMATCH
