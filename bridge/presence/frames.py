"""Frames: taken at the door, judged in a worker, recorded with their verdict.

Taking stores the picture as evidence and asks for a job; judging runs the models with no transaction open;
recording is one unit of work. A worker that dies in between judges again and changes nothing twice. Where many come at
once the picture is sealed and stored before the unit of work that takes it (`wiring.frames_ahead`).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import EventsAndWishes
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import CheckId, ClassRunId, EvidenceId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import Clock, StudyClock, epoch_ms
from bridge.presence.face import (
    FaceEngine,
    FaceJudgement,
    FaceTemplate,
    FaceVerdict,
    Frame,
    HeadPose,
    judge,
)
from bridge.presence.model import (
    RENEWAL_SENTENCE,
    CheckState,
    FaceFrame,
    FaceReference,
    PresenceCheck,
    RecogniserInForce,
    SeenCheck,
    medoid,
)
from bridge.presence.movements import Movements
from bridge.presence.moving_frames import JudgedMove, Means, Surroundings, judge_moving
from bridge.presence.ports import PresenceStore, RosterPhotographs

FRAME_WAITING = "presence.frame_waiting"
FRAME_MEDIA_TYPE = "image/jpeg"
_ONE_MORE = "这一张已确认是本人。因前面的画面存疑,请再拍一张。"


@dataclass(frozen=True, slots=True)
class FrameMaterial:
    """All that is needed to judge one frame. Biometric data: lives in memory only.

    Args:
        renewal: the person was anchored with another model: their new reference must match the ID photo again,
            or whoever sits there now would take over what was anchored.
        reference_id: of the person's reference, `FaceReference.id`.
        around: of a picture of a movement, what it is held together with; None for any other.
    """

    frame: FaceFrame
    jpeg: bytes
    reference: FaceTemplate | None
    roster_jpeg: bytes | None
    earlier: tuple[FaceTemplate, ...]
    renewal: bool = False
    reference_id: str = ""
    around: Surroundings | None = None


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """What the models and `judge` made of a frame.

    Args:
        template: of an accepted reference frame; None otherwise.
        chosen: index of the template most like the others, the new one being last.
        anchoring: whether the verdict rests on the enrolment list's ID photo.
        reference_id: of the reference with which a check's frame was compared.
        pose: how the head of a check's straight look was held; None where that could not be read.
        move: of a picture of a movement, what it shows of it.
    """

    judgement: FaceJudgement
    template: FaceTemplate | None
    chosen: int
    anchoring: bool
    reference_id: str = ""
    pose: HeadPose | None = None
    move: JudgedMove | None = None


def judge_material(
    engine: FaceEngine,
    material: FrameMaterial,
    roster_template: Callable[[bytes], FaceTemplate | None],
    means: Means,
) -> JudgedFrame:
    """Return the verdict on a frame of a check, or of the capture of a reference.

    Args:
        roster_template: makes (and may remember) the template of an ID photo; None if no one face can be used.
        means: with which pictures of movements are told from copies.
    """
    try:
        if material.around is not None and material.reference is not None:
            judgement, move = judge_moving(engine, material.jpeg, material.reference, material.around, means)
            return JudgedFrame(judgement, None, 0, False, material.reference_id, move=move)
        return _judged(engine, material, roster_template)
    except InvalidInput as error:
        # Judging again would fail again, and a frame without a verdict would hold its check open for ever.
        unreadable = error.reason.startswith("frame_")
        verdict = FaceVerdict.TOO_POOR if unreadable else FaceVerdict.UNSURE
        judgement = FaceJudgement(verdict, None, None, None, engine.pack.id, error.message)
        return JudgedFrame(judgement, None, 0, False)


def _judged(
    engine: FaceEngine, material: FrameMaterial, roster_template: Callable[[bytes], FaceTemplate | None]
) -> JudgedFrame:
    seen = engine.observe(material.jpeg)
    if material.frame.check_id is not None:
        if material.reference is None:
            raise InvalidInput("face_reference_required", "尚未采集人脸,请先完成人脸登记", http_status=409)
        judgement = judge(seen, material.reference, engine.pack)
        pose = None if seen.signs is None else seen.signs.pose
        return JudgedFrame(judgement, None, 0, False, material.reference_id, pose)
    anchor = roster_template(material.roster_jpeg) if material.roster_jpeg is not None else None
    if anchor is None and material.renewal:
        raise InvalidInput(
            "id_photo_required",
            "重新登记人脸需要与报名证件照比对,现在没有可用的证件照,请联系班主任。",
            http_status=409,
        )
    against = anchor or (material.earlier[0] if material.earlier else seen.template)
    if against is None:
        # Nothing to compare with and nothing to be compared: say what is wrong with the picture.
        against = FaceTemplate(_no_direction(), _model(engine), _model_sha256(engine))
    judgement = judge(seen, against, engine.pack)
    if judgement.verdict is FaceVerdict.VERIFIED and material.earlier:
        judgement = judge(seen, material.earlier[0], engine.pack)
    if judgement.verdict is not FaceVerdict.VERIFIED or seen.template is None:
        return JudgedFrame(judgement, None, 0, anchor is not None)
    every = (*material.earlier, seen.template)
    scores = [[engine.compare(a, b) for b in every] for a in every]
    return JudgedFrame(judgement, seen.template, medoid(scores), anchor is not None)


def frame_scope(institution_id: InstitutionId, learner: LearnerRef, class_run: ClassRunId) -> EvidenceScope:
    """Return under whose key a learner's frames lie."""
    return EvidenceScope(institution_id, learner, EvidencePurpose.FACE_FRAME, class_run)


def may_be_taken(seen: SeenCheck, nonce: str, jpeg: bytes, at_ms: int) -> bool:
    """Return whether a frame looks like one that `submit_for_check` takes: a look ahead, with nothing locked.

    What it lets through is asked again, and refused in words, by `submit_for_check` alone.
    """
    check = seen.check
    in_time = check.state is CheckState.OPEN and at_ms < check.answer_by_ms
    if not in_time or not check.takes_pictures(seen.waiting):
        return False
    if not hmac.compare_digest(nonce.encode("utf-8", "replace"), check.nonce.encode()):
        return False
    return is_frame(jpeg)


def is_frame(jpeg: bytes) -> bool:
    """Return whether it is one whole picture of a size that is taken."""
    try:
        Frame(jpeg)
    except InvalidInput:
        return False
    return True


class FrameService:
    """Takes frames and records their verdicts."""

    def __init__(
        self,
        store: PresenceStore,
        evidence: EvidencePort,
        roster: RosterPhotographs,
        events: EventsAndWishes,
        clock: Clock,
        study_clock: StudyClock,
        institution_id: InstitutionId,
        decide: Callable[[PresenceCheck, CheckState, int, int], PresenceCheck],
        recogniser: RecogniserInForce,
        movements: Movements,
        *,
        challenged: bool,
    ) -> None:
        """Bind the service to one unit of work.

        Args:
            movements: what follows on the straight look of a check.
            challenged: whether the pack has a challenge: single frames register nobody then. Without one they
                register, and anchor nobody: pictures alone are what a stored photograph gives.
        """
        self._store = store
        self._evidence = evidence
        self._roster = roster
        self._events = events
        self._clock = clock
        self._study_clock = study_clock
        self._institution_id = institution_id
        self._decide = decide
        self._recogniser = recogniser
        self._movements = movements
        self._challenged = challenged

    def submit_for_check(
        self, check: PresenceCheck, nonce: str, jpeg: bytes, *, at_ms: int, waiting: int
    ) -> str:
        """Store a frame for an open check and ask for its judgement; return the frame's id.

        The first shows the straight look; where a movement is asked for then, it is shown by the next few.

        Args:
            at_ms: when it came (study ms): who came in time is not late by our queue.
            waiting: how many frames of the check wait to be judged.

        Raises:
            InvalidInput: frame_too_large, frame_not_jpeg, frame_too_many_pixels, check_closed, frame_waiting,
                frame_repeated, face_renewal_required.
            NotPermitted: nonce_mismatch.
        """
        Frame(jpeg)
        if check.state is not CheckState.OPEN or at_ms >= check.answer_by_ms:
            raise InvalidInput("check_closed", "本次核验已结束,请等待下一次核验", http_status=409)
        if not hmac.compare_digest(nonce.encode("utf-8", "replace"), check.nonce.encode()):
            raise NotPermitted("nonce_mismatch", "核验凭证不符,请刷新页面")
        known = self._store.reference(check.learner, check.class_run)
        if known is not None and not known.is_of(self._recogniser):
            # Not taken, so that no attempt is lost by a change of ours.
            raise InvalidInput("face_renewal_required", RENEWAL_SENTENCE, http_status=409)
        if not check.takes_pictures(waiting):
            raise InvalidInput("frame_waiting", "上一张照片正在核对,请稍候", http_status=409)
        asked = "" if check.asked is None else check.asked.move.value
        frame_id = self._take(check.learner, check.class_run, check.id, jpeg, asked)
        if check.asked is not None:
            self._store.save_asked(replace(check, asked=check.asked.taking(frame_id)))
        return self._to_be_judged(frame_id)

    def submit_for_reference(self, learner: LearnerRef, class_run: ClassRunId, jpeg: bytes) -> str:
        """Store a frame of the face registration and ask for its judgement; return the frame's id.

        Raises:
            InvalidInput: as `Frame`, frame_repeated, already_anchored, challenge_required.
        """
        Frame(jpeg)
        if self._challenged:
            raise InvalidInput("challenge_required", "请在人脸登记页面按提示完成动作", http_status=409)
        reference = self._store.reference(learner, class_run)
        current = reference is not None and reference.is_of(self._recogniser)
        if current and reference is not None and reference.anchored_ms is not None:
            raise InvalidInput("already_anchored", "人脸已登记完成,无需重复采集", http_status=409)
        return self._to_be_judged(self._take(learner, class_run, None, jpeg))

    def submit_for_card_check(
        self, learner: LearnerRef, class_run: ClassRunId, check_id: CheckId, jpeg: bytes
    ) -> str:
        """Store a frame that staff took of who stands there with the card; it is compared with the reference.

        Raises:
            InvalidInput: as `Frame`, frame_waiting, frame_repeated.
        """
        Frame(jpeg)
        if self._store.waiting_frames(check_id):
            raise InvalidInput("frame_waiting", "上一张照片正在核对,请稍候", http_status=409)
        return self._to_be_judged(self._take(learner, class_run, check_id, jpeg))

    def material(self, frame_id: str) -> FrameMaterial | None:
        """Return what is needed to judge the frame; None if it was judged already."""
        frame = self._store.frame(frame_id)
        if frame is None or frame.verdict is not None:
            return None
        found = self._store.reference(frame.learner, frame.class_run)
        reference = found if found is not None and found.is_of(self._recogniser) else None
        jpeg = self._evidence.get(self._institution_id, frame.evidence_id)
        if frame.check_id is not None:
            chosen = None if reference is None else self._template(reference, reference.chosen)
            named = "" if reference is None else reference.id
            around = self._movements.around(frame) if frame.asked and chosen is not None else None
            return FrameMaterial(frame, jpeg, chosen, None, (), reference_id=named, around=around)
        earlier = (
            () if reference is None else tuple(self._template(reference, e) for e in reference.templates)
        )
        roster = self._roster.roster_photo(frame.learner, frame.class_run)
        renewal = reference is None and found is not None and found.anchored_ms is not None
        return FrameMaterial(frame, jpeg, None, roster, earlier, renewal)

    def record(self, frame_id: str, judged: JudgedFrame) -> None:
        """Record a frame's verdict and what follows from it. Recording a judged frame changes nothing."""
        frame = self._store.frame(frame_id)
        if frame is None or frame.verdict is not None:
            return
        judgement = judged.judgement
        frame = replace(
            frame,
            verdict=judgement.verdict.value,
            score=judgement.score,
            threshold=judgement.threshold,
            parameter=judgement.parameter,
            model_id=judgement.pack_id,
            message=judgement.reason_zh,
        )
        self._store.save_frame(frame)
        if frame.check_id is not None:
            said = self._record_check(frame, frame.check_id, judged)
            if said:
                self._store.save_frame(replace(frame, message=said))
        elif judged.template is not None:
            self._record_reference(frame, judged, judged.template)

    def give_up(self, frame_id: str, message: str) -> None:
        """Let a check go on whose frame cannot be judged for a fault of ours; no attempt is lost by it."""
        frame = self._store.frame(frame_id)
        if frame is not None and frame.verdict is None:
            self._store.save_frame(replace(frame, verdict=FaceVerdict.UNSURE.value, message=message))
            check = None if frame.check_id is None else self._store.check(frame.check_id)
            if check is not None and check.state is CheckState.OPEN:
                check = self._with_wait(check, frame)
                if frame.asked:
                    self._movements.give_up(check, frame.id, message)
                else:
                    self._store.save_check(check, None)

    def _with_wait(self, check: PresenceCheck, frame: FaceFrame) -> PresenceCheck:
        """Return the check with the time more to answer that its frame waited for us."""
        return replace(check, answer_by_ms=check.answer_by_ms + self._waited_ms(frame))

    def _waited_ms(self, frame: FaceFrame) -> int:
        # While a check is open the study clock runs as the real one does, in the demonstration too.
        return max(0, epoch_ms(self._clock.now()) - epoch_ms(frame.received_real))

    def _record_check(self, frame: FaceFrame, check_id: CheckId, judged: JudgedFrame) -> str:
        """Record what a frame does to its check; return what the learner hears in place of its reason, or ""."""
        verdict, reference_id = judged.judgement.verdict, judged.reference_id
        check = self._store.check(check_id)
        if check is None or check.state is not CheckState.OPEN:
            return ""
        if frame.asked:
            if judged.move is None:
                # What it is compared with is gone, for a reason of ours or of staff: asked for once more.
                return self._movements.give_up(check, frame.id, judged.judgement.reason_zh)
            return self._movements.record(self._with_wait(check, frame), frame, judged.move)
        if check.asked is not None:
            return ""
        known = self._store.reference(check.learner, check.class_run)
        if verdict is FaceVerdict.VERIFIED and (known is None or known.id != reference_id):
            # Compared with a reference that has been given up since.
            verdict = FaceVerdict.UNSURE
        state, left = check.after(verdict)
        if state is CheckState.PASSED and self._movements.follow(check):
            looked = replace(self._with_wait(check, frame), reference=reference_id)
            return self._movements.begin(looked, frame.id, judged.pose)
        if state is not CheckState.PASSED:
            check = replace(self._with_wait(check, frame), verdicts=(*check.verdicts, verdict.value))
        else:
            check = replace(check, reference=reference_id)
        # It was answered when the frame came, however long our queue.
        self._decide(check, state, left, epoch_ms(self._study_clock.now()) - self._waited_ms(frame))
        return _ONE_MORE if state is CheckState.OPEN and verdict is FaceVerdict.VERIFIED else ""

    def _record_reference(self, frame: FaceFrame, judged: JudgedFrame, template: FaceTemplate) -> None:
        known = self._store.reference(frame.learner, frame.class_run)
        if known is not None and (known.model_id, known.model_sha256) != (
            template.model_id,
            template.model_sha256,
        ):
            known = None
        if known is not None and known.anchored_ms is not None:
            # Sent before the person was anchored: what is anchored stays as it was anchored.
            return
        whose = EvidenceScope(
            self._institution_id, frame.learner, EvidencePurpose.FACE_TEMPLATE, frame.class_run
        )
        evidence_id = self._evidence.put(whose, template.vector, "application/octet-stream")
        templates = (*(known.templates if known else ()), evidence_id)
        reference = FaceReference(
            learner=frame.learner,
            class_run=frame.class_run,
            model_id=template.model_id,
            model_sha256=template.model_sha256,
            templates=templates,
            chosen=templates[judged.chosen] if judged.chosen < len(templates) else templates[-1],
            anchored_ms=None,
            has_roster_photo=judged.anchoring,
            id=new_id("fref") if known is None else known.id,
        )
        self._store.save_reference(reference)

    def _take(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        check_id: CheckId | None,
        jpeg: bytes,
        asked: str = "",
    ) -> str:
        sha256 = sha256_hex(jpeg)
        if self._store.frame_known(learner, sha256):
            raise _repeated()
        evidence_id = self._evidence.put(
            frame_scope(self._institution_id, learner, class_run), jpeg, FRAME_MEDIA_TYPE
        )
        frame = FaceFrame(
            id=new_id("frm"),
            learner=learner,
            class_run=class_run,
            check_id=check_id,
            evidence_id=evidence_id,
            sha256=sha256,
            received_real=self._clock.now(),
            asked=asked,
        )
        if not self._store.add_frame(frame):
            raise _repeated()
        return frame.id

    def _to_be_judged(self, frame_id: str) -> str:
        self._events.want(FRAME_WAITING, frame_id)
        return frame_id

    def _template(self, reference: FaceReference, evidence_id: str) -> FaceTemplate:
        vector = self._evidence.get(self._institution_id, EvidenceId(evidence_id))
        return FaceTemplate(vector, reference.model_id, reference.model_sha256)


def _repeated() -> InvalidInput:
    return InvalidInput("frame_repeated", "这张照片与之前的完全相同,请重新拍摄", http_status=409)


def _model(engine: FaceEngine) -> str:
    return engine.pack.model("recogniser").id


def _model_sha256(engine: FaceEngine) -> str:
    return engine.pack.model("recogniser").sha256 or ""


def _no_direction() -> bytes:
    return bytes(4 * 512)
