"""One canary for every door of a running bridge: contact data goes in everywhere, and lies nowhere afterwards.

The doors are those of the application's own URL map. Each is told a telephone number, a WeChat account, a QQ number,
an e-mail address and a postal address of its own, in its address, query, headers, form and body; doors that take
content from machines are told them within content that they accept. Then database, evidence, queue, data folder, logs
and exports are searched as `./anxue privacy scan` does it. A new door must be named here, or the test fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Rule

from bridge.db.base import Base
from bridge.intake.cmi5.model import Verb
from bridge.intake.xapi.model import Scope
from bridge.privacy.needles import read_needles
from bridge.privacy.scan import Searched, search
from bridge.wiring.learning import canvas_sources
from bridge.wiring.xapi import credentials
from tests.attacks.doors import lms_batches, test_webhook
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.canaries import ADDRESS, EMAIL, PHONE, QQ, WECHAT, Canary, forms_of, path_of, wild
from tests.attacks.doors.cmi5_au import launch as launch_au
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, REGISTRATION, RUN, BridgeServer, bridge_server
from tests.attacks.doors.test_cmi5 import package
from tests.attacks.doors.test_forms import Visitor, as_learner, as_staff
from tests.attacks.doors.xapi_sender import new, place, sender
from tests.identity.made_lists import HEADING, csv_of, row_of
from tests.intake.learning_vectors import ACCOUNT, HOST, vectors
from tests.web.learning_doors import instructure
from tests.web.learning_doors import token as bearer_of

WRITING = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeServer]:
    """A bridge of its own: its forms are filled in, whatever they do."""
    with bridge_server(tmp_path_factory.mktemp("canary"), "") as server:
        yield server


class Tour:
    """Goes through the doors and remembers what it said where."""

    def __init__(self, bridge: BridgeServer) -> None:
        self.bridge = bridge
        self.said: list[Canary] = []
        self.answers: list[str] = []
        # A platform with a plugin is heard once it counted its contact data.
        assert lms_batches.statuses(lms_batches.deliver(bridge, lms_batches.scan(bridge, 0))) == ["accepted"]
        bridge.drain()
        self.person, self.learner = bridge.registered()
        self.agent = Agent(bridge, self.person, self.learner)
        self.staff = as_staff(bridge, "staff-lin")
        self.visitor = as_learner(bridge, self.person)
        self.known = {
            "class_run": RUN,
            "learner": self.learner,
            "unit": "unit_electric",
            "registration": REGISTRATION,
            "registration_id": REGISTRATION,
        }

    def canary(self, door: str) -> Canary:
        made = Canary.of(door)
        self.said.append(made)
        return made

    def knock(self, rule: Rule, method: str, who: Visitor) -> None:
        """Send a canary in everything that a request has."""
        canary = self.canary(f"{method} {rule.endpoint}")
        path = path_of(rule, self.known, canary.phone)
        headers = {
            "User-Agent": f"Mozilla/5.0 {canary.email}",
            "Referer": f"https://lms.example/?mail={canary.email}&tel={canary.phone}",
            "X-Forwarded-For": canary.phone,
            "Accept-Language": canary.wechat,
            "X-CSRFToken": who.token,
        }
        query = {"q": canary.text, "email": canary.email, "tel": canary.phone, "qq": canary.qq}
        form: dict[str, Any] = {
            "csrf_token": who.token,
            **canary.fields,
            "name": canary.text,
            "reason": canary.text,
        }
        as_json = {"Content-Type": "application/json"}
        sent: tuple[tuple[dict[str, Any] | bytes, dict[str, str]], ...] = (
            (form, {}),
            (wild(canary), as_json),
        )
        for body, more in sent:
            answer = who.browser.request(
                method,
                self.bridge.origin + path,
                params=query,
                data=body,
                headers={**headers, **more},
                allow_redirects=False,
                timeout=30,
            )
            assert answer.status_code != 500, (method, rule.rule)
            if method not in WRITING:
                break

    def fill_in(self, rule: Rule, who: Visitor) -> set[str]:
        """Fill in each form of a page with a canary in every text, and then as it should be; return where it went."""
        path = path_of(rule, self.known, "none")
        reached: set[str] = set()
        page = who.browser.get(self.bridge.origin + path, headers=_HTML, timeout=30)
        if page.status_code != 200 or "text/html" not in page.headers["Content-Type"]:
            return reached
        adapter = self.bridge.app.url_map.bind("127.0.0.1")
        for form in forms_of(page.text):
            action = (form.action or path).partition("?")[0]
            if not form.typed or not adapter.test(action, method="POST"):
                continue
            endpoint, _ = adapter.match(action, method="POST")
            canary = self.canary(f"form {endpoint}")
            typed = {name: form.fields.get(name) or canary.text for name in form.typed}
            who.post(action, {**form.fields, **typed})
            reached.add(endpoint)
        return reached


def _launch(tour: Tour) -> None:
    canary, person = tour.canary("lti.launch"), tour.bridge.someone()
    claims = {
        "email": canary.email,
        "phone_number": canary.phone,
        "address": {"formatted": canary.address},
        "https://purl.imsglobal.org/spec/lti/claim/custom": {**canary.fields, "anything": canary.text},
        "https://purl.imsglobal.org/spec/lti/claim/ext": canary.fields,
        "https://purl.imsglobal.org/spec/lti/claim/context": {"id": "demo-course-1", "title": canary.text},
        "https://purl.imsglobal.org/spec/lti/claim/lis": {"person_sourcedid": canary.email},
        "https://purl.imsglobal.org/spec/lti/claim/resource_link": {
            "id": "entry",
            "title": canary.text,
            "description": canary.text,
        },
    }
    assert tour.bridge.launch(tour.bridge.browser(), person, **claims).status_code == 303


def _score(tour: Tour) -> None:
    canary = tour.canary("webhooks.receive")
    sent = test_webhook.message(tour.bridge, tour.person, **canary.fields, feedback=canary.text)
    answer = test_webhook.send(tour.bridge, json.dumps({**sent, **canary.fields}).encode())
    assert answer.status_code in (200, 202), answer.text


def _batch(tour: Tour) -> None:
    canary = tour.canary("webhooks.receive_batch")
    sent = [
        lms_batches.activity(tour.bridge, tour.person, **canary.fields, forum_post=canary.text),
        lms_batches.signal(tour.bridge, tour.person, **canary.fields, feedback=canary.text),
    ]
    assert lms_batches.statuses(lms_batches.deliver(tour.bridge, *sent)) == ["accepted"] * 2


def _open_session(tour: Tour) -> None:
    canary, (person, learner) = tour.canary("agent.open_session"), tour.bridge.registered()
    Agent(tour.bridge, person, learner, **canary.fields, name=canary.text)


def _beats(tour: Tour) -> None:
    canary = tour.canary("agent.take_batch")
    tour.agent.beat(tour.agent.event(**canary.fields), **canary.fields)


def _statements(tour: Tour) -> None:
    canary = tour.canary("xapi.statements")
    extensions = {f"https://x.example/{name}": value for name, value in canary.fields.items()}
    said = new(
        actor={"objectType": "Agent", "mbox": f"mailto:{canary.email}", "name": canary.text},
        result={"response": canary.text, "extensions": extensions},
        object={
            "id": "https://lms.example/forum/9",
            "definition": {
                "name": {"zh-CN": canary.text},
                "description": {"zh-CN": canary.text},
                "extensions": extensions,
            },
        },
        context={
            "instructor": {"mbox": f"mailto:{canary.email}", "objectType": "Agent"},
            "platform": canary.text,
            "extensions": extensions,
        },
    )
    assert sender(tour.bridge).post([said]).status_code == 200


def _documents(tour: Tour) -> None:
    one = sender(tour.bridge)
    canary = tour.canary("xapi.activities_state")
    agent = json.dumps({"mbox": f"mailto:{canary.email}", "name": canary.text})
    where = place(agent=agent)
    told = {"page": 3, **canary.fields}
    assert one.send("PUT", "/activities/state", told, query=where).status_code == 204
    canary = tour.canary("xapi.agents_profile")
    who = json.dumps({"mbox": f"mailto:{canary.email}"})
    query = {"agent": who, "profileId": "p"}
    assert (
        one.send("PUT", "/agents/profile", canary.fields, query=query, If_None_Match="*").status_code == 204
    )
    canary = tour.canary("xapi.activities_profile")
    query = {"activityId": "https://a.example/1", "profileId": "p"}
    put = one.send("PUT", "/activities/profile", canary.fields, query=query, If_None_Match="*")
    assert put.status_code == 204


def _caliper(tour: Tour) -> None:
    canary = tour.canary("caliper.receive")
    key = credentials(tour.bridge.house).add(ORG, "sensor-canary", (Scope.CALIPER,), by="test")
    case = vectors("caliper_events")[0]["event"]
    event = {**case, "extensions": canary.fields, "name": canary.text, "description": canary.text}
    said = {
        "sensor": "https://lms.example/sensor",
        "sendTime": "2026-11-24T03:00:01.000Z",
        "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p2",
        "data": [event],
        **canary.fields,
    }
    answer = tour.bridge.post("/caliper/v1", said, Authorization=f"Bearer {bearer_of(key)}")
    assert [one["status"] for one in answer.json()["results"]] == ["accepted"], answer.text


def _canvas(tour: Tour) -> None:
    canary = tour.canary("canvas.receive")
    with instructure() as keys:
        source = canvas_sources(tour.bridge.house).add(
            ORG, "canvas-canary", root_account_uuid=ACCOUNT, hostname=HOST, jwks_url=keys.url, by="test"
        )
        case = vectors("canvas_events")[0]["event"]
        event = {
            **case,
            "body": {**case["body"], **canary.fields},
            "metadata": {**case["metadata"], **canary.fields},
        }
        sent = keys.signed(event, keys.keys[1])
        answer = tour.bridge.post(f"/canvas/v1/{source.id}", sent, Content_Type="text/plain")
    assert [one["status"] for one in answer.json()["results"]] == ["accepted"], answer.text


def _cmi5(tour: Tour) -> None:
    canary = tour.canary("cmi5.xAPI_statements")
    _, learner = tour.bridge.registered()
    au = launch_au(tour.bridge, package(tour.bridge), learner).begin()
    extensions = {f"https://x.example/{name}": value for name, value in canary.fields.items()}
    au.hold(au.say("http://adlnet.gov/expapi/verbs/experienced", defined=False,
                   result={"response": canary.text, "extensions": extensions}))  # fmt: skip
    canary = tour.canary("cmi5.xAPI_activities_state")
    assert au.state("PUT", canary.fields).status_code == 204
    canary = tour.canary("cmi5.xAPI_agents_profile")
    au.profile("PUT", canary.fields)
    au.hold(au.say(Verb.TERMINATED, result={"duration": "PT1S"}))


def _list(tour: Tour) -> None:
    canary = tour.canary("enrolment.upload")
    heading = [*HEADING, "手机", "微信", "QQ", "邮箱", "住址", "备注"]
    row = [
        *row_of(Person(1)),
        canary.phone,
        canary.wechat,
        canary.qq,
        canary.email,
        canary.address,
        canary.text,
    ]
    page = f"/institution/class-runs/{RUN}/enrolment"
    answer = tour.staff.post(page, files={"list": ("list.csv", csv_of([heading, row]))})
    assert answer.status_code == 303, answer.text
    looked = tour.staff.browser.get(tour.bridge.origin + answer.headers["Location"], headers=_HTML)
    assert looked.status_code == 200
    tour.staff.post(f"{answer.headers['Location']}/confirm")
    tour.bridge.drain()


TAKEN: dict[str, Callable[[Tour], None]] = {
    "lti.launch": _launch,
    "webhooks.receive": _score,
    "webhooks.receive_batch": _batch,
    "agent.open_session": _open_session,
    "agent.take_batch": _beats,
    "xapi.statements": _statements,
    "xapi.activities_state": _documents,
    "xapi.agents_profile": _documents,
    "xapi.activities_profile": _documents,
    "caliper.receive": _caliper,
    "canvas.receive": _canvas,
    "cmi5.xAPI_statements": _cmi5,
    "cmi5.xAPI_activities_state": _cmi5,
    "cmi5.xAPI_agents_profile": _cmi5,
    "enrolment.upload": _list,
}
"""Doors that take content, each told its canary within content that it accepts."""

KNOCKED = frozenset((Path(__file__).parent / "doors_knocked.txt").read_text(encoding="utf-8").split())
"""All others that change anything: told a canary in all that a request has, and in every text of their forms.

A door that takes free text from a machine, or keeps what a person types in a shape of its own, belongs to `TAKEN`.
"""
_NOT_FILLED_IN = frozenset({"staff.sign_out"})


def writing(bridge: BridgeServer) -> set[str]:
    return {rule.endpoint for rule in bridge.app.url_map.iter_rules() if WRITING & (rule.methods or set())}


def test_every_door_that_changes_anything_is_told_a_canary(bridge: BridgeServer) -> None:
    """A new door stands in neither list: say here how it is told one (`TAKEN`), or add it to doors_knocked.txt."""
    assert writing(bridge) == set(TAKEN) | KNOCKED
    assert not set(TAKEN) & KNOCKED


def test_what_goes_in_through_all_doors_lies_nowhere_afterwards(bridge: BridgeServer, tmp_path: Path) -> None:
    tour = Tour(bridge)
    for go in dict.fromkeys(TAKEN.values()):
        go(tour)
    rules = sorted(bridge.app.url_map.iter_rules(), key=lambda rule: rule.rule)
    filled: set[str] = set()
    for rule in rules:
        if "GET" in (rule.methods or set()):
            filled |= tour.fill_in(rule, tour.staff) | tour.fill_in(rule, tour.visitor)
    nobody = Visitor(bridge, bridge.browser(), "")
    for rule in rules:
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for who in (nobody, tour.visitor, tour.staff):
                if rule.endpoint not in _NOT_FILLED_IN:
                    tour.knock(rule, method, who)
    bridge.house.sweep()
    bridge.drain()

    # The forms with texts that the tour must at least have reached: else it knocked at closed doors.
    assert {
        "cap_exception.enter",
        "institution.enter_offline_session",
        "person.propose",
        "card_check.new_place",
    } <= filled
    logs = tmp_path / "bridge.log"
    logs.write_text(bridge.log.getvalue(), encoding="utf-8")
    export = tmp_path / "export.json"
    export.write_text(_pages(tour), encoding="utf-8")
    found = search(bridge.house, read_needles([PHONE, QQ, EMAIL, WECHAT, ADDRESS]), [logs, export])
    assert {(hit.place, hit.line) for hit in found.hits} == set(), [
        one.door for one in tour.said if one.number in _numbers_in(bridge, found)
    ]
    assert found.not_searched == {}
    # The search does look: what is put there is found.
    logs.write_text(tour.said[-1].text, encoding="utf-8")
    assert len(search(bridge.house, read_needles([PHONE, QQ, EMAIL, WECHAT]), [logs]).hits) == 4


def _numbers_in(bridge: BridgeServer, found: Searched) -> set[int]:
    """Return the canaries' numbers in the rows that were hit: which doors told it."""
    wanted = {(hit.place.removeprefix("database: ").partition(".")[0], hit.row) for hit in found.hits}
    with bridge.house.engine.connect() as connection:
        rows = [
            repr(tuple(row))
            for table in {table for table, _ in wanted} & set(Base.metadata.tables)
            for row in connection.execute(Base.metadata.tables[table].select())
        ]
    said = re.compile(rf"(?:{EMAIL}|{WECHAT}|{ADDRESS})([0-9]{{4}})")
    return {int(number) for row in rows for number in said.findall(row)}


def _pages(tour: Tour) -> str:
    """Return what the bridge hands out of the learner: own data, hours, signals, the access log."""
    texts = []
    for who, path in (
        (tour.staff, f"/institution/class-runs/{RUN}"),
        (tour.staff, f"/institution/class-runs/{RUN}/learners/{tour.learner}/hours"),
        (tour.staff, "/institution/signals"),
        (tour.staff, "/institution/intake"),
        (tour.staff, "/institution/access-log"),
        (as_learner(tour.bridge, tour.person), "/learner"),
    ):
        answer = who.browser.get(tour.bridge.origin + path, headers=_HTML, timeout=30)
        assert answer.status_code == 200, (path, answer.status_code)
        texts.append(answer.text)
    return "\n".join(texts)
