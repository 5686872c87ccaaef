"""Signals that the system raises against its own operator (article 16). None of them moves credit. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

from bridge.identity.model import FACE_RESET_REASONS, RELEASE_REASONS, UNMERGE_REASONS
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.ledger.model.corrections import KINDS_ZH, REASONS_ZH

WEEKS_SHOWN = 12


class SignalKind(StrEnum):
    """What happened. The first five an LMS tells of itself, the others the bridge sees."""

    LOGIN_AS = "login_as"
    GRADE_OVERRIDDEN = "grade_overridden"
    PASS_MARK_LOWERED = "pass_mark_lowered"  # noqa: S105  # a mark, not a password
    CONTACT_DATA_FOUND = "contact_data_found"
    COURSE_FILE_CHANGED = "course_file_changed"
    SCORE_WITHOUT_PRESENCE = "score_without_presence"
    SCORE_CHANGED = "score_changed"
    ACCOUNT_RELEASED = "account_released"
    CONTACT_EXCEPTION_SIGNED = "contact_exception_signed"
    TEST_LINK_CHANGED = "test_link_changed"
    LEDGER_CORRECTED = "ledger_corrected"
    FACE_UNDER_TWO_NAMES = "face_under_two_names"
    FACE_REGISTRATION_SUSPECTED = "face_registration_suspected"
    STUDIED_UNANCHORED = "studied_unanchored"
    EVIDENCE_BROKEN = "evidence_broken"
    MERGE_UNDONE = "merge_undone"
    FACE_RESET = "face_reset"
    HOURS_DIFFER = "hours_differ"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a signal means and what to do, for those who must act."""

    title: str
    meaning: str
    to_do: str


EXPLANATIONS: Mapping[SignalKind, Explanation] = {
    SignalKind.LOGIN_AS: Explanation(
        "以学员身份登录",
        "有人在学习平台用“以该用户身份登录”功能进入了学员账号。这样的会话得不到学习凭证,不计学时;但账号里的操作可能不是学员本人所为。",
        "核实是谁、为什么登录。属于处理故障的,写明经过;属于代学的,按机构规定处理并报告监管部门。",
    ),
    SignalKind.GRADE_OVERRIDDEN: Explanation(
        "成绩被人工改动",
        "学习平台上的成绩由人工修改或重新评分。安学桥只采信当时收到并核验过在场的成绩,改动不影响已作出的认定。",
        "核对改动的依据(如试题有误)。没有依据的,恢复原成绩;确需更正的,走更正流程。",
    ),
    SignalKind.PASS_MARK_LOWERED: Explanation(
        "及格线被调低",
        "学习平台上的及格线被调低。是否合格由规则包中的及格线决定,学习平台的“通过”不被采信。",
        "核对是谁调低、为什么。没有依据的,改回原值。",
    ),
    SignalKind.CONTACT_DATA_FOUND: Explanation(
        "学习平台留存学员联系方式",
        "学习平台中存有学员的电话、邮箱、地址等联系方式,平台不得留存。未清理又没有签署例外的班次不能开班。",
        "在学习平台的联系方式清理页面替换为占位内容,再核查一次;暂不能清理的,由两名工作人员签署例外。",
    ),
    SignalKind.COURSE_FILE_CHANGED: Explanation(
        "课程内容被更换",
        "已登记课程的文件或页面内容发生变化,可能与审核过的版本不一致。",
        "核对变化的内容。属于更新的,按程序重新审核;属于误操作的,恢复原内容。",
    ),
    SignalKind.SCORE_WITHOUT_PRESENCE: Explanation(
        "成绩没有在场证明",
        "学习平台送来一项成绩,但测试过程没有完整的在场核验,成绩不予采信。",
        "通知学员在刷脸核验或工作人员监督下重新测试。同一班次多次出现的,检查测试入口是否绕过了核验。",
    ),
    SignalKind.SCORE_CHANGED: Explanation(
        "同一次考试又来了不同的成绩",
        "学习平台对已作出认定的一次考试又送来不同的成绩。原认定不变,后来的成绩已留存,不予采信。",
        "核对学习平台为什么改了成绩(如重新评分、人工改分)。确需更正的,走更正流程;没有依据的,恢复原成绩。",
    ),
    SignalKind.ACCOUNT_RELEASED: Explanation(
        "学习账号由人工解绑",
        "工作人员解除了学员与学习账号的绑定,学员可以改用另一个账号。已记录的学时不变。",
        "核对申请人身份和解绑原因,并留存凭据。",
    ),
    SignalKind.CONTACT_EXCEPTION_SIGNED: Explanation(
        "签署了联系方式例外",
        "机构工作人员签署例外,在学员联系方式尚未清理的情况下继续开班。例外不改变不得留存联系方式的要求。",
        "在截止日期前清理完毕并重新核查。",
    ),
    SignalKind.TEST_LINK_CHANGED: Explanation(
        "考试关联由人工更改",
        "工作人员撤销或恢复了学习平台的一场考试与课程测试之间的关联。此后成绩可能来自另一场考试;已作出的认定不变。",
        "核对原来关联的是哪一场考试、为什么更改,确认现在关联的考试试题和题量符合培训大纲。",
    ),
    SignalKind.LEDGER_CORRECTED: Explanation(
        "台账经两人更正",
        "一名工作人员提出、另一名确认,更正了学员的学时台账。原记录没有改动,更正作为新的一条留在台账中。",
        "核对更正的原因和证明材料;更正影响已出具证明的,按程序处理证明。",
    ),
    SignalKind.FACE_UNDER_TWO_NAMES: Explanation(
        "两名学员登记的人脸相似",
        "学员登记人脸时,与本机构另一名学员登记的人脸高度相似。可能是一个人用两个人的名义登记,也可能是双胞胎或长相相近的人。"
        "系统没有因此拒绝任何人,学时照常记录。",
        "请两名学员分别出示证件,当面核对。确为同一人的,停用冒名的登记并按机构规定处理;不是同一人的,写明核对经过即可。",
    ),
    SignalKind.FACE_REGISTRATION_SUSPECTED: Explanation(
        "人脸登记存疑",
        "学员登记人脸做动作时,多次出现存疑的画面。这只是线索,不是结论:光线、设备或误判都可能造成;摄像头名称可以随意更改,只作参考。",
        "请学员本人带证件当面核对。属实为他人或照片代登记的,按机构规定处理并报告监管部门;不属实的,写明核对经过,由工作人员核验证件后确认。",
    ),
    SignalKind.EVIDENCE_BROKEN: Explanation(
        "存储的材料与原来不一致",
        "定期复核时发现,一件加密保存的材料缺失,或内容与存入时不一致。台账和其他材料不受影响。",
        "从备份恢复该材料,下次复核会确认是否已恢复;查明存储设备故障或人为改动的原因。无法恢复的,写明经过并报告监管部门。",
    ),
    SignalKind.STUDIED_UNANCHORED: Explanation(
        "长时间学习而没有核对过本人",
        "学员已学习较长时间,但人脸登记一直没有与证件照、权威来源或工作人员核对过。这段时间只是待确认,不计入学时,也不会出具证明。",
        "请学员本人带证件当面核对;无法核对的,查明账号由谁使用,按机构规定处理。",
    ),
    SignalKind.MERGE_UNDONE: Explanation(
        "合并的学员记录又分开",
        "两名工作人员撤销了此前的合并,两份记录重新属于两个人。合并期间的学习、证明和人脸登记不会自动移动,由工作人员逐项决定。",
        "核对撤销的原因和证明材料;在学员页面处理合并期间留下的学习、名单和证明。",
    ),
    SignalKind.FACE_RESET: Explanation(
        "人脸登记由人工重置",
        "两名工作人员让学员重新登记人脸,原来核对过的登记已作废。此前的学时不变;新的登记须重新与证件照或证件核对。",
        "核对重置的原因。登记的人脸不是学员本人的,核实此前的学习由谁完成,不属实的学时走更正流程。",
    ),
    SignalKind.HOURS_DIFFER: Explanation(
        "出具证明时学时重算不一致",
        "准备出具证明时,按台账重新计算的学时与触发出证时的不一致,证明没有出具。可能是程序或数据有误,不是学员的过错。",
        "核对台账和规则包版本,运行台账校验;查明原因后再次出证。查不明的,写明经过并报告监管部门。",
    ),
}

_FIXITY_ZH = {"evidence_damaged": "内容不一致", "evidence_missing": "缺失"}

_SUSPICIONS_ZH = {
    "other_person": "与报名照片不一致",
    "suspected_spoof": "疑似照片或屏幕",
    "suspected_virtual_camera": "画面静止或重复,疑似虚拟摄像头",
    "virtual_camera_name": "浏览器报告的摄像头名称像虚拟摄像头",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal to raise.

    Args:
        key: what it is raised for; the same key twice is one signal.
        source: an LMS's word, or what the bridge itself saw.
        account: of whom: an account's id or a blind reference; None if it is about nobody in particular.
        actor: who did it: a blind reference, a staff id; None if that is not known.
        before, after: what changed, as digits; of a face under two names `after` is the other learner.
        message: the inbox message, or the signed exception, that it came with.
    """

    key: str
    kind: SignalKind
    source: Literal["lms", "bridge"]
    occurred_at: datetime
    class_run: ClassRunId | None = None
    unit: CourseUnitId | None = None
    learner: LearnerRef | None = None
    account: str | None = None
    actor: str | None = None
    before: str | None = None
    after: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That a named member of staff has looked into a signal. The signal stays."""

    by: str
    login: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SignalView:
    """A raised signal as pages show it.

    Args:
        stated_reason: what those who signed an exception wrote.
        occurred_at: the LMS's word; `raised_at` is the bridge's clock.
    """

    id: str
    kind: SignalKind
    source: str
    institution_id: InstitutionId
    institution_name: str
    class_run: ClassRunId | None
    class_run_title: str | None
    unit_title: str | None
    learner: LearnerRef | None
    account: str | None
    actor: str | None
    before: str | None
    after: str | None
    stated_reason: str | None
    occurred_at: datetime
    raised_at: datetime
    acknowledgement: Acknowledgement | None

    @property
    def explanation(self) -> Explanation:
        return EXPLANATIONS[self.kind]

    @property
    def other(self) -> LearnerRef | None:
        """The other of two learners whom the signal is about."""
        if self.kind is not SignalKind.FACE_UNDER_TWO_NAMES or self.after is None:
            return None
        return LearnerRef(self.after)

    @property
    def change(self) -> str:
        """What changed, in words; empty if the signal is of no change."""
        before, after = self.before or "无", self.after or "无"
        if (self.before is None and self.after is None) or self.other is not None:
            return ""
        match self.kind:
            case SignalKind.CONTACT_DATA_FOUND:
                return f"{before} → {after} 名学员"
            case SignalKind.CONTACT_EXCEPTION_SIGNED:
                return f"{before} 名学员,至 {after}"
            case SignalKind.SCORE_WITHOUT_PRESENCE:
                return f"得分 {after}"
            case SignalKind.STUDIED_UNANCHORED:
                return f"待确认 {after} 秒"
            case SignalKind.ACCOUNT_RELEASED:
                return RELEASE_REASONS.get(after, after)
            case SignalKind.LEDGER_CORRECTED:
                what = next((words for kind, words in KINDS_ZH.items() if kind == before), before)
                return f"{what}:{REASONS_ZH.get(after, after)}"
            case SignalKind.MERGE_UNDONE:
                return UNMERGE_REASONS.get(after, after)
            case SignalKind.FACE_RESET:
                return FACE_RESET_REASONS.get(after, after)
            case SignalKind.EVIDENCE_BROKEN:
                return _FIXITY_ZH.get(after, after)
            case SignalKind.FACE_REGISTRATION_SUSPECTED:
                return _SUSPICIONS_ZH.get(after, after)
            case SignalKind.TEST_LINK_CHANGED:
                return {"undone": "撤销关联", "restored": "恢复关联"}.get(after, after)
            case _:
                return f"{before} → {after}"


@dataclass(frozen=True, slots=True)
class SignalCount:
    """How many signals there are, and how many of them nobody has looked into."""

    all: int = 0
    open: int = 0


def monday_of(instant: datetime) -> date:
    """Return the Monday of the legal week in which `instant` lies."""
    day = legal_date(instant)
    return day - timedelta(days=day.weekday())


def by_week(
    raised: Iterable[tuple[SignalKind, date, int]], now: datetime
) -> tuple[tuple[date, ...], dict[SignalKind, tuple[int, ...]]]:
    """Return the last weeks (their Mondays, oldest first) and for each kind that occurs its signals in each.

    Args:
        raised: kind, legal day, and how many of that kind were raised on it.

    Weeks are those of `raised_at`: the bridge's clock, since what an LMS says of the time is its own word.
    """
    last = monday_of(now)
    weeks = tuple(last - timedelta(weeks=back) for back in range(WEEKS_SHOWN - 1, -1, -1))
    places = {week: place for place, week in enumerate(weeks)}
    counts: dict[SignalKind, list[int]] = {}
    for kind, day, number in raised:
        place = places.get(day - timedelta(days=day.weekday()))
        if place is not None:
            counts.setdefault(kind, [0] * WEEKS_SHOWN)[place] += number
    return weeks, {kind: tuple(counts[kind]) for kind in SignalKind if kind in counts}
