"""A SIMULATED assignable unit: it does over HTTP what a real AU does in the learner's browser, no more."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import requests

from bridge.intake.cmi5.model import CMI5, MASTERY_SCORE, MOVE_ON, LaunchMode, Verb
from bridge.intake.cmi5.packages import Package
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import rfc3339
from bridge.wiring.cmi5 import Cmi5Desk
from tests.attacks.doors.server import ORG, RUN, BridgeServer

Json = dict[str, Any]
EXPERIENCED = "http://adlnet.gov/expapi/verbs/experienced"


def import_course(bridge: BridgeServer, content: bytes, **units: str) -> Package:
    """Import a course for the class run's course; `units`: "au_0" → unit."""
    with bridge.house.uow.for_institution(ORG) as tx:
        course = bridge.house.at(tx).registry.class_run(RUN).course_id
        chosen = {name.removeprefix("au_"): unit for name, unit in units.items()}
        return Cmi5Desk(bridge.house, tx).import_package(
            BytesIO(content), "0" * 64, course, chosen, base=None, by="op"
        )


def launch(
    bridge: BridgeServer,
    package: Package,
    learner: LearnerRef,
    au: int = 0,
    mode: LaunchMode = LaunchMode.NORMAL,
) -> "SimulatedAu":
    """Launch an AU as the learner's page does."""
    with bridge.house.uow.for_institution(ORG) as tx:
        url = Cmi5Desk(bridge.house, tx).launch(package.aus[au][0], learner, RUN, mode)
    return SimulatedAu(bridge, url)


@dataclass
class SimulatedAu:
    """What was launched with `url`."""

    bridge: BridgeServer
    url: str
    token: str = ""
    launch_data: Json = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        return parse_qs(urlsplit(self.url).query)[name][0]

    def fetch(self) -> Json:
        """Ask for the token; the answer has status 200 whatever comes of it."""
        answer = requests.post(self.parameter("fetch"), timeout=30)
        assert answer.status_code == 200
        told: Json = answer.json()
        self.token = told.get("auth-token", self.token)
        return told

    def begin(self) -> "SimulatedAu":
        """Fetch, read the launch data and the learner's preferences, and say "initialized"."""
        assert "auth-token" in self.fetch()
        answer = self.state("GET", stateId="LMS.LaunchData")
        assert answer.status_code == 200, answer.text
        self.launch_data = answer.json()
        assert self.profile("GET").status_code in (200, 404)
        self.hold(self.say(Verb.INITIALIZED))
        return self

    def call(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        """Call the endpoint of the launch with the token."""
        headers = {
            "Authorization": f"Basic {self.token}",
            "X-Experience-API-Version": "1.0.3",
            "Content-Type": "application/json",
        }
        content = None if body is None else json.dumps(body).encode()
        url = self.parameter("endpoint") + path
        return requests.request(method, url, params=query, data=content, headers=headers, timeout=30)

    def state(self, method: str, body: Any = None, **changed: str) -> requests.Response:
        query = {
            "activityId": self.parameter("activityId"),
            "agent": self.parameter("actor"),
            "registration": self.parameter("registration"),
            "stateId": "bookmark",
            **changed,
        }
        return self.call(method, "/activities/state", body, **query)

    def profile(self, method: str, body: Any = None, **changed: str) -> requests.Response:
        query = {"agent": self.parameter("actor"), "profileId": "cmi5LearnerPreferences", **changed}
        return self.call(method, "/agents/profile", body, **query)

    def statement(self, verb: str, *, defined: bool = True, result: Json | None = None) -> Json:
        """Return a statement as the profile wants it, at the test's time."""
        context: Json = json.loads(json.dumps(self.launch_data["contextTemplate"]))
        context["registration"] = self.parameter("registration")
        moves_on = bool(result) and bool({"success", "completion"} & (result or {}).keys())
        categories = [CMI5] if defined else []
        categories += [MOVE_ON] if moves_on else []
        context["contextActivities"]["category"] = [{"id": one} for one in categories]
        if "success" in (result or {}) and "masteryScore" in self.launch_data:
            context["extensions"][MASTERY_SCORE] = self.launch_data["masteryScore"]
        made: Json = {
            "id": str(uuid4()),
            "timestamp": rfc3339(self.bridge.clock.now()),
            "actor": json.loads(self.parameter("actor")),
            "verb": {"id": verb},
            "object": {"objectType": "Activity", "id": self.parameter("activityId")},
            "context": context,
        }
        return made if result is None else {**made, "result": result}

    def send(self, *statements: Mapping[str, Any]) -> requests.Response:
        return self.call("POST", "/statements", list(statements))

    def say(self, verb: str, *, defined: bool = True, result: Json | None = None) -> requests.Response:
        return self.send(self.statement(verb, defined=defined, result=result))

    def complete(self) -> requests.Response:
        return self.say(Verb.COMPLETED, result={"completion": True, "duration": "PT1M"})

    def passes(self, scaled: float = 0.9) -> requests.Response:
        result = {"success": True, "duration": "PT1M", "score": {"scaled": scaled}}
        return self.say(Verb.PASSED, result=result)

    def fails(self, scaled: float = 0.1) -> requests.Response:
        result = {"success": False, "duration": "PT1M", "score": {"scaled": scaled}}
        return self.say(Verb.FAILED, result=result)

    def terminate(self) -> requests.Response:
        return self.say(Verb.TERMINATED, result={"duration": "PT1M"})

    def hold(self, answer: requests.Response) -> None:
        assert answer.status_code in (200, 204), answer.text

    def kept(self) -> list[tuple[str, str]]:
        """Return (verb's word, id of the object) of all statements of the registration, as the bridge keeps them."""
        rows = self.bridge.rows("xapi_statement", source="cmi5/course")
        found = sorted((row["seq"], json.loads(row["payload"])) for row in rows)
        return [
            (one["verb"]["id"].rpartition("/")[2], one["object"]["id"])
            for _seq, one in found
            if one["context"]["registration"] == self.parameter("registration")
        ]

    def words(self) -> list[str]:
        return [verb for verb, _about in self.kept()]

    @property
    def session(self) -> str:
        extensions: Json = self.launch_data["contextTemplate"]["extensions"]
        return str(extensions["https://w3id.org/xapi/cmi5/context/extensions/sessionid"])
