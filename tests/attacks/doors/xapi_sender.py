"""Somebody who sends learning records with a key of the bridge."""

import base64
import json
from collections.abc import Mapping
from itertools import count
from typing import Any
from urllib.parse import urlencode

import requests

from bridge.intake.xapi.credentials import Credentials, Issued
from bridge.intake.xapi.model import Scope
from bridge.wiring.xapi import credentials
from tests.attacks.doors.server import ORG, BridgeServer
from tests.intake.xapi.statements import Json, statement, uid

numbers = count(1000)
_sources = count(1)
CLAIMS = ("inbox_message", "inbox_chain", "xapi_statement", "xapi_term", "xapi_reference")
"""All that a statement may add to."""
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"


class Sender:
    """Somebody with a key."""

    def __init__(self, bridge: BridgeServer, issued: Issued) -> None:
        self.bridge = bridge
        self.key, self.secret = issued.credential.id, issued.secret
        self.source = issued.credential.source

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> requests.Response:
        pair = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        given = {
            "Authorization": f"Basic {pair}",
            "X-Experience-API-Version": "2.0.0",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        url = f"{self.bridge.origin}/xAPI{path}" + (f"?{urlencode(query)}" if query else "")
        return requests.request(method, url, data=content, headers=given, timeout=30)

    def post(self, body: Any, **headers: str) -> requests.Response:
        return self.send("POST", "/statements", body, query=None, **headers)

    def one(self, statement_id: str, **query: str) -> requests.Response:
        return self.send("GET", "/statements", query={"statementId": statement_id, **query})

    def find(self, **query: str) -> list[str]:
        answer = self.send("GET", "/statements", query=query)
        assert answer.status_code == 200, answer.text
        return [found["id"] for found in answer.json()["statements"]]


def keys(bridge: BridgeServer) -> Credentials:
    return credentials(bridge.house)


def sender(bridge: BridgeServer, *scopes: Scope, **more: Any) -> Sender:
    source = more.pop("source", f"lms-{next(_sources)}")
    institution = more.pop("institution", ORG)
    wanted = scopes or (Scope.WRITE, Scope.READ_OWN, Scope.STATE, Scope.PROFILE)
    return Sender(bridge, keys(bridge).add(institution, source, wanted, by="op", **more))


def new(**changed: Any) -> Json:
    return statement(id=uid(next(numbers)), **changed)


def place(**changed: str) -> dict[str, str]:
    agent = json.dumps({"mbox": "mailto:state@lms.example"})
    return {"activityId": "https://a.example/1", "agent": agent, "stateId": "s", **changed}
