"""Registrations held in memory: for one-machine set-ups, and the model for an adapter's `find`."""

from collections.abc import Iterable

from lti.errors import LaunchRefused
from lti.registration import Registration


class MemoryRegistrations:
    """A `RegistrationStore` of the registrations given to it."""

    def __init__(self, registrations: Iterable[Registration]) -> None:
        self._by_id = {registration.id: registration for registration in registrations}

    def find(self, issuer: str, client_id: str | None) -> Registration:
        """See `RegistrationStore.find`."""
        of_issuer = [each for each in self._by_id.values() if each.issuer == issuer]
        if not of_issuer:
            raise LaunchRefused("issuer_unknown")
        if client_id is None:
            if len(of_issuer) > 1:
                raise LaunchRefused("client_id_ambiguous")
            return of_issuer[0]
        for each in of_issuer:
            if each.client_id == client_id:
                return each
        raise LaunchRefused("client_id_unknown")

    def by_id(self, registration_id: str) -> Registration:
        """See `RegistrationStore.by_id`."""
        try:
            return self._by_id[registration_id]
        except KeyError:
            raise LaunchRefused("issuer_unknown") from None
