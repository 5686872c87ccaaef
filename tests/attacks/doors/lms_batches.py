"""Batches as `local_anxue` signs and sends them, and a bridge of their own for those who attack the door."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import pytest
import requests

from bridge.kernel.time import rfc3339
from bridge.registry.lti_tables import LtiRegistrationRow
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import (
    ORG,
    REGISTRATION,
    WEBHOOK_SECRET,
    BridgeServer,
    bridge_server,
    traces,
)
from tests.attacks.doors.test_webhook import message

_numbers = count(1)
TAKEN = ("inbox_message", "inbox_chain", "event", "job")
"""Tables that a message may add to at the door."""
NOTED = (*TAKEN, "supervision_signal", "contact_scan", "lms_plugin")
"""Tables that what an LMS tells may add to in the end."""
KINDS = ("login_as", "grade_overridden", "pass_mark_lowered", "contact_data_found", "course_file_changed")


def uid() -> str:
    return f"00000000-0000-4000-8000-{next(_numbers):012d}"


def told(bridge: BridgeServer, type_: str, data: dict[str, Any], **changed: Any) -> dict[str, Any]:
    right = {"v": 1, "id": uid(), "type": type_, "occurred_at": rfc3339(bridge.clock.now()), "data": data}
    return {**right, **changed}


def activity(bridge: BridgeServer, person: Person, **changed: Any) -> dict[str, Any]:
    data = {
        "event": "mod_quiz\\event\\attempt_submitted",
        "sub": person.sub,
        "actor_sub": None,
        "context_id": "demo-course-1",
        "resource_link_id": "quiz-1",
        "attempt": "7",
    }
    return told(bridge, "lms.activity", {**data, **changed})


def signal(bridge: BridgeServer, person: Person, **changed: Any) -> dict[str, Any]:
    data = {
        "kind": "login_as",
        "sub": person.sub,
        "actor_sub": bridge.someone_again().sub,
        "context_id": "demo-course-1",
        "resource_link_id": "quiz-1",
        "before": "80",
        "after": "60",
    }
    return told(bridge, "lms.signal", {**data, **changed})


def score_message(bridge: BridgeServer, person: Person, **data: Any) -> dict[str, Any]:
    return {**message(bridge, person, **data), "id": uid()}


def scan(bridge: BridgeServer, with_contact: int, **changed: Any) -> dict[str, Any]:
    fields = {"email": with_contact, "phone1": 0, "phone2": 0, "address": 0, "custom": 0}
    data = {"context_id": "demo-course-1", "learners": 9, "with_contact": with_contact, "fields": fields}
    return told(bridge, "lms.contact_scan", {**data, **changed})


def ping(bridge: BridgeServer) -> dict[str, Any]:
    clock = rfc3339(bridge.clock.now())
    return told(bridge, "lms.ping", {"moodle": "4.5.5", "plugin": "2026112800", "clock": clock})


def batch(bridge: BridgeServer, *messages: Any, **changed: Any) -> bytes:
    right = {"v": 1, "batch": uid(), "sent_at": rfc3339(bridge.clock.now()), "messages": list(messages)}
    return json.dumps({**right, **changed}, ensure_ascii=False).encode()


def signed(
    bridge: BridgeServer, body: bytes, *, moved: int = 0, secret: bytes = WEBHOOK_SECRET
) -> dict[str, str]:
    stamp = str(bridge.clock.seconds() + moved)
    digest = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Anxue-Timestamp": stamp, "X-Anxue-Signature": f"v1={digest}"}


def send(bridge: BridgeServer, body: bytes, *, to: str = REGISTRATION, **headers: str) -> requests.Response:
    """Send the body, rightly signed unless `headers` say otherwise."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return bridge.post(f"/webhooks/v1/{to}/batches", body, **{**signed(bridge, body), **given})


def deliver(bridge: BridgeServer, *messages: Any) -> list[dict[str, Any]]:
    """Send a right batch; return the verdicts."""
    answer = send(bridge, batch(bridge, *messages))
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [one["id"] for one in results] == [m.get("id") if isinstance(m, dict) else None for m in messages]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [one["status"] for one in results]


@contextmanager
def clean_afterwards(bridge: BridgeServer) -> Iterator[None]:
    """Leave the class run open to the tests that come after."""
    yield
    bridge.clock.advance(1)
    assert statuses(deliver(bridge, scan(bridge, 0))) == ["accepted"]
    bridge.drain()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BridgeServer]:
    """A bridge of its own: once a plugin is heard, a class run wants counts of contact data to stay open."""
    with ExitStack() as until_end:
        url = ""
        if request.param == "postgresql":
            url = until_end.enter_context(request.getfixturevalue("postgres_cluster").fresh_database())
        server = until_end.enter_context(bridge_server(tmp_path_factory.mktemp("batches"), url))
        assert statuses(deliver(server, scan(server, 0))) == ["accepted"]
        server.drain()
        yield server
        assert traces(server.everything_written()) == []


@pytest.fixture(scope="module")
def learner(bridge: BridgeServer) -> Person:
    return bridge.ready()[0]


@contextmanager
def other_registration(bridge: BridgeServer) -> Iterator[tuple[str, bytes]]:
    """Give a platform of another institution, and its secret; it stays, disabled, when the block ends."""
    number = next(_numbers)
    registration, secret = f"reg_other_{number}", b"the secret of another institution, no. 2"
    with bridge.house.uow.for_institution(ORG) as tx:
        ours = tx.session.get_one(LtiRegistrationRow, REGISTRATION)
        values = {column.name: getattr(ours, column.name) for column in LtiRegistrationRow.__table__.columns}
    sealed = bridge.house.cipher.encrypt_text(secret.decode(), table="lti_registration", row_id=registration)
    values.update(
        id=registration,
        institution_id="org_other",
        client_id=f"other-{number}",
        webhook_secret_enc=sealed,
        old_secret_enc=None,
        old_secret_until=None,
    )
    with bridge.house.uow.across_institutions("test: another institution's platform") as tx:
        tx.session.add(LtiRegistrationRow(**values))
    try:
        yield registration, secret
    finally:
        with bridge.house.uow.across_institutions("test: gone again") as tx:
            tx.session.get_one(LtiRegistrationRow, registration).status = "disabled"
