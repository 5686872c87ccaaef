"""The movement of a check: asked for after the straight look, kept while its pictures come, and what follows from it.

A try that shows nothing, or something else, is another try with another movement; no outcome of it says that somebody
else sat there. Only what is grave in a single picture (another face, a picture held before the camera) counts as in any
other picture of the check.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePort
from bridge.kernel.ids import CheckId, InstitutionId, LearnerRef
from bridge.kernel.time import Clock, StudyClock, epoch_ms
from bridge.presence.challenge import MOVE_SENTENCES, Finding
from bridge.presence.face import FaceVerdict, HeadPose
from bridge.presence.face_pack import FacePack
from bridge.presence.model import CheckState, FaceFrame, PresenceCheck
from bridge.presence.movement import Asked, again_sentence, ask, ask_again, check_moves, find_movement
from bridge.presence.moving_frames import JudgedMove, Surroundings
from bridge.presence.ports import PresenceStore


class MarkStore(Protocol):
    """The marks of a learner's frames; `SqlChallengeStore`."""

    def marks_but_of_check(self, learner: LearnerRef, check_id: CheckId) -> list[tuple[str, str]]: ...

    def add_mark(self, frame_id: str, learner: LearnerRef, mark: str) -> None: ...


class Movements:
    """The movements of one institution's checks, in an open unit of work."""

    def __init__(
        self,
        store: PresenceStore,
        marks: MarkStore,
        evidence: EvidencePort,
        clock: Clock,
        study_clock: StudyClock,
        institution_id: InstitutionId,
        pack: FacePack,
        decide: Callable[[PresenceCheck, CheckState, int, int], PresenceCheck],
    ) -> None:
        self._store = store
        self._marks = marks
        self._evidence = evidence
        self._clock = clock
        self._study_clock = study_clock
        self._institution_id = institution_id
        self._pack = pack
        self._decide = decide
        self._moves = check_moves(pack)

    def follow(self, check: PresenceCheck) -> bool:
        """Return whether a movement follows on the check's straight look."""
        return check.with_movement and bool(self._moves)

    def begin(self, check: PresenceCheck, straight: str, pose: HeadPose | None) -> str:
        """Ask for the first movement of the check, whose straight look was verified; return how it is asked."""
        limits = self._pack.movement
        if limits is None:
            raise LookupError(f"face pack {self._pack.id} sees no movement")
        return self._ask(check, ask(straight, pose, self._moves, limits, secrets.randbits(32)))

    def around(self, frame: FaceFrame) -> Surroundings | None:
        """Return what a picture of a movement is held together with; None if it is asked for no more."""
        seen = None if frame.check_id is None else self._store.seen(frame.check_id)
        asked = None if seen is None else seen.check.asked
        if asked is None or frame.check_id is None or frame.id not in asked.pictures:
            return None
        earlier = self._marks.marks_but_of_check(frame.learner, frame.check_id)
        return Surroundings(self._picture(asked.before(frame.id)), tuple(earlier))

    def record(self, check: PresenceCheck, frame: FaceFrame, move: JudgedMove) -> str:
        """Keep what a picture shows, and end the try with the last of them; return what the learner hears, or ""."""
        asked = check.asked
        if asked is None or frame.id not in asked.pictures:
            return ""
        if move.mark:
            self._marks.add_mark(frame.id, check.learner, move.mark)
        asked = asked.with_seen(frame.id, move.seen)
        check = replace(check.after_movement(FaceVerdict(move.seen.verdict)), asked=asked)
        if check.state is not CheckState.OPEN:
            self._decide(replace(check, state=CheckState.OPEN), check.state, 0, self._came_ms(frame))
            return ""
        if not asked.judged:
            self._store.save_check(check, None)
            return ""
        return self._judge(check, asked, frame)

    def give_up(self, check: PresenceCheck, frame_id: str, sentence: str) -> str:
        """Ask once more for a movement of which a picture cannot be judged for a fault of ours; no try is lost."""
        asked = check.asked
        if asked is None or frame_id not in asked.pictures:
            return ""
        for name in asked.pictures:
            frame = None if name == frame_id else self._store.frame(name)
            if frame is not None and frame.verdict is None:
                unjudged = replace(frame, verdict=FaceVerdict.UNSURE.value, message=sentence)
                self._store.save_frame(unjudged)
        again = ask_again(asked, self._moves, secrets.randbits(32), lost=False)
        if again is not None:
            self._ask(check, again)
        return sentence

    def _judge(self, check: PresenceCheck, asked: Asked, frame: FaceFrame) -> str:
        limits = self._pack.challenge
        # A pack that sees no movement any more leaves nothing to hold against anybody.
        found = Finding.UNSURE if limits is None else find_movement(asked, limits)
        known = self._store.reference(check.learner, check.class_run)
        if found is Finding.MET and (known is None or known.id != check.reference):
            found = Finding.UNSURE  # compared with a reference that has been given up since
        last = self._store.frame(asked.pictures[-1]) or frame
        if found is Finding.MET:
            self._decide(check, CheckState.PASSED, check.attempts_left, self._came_ms(last))
            return ""
        again = ask_again(asked, self._moves, secrets.randbits(32), lost=True)
        if again is None:
            self._decide(check, check.without_movement(found), 0, self._came_ms(last))
            return ""
        self._ask(check, again)
        sentence = again_sentence(found)
        # The learner is told what was said of the picture that came last, whichever was judged last.
        if last.id != frame.id:
            self._store.save_frame(replace(last, message=sentence))
            return ""
        return sentence

    def _ask(self, check: PresenceCheck, asked: Asked) -> str:
        limits = self._pack.movement
        window_ms = 0 if limits is None else limits.window_ms
        by_ms = max(check.answer_by_ms, epoch_ms(self._study_clock.now()) + window_ms)
        nonce = secrets.token_hex(16)
        self._store.save_check(replace(check, asked=asked, nonce=nonce, answer_by_ms=by_ms), None)
        return MOVE_SENTENCES[asked.move]

    def _came_ms(self, frame: FaceFrame) -> int:
        """Return when a picture came (study ms): it was answered then, however long our queue."""
        waited_ms = max(0, epoch_ms(self._clock.now()) - epoch_ms(frame.received_real))
        return epoch_ms(self._study_clock.now()) - waited_ms

    def _picture(self, frame_id: str) -> bytes | None:
        frame = self._store.frame(frame_id)
        if frame is None:
            return None
        try:
            return self._evidence.get(self._institution_id, frame.evidence_id)
        except InvalidInput:
            return None  # its key was destroyed: nothing can be said of it any more
