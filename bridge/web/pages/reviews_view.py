"""The pages of reviews put together from the stations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bridge.identity.model import MaskedIdentity
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import from_epoch_ms, legal_date
from bridge.ledger.correction_tables import Correction
from bridge.presence.model import Activity, CheckKind, CheckState, PresenceCheck
from bridge.presence.review.model import DECISIONS, Review, ReviewState
from bridge.presence.review.ports import ReviewStep
from bridge.registry.model import ClassRun
from bridge.rules.model import LegalDates, NoRuleInForce, Resolved
from bridge.web.pages.visitors import StaffVisit
from bridge.wiring import House, Stations
from bridge.wiring.review_desk import Faces, faces_of, lost_seconds, voided

_SHOWN = 200
_RULES = ("presence.face_required", "presence.answer_window_seconds", "presence.attempts_per_check")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One case of the queue. No name and no face: who is next should not matter."""

    review: Review
    run_title: str
    days: int
    overdue: bool


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The open cases, oldest first.

    Args:
        runs: class runs that have open cases; `chosen` one of them, None for all.
        to_decide, to_confirm: how many the visitor can decide, and confirm.
        left_out: how many more there are than are shown.
    """

    rows: Sequence[QueueRow]
    runs: Sequence[ClassRun]
    chosen: ClassRunId | None
    to_decide: int
    to_confirm: int
    left_out: int


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case.

    Args:
        rules: that the check stood under on its day.
        logins: of staff by id.
        place: of the case among the open ones of the same filter, from 1; 0 for one that is not open.
        before, after: the neighbours, to go on with the keyboard.
        correction: in the ledger, once there is one.
    """

    review: Review
    run: ClassRun
    person: MaskedIdentity
    check: PresenceCheck
    ended_at: datetime
    faces: Faces
    rules: Sequence[Resolved]
    steps: Sequence[ReviewStep]
    logins: Mapping[str, str]
    today: date
    open_cases: int
    place: int
    before: str | None
    after: str | None
    correction: Correction | None

    def may_decide(self, staff: str) -> bool:
        return self.review.may_decide(staff)

    def may_confirm(self, staff: str) -> bool:
        return self.review.state is ReviewState.DECIDED and staff != self.review.decided_by

    def may_undo(self, staff: str) -> bool:
        return self.review.state is ReviewState.DECIDED and staff == self.review.decided_by

    @property
    def due(self) -> datetime:
        return from_epoch_ms(self.check.due_ms)

    @property
    def reason_words(self) -> str:
        """Why the first person decided so; "" before that."""
        return DECISIONS[self.review.reason].words_zh if self.review.reason else ""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A check that was not passed, for a list: what it cost and where its review stands."""

    check: PresenceCheck
    ended_at: datetime
    lost_seconds: int
    review: Review | None


@dataclass(frozen=True, slots=True)
class ChecksPage:
    """A learner's checks that were not passed, newest first, for staff."""

    run: ClassRun
    learner: LearnerRef
    person: MaskedIdentity
    lines: Sequence[CheckLine]


def queue_page(house: House, visit: StaffVisit, chosen: ClassRunId | None) -> QueuePage:
    """Return the queue; InvalidInput("class_run_unknown") for a class run that is not the institution's."""
    now = house.study_clock.now()
    today = legal_date(now)
    with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
        stations = house.at(tx)
        if chosen is not None:
            stations.registry.class_run(chosen)
        every = stations.review_store.open_cases(None)
        ids = dict.fromkeys(one.class_run for one in every) | ({chosen: None} if chosen else {})
        runs = {run: stations.registry.class_run(run) for run in ids}
    cases = [one for one in every if chosen in (None, one.class_run)]
    rows = [
        QueueRow(one, runs[one.class_run].title, (now - one.opened_at).days, one.is_overdue(today))
        for one in cases
    ]
    by = visit.staff_id
    return QueuePage(
        rows=rows[:_SHOWN],
        runs=list(runs.values()),
        chosen=chosen,
        to_decide=sum(one.may_decide(by) for one in cases),
        to_confirm=sum(one.state is ReviewState.DECIDED and one.decided_by != by for one in cases),
        left_out=max(0, len(rows) - _SHOWN),
    )


def case_page(house: House, visit: StaffVisit, review_id: str, chosen: ClassRunId | None) -> CasePage:
    """Return the case; the masked name on it is a logged disclosure, each face is one of its own when it is fetched.

    Raises:
        InvalidInput("review_unknown"): also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        review = stations.review_store.look(review_id)
        found = None if review is None else stations.review_store.ended_check(review.check)
        if review is None or found is None:
            raise InvalidInput("review_unknown", "没有这件复核,请刷新。", http_status=404)
        person = stations.identity.disclose(
            review.learner, purpose="review.case", recipient="培训机构", by=visit.staff_id
        ).masked()
        run = stations.registry.class_run(review.class_run)
        steps = stations.review_store.steps(review.id)
        open_ids = [one.id for one in stations.review_store.open_cases(chosen)]
        here = open_ids.index(review.id) if review.id in open_ids else None
        staff = {by: stations.staff.by_id(by) for by in {step.by for step in steps if step.by}}
        return CasePage(
            review=review,
            run=run,
            person=person,
            check=found[0],
            ended_at=found[1],
            faces=faces_of(house, tx, review),
            rules=_rules(house, run, legal_date(from_epoch_ms(found[0].due_ms))),
            steps=steps,
            logins={by: one.login for by, one in staff.items() if one is not None},
            today=legal_date(house.study_clock.now()),
            open_cases=len(open_ids),
            place=0 if here is None else here + 1,
            before=None if not here else open_ids[here - 1],
            after=_after(open_ids, here),
            correction=voided(stations.corrections.of(review.learner, review.class_run), review.check),
        )


def learner_checks(house: House, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef) -> ChecksPage:
    """Return a learner's checks that were not passed; the masked name is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        stations.registry.require_enrolled(class_run, learner)
        person = stations.identity.disclose(
            learner, purpose="review.learner_checks", recipient="培训机构", by=visit.staff_id
        ).masked()
    with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
        return ChecksPage(run, learner, person, check_lines(house.at(tx), learner, class_run))


def check_lines(stations: Stations, learner: LearnerRef, class_run: ClassRunId) -> Sequence[CheckLine]:
    """Return the learner's checks that were not passed, newest first."""
    checks = stations.review_store.ended_checks(learner, class_run)
    statement = stations.hours.earned(learner, class_run).seconds
    lost = lost_seconds(checks, statement.timeline)
    reviews = {one.check: one for one in stations.review_store.of_learner(learner, class_run)}
    return [
        CheckLine(check, ended_at, lost.get(check.id, 0), reviews.get(check.id))
        for check, ended_at in reversed(checks)
        if check.state is not CheckState.PASSED
    ]


def activity_of(check: PresenceCheck) -> Activity:
    """Return what the learner did when the check was asked for."""
    of_test = check.kind in (CheckKind.TEST_START, CheckKind.IN_TEST)
    return Activity.TEST if of_test else Activity.STUDY


def _after(open_ids: Sequence[str], here: int | None) -> str | None:
    if here is None:
        return open_ids[0] if open_ids else None
    return open_ids[here + 1] if here + 1 < len(open_ids) else None


def _rules(house: House, run: ClassRun, on: date) -> Sequence[Resolved]:
    profile, dates = (
        house.rules.profile(run.profile),
        LegalDates(opening=run.opens_on, study_second=on, event=on),
    )
    found = []
    for name in _RULES:
        try:
            found.append(profile.read(name, dates))
        except NoRuleInForce:
            continue
    return found
