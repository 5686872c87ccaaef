"""Pictures, templates and files that are kept of a learner, over all records of the human, each with its last day."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import rfc3339
from bridge.presence.face_rows import count_marks, likenesses_of
from bridge.wiring.deletion import PURPOSES_ZH
from bridge.wiring.key_terms import KeyTerms, Term

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


def faces_kept(
    house: "House", tx: Tx, stations: "Stations", records: Sequence[LearnerRef]
) -> list[dict[str, Any]]:
    """Return by class run whether a face is registered, and how many photographs and marks of them there are."""
    found = []
    for record in records:
        for run in stations.registry.class_runs_of(record):
            reference = stations.presence_store.reference(record, run)
            found.append(
                {
                    "class_run": run,
                    "registered": reference is not None,
                    "templates": 0 if reference is None else len(reference.templates),
                    "model": None if reference is None else reference.model_id,
                    "in_use": reference is not None and reference.is_of(house.recogniser),
                    "photographs": len(stations.presence_store.frames_of(record, run)),
                    "marks": count_marks(tx, record, run),
                }
            )
    return found


def evidence_kept(tx: Tx, terms: KeyTerms, records: Sequence[LearnerRef]) -> list[dict[str, Any]]:
    """Return what lies in the vault by purpose and class run: live or destroyed, since when, until which day."""
    rows_of = tx.session.scalars(select(EnrolmentListRow.id).where(EnrolmentListRow.learner.in_(records)))
    keys = tx.session.execute(
        select(DataKeyRow, func.count(EvidenceRow.id))
        .join(EvidenceRow, EvidenceRow.key_id == DataKeyRow.id)
        .where(DataKeyRow.subject.in_([*records, *rows_of]))
        .group_by(DataKeyRow.id)
        .order_by(DataKeyRow.created_at, DataKeyRow.purpose)
    )
    found = []
    for key, pieces in keys:
        term = None if key.destroyed_at is not None else terms.of(key)
        found.append(
            {
                "what": PURPOSES_ZH.get(key.purpose, key.purpose),
                "purpose": key.purpose,
                "class_run": key.class_run_id or None,
                "pieces": pieces,
                "since": rfc3339(key.created_at),
                "destroyed_at": None if key.destroyed_at is None else rfc3339(key.destroyed_at),
                **_until(term),
            }
        )
    return found


def likenesses_kept(tx: Tx, terms: KeyTerms, records: Sequence[LearnerRef]) -> list[dict[str, Any]]:
    """Return when the learner's face was found like another person's, and until when that is noted; never whose."""
    return [
        {"found_at": rfc3339(found_at), "class_run": run, **_until(terms.of_likeness(found_at))}
        for found_at, run in likenesses_of(tx, records)
    ]


def _until(term: Term | None) -> dict[str, str | None]:
    """Return the last day, and by which rule of the packs, for what is kept."""
    if term is None:
        return {"until": None, "until_by": None}
    return {
        "until": None if term.until is None else term.until.isoformat(),
        "until_by": f"{term.rule.parameter.text_zh}({term.rule.parameter.citation})",
    }
