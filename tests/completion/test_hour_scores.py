"""Scores on their way: what is wanted, what left, what became of it. On both databases."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from bridge.completion.gradebook import LINE_ITEM_WANTED, Gradebook, due_line_items
from bridge.completion.gradebook_model import CoursePlace, ItemState, PendingScore, ScoreState
from bridge.completion.hour_scores import SCORE_WANTED, HourScores, due_scores
from bridge.completion.model import Earned
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.registry.model import ClassRunSheet, Outline
from tests.completion.test_gradebook_model import NOTHING, after
from tests.identity.house import ORG, PLATFORM, RUN, House
from tests.registry.platforms import OTHER_ORG

COURSE, COLUMN = "course-1", "https://lms.example/lineitems/1"
LEARNER = LearnerRef("ln_1")
MINUTE = timedelta(minutes=1)


@dataclass
class _Sheet:
    outline: Outline


@dataclass
class Desk:
    """Completion's side of gradebooks in a house; the rest is set by the test."""

    house: House
    earned_now: Earned = NOTHING
    places: list[CoursePlace] = field(default_factory=lambda: [CoursePlace(PLATFORM, COURSE, "acc_1")])

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[tuple[Gradebook, HourScores]]:
        with self.house.units.for_institution(institution) as tx:
            gradebook = Gradebook(tx)
            yield gradebook, HourScores(tx, gradebook, self, self, self)

    def places_of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[CoursePlace]:
        return self.places

    def earned(self, learner: LearnerRef, class_run: ClassRunId) -> Earned:
        return self.earned_now

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        return cast(ClassRunSheet, _Sheet(cast(Outline, type("O", (), {"theory_class_hours": 32}))))

    def offer(self, url: str | None = COLUMN, **changes: Any) -> None:
        said: dict[str, Any] = {
            "line_items_url": "https://lms.example/lineitems",
            "line_item_url": url,
            "resource_link_id": "link-1",
            "scopes": ["score"],
        }
        with self.open() as (gradebook, _):
            gradebook.offer(PLATFORM, COURSE, **{**said, **changes})

    def item(self) -> str:
        with self.open() as (gradebook, _):
            return gradebook.items(PLATFORM, COURSE)[0].id

    def column(self, *, for_hours: bool = True, maximum: int = 32) -> str:
        self.offer()
        item = self.item()
        with self.open() as (gradebook, _):
            gradebook.note_read(item, url=COLUMN, for_hours=for_hours, maximum=Fraction(maximum))
        return item

    def note(self, hours: int, *, done: bool = False) -> None:
        self.earned_now = after(hours, done=done)
        with self.open() as (_, scores):
            scores.note(LEARNER, RUN)

    def scores(self) -> list[PendingScore]:
        with self.open() as (_, scores):
            return list(scores.of_class_run(RUN))

    def score(self) -> PendingScore:
        (one,) = self.scores()
        return one

    def jobs(self, kind: str) -> int:
        with self.house.engine.connect() as connection:
            asked = connection.execute(text("SELECT sum(wanted) FROM job WHERE kind = :kind"), {"kind": kind})
            return int(asked.scalar() or 0)

    def leave(self, dated: datetime | None = None) -> PendingScore:
        one = self.score()
        with self.open() as (_, scores):
            scores.leave(one.id, one.wanted, dated or self.house.clock.now())
        return one


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    house = House(database_url, tmp_path).loaded()
    yield Desk(house)
    house.close()


def test_a_column_is_read_once_however_many_launch(desk: Desk) -> None:
    for _ in range(3):
        desk.offer()

    assert desk.jobs(LINE_ITEM_WANTED) == 1


def test_what_is_no_column_for_hours_gets_none(desk: Desk) -> None:
    desk.column(for_hours=False)

    desk.note(10)

    assert desk.scores() == []


def test_hours_are_wanted_once_and_again_when_they_change(desk: Desk) -> None:
    desk.column()
    for hours in (10, 10, 11):
        desk.note(hours)

    one = desk.score()
    assert (one.wanted.grade.given, one.wanted.grade.maximum, one.state) == (
        Fraction(11),
        Fraction(32),
        ScoreState.WAITING,
    )
    assert desk.jobs(SCORE_WANTED) == 2


def test_nobodys_column_is_filled_with_nothing(desk: Desk) -> None:
    desk.column()
    desk.note(0)
    assert desk.scores() == []

    desk.note(3)
    desk.note(0)

    assert desk.score().wanted.grade.given == 0


def test_who_has_no_place_in_the_course_gets_no_score(desk: Desk) -> None:
    desk.column()
    desk.places = []

    desk.note(10)

    assert desk.scores() == []


def test_each_account_has_its_own_score(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    desk.places = [CoursePlace(PLATFORM, COURSE, "acc_2")]
    desk.note(10)

    assert {one.account_id for one in desk.scores()} == {"acc_1", "acc_2"}


def test_what_arrived_is_sent_unless_something_newer_is_wanted(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    one = desk.leave()
    desk.house.clock.advance(seconds=3)
    desk.note(11)
    with desk.open() as (_, scores):
        scores.note_arrived(one.id, one.wanted)
    between = desk.score()
    newer = desk.leave()
    with desk.open() as (_, scores):
        scores.note_arrived(newer.id, newer.wanted)

    assert between.state is ScoreState.WAITING
    assert between.next_at == desk.house.clock.now()
    assert desk.score().state is ScoreState.SENT
    assert desk.score().next_at is None
    left = desk.score().left
    assert left is not None
    assert left.arrived
    assert left.what == newer.wanted


def test_the_last_try_is_after_three_days(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    first = desk.house.clock.now()
    tries = []
    while desk.score().state is ScoreState.WAITING:
        one = desk.leave()
        with desk.open() as (_, scores):
            scores.note_failure(one.id, "platform_error", pause=timedelta(hours=20), what=one.wanted)
        tries.append((desk.house.clock.now() - first) // timedelta(hours=1))
        following = desk.score().next_at
        if following is not None:
            desk.house.clock.at = following

    assert tries == [0, 20, 40, 60, 72]
    refused = desk.score()
    assert (refused.state, refused.reason, refused.next_at) == (ScoreState.REFUSED, "platform_error", None)
    assert refused.since == desk.house.clock.now()


def test_after_it_was_given_up_new_hours_are_tried_once(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    one = desk.leave()
    for _ in range(2):
        with desk.open() as (_, scores):
            scores.note_failure(one.id, "platform_error", pause=MINUTE)
        desk.house.clock.advance(days=3)
    desk.note(11)
    assert desk.score().state is ScoreState.WAITING
    with desk.open() as (_, scores):
        scores.note_failure(one.id, "platform_error", pause=MINUTE)

    assert desk.score().state is ScoreState.REFUSED


def test_a_refusal_of_an_older_grade_does_not_stop_the_newer_one(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    one = desk.leave()
    desk.house.clock.advance(seconds=3)
    desk.note(11)
    with desk.open() as (_, scores):
        scores.note_failure(one.id, "score_refused", pause=None, what=one.wanted)
    assert desk.score().state is ScoreState.WAITING
    with desk.open() as (_, scores):
        scores.note_failure(one.id, "score_refused", pause=None, what=desk_wanted(scores, one.id))

    assert desk.score().state is ScoreState.REFUSED


def desk_wanted(scores: HourScores, score_id: str) -> Any:
    found = scores.get(score_id)
    assert found is not None
    return found.wanted


def test_sending_again_is_a_new_grade_of_the_same_hours(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    one = desk.leave()
    with desk.open() as (_, scores):
        scores.note_failure(one.id, "score_refused", pause=None, what=one.wanted)
    desk.house.clock.advance(minutes=5)
    with desk.open() as (_, scores):
        scores.send_again(one.id, RUN)
    again = desk.score()

    assert again.state is ScoreState.WAITING
    assert (again.reason, again.failing_since, again.failures) == ("", None, 0)
    assert again.wanted == replace(one.wanted, earned_at=desk.house.clock.now())


def test_another_class_runs_score_cannot_be_sent_again(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    one = desk.score()

    with desk.open() as (_, scores), pytest.raises(InvalidInput, match="score_unknown"):
        scores.send_again(one.id, ClassRunId("run_other"))
    with desk.open(OTHER_ORG) as (_, scores), pytest.raises(InvalidInput, match="score_unknown"):
        scores.send_again(one.id, RUN)


def test_a_clock_that_was_set_back_makes_nothing_older(desk: Desk) -> None:
    desk.column()
    desk.note(10)
    before = desk.score().wanted.earned_at
    desk.house.clock.advance(hours=-1)
    desk.note(11)

    assert desk.score().wanted.earned_at == before


def test_what_is_due_is_found_across_institutions(desk: Desk) -> None:
    desk.offer()
    item = desk.item()
    with desk.house.units.across_institutions("test") as tx:
        assert due_line_items(tx) == [(ORG, item)]
    desk.column()
    desk.note(10)
    one = desk.leave()
    with desk.house.units.across_institutions("test") as tx:
        assert due_line_items(tx) == []
        assert due_scores(tx) == [(ORG, one.id)]
    with desk.open() as (_, scores):
        scores.note_arrived(one.id, one.wanted)
    with desk.house.units.across_institutions("test") as tx:
        assert due_scores(tx) == []


def test_a_column_is_made_where_staff_want_it_and_a_launch_named_the_place(desk: Desk) -> None:
    with desk.open() as (gradebook, _), pytest.raises(InvalidInput, match="gradebook_not_offered"):
        gradebook.switch_on(PLATFORM, COURSE, by="staff_lin")
    desk.offer(None)
    for _ in range(2):
        with desk.open() as (gradebook, _):
            gradebook.switch_on(PLATFORM, COURSE, by="staff_lin")

    with desk.open() as (gradebook, _):
        (item,) = gradebook.items(PLATFORM, COURSE)
    assert (item.state, item.url, item.asked_by) == (ItemState.WANTED, "", "staff_lin")
    assert desk.jobs(LINE_ITEM_WANTED) == 1


def test_a_column_that_was_switched_off_gets_no_more_and_can_be_switched_on(desk: Desk) -> None:
    desk.offer(None)
    with desk.open() as (gradebook, _):
        gradebook.switch_on(PLATFORM, COURSE, by="staff_lin")
    item = desk.item()
    with desk.open() as (gradebook, _):
        gradebook.note_read(item, url=COLUMN, for_hours=True, maximum=Fraction(26))
        gradebook.switch_off(PLATFORM, COURSE, by="staff_zhou")
    desk.note(10)
    assert desk.scores() == []

    with desk.open() as (gradebook, _):
        gradebook.switch_on(PLATFORM, COURSE, by="staff_lin")
        (again,) = gradebook.items(PLATFORM, COURSE)

    assert (again.state, again.url) == (ItemState.UNREAD, COLUMN)


def test_a_column_that_could_not_be_read_is_tried_again_or_refused(desk: Desk) -> None:
    desk.offer()
    item = desk.item()
    with desk.open() as (gradebook, _):
        gradebook.note_failure(item, "platform_slow", pause=MINUTE)
        waiting = gradebook.get(item)
        gradebook.note_failure(item, "line_item_refused", pause=None)
        refused = gradebook.get(item)
    assert waiting is not None
    assert waiting.next_at == desk.house.clock.now() + MINUTE
    assert refused is not None
    assert (refused.state, refused.reason, refused.next_at) == (ItemState.REFUSED, "line_item_refused", None)

    desk.offer()
    assert desk.jobs(LINE_ITEM_WANTED) == 1
    desk.house.clock.advance(days=1)
    desk.offer()
    assert desk.jobs(LINE_ITEM_WANTED) == 2


def test_another_institution_has_no_gradebook_here(desk: Desk) -> None:
    desk.column()

    with desk.open(OTHER_ORG) as (gradebook, _):
        assert gradebook.items(PLATFORM, COURSE) == []
        assert gradebook.line_items_url(PLATFORM, COURSE) is None
        assert gradebook.scopes(PLATFORM, COURSE) == ()
