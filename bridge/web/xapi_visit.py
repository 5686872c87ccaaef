"""One visit to the xAPI door: who comes, in which version, and the unit of work for what is asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeVar

from flask import Response, g, request

from bridge.intake.xapi.fragments import NOTHING, Fragments
from bridge.intake.xapi.model import Caller, Scope, Version
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.web.xapi_request import XapiRequest, read_request
from bridge.wiring import House
from bridge.wiring.xapi import XapiDesk, credentials

T = TypeVar("T")
_VERSION = "xapi_version"


class Visit:
    """One request of a caller who proved itself."""

    def __init__(
        self,
        house: House,
        asked: XapiRequest,
        caller: Caller,
        version: Version,
        fragments: Fragments | None = None,
    ) -> None:
        self.recall = NOTHING if fragments is None else fragments.of(caller, version)
        self.house = house
        self.asked = asked
        self.caller = caller
        self.version = version

    def answered(self, answers: "Mapping[str, Answer]") -> Response:
        """Return the answer for the method that is meant."""
        answer = answers.get(self.asked.method)
        if answer is None:
            raise InvalidInput("method_not_allowed", "不支持这种请求方式", http_status=405)
        return answer(self)

    def needs(self, *scopes: Scope) -> None:
        """NotPermitted("scope_missing") if the caller has none of `scopes`."""
        if not self.caller.may(*scopes):
            raise NotPermitted("scope_missing", "该凭证没有执行此操作的权限")

    @contextmanager
    def desk(self, *, read_only: bool = False) -> Iterator[XapiDesk]:
        """Open a unit of work of the caller's institution."""
        with self.house.uow.for_institution(self.caller.institution, read_only=read_only) as tx:
            yield XapiDesk(self.house, tx, self.caller)

    def together(self, work: Callable[[XapiDesk], T]) -> T:
        """Do `work` at a desk, in one durable commit with others that wait; see `UnitOfWork.together`."""
        return self.house.uow.together(
            self.caller.institution, lambda tx: work(XapiDesk(self.house, tx, self.caller))
        )


Answer = Callable[[Visit], Response]


class Doorkeeper:
    """Lets callers in."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._credentials = credentials(house)
        self._fragments = Fragments()

    def answer(self, answers: Mapping[str, Answer]) -> Response:
        """Return the answer to the present request.

        Raises:
            NotPermitted: credential_missing, credential_wrong (401).
            InvalidInput: version_missing, version_unsupported, and as `read_request`.
        """
        asked = read_request(request)
        caller = self._credentials.authenticate(*asked.credentials())
        speak(caller.newest)
        version = asked.version()
        speak(version)
        return Visit(self._house, asked, caller, version, self._fragments).answered(answers)


def speak(version: Version) -> None:
    """Have the answer to the present request name `version`."""
    setattr(g, _VERSION, version)


def spoken() -> str:
    """Return the version that the answer names."""
    return str(g.get(_VERSION, Version.TWO))


def http_date(instant: datetime) -> str:
    """Return `instant` as HTTP's headers write it."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)
