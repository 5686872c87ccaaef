"""The review of a presence check: who may do what in which state, until when, and for which reasons. Pure.

A machine's verdict is one of several frames under a threshold; a person may see that it is wrong. One member of staff
decides, another confirms; neither is ever the same. What is final stays final: an appeal against it is a case of its
own. Reasons are codes, since free text could hold a name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.model import CheckState


class Origin(StrEnum):
    """Who put the check before people."""

    SYSTEM = "system"
    APPEAL = "appeal"
    STAFF = "staff"


class ReviewState(StrEnum):
    """Where a case stands. The last three are final."""

    WAITING = "waiting"
    DECIDED = "decided"
    """One person decided; another must look."""
    SENT_BACK = "sent_back"
    """The other did not agree; somebody decides anew."""
    UPHELD = "upheld"
    OVERTURNED = "overturned"
    EXPIRED = "expired"
    """Nobody decided and nobody had appealed: what the machine said stands."""


FINAL = frozenset({ReviewState.UPHELD, ReviewState.OVERTURNED, ReviewState.EXPIRED})
UNDECIDED = frozenset({ReviewState.WAITING, ReviewState.SENT_BACK})
OPENED_BY_SYSTEM = frozenset({CheckState.OTHER_PERSON, CheckState.SUSPECTED_SPOOF, CheckState.UNSURE})
"""Outcomes that say something of a person, or that say nothing at all; the others say what to do next."""


class Verdict(StrEnum):
    """What a person makes of the machine's word."""

    UPHOLD = "uphold"
    OVERTURN = "overturn"


@dataclass(frozen=True, slots=True)
class DecisionReason:
    """One reason that a reviewer may give.

    Args:
        correction: the ledger's reason for the correction that follows; "" where none does.
    """

    verdict: Verdict
    words_zh: str
    correction: str = ""


DECISIONS: Mapping[str, DecisionReason] = {
    "same_person": DecisionReason(Verdict.OVERTURN, "抓拍与登记照是同一人", "check_misjudged"),
    "living_person": DecisionReason(Verdict.OVERTURN, "镜头前是真人,不是照片或屏幕", "check_misjudged"),
    "light_or_angle": DecisionReason(
        Verdict.OVERTURN, "光线、角度、安全帽等造成误判,看得出是本人", "check_misjudged"
    ),
    "technical_fault": DecisionReason(Verdict.OVERTURN, "设备或系统故障,与学员无关", "technical_fault"),
    "not_same_person": DecisionReason(Verdict.UPHOLD, "抓拍与登记照不是同一人"),
    "picture_or_screen": DecisionReason(Verdict.UPHOLD, "抓拍是照片或屏幕翻拍"),
    "nobody_to_see": DecisionReason(Verdict.UPHOLD, "抓拍里没有学员"),
    "cannot_tell": DecisionReason(Verdict.UPHOLD, "抓拍看不出是不是本人"),
}
"""In the order of their keys 1 to 8."""
_PERSON_SEEN = frozenset({"same_person", "living_person", "light_or_angle"})
"""Reasons by which two people saw the learner in the check's frames; a fault of ours shows nobody."""

SEND_BACK_REASONS: Mapping[str, str] = {
    "reason_does_not_fit": "理由与画面不符",
    "look_again": "请重新比对画面",
    "ask_the_learner": "请先当面向学员核实",
}

APPEAL_REASONS: Mapping[str, str] = {
    "it_was_me": "当时就是我本人在学习",
    "light_or_gear": "光线不好,或戴了安全帽、口罩、眼镜",
    "device_fault": "手机或摄像头有问题",
    "network_fault": "网络断了,照片没有传上去",
    "somebody_passed": "旁边有人经过",
    "called_away": "临时被叫去处理安全事情",
}


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """The pack's values, in legal days but for the last.

    Args:
        appeal_days: within which a learner may appeal, counted from the day of the check or of the decision on it.
        decide_days: within which staff should decide.
        expire_days: after which a case that nobody appealed ends undecided.
        stuck_failures: so many checks in a row that were not passed make a learner stuck.
    """

    appeal_days: int
    decide_days: int
    expire_days: int
    stuck_failures: int


@dataclass(frozen=True, slots=True)
class Review:
    """One case.

    Args:
        outcome: how the check ended, by the machine.
        round: 1, or 2 for an appeal against what people had decided.
        opened_at, appealed_at, decided_at, closed_at: study clock, as the check's own moments.
        decide_by: legal day by which staff should have decided; expires_after: its last day if nobody appeals.
        not_by: who decided the round before; nor_by: who confirmed it. Another person decides first this time.
        closed_by: the second person; None for a case that expired.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    check: CheckId
    outcome: CheckState
    round: int
    origin: Origin
    opened_at: datetime
    opened_by: str | None
    decide_by: date
    expires_after: date
    state: ReviewState = ReviewState.WAITING
    appeal_reason: str | None = None
    appealed_at: datetime | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    sent_back_by: str | None = None
    sent_back_reason: str | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    not_by: str | None = None
    nor_by: str | None = None

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def may_decide(self, by: str) -> bool:
        """Return whether `by` may decide it now, as the first of two."""
        return self.state in UNDECIDED and by not in (self.not_by, self.nor_by)

    def is_overdue(self, today: date) -> bool:
        """Return whether staff let the day pass by which they should have decided."""
        return not self.is_final and today > self.decide_by

    def appeal(self, reason: str, at: datetime, rules: ReviewRules) -> "Review":
        """Return the case with the learner's word in it; it no longer expires, and is due anew.

        Raises:
            InvalidInput: appeal_reason_unknown, appeal_made_before, review_final.
        """
        if reason not in APPEAL_REASONS:
            raise InvalidInput("appeal_reason_unknown", "请选择申诉理由。", http_status=422)
        self._require_open()
        if self.appealed_at is not None:
            raise InvalidInput("appeal_made_before", "这次核验您已经申诉过,请等待结果。", http_status=409)
        due = legal_date(at) + timedelta(days=rules.decide_days)
        return replace(self, appeal_reason=reason, appealed_at=at, decide_by=due)

    def decide(self, reason: str, by: str, at: datetime) -> "Review":
        """Return the case as `by` decides it, which another person must confirm.

        Raises:
            InvalidInput: review_reason_unknown, review_final, review_decided.
            NotPermitted("fresh_reviewer_required"): `by` decided or confirmed the round before.
        """
        if reason not in DECISIONS:
            raise InvalidInput("review_reason_unknown", "请选择复核理由。", http_status=422)
        self._require_open()
        if self.state not in UNDECIDED:
            raise InvalidInput(
                "review_decided", "已有一名工作人员作出判断,正等待另一人确认。", http_status=409
            )
        if not self.may_decide(by):
            raise NotPermitted(
                "fresh_reviewer_required", "上一轮由您判断或确认,这次申诉须由其他工作人员先判断。"
            )
        return replace(
            self,
            state=ReviewState.DECIDED,
            verdict=DECISIONS[reason].verdict,
            reason=reason,
            decided_by=by,
            decided_at=at,
        )

    def undo(self, by: str) -> "Review":
        """Return the case undecided; only who decided may, and only until another confirmed.

        Raises:
            InvalidInput: review_final, review_not_decided.
            NotPermitted("review_not_yours")
        """
        self._require_decided()
        if by != self.decided_by:
            raise NotPermitted("review_not_yours", "只有作出判断的人可以撤销;不同意请退回。")
        return self._undecided(ReviewState.WAITING)

    def send_back(self, reason: str, by: str) -> "Review":
        """Return the case undecided, with why the second person did not agree.

        Raises:
            InvalidInput: review_reason_unknown, review_final, review_not_decided.
            NotPermitted("second_person_required")
        """
        if reason not in SEND_BACK_REASONS:
            raise InvalidInput("review_reason_unknown", "请选择退回理由。", http_status=422)
        self._require_second(by)
        undecided = self._undecided(ReviewState.SENT_BACK)
        return replace(undecided, sent_back_by=by, sent_back_reason=reason)

    def confirm(self, by: str, at: datetime) -> "Review":
        """Return the case in its end.

        Raises:
            InvalidInput: review_final, review_not_decided.
            NotPermitted("second_person_required")
        """
        self._require_second(by)
        overturned = self.verdict is Verdict.OVERTURN
        state = ReviewState.OVERTURNED if overturned else ReviewState.UPHELD
        return replace(self, state=state, closed_by=by, closed_at=at)

    def may_expire(self, today: date) -> bool:
        """Return whether the case ends undecided today. One that a learner waits for never does."""
        return self.state in UNDECIDED and self.appealed_at is None and today > self.expires_after

    def expire(self, at: datetime) -> "Review":
        """Return the case in its end without a decision; InvalidInput("review_final", "review_not_due")."""
        self._require_open()
        if not self.may_expire(legal_date(at)):
            raise InvalidInput("review_not_due", "这件复核还没有到期。", http_status=409)
        return replace(self, state=ReviewState.EXPIRED, closed_at=at)

    def _undecided(self, state: ReviewState) -> "Review":
        return replace(self, state=state, verdict=None, reason=None, decided_by=None, decided_at=None)

    def _require_open(self) -> None:
        if self.is_final:
            raise InvalidInput("review_final", "这件复核已有最终结果,不能再改。", http_status=409)

    def _require_decided(self) -> None:
        self._require_open()
        if self.state is not ReviewState.DECIDED:
            raise InvalidInput(
                "review_not_decided", "这件复核还没有人判断,或已撤销,请刷新。", http_status=409
            )

    def _require_second(self, by: str) -> None:
        self._require_decided()
        if by == self.decided_by:
            raise NotPermitted("second_person_required", "复核须由另一名工作人员确认,判断的人不能自己确认。")


def open_review(
    id: str,
    learner: LearnerRef,
    class_run: ClassRunId,
    check: CheckId,
    outcome: CheckState,
    *,
    origin: Origin,
    at: datetime,
    rules: ReviewRules,
    by: str | None = None,
    before: Sequence[Review] = (),
) -> Review:
    """Return a new case.

    Args:
        before: the check's cases so far, oldest first.

    Raises:
        InvalidInput: review_check_not_failed, review_open_already; review_final, where staff would have decided anew
            what two people had decided: against that the learner alone has a way.
    """
    if outcome in (CheckState.OPEN, CheckState.PASSED):
        raise InvalidInput(
            "review_check_not_failed",
            "这次核验没有扣减学习时间,无须复核;要扣除学习时间请走更正。",
            http_status=409,
        )
    if any(not one.is_final for one in before):
        raise InvalidInput("review_open_already", "这次核验已在复核中,请刷新。", http_status=409)
    if origin is Origin.STAFF and any(one.state is not ReviewState.EXPIRED for one in before):
        raise InvalidInput(
            "review_final", "这次核验已有最终复核结果,不能再提请复核;学员可以申诉。", http_status=409
        )
    today = legal_date(at)
    return Review(
        id=id,
        learner=learner,
        class_run=class_run,
        check=check,
        outcome=outcome,
        round=len(before) + 1,
        origin=origin,
        opened_at=at,
        opened_by=by,
        decide_by=today + timedelta(days=rules.decide_days),
        expires_after=today + timedelta(days=rules.expire_days),
        not_by=before[-1].decided_by if before else None,
        nor_by=before[-1].closed_by if before else None,
    )


def appeal_until(check_ended: date, before: Sequence[Review], rules: ReviewRules) -> date:
    """Return the last legal day on which the learner may appeal: after the check, or after what people made of it."""
    ends = [legal_date(one.closed_at) for one in before if one.closed_at is not None]
    return max([check_ended, *ends]) + timedelta(days=rules.appeal_days)


def against_appeal(
    outcome: CheckState, check_ended: date, before: Sequence[Review], today: date, rules: ReviewRules
) -> str | None:
    """Return the code of what stands against an appeal; None if the learner may appeal today."""
    if outcome in (CheckState.OPEN, CheckState.PASSED):
        return "review_check_not_failed"
    if any(one.state is ReviewState.OVERTURNED for one in before):
        return "appeal_granted_before"
    if any(one.appealed_at is not None for one in before):
        return "appeal_made_before"
    if today > appeal_until(check_ended, before, rules):
        return "appeal_too_late"
    return None


APPEAL_REFUSALS_ZH: Mapping[str, str] = {
    "review_check_not_failed": "这次核验没有扣减学习时间,无须申诉。",
    "appeal_granted_before": "这次核验已经复核更正,无须再申诉。",
    "appeal_made_before": "这次核验您已经申诉过,每次核验只能申诉一次。",
    "appeal_too_late": "已过申诉期限,不能再申诉;有疑问请联系班主任。",
}


class WayOut(StrEnum):
    """What a learner who does not get past a check can do."""

    RETRY = "retry"
    OTHER_DEVICE = "other_device"
    STAFF = "staff"
    MAKE_UP = "make_up"
    APPEAL = "appeal"


_OF_CAMERA = frozenset({CheckState.NO_FACE, CheckState.TOO_POOR, CheckState.SEVERAL_FACES, CheckState.MISSED})


def failures_in_a_row(outcomes: Iterable[CheckState]) -> int:
    """Return how many of the newest checks were not passed.

    Args:
        outcomes: oldest first; an open check is no outcome.
    """
    ended = [one for one in outcomes if one is not CheckState.OPEN]
    return next((at for at, one in enumerate(reversed(ended)) if one is CheckState.PASSED), len(ended))


def ways_out(outcome: CheckState, failures: int, rules: ReviewRules) -> tuple[WayOut, ...]:
    """Return what helps, most likely first. Trying again always does; people do from the pack's number on.

    Args:
        outcome: of the last check; failures: checks in a row that were not passed.
    """
    if failures == 0:
        return ()
    ways = [WayOut.RETRY]
    if outcome in _OF_CAMERA and failures > 1:
        ways.append(WayOut.OTHER_DEVICE)
    if failures >= rules.stuck_failures or outcome in (CheckState.OTHER_PERSON, CheckState.SUSPECTED_SPOOF):
        if WayOut.OTHER_DEVICE not in ways and outcome is not CheckState.OTHER_PERSON:
            ways.append(WayOut.OTHER_DEVICE)
        ways += [WayOut.STAFF, WayOut.APPEAL]
    return (*ways, WayOut.MAKE_UP)


def ways_words(ways: Sequence[WayOut], *, where: str, closes_on: date, appeal_until: date) -> tuple[str, ...]:
    """Return each way out in words that say where it is.

    Args:
        where: staff see people with their cards there.
    """
    said = {
        WayOut.RETRY: "正对摄像头、光线照在脸上,再核验一次",
        WayOut.OTHER_DEVICE: "换一台手机或电脑,从培训平台重新进入同一课程",
        WayOut.STAFF: f"带身份证到{where}找班主任,改由工作人员监督学习(不刷脸)",
        WayOut.APPEAL: f"到安学桥“核验与申诉”页申诉,{appeal_until.month} 月 {appeal_until.day} 日前有效",
        WayOut.MAKE_UP: f"没计入的内容,核验通过后可以补学,{closes_on.month} 月 {closes_on.day} 日结班",
    }
    return tuple(said[way] for way in ways)


def overturned(reviews: Iterable[Review]) -> dict[CheckId, bool]:
    """Return the checks that two people found wrong, each with whether they saw the learner in its frames."""
    return {one.check: one.reason in _PERSON_SEEN for one in reviews if one.state is ReviewState.OVERTURNED}
