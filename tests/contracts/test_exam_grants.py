"""What every `ExamGrants` does: run on the Moodle adapter, before a stand-in of its web services, and on the fake."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.kernel.errors import Unavailable
from bridge.presence.gate.ports import ExamGrants
from lti.registration import NetworkPolicy
from plugins.lms.moodle_grants import MoodleGrants
from tests.contracts.moodle_stand_in import TOKEN, MoodleStandIn
from tests.contracts.remembered_grants import RememberedGrants
from tests.lti.served import served

UNTIL = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@dataclass
class Case:
    """An adapter, and where to look for what it did."""

    grants: ExamGrants
    there: Any


@pytest.fixture(params=["moodle", "fake"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "fake":
        fake = RememberedGrants()
        yield Case(fake, fake)
        return
    moodle = MoodleStandIn()
    with served(moodle) as origin:
        yield Case(MoodleGrants(f"{origin}/site", TOKEN, NetworkPolicy(demo=True)), moodle)


def grant(case: Case, grant_id: str = "grt_1", link: str = "cm-57") -> None:
    case.grants.grant(grant_id=grant_id, sub="42", resource_link_id=link, expires_at=UNTIL)


def test_a_grant_opens_the_test_for_one_person(case: Case) -> None:
    grant(case)

    assert case.there.open == {"grt_1": ("42", "cm-57", int(UNTIL.timestamp()))}


def test_a_grant_sent_again_changes_nothing(case: Case) -> None:
    grant(case)
    grant(case)

    assert len(case.there.open) == 1


def test_a_revoked_grant_is_closed_with_its_reason_and_twice_is_once(case: Case) -> None:
    grant(case)
    for _ in range(2):
        case.grants.revoke(grant_id="grt_1", reason="监考页面失去联系")

    assert case.there.open == {}
    assert case.there.revoked == {"grt_1": "监考页面失去联系"}


def test_a_grant_that_never_came_can_be_revoked_all_the_same(case: Case) -> None:
    case.grants.revoke(grant_id="grt_9", reason="考试已结束")

    assert "grt_9" in case.there.revoked


def test_a_link_that_names_no_test_is_refused_for_good(case: Case) -> None:
    with pytest.raises(Unavailable) as refused:
        grant(case, link="some-lti-link")

    assert refused.value.permanent
    assert case.there.open == {}


def test_the_page_of_a_test_is_told_where_it_can_be(case: Case) -> None:
    assert "57" in (case.grants.test_url("cm-57") or "")
    assert case.grants.test_url("some-lti-link") is None
