"""A simulator of a platform's services for tests, over real HTTP: token, line items, scores, results, roster.

It keeps grades as Moodle does (whole seconds, only FullyGraded makes a grade), checks every assertion
strictly, and answers with what it is told when `odd` is set.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from lti.ags import LINE_ITEM_TYPE, LINE_ITEMS_TYPE, RESULTS_TYPE, SCORE_TYPE
from lti.http import GuardedHttp
from lti.keys import ToolKey, ToolKeyRing
from lti.nrps import MEMBERSHIP_TYPE
from lti.registration import Registration
from lti.services import ServiceCall, ServiceTokens
from tests.lti.platform import Platform, StandingClock, public_jwk, rsa_key
from tests.lti.served import served

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@cache  # reading a private key takes its time
def tool_ring() -> ToolKeyRing:
    return ToolKeyRing([ToolKey("tool-1", rsa_key("tool").as_pem(private=True))])


def answer(
    document: Any, media_type: str = "application/json", status: int = 200, link: str | None = None
) -> Response:
    headers = {"Link": link} if link else {}
    return Response(json.dumps(document), status=status, content_type=media_type, headers=headers)


@dataclass
class ServicePlatform:
    """The platform and what it saw. `odd` answers instead, by path, when it returns something."""

    clock: StandingClock
    origin: str = ""
    asked: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    odd: Callable[[Request], Response | None] = lambda _: None
    granted: dict[str, str] = field(default_factory=dict)  # token → scopes
    jtis: set[str] = field(default_factory=set)
    line_items: dict[str, dict[str, Any]] = field(default_factory=dict)
    grades: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    members: list[Any] = field(default_factory=list)
    page_entries: int | None = None
    next_rel: str = '"next"'
    jwks: Any = field(default_factory=lambda: {"keys": [public_jwk(rsa_key("service"), "key-1")]})
    clock_ahead_seconds: int = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.bodies.append(request.get_data())
        self.asked.append(request)
        response = self.odd(request) or self._answer(request)
        response.headers["Date"] = http_date(self.clock.seconds() + self.clock_ahead_seconds)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/token":
            return self._token(request)
        if request.path == "/jwks":
            return answer(self.jwks)
        scopes = self.granted.get(request.headers.get("Authorization", "").removeprefix("Bearer "), "")
        path = request.path.strip("/").split("/")
        if not scopes:
            return Response(status=401)
        if path[0] == "roster":
            return self._paged(request, self.members, MEMBERSHIP_TYPE, "members", scopes, "contextmembership")
        if path == ["lineitems"] and request.method == "GET":
            return self._paged(request, self._filtered(request), LINE_ITEMS_TYPE, None, scopes, "lineitem")
        if path == ["lineitems"] and request.method == "POST":
            return self._make(request, scopes)
        if path[0] == "lineitems" and path[1] in self.line_items:
            return self._line_item(request, path, scopes)
        return Response("<h1>Not found</h1>", status=404)

    def _token(self, request: Request) -> Response:
        form = request.form
        assertion = jwt.decode(
            form["client_assertion"],
            RSAKey.import_key(tool_ring().jwks()["keys"][0]),
            algorithms=["RS256"],
        ).claims
        now = self.clock.seconds()
        right = (
            form["grant_type"] == "client_credentials"
            and form["client_assertion_type"] == ASSERTION_TYPE
            and assertion["iss"] == assertion["sub"] == "client-1"
            and assertion["aud"] == f"{self.origin}/token"
            and assertion["iat"] <= now < assertion["exp"] <= now + 300
            and assertion["jti"] not in self.jtis
        )
        if not right:
            return answer({"error": "invalid_client"}, status=400)
        self.jtis.add(assertion["jti"])
        token = f"token-{len(self.jtis)}"
        self.granted[token] = form["scope"]
        return answer(
            {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": form["scope"]}
        )

    def _filtered(self, request: Request) -> list[Any]:
        asked = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}
        return [
            item
            for item in self.line_items.values()
            if all(request.args.get(name) in (None, item.get(member)) for name, member in asked.items())
        ]

    def _paged(
        self,
        request: Request,
        entries: list[Any],
        media_type: str,
        member: str | None,
        scopes: str,
        need: str,
    ) -> Response:
        if need not in scopes:
            return Response(status=403)
        size = self.page_entries or int(request.args.get("limit", 0)) or len(entries) or 1
        start = int(request.args.get("from", 0))
        page = entries[start : start + size]
        document = {"id": request.url, "context": {"id": "course-1"}, member: page} if member else page
        link = None
        if start + size < len(entries):
            query = "&".join(
                [f"{name}={value}" for name, value in request.args.items() if name != "from"]
                + [f"from={start + size}"]
            )
            link = f"<{request.base_url}?{query}>; rel={self.next_rel}"
        return answer(document, media_type, link=link)

    def _make(self, request: Request, scopes: str) -> Response:
        if "scope/lineitem" not in scopes.replace("lineitem.readonly", ""):
            return Response(status=403)
        if request.headers["Content-Type"] != LINE_ITEM_TYPE:
            return Response(status=415)
        number = str(len(self.line_items) + 1)
        made = {**request.get_json(force=True), "id": f"{self.origin}/lineitems/{number}?type_id=7"}
        self.line_items[number] = made
        return answer(made, LINE_ITEM_TYPE, 201)

    def _line_item(self, request: Request, path: list[str], scopes: str) -> Response:
        item = self.line_items[path[1]]
        if path[2:] == ["scores"] and request.method == "POST":
            return self._score(request, path[1], scopes)
        if path[2:] == ["results"]:
            results = [
                {
                    "id": "x",
                    "userId": user,
                    "resultScore": grade,
                    "resultMaximum": 100,
                    "comment": "a@b.example",
                }
                for (number, user), (_, grade) in self.grades.items()
                if number == path[1]
            ]
            return self._paged(request, results, RESULTS_TYPE, None, scopes, "result.readonly")
        if request.method == "PUT":
            item.clear()
            item.update(request.get_json(force=True))
            return answer(item, LINE_ITEM_TYPE)
        if request.method == "DELETE":
            del self.line_items[path[1]]
            return Response(status=204)
        return answer(item, LINE_ITEM_TYPE)

    def _score(self, request: Request, number: str, scopes: str) -> Response:
        if "scope/score" not in scopes or request.headers["Content-Type"] != SCORE_TYPE:
            return Response(status=403)
        return Response(status=self.keep(number, request.get_json(force=True)))

    def keep(self, number: str, score: Mapping[str, Any]) -> int:
        """Keep a score as Moodle 4.5 does, and return the status."""
        place = (number, score["userId"])
        second = int(datetime.fromisoformat(score["timestamp"]).timestamp())
        if place in self.grades and second <= self.grades[place][0]:
            return 409
        final = score["gradingProgress"] == "FullyGraded"
        self.grades[place] = (second, score.get("scoreGiven") if final else None)
        return 200

    def registration(self, **changes: Any) -> Registration:
        platform = Platform(self.origin, "client-1", self.clock, "https://tool.example")
        return platform.registration(demo=True, **changes)

    def call(self, **limits: Any) -> ServiceCall:
        http = GuardedHttp(**limits)
        return ServiceCall(http, ServiceTokens(http, tool_ring(), self.clock), self.clock)

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


@contextmanager
def service_platform() -> Iterator[ServicePlatform]:
    """Give a platform that answers on loopback until the block ends."""
    platform = ServicePlatform(StandingClock())
    with served(platform) as origin:
        platform.origin = origin
        yield platform
