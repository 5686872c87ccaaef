"""Reviews where stations meet: the class run's values, the ledger's correction, the faces that reviewers compare."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.db.unit_of_work import Tx
from bridge.identity import access_log
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import StudyClock, epoch_ms, legal_date
from bridge.ledger.correction_tables import CONFIRMED, Correction
from bridge.ledger.model.corrections import CorrectionKind
from bridge.ledger.model.reasons import Refusal
from bridge.ledger.model.statement import Segment, Verdict
from bridge.presence.model import CheckState, FaceFrame, PresenceCheck
from bridge.presence.review.model import Review, ReviewRules
from bridge.presence.review.store import expiring
from bridge.registry.service import RegistryService
from bridge.rules.model import LegalDates, RuleBook

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

ID_PHOTO, REFERENCE = "id-photo", "reference"
"""Faces of a case that are no frame of its check."""
_REGISTRATION_TAKES = timedelta(minutes=10)
_PURPOSES = {ID_PHOTO: "review.id_photo", REFERENCE: "review.reference"}
_TO_LAST_PASS = {
    CheckState.OTHER_PERSON: Refusal.OTHER_PERSON,
    CheckState.SUSPECTED_SPOOF: Refusal.SUSPECTED_SPOOF,
}


class ReviewRulesInForce:
    """`presence.review.ports.ReviewRulesInForce`: the values of the class run's profile on today's study date."""

    def __init__(self, registry: RegistryService, rules: RuleBook, study_clock: StudyClock) -> None:
        self._registry = registry
        self._rules = rules
        self._study_clock = study_clock

    def reviews(self, class_run: ClassRunId) -> ReviewRules:
        run = self._registry.class_run(class_run)
        today = legal_date(self._study_clock.now())
        dates = LegalDates(opening=run.opens_on, study_second=today, event=today)
        profile = self._rules.profile(run.profile)
        return ReviewRules(
            **{
                name: profile.read(f"review.{name}", dates).integer()
                for name in ("appeal_days", "decide_days", "expire_days", "stuck_failures")
            }
        )


def correct_after_review(stations: "Stations", data: Mapping[str, Any]) -> None:
    """Have the two reviewers' word corrected in the ledger, as any correction by two people; once.

    Args:
        data: of the event `presence.review_closed`; one without a correction changes nothing.
    """
    if not data["correction"]:
        return
    learner, class_run = LearnerRef(data["learner"]), ClassRunId(data["class_run"])
    if voided(stations.corrections.of(learner, class_run), data["check"]) is not None:
        return
    proposed = stations.corrections.propose(
        CorrectionKind.CHECK_VOID,
        learner,
        class_run,
        {"check": data["check"]},
        reason=data["correction"],
        by=data["decided_by"],
    )
    stations.corrections.confirm(proposed.id, data["confirmed_by"])


def voided(corrections: Iterable[Correction], check: str) -> Correction | None:
    """Return the confirmed correction that sets the check aside; None if none does."""
    for one in corrections:
        of_check = one.what is CorrectionKind.CHECK_VOID and one.details["check"] == check
        if of_check and one.state == CONFIRMED:
            return one
    return None


def expire_reviews(house: "House") -> None:
    """End the cases that nobody decided in time and no learner waits for."""
    today = legal_date(house.study_clock.now())
    with house.uow.across_institutions("find reviews whose time is over", read_only=True) as tx:
        due = expiring(tx, today)
    for institution, review in due:
        with house.uow.for_institution(institution) as tx:
            house.at(tx).reviews.expire(review)


@dataclass(frozen=True, slots=True)
class Faces:
    """Which faces a case has to compare: each name is asked for, and logged, by itself."""

    references: tuple[str, ...]
    frames: tuple[FaceFrame, ...]


def faces_of(house: "House", tx: Tx, review: Review) -> Faces:
    """Return what there is to see of a case; no picture is read for it."""
    stations = house.at(tx)
    frames = stations.presence_store.frames_of(review.learner, review.class_run)
    references = []
    row = SqlIdentityStore(tx, house.cipher).list_row_of(review.class_run, review.learner)
    if row is not None and row.photo is not None and stations.identity.may_process_face(review.learner):
        references.append(ID_PHOTO)
    if _registered(frames) is not None:
        references.append(REFERENCE)
    return Faces(tuple(references), tuple(one for one in frames if one.check_id == review.check))


def show_face(house: "House", institution: InstitutionId, review_id: str, face: str, *, by: str) -> bytes:
    """Return a picture of a case for a person to look at, and log that they did.

    Args:
        face: ID_PHOTO, REFERENCE or the id of one of the check's frames.

    Raises:
        InvalidInput: review_unknown, face_unknown, evidence_unknown (its key is destroyed).
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        review = stations.review_store.look(review_id)
        if review is None:
            raise InvalidInput("review_unknown", "没有这件复核,请刷新。", http_status=404)
        picture = _picture(stations, institution, review, face)
        if picture is None:
            raise InvalidInput("face_unknown", "这件复核没有这张照片,请刷新。", http_status=404)
        _log(house, tx, review.learner, _PURPOSES.get(face, "review.check_frame"), by)
    return picture


def lost_seconds(
    checks: Sequence[tuple[PresenceCheck, datetime]], timeline: Iterable[Segment]
) -> dict[str, int]:
    """Return how much study time each check that was not passed keeps from counting; those that keep none left out.

    Checks that failed one after the other share their stretch: each is told the part from its own beginning on.

    Args:
        checks: of one learner and class run, with when each ended.
    """
    passes: dict[str, list[int]] = {}
    for check, ended_at in checks:
        if check.state is CheckState.PASSED:
            passes.setdefault(check.session, []).append(epoch_ms(ended_at))
    refused = [one for one in timeline if one.verdict is Verdict.REFUSED]
    lost: dict[str, int] = {}
    for check, ended_at in checks:
        if check.state is CheckState.PASSED:
            continue
        at, passed = epoch_ms(ended_at), sorted(passes.get(check.session, ()))
        later = bisect_right(passed, at)
        until = passed[later] if later < len(passed) else None
        reason, since = _TO_LAST_PASS.get(check.state, Refusal.CHECK_MISSED), check.due_ms
        if check.state in _TO_LAST_PASS:
            earlier = bisect_left(passed, at)
            since = min(since, passed[earlier - 1]) if earlier else 0
        milliseconds = sum(
            max(0, min(one.end_ms, one.end_ms if until is None else until) - max(one.start_ms, since))
            for one in refused
            if one.session == check.session and one.reason == reason
        )
        if milliseconds >= 1000:
            lost[check.id] = milliseconds // 1000
    return lost


def _picture(stations: "Stations", institution: InstitutionId, review: Review, face: str) -> bytes | None:
    if face == ID_PHOTO:
        # Who took back the consent to faces is compared with no photograph any more.
        with suppress(NotPermitted):
            return stations.identity.roster_photo(review.learner, review.class_run)
        return None
    frames = stations.presence_store.frames_of(review.learner, review.class_run)
    found = _registered(frames) if face == REFERENCE else None
    if face != REFERENCE:
        found = next((one for one in frames if one.id == face and one.check_id == review.check), None)
    return None if found is None else stations.vault.get(institution, found.evidence_id)


def _registered(frames: Sequence[FaceFrame]) -> FaceFrame | None:
    """Return the straight look of the newest face registration: its best scored frame, else its first accepted one."""
    good = [one for one in frames if one.check_id is None and one.verdict == "verified"]
    if not good:
        return None
    begun = max(one.received_real for one in good) - _REGISTRATION_TAKES
    newest = [one for one in good if one.received_real >= begun]
    return max(newest, key=lambda one: (one.score or 0.0, -one.received_real.timestamp()))


def _log(house: "House", tx: Tx, learner: LearnerRef, purpose: str, by: str) -> None:
    access_log.note(
        tx,
        house.cipher,
        learner,
        what="face",
        purpose=purpose,
        recipient="培训机构",
        by=by,
        at=house.clock.now(),
    )
