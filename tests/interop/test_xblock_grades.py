"""Grades to lti-consumer-xblock: both ways that Open edX offers, and what its gradebook then says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from lti.ags import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, GradeService, LineItem, Result
from lti.claims import AgsEndpoint
from lti.errors import ServiceFailed
from lti.registration import Registration
from lti.scores import ActivityProgress, Drop, GradingProgress, Score, Send, next_step
from tests.interop.record import Facts
from tests.interop.xblock import Xblock
from tests.interop.xblock_platform.course import (
    DECLARATIVE,
    LEARNER,
    PROGRAMMATIC,
    SECOND_LEARNER,
    Link,
    Person,
)

pytestmark = pytest.mark.e2e

_OURS = LineItem("第二单元测验", Fraction(100), resource_id="unit-2", resource_link_id=PROGRAMMATIC.location)


@pytest.fixture
def grades(xblock: Xblock) -> GradeService:
    return GradeService(xblock.tool.calls)


@pytest.fixture
def registration(xblock: Xblock) -> Registration:
    return xblock.registrations["course"]


def _endpoint(xblock: Xblock, link: Link) -> AgsEndpoint:
    endpoint = xblock.launched(LEARNER, link).claims.ags
    assert endpoint is not None
    return endpoint


def _line_item(xblock: Xblock) -> str:
    address = _endpoint(xblock, DECLARATIVE).lineitem
    assert address is not None
    return address


def _score(given: int, person: Person = LEARNER, *, seconds_ago: int = 5) -> Score:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return Score(person.external_id, Fraction(given), Fraction(100), at)


def test_declarative_a_score_becomes_the_platforms_grade(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    endpoint = _endpoint(xblock, DECLARATIVE)
    assert LINE_ITEM_READ_SCOPE in endpoint.scopes
    assert LINE_ITEM_SCOPE not in endpoint.scopes
    assert endpoint.lineitem is not None
    assert xblock.grade(LEARNER, DECLARATIVE) is None
    posted = grades.post_score(registration, endpoint.lineitem, _score(88))
    assert not posted.already_newer
    assert xblock.grade(LEARNER, DECLARATIVE) == pytest.approx(0.88)
    assert xblock.grade(SECOND_LEARNER, DECLARATIVE) is None
    facts.told("declarative: token, then score 88 of 100, FullyGraded", "grade 0.88 of 1 in the gradebook")


def test_a_newer_score_replaces_the_grade_and_an_older_one_counts_as_given(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    line_item, first = _line_item(xblock), _score(60, seconds_ago=20)
    grades.post_score(registration, line_item, first)
    assert not grades.post_score(registration, line_item, _score(90)).already_newer
    assert grades.post_score(registration, line_item, first).already_newer
    assert xblock.grade(LEARNER, DECLARATIVE) == pytest.approx(0.9)
    facts.told("score 60, a newer one of 90, the first once more", "grade 0.9; the repeat counts as given")


def test_the_same_score_twice_is_one_grade_and_no_failure(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    line_item, score = _line_item(xblock), _score(88)
    assert not grades.post_score(registration, line_item, score).already_newer
    assert grades.post_score(registration, line_item, score).already_newer
    assert [grade["published"] for grade in xblock.state("grades", DECLARATIVE)] == [1]
    facts.told("the same score twice", "second answered 400 for its timestamp, taken as given; one grade")


def test_an_interim_state_leaves_the_grade_and_our_own_order_never_sends_it(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    line_item, final = _line_item(xblock), _score(88)
    interim = replace(
        final,
        score_given=None,
        score_maximum=None,
        timestamp=final.timestamp + timedelta(seconds=1),
        activity_progress=ActivityProgress.IN_PROGRESS,
        grading_progress=GradingProgress.PENDING,
    )
    grades.post_score(registration, line_item, final)
    last = Send(final, final.timestamp)
    assert next_step(last, interim, datetime.now(UTC)) == Drop("would_erase")
    # What another tool, or an older one, would do all the same:
    grades.post_score(registration, line_item, interim)
    assert xblock.grade(LEARNER, DECLARATIVE) == pytest.approx(0.88)
    (page,) = grades.results(registration, line_item)
    assert page.results == ()
    facts.told("InProgress, Pending after a final 88", "our order: dropped (would_erase)")
    facts.told(
        "the same posted all the same", "gradebook keeps 0.88, but the results service forgets the score"
    )


def test_results_are_read_back_and_one_persons_alone(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    line_item = _line_item(xblock)
    grades.post_score(registration, line_item, _score(88))
    grades.post_score(registration, line_item, _score(73, SECOND_LEARNER))
    (page,) = grades.results(registration, line_item)
    expected = {Result(LEARNER.external_id, Fraction(88), Fraction(100))}
    expected.add(Result(SECOND_LEARNER.external_id, Fraction(73), Fraction(100)))
    assert set(page.results) == expected
    assert page.set_aside == ()
    # The package does not know the standard's filter: it answers with everybody.
    (page,) = grades.results(registration, line_item, user_id=SECOND_LEARNER.external_id)
    assert [result.user_id for result in page.results] == [SECOND_LEARNER.external_id]
    facts.told(
        "results of two learners, then with user_id", "both exact; the unknown filter is made good by us"
    )


def test_declarative_the_tool_may_not_make_line_items(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    endpoint = replace(_endpoint(xblock, DECLARATIVE), lineitem=None)
    with pytest.raises(ServiceFailed) as failed:
        grades.line_item_address(registration, endpoint, _OURS)
    assert failed.value.reason == "line_item_missing"
    facts.told("no lineitem in the launch, scope lineitem.readonly", "nothing sent: line_item_missing")


def test_programmatic_the_tool_makes_its_line_item_once_and_the_grade_arrives(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    endpoint = _endpoint(xblock, PROGRAMMATIC)
    assert endpoint.lineitem is None
    assert LINE_ITEM_SCOPE in endpoint.scopes
    address = grades.line_item_address(registration, endpoint, _OURS)
    assert grades.line_item_address(registration, endpoint, _OURS) == address
    assert [
        (item["label"], item["score_maximum"], item["resource_link"])
        for item in xblock.state("line_items", PROGRAMMATIC)
    ] == [(_OURS.label, 100, PROGRAMMATIC.location)]
    grades.post_score(registration, address, _score(88))
    assert xblock.grade(LEARNER, PROGRAMMATIC) == pytest.approx(8.8)
    # From now on the platform names it in the launch.
    assert _endpoint(xblock, PROGRAMMATIC).lineitem == address
    facts.told(
        "programmatic: line item of 100, asked for twice", "one made, found again, named in later launches"
    )
    facts.told("score 88 of 100", "grade 8.8 of 10 in the gradebook")


def test_programmatic_line_items_are_listed_read_and_changed(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    endpoint = _endpoint(xblock, PROGRAMMATIC)
    assert endpoint.lineitems is not None
    first = grades.create_line_item(registration, endpoint.lineitems, _OURS)
    second = grades.create_line_item(
        registration,
        endpoint.lineitems,
        replace(_OURS, label="补考", resource_id="unit-2-again", tag="again"),
    )
    listed = grades.line_items(registration, endpoint.lineitems, granted=endpoint.scopes)
    assert (listed.items, listed.set_aside) == ((first, second), ())
    tagged = grades.line_items(registration, endpoint.lineitems, tag="again", granted=endpoint.scopes)
    assert tagged.items == (second,)
    assert first.id is not None
    assert grades.line_item(registration, first.id, granted=endpoint.scopes) == first
    changed = grades.update_line_item(registration, replace(first, label="第二单元结业测验"))
    assert (changed.id, changed.label) == (first.id, "第二单元结业测验")
    facts.told("two line items made, listed, filtered by tag, read, one renamed", "each as sent")


def test_the_platform_keeps_its_line_items_and_says_so(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    endpoint = _endpoint(xblock, PROGRAMMATIC)
    address = grades.line_item_address(registration, endpoint, _OURS)
    with pytest.raises(ServiceFailed) as failed:
        grades.delete_line_item(registration, address)
    assert failed.value.reason == "line_item_refused"
    assert len(xblock.state("line_items", PROGRAMMATIC)) == 1
    facts.told("DELETE of our own line item", f"refused with {failed.value.status}: line_item_refused")


def test_a_score_for_nobody_in_the_course_is_a_failure_with_a_reason(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    with pytest.raises(ServiceFailed) as failed:
        grades.post_score(registration, _line_item(xblock), replace(_score(88), user_id="nobody"))
    assert xblock.state("grades", DECLARATIVE) == []
    facts.told("score for an unknown userId", f"{failed.value.status}: {failed.value.reason}, no grade")


def test_no_token_leaves_for_an_address_that_is_not_the_platforms(
    xblock: Xblock, grades: GradeService, registration: Registration, facts: Facts
) -> None:
    foreign = _line_item(xblock).replace("127.0.0.2", "127.0.0.3")
    with pytest.raises(ServiceFailed) as failed:
        grades.post_score(registration, foreign, _score(88))
    assert failed.value.reason == "service_host_foreign"
    facts.told("score for a line item on another host", "nothing sent: service_host_foreign")
