"""Who may do what at the xAPI door: keys, secrets, scopes, sources, institutions."""

import hashlib
from datetime import timedelta

import pytest
import requests

from bridge.intake.xapi.model import Scope
from bridge.kernel.ids import InstitutionId
from tests.attacks.doors.server import BridgeServer, refused
from tests.attacks.doors.xapi_sender import COMPLETED, keys, new, place, sender
from tests.intake.xapi.statements import uid


@pytest.mark.parametrize(
    "given", [None, "Basic", "Basic !", "Basic Zm9v", "Bearer Zm9vOmJhcg==", "Basic Zm9vOmJhcg=="]
)
def test_who_shows_no_key_is_told_nothing(bridge: BridgeServer, given: str | None) -> None:
    headers = {"X-Experience-API-Version": "2.0.0"} | ({} if given is None else {"Authorization": given})
    with bridge.unchanged():
        answer = requests.get(f"{bridge.origin}/xAPI/statements", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json()["reason"] in ("credential_missing", "credential_wrong")


def test_a_wrong_secret_an_unknown_key_and_an_ended_one_are_told_apart_by_nobody(
    bridge: BridgeServer,
) -> None:
    right, ended = sender(bridge), sender(bridge)
    keys(bridge).revoke(ended.key, by="op")
    wrong = sender(bridge)
    wrong.secret = right.secret
    unknown = sender(bridge)
    unknown.key = "xk_" + "0" * 26
    told = [refused(one.post(new()), 401, "credential_wrong") for one in (wrong, unknown, ended)]
    assert told[0] == told[1] == told[2]
    assert right.post(new()).status_code == 200


def test_a_changed_secret_and_the_one_before_are_both_right_for_a_while(bridge: BridgeServer) -> None:
    one = sender(bridge)
    old = one.secret
    new_secret = keys(bridge).rotate(one.key, grace=timedelta(hours=1)).secret
    for one.secret in (old, new_secret):
        assert one.post(new()).status_code == 200
    third = keys(bridge).rotate(one.key, grace=timedelta(hours=1)).secret
    one.secret = old
    refused(one.post(new()), 401, "credential_wrong")
    bridge.clock.advance(3600)
    one.secret = new_secret
    refused(one.post(new()), 401, "credential_wrong")
    one.secret = third
    assert one.post(new()).status_code == 200
    keys(bridge).rotate(one.key, grace=timedelta(0))
    refused(one.post(new()), 401, "credential_wrong")


def test_no_secret_is_kept(bridge: BridgeServer) -> None:
    one = sender(bridge)
    rows = bridge.rows("xapi_credential", id=one.key)
    assert one.secret not in repr(rows)
    assert rows[0]["secret_sha256"] == hashlib.sha256(one.secret.encode()).hexdigest()


@pytest.mark.parametrize(
    ("method", "path", "query", "enough"),
    [
        ("POST", "/statements", {}, Scope.WRITE),
        ("PUT", "/statements", {"statementId": uid(1)}, Scope.WRITE),
        ("GET", "/statements", {}, Scope.READ_OWN),
        ("GET", "/activities", {"activityId": "https://a.example"}, Scope.READ),
        ("GET", "/agents", {"agent": '{"mbox":"mailto:a@lms.example"}'}, Scope.READ),
        ("GET", "/activities/state", {}, Scope.STATE),
        ("PUT", "/activities/state", {}, Scope.STATE),
        ("DELETE", "/activities/state", {}, Scope.STATE),
        ("GET", "/agents/profile", {}, Scope.PROFILE),
        ("POST", "/activities/profile", {}, Scope.PROFILE),
    ],
)
def test_a_key_does_no_more_than_its_scope_says(
    bridge: BridgeServer, method: str, path: str, query: dict[str, str], enough: Scope
) -> None:
    related = {Scope.READ, Scope.READ_OWN} if enough in (Scope.READ, Scope.READ_OWN) else {enough}
    lacking = sender(bridge, *(set(Scope) - related))
    with bridge.unchanged():
        refused(lacking.send(method, path, new(), query=query), 403, "scope_missing")
    having = sender(bridge, enough)
    assert having.send(method, path, new(), query=query).status_code != 403


def test_an_own_reader_sees_its_source_and_an_institution_s_reader_all_of_it(bridge: BridgeServer) -> None:
    first, second = sender(bridge), sender(bridge)
    same_source = sender(bridge, Scope.READ_OWN, source=first.source)
    whole = sender(bridge, Scope.READ)
    told = new()
    assert first.post(told).json() == [told["id"]]
    refused(second.one(told["id"]), 404, "statement_unknown")
    assert told["id"] not in second.find()
    for reader in (first, same_source, whole):
        assert reader.one(told["id"]).json()["id"] == told["id"]
        assert told["id"] in reader.find()


def test_another_institution_has_another_store(bridge: BridgeServer) -> None:
    first = sender(bridge)
    other = sender(bridge, *Scope, institution=InstitutionId("org_other"))
    told = new()
    first.post(told)
    refused(other.one(told["id"]), 404, "statement_unknown")
    assert other.find() == []
    # Nor does it stand in the other's way: ids are unique within a store alone.
    assert other.post({**told, "verb": {"id": "https://v.example/other"}}).json() == [told["id"]]
    assert first.one(told["id"]).json()["verb"]["id"] == COMPLETED
    # The same person is another reference there, so that nobody can join the two.
    mine, theirs = (reader.one(told["id"]).json()["actor"]["account"]["name"] for reader in (first, other))
    assert mine != theirs
    for reader in (first, other):
        reader.send("PUT", "/activities/state", {"page": 1}, query=place())
    first.send("DELETE", "/activities/state", query=place())
    assert other.send("GET", "/activities/state", query=place()).json() == {"page": 1}
