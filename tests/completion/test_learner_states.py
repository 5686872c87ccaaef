"""What platforms are to know of learners: once, when it changed, and never of somebody else. On both databases."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.completion.gradebook_model import CoursePlace
from bridge.completion.learner_state_model import NOBODY, LearnerState, StateToTell, Telling, state_of
from bridge.completion.learner_states import STATE_ASKED, STATE_WANTED, LearnerStates, due_states
from bridge.completion.model import Earned
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId
from tests.completion.test_gradebook_model import NOTHING, after
from tests.identity.house import ORG, PLATFORM, RUN, House
from tests.registry.platforms import OTHER_ORG

COURSE, ACCOUNT = "7", "acc_1"
LEARNER, SECOND = LearnerRef("ln_1"), LearnerRef("ln_2")
MINUTE = timedelta(minutes=1)


@dataclass
class Desk:
    """Completion's side in a house; what registry, identity and ledger would say is set by the test."""

    house: House
    owner: LearnerRef | None = LEARNER
    name_stands: bool = True
    earned_now: Earned = NOTHING
    offered: bool = True
    places: list[CoursePlace] = field(default_factory=lambda: [CoursePlace(PLATFORM, COURSE, ACCOUNT)])

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[LearnerStates]:
        with self.house.units.for_institution(institution) as tx:
            yield LearnerStates(tx, self, self, self, lambda _registration: self.offered)

    def places_of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[CoursePlace]:
        return self.places if learner == self.owner else []

    def owner_of_account(self, account_id: str) -> LearnerRef | None:
        return self.owner

    def real_name_stands(self, account_id: str) -> bool:
        return self.name_stands

    def earned(self, learner: LearnerRef, class_run: ClassRunId) -> Earned:
        return self.earned_now

    def note(self, hours: int = 0, learner: LearnerRef = LEARNER) -> None:
        self.earned_now = after(hours)
        with self.open() as states:
            states.note(learner, RUN)

    def told(self, what: LearnerState | None = None) -> None:
        one = self.one()
        with self.open() as states:
            states.leave(one.id)
            states.note_told(one.id, what or one.wanted)

    def all(self) -> list[StateToTell]:
        with self.house.engine.connect() as connection:
            ids = list(
                connection.execute(text("SELECT id FROM lms_learner_state ORDER BY context_id")).scalars()
            )
        with self.open() as states:
            found = [states.get(each) for each in ids]
        return [one for one in found if one is not None]

    def one(self) -> StateToTell:
        (found,) = self.all()
        return found

    def jobs(self, kind: str) -> int:
        with self.house.engine.connect() as connection:
            asked = connection.execute(text("SELECT sum(wanted) FROM job WHERE kind = :kind"), {"kind": kind})
            return int(asked.scalar() or 0)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    house = House(database_url, tmp_path).loaded()
    yield Desk(house)
    house.close()


def test_counted_online_and_offline_hours_are_what_counts() -> None:
    earned = replace(NOTHING, online_class_hours=30, counted_online_class_hours=26, offline_class_hours=6)
    assert state_of(earned, real_name=True) == LearnerState(real_name=True, class_hours=32)


def test_a_platform_that_takes_no_states_gets_no_row_and_no_job(desk: Desk) -> None:
    desk.offered = False
    desk.note(5)
    with desk.open() as states:
        states.ask(LEARNER, RUN)

    assert desk.all() == []
    assert desk.jobs(STATE_WANTED) == desk.jobs(STATE_ASKED) == 0


def test_a_state_is_wanted_once_and_again_only_when_it_changed(desk: Desk) -> None:
    for hours in (0, 0, 1, 1):
        desk.note(hours)

    assert (desk.one().wanted, desk.one().telling) == (LearnerState(True, 1), Telling.WAITING)
    assert desk.jobs(STATE_WANTED) == 2
    desk.told()
    desk.note(1)

    assert (desk.one().told, desk.one().next_at) == (LearnerState(True, 1), None)
    assert desk.jobs(STATE_WANTED) == 2


def test_asking_often_is_one_job(desk: Desk) -> None:
    with desk.open() as states:
        for _ in range(3):
            states.ask(LEARNER, RUN)
    with desk.house.engine.connect() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM job WHERE kind = 'learner_state.asked'")).scalar()
            == 1
        )


def test_each_course_has_a_state_of_its_own(desk: Desk) -> None:
    desk.places.append(CoursePlace(PLATFORM, "8", ACCOUNT))
    desk.note(2)

    assert [(one.context_id, one.wanted.class_hours) for one in desk.all()] == [("7", 2), ("8", 2)]
    assert desk.jobs(STATE_WANTED) == 2


def test_a_withdrawn_consent_takes_the_name_back_and_leaves_the_hours(desk: Desk) -> None:
    desk.note(3)
    desk.told()
    desk.name_stands = False
    desk.note(3)

    assert (desk.one().wanted, desk.one().telling) == (LearnerState(False, 3), Telling.WAITING)


def test_what_changed_and_changed_back_before_it_left_is_not_told(desk: Desk) -> None:
    desk.note(3)
    desk.told()
    desk.name_stands = False
    desk.note(3)
    desk.name_stands = True
    desk.note(3)

    assert (desk.one().telling, desk.one().next_at) == (Telling.TOLD, None)


def test_what_changed_back_while_it_was_under_way_is_told_again(desk: Desk) -> None:
    desk.note(3)
    desk.told()
    desk.name_stands = False
    desk.note(3)
    one = desk.one()
    with desk.open() as states:
        states.leave(one.id)
    desk.name_stands = True
    desk.note(3)

    assert desk.one().telling is Telling.WAITING
    with desk.open() as states:
        states.note_told(one.id, LearnerState(False, 3))
    assert (desk.one().wanted, desk.one().telling) == (LearnerState(True, 3), Telling.WAITING)


def test_a_released_account_is_nobodys(desk: Desk) -> None:
    desk.note(3)
    desk.told()
    desk.owner = None
    with desk.open() as states:
        states.note_release(LEARNER, ACCOUNT)

    assert (desk.one().wanted, desk.one().telling) == (NOBODY, Telling.WAITING)
    desk.told()
    with desk.open() as states:
        states.note_release(LEARNER, ACCOUNT)
    assert desk.one().telling is Telling.TOLD


def test_a_late_release_leaves_the_next_owner_of_the_account_alone(desk: Desk) -> None:
    desk.note(3)
    desk.owner = SECOND
    desk.note(1, SECOND)
    with desk.open() as states:
        states.note_release(LEARNER, ACCOUNT)

    assert desk.one().wanted == LearnerState(True, 1)


def test_who_took_the_account_but_is_not_noted_yet_does_not_keep_the_state_before(desk: Desk) -> None:
    desk.note(3)
    desk.owner = SECOND
    with desk.open() as states:
        states.note_release(LEARNER, ACCOUNT)

    assert desk.one().wanted == NOBODY


def test_a_release_that_was_taken_back_changes_nothing(desk: Desk) -> None:
    desk.note(3)
    with desk.open() as states:
        states.note_release(LEARNER, ACCOUNT)

    assert desk.one().wanted == LearnerState(True, 3)


def test_a_failure_waits_and_a_refusal_ends_until_something_changes(desk: Desk) -> None:
    desk.note(3)
    one = desk.one()
    with desk.open() as states:
        states.note_failure(one.id, one.wanted, "exam_service_away", pause=MINUTE)
    assert (desk.one().failures, desk.one().next_at) == (1, desk.house.clock.now() + MINUTE)
    with desk.house.units.across_institutions("test: what is due") as tx:
        assert due_states(tx) == []
    desk.house.clock.advance(minutes=1)
    with desk.house.units.across_institutions("test: what is due") as tx:
        assert due_states(tx) == [(ORG, one.id)]

    with desk.open() as states:
        states.note_failure(one.id, one.wanted, "exam_service_refused", pause=None)
        assert states.counts(PLATFORM) == {(Telling.REFUSED, "exam_service_refused"): 1}
    desk.note(3)
    assert (desk.one().telling, desk.one().next_at) == (Telling.REFUSED, None)
    desk.note(4)
    assert (desk.one().telling, desk.one().next_at) == (Telling.WAITING, desk.house.clock.now())


def test_what_was_wanted_since_a_refusal_left_is_tried_all_the_same(desk: Desk) -> None:
    desk.note(3)
    tried = desk.one()
    desk.note(4)
    with desk.open() as states:
        states.note_failure(tried.id, tried.wanted, "exam_service_refused", pause=None)

    assert desk.one().telling is Telling.WAITING


def test_everything_can_be_told_again(desk: Desk) -> None:
    desk.note(3)
    desk.told()
    with desk.open() as states:
        states.tell_again(RegistrationId("another"))
    assert desk.one().telling is Telling.TOLD
    with desk.open() as states:
        states.tell_again(PLATFORM)

    assert (desk.one().told, desk.one().telling) == (None, Telling.WAITING)


def test_another_institution_sees_none_of_it(desk: Desk) -> None:
    desk.note(3)
    one = desk.one()
    with desk.open(OTHER_ORG) as states:
        assert states.get(one.id) is None
        assert states.counts(PLATFORM) == {}
