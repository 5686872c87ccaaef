"""cmi5 over real HTTP: an AU's whole road, and an AU (or a learner with its token) that goes beyond it."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from uuid import uuid4

import pytest
import requests

from bridge.intake.cmi5.model import LaunchMode, Verb
from bridge.intake.cmi5.packages import Package
from bridge.intake.cmi5.sessions import FETCH_FOR, SESSION_FOR
from bridge.kernel.errors import BridgeError
from bridge.kernel.ids import LearnerRef
from bridge.wiring.cmi5 import Cmi5Desk
from tests.attacks.doors.cmi5_au import EXPERIENCED, SimulatedAu, import_course, launch
from tests.attacks.doors.server import ORG, RUN, BridgeServer, refused
from tests.attacks.doors.xapi_sender import sender
from tests.intake.cmi5.courses import COURSE, au, block, course

UNIT = "unit_electric"
_numbers = count(1)


def package(bridge: BridgeServer, *parts: str, **units: str) -> Package:
    """Import a course that no other test has."""
    content = course(*(parts or (au("1", moveOn="CompletedAndPassed", masteryScore="0.8"),)))
    own = f"{COURSE}/{next(_numbers)}/{bridge.house.engine.dialect.name}".encode()
    return import_course(bridge, content.replace(COURSE.encode(), own), **(units or {"au_0": UNIT}))


def begun(bridge: BridgeServer, *parts: str, mode: LaunchMode = LaunchMode.NORMAL) -> SimulatedAu:
    """Return an AU that has said "initialized"."""
    _person, learner = bridge.ready()
    return launch(bridge, package(bridge, *parts), learner, mode=mode).begin()


def test_an_au_goes_its_whole_road_and_what_it_says_is_a_claim_that_credits_nothing(
    bridge: BridgeServer,
) -> None:
    _person, learner = bridge.ready()
    brought = package(bridge, block("a", au("1", moveOn="CompletedAndPassed", masteryScore="0.8")))
    ledger = bridge.rows("ledger_entry")
    one = launch(bridge, brought, learner).begin()
    bridge.clock.advance(60)
    one.hold(one.state("PUT", {"page": 3}))
    assert one.state("GET").json() == {"page": 3}
    one.hold(one.say(EXPERIENCED, defined=False))
    one.hold(one.complete())
    one.hold(one.passes(0.8))
    one.hold(one.terminate())
    activity = one.parameter("activityId")
    assert one.kept()[:5] == [
        (word, activity) for word in ("launched", "initialized", "experienced", "completed", "passed")
    ]
    assert one.words()[5:] == ["satisfied", "satisfied", "terminated"]
    assert len({about for _verb, about in one.kept()}) == 3
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        claims = Cmi5Desk(bridge.house, tx).claims.of(learner, RUN)
    assert [(c.unit, c.profile, c.kind, dict(c.value)) for c in claims] == [
        (UNIT, "cmi5", "completed", {}),
        (UNIT, "cmi5", "passed", {"scaled": "0.8"}),
    ]
    bridge.drain()
    assert bridge.rows("ledger_entry") == ledger


def test_the_launch_names_nobody_and_another_course_hears_another_name(bridge: BridgeServer) -> None:
    person, learner = bridge.ready()
    first, second = (launch(bridge, package(bridge), learner) for _ in range(2))
    names = set()
    for one in (first, second):
        actor = json.loads(one.parameter("actor"))
        assert actor.keys() == {"objectType", "account"}
        assert actor["account"]["homePage"] == f"{bridge.origin}/xAPI/blind"
        names.add(actor["account"]["name"])
        assert learner not in one.url
        assert not any(canary in one.url for canary in person.canaries)
    assert len(names) == 2


def test_what_an_au_says_of_a_person_does_not_stay(bridge: BridgeServer) -> None:
    one = begun(bridge)
    made = one.statement(EXPERIENCED, defined=False, result={"response": "canary-001@mail.example"})
    made["context"]["extensions"]["https://a.example/mail"] = "canary-001@mail.example"
    made["actor"]["name"] = bridge.someone().name
    one.hold(one.send(made))
    one.hold(one.state("PUT", {"email": "canary-001@mail.example", "note": "19900070001"}))
    assert one.words()[-1] == "experienced"


def test_the_token_is_given_once(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    one = launch(bridge, package(bridge), learner)
    assert set(one.fetch()) == {"auth-token"}
    again = one.fetch()
    assert again["error-code"] == "1"
    assert set(again) == {"error-code", "error-text"}
    answer = requests.get(one.parameter("fetch"), timeout=30)
    assert answer.status_code == 405
    unknown = requests.post(f"{bridge.origin}/cmi5/fetch/nothing", timeout=30).json()
    assert unknown["error-code"] == "2"


def test_a_late_fetch_and_one_after_another_launch_give_no_token(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    brought = package(bridge)
    late = launch(bridge, brought, learner)
    bridge.clock.advance(int(FETCH_FOR.total_seconds()))
    assert late.fetch()["error-code"] == "1"
    replaced = launch(bridge, brought, learner)
    launch(bridge, brought, learner)
    assert replaced.fetch()["error-code"] == "1"


def test_a_token_ends_with_its_time(bridge: BridgeServer) -> None:
    one = begun(bridge)
    bridge.clock.advance(int(SESSION_FOR.total_seconds()))
    refused(one.complete(), 403, "session_over")
    refused(one.state("GET"), 403, "session_over")


def test_a_wrong_token_opens_nothing(bridge: BridgeServer) -> None:
    one = begun(bridge)
    session, _, _secret = base64.b64decode(one.token).decode().partition(":")
    with bridge.unchanged():
        for name, secret in ((session, "guessed"), (str(uuid4()), "guessed"), ("", "")):
            one.token = base64.b64encode(f"{name}:{secret}".encode()).decode()
            refused(one.complete(), 401, "token_wrong")
            refused(one.state("GET"), 401, "token_wrong")
        one.token = "?"
        refused(one.complete(), 401, "credential_missing")


def test_a_key_of_the_xapi_door_opens_no_session_and_a_token_opens_no_other_door(
    bridge: BridgeServer,
) -> None:
    one = begun(bridge)
    other = sender(bridge)
    own, one.token = one.token, base64.b64encode(f"{other.key}:{other.secret}".encode()).decode()
    refused(one.complete(), 401, "token_wrong")
    headers = {"Authorization": f"Basic {own}", "X-Experience-API-Version": "1.0.3"}
    answer = requests.get(f"{bridge.origin}/xAPI/statements", headers=headers, timeout=30)
    refused(answer, 401, "credential_wrong")


def test_nobody_speaks_for_another_session_registration_learner_or_activity(bridge: BridgeServer) -> None:
    one, other = begun(bridge), begun(bridge)
    with bridge.unchanged():
        foreign = other.statement(Verb.COMPLETED, result={"completion": True, "duration": "PT1M"})
        refused(one.send(foreign), 403, "cmi5_actor")
        foreign["actor"] = json.loads(one.parameter("actor"))
        refused(one.send(foreign), 403, "cmi5_registration")
        foreign["context"]["registration"] = one.parameter("registration")
        refused(one.send(foreign), 403, "cmi5_session")
        foreign["context"]["extensions"] = dict(one.launch_data["contextTemplate"]["extensions"])
        refused(one.send(foreign), 403, "cmi5_object")
    foreign["object"]["id"] = one.parameter("activityId")
    one.hold(one.send(foreign))


def test_nothing_comes_before_initialized_nor_after_terminated(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    one = launch(bridge, package(bridge), learner)
    one.fetch()
    one.launch_data = one.state("GET", stateId="LMS.LaunchData").json()
    refused(one.complete(), 403, "cmi5_not_initialized")
    refused(one.say(EXPERIENCED, defined=False), 403, "cmi5_not_initialized")
    refused(one.say(Verb.INITIALIZED), 403, "cmi5_preferences_unread")
    assert one.profile("GET").status_code == 404
    one.hold(one.say(Verb.INITIALIZED))
    one.hold(one.terminate())
    with bridge.unchanged():
        refused(one.complete(), 403, "session_over")
        refused(one.say(EXPERIENCED, defined=False), 403, "session_over")
        refused(one.state("PUT", {"page": 4}), 403, "session_over")
        refused(one.call("GET", "/statements"), 403, "session_over")


def test_what_was_sent_again_is_said_once_and_the_end_may_be_sent_again(bridge: BridgeServer) -> None:
    one = begun(bridge)
    done = one.statement(Verb.COMPLETED, result={"completion": True, "duration": "PT1M"})
    last = one.statement(Verb.TERMINATED, result={"duration": "PT1M"})
    for _ in range(2):
        one.hold(one.send(done))
    for _ in range(2):
        one.hold(one.send(last))
        one.hold(one.send(done, last))
    refused(one.send(done), 403, "session_over")
    assert one.words() == ["launched", "initialized", "completed", "terminated"]
    # An id that was used says nothing else.
    two = begun(bridge)
    first = two.statement(EXPERIENCED, defined=False)
    two.hold(two.send(first))
    assert two.send({**first, "verb": {"id": "https://a.example/verbs/other"}}).status_code == 409


def test_what_is_said_many_times_at_once_is_taken_once(bridge: BridgeServer) -> None:
    one = begun(bridge)
    result = {"completion": True, "duration": "PT1M"}
    statements = [one.statement(Verb.COMPLETED, result=result) for _ in range(8)]
    with ThreadPoolExecutor(len(statements)) as together:
        answers = list(together.map(one.send, statements))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 7
    assert one.words().count("completed") == 1


def test_a_batch_is_taken_whole_or_not_at_all(bridge: BridgeServer) -> None:
    one = begun(bridge)
    result = {"completion": True, "duration": "PT1M"}
    with bridge.unchanged():
        refused(
            one.send(
                one.statement(Verb.COMPLETED, result=result), one.statement(Verb.COMPLETED, result=result)
            ),
            403,
            "cmi5_repeated",
        )
    assert bridge.rows("cmi5_session", id=one.session)[0]["said"] == "initialized"


def test_a_score_that_does_not_reach_the_mastery_score_passes_nobody(bridge: BridgeServer) -> None:
    one = begun(bridge)
    with bridge.unchanged():
        refused(one.passes(0.7999), 403, "cmi5_mastery")
        refused(one.fails(0.8), 403, "cmi5_mastery")
        lowered = one.statement(
            Verb.PASSED, result={"success": True, "duration": "PT1M", "score": {"scaled": 0.5}}
        )
        lowered["context"]["extensions"]["https://w3id.org/xapi/cmi5/context/extensions/masteryscore"] = 0.4
        refused(one.send(lowered), 403, "cmi5_mastery_extension")
    one.hold(one.fails(0.1))
    refused(one.passes(), 403, "cmi5_passed_or_failed")


def test_an_au_writes_no_statement_of_the_lms_and_voids_none(bridge: BridgeServer) -> None:
    one = begun(bridge)
    with bridge.unchanged():
        for verb in (Verb.SATISFIED, Verb.WAIVED, Verb.LAUNCHED, Verb.ABANDONED):
            refused(one.say(verb), 403, "cmi5_verb_of_lms")
            refused(one.say(verb, defined=False), 403, "cmi5_verb_of_lms")
        voiding = one.statement("http://adlnet.gov/expapi/verbs/voided", defined=False)
        voiding["object"] = {"objectType": "StatementRef", "id": str(uuid4())}
        refused(one.send(voiding), 403, "cmi5_voiding")


def test_an_au_gives_each_statement_its_id(bridge: BridgeServer) -> None:
    one = begun(bridge)
    nameless = one.statement(EXPERIENCED, defined=False)
    del nameless["id"]
    with bridge.unchanged():
        refused(one.send(nameless), 403, "cmi5_id_missing")
    named = one.call("PUT", "/statements", nameless, statementId=str(uuid4()))
    assert named.status_code == 204


def test_the_next_launch_abandons_the_session_before(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    brought = package(bridge, au("1"), au("2"))
    first = launch(bridge, brought, learner).begin()
    bridge.clock.advance(90)
    first.hold(first.say(EXPERIENCED, defined=False))
    second = launch(bridge, brought, learner, au=1).begin()
    refused(first.complete(), 403, "session_over")
    second.hold(second.complete())
    rows = bridge.rows("xapi_statement", source="cmi5/course")
    said = [json.loads(row["payload"]) for row in rows]
    ended = [
        one
        for one in said
        if one["verb"]["id"] == Verb.ABANDONED
        and one["context"]["registration"] == first.parameter("registration")
    ]
    assert [one["result"] for one in ended] == [{"duration": "PT90S"}]
    assert ended[0]["object"]["id"] == first.parameter("activityId")
    assert first.session in json.dumps(ended[0]["context"])
    # An ended session is abandoned no more.
    second.hold(second.terminate())
    launch(bridge, brought, learner)
    assert second.words().count("abandoned") == 1


def test_completed_and_passed_hold_for_the_registration_over_all_sessions(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    brought = package(bridge)
    first = launch(bridge, brought, learner).begin()
    first.hold(first.complete())
    first.hold(first.terminate())
    second = launch(bridge, brought, learner).begin()
    assert second.parameter("registration") == first.parameter("registration")
    assert second.parameter("activityId") == first.parameter("activityId")
    refused(second.complete(), 403, "cmi5_repeated")
    second.hold(second.passes())
    second.hold(second.terminate())
    assert second.words().count("satisfied") == 1
    third = launch(bridge, brought, learner).begin()
    refused(third.fails(), 403, "cmi5_passed_or_failed")


def test_looking_around_records_no_result(bridge: BridgeServer) -> None:
    one = begun(bridge, mode=LaunchMode.REVIEW)
    assert one.launch_data["launchMode"] == "Review"
    for answer in (one.complete(), one.passes(), one.fails()):
        refused(answer, 403, "cmi5_mode")
    one.hold(one.terminate())


def test_what_asks_for_nothing_is_satisfied_at_registration(bridge: BridgeServer) -> None:
    one = begun(bridge, block("a", au("1")))
    assert one.words() == ["satisfied", "satisfied", "launched", "initialized"]


def test_staff_waive_an_au_once_and_that_satisfies(bridge: BridgeServer) -> None:
    one = begun(bridge, au("1", moveOn="Passed"))
    with bridge.house.uow.for_institution(ORG) as tx:
        desk = Cmi5Desk(bridge.house, tx)
        au_id = one.parameter("activityId").rpartition("/")[2]
        desk.registrations.waive(one.parameter("registration"), au_id, "Administrative", by="stf_1")
    assert one.words()[-2:] == ["waived", "satisfied"]
    rows = bridge.rows("xapi_statement", source="cmi5/course")
    waived, satisfied = [json.loads(row["payload"]) for row in sorted(rows, key=lambda row: row["seq"])][-2:]
    extension = "https://w3id.org/xapi/cmi5/result/extensions/reason"
    assert waived["result"] == {
        "success": True,
        "completion": True,
        "extensions": {extension: "Administrative"},
    }
    session = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
    sessions = {said["context"]["extensions"][session] for said in (waived, satisfied)}
    assert len(sessions) == 1
    assert one.session not in sessions


def test_a_learner_of_another_class_run_and_a_retired_package_launch_nothing(bridge: BridgeServer) -> None:
    _person, learner = bridge.ready()
    brought = package(bridge)
    with pytest.raises(BridgeError) as caught:
        launch(bridge, brought, LearnerRef("lrn_nobody"))
    assert caught.value.reason == "learner_unknown"
    with bridge.house.uow.for_institution(ORG) as tx:
        Cmi5Desk(bridge.house, tx).packages.retire(brought.id)
    with pytest.raises(BridgeError) as caught:
        launch(bridge, brought, learner)
    assert caught.value.reason == "package_retired"
