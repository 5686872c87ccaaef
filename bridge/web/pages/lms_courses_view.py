"""What a class run's LMS courses show: who is there, how rosters were read, which hours and results were carried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.completion.gradebook_model import ItemState, LineItemFacts, PendingScore, ScoreState
from bridge.identity.model import MaskedIdentity
from bridge.identity.roster_model import READ, Membership, MembershipState, Roster, RosterRead
from bridge.intake.notices import Handler, HandlerState
from bridge.intake.results import ABANDONED, AwaitedResult, ResultState
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId
from bridge.registry.course_copies import CourseCopy
from bridge.registry.link_model import TestBinding
from bridge.registry.model import ClassRun
from bridge.web.pages.visitors import StaffVisit
from bridge.wiring import House, Stations
from bridge.wiring.gradebook_jobs import COLUMN_GONE, NOT_A_LEARNER
from bridge.wiring.roster_jobs import OTHER_CONTEXT
from lti.errors import REFUSALS, SERVICE_FAILURES
from lti.notices import CONTEXT_COPY, HELLO_WORLD
from lti.roles import Role

_MOST_SHOWN = 100
_REF_CHARACTERS = 6

SCORE_STATE = {ScoreState.WAITING: "待回传", ScoreState.SENT: "已回传", ScoreState.REFUSED: "被拒绝"}
RESULT_STATE = {
    ResultState.BEFORE: "考试中",
    ResultState.RUNNING: "考试中",
    ResultState.WAITING: "等待成绩",
    ResultState.RECEIVED: "已取得，按在场记录认定",
    ResultState.GIVEN_UP: "未取得",
}
LEFT = {
    MembershipState.INACTIVE: "已停用",
    MembershipState.DELETED: "已移出课程",
    MembershipState.ABSENT: "不在名单中",
}
NOTICE_TYPE = {HELLO_WORLD: "连接测试", CONTEXT_COPY: "课程复制"}
HANDLER_STATE = {
    HandlerState.WAITING: "正在登记",
    HandlerState.REGISTERED: "已登记",
    HandlerState.REFUSED: "登记被拒绝",
}
LINK_SET_BY = {
    "launch": "由课程中的链接指定",
    "only_test": "首次进入时自动关联",
    "undone": "撤销关联",
    "restored": "恢复关联",
}
ENTRY_REASONS = {
    "entry_malformed": "格式不正确",
    "user_id_missing": "没有用户编号",
    "user_id_malformed": "用户编号不正确",
    "status_unknown": "状态无法识别",
    "roles_missing": "没有角色",
    "roles_malformed": "角色格式不正确",
    "role_malformed": "有个别角色无法识别（人员已计入）",
}
_REASONS: Mapping[str, str] = {
    OTHER_CONTEXT: "学习平台给出的是另一门课程的名单，没有采用。请联系学习平台管理员。",
    NOT_A_LEARNER: "该账号已不是这门课程的学员，不再回传。",
    COLUMN_GONE: "机构已停止向这一列回传。",
    "account_unknown": "没有这个学习账号。",
    "result_unchanged": "学习平台上的成绩与开考前相同，不能认定为这次考试的成绩。",
    "result_none_yet": "学习平台还没有给出成绩。",
    "result_before_unknown": "开考时未能读到学习平台原有的成绩，无法认定这次考试的成绩。",
    "result_malformed": "学习平台给出的成绩不是有效的分数。",
    ABANDONED: "没有人结束这次考试，监考页面长时间失去联系，不再等待成绩。学员回到考试并交卷后会继续取成绩。",
    "test_begun_again": "成绩给出之前学员又开始了新的一次考试，无法认定属于哪一次。",
}


def reason_zh(code: str) -> str:
    """Return the sentence of a reason code; the code itself where there is none."""
    if code in _REASONS:
        return _REASONS[code]
    if code in SERVICE_FAILURES:
        return SERVICE_FAILURES[code][1]
    return REFUSALS[code][1] if code in REFUSALS else code


def account_ref(account_id: str) -> str:
    """Return an account as a list may show it: the end of an id of ours, which says nothing of the person."""
    return f"…{account_id[-_REF_CHARACTERS:]}"


@dataclass(frozen=True, slots=True)
class Gone:
    """Somebody who left the LMS course."""

    ref: str
    how: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CourseRow:
    """One LMS course of the class run.

    Args:
        column: the one that the institution had us make; None if it did not.
        columns: how many others are for class hours, by a teacher's choice.
        gradebook: whether a launch named one.
    """

    registration: RegistrationId
    platform: str
    context_id: str
    roster: Roster | None
    reads: Sequence[RosterRead]
    learners: int
    teachers: int
    unnamed: Sequence[str]
    gone: Sequence[Gone]
    gradebook: bool
    column: LineItemFacts | None
    columns: int
    handlers: Sequence[Handler]

    @property
    def last_read(self) -> RosterRead | None:
        """The last reading that was taken over."""
        return next((one for one in self.reads if one.outcome == READ), None)

    @property
    def trouble(self) -> RosterRead | None:
        """The last reading, if it came to nothing."""
        return self.reads[0] if self.reads and self.reads[0].outcome != READ else None

    @property
    def sends(self) -> bool:
        """Whether hours go into the column that we made, or will."""
        return self.column is not None and self.column.state not in (ItemState.OFF, ItemState.REFUSED)


@dataclass(frozen=True, slots=True)
class BindingRow:
    """A test of the platform that became the course's by itself.

    Args:
        changes: when, what, and the login of who did it ("" for nobody of the staff); oldest first.
    """

    binding: TestBinding
    platform: str
    changes: Sequence[tuple[datetime, str, str]]


@dataclass(frozen=True, slots=True)
class CoursesPage:
    """All that the page shows.

    Args:
        copies: courses made from the class run's, each with its platform's name.
        names: masked, by learner.
    """

    run: ClassRun
    courses: Sequence[CourseRow]
    copies: Sequence[tuple[CourseCopy, str]]
    bindings: Sequence[BindingRow]
    scores: Sequence[PendingScore]
    results: Sequence[AwaitedResult]
    names: Mapping[LearnerRef, MaskedIdentity]


def courses_page(
    house: House, institution: InstitutionId, class_run: ClassRunId, visit: StaffVisit
) -> CoursesPage:
    """Return the page; each masked name on it is a logged disclosure.

    Raises:
        InvalidInput("class_run_unknown"): also for another institution's.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        scores = stations.hour_scores.of_class_run(class_run)
        results = stations.test_results.of_class_run(class_run)
        people = {one.learner for one in scores} | {one.learner for one in results}
        names = {
            learner: stations.identity.disclose(
                learner, purpose="institution.lms_courses_page", recipient="培训机构", by=visit.staff_id
            ).masked()
            for learner in sorted(people)
        }
        platforms = {one.id: one.name for one in stations.platforms.all()}
        courses = [
            _course(stations, registration, context, platforms.get(registration, registration))
            for registration, context in stations.lms_courses.courses_of(class_run)
        ]
        copies = [
            (one, platforms.get(one.registration, one.registration))
            for one in stations.course_copies.waiting(class_run=class_run)
        ]
        bindings = [
            _binding(stations, one, platforms.get(one.link.registration_id, one.link.registration_id))
            for one in stations.links.test_bindings(class_run)
        ]
    return CoursesPage(run, courses, copies, bindings, scores, results, names)


def _binding(stations: Stations, binding: TestBinding, platform: str) -> BindingRow:
    changes = []
    for one in binding.history:
        how, _, by = one.set_by.partition(":")
        account = stations.staff.by_id(by) if by else None
        changes.append((one.seen_at, LINK_SET_BY.get(how, how), account.login if account else by))
    return BindingRow(binding, platform, changes)


def _course(stations: Stations, registration: RegistrationId, context: str, platform: str) -> CourseRow:
    rosters = stations.rosters
    roster = rosters.of_context(registration, context)
    history = rosters.history(registration, context)
    live = [one for one in history if one.until is None]
    items = stations.gradebook.items(registration, context)
    return CourseRow(
        registration=registration,
        platform=platform,
        context_id=context,
        roster=roster,
        reads=() if roster is None else rosters.reads(roster.id),
        learners=sum(one.role == Role.LEARNER.value for one in live),
        teachers=sum(one.role != Role.LEARNER.value for one in live),
        unnamed=[account_ref(one) for one in rosters.not_real_named(registration, context)],
        gone=_gone(history),
        gradebook=stations.gradebook.line_items_url(registration, context) is not None,
        column=next((one for one in items if one.asked_by is not None), None),
        columns=sum(one.state is ItemState.HOURS and one.asked_by is None for one in items),
        handlers=stations.notices.handlers(registration),
    )


def _gone(history: Sequence[Membership]) -> list[Gone]:
    here = {one.account_id for one in history if one.until is None}
    left = [
        Gone(account_ref(one.account_id), LEFT[one.state], one.until)
        for one in reversed(history)
        if one.until is not None and one.state in LEFT and one.account_id not in here
    ]
    return left[:_MOST_SHOWN]
