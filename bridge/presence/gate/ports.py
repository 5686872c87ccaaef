"""What the gate needs from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bridge.kernel.ids import ClassRunId, CourseUnitId, LearnerRef, RegistrationId, StudySessionId
from bridge.presence.gate.model import ControlAction, ControlPolicy, ExamGrant, TestAttempt, WatchedSession
from bridge.presence.model import PresenceCheck


class ExamGrants(Protocol):
    """A platform that opens a test for one person when the bridge says so; adapters are in plugins/lms/.

    Both may be sent again with the same `grant_id`; the second time changes nothing.
    """

    def grant(self, *, grant_id: str, sub: str, resource_link_id: str, expires_at: datetime) -> None:
        """Open the test.

        Args:
            sub: the person as the platform's launches name them.

        Raises:
            Unavailable: nothing was opened; `permanent` says whether trying again can help.
        """
        ...

    def revoke(self, *, grant_id: str, reason: str) -> None:
        """Close the test again; Unavailable as for `grant`.

        Args:
            reason: a sentence that the learner may read.
        """
        ...

    def test_url(self, resource_link_id: str) -> str | None:
        """Return the page of the test at the platform; None where it cannot be told."""
        ...


class GateRules(Protocol):
    """The pack's values for a class run on today's date."""

    def control(self, class_run: ClassRunId) -> ControlPolicy: ...

    def session_lost_ms(self, class_run: ClassRunId) -> int:
        """Return after how much silence (real ms) a session counts as lost."""
        ...

    def grant_seconds(self, class_run: ClassRunId, nominal_ms: int) -> int:
        """Return for how long a test of that length is opened."""
        ...


class Sessions(Protocol):
    """The part of the presence service that the gate needs."""

    def close_session(self, session_id: StudySessionId, reason: str) -> None: ...


class GateStore(Protocol):
    """Attempts, actions and grants of one institution."""

    def add(self, attempt: TestAttempt) -> bool:
        """Add an attempt; False if the account has it already."""
        ...

    def get(self, attempt_id: str) -> TestAttempt | None:
        """Return the attempt, locked until commit."""
        ...

    def read(self, attempt_id: str) -> TestAttempt | None:
        """Return the attempt without locking it."""
        ...

    def find(self, account_id: str, attempt: str) -> TestAttempt | None: ...

    def latest(
        self, account_id: str, registration: RegistrationId, *, attempt_number: int | None = None
    ) -> TestAttempt | None:
        """Return the account's newest attempt, of that number at the platform if one is given."""
        ...

    def open_at_link(
        self, account_id: str, registration: RegistrationId, deployment_id: str, resource_link_id: str
    ) -> TestAttempt | None:
        """Return the account's attempt by that link of the course that has not ended."""
        ...

    def of_learner(self, learner: LearnerRef, attempt: str) -> TestAttempt | None: ...

    def running_of(
        self, learner: LearnerRef, class_run: ClassRunId, unit: CourseUnitId
    ) -> TestAttempt | None:
        """Return the learner's newest running attempt at that test."""
        ...

    def save(self, attempt: TestAttempt) -> None: ...

    def keep_message(self, attempt_id: str, message: str | None) -> None:
        """Keep the platform's message, encrypted; None forgets it."""
        ...

    def message(self, attempt_id: str) -> str | None: ...

    def session(self, session_id: StudySessionId) -> WatchedSession | None:
        """Return the session as it is now; it is not locked."""
        ...

    def checks(self, session_id: StudySessionId) -> Sequence[PresenceCheck]: ...

    def best_likeness(self, check_id: str) -> float | None:
        """Return the highest comparison score of the check's frames; None if nothing was compared."""
        ...

    def last_heard_ms(self, attempt: TestAttempt) -> int | None:
        """Return when a test session of the attempt's learner and unit was last heard, study ms.

        A session of the platform's own page counts too: with an agent there, it takes over from the gate's page.
        None if none is open.
        """
        ...

    def add_control(self, control: ControlAction) -> bool:
        """Add an action; False if it was added for the same cause before."""
        ...

    def next_control(self, attempt_id: str) -> ControlAction | None:
        """Return the oldest action that waits to be sent."""
        ...

    def controls(self, attempt_id: str) -> Sequence[ControlAction]: ...

    def save_control(self, control: ControlAction) -> None: ...

    def add_grant(self, grant: ExamGrant) -> None: ...

    def exam_grant(self, grant_id: str) -> ExamGrant | None: ...

    def grants(self, attempt_id: str) -> Sequence[ExamGrant]: ...

    def save_grant(self, grant: ExamGrant) -> None: ...
