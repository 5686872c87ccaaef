"""Kept learning events in the inbox: each once, in its source's chain, and told on where it says something."""

from collections.abc import Sequence

from bridge.intake.learning import LearningEvent
from bridge.intake.normalisers import EventClaim, normalise, tell
from bridge.intake.ports import Inbox
from bridge.kernel.canonical import canonical_json
from bridge.kernel.events import Events
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import Clock

CALIPER, CANVAS = "caliper", "canvas"
"""Kinds of sources."""


class LearningInbox:
    """What learning events of one institution are put into, in an open unit of work."""

    def __init__(self, inbox: Inbox, events: Events, clock: Clock, institution: InstitutionId) -> None:
        self._inbox = inbox
        self._events = events
        self._clock = clock
        self._institution = institution

    def receive(
        self,
        kind: str,
        source: str,
        events: Sequence[LearningEvent],
        *,
        original_sha256: str,
        verification: str,
    ) -> list[bool]:
        """Chain the events that are new and tell them on; return for each whether it is new.

        Args:
            kind: `CALIPER` or `CANVAS`; source: the institution's name for the sender.
            original_sha256: of the whole body as it came.
        """
        return [self._receive(f"{kind}:{source}", kind, one, original_sha256, verification) for one in events]

    def _receive(
        self, source: str, kind: str, event: LearningEvent, original_sha256: str, verification: str
    ) -> bool:
        record = self._inbox.append(
            chain=f"{self._institution}:{kind}",
            source=source,
            received_at=self._clock.now(),
            original_sha256=original_sha256,
            verification=verification,
            idempotency_key=event.key,
            payload=canonical_json(event.payload()).decode(),
        )
        if record is None:
            return False
        for claim in normalise(record):
            if isinstance(claim, EventClaim):
                tell(self._events, claim, record.id)
        return True
