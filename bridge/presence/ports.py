"""What presence needs from outside."""

from datetime import datetime
from typing import Protocol

from bridge.intake.model import ChainHead, InboxRecord
from bridge.kernel.ids import (
    CheckId,
    ClassRunId,
    LearnerRef,
    StudySessionId,
)
from bridge.presence.model import (
    Activity,
    CheckRules,
    FaceFrame,
    FaceReference,
    PresenceCheck,
    SeenCheck,
    StudySession,
)
from bridge.presence.waiting import LastEnd


class BatchInbox(Protocol):
    """Where accepted batches are chained."""

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
    ) -> InboxRecord | None: ...


class RulesInForce(Protocol):
    """The values that apply to a class run on the day on which each is read."""

    def checks(self, class_run: ClassRunId, activity: Activity) -> CheckRules: ...

    def anchor_good_frames(self, class_run: ClassRunId) -> int: ...


class RosterPhotographs(Protocol):
    """The enrolment list's ID photo, kept by identity."""

    def roster_photo(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None: ...


class StudyPace(Protocol):
    """Told when the number of open checks may have changed; the demonstration's clock slows while one is open."""

    def check_opening(self) -> None:
        """A check is about to be opened: from now on its answer window runs in real time."""
        ...

    def checks_changed(self) -> None: ...

    def heard(self) -> None:
        """A session's batch was accepted."""
        ...


class PresenceStore(Protocol):
    """Sessions, checks, frames and references of one institution."""

    def add_session(self, session: StudySession, secret_sha256: str, token_id: str) -> bool:
        """Add a session; False when the LMS's token was used before."""
        ...

    def session(self, session_id: StudySessionId) -> tuple[StudySession, str] | None:
        """Return the session, locked until commit, and the SHA-256 of its secret."""
        ...

    def save_batch(self, session: StudySession) -> None: ...

    def save_session(self, session: StudySession) -> None: ...

    def note_totals(
        self, learner: LearnerRef, class_run: ClassRunId, credited: int, provisional: int, refused: int
    ) -> None: ...

    def open_sessions(self, learner: LearnerRef) -> list[StudySession]:
        """Return the learner's open sessions, locked until commit; nobody else opens one meanwhile."""
        ...

    def add_check(self, check: PresenceCheck) -> None: ...

    def check(self, check_id: CheckId) -> PresenceCheck | None:
        """Return the check; it and its session are locked until commit."""
        ...

    def seen(self, check_id: CheckId, *, locked: bool = False) -> SeenCheck | None:
        """Return the check as it stands; where asked for, its session is locked until commit."""
        ...

    def open_check(self, session_id: StudySessionId) -> PresenceCheck | None: ...

    def save_check(self, check: PresenceCheck, decided_ms: int | None) -> None: ...

    def save_asked(self, check: PresenceCheck) -> None:
        """Save what the check asks for by now, and nothing else of it: a page waits while its picture is taken."""
        ...

    def last_passed_ms(self, session_id: StudySessionId) -> int | None: ...

    def last_end(self, session_id: StudySessionId) -> LastEnd | None: ...

    def waiting_frames(self, check_id: CheckId) -> int: ...

    def last_message(self, check_id: CheckId) -> str: ...

    def frame_known(self, learner: LearnerRef, sha256: str) -> bool: ...

    def add_frame(self, frame: FaceFrame) -> bool:
        """Add a frame; False if the learner is sending the same bytes just now."""
        ...

    def frame(self, frame_id: str) -> FaceFrame | None: ...

    def save_frame(self, frame: FaceFrame) -> None: ...

    def frames_of(self, learner: LearnerRef, class_run: ClassRunId) -> list[FaceFrame]: ...

    def reference(self, learner: LearnerRef, class_run: ClassRunId) -> FaceReference | None: ...

    def save_reference(self, reference: FaceReference) -> None: ...

    def forget_references(self, learner: LearnerRef) -> None: ...
