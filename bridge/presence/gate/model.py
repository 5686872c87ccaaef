"""Tests that are sat at a platform with the bridge beside them, and what the bridge asks of the platform. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import (
    ClassRunId,
    CourseUnitId,
    LearnerRef,
    RegistrationId,
    StudySessionId,
    new_id,
)
from bridge.presence.model import CheckState

ASSESSMENT_STARTED = "proctoring.assessment_started"
"""Type of the event that a test at the platform was opened for the first time."""
ASSESSMENT_ENDED = "proctoring.assessment_ended"
ASSESSMENT_ABANDONED = "proctoring.assessment_abandoned"
"""Nobody ended the test, and its learner has not been heard for long; the data is that of `ASSESSMENT_ENDED`."""
"""Type of the event that a test at the platform is over; its `data` is `ended_data`."""
SESSION_LOST = "session_lost"
"""The finding that nothing is heard of the learner any more while the test runs."""
BRIDGE_ATTEMPT = "gate-"
"""What the ids of attempts begin with that the bridge itself made: no platform names them in its scores."""

_HUNDREDTH = Decimal("0.01")


class GateOrigin(StrEnum):
    """How the learner came to the gate."""

    PROCTORING = "proctoring"
    """The platform sent LtiStartProctoring and waits for our permission."""
    LINK = "link"
    """A link of the course; the platform's test itself knows nothing of the bridge."""


class AttemptState(StrEnum):
    """Where an attempt stands."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class EndedBy(StrEnum):
    """Whose word it is that the test is over."""

    PLATFORM = "platform"
    LEARNER = "learner"
    NOBODY = "nobody"
    """Nothing was heard for so long that nobody is there any more."""


@dataclass(frozen=True, slots=True)
class ControlEndpointFacts:
    """Where the platform takes actions on the running test, and which it offers."""

    url: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TestAttempt:
    """One person's attempt at one test of a platform.

    Args:
        attempt: the id under which sessions, checks and scores of this attempt are kept.
        attempt_number: the platform's, for a proctored one.
        learner: None until a session was opened.
        asked_at: when the platform sent the learner last; real clock, as the next two.
        session: the newest study session of the gate's own page.
        start_session: the one in which the test was first opened; what came before is no evidence over the test.
        silent_since: since when nothing was heard, once that was told; None while the learner is there.
        paused: the bridge had the platform pause the test, and has not had it resumed.
        return_url: the platform's page to go back to.
    """

    __test__ = False

    id: str
    registration: RegistrationId
    deployment_id: str
    resource_link_id: str
    account_id: str
    class_run: ClassRunId
    unit: CourseUnitId
    origin: GateOrigin
    attempt: str
    attempt_number: int | None
    learner: LearnerRef | None
    state: AttemptState
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    ended_by: EndedBy | None
    session: StudySessionId | None
    start_session: StudySessionId | None
    silent_since: datetime | None
    paused: bool
    control: ControlEndpointFacts | None
    return_url: str | None


def new_attempt(asked_at: datetime, **facts: Any) -> TestAttempt:
    """Return an attempt that waits for its check.

    Args:
        facts: registration, deployment_id, resource_link_id, account_id, class_run, unit, origin, attempt,
            attempt_number, control, return_url.
    """
    return TestAttempt(
        id=new_id("tat"),
        learner=None,
        state=AttemptState.WAITING,
        asked_at=asked_at,
        started_at=None,
        ended_at=None,
        ended_by=None,
        session=None,
        start_session=None,
        silent_since=None,
        paused=False,
        **facts,
    )


@dataclass(frozen=True, slots=True)
class WatchedSession:
    """What the gate looks at of a study session."""

    id: StudySessionId
    learner: LearnerRef
    class_run: ClassRunId
    unit: CourseUnitId
    attempt: str | None
    open: bool


def proctored_attempt(
    registration: RegistrationId, deployment_id: str, resource_link_id: str, attempt_number: int
) -> str:
    """Return the id of a proctored attempt: the same for each message about it, at most 80 characters."""
    named = "|".join((registration, deployment_id, resource_link_id, str(attempt_number)))
    return f"pa-{sha256_hex(named.encode())[:40]}"


def started_data(attempt: TestAttempt, started_real: str) -> dict[str, Any]:
    """Return the data of `ASSESSMENT_STARTED`: what the platform keeps at this moment did not come of this test."""
    return {
        "account": attempt.account_id,
        "attempt": attempt.attempt,
        "class_run": attempt.class_run,
        "gate_attempt": attempt.id,
        "learner": attempt.learner,
        "registration": attempt.registration,
        "resource_link_id": attempt.resource_link_id,
        "started_real": started_real,
        "unit": attempt.unit,
    }


def ended_data(attempt: TestAttempt, started_real: str, ended_real: str) -> dict[str, Any]:
    """Return the data of `ASSESSMENT_ENDED`.

    A result that the platform shows without a time of its own was reached, at the latest, when it is first seen:
    with `ended_by` "learner" that moment is its `finished_real` if it comes after `ended_real`. Otherwise somebody
    could leave the gate and hand in afterwards, unseen. "platform" is the platform's signed word on the end.

    Args:
        started_real, ended_real: RFC 3339.
    """
    return {
        "account": attempt.account_id,
        "attempt": attempt.attempt,
        "attempt_number": attempt.attempt_number,
        "class_run": attempt.class_run,
        "deployment_id": attempt.deployment_id,
        "ended_by": attempt.ended_by.value if attempt.ended_by else None,
        "ended_real": ended_real,
        "gate_attempt": attempt.id,
        "learner": attempt.learner,
        "registration": attempt.registration,
        "resource_link_id": attempt.resource_link_id,
        "started_real": started_real,
        "unit": attempt.unit,
    }


@dataclass(frozen=True, slots=True)
class ControlPolicy:
    """The pack's values for what the platform is asked to do.

    Args:
        severities: finding (a final state of a check, or `SESSION_LOST`) → 0 … 1.
        pause_from, terminate_from: severity from which on; None where the pack does not allow it at all.
    """

    severities: Mapping[str, Fraction]
    pause_from: Fraction | None
    terminate_from: Fraction | None


def severity(finding: str, policy: ControlPolicy, likeness: float | None = None) -> Decimal:
    """Return how grave a finding is, 0 … 1 in hundredths; KeyError for what is no finding.

    Args:
        likeness: the best comparison score (−1 … 1) of the check's frames with the reference, for another
            person's face: the less alike, the surer, and never below what the pack says.
    """
    share = policy.severities[finding]
    least = Decimal(share.numerator) / Decimal(share.denominator)
    if finding == CheckState.OTHER_PERSON and likeness is not None:
        least = max(least, 1 - min(max(Decimal(str(likeness)), Decimal(0)), Decimal(1)))
    return least.quantize(_HUNDREDTH, ROUND_HALF_UP)


def actions_on(grave: Decimal, policy: ControlPolicy, *, paused: bool) -> tuple[str, ...]:
    """Return what to ask for after a finding: always a flag, and at most one that stops the test."""
    if policy.terminate_from is not None and Fraction(grave) >= policy.terminate_from:
        return ("flag", "terminate")
    if policy.pause_from is not None and Fraction(grave) >= policy.pause_from and not paused:
        return ("flag", "pause")
    return ("flag",)


class ControlState(StrEnum):
    """What became of an action."""

    WAITING = "waiting"
    SENT = "sent"
    NOT_OFFERED = "not_offered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ControlAction:
    """One action on a running test, and the platform's answer.

    Args:
        cause: a check's id, or an episode of silence; with `action` it is unique in its attempt.
        incident_at: real clock.
        answer: the platform's word on how the test stands; None until it answered.
        error: reason code of a refusal; "" otherwise.
    """

    id: str
    attempt_id: str
    cause: str
    action: str
    severity: Decimal
    reason_code: str
    reason_message: str
    incident_at: datetime
    state: ControlState
    answer: str | None = None
    answered_at: datetime | None = None
    error: str = ""


def state_at_first(action: str, offered: Collection[str]) -> ControlState:
    """Return the state in which an action begins: nothing is sent that the platform did not offer."""
    return ControlState.WAITING if action in offered else ControlState.NOT_OFFERED


class GrantState(StrEnum):
    """What became of a grant at the platform."""

    ASKED = "asked"
    GRANTED = "granted"
    REVOKING = "revoking"
    REVOKED = "revoked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ExamGrant:
    """A platform's test opened for one person for a short time.

    Args:
        expires_at: real clock.
        reason: why it was taken back, a sentence for the learner; or the code of the platform's refusal.
    """

    id: str
    attempt_id: str
    registration: RegistrationId
    account_id: str
    resource_link_id: str
    expires_at: datetime
    state: GrantState
    reason: str = ""
