"""Reviews as they are lived: opened by the system, joined by an appeal, decided by two, told once, expired."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef
from bridge.presence.review.model import Origin, ReviewState
from bridge.presence.review.service import REVIEW_CLOSED, Reviews
from tests.presence.review.desk import OTHER_ORG, Desk
from tests.presence.review.made import LEARNER, NOW, RUN


def cases(desk: Desk, check: str = "chk_1") -> list[tuple[str, str]]:
    with desk.open() as office:
        return [(one.origin.value, one.state.value) for one in office.store.of_check(CheckId(check))]


@pytest.mark.parametrize("outcome", ["other_person", "suspected_spoof", "unsure"])
def test_a_check_in_doubt_is_put_before_people_once(desk: Desk, outcome: str) -> None:
    check = desk.ended("chk_1", outcome)
    desk.note(check, outcome)
    desk.note(check, outcome)
    assert cases(desk) == [("system", "waiting")]


@pytest.mark.parametrize("outcome", ["passed", "missed", "no_face", "several_faces", "too_poor"])
def test_any_other_end_is_not(desk: Desk, outcome: str) -> None:
    desk.note(desk.ended("chk_1", outcome), outcome)
    assert cases(desk) == []


def test_an_appeal_opens_a_case_or_joins_the_one_there_is(desk: Desk) -> None:
    missed = desk.ended("chk_missed", "missed")
    joined = desk.case("chk_1")
    with desk.open() as office:
        own = office.reviews.appeal(LEARNER, RUN, missed, "network_fault")
        same = office.reviews.appeal(LEARNER, RUN, CheckId("chk_1"), "light_or_gear")
        assert (own.origin, own.appeal_reason) == (Origin.APPEAL, "network_fault")
        assert (same.id, same.origin, same.appeal_reason) == (joined, Origin.SYSTEM, "light_or_gear")
        assert [step.what for step in office.store.steps(own.id)] == ["opened", "appealed"]


def test_an_appeal_after_its_last_day_is_refused_with_a_code(desk: Desk) -> None:
    check = desk.ended("chk_1", "missed")
    desk.clock.advance(days=16)
    with pytest.raises(NotPermitted) as refused, desk.open() as office:
        office.reviews.appeal(LEARNER, RUN, check, "it_was_me")
    assert refused.value.reason == "appeal_too_late"
    assert cases(desk) == []


@pytest.mark.parametrize(
    ("learner", "run", "reason", "code"),
    [
        ("lrn_2", RUN, "it_was_me", "check_unknown"),
        (LEARNER, "run_2", "it_was_me", "check_unknown"),
        (LEARNER, RUN, "我叫王五,电话…", "appeal_reason_unknown"),
    ],
)
def test_nobody_appeals_for_another_or_in_free_words(
    desk: Desk, learner: str, run: str, reason: str, code: str
) -> None:
    check = desk.ended("chk_1", "missed")
    with pytest.raises(InvalidInput) as refused, desk.open() as office:
        office.reviews.appeal(LearnerRef(learner), ClassRunId(run), check, reason)
    assert refused.value.reason == code


@pytest.mark.parametrize(
    ("outcome", "code"), [("passed", "review_check_not_failed"), ("open", "check_unknown")]
)
def test_there_is_nothing_to_review_of_a_check_that_was_not_failed(
    desk: Desk, outcome: str, code: str
) -> None:
    check = desk.ended("chk_1", outcome)
    for ask in ("appeal", "open_by_staff"):
        with pytest.raises(BridgeError) as refused, desk.open() as office:
            getattr(office.reviews, ask)(LEARNER, RUN, check, "it_was_me")
        assert refused.value.reason == code


def test_staff_open_a_case_that_nobody_else_did(desk: Desk) -> None:
    check = desk.ended("chk_1", "several_faces")
    with desk.open() as office:
        opened = office.reviews.open_by_staff(LEARNER, RUN, check, "staff_a")
        assert (opened.origin, opened.opened_by) == (Origin.STAFF, "staff_a")
    with pytest.raises(InvalidInput) as refused, desk.open() as office:
        office.reviews.open_by_staff(LEARNER, RUN, check, "staff_a")
    assert refused.value.reason == "review_open_already"


def test_staff_do_not_ask_again_what_two_people_decided(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "not_same_person", "staff_a")
        office.reviews.confirm(review, "staff_b")
    with pytest.raises(InvalidInput) as refused, desk.open() as office:
        office.reviews.open_by_staff(LEARNER, RUN, CheckId("chk_1"), "staff_a")
    assert refused.value.reason == "review_final"
    assert cases(desk) == [("system", "upheld")]


def test_what_two_people_say_is_told_once(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "light_or_angle", "staff_a")
    assert desk.events(REVIEW_CLOSED) == []
    with desk.open() as office:
        ended = office.reviews.confirm(review, "staff_b")
    assert ended.state is ReviewState.OVERTURNED
    assert desk.events(REVIEW_CLOSED) == [
        {
            "review": review,
            "learner": LEARNER,
            "class_run": RUN,
            "check": "chk_1",
            "verdict": "overturn",
            "correction": "check_misjudged",
            "decided_by": "staff_a",
            "confirmed_by": "staff_b",
            "at": "2026-11-24T04:00:00.000Z",
        }
    ]


def test_an_upheld_check_brings_no_correction(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "picture_or_screen", "staff_a")
        office.reviews.confirm(review, "staff_b")
    assert [(one["verdict"], one["correction"]) for one in desk.events(REVIEW_CLOSED)] == [("uphold", "")]


def test_every_step_stands_with_who_and_why(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "same_person", "staff_a")
        office.reviews.undo(review, "staff_a")
        office.reviews.decide(review, "not_same_person", "staff_a")
        office.reviews.send_back(review, "look_again", "staff_b")
        office.reviews.decide(review, "same_person", "staff_b")
        office.reviews.confirm(review, "staff_a")
        assert [(step.what, step.reason, step.by) for step in office.store.steps(review)] == [
            ("opened", "system", None),
            ("decided", "same_person", "staff_a"),
            ("undone", None, "staff_a"),
            ("decided", "not_same_person", "staff_a"),
            ("sent_back", "look_again", "staff_b"),
            ("decided", "same_person", "staff_b"),
            ("confirmed", "same_person", "staff_a"),
        ]


def test_an_appeal_against_what_was_upheld_is_a_case_of_its_own(desk: Desk) -> None:
    first = desk.case()
    with desk.open() as office:
        office.reviews.decide(first, "not_same_person", "staff_a")
        office.reviews.confirm(first, "staff_b")
        second = office.reviews.appeal(LEARNER, RUN, CheckId("chk_1"), "it_was_me")
        assert (second.round, second.not_by) == (2, "staff_a")
        assert office.reviews.get(first).state is ReviewState.UPHELD
    for earlier in ("staff_a", "staff_b"):
        with pytest.raises(NotPermitted) as barred, desk.open() as office:
            office.reviews.decide(second.id, "same_person", earlier)
        assert barred.value.reason == "fresh_reviewer_required"
    with pytest.raises(NotPermitted) as refused, desk.open() as office:
        office.reviews.appeal(LEARNER, RUN, CheckId("chk_1"), "it_was_me")
    assert refused.value.reason == "appeal_made_before"


def test_a_case_expires_unless_a_learner_waits_for_it(desk: Desk) -> None:
    left, heard = desk.case("chk_1"), desk.case("chk_2")
    with desk.open() as office:
        office.reviews.appeal(LEARNER, RUN, CheckId("chk_2"), "it_was_me")
    desk.clock.advance(days=31)
    with desk.open() as office:
        for review in (left, heard):
            office.reviews.expire(review)
            office.reviews.expire(review)
        assert office.reviews.get(left).state is ReviewState.EXPIRED
        assert office.reviews.get(heard).state is ReviewState.WAITING
        assert office.reviews.get(heard).is_overdue((NOW + timedelta(days=31)).date())


def test_a_case_of_another_institution_is_unknown(desk: Desk) -> None:
    review = desk.case()
    steps: list[Callable[[Reviews], object]] = [
        lambda reviews: reviews.decide(review, "same_person", "staff_x"),
        lambda reviews: reviews.undo(review, "staff_x"),
        lambda reviews: reviews.send_back(review, "look_again", "staff_x"),
        lambda reviews: reviews.confirm(review, "staff_x"),
        lambda reviews: reviews.expire(review),
        lambda reviews: reviews.get(review),
    ]
    for step in steps:
        with pytest.raises(InvalidInput) as refused, desk.open(OTHER_ORG) as office:
            step(office.reviews)
        assert refused.value.reason == "review_unknown"


def test_of_two_who_confirm_and_send_back_at_once_one_wins(desk: Desk) -> None:
    review = desk.case()
    with desk.open() as office:
        office.reviews.decide(review, "same_person", "staff_a")
    start, came = Barrier(2), []

    def act(step: str) -> None:
        start.wait()
        try:
            with desk.open() as office:
                if step == "confirm":
                    office.reviews.confirm(review, "staff_b")
                else:
                    office.reviews.send_back(review, "look_again", "staff_c")
            came.append(step)
        except InvalidInput as refused:
            came.append(refused.reason)

    threads = [Thread(target=act, args=(step,)) for step in ("confirm", "send_back")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) in (["confirm", "review_final"], ["review_not_decided", "send_back"])
