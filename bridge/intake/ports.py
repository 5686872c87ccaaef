"""What intake needs from outside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bridge.intake.model import ChainHead, InboxRecord
from bridge.kernel.ids import ClassRunId, CourseUnitId, LearnerRef, MessageId, RegistrationId


class Inbox(Protocol):
    """The append-only inbox of one institution."""

    def append(
        self,
        *,
        chain: str,
        source: str,
        received_at: datetime,
        original_sha256: str,
        verification: str,
        idempotency_key: str,
        payload: str,
        head: ChainHead | None = None,
    ) -> InboxRecord | None:
        """Append one message and return it; None when the source sent this key before.

        Args:
            head: the chain's last link if the caller keeps it; else the inbox looks it up and keeps it.
        """
        ...

    def find(self, source: str, idempotency_key: str) -> MessageId | None:
        """Return the id of the message that carried this key, if one did."""
        ...

    def after(self, chain: str, seq: int, limit: int) -> list[InboxRecord]:
        """Return the chain's records with a greater `seq`, in order."""
        ...


@dataclass(frozen=True, slots=True)
class TestUnit:
    """A test of the course, and the class run that it belongs to."""

    unit: CourseUnitId
    class_run: ClassRunId


class Learners(Protocol):
    """Who an LMS account is, and which test a resource link opens."""

    def learner_of(self, registration: RegistrationId, sub: str) -> LearnerRef | None: ...

    def test_unit(
        self, registration: RegistrationId, resource_link_id: str, learner: LearnerRef
    ) -> TestUnit | None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom an LMS names, without the name that it uses.

    Args:
        reference: the account's id; for somebody who never launched, a blind reference that is the same each time.
    """

    reference: str
    learner: LearnerRef | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the LMS something happened, without the LMS's own ids.

    Args:
        context: a blind reference of the LMS course, the same each time.
        class_run: None for a course in which no class run is taught.
        unit: None for the course as a whole, and for what is no unit of the class run's course.
    """

    context: str
    class_run: ClassRunId | None
    unit: CourseUnitId | None


@dataclass(frozen=True, slots=True)
class LmsScore:
    """A score as an LMS lists it.

    Args:
        id: under which the LMS tells it in a message.
        data: what that message would hold, not looked at yet.
    """

    id: str
    data: Mapping[str, Any]


class ScoresOfLms(Protocol):
    """What an LMS says that there is, asked by the bridge."""

    def scores(self, since: datetime, until: datetime) -> Iterator[LmsScore]:
        """Yield the scores of attempts that ended in [since, until).

        Raises:
            Unavailable: the LMS is away (not permanent), or refuses (permanent).
        """
        ...


class Lms(Protocol):
    """Whom and what an LMS's message names."""

    def person(self, registration: RegistrationId, sub: str) -> Person: ...

    def actor(self, registration: RegistrationId, sub: str) -> str:
        """Return a blind reference, the same each time, whether or not the person has an account."""
        ...

    def place(self, registration: RegistrationId, context_id: str, resource_link_id: str | None) -> Place: ...
