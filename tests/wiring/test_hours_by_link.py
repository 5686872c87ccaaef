"""Hours into the column of a link: for platforms that drop the columns of chosen items, as Open edX does."""

from typing import Any

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.registry.link_model import HOURS_TAG
from lti.ags import LINE_ITEM_READ_SCOPE, SCORE_SCOPE
from tests.web.furnished import ORG, PLATFORM, RUN
from tests.wiring.lms import SUB, Lms
from tests.wiring.test_gradebook_jobs import column, endpoint, posted, states, study_on

ENTRY = {"anxue_item": "entry", "anxue_class_run": RUN}
WITH_HOURS = {**ENTRY, "anxue_hours": "on"}
DECLARED: dict[str, Any] = {"lineitems": None, "scope": [SCORE_SCOPE, LINE_ITEM_READ_SCOPE]}
"""What differs where the platform makes the column and lets the tool make none."""


def enter(lms: Lms, custom: dict[str, str], ags: dict[str, Any], **said: Any) -> None:
    """Let somebody launch who has studied the whole online part, and everything come of it."""
    lms.launch(SUB, custom=custom, ags=ags, **said)
    lms.work()


def columns(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT state, resource_link_id FROM lms_line_item ORDER BY state")


def test_the_platforms_own_column_is_filled_where_the_link_says_so(studied: Lms) -> None:
    column(studied, tag=None)

    enter(studied, WITH_HOURS, endpoint(studied, **DECLARED))

    assert [one["scoreGiven"] for one in posted(studied)] == [2]
    assert columns(studied) == [("hours", "link-1")]


@pytest.mark.parametrize(
    "custom",
    [ENTRY, {**WITH_HOURS, "anxue_item": "unit"}, {"anxue_hours": "on"}, {**ENTRY, "anxue_hours": "1"}],
)
def test_no_other_word_of_a_link_fills_a_column(studied: Lms, custom: dict[str, str]) -> None:
    column(studied, tag=None)

    enter(studied, custom, endpoint(studied))

    assert posted(studied) == []
    assert columns(studied) == [("other", "link-1")]


def test_a_column_is_made_for_the_link_once_where_there_is_none(studied: Lms) -> None:
    for _ in range(2):
        enter(studied, WITH_HOURS, endpoint(studied, None))
        studied.house.services_seen._seen.clear()

    (made,) = studied.services.line_items.values()
    assert (made["tag"], made["resourceLinkId"], made["scoreMaximum"]) == (HOURS_TAG, "link-1", 2)
    assert [one["scoreGiven"] for one in posted(studied)] == [2]
    # From now on the platform names it, which makes no second row of it.
    enter(studied, WITH_HOURS, endpoint(studied))
    assert columns(studied) == [("hours", "link-1")]


def test_each_links_column_is_made_where_that_link_keeps_its_columns(studied: Lms) -> None:
    elsewhere = f"{studied.services.origin}/elsewhere"
    studied.launch(SUB, custom=WITH_HOURS, ags=endpoint(studied, None))
    studied.launch(SUB, ags=endpoint(studied, None, lineitems=elsewhere, scope=[SCORE_SCOPE]), link="link-2")
    studied.work()

    assert studied.calls("/elsewhere") == 0
    assert [one["scoreGiven"] for one in posted(studied)] == [2]


def test_nothing_is_made_where_nothing_may_be(studied: Lms) -> None:
    enter(studied, WITH_HOURS, endpoint(studied, None, scope=[SCORE_SCOPE]))

    assert columns(studied) == []
    assert studied.services.line_items == {}


@pytest.mark.parametrize(("first", "then"), [(WITH_HOURS, {}), ({}, WITH_HOURS)])
def test_a_column_that_has_our_tag_as_well_is_filled_once(
    studied: Lms, first: dict[str, str], then: dict[str, str]
) -> None:
    column(studied)
    enter(studied, first, endpoint(studied), link="link-1")
    enter(studied, then, endpoint(studied), link="link-2")

    assert len(posted(studied)) == 1
    assert columns(studied) == [("hours", "link-1"), ("other", "link-2")]


def test_a_choice_that_the_link_takes_back_stops_the_hours(studied: Lms) -> None:
    column(studied, tag=None)
    enter(studied, WITH_HOURS, endpoint(studied))
    enter(studied, ENTRY, endpoint(studied))
    study_on(studied, studied.learner, 1)
    studied.work()

    assert len(posted(studied)) == 1
    assert ("off", "link-1") in columns(studied)
    # Chosen anew, it is filled anew.
    studied.house.services_seen._seen.clear()
    enter(studied, WITH_HOURS, endpoint(studied))
    assert ("hours", "link-1") in columns(studied)


def test_for_a_course_of_open_edx_no_column_of_no_link_is_made(studied: Lms) -> None:
    with (
        studied.house.uow.for_institution(ORG) as tx,
        pytest.raises(InvalidInput, match="深层链接") as refused,
    ):
        studied.house.at(tx).gradebook.switch_on(PLATFORM, "course-v1:AnXue+SAFE101+2026", by="staff_lin")

    assert refused.value.reason == "gradebook_not_offered"
    assert states(studied) == []
