"""What a video statement adds to the claims of a unit."""

from collections.abc import Mapping
from typing import Any

from bridge.intake.cmi5.claims import UnitClaim, UnitClaims
from bridge.intake.video.rules import Watched
from bridge.intake.video.segments import watched as watched_once
from bridge.intake.xapi.formats import instant
from bridge.kernel.ids import ClassRunId, LearnerRef

PROFILE = "video"
SEEN, BREACH, COMPLETED = "seen", "breach", "completed"


def note_video(
    claims: UnitClaims,
    learner: LearnerRef,
    class_run: ClassRunId,
    unit: str,
    statement: Mapping[str, Any],
    watched: Watched,
) -> None:
    """Add to the claims of a unit what a statement says was watched. In whatever order, the same comes of it."""
    at, said_by = instant(statement["timestamp"]), statement["id"]
    if watched.segments or watched.length_ms is not None:
        before = claims.value(learner, class_run, unit, PROFILE, SEEN) or {}
        known = [(start, end) for start, end in before.get("segments", [])]
        value = {
            "segments": watched_once([*known, *watched.segments]).pairs(),
            "length_ms": max(watched.length_ms or 0, before.get("length_ms", 0)),
        }
        claims.note(learner, class_run, UnitClaim(unit, PROFILE, SEEN, at, value, said_by))
    if watched.word == COMPLETED:
        value = {} if watched.progress is None else {"progress": watched.progress}
        claims.note(learner, class_run, UnitClaim(unit, PROFILE, COMPLETED, at, value, said_by))
