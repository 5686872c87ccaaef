"""The state machine of a review: two people, ends that are final, deadlines of an appeal."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.presence.model import CheckState
from bridge.presence.review.model import (
    APPEAL_REASONS,
    DECISIONS,
    FINAL,
    SEND_BACK_REASONS,
    Origin,
    Review,
    ReviewState,
    Verdict,
    WayOut,
    against_appeal,
    appeal_until,
    failures_in_a_row,
    open_review,
    ways_out,
    ways_words,
)
from tests.presence.review.made import CHECK, LEARNER, NOW, RULES, RUN, opened

PEOPLE = ("staff_a", "staff_b", "staff_c")
Act = Callable[[Review], Review]


def acts() -> st.SearchStrategy[tuple[str, Act]]:
    """Return everything that anybody can do to a case, at any time."""
    at = st.integers(0, 60).map(lambda days: NOW + timedelta(days=days))
    people = st.sampled_from(PEOPLE)
    return st.one_of(
        st.tuples(st.sampled_from(sorted(DECISIONS)), people, at).map(
            lambda a: (f"decide {a[1]}", lambda r: r.decide(*a))
        ),
        people.map(lambda who: (f"undo {who}", lambda r: r.undo(who))),
        st.tuples(st.sampled_from(sorted(SEND_BACK_REASONS)), people).map(
            lambda a: (f"send_back {a[1]}", lambda r: r.send_back(*a))
        ),
        st.tuples(people, at).map(lambda a: (f"confirm {a[0]}", lambda r: r.confirm(*a))),
        st.tuples(st.sampled_from(sorted(APPEAL_REASONS)), at).map(
            lambda a: ("appeal", lambda r: r.appeal(a[0], a[1], RULES))
        ),
        at.map(lambda when: ("expire", lambda r: r.expire(when))),
    )


@given(st.lists(acts(), max_size=25))
def test_whatever_people_try_two_stand_for_an_end_and_an_end_stays(tried: list[tuple[str, Act]]) -> None:
    review = opened()
    for name, act in tried:
        before = review
        try:
            review = act(before)
        except BridgeError:
            continue
        assert not before.is_final, f"{name} moved a case that had its end"
        if review.state in (ReviewState.UPHELD, ReviewState.OVERTURNED):
            assert review.closed_by != review.decided_by
            assert before.state is ReviewState.DECIDED
            overturned = DECISIONS[review.reason or ""].verdict is Verdict.OVERTURN
            assert (review.state is ReviewState.OVERTURNED) is overturned
        if review.state is ReviewState.EXPIRED:
            assert review.appealed_at is None
            assert before.state in (ReviewState.WAITING, ReviewState.SENT_BACK)
        if name.startswith("undo"):
            assert name == f"undo {before.decided_by}"
        if name.startswith("send_back"):
            assert name != f"send_back {before.decided_by}"


@pytest.mark.parametrize("end", sorted(FINAL))
@given(act=acts())
def test_nothing_leads_out_of_an_end(end: ReviewState, act: tuple[str, Act]) -> None:
    ended = {
        ReviewState.UPHELD: opened().decide("not_same_person", "staff_a", NOW).confirm("staff_b", NOW),
        ReviewState.OVERTURNED: opened().decide("same_person", "staff_a", NOW).confirm("staff_b", NOW),
        ReviewState.EXPIRED: opened().expire(NOW + timedelta(days=31)),
    }[end]
    assert ended.state is end
    with pytest.raises(InvalidInput) as refused:
        act[1](ended)
    assert refused.value.reason == "review_final"


def test_one_person_never_stands_for_two() -> None:
    decided = opened().decide("same_person", "staff_a", NOW)
    steps: list[Act] = [lambda r: r.confirm("staff_a", NOW), lambda r: r.send_back("look_again", "staff_a")]
    for act in steps:
        with pytest.raises(NotPermitted) as refused:
            act(decided)
        assert refused.value.reason == "second_person_required"
    with pytest.raises(NotPermitted) as refused:
        decided.undo("staff_b")
    assert refused.value.reason == "review_not_yours"


def test_a_decision_is_taken_back_until_the_second_person_confirmed() -> None:
    decided = opened().decide("same_person", "staff_a", NOW)
    again = decided.undo("staff_a")
    assert (again.state, again.decided_by, again.reason) == (ReviewState.WAITING, None, None)
    with pytest.raises(InvalidInput) as refused:
        decided.confirm("staff_b", NOW).undo("staff_a")
    assert refused.value.reason == "review_final"


def test_what_was_sent_back_is_decided_anew_by_anybody() -> None:
    back = opened().decide("same_person", "staff_a", NOW).send_back("look_again", "staff_b")
    assert back.state is ReviewState.SENT_BACK
    ended = back.decide("not_same_person", "staff_b", NOW).confirm("staff_a", NOW)
    assert ended.state is ReviewState.UPHELD


@pytest.mark.parametrize("by", ["staff_a", "staff_b"])
def test_who_decided_or_confirmed_before_does_not_decide_the_appeal_first(by: str) -> None:
    first = opened().decide("not_same_person", "staff_a", NOW).confirm("staff_b", NOW)
    second = opened(CheckState.OTHER_PERSON, first, id="rev_2")
    assert (second.round, second.not_by, second.nor_by) == (2, "staff_a", "staff_b")
    assert not second.may_decide(by)
    with pytest.raises(NotPermitted) as refused:
        second.decide("same_person", by, NOW)
    assert refused.value.reason == "fresh_reviewer_required"
    assert second.may_decide("staff_c")
    assert second.decide("same_person", "staff_c", NOW).confirm(by, NOW).is_final


@pytest.mark.parametrize(
    ("end", "may"),
    [
        (lambda r: r.decide("cannot_tell", "staff_a", NOW).confirm("staff_b", NOW), False),
        (lambda r: r.decide("same_person", "staff_a", NOW).confirm("staff_b", NOW), False),
        (lambda r: r.expire(NOW + timedelta(days=31)), True),
    ],
)
def test_staff_open_anew_only_what_nobody_decided(end: Act, may: bool) -> None:
    before = end(opened())

    def anew() -> Review:
        return open_review(
            "rev_2", LEARNER, RUN, CHECK, before.outcome,
            origin=Origin.STAFF, at=NOW, rules=RULES, by="staff_a", before=[before],
        )  # fmt: skip

    if may:
        assert anew().may_decide("staff_a")
        return
    with pytest.raises(InvalidInput) as refused:
        anew()
    assert refused.value.reason == "review_final"


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda r: r.decide("because", "staff_a", NOW), "review_reason_unknown"),
        (lambda r: r.confirm("staff_b", NOW), "review_not_decided"),
        (lambda r: r.undo("staff_a"), "review_not_decided"),
        (lambda r: r.send_back("look_again", "staff_a"), "review_not_decided"),
        (lambda r: r.send_back("王师傅说的", "staff_a"), "review_reason_unknown"),
        (lambda r: r.appeal("我叫王五", NOW, RULES), "appeal_reason_unknown"),
        (lambda r: r.appeal("it_was_me", NOW, RULES).appeal("it_was_me", NOW, RULES), "appeal_made_before"),
        (lambda r: r.expire(NOW + timedelta(days=30)), "review_not_due"),
        (
            lambda r: r.appeal("it_was_me", NOW, RULES).expire(NOW + timedelta(days=400)),
            "review_not_due",
        ),
        (
            lambda r: r.decide("same_person", "staff_a", NOW).decide("same_person", "staff_b", NOW),
            "review_decided",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(act: Act, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        act(opened())
    assert refused.value.reason == reason


@pytest.mark.parametrize("outcome", [CheckState.OPEN, CheckState.PASSED])
def test_only_a_check_that_was_not_passed_is_reviewed(outcome: CheckState) -> None:
    with pytest.raises(InvalidInput) as refused:
        opened(outcome)
    assert refused.value.reason == "review_check_not_failed"


def test_one_open_case_for_a_check() -> None:
    with pytest.raises(InvalidInput) as refused:
        opened(CheckState.UNSURE, opened())
    assert refused.value.reason == "review_open_already"


@given(st.integers(0, 60))
def test_an_appeal_is_in_time_up_to_its_last_legal_day(days: int) -> None:
    ended = date(2026, 11, 24)
    against = against_appeal(CheckState.UNSURE, ended, (), ended + timedelta(days=days), RULES)
    assert against == (None if days <= RULES.appeal_days else "appeal_too_late")


def test_what_people_decided_gives_the_learner_the_days_anew() -> None:
    ended = date(2026, 11, 24)
    upheld = opened().decide("not_same_person", "staff_a", NOW).confirm("staff_b", NOW + timedelta(days=20))
    until = appeal_until(ended, [upheld], RULES)
    assert until == date(2026, 12, 29)
    for today, against in ((until, None), (until + timedelta(days=1), "appeal_too_late")):
        assert against_appeal(CheckState.OTHER_PERSON, ended, [upheld], today, RULES) == against


def test_one_appeal_for_a_check_and_none_against_what_was_granted() -> None:
    ended = date(2026, 11, 24)
    granted = opened().decide("same_person", "staff_a", NOW).confirm("staff_b", NOW)
    heard = (
        opened().appeal("it_was_me", NOW, RULES).decide("cannot_tell", "staff_a", NOW).confirm("staff_b", NOW)
    )
    for case, against in ((granted, "appeal_granted_before"), (heard, "appeal_made_before")):
        assert against_appeal(CheckState.OTHER_PERSON, ended, [case], ended, RULES) == against


def test_an_appeal_makes_a_case_due_anew() -> None:
    review = opened()
    assert review.decide_by == date(2026, 11, 29)
    assert not review.is_overdue(date(2026, 11, 29))
    assert review.is_overdue(date(2026, 11, 30))
    later = review.appeal("device_fault", NOW + timedelta(days=10), RULES)
    assert later.decide_by == date(2026, 12, 9)


@pytest.mark.parametrize(
    ("outcomes", "failures"),
    [
        ([], 0),
        ([CheckState.PASSED], 0),
        ([CheckState.MISSED, CheckState.PASSED], 0),
        ([CheckState.PASSED, CheckState.MISSED, CheckState.UNSURE], 2),
        ([CheckState.TOO_POOR, CheckState.OPEN], 1),
    ],
)
def test_failures_are_counted_since_the_last_pass(outcomes: list[CheckState], failures: int) -> None:
    assert failures_in_a_row(outcomes) == failures


@pytest.mark.parametrize(
    ("outcome", "failures", "ways"),
    [
        (CheckState.TOO_POOR, 1, {WayOut.RETRY, WayOut.MAKE_UP}),
        (CheckState.TOO_POOR, 2, {WayOut.RETRY, WayOut.OTHER_DEVICE, WayOut.MAKE_UP}),
        (CheckState.NO_FACE, 3, set(WayOut)),
        (CheckState.UNSURE, 3, set(WayOut)),
        (CheckState.OTHER_PERSON, 1, {WayOut.RETRY, WayOut.STAFF, WayOut.APPEAL, WayOut.MAKE_UP}),
        (CheckState.SUSPECTED_SPOOF, 1, set(WayOut)),
    ],
)
def test_everybody_has_a_way_out(outcome: CheckState, failures: int, ways: set[WayOut]) -> None:
    found = ways_out(outcome, failures, RULES)
    assert set(found) == ways
    assert len(found) == len(ways)


@given(
    st.sampled_from([s for s in CheckState if s not in (CheckState.OPEN, CheckState.PASSED)]),
    st.integers(1, 9),
)
def test_a_way_out_says_where_and_until_when(outcome: CheckState, failures: int) -> None:
    ways = ways_out(outcome, failures, RULES)
    words = ways_words(
        ways, where="示例培训中心", closes_on=date(2026, 12, 31), appeal_until=date(2026, 12, 9)
    )
    assert len(words) == len(ways)
    told = dict(zip(ways, words, strict=True))
    assert "12 月 31 日" in told[WayOut.MAKE_UP]
    assert "示例培训中心" in told.get(WayOut.STAFF, "示例培训中心")
    assert "12 月 9 日" in told.get(WayOut.APPEAL, "12 月 9 日")
