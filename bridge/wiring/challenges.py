"""The registration page's use cases: begin a challenge, look at it, send a frame; and the worker's part."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.plugin_loader import load
from bridge.presence.bursts import JudgedBurst, judge_burst_material
from bridge.presence.challenge import MOVE_SENTENCES, Challenge, ChallengeState, Move
from bridge.presence.challenge_store import overdue_challenges
from bridge.presence.challenges import BURST_WAITING
from bridge.presence.face import FaceTemplate
from bridge.wiring.face_gate import require_face_of
from bridge.wiring.frames_ahead import frame_of_learner_ahead
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

Json = dict[str, Any]


def begin_challenge(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, camera: str
) -> Json:
    """Begin a challenge; return what the page shows.

    Raises:
        InvalidInput: as `ChallengeService.begin`.
        NotPermitted: as `face_gate.require_face_of`.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        require_face_of(stations, learner, class_run)
        return _told(house, stations, stations.challenges.begin(learner, class_run, camera))


def look_at_challenge(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId
) -> Json:
    """Return how the learner's challenge stands; `{"state": "none"}` if none was begun.

    Raises:
        NotPermitted: as `face_gate.require_face_of`.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        require_face_of(stations, learner, class_run)
        found = stations.challenges.look(learner, class_run)
        return {"state": "none"} if found is None else _told(house, stations, found)


def take_challenge_frame(
    house: "House",
    institution: InstitutionId,
    learner: LearnerRef,
    class_run: ClassRunId,
    challenge_id: str,
    nonce: str,
    seq: int,
    jpeg: bytes,
) -> Json:
    """Take one frame of a burst; it is judged by a worker once the burst is whole.

    Raises:
        InvalidInput, NotPermitted: as `ChallengeService.submit`.
        NotPermitted: as `face_gate.require_face_of`.
    """
    ahead = frame_of_learner_ahead(house, institution, learner, class_run, jpeg)
    with ahead as stored, house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        stations.vault.take_along(stored)
        require_face_of(stations, learner, class_run)
        return _told(house, stations, stations.challenges.submit(challenge_id, learner, nonce, seq, jpeg))


def _told(house: "House", stations: "Stations", found: Challenge) -> Json:
    """Return what the page may know: of a movement whose moment has not come, only how long to wait."""
    limits = stations.challenges.limits(found.class_run)
    told: Json = {
        "challenge": found.id,
        "state": found.state.value,
        "met": len(found.met),
        "of": limits.steps + 1,
        "message": found.sentence,
        "anchored": False,
        "card_again": False,
        "done": found.state is ChallengeState.PASSED,
        "step": None,
    }
    if found.state is ChallengeState.PASSED:
        reference = stations.presence_store.reference(found.learner, found.class_run)
        told["anchored"] = reference is not None and reference.anchored_ms is not None
        told["card_again"] = reference is not None and bool(reference.renews)
    step = found.step
    if step is not None:
        now_ms = epoch_ms(house.clock.now())
        told["step"] = {"wait_ms": max(0, step.opens_ms - now_ms), "judging": step.judging}
        if now_ms >= step.opens_ms:
            told["step"] |= {
                "move": step.move.value,
                "say": MOVE_SENTENCES[step.move],
                "nonce": step.nonce,
                "frames": step.frames,
                "taken": step.taken,
                "gap_ms": limits.frame_gap_ms if step.move is not Move.FRONT else limits.frame_gap_ms // 2,
                "left_ms": max(0, step.closes_ms - now_ms),
            }
    return told


def expire_challenges(house: "House") -> None:
    """End the challenges whose time is over, whether anybody comes back to them or not."""
    with house.uow.across_institutions("find challenges whose time is over", read_only=True) as tx:
        late = overdue_challenges(tx, epoch_ms(house.clock.now()))
    for institution, challenge_id in late:
        with house.uow.for_institution(institution) as tx:
            house.at(tx).challenges.expire(challenge_id)


def challenge_works(
    house: "House", roster_template: Callable[[bytes], FaceTemplate | None]
) -> dict[str, Work]:
    """Return the worker's part: a whole burst is judged at once, outside any transaction."""

    def judge(job: Job) -> JudgedBurst | None:
        with house.uow.for_institution(job.institution_id, read_only=True) as tx:
            challenges = house.at(tx).challenges
            material = challenges.material(job.key)
            limits = (
                None if material is None else challenges.limits(ClassRunId(material.frames[0][0].class_run))
            )
        if material is None or limits is None:
            return None

        def fetch(frame_ids: Sequence[str]) -> Mapping[str, bytes]:
            with house.uow.for_institution(job.institution_id, read_only=True) as tx:
                return house.at(tx).challenges.pictures(frame_ids)

        return judge_burst_material(
            house.engine_for_faces, load("frame_marks")(), material, limits, roster_template, fetch
        )

    def record(tx: Tx, job: Job, judged: JudgedBurst | None) -> None:
        if judged is None:
            return
        stations = house.at(tx)
        found = stations.challenges.find(job.key)
        if found is not None and not stations.identity.may_process_face(found.learner):
            # Withdrawn while the models looked: nothing is kept of what they saw.
            stations.challenges.forget(found.learner)
            return
        stations.challenges.record(job.key, judged)

    return {BURST_WAITING: Work(prepare=judge, apply=record)}
