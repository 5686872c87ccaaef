"""Names, numbers and addresses in every field of every door: none of them is written anywhere, free text included."""

import json
from typing import Any

import requests

from bridge.intake.xapi.model import Scope
from bridge.wiring.intake_jobs import replay_one
from bridge.wiring.intake_replay import ReplayAsked, replay
from lti.claims import CONTEXT, DEPLOYMENT_ID, NOTICE, VERSION
from lti.notices import CONTEXT_COPY, ORIGIN_CONTEXTS
from tests.attacks.doors.agent import Agent, ask_session
from tests.attacks.doors.lms_batches import activity, batch, ping, scan, score_message, send, signal, told
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, REGISTRATION, BridgeServer, traces
from tests.attacks.doors.xapi_sender import new, sender
from tests.attacks.set_aside.test_quarantine import set_aside


def words(person: Person) -> str:
    """Return free text with all that may be kept of nobody."""
    return (
        f"请联系 {person.phone} 或 {person.email},微信:{person.wechat},身份证 {person.citizen_id},"
        f"手机 +86 {person.phone[:3]}-{person.phone[3:7]}-{person.phone[7:]}"
    )


def anything(person: Person) -> dict[str, Any]:
    """Return fields that no door asked for."""
    return {
        "email": person.email,
        "phone1": person.phone,
        "wechat": person.wechat,
        "fullname": person.name,
        "note": words(person),
        "citizen_id": person.citizen_id,
        "number": int(person.phone),
        person.email: person.phone,
        "nested": [{"mbox": person.email, "text": [words(person)]}],
        "token": "canary-0-secret",
    }


def test_webhooks_leave_nothing_behind(bridge: BridgeServer) -> None:
    known, _ref = bridge.ready()
    stranger = bridge.someone()
    bridge.account(stranger)
    for person in (known, stranger):
        more = anything(person)
        messages = [
            score_message(bridge, person, **more),
            activity(bridge, person, **more),
            activity(bridge, person, context_id=person.phone, resource_link_id=words(person)[:200]),
            signal(bridge, person, **more, actor_sub=person.email),
            scan(bridge, 0, **more),
            ping(bridge),
            told(bridge, "lms.of_tomorrow", {"sub": person.sub, "context_id": person.phone, **more}),
            told(bridge, f"lms.{person.phone}", more),
            {**told(bridge, "lms.ping", more), "v": 2, "batch": words(person)},
            {**score_message(bridge, person), "id": person.email},
            {**score_message(bridge, person), **more},
        ]
        answer = send(bridge, batch(bridge, *messages, remark=words(person)))
        assert answer.status_code == 200
    for one in set_aside(bridge):
        replay_one(bridge.house, ORG, one.id, by="staff_1")

    assert traces(bridge.everything_written()) == []


def test_learning_records_leave_nothing_behind(bridge: BridgeServer) -> None:
    person = bridge.someone()
    said = words(person)
    source = sender(bridge, Scope.WRITE, Scope.STATE, registration=REGISTRATION)
    extensions = {"https://x.example/e": anything(person), f"https://x.example/{person.phone}": 1}
    statements = [
        new(actor={"mbox": f"mailto:{person.email}", "name": person.name}),
        new(actor={"account": {"homePage": bridge.platform.issuer, "name": person.sub}}),
        new(object={"id": f"https://x.example/?email={person.email}", "definition": {"name": {"zh": said}}}),
        new(result={"response": said, "extensions": extensions}, context={"extensions": extensions}),
        new(
            context={
                "instructor": {"openid": f"https://id.example/{person.wechat}", "name": person.name},
                "team": {"objectType": "Group", "mbox": f"mailto:{person.email}", "name": said},
                "platform": said,
            }
        ),
    ]
    for statement in statements:
        answer = source.post(statement)
        assert traces([("answer", answer.content)]) == []
        assert answer.status_code in (200, 400), answer.text
    agent = json.dumps({"mbox": f"mailto:{person.email}"})
    place = {"activityId": "https://a.example/1", "agent": agent, "stateId": said[:100]}
    assert source.send("PUT", "/activities/state", anything(person), query=place).status_code == 204

    replay(bridge.house, ReplayAsked(ORG), lambda _done: None)
    assert traces(bridge.everything_written()) == []


def test_launches_notices_and_agents_leave_nothing_behind(bridge: BridgeServer) -> None:
    person = bridge.someone()
    bridge.launch(bridge.browser(), person)
    now = bridge.clock.seconds()
    notice = bridge.platform.sign(
        {
            "iss": bridge.platform.issuer,
            "aud": "anxue-demo",
            "iat": now,
            "exp": now + 600,
            "nonce": words(person),
            VERSION: "1.3.0",
            DEPLOYMENT_ID: "1",
            NOTICE: {"id": person.email, "timestamp": "2026-11-24T03:59:30Z", "type": CONTEXT_COPY},
            CONTEXT: {"id": person.phone, "title": f"{person.name} {words(person)}"},
            ORIGIN_CONTEXTS: ["demo-course-1", person.email],
            **anything(person),
        }
    )
    answer = bridge.post(f"/lti/notices/{REGISTRATION}", {"notices": [{"jwt": notice}]})
    assert answer.json()["accepted"] == 1, answer.text
    agent = Agent.ready(bridge)
    agent.beat(agent.event(**anything(agent.person)), **anything(agent.person))
    refused: list[requests.Response] = [
        agent.post({**agent.batch(), "nonce": words(agent.person)}),
        ask_session(bridge, agent.person, attempt=agent.person.phone, activity="test"),
        ask_session(bridge, agent.person, resource_link_id=words(agent.person)),
    ]
    assert [one.status_code < 500 for one in refused] == [True] * 3
    agent.statement()

    assert traces(bridge.everything_written()) == []
