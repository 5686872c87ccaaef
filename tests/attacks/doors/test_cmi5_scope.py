"""How far an AU's token reaches: its own learner, registration and activity, and no document of the LMS."""

import base64
import json

import pytest
import requests

from bridge.intake.cmi5.structure import PackageFault
from bridge.kernel.errors import InvalidInput
from tests.attacks.doors.cmi5_au import EXPERIENCED, import_course, launch
from tests.attacks.doors.server import BridgeServer, refused
from tests.attacks.doors.test_cmi5 import begun, package
from tests.intake.cmi5.courses import au, course

GOOD = {"languagePreference": "zh-CN,en", "audioPreference": "on"}


def test_documents_of_another_learner_registration_or_activity_are_out_of_reach(bridge: BridgeServer) -> None:
    one, other = begun(bridge), begun(bridge)
    other.hold(other.state("PUT", {"page": 1}))
    with bridge.unchanged():
        for method in ("GET", "PUT", "POST", "DELETE"):
            body = {"page": 2} if method in ("PUT", "POST") else None
            refused(one.state(method, body, agent=other.parameter("actor")), 403, "actor_foreign")
            refused(
                one.state(method, body, activityId=other.parameter("activityId")), 403, "activity_foreign"
            )
            foreign = other.parameter("registration")
            refused(one.state(method, body, registration=foreign), 403, "registration_foreign")
            refused(one.profile(method, GOOD, agent=other.parameter("actor")), 403, "actor_foreign")
    assert other.state("GET").json() == {"page": 1}


def test_the_launch_data_is_read_and_never_written(bridge: BridgeServer) -> None:
    one = begun(bridge)
    with bridge.unchanged():
        for method, body in (
            ("PUT", {"launchMode": "Normal"}),
            ("POST", {"masteryScore": 0}),
            ("DELETE", None),
        ):
            refused(one.state(method, body, stateId="LMS.LaunchData"), 403, "launch_data_kept")
    one.hold(one.state("PUT", {"page": 1}))
    listed = one.call(
        "GET",
        "/activities/state",
        activityId=one.parameter("activityId"),
        agent=one.parameter("actor"),
        registration=one.parameter("registration"),
    )
    assert listed.json() == ["LMS.LaunchData", "bookmark"]
    assert one.state("GET", stateId="LMS.LaunchData").json() == one.launch_data


@pytest.mark.parametrize(
    "content",
    [
        {"languagePreference": "zh-CN"},
        {"audioPreference": "on"},
        {**GOOD, "languagePreference": ""},
        {**GOOD, "languagePreference": "not comma separated"},
        {**GOOD, "audioPreference": "loud"},
        {**GOOD, "email": "x"},
        ["zh-CN", "on"],
        "zh-CN",
    ],
)
def test_preferences_that_the_profile_does_not_know_are_refused(
    bridge: BridgeServer, content: object
) -> None:
    one = begun(bridge)
    with bridge.unchanged():
        refused(one.profile("POST", content), 403, "preferences_malformed")


def test_a_learners_preferences_are_kept_and_no_other_document_of_the_learner(bridge: BridgeServer) -> None:
    one = begun(bridge)
    one.hold(one.profile("POST", GOOD))
    assert one.profile("GET").json() == GOOD
    refused(one.profile("POST", GOOD, profileId="notes"), 403, "profile_foreign")
    refused(one.profile("DELETE"), 403, "profile_foreign")
    missing = one.call("GET", "/agents/profile", profileId="cmi5LearnerPreferences")
    refused(missing, 400, "parameter_missing")


def test_what_all_learners_read_no_learner_writes(bridge: BridgeServer) -> None:
    one = begun(bridge)
    query = {"activityId": one.parameter("activityId"), "profileId": "shared"}
    with bridge.unchanged():
        refused(one.call("POST", "/activities/profile", {"a": 1}, **query), 403, "profile_shared")
    assert one.call("GET", "/activities/profile", **query).status_code == 404
    foreign = {**query, "activityId": "https://a.example/1"}
    refused(one.call("GET", "/activities/profile", **foreign), 403, "activity_foreign")
    told = one.call("GET", "/activities", activityId=one.parameter("activityId")).json()
    assert told == {"objectType": "Activity", "id": one.parameter("activityId")}
    person = one.call("GET", "/agents", agent=one.parameter("actor")).json()
    assert person["account"] == [json.loads(one.parameter("actor"))["account"]]


def test_statements_of_another_registration_are_not_read_even_with_a_made_up_cursor(
    bridge: BridgeServer,
) -> None:
    one, other = begun(bridge), begun(bridge)
    secret = other.statement(EXPERIENCED, defined=False)
    other.hold(other.send(secret))
    own = one.call("GET", "/statements", ascending="true").json()
    assert [s["verb"]["id"].rpartition("/")[2] for s in own["statements"]] == one.words()
    assert (
        one.call("GET", "/statements", registration=other.parameter("registration")).json()["statements"]
        == []
    )
    refused(one.call("GET", "/statements", statementId=secret["id"]), 404, "statement_unknown")
    page = one.call("GET", "/statements", limit="1", ascending="true").json()
    more = page["more"].partition("cursor=")[2]
    following = one.call("GET", "/statements", cursor=more).json()
    assert following["statements"][0]["id"] == own["statements"][1]["id"]
    # A cursor holds the terms of its query; one without any finds no more than the registration's own.
    parts = json.loads(base64.urlsafe_b64decode(more + "=" * (-len(more) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps({**parts, "t": [], "l": 200}).encode()).decode().rstrip("=")
    found = one.call("GET", "/statements", cursor=forged).json()["statements"]
    assert {s["context"]["registration"] for s in found} == {one.parameter("registration")}


def test_an_au_on_any_origin_may_call_and_no_cookie_counts(bridge: BridgeServer) -> None:
    one = begun(bridge)
    asked = requests.options(
        one.parameter("endpoint") + "/statements",
        headers={"Origin": "https://content.example", "Access-Control-Request-Method": "POST"},
        timeout=30,
    )
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in asked.headers
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert one.call("GET", "/about").json() == {"version": ["2.0.0", "1.0.3"]}


def test_courseware_may_not_lie_on_the_bridges_own_origin(bridge: BridgeServer) -> None:
    with pytest.raises(PackageFault) as caught:
        import_course(bridge, course(au("1", url=f"{bridge.origin}/learner")))
    assert caught.value.reason == "au_own_origin"


def test_a_package_is_imported_once_for_a_course_and_its_units_exist(bridge: BridgeServer) -> None:
    content = course(au("own")).replace(b"/course/1", b"/course/once")
    import_course(bridge, content)
    for units, reason in (
        ({}, "package_known"),
        ({"au_0": "unit_nowhere"}, "unit_unknown"),
        ({"au_7": "unit_electric"}, "au_unknown"),
    ):
        with pytest.raises(InvalidInput) as caught:
            import_course(bridge, content, **units)
        assert caught.value.reason == reason
    two = course(au("a"), au("b")).replace(b"/course/1", b"/course/two")
    with pytest.raises(InvalidInput) as caught:
        import_course(bridge, two, au_0="unit_electric", au_1="unit_electric")
    assert caught.value.reason == "unit_twice"


def test_the_address_of_an_au_keeps_its_own_parameters(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    one = launch(bridge, package(bridge), learner)
    assert one.url.startswith("https://content.example/1/index.html?lang=zh&endpoint=")
    assert one.parameter("lang") == "zh"
