"""What presence saw of a learner, as values of records for the regulator: `reporting.ports.StudyRecords`."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import from_epoch_ms, rfc3339
from bridge.presence.model import CheckState
from bridge.presence.store import SqlPresenceStore
from bridge.presence.tables import StudySessionRow


class StudyForRegulator:
    """Closed sessions and ended checks; of a check's frames the last that was judged, which decided it.

    What a session earned is not told: seconds are credited over all sessions together, and the hour summary has them.
    """

    def __init__(self, tx: Tx, presence: SqlPresenceStore) -> None:
        self._db = tx.session
        self._presence = presence

    def sessions(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, str]]:
        rows = self._db.scalars(
            select(StudySessionRow)
            .where(
                StudySessionRow.learner == learner,
                StudySessionRow.class_run == class_run,
                StudySessionRow.open.is_(False),
            )
            .order_by(StudySessionRow.opened_ms, StudySessionRow.id)
        )
        return [
            {
                "number": one.id,
                "Unit": one.unit,
                "Activity": one.activity,
                "PresenceMethod": one.method,
                "StartedAt": rfc3339(from_epoch_ms(one.opened_ms)),
                **(
                    {}
                    if one.last_received_ms is None
                    else {"EndedAt": rfc3339(from_epoch_ms(one.last_received_ms))}
                ),
            }
            for one in rows
        ]

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, str]]:
        # The straight look stands for the check: of a movement's pictures some show a turned head.
        decided = {
            one.check_id: one
            for one in self._presence.frames_of(learner, class_run)
            if one.verdict and not one.asked
        }
        found = []
        for check in self._presence.checks_of(learner, class_run):
            if check.state is CheckState.OPEN:
                continue
            frame = decided.get(check.id)
            found.append(
                {
                    "number": check.id,
                    "Session": check.session,
                    "CheckKind": check.kind.value,
                    "DueAt": rfc3339(from_epoch_ms(check.due_ms)),
                    "Outcome": check.state.value,
                    **({} if frame is None else {"ImageReference": frame.id, "ImageSha256": frame.sha256}),
                }
            )
        return found
