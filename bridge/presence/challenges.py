"""Challenges: begun, fed with frames, judged, and what a passed one is worth: the person's face reference.

Times here are the server's real clock: how fast somebody turns their head does not hang on a demonstration's pace.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import EventsAndWishes
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import Clock, StudyClock, epoch_ms, rfc3339
from bridge.presence import challenge as model
from bridge.presence.anchoring import STAFF_CARD_CHECK_KEPT, anchored
from bridge.presence.bursts import BurstMaterial, JudgedBurst
from bridge.presence.challenge import (
    BurstFinding,
    Challenge,
    ChallengeState,
    Draw,
    Finding,
    Step,
    camera_hint,
    moves_of,
)
from bridge.presence.face import FaceTemplate, FaceVerdict, Frame, comparison_score
from bridge.presence.face_pack import ChallengeLimits, FacePack
from bridge.presence.model import FaceFrame, FaceReference, RecogniserInForce, medoid
from bridge.presence.ports import PresenceStore, RosterPhotographs, RulesInForce
from bridge.presence.renewal import Vouched, Vouching, in_place_of, nobody_vouches

BURST_WAITING = "presence.burst_waiting"
CHALLENGE_SUSPECTED = "presence.challenge_suspected"
_GRAVEST_FIRST = (
    Finding.OTHER_PERSON.value,
    Finding.SUSPECTED_SPOOF.value,
    Finding.SUSPECTED_VIRTUAL_CAMERA.value,
)
WITHOUT_CHALLENGE = "本单位暂不能做动作核验,拍照后请工作人员当面核对证件。"
"""What a learner reads where the pack cannot see movements: nobody is anchored by machine there."""
_FROZEN = "摄像头送来了完全相同的画面,请直接使用手机或电脑的摄像头,再做一次。"


class ChallengeStore(Protocol):
    """Challenges of one institution; `SqlChallengeStore`."""

    def add(self, challenge: Challenge) -> None: ...

    def save(self, challenge: Challenge) -> None: ...

    def get(self, challenge_id: str) -> Challenge | None: ...

    def latest(self, learner: LearnerRef, class_run: ClassRunId) -> Challenge | None: ...

    def add_frame(self, frame_id: str, challenge_id: str, nonce: str, seq: int) -> None: ...

    def frames(self, challenge_id: str, nonce: str) -> list[str]: ...

    def marks(self, learner: LearnerRef, *, but_of: str) -> list[tuple[str, str]]: ...

    def add_mark(self, frame_id: str, learner: LearnerRef, mark: str) -> None: ...

    def unended(self, learner: LearnerRef) -> list[Challenge]: ...

    def forget_marks(self, learner: LearnerRef) -> None: ...


class PhotoSource(Protocol):
    """Says by which method a match with the ID photo anchors; see `anchoring`."""

    def __call__(self, learner: LearnerRef, class_run: ClassRunId, /) -> str: ...


class ChallengeService:
    """The random challenge of one institution's registrations."""

    def __init__(
        self,
        challenges: ChallengeStore,
        store: PresenceStore,
        evidence: EvidencePort,
        roster: RosterPhotographs,
        events: EventsAndWishes,
        rules: RulesInForce,
        clock: Clock,
        study_clock: StudyClock,
        institution_id: InstitutionId,
        pack: FacePack,
        photo_source: PhotoSource,
        vouching: Vouching = nobody_vouches,
    ) -> None:
        self._challenges = challenges
        self._store = store
        self._evidence = evidence
        self._roster = roster
        self._events = events
        self._rules = rules
        self._clock = clock
        self._study_clock = study_clock
        self._institution_id = institution_id
        self._pack = pack
        self._photo_source = photo_source
        self._vouching = vouching
        recogniser = pack.model("recogniser")
        self._recogniser = RecogniserInForce(recogniser.id, recogniser.sha256 or "")

    def begin(self, learner: LearnerRef, class_run: ClassRunId, camera_label: str = "") -> Challenge:
        """Begin a challenge in the place of any other of this learner that is still open.

        Args:
            camera_label: what the browser calls its camera: a hint, and not kept.

        Raises:
            InvalidInput: challenge_unsupported, already_anchored.
        """
        limits = self._limits(class_run)
        reference = self._current(learner, class_run)
        if reference is not None and reference.anchored_ms is not None:
            raise InvalidInput("already_anchored", "人脸已登记完成,无需重复采集", http_status=409)
        before = self.look(learner, class_run)
        if before is not None and before.state is ChallengeState.OPEN:
            self._save(model.replaced(before))
        begun = model.begin(
            new_id("chl"), learner, class_run, self._pack.id, limits, _draw(), self._now_ms(),
            camera_hint(camera_label),
        )  # fmt: skip
        self._challenges.add(begun)
        return begun

    def look(self, learner: LearnerRef, class_run: ClassRunId) -> Challenge | None:
        """Return the learner's last challenge as it stands now; None if there was none."""
        found = self._challenges.latest(learner, class_run)
        return None if found is None else self._expired(found)

    def find(self, challenge_id: str) -> Challenge | None:
        """Return the challenge as it was last kept, locked until commit."""
        return self._challenges.get(challenge_id)

    def expire(self, challenge_id: str) -> None:
        """End a challenge whose time is over and to which nobody came back."""
        found = self._challenges.get(challenge_id)
        if found is None or found.state is not ChallengeState.OPEN:
            return
        try:
            self._expired(found)
        except InvalidInput:
            # The pack has no challenge any more, or the key of its faces is gone: it ends with no face kept.
            self._save(model.replaced(found))

    def submit(self, challenge_id: str, learner: LearnerRef, nonce: str, seq: int, jpeg: bytes) -> Challenge:
        """Store one frame of the step's burst, and ask for the judgement once the burst is whole.

        A frame that came before, byte for byte, is what no sensor gives: the try is lost, under suspicion.

        Raises:
            InvalidInput: as `Frame`, challenge_unknown, challenge_over, challenge_step_waiting, frame_out_of_order.
            NotPermitted: nonce_mismatch.
        """
        Frame(jpeg)
        found = self._challenges.get(challenge_id) if challenge_id.isprintable() else None
        if found is None or found.learner != learner:
            raise InvalidInput("challenge_unknown", "动作核验不存在或已失效,请重新开始", http_status=404)
        found = self._expired(found)
        step = found.step
        if step is None or found.state is not ChallengeState.OPEN:
            raise InvalidInput("challenge_over", "本次动作核验已结束,请重新开始", http_status=409)
        if not hmac.compare_digest(nonce.encode("utf-8", "replace"), step.nonce.encode()):
            raise NotPermitted("nonce_mismatch", "这张照片不属于当前的动作,请按页面提示继续", http_status=403)
        if step.judging or self._now_ms() < step.opens_ms:
            raise InvalidInput("challenge_step_waiting", "请等待下一个动作的提示", http_status=409)
        sha256 = sha256_hex(jpeg)
        if seq == step.taken - 1 and self._is_last(found, step, sha256):
            return found  # the answer to it was lost on the way
        if seq != step.taken:
            raise InvalidInput("frame_out_of_order", "照片的顺序不对,请重新做这个动作", http_status=409)
        if self._store.frame_known(learner, sha256):
            lost = BurstFinding(Finding.SUSPECTED_VIRTUAL_CAMERA, _FROZEN)
            return self._went_on(found, lost)
        return self._take(found, step, sha256, jpeg)

    def material(self, challenge_id: str) -> BurstMaterial | None:
        """Return what is needed to judge the burst that waits; None if none does."""
        found = self._challenges.get(challenge_id)
        if found is None or found.step is None or not found.step.judging:
            return None
        frames = [
            self._store.frame(frame_id) for frame_id in self._challenges.frames(found.id, found.step.nonce)
        ]
        kept = [frame for frame in frames if frame is not None]
        reference = self._store.reference(found.learner, found.class_run)
        current = reference if reference is not None and reference.is_of(self._recogniser) else None
        named = found.templates[0] if found.templates else (current.chosen if current is not None else None)
        return BurstMaterial(
            challenge_id=found.id,
            nonce=found.step.nonce,
            move=found.step.move,
            frames=tuple(
                (frame, self._evidence.get(self._institution_id, frame.evidence_id)) for frame in kept
            ),
            known=None if named is None else self._template(named),
            roster_jpeg=self._roster.roster_photo(found.learner, found.class_run),
            earlier=tuple(self._challenges.marks(found.learner, but_of=found.id)),
            vouched=self._vouched(reference),
        )

    def pictures(self, frame_ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the pictures of frames, without those that are gone."""
        found: dict[str, bytes] = {}
        for frame_id in frame_ids:
            frame = self._store.frame(frame_id)
            if frame is None:
                continue
            try:
                found[frame_id] = self._evidence.get(self._institution_id, frame.evidence_id)
            except InvalidInput:
                continue  # its key was destroyed: nothing can be said of it any more
        return found

    def record(self, challenge_id: str, judged: JudgedBurst) -> None:
        """Record what a burst showed and what follows from it. Recording it again changes nothing."""
        found = self._challenges.get(challenge_id)
        if found is None or found.step is None or not found.step.judging or found.step.nonce != judged.nonce:
            return
        frame_ids = self._challenges.frames(found.id, judged.nonce)
        for frame_id, (verdict, advice), mark in zip(frame_ids, judged.verdicts, judged.marks, strict=True):
            frame = self._store.frame(frame_id)
            if frame is not None:
                self._store.save_frame(
                    replace(frame, verdict=verdict.value, model_id=self._pack.id, message=advice)
                )
            if mark:
                self._challenges.add_mark(frame_id, found.learner, mark)
        if found.state is not ChallengeState.OPEN:
            self._went_on(found, judged.found)
            return
        if judged.template is not None:
            named = self._put_template(found, judged.template)
            # A face that came before the photograph did was not compared with it.
            with_photo = judged.with_photo and (found.with_photo or not found.templates)
            vouched = judged.card_check == found.card_check or not found.templates
            found = replace(
                found,
                templates=(*found.templates, named),
                with_photo=with_photo,
                card_check=judged.card_check if vouched else "",
            )
        found = self._went_on(found, judged.found)
        if found.state is not ChallengeState.OPEN:
            self._keep_reference(found)

    def give_up(self, challenge_id: str, sentence: str) -> None:
        """Ask once more for a burst that cannot be judged for a fault of ours; no try is lost by it."""
        found = self._challenges.get(challenge_id)
        if found is None or found.step is None or not found.step.judging:
            return
        for frame_id in self._challenges.frames(found.id, found.step.nonce):
            frame = self._store.frame(frame_id)
            if frame is not None and frame.verdict is None:
                self._store.save_frame(replace(frame, verdict=FaceVerdict.UNSURE.value, message=sentence))
        limits = self._limits(found.class_run)
        self._save(model.give_up(found, limits, _draw(), self._now_ms(), sentence))

    def forget(self, learner: LearnerRef) -> None:
        """End what is open of the learner's challenges and delete the marks of their frames: the consent has ended."""
        for one in self._challenges.unended(learner):
            self._save(replace(one, state=ChallengeState.EXPIRED, step=None))
        self._challenges.forget_marks(learner)

    def end_open(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """End what is open of the learner's challenges in a class run; the marks of their frames stay."""
        for one in self._challenges.unended(learner):
            if one.class_run == class_run:
                self._save(replace(one, state=ChallengeState.EXPIRED, step=None))

    def limits(self, class_run: ClassRunId) -> ChallengeLimits:
        """Return the pack's limits, with steps enough for the good frames that the rules ask for.

        Raises:
            InvalidInput: challenge_unsupported.
        """
        return self._limits(class_run)

    def _limits(self, class_run: ClassRunId) -> ChallengeLimits:
        limits = self._pack.challenge
        if limits is None or not moves_of(self._pack):
            raise InvalidInput("challenge_unsupported", WITHOUT_CHALLENGE, http_status=409)
        # Each burst gives one good frame, the straight look included.
        return replace(limits, steps=max(limits.steps, self._rules.anchor_good_frames(class_run) - 1))

    def _current(self, learner: LearnerRef, class_run: ClassRunId) -> FaceReference | None:
        found = self._store.reference(learner, class_run)
        return found if found is not None and found.is_of(self._recogniser) else None

    def _is_last(self, found: Challenge, step: Step, sha256: str) -> bool:
        frame_ids = self._challenges.frames(found.id, step.nonce)
        last = self._store.frame(frame_ids[-1]) if frame_ids else None
        return last is not None and last.sha256 == sha256

    def _expired(self, found: Challenge) -> Challenge:
        if found.state is not ChallengeState.OPEN:
            return found
        limits = self._limits(found.class_run)
        now = model.expire(found, moves_of(self._pack), limits, _draw(), self._now_ms())
        if now != found:
            self._save(now)
        if now.state is not ChallengeState.OPEN:
            self._keep_reference(now)
        return now

    def _save(self, challenge: Challenge) -> None:
        """Keep a challenge; once it has ended, and is judged, under a suspicion, tell, so that somebody looks at it."""
        self._challenges.save(challenge)
        why = [one for one in _GRAVEST_FIRST if one in challenge.suspicions]
        if challenge.camera == "virtual":
            why.append("virtual_camera_name")
        if challenge.step is not None or not why:
            return
        now = self._clock.now()
        self._events.emit(
            CHALLENGE_SUSPECTED,
            challenge.learner,
            occurred_at=now,
            idempotency_key=challenge.id,
            data={
                "challenge": challenge.id,
                "learner": challenge.learner,
                "class_run": challenge.class_run,
                "suspicions": why,
                "at": rfc3339(now),
            },
        )

    def _went_on(self, found: Challenge, burst: BurstFinding) -> Challenge:
        limits = self._limits(found.class_run)
        following = model.after(found, burst, moves_of(self._pack), limits, _draw(), self._now_ms())
        self._save(following)
        return following

    def _take(self, found: Challenge, step: Step, sha256: str, jpeg: bytes) -> Challenge:
        scope = EvidenceScope(
            self._institution_id, found.learner, EvidencePurpose.FACE_FRAME, found.class_run
        )
        frame = FaceFrame(
            id=new_id("frm"),
            learner=found.learner,
            class_run=found.class_run,
            check_id=None,
            evidence_id=self._evidence.put(scope, jpeg, "image/jpeg"),
            sha256=sha256,
            received_real=self._clock.now(),
        )
        if not self._store.add_frame(frame):
            raise InvalidInput("frame_repeated", "这张照片与之前的完全相同,请重新拍摄", http_status=409)
        self._challenges.add_frame(frame.id, found.id, step.nonce, step.taken)
        found = replace(found, step=replace(step, taken=step.taken + 1))
        self._challenges.save(found)
        if found.step is not None and found.step.judging:
            self._events.want(BURST_WAITING, found.id)
        return found

    def _vouched(self, before: FaceReference | None) -> Vouched | None:
        """Return what vouches for whoever registers in the place of an anchored reference of an earlier model."""
        if before is None or not in_place_of(before, self._recogniser):
            return None
        return self._vouching(before)

    def _keep_reference(self, passed: Challenge) -> None:
        """Keep the faces of a challenge as the person's reference; anchor it if it was passed and matched the ID photo,
        or the pictures of a staff's check of the card that is in force.

        Who does not manage the movements may study on provisionally, with staff to compare face and card, unless
        something was suspected.
        """
        before = self._store.reference(passed.learner, passed.class_run)
        known = before if before is not None and before.is_of(self._recogniser) else None
        if known is not None and known.anchored_ms is not None:
            # Staff were quicker, and what is anchored stays as it was anchored.
            return
        by_machine = passed.state is ChallengeState.PASSED
        if not passed.templates or (not by_machine and (known is not None or passed.suspicions)):
            return
        names = passed.templates
        if known is not None and self._is_same(known, names[0]):
            names = (*known.templates, *names)
        else:
            known = None
        vectors = [self._template(name) for name in names]
        reference = FaceReference(
            learner=passed.learner,
            class_run=passed.class_run,
            model_id=self._recogniser.id,
            model_sha256=self._recogniser.sha256,
            templates=names,
            chosen=names[medoid([[comparison_score(a, b) for b in vectors] for a in vectors])],
            anchored_ms=None,
            has_roster_photo=passed.with_photo,
            id=new_id("fref") if known is None else known.id,
            renews=in_place_of(before, self._recogniser),
            card_check="" if before is None else before.card_check,
        )
        needed = max(2, self._rules.anchor_good_frames(passed.class_run))
        if by_machine and len(passed.templates) >= needed:
            reference = self._anchored(passed, before, reference)
        self._store.save_reference(reference)

    def _anchored(
        self, passed: Challenge, before: FaceReference | None, reference: FaceReference
    ) -> FaceReference:
        """Return the reference anchored by what its faces were compared with; as it is where that was nothing."""
        now = self._study_clock.now()
        vouched = self._vouched(before) if passed.card_check else None
        # Asked once more: the document may have changed while the learner moved their head.
        if vouched is not None and vouched.card_check == passed.card_check:
            kept = replace(reference, card_check=vouched.card_check)
            by = {"card_check": vouched.card_check, "renews": reference.renews}
            return anchored(self._events, kept, now, STAFF_CARD_CHECK_KEPT, **by)
        if passed.with_photo:
            method = self._photo_source(passed.learner, passed.class_run)
            return anchored(self._events, reference, now, method)
        return reference

    def _is_same(self, known: FaceReference, name: str) -> bool:
        score = comparison_score(self._template(known.chosen), self._template(name))
        return score >= self._pack.thresholds.verify

    def _template(self, evidence_id: str) -> FaceTemplate:
        vector = self._evidence.get(self._institution_id, EvidenceId(evidence_id))
        return FaceTemplate(vector, self._recogniser.id, self._recogniser.sha256)

    def _put_template(self, found: Challenge, template: FaceTemplate) -> str:
        scope = EvidenceScope(
            self._institution_id, found.learner, EvidencePurpose.FACE_TEMPLATE, found.class_run
        )
        return self._evidence.put(scope, template.vector, "application/octet-stream")

    def _now_ms(self) -> int:
        return epoch_ms(self._clock.now())


def _draw() -> Draw:
    return Draw(secrets.randbits(32), secrets.randbits(32), secrets.token_hex(16))
