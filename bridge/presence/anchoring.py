"""Anchoring: from which moment a face reference is known to be the person's, and by what.

Until then what is studied is provisional and no paper is issued. An anchor speaks of one reference alone: checks that
were compared with another one count no more than before.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.kernel.events import Events
from bridge.kernel.time import epoch_ms
from bridge.presence.model import FaceReference

ANCHORED = "presence.anchored"
"""Type of the event."""

ID_PHOTO = "id_photo"
"""Good frames matched the enrolment list's ID photo."""
PROVIDER = "provider"
"""They matched that photo, and a real-name provider had found it to be the person's in its own source."""
STAFF_CARD_CHECK = "staff_card_check"
"""Staff saw person and card, and the frames that were taken there matched the reference."""
STAFF_CARD_CHECK_KEPT = "staff_card_check_kept"
"""The model changed: who registered anew matched, by the new model, the frames of the staff's check of the card."""


def anchored(
    events: Events, reference: FaceReference, now: datetime, method: str, **by: Any
) -> FaceReference:
    """Return the reference as anchored from `now` (study clock) on, and tell; it is for the caller to keep.

    Args:
        method: one of the four above, or of another way that a station of its own knows.
        by: what else is to stand in the ledger of it; nothing personal.
    """
    at_ms = epoch_ms(now)
    named = {"reference": reference.id} if reference.id else {}
    events.emit(
        ANCHORED,
        reference.learner,
        occurred_at=now,
        idempotency_key="|".join((reference.learner, reference.class_run, *named.values())),
        data={
            "learner": reference.learner,
            "class_run": reference.class_run,
            **named,
            "at_ms": at_ms,
            "method": method,
            "good_frames": len(reference.templates),
            **by,
        },
    )
    return replace(reference, anchored_ms=at_ms)
