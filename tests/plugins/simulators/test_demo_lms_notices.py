"""Where the demo LMS sends notices: asked for by the bridge's own library, strictly looked at."""

from typing import Any

import pytest
import requests

from lti.claims import NotificationService
from lti.errors import ServiceFailed
from lti.notices import HELLO_WORLD, NoticeHandler, NoticeHandlers
from tests.plugins.simulators.demo_lms_server import BRIDGE, DemoLmsServer, server
from tests.plugins.simulators.test_demo_lms_roster_and_grades import call, registration
from tests.plugins.simulators.test_demo_lms_services import bearer

__all__ = ["server"]

SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
HERE = f"{BRIDGE}/lti/notices/reg"


def noted(server: DemoLmsServer, body: Any, jti: str = "j") -> requests.Response:
    return requests.put(
        f"{server.url}/lti/notice-handlers", json=body, headers=bearer(server, SCOPE, jti), timeout=5
    )


def test_a_handler_is_noted_read_back_and_taken_away(server: DemoLmsServer) -> None:
    handlers, known = NoticeHandlers(call(server)), registration(server)
    service = NotificationService(f"{server.url}/lti/notice-handlers", (SCOPE,), (HELLO_WORLD,), ("1.0",))

    handlers.put(known, service, NoticeHandler(HELLO_WORLD, HERE))
    assert NoticeHandler(HELLO_WORLD, HERE) in handlers.read(known, service)
    handlers.put(known, service, NoticeHandler(HELLO_WORLD, ""))
    assert NoticeHandler(HELLO_WORLD, "") in handlers.read(known, service)
    with pytest.raises(ServiceFailed, match="notice_handler_refused"):
        handlers.put(known, service, NoticeHandler(HELLO_WORLD, "https://another.example/notices"))


def test_a_handler_that_is_wrong_in_one_thing_is_not_noted(server: DemoLmsServer) -> None:
    right = {"notice_type": HELLO_WORLD, "handler": HERE, "max_batch_size": 10}
    wrong: list[Any] = [
        [],
        {**right, "notice_type": "LtiSomethingElse"},
        {**right, "handler": None},
        {**right, "handler": "http://127.0.0.1:10/lti/notices/reg"},
        {**right, "handler": "x" * 3000},
        {**right, "max_batch_size": 0},
        {**right, "max_batch_size": "10"},
    ]
    for number, body in enumerate(wrong):
        assert noted(server, body, f"j{number}").status_code == 400, body
    assert noted(server, right).status_code == 200
    url = f"{server.url}/lti/notice-handlers"
    assert requests.put(url, json=right, headers=bearer(server, jti="j-score"), timeout=5).status_code == 403


def test_notices_go_out_only_where_somebody_asked_for_them(server: DemoLmsServer) -> None:
    def send(**body: Any) -> requests.Response:
        return requests.post(f"{server.url}/simulator/notices", json=body, timeout=15)

    assert send().json()["reason"] == "handler_missing"
    noted(server, {"notice_type": HELLO_WORLD, "handler": HERE})
    assert send(number=2).json() == {"status": 0}  # nothing listens there
    for body in ({"type": "x"}, {"number": 0}, {"number": 101}, {"number": True}):
        assert send(**body).status_code == 400, body
