"""Cases in a database, on SQLite and PostgreSQL: kept as they are, own ones only, with steps that nobody changes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError

from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.model import CheckState
from bridge.presence.review.model import Origin, Review, ReviewState, open_review
from bridge.presence.review.ports import ReviewStep
from bridge.presence.review.store import expiring
from tests.presence.review.desk import ORG, OTHER_ORG, Desk
from tests.presence.review.made import LEARNER, NOW, RULES, RUN, opened

STEP = ReviewStep("opened", "system", None, NOW)


def whole(review: Review) -> Review:
    """Return the case with something in every field that is kept."""
    return replace(
        review.appeal("it_was_me", NOW, RULES).decide("same_person", "staff_a", NOW),
        state=ReviewState.OVERTURNED,
        opened_by="staff_o",
        sent_back_by="staff_s",
        sent_back_reason="look_again",
        closed_by="staff_b",
        closed_at=NOW,
        not_by="staff_n",
    )


def test_a_case_is_kept_as_it_is(desk: Desk) -> None:
    desk.ended("chk_1")
    with desk.open() as office:
        assert office.store.add(opened(), STEP)
    with desk.open() as office:
        found = office.store.get("rev_1")
        assert found == opened()
        assert found is not None
        office.store.save(whole(found), ReviewStep("confirmed", "same_person", "staff_b", NOW))
    with desk.open() as office:
        assert office.store.get("rev_1") == office.store.look("rev_1") == whole(opened())
        assert office.store.steps("rev_1") == [
            STEP,
            ReviewStep("confirmed", "same_person", "staff_b", NOW),
        ]


def test_a_round_is_opened_once(desk: Desk) -> None:
    desk.ended("chk_1")
    with desk.open() as office:
        assert office.store.add(opened(), STEP)
        assert not office.store.add(opened(id="rev_2"), STEP)
        assert [one.id for one in office.store.of_check(CheckId("chk_1"))] == ["rev_1"]


def test_another_institution_sees_nothing_of_it(desk: Desk) -> None:
    review = desk.case()
    with desk.open(OTHER_ORG) as office:
        assert office.store.get(review) is None
        assert office.store.look(review) is None
        assert office.store.steps(review) == []
        assert office.store.open_cases(None) == []
        assert office.store.of_learner(LEARNER, RUN) == []
        assert office.store.of_check(CheckId("chk_1")) == []
        assert office.store.ended_check(CheckId("chk_1")) is None
        assert office.store.ended_checks(LEARNER, RUN) == []
        assert office.store.failures_by_learner(RUN) == {}


def test_the_queue_is_the_open_cases_oldest_first(desk: Desk) -> None:
    late = desk.case("chk_late")
    desk.clock.advance(days=-2)
    early = desk.case("chk_early")
    desk.clock.advance(days=2)
    done = desk.case("chk_done")
    with desk.open() as office:
        office.reviews.decide(done, "same_person", "staff_a")
        office.reviews.confirm(done, "staff_b")
        assert [one.id for one in office.store.open_cases(None)] == [early, late]
        assert [one.id for one in office.store.open_cases(RUN)] == [early, late]
        assert office.store.open_cases(ClassRunId("run_other")) == []
        assert {one.id for one in office.store.of_learner(LEARNER, RUN)} == {early, late, done}


def test_checks_that_ended_are_told_with_their_end(desk: Desk) -> None:
    desk.ended("chk_2", "passed", at=NOW)
    desk.ended("chk_1", "missed", at=NOW - timedelta(minutes=9))
    desk.ended("chk_3", "open")
    with desk.open() as office:
        found = office.store.ended_checks(LEARNER, RUN)
        assert [(check.id, check.state, at) for check, at in found] == [
            ("chk_1", CheckState.MISSED, NOW - timedelta(minutes=9)),
            ("chk_2", CheckState.PASSED, NOW),
        ]
        one = office.store.ended_check(CheckId("chk_1"))
        assert one == found[0]
        assert office.store.ended_check(CheckId("chk_3")) is None


def test_failures_of_a_class_are_counted_since_each_learners_last_pass(desk: Desk) -> None:
    others = [LearnerRef(f"lrn_{number}") for number in (2, 3)]
    for number, outcome in enumerate(("missed", "passed", "unsure", "missed", "open")):
        desk.ended(f"chk_{number}", outcome, at=NOW + timedelta(minutes=number))
    desk.ended("chk_new", "missed", learner=others[0])
    desk.ended("chk_well", "passed", learner=others[1])
    desk.ended("chk_elsewhere", "missed", learner=others[1], run=ClassRunId("run_2"))
    with desk.open() as office:
        assert office.store.failures_by_learner(RUN) == {LEARNER: 2, others[0]: 1}


def test_what_expires_is_undecided_unappealed_and_over_its_day(desk: Desk) -> None:
    waiting, _appealed, decided, fresh = (desk.case(f"chk_{name}") for name in "wadf")
    today = legal_date(NOW) + timedelta(days=31)
    with desk.open() as office:
        office.reviews.appeal(LEARNER, RUN, CheckId("chk_a"), "it_was_me")
        office.reviews.decide(decided, "same_person", "staff_a")
        found = office.store.get(fresh)
        assert found is not None
        office.store.save(replace(found, expires_after=today), STEP)
    with desk.uow.across_institutions("a test's sweep", read_only=True) as tx:
        assert expiring(tx, today) == [(ORG, waiting)]
        assert expiring(tx, today - timedelta(days=1)) == []


def test_the_database_refuses_one_person_for_two(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "same_person", "staff_a")
    with pytest.raises(IntegrityError), desk.engine.begin() as connection:
        connection.execute(text("UPDATE presence_review SET closed_by = decided_by"))


@pytest.mark.parametrize(
    "statement", ["UPDATE presence_review_step SET what = 'x'", "DELETE FROM presence_review_step"]
)
def test_the_database_refuses_to_change_a_step(desk: Desk, statement: str) -> None:
    desk.case()
    with pytest.raises(DatabaseError, match="append-only"), desk.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_second_round_follows_the_first(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "cannot_tell", "staff_a")
        ended = office.reviews.confirm(review, "staff_b")
        second = open_review(
            "rev_2", LEARNER, RUN, ended.check, ended.outcome,
            origin=Origin.APPEAL, at=NOW, rules=RULES, before=[ended],
        )  # fmt: skip
        assert office.store.add(second, STEP)
        assert [(one.round, one.not_by, one.nor_by) for one in office.store.of_check(ended.check)] == [
            (1, None, None),
            (2, "staff_a", "staff_b"),
        ]
        assert [one.may_decide("staff_b") for one in office.store.open_cases(RUN)] == [False]
