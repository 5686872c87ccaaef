"""Roster, line items and results of the demo LMS, read and written by the bridge's own library over real HTTP."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
import requests

from lti.ags import GradeService, LineItem
from lti.errors import ServiceFailed
from lti.http import GuardedHttp
from lti.keys import ToolKey, ToolKeyRing
from lti.nrps import MembershipStatus, RosterService
from lti.registration import Registration
from lti.scores import Score
from lti.services import ServiceCall, ServiceTokens
from tests.plugins.simulators.demo_lms_server import TOOL_KEY, DemoLmsServer, server
from tests.plugins.simulators.test_demo_lms_services import bearer, post_score, score

__all__ = ["server"]

ROSTER = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
LINE_ITEM = "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem"
RESULTS = "https://purl.imsglobal.org/spec/lti-ags/scope/result.readonly"
LINE_ITEM_TYPE = {"Content-Type": "application/vnd.ims.lis.v2.lineitem+json"}


def registration(server: DemoLmsServer) -> Registration:
    return Registration(
        id="reg",
        tenant="org",
        issuer=server.url,
        client_id="anxue-demo",
        auth_login_url=f"{server.url}/lti/auth",
        auth_token_url=f"{server.url}/lti/token",
        jwks_url=f"{server.url}/lti/jwks",
        deployment_ids=frozenset({"1"}),
        demo=True,
    )


def call(server: DemoLmsServer) -> ServiceCall:
    http = GuardedHttp()
    ring = ToolKeyRing([ToolKey("tool-1", TOOL_KEY.as_pem(private=True))])
    return ServiceCall(http, ServiceTokens(http, ring, server.clock), server.clock)


def change_roster(server: DemoLmsServer, sub: str, status: str) -> None:
    reply = requests.post(f"{server.url}/simulator/roster", json={"sub": sub, "status": status}, timeout=5)
    assert reply.status_code == 200


def test_the_roster_comes_in_pages_and_then_in_differences(server: DemoLmsServer) -> None:
    service, known = RosterService(call(server)), registration(server)

    whole = list(service.pages(known, f"{server.url}/lti/memberships", limit=2))
    assert [len(page.members) for page in whole] == [2, 2, 1]
    assert {page.context_id for page in whole} == {"demo-course-1"}
    assert sum(member.role.value == "learner" for page in whole for member in page.members) == 4
    offered = whole[-1].differences_url
    assert offered is not None

    assert [page.members for page in service.differences(known, offered)] == [()]
    change_roster(server, "lms-user-1002", "Deleted")
    change_roster(server, "lms-user-1003", "Inactive")
    (page,) = service.differences(known, offered)
    assert {member.user_id: member.status for member in page.members} == {
        "lms-user-1002": MembershipStatus.DELETED,
        "lms-user-1003": MembershipStatus.INACTIVE,
    }
    assert page.differences_url != offered
    left = [m.user_id for each in service.pages(known, f"{server.url}/lti/memberships") for m in each.members]
    assert "lms-user-1002" not in left
    assert len(left) == 4


def test_the_roster_is_filtered_by_role_and_link(server: DemoLmsServer) -> None:
    service, known = RosterService(call(server)), registration(server)
    url = f"{server.url}/lti/memberships"

    (teachers,) = service.pages(known, url, role="Instructor")
    (by_link,) = service.pages(known, url, resource_link_id="entry")

    assert [member.user_id for member in teachers.members] == ["lms-user-2001"]
    assert len(by_link.members) == 5
    with pytest.raises(ServiceFailed, match="roster_refused"):
        list(service.pages(known, url, resource_link_id="of-another-course"))


def test_the_roster_holds_canaries_and_needs_its_scope(server: DemoLmsServer) -> None:
    url = f"{server.url}/lti/memberships"
    right = requests.get(url, headers=bearer(server, ROSTER), timeout=5)
    wrong = requests.get(url, headers=bearer(server, jti="jti-2"), timeout=5)

    assert right.headers["Content-Type"] == "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
    assert all(member["email"].startswith("canary.") for member in right.json()["members"])
    assert wrong.status_code == 403
    assert requests.get(url, timeout=5).status_code == 401


def test_a_roster_address_that_was_made_up_is_refused(server: DemoLmsServer) -> None:
    headers = bearer(server, ROSTER)

    for query in ("since=0", "since=99", "since=x", "from=-1", "limit=x"):
        reply = requests.get(f"{server.url}/lti/memberships?{query}", headers=headers, timeout=5)
        assert reply.status_code == 400, query


def test_a_line_item_is_made_found_changed_and_dropped(server: DemoLmsServer) -> None:
    service, known = GradeService(call(server)), registration(server)
    url = f"{server.url}/lti/lineitems"

    made = service.create_line_item(
        known, url, LineItem("学时", Fraction(32), tag="hours", resource_id="run-1")
    )
    assert made.id is not None
    assert service.line_items(known, url, tag="hours").items == (made,)
    assert len(service.line_items(known, url, limit=1).items) == 3
    changed = LineItem("学时（新）", Fraction(40), id=made.id, tag="hours")
    assert service.update_line_item(known, changed).score_maximum == 40
    assert service.line_item(known, made.id).label == "学时（新）"

    service.post_score(known, made.id, Score("lms-user-1001", Fraction(10), Fraction(20), server.clock.now()))
    (page,) = service.results(known, made.id)
    assert [(result.user_id, result.score, result.maximum) for result in page.results] == [
        ("lms-user-1001", Fraction(20), Fraction(40))
    ]
    assert next(iter(service.results(known, made.id, user_id="lms-user-1002"))).results == ()

    service.delete_line_item(known, made.id)
    with pytest.raises(ServiceFailed) as gone:
        service.line_item(known, made.id)
    assert gone.value.status == 404


LINE_ITEMS: list[tuple[Any, int]] = [
    ({"label": "", "scoreMaximum": 1}, 400),
    ({"label": "x", "scoreMaximum": 0}, 400),
    ({"label": "x", "scoreMaximum": True}, 400),
    ({"label": "x", "scoreMaximum": "1"}, 400),
    ({"label": "x", "scoreMaximum": 1, "tag": 7}, 400),
    ({"label": "x", "scoreMaximum": 1, "resourceLinkId": "elsewhere"}, 400),
    ([], 400),
    ({"label": "x", "scoreMaximum": 1, "resourceLinkId": "entry"}, 201),
]


def test_line_items_are_looked_at_strictly(server: DemoLmsServer) -> None:
    headers = {**bearer(server, LINE_ITEM), **LINE_ITEM_TYPE}

    for document, status in LINE_ITEMS:
        reply = requests.post(f"{server.url}/lti/lineitems", json=document, headers=headers, timeout=5)
        assert reply.status_code == status, document


def test_the_platforms_own_line_item_is_not_the_tools_to_change(server: DemoLmsServer) -> None:
    url = f"{server.url}/lti/lineitems/training-hours"
    headers = {**bearer(server, LINE_ITEM), **LINE_ITEM_TYPE}

    assert (
        requests.delete(f"{server.url}/lti/lineitems/quiz-marks", headers=headers, timeout=5).status_code
        == 403
    )
    assert (
        requests.put(url, json={"label": "x", "scoreMaximum": 1}, headers=headers, timeout=5).status_code
        == 403
    )
    assert requests.delete(url, headers=headers, timeout=5).status_code == 403
    reading = bearer(server, f"{LINE_ITEM}.readonly", jti="jti-2")
    assert requests.delete(url, headers=reading, timeout=5).status_code == 403
    assert requests.get(url, headers=reading, timeout=5).json()["label"] == "安全培训学时"
    plain = requests.post(
        f"{server.url}/lti/lineitems", json={}, headers=bearer(server, LINE_ITEM, "j3"), timeout=5
    )
    assert plain.status_code == 415


def moodle(server: DemoLmsServer) -> None:
    assert requests.post(f"{server.url}/simulator/faults", json={"manners": "moodle"}, timeout=5).ok


def stands(server: DemoLmsServer) -> str | None:
    kept = server.desk.store.score("training-hours", "lms-user-1001")
    return None if kept is None else kept.given


def test_with_moodles_manners_one_second_holds_one_score(server: DemoLmsServer) -> None:
    headers = bearer(server)
    second = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

    def at(moment: datetime) -> int:
        return post_score(server, headers, score(timestamp=moment.isoformat())).status_code

    assert at(second + timedelta(milliseconds=100)) == 204
    assert at(second + timedelta(milliseconds=200)) == 204
    moodle(server)
    assert at(second + timedelta(seconds=1, milliseconds=100)) == 200
    assert at(second + timedelta(seconds=1, milliseconds=900)) == 409
    assert at(second + timedelta(seconds=2)) == 200


def test_with_moodles_manners_an_interim_score_erases_the_grade(server: DemoLmsServer) -> None:
    headers = bearer(server)
    moodle(server)
    assert post_score(server, headers, score()).ok
    assert stands(server) == "2"

    interim = score(timestamp="2026-11-23T16:05:00+08:00", gradingProgress="Pending")
    assert post_score(server, headers, interim).status_code == 200
    assert stands(server) is None


def test_with_moodles_manners_the_complaint_is_no_json(server: DemoLmsServer) -> None:
    headers = bearer(server)
    moodle(server)

    changes: list[dict[str, Any]] = [
        {"userId": "lms-user-2001"},
        {"userId": "nobody"},
        {"scoreMaximum": None},
    ]
    for changed in changes:
        reply = post_score(server, headers, score(**changed))
        assert reply.status_code == 400, changed
        assert reply.text == "Incorrect score received"


def test_results_need_their_scope(server: DemoLmsServer) -> None:
    url = f"{server.url}/lti/lineitems/training-hours/results"

    assert requests.get(url, headers=bearer(server), timeout=5).status_code == 403
    assert requests.get(url, headers=bearer(server, RESULTS, "j2"), timeout=5).json() == []


def test_the_quizs_column_shows_the_last_mark_of_each_who_handed_in(server: DemoLmsServer) -> None:
    service, known, store = GradeService(call(server)), registration(server), server.desk.store
    for number, (sub, mark) in enumerate(
        (("lms-user-1001", "40"), ("lms-user-1001", "80"), ("lms-user-1002", "20"))
    ):
        store.new_attempt(f"att-{number}", sub)
        store.start_attempt(f"att-{number}", "2026-11-23T08:00:00Z")
        if sub == "lms-user-1001":
            store.finish_attempt(f"att-{number}", f"2026-11-23T08:1{number}:00Z", {}, mark)

    (item,) = service.line_items(known, f"{server.url}/lti/lineitems", resource_link_id="quiz-1").items
    assert item.id is not None
    (page,) = service.results(known, item.id)
    assert [(one.user_id, one.score, one.maximum) for one in page.results] == [
        ("lms-user-1001", Fraction(80), Fraction(100))
    ]
