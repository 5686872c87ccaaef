"""Study sessions, checks and face references, and the decisions about them. Pure."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from bridge.kernel.ids import (
    CheckId,
    ClassRunId,
    CourseUnitId,
    EvidenceId,
    LearnerRef,
    StudySessionId,
)
from bridge.presence.challenge import Finding
from bridge.presence.face import FaceVerdict
from bridge.presence.movement import Asked


class Activity(StrEnum):
    """What a study session is spent on; test time never counts as hours."""

    STUDY = "study"
    TEST = "test"


class CheckKind(StrEnum):
    """Why a check was asked for."""

    ENTRY = "entry"
    RANDOM = "random"
    EXIT = "exit"
    TEST_START = "test_start"
    IN_TEST = "in_test"


FACE_METHOD = "face"
SUPERVISED = "supervised"
"""How presence is proved in a session: by face checks, or by the word of staff who see the person."""


class CheckState(StrEnum):
    """Open, or how it ended. Every state but `OPEN` is final."""

    OPEN = "open"
    PASSED = "passed"
    MISSED = "missed"
    OTHER_PERSON = "other_person"
    SUSPECTED_SPOOF = "suspected_spoof"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_POOR = "too_poor"
    UNSURE = "unsure"
    DECLINED = "declined"
    """The learner withdrew the consent to it, or no face may be checked any more; held against nobody."""


CHECK_SENTENCES = {
    CheckState.OPEN: "请正对摄像头,完成人脸核验。",
    CheckState.PASSED: "核验通过,请继续学习。",
    CheckState.MISSED: "未在规定时间内完成核验,自应核验时起的学习时间不计入学时,请重新核验后继续。",
    CheckState.OTHER_PERSON: (
        "与登记的人脸不一致,上次核验通过以后的学习时间不计入学时。如确为本人,请重新核验或联系班主任。"
    ),
    CheckState.SUSPECTED_SPOOF: (
        "多次在镜头前检测到疑似照片或屏幕,上次核验通过以后的学习时间不计入学时。"
        "如确为本人,请正对摄像头、避开反光后重新核验,并联系班主任申请人工复核。"
    ),
    CheckState.NO_FACE: "多次未检测到人脸,自应核验时起的学习时间不计入学时,请调整位置后重新核验。",
    CheckState.SEVERAL_FACES: "镜头前多次出现多张人脸,自应核验时起的学习时间不计入学时,请独自完成核验。",
    CheckState.TOO_POOR: "画面多次不够清晰,自应核验时起的学习时间不计入学时,请改善光线或更换设备后重新核验。",
    CheckState.UNSURE: "多次无法确认是否本人,自应核验时起的学习时间不计入学时,请重新核验或联系班主任。",
    CheckState.DECLINED: "刷脸核验已停止,本次核验已取消,不扣学时。",
}

_TEST_SENTENCES = {
    CheckState.PASSED: "核验通过,请继续作答。",
    CheckState.MISSED: "未在规定时间内完成核验,本次考试的成绩可能不予认可,请重新核验后继续。",
    CheckState.OTHER_PERSON: (
        "与登记的人脸不一致,本次考试的成绩可能不予认可。如确为本人,请重新核验或联系班主任。"
    ),
    CheckState.SUSPECTED_SPOOF: (
        "多次在镜头前检测到疑似照片或屏幕,本次考试的成绩可能不予认可。"
        "如确为本人,请正对摄像头、避开反光后重新核验,并联系班主任申请人工复核。"
    ),
    CheckState.NO_FACE: "多次未检测到人脸,本次考试的成绩可能不予认可,请调整位置后重新核验。",
    CheckState.SEVERAL_FACES: "镜头前多次出现多张人脸,本次考试的成绩可能不予认可,请独自完成核验。",
    CheckState.TOO_POOR: "画面多次不够清晰,本次考试的成绩可能不予认可,请改善光线或更换设备后重新核验。",
    CheckState.UNSURE: "多次无法确认是否本人,本次考试的成绩可能不予认可,请重新核验,或联系班主任。",
    CheckState.DECLINED: "刷脸核验已停止,本次核验已取消,不影响成绩。",
}


_NO_MOVEMENT = {
    Activity.STUDY: (
        "几次都没有看清要做的动作,自应核验时起的学习时间不计入学时。没有关系:可重新核验,"
        "做不了动作的请工作人员当面监督,学时不受影响。"
    ),
    Activity.TEST: "几次都没有看清要做的动作,本次考试的成绩可能不予认可,请重新核验,或联系班主任。",
}


def check_sentence(state: CheckState, activity: Activity, *, moving: bool = False) -> str:
    """Return what the learner reads of a check that stands so, in the words of what they do.

    Args:
        moving: it came as far as the movement: the straight look was theirs.
    """
    if moving and state is CheckState.UNSURE:
        return _NO_MOVEMENT[activity]
    test = _TEST_SENTENCES.get(state) if activity is Activity.TEST else None
    return test or CHECK_SENTENCES[state]


OTHER_PERSON_FRAMES = 2
"""One frame is never enough to say that somebody else sits there: a passer-by may have been caught."""

SUSPECTED_SPOOF_FRAMES = 2
"""One frame is never enough to say that a picture was held before the camera: the score strays on some faces."""

_GRAVE = {
    FaceVerdict.OTHER_PERSON: (OTHER_PERSON_FRAMES, CheckState.OTHER_PERSON),
    FaceVerdict.SUSPECTED_SPOOF: (SUSPECTED_SPOOF_FRAMES, CheckState.SUSPECTED_SPOOF),
}
"""Verdicts that only so many frames of one check make its end."""
_ENDS_UNSURE = frozenset({*_GRAVE, FaceVerdict.VERIFIED, FaceVerdict.SUSPECTED_VIRTUAL_CAMERA})
"""What one frame at the last attempt does not prove; a made camera is looked for in registrations alone."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """When checks are put off because frames wait for us.

    Args:
        wait_limit_ms: from so long a wait on, real ms.
        put_off_ms: by so much at a time, study ms.
    """

    wait_limit_ms: int
    put_off_ms: int


@dataclass(frozen=True, slots=True)
class CheckRules:
    """The pack's values for checks, in study milliseconds; `backlog` is None where checks are never put off.

    Args:
        movement: whether the straight look is followed by a movement, where the face pack sees any.
    """

    gap_min_ms: int
    gap_max_ms: int
    answer_window_ms: int
    attempts: int
    backlog: Backlog | None = None
    movement: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.gap_min_ms <= self.gap_max_ms:
            raise ValueError("check gaps need 0 < min <= max")

    def due_after(self, from_ms: int, chance: int) -> int:
        """Return when the next check is due.

        Args:
            chance: a random integer in [0, 2**32); the server's, unknown to the client.
        """
        return from_ms + self.gap_min_ms + (self.gap_max_ms - self.gap_min_ms) * chance // 2**32


@dataclass(frozen=True, slots=True)
class StudySession:
    """One stretch of study or test on one device. Times are study clock, epoch ms.

    Args:
        next_prompt_ms: when the next prompt is due; None where none is ever put.
        prompt_idle_ms: with no interaction for so long one is put at once.
        attended_ms: when the learner last answered a prompt or passed a check.
        news: JSON object that the agent shows ("today" in the protocol); "" for none.
        orders: JSON list of commands that stand until they are replaced; "" for none.
        method: how presence is proved in it; a supervised one is asked for no face, `next_due_ms` is then when staff
            are to say again that the person is there.
    """

    id: StudySessionId
    learner: LearnerRef
    class_run: ClassRunId
    unit: CourseUnitId
    activity: Activity
    attempt: str | None
    account_id: str
    open: bool
    opened_ms: int
    next_seq: int
    last_batch_sha256: str
    last_received_ms: int | None
    chain_seq: int
    chain_hash: str
    next_due_ms: int
    credited_seconds: int
    provisional_seconds: int
    refused_seconds: int
    closed_reason: str | None
    next_prompt_ms: int | None = None
    prompt_idle_ms: int | None = None
    attended_ms: int = 0
    news: str = ""
    orders: str = ""
    method: str = FACE_METHOD


@dataclass(frozen=True, slots=True)
class PresenceCheck:
    """One check. `due_ms` is the server's moment; withdrawal counts from it, not from the learner's answer.

    Args:
        reference: of a passed check, and of one that looks on to a movement, the face reference that was compared
            with; "" for one without a name.
        with_movement: whether it is passed by a movement alone.
        asked: the movement that is, or was last, asked for; None before the straight look was verified.
    """

    id: CheckId
    session: StudySessionId
    learner: LearnerRef
    class_run: ClassRunId
    kind: CheckKind
    due_ms: int
    opened_ms: int
    answer_by_ms: int
    attempts_left: int
    state: CheckState
    nonce: str
    verdicts: tuple[str, ...]
    reference: str = ""
    with_movement: bool = False
    asked: Asked | None = None

    def takes_pictures(self, waiting: int) -> bool:
        """Return whether another picture is taken now; `waiting` are not judged yet."""
        return not waiting if self.asked is None else not self.asked.whole

    def is_judging(self, waiting: int) -> bool:
        """Return whether the learner waits for us."""
        return waiting > 0 if self.asked is None else self.asked.whole

    def after_movement(self, verdict: FaceVerdict) -> "PresenceCheck":
        """Return the check once one picture of a movement was judged: what is grave counts as in any other picture."""
        if verdict not in _GRAVE:
            return self
        verdicts = (*self.verdicts, verdict.value)
        frames, state = _GRAVE[verdict]
        ended = state if verdicts.count(verdict.value) >= frames else self.state
        return replace(self, verdicts=verdicts, state=ended)

    def without_movement(self, found: Finding) -> CheckState:
        """Return how a check ends of whose last try `found` was seen: never as somebody else's or a picture's."""
        return CheckState.TOO_POOR if found is Finding.TOO_POOR else CheckState.UNSURE

    def after(self, verdict: FaceVerdict) -> tuple[CheckState, int]:
        """Return the check's state and the attempts left once a frame was judged.

        A verified frame passes the check, unless frames under suspicion of being a picture came before it: as
        many more must then be verified, or trying one picture after another would pay in the end.
        """
        verdicts = (*self.verdicts, verdict.value)
        for grave, (frames, state) in _GRAVE.items():
            if verdicts.count(grave.value) >= frames:
                return state, 0
        verified = verdicts.count(FaceVerdict.VERIFIED.value)
        if verdict is FaceVerdict.VERIFIED and verified > verdicts.count(FaceVerdict.SUSPECTED_SPOOF.value):
            return CheckState.PASSED, self.attempts_left
        left = self.attempts_left - 1
        if left > 0:
            return CheckState.OPEN, left
        # One such frame among others proves nobody and nothing; the check then counts as unsure.
        if verdict in _ENDS_UNSURE:
            return CheckState.UNSURE, 0
        return CheckState(verdict.value), 0


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """One frame as it came; `verdict` is None until it was judged. Scores stay in this station.

    Args:
        parameter: the pack's threshold that decided; None where none did, and for frames of earlier versions.
        asked: the movement of a check that it was sent for; "" for a straight look, and in a registration.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    check_id: CheckId | None
    evidence_id: EvidenceId
    sha256: str
    received_real: datetime
    verdict: str | None = None
    score: float | None = None
    threshold: float | None = None
    model_id: str | None = None
    message: str = ""
    parameter: str | None = None
    asked: str = ""


class SeenCheck(NamedTuple):
    """A check as it stands, and whose session's secret opens it.

    Args:
        waiting: how many of its frames wait to be judged.
        message: what was said of its last judged frame; "" if none was judged.
    """

    check: PresenceCheck
    activity: Activity
    secret_sha256: str
    waiting: int
    message: str


class RecogniserInForce(NamedTuple):
    """The model with which faces are compared now, by the id and the SHA-256 that its templates carry."""

    id: str
    sha256: str


RENEWAL_SENTENCE = "人脸识别模型已更新,需要重新登记一次人脸,大约一分钟。已有学时不受影响。"


@dataclass(frozen=True, slots=True)
class FaceReference:
    """A person's reference in one class run.

    Args:
        templates: evidence ids, one for each good frame.
        chosen: the one of them that is most like the others; checks compare with it.
        anchored_ms: when it was known to be this person's (see `anchoring`); None: credit stays provisional.
        id: what checks and anchors name it by, new for each registration; "" for those of earlier versions.
        renews: which anchored reference of an earlier model it stands in the place of; "" for none.
        card_check: the staff's check of the card that anchored it, or the one in whose place it stands.
    """

    learner: LearnerRef
    class_run: ClassRunId
    model_id: str
    model_sha256: str
    templates: tuple[str, ...]
    chosen: str
    anchored_ms: int | None
    has_roster_photo: bool
    id: str = ""
    renews: str = ""
    card_check: str = ""

    def is_of(self, recogniser: RecogniserInForce) -> bool:
        """Return whether faces seen today can be compared with it; otherwise the person registers anew."""
        return (self.model_id, self.model_sha256) == recogniser


Command = dict[str, Any]


AWAITS_SUPERVISOR: Command = {
    "type": "pause",
    "reason": "supervision_awaited",
    "message": "请工作人员确认您在场,确认后自动继续。确认前的时间不计学时。",
}


def supervised_commands(session: StudySession, now_ms: int) -> list[Command]:
    """Return what a supervised session's agent is told: to wait for staff, or to go on if it waited."""
    if session.method != SUPERVISED:
        return []
    if now_ms < session.next_due_ms:
        return [] if '"pause"' in session.orders else [{"type": "resume"}]
    if session.activity is Activity.TEST:
        # A test goes on; staff are told on their page, and the score stands on their words.
        return [{"type": "notice", "message": "请工作人员确认您在场。"}]
    return [AWAITS_SUPERVISOR]


def check_command(check: PresenceCheck, now_ms: int) -> Command:
    """Return the command that asks the agent for a frame."""
    return {
        "type": "check",
        "check": check.id,
        "kind": check.kind.value,
        "nonce": check.nonce,
        "answer_within_seconds": max(0, check.answer_by_ms - now_ms) // 1000,
        "attempts_left": check.attempts_left,
        "message": CHECK_SENTENCES[CheckState.OPEN],
    }


def batch_nonce(key: bytes, session: StudySessionId, seq: int, chain_hash: str) -> str:
    """Return the nonce that the batch `seq` must carry, 32 hex digits.

    It hangs on the record before it, so a client can neither compute it nor send two batches at once; and it is
    derived, so that a repeated batch gets the same answer with nothing more stored.
    """
    message = f"{session}|{seq}|{chain_hash}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:32]


def medoid(scores: Sequence[Sequence[float]]) -> int:
    """Return the index of the item most like the others, by the mean of its comparison scores."""
    return max(range(len(scores)), key=lambda i: sum(scores[i]))
