"""Keys whose time is over are destroyed by the schedule, each with a signed receipt, and with them what rests on them.

Papers and learner's files are not among them: two people dispose of an archive (`bridge.archive`). Nothing ends while a
legal hold binds it, or while people review a check for which it is looked at.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import delete, select, update

from bridge.db.data_keys import DataKeyRow, DataKeys
from bridge.db.unit_of_work import Tx
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.face_rows import drop_likenesses, drop_marks_of, drop_marks_of_runs
from bridge.presence.review.model import FINAL
from bridge.presence.tables import FaceReferenceRow
from bridge.registry.tables import InstitutionRow
from bridge.reporting.tables import ReportRecordRow
from bridge.wiring.key_terms import KeyTerms

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

log = structlog.get_logger()

SCHEDULE = "schedule"
"""Whose order it is where nobody gave one: the rule's."""
ENDED_BY_THE_SCHEDULE = (
    EvidencePurpose.FACE_TEMPLATE,
    EvidencePurpose.ID_PHOTO,
    EvidencePurpose.FACE_FRAME,
    EvidencePurpose.IDENTITY_EVIDENCE,
    EvidencePurpose.REGULATOR_BATCH,
)
_LOOKED_AT_IN_REVIEWS = frozenset({EvidencePurpose.ID_PHOTO, EvidencePurpose.FACE_FRAME})
_AT_ONCE = 500
"""Class runs of one query."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A key whose time is over, and the reason on its receipt."""

    scope: EvidenceScope
    reason: str


def sweep_key_ends(house: "House") -> int:
    """Destroy the keys of all institutions whose time is over; return how many. Told again it finds nothing."""
    number = 0
    for institution in _institutions(house):
        try:
            for ended in ended_keys(house, institution):
                number += _end(house, institution, ended)
        except InvalidInput as error:
            # A profile that is not known (any more): what it governs is kept, the others' ends do not wait for it.
            log.error("keys_kept", reason=error.reason, institution=institution)
    if number:
        log.info("keys_ended", keys=number)
    return number


def ended_keys(house: "House", institution: InstitutionId) -> list[Ended]:
    """Return the institution's keys whose time is over on the legal day of now (real time)."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        terms, found = KeyTerms(house, tx), []
        for purpose in ENDED_BY_THE_SCHEDULE:
            for key in _candidates(tx, terms, purpose):
                term = terms.of(key)
                if term is not None and term.is_over(terms.today):
                    found.append(Ended(scope_of(key), term.reason))
        for parameter in sorted(terms.missing):
            log.warning("keys_kept", reason="no_rule_in_force", parameter=parameter)
        return found


def scope_of(key: DataKeyRow) -> EvidenceScope:
    """Return what the key is for."""
    return EvidenceScope(
        InstitutionId(key.institution_id),
        key.subject,
        EvidencePurpose(key.purpose),
        ClassRunId(key.class_run_id) if key.class_run_id else None,
    )


def needed_by(house: "House", tx: Tx, scope: EvidenceScope) -> str | None:
    """Return why what lies under a key must stay although its time is over: "legal_hold", "review_open"; or None."""
    stations, run = house.at(tx), scope.class_run_id
    holds = stations.legal_holds
    if scope.purpose is EvidencePurpose.REGULATOR_BATCH:
        held = any(holds.binds(of_record) for of_record in _runs_of_batch(tx, scope.subject))
        return "legal_hold" if held else None
    person = _person(tx, scope.subject)
    # What belongs to no class run is evidence in every one that its person is in.
    runs = [run] if run is not None else [None, *stations.registry.class_runs_of(person)]
    if any(holds.binds(one, person) for one in runs):
        return "legal_hold"
    if run is not None and scope.purpose in _LOOKED_AT_IN_REVIEWS:
        cases = stations.review_store.of_learner(person, run)
        if any(case.state not in FINAL for case in cases):
            return "review_open"
    return None


def destroy_key(stations: "Stations", tx: Tx, scope: EvidenceScope, *, reason: str, by: str) -> int:
    """Destroy a key with a receipt, and let go what names its content; return how many pieces became noise.

    Args:
        reason, by: as `Vault.destroy`.
    """
    pieces = stations.vault.destroy(scope, reason=reason, by=by)
    let_go(tx, scope)
    return pieces


def let_go(tx: Tx, scope: EvidenceScope) -> None:
    """Delete or empty the rows that name what lay under a destroyed key: what asks for it must find nothing."""
    if scope.purpose is EvidencePurpose.FACE_TEMPLATE and scope.class_run_id is not None:
        learner = LearnerRef(scope.subject)
        tx.session.execute(
            delete(FaceReferenceRow).where(
                FaceReferenceRow.institution_id == tx.institution_id,
                FaceReferenceRow.learner == learner,
                FaceReferenceRow.class_run == scope.class_run_id,
            )
        )
        drop_marks_of(tx, learner, scope.class_run_id)
    elif scope.purpose is EvidencePurpose.ID_PHOTO:
        tx.session.execute(
            update(EnrolmentListRow)
            .where(EnrolmentListRow.institution_id == tx.institution_id, EnrolmentListRow.id == scope.subject)
            .values(photo=None)
        )


def sweep_face_rows(house: "House") -> int:
    """Delete marks of frames and notes of likeness whose time is over, of all institutions; return how many."""
    number = 0
    for institution in _institutions(house):
        with house.uow.for_institution(institution) as tx:
            terms, holds = KeyTerms(house, tx), house.at(tx).legal_holds
            ended = [run for run in terms.runs_over(EvidencePurpose.FACE_TEMPLATE) if not holds.binds(run)]
            for at in range(0, len(ended), _AT_ONCE):
                number += drop_marks_of_runs(tx, ended[at : at + _AT_ONCE])
            before = terms.likenesses_over_before
            if before is not None:
                number += drop_likenesses(tx, before, holds.binds)
    if number:
        log.info("face_rows_ended", rows=number)
    return number


def sweep_keys(house: "House") -> None:
    """Once an hour end what is over and complete the list of destroyed keys, once a day what lies under no key."""
    hour = house.clock.now().replace(minute=0, second=0, microsecond=0)
    if house.keys_swept == hour:
        return
    sweep_key_ends(house)
    if house.keys_swept is None or legal_date(house.keys_swept) != legal_date(hour):
        sweep_face_rows(house)
    house.destroyed.sync_if_possible(house.uow)
    house.keys_swept = hour


def _institutions(house: "House") -> list[InstitutionId]:
    with house.uow.across_institutions("find class runs that ended", read_only=True) as tx:
        return [InstitutionId(one) for one in tx.session.scalars(select(InstitutionRow.id))]


def _candidates(tx: Tx, terms: KeyTerms, purpose: EvidencePurpose) -> list[DataKeyRow]:
    """Return the live keys of a purpose that may be over; of what class runs own only of those that are."""
    live = (
        select(DataKeyRow)
        .where(DataKeyRow.destroyed_at.is_(None), DataKeyRow.purpose == purpose.value)
        .order_by(DataKeyRow.id)
    )
    if purpose in (EvidencePurpose.IDENTITY_EVIDENCE, EvidencePurpose.REGULATOR_BATCH):
        before = terms.made_before(purpose)
        return [] if before is None else list(tx.session.scalars(live.where(DataKeyRow.created_at < before)))
    over = terms.runs_over(purpose)
    return [
        key
        for at in range(0, len(over), _AT_ONCE)
        for key in tx.session.scalars(live.where(DataKeyRow.class_run_id.in_(over[at : at + _AT_ONCE])))
    ]


def _person(tx: Tx, subject: str) -> LearnerRef:
    """Return the learner to whom a key's subject belongs; of a list's row whom nobody proved to be, the row."""
    owner = tx.session.scalar(select(EnrolmentListRow.learner).where(EnrolmentListRow.id == subject))
    return LearnerRef(owner or subject)


def _runs_of_batch(tx: Tx, batch_id: str) -> list[ClassRunId]:
    runs = select(ReportRecordRow.class_run_id).where(ReportRecordRow.batch_id == batch_id).distinct()
    return [ClassRunId(run) for run in tx.session.scalars(runs)]


def _end(house: "House", institution: InstitutionId, ended: Ended) -> bool:
    with house.uow.for_institution(institution) as tx:
        # Whoever puts evidence under the key waits for this lock: what came since the key was listed is seen here.
        key = DataKeys(tx, house.key_ring).live(ended.scope, for_update=True)
        terms = KeyTerms(house, tx)
        term = None if key is None else terms.of(key)
        if term is None or not term.is_over(terms.today) or needed_by(house, tx, ended.scope) is not None:
            return False
        destroy_key(house.at(tx), tx, ended.scope, reason=ended.reason, by=SCHEDULE)
    return True
