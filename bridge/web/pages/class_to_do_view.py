"""The class teacher's list put together from the stations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.identity.change_model import ChangeState
from bridge.identity.change_tables import IdentityChangeRow
from bridge.identity.model import MaskedIdentity, mask_citizen_id, mask_name
from bridge.identity.store import SqlIdentityStore
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.review.model import Review, ReviewState
from bridge.presence.tables import FaceReferenceRow
from bridge.registry.model import ClassRun
from bridge.web.pages.learner_view import way_of
from bridge.web.pages.visitors import StaffVisit
from bridge.web.pages.wording import CHECK_OUTCOME
from bridge.wiring import House, Stations
from bridge.wiring.stuck_learners import stuck_at

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for the visitor: how many, of what, where, and what to do."""

    kind: str
    count: int
    title: str
    to_do: str
    url: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the class who cannot go on; masked.

    Args:
        learner: None before the real name is proved.
        why: in words.
    """

    person: MaskedIdentity
    learner: LearnerRef | None
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """People who cannot go on for one and the same reason.

    Args:
        count: of all; `people` are the first of them.
    """

    kind: str
    title: str
    to_do: str
    url: str
    count: int
    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class ClassToDo:
    """The page.

    Args:
        shares: (kind, how many) of the whole class, each person once, in the order of the road; for the picture.
        unnamed_accounts: learners' accounts of the LMS course behind which nobody proved a name.
    """

    run: ClassRun
    waiting: Sequence[Waiting]
    groups: Sequence[Group]
    shares: Sequence[tuple[str, int]]
    unnamed_accounts: int

    @property
    def class_size(self) -> int:
        return sum(count for _kind, count in self.shares)


def class_to_do(house: House, visit: StaffVisit, class_run: ClassRunId) -> ClassToDo:
    """Return the page; each masked name of a learner on it is a logged disclosure.

    Raises:
        InvalidInput("class_run_unknown"): also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        enrolled = list(stations.registry.enrolled(class_run))
        unnamed, listed = _unnamed(house, tx, class_run)
        faces = _faces(house, tx, class_run)
        failures = stations.review_store.failures_by_learner(class_run)
        limit = stations.review_rules.reviews(class_run).stuck_failures
        stuck = [one for one in enrolled if failures.get(one, 0) >= limit]
        # Who is supervised by staff registers no face and misses nothing by it.
        unanchored = [
            one
            for one in enrolled
            if (one not in faces or not faces[one].anchored) and not _supervised(house, tx, one)
        ]
        blocked = {*stuck, *unanchored}
        groups = (
            Group(
                "named",
                _("未实名"),
                _("请学员从学习平台进入安学桥，按报名名单填写姓名和证件号码；填错几次的，当面核对证件。"),
                url_for("enrolment.show", class_run=class_run),
                listed,
                unnamed,
            ),
            Group(
                "anchored",
                _("本人未核对"),
                _(
                    "请学员在“我的培训”里完成人脸登记；名单里没有证件照的，当面核对本人和证件。完成前学时只是暂记，不能出证明。"
                ),
                url_for("institution.show_class_run", class_run=class_run),
                len(unanchored),
                _people(
                    stations, visit, unanchored, lambda one: _why_unanchored(stations, faces.get(one), one)
                ),
            ),
            Group(
                "stuck",
                _("核验卡住"),
                _(
                    "先请学员换光线、换手机再试；仍不通过的，带证件到场，改由工作人员监督学习；没计入的内容可以补学。"
                ),
                url_for("supervision_desk.show", class_run=class_run),
                len(stuck),
                _people(stations, visit, stuck, lambda one: _why_stuck(stations, class_run, one)),
            ),
        )
        only_unanchored = [one for one in unanchored if one not in stuck]
        return ClassToDo(
            run=run,
            waiting=[one for one in waiting_for(house, tx, class_run, visit.staff_id) if one.count],
            groups=groups,
            shares=(
                ("named", listed),
                ("anchored", len(only_unanchored)),
                ("stuck", len(stuck)),
                ("well", len(enrolled) - len(blocked)),
            ),
            unnamed_accounts=sum(
                len(stations.rosters.not_real_named(registration, context))
                for registration, context in stations.lms_courses.courses_of(class_run)
            ),
        )


def waiting_for(house: House, tx: Tx, class_run: ClassRunId, staff: str) -> Sequence[Waiting]:
    """Return what of a class run waits for this member of staff, counts of nothing included."""
    stations = house.at(tx)
    cases = stations.review_store.open_cases(class_run)
    appeals = [one for one in cases if one.appealed_at is not None]
    queue = url_for("reviews.queue", class_run=class_run)

    def mine(of: Sequence[Review]) -> int:
        return sum(one.may_decide(staff) for one in of)

    others = [one for one in cases if one.appealed_at is None]
    sessions = [
        one
        for one in stations.registry.offline_sessions(class_run)
        if one.confirmed_by is None and one.entered_by != staff
    ]
    changes = _changes(tx, stations.registry.enrolled(class_run), staff)
    return (
        Waiting("appeals", mine(appeals), _("学员申诉"), _("比对照片，作出判断；有期限。"), queue),
        Waiting("reviews", mine(others), _("存疑核验"), _("比对照片，作出判断。"), queue),
        Waiting(
            "confirmations",
            sum(one.state is ReviewState.DECIDED and one.decided_by != staff for one in cases),
            _("复核待确认"),
            _("另一人已判断，请独立核对后确认或退回。"),
            queue,
        ),
        Waiting(
            "names",
            len(stations.name_checks.for_staff(class_run)),
            _("实名待当面核对"),
            _("看本人、看证件，输入证件上的号码。"),
            url_for("real_names.show", class_run=class_run),
        ),
        Waiting(
            "changes",
            len(changes),
            _("姓名、单位、证件、账号的变更待确认"),
            _("看证明材料，确认或退回。"),
            url_for("person.show", class_run=class_run, learner=changes[0]) if changes else "",
        ),
        Waiting(
            "offline",
            len(sessions),
            _("线下课待确认"),
            _("核对签到表后确认。"),
            url_for("institution.show_class_run", class_run=class_run, _anchor="offline"),
        ),
    )


def _unnamed(house: House, tx: Tx, class_run: ClassRunId) -> tuple[Sequence[Person], int]:
    """Return the first people of the enrolment list who have not proved who they are, and how many there are."""
    rows = tx.session.scalars(
        select(EnrolmentListRow.id)
        .where(EnrolmentListRow.class_run_id == class_run, EnrolmentListRow.learner.is_(None))
        .order_by(EnrolmentListRow.created_at, EnrolmentListRow.id)
    ).all()
    store = SqlIdentityStore(tx, house.cipher)
    people = []
    for row_id in rows[:SHOWN]:
        row = store.list_row_with(row_id)
        if row is not None:
            person = MaskedIdentity(mask_name(row.name), mask_citizen_id(row.citizen_id), row.employer)
            people.append(Person(person, None, _("还没有实名")))
    return people, len(rows)


@dataclass(frozen=True, slots=True)
class _Face:
    """A learner's face reference: whether it is known to be theirs, and why not yet."""

    anchored: bool
    why: str


def _supervised(house: House, tx: Tx, learner: LearnerRef) -> bool:
    owner = SqlIdentityStore(tx, house.cipher).owner(learner)
    return owner is not None and way_of(house.at(tx), owner) == "supervised"


def _changes(tx: Tx, learners: Sequence[LearnerRef], staff: str) -> Sequence[LearnerRef]:
    """Return, once for each change that another person proposed, whose it is; oldest first."""
    row, own = IdentityChangeRow, set(learners)
    found = tx.session.scalars(
        select(row.learner)
        .where(row.state == ChangeState.PROPOSED.value, row.proposed_by != staff)
        .order_by(row.proposed_at, row.id)
    )
    return [LearnerRef(one) for one in found if one in own]


def _faces(house: House, tx: Tx, class_run: ClassRunId) -> Mapping[LearnerRef, _Face]:
    row = FaceReferenceRow
    found = tx.session.execute(
        select(
            row.learner, row.model_id, row.model_sha256, row.anchored_ms, row.has_roster_photo, row.renews
        ).where(row.class_run == class_run)
    )
    faces = {}
    for one in found:
        current = (one.model_id, one.model_sha256) == house.recogniser
        why = _("识别模型已更新，须重新登记人脸")
        if current and one.renews:
            why = _("识别模型更新后已重新登记，原来的核对不能沿用，须再当面核对证件")
        elif current:
            why = (
                _("登记的人脸未核对，请重做登记或当面核对证件")
                if one.has_roster_photo
                else _("名单里没有证件照，须当面核对证件")
            )
        faces[LearnerRef(one.learner)] = _Face(current and one.anchored_ms is not None, why)
    return faces


def _why_unanchored(stations: Stations, face: _Face | None, learner: LearnerRef) -> str:
    if face is not None:
        return face.why
    agreed = stations.identity.may_process_face(learner)
    why: str = _("还没有登记人脸") if agreed else _("没有同意人脸核验")
    return why


def _why_stuck(stations: Stations, class_run: ClassRunId, learner: LearnerRef) -> str:
    stuck = stuck_at(stations, learner, class_run)
    if stuck is None:
        return ""
    last: str = CHECK_OUTCOME[stuck.outcome]
    return f"{_('连续 %(count)d 次未通过，最近一次：', count=stuck.failures)}{last}"


def _people(
    stations: Stations, visit: StaffVisit, learners: Sequence[LearnerRef], why: Callable[[LearnerRef], str]
) -> Sequence[Person]:
    return [
        Person(
            stations.identity.disclose(
                one, purpose="institution.to_do_page", recipient="培训机构", by=visit.staff_id
            ).masked(),
            one,
            why(one),
        )
        for one in learners[:SHOWN]
    ]
