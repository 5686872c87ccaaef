"""What the xAPI door keeps of what it is told, over HTTP, and that no second is credited."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bridge.intake.store import record_hash
from bridge.intake.xapi.credentials import Credentials
from bridge.intake.xapi.model import Scope, Store
from bridge.kernel.canonical import GENESIS
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import parse_rfc3339
from tests.attacks.doors.server import ORG, REGISTRATION, BridgeServer, refused, traces
from tests.attacks.doors.xapi_sender import CLAIMS, new, sender
from tests.intake.xapi.statements import Json, voiding


def about(person: Any) -> Json:
    """Return a statement that tells all of somebody that must not be kept."""
    return new(
        actor={"name": person.name, "mbox": f"mailto:{person.email}"},
        object={
            "id": f"https://lms.example/u/{person.phone}",
            "definition": {
                "name": {"zh": f"{person.phone} 的课件"},
                "description": {"zh": person.citizen_id},
            },
        },
        result={
            "response": f"我是{person.name}",
            "extensions": {
                "https://x.example/note": f"微信 {person.wechat} {person.email}",
                "https://x.example/real_name": person.name,
            },
        },
        context={
            "instructor": {"account": {"homePage": "https://lms.example", "name": person.citizen_id}},
            "platform": person.email,
        },
    )


def test_nothing_that_the_law_forbids_to_keep_is_kept(bridge: BridgeServer) -> None:
    person = bridge.someone()
    one = sender(bridge)
    told = about(person)
    with bridge.unchanged(*CLAIMS):
        # What was cleaned once is cleaned again when it comes again, in one request or in another.
        again = [{**told, "id": new()["id"]} for _ in range(3)]
        assert one.post(again[:2]).status_code == 200
        assert one.post([again[2], told]).status_code == 200
    kept = one.one(told["id"]).json()
    assert set(kept["actor"]) == {"account"}
    assert kept["actor"]["account"]["name"].startswith("blind_")
    assert [row for row in bridge.everything_written() if person.email.encode() in row[1]] == []
    all_of_them = {told["id"], *(same["id"] for same in again)}
    assert set(one.find(agent=json.dumps(told["actor"]))) == all_of_them
    assert set(one.find(agent=json.dumps(kept["actor"]))) == all_of_them
    assert set(one.find(activity=told["object"]["id"])) == all_of_them
    assert one.find(agent=json.dumps({"mbox": "mailto:somebody-else@lms.example"})) == []


def test_a_refusal_repeats_nothing_that_was_said(bridge: BridgeServer) -> None:
    person = bridge.someone()
    told = {**about(person), person.email: person.name}
    answer = sender(bridge).post([new(), told])
    assert answer.status_code == 400
    assert (answer.json()["reason"], answer.json()["pointer"]) == ("property_unknown", "/1/*")
    assert traces([("answer", answer.content), ("answer", answer.text.encode())]) == []


def test_accounts_of_the_sender_s_platform_have_the_platform_s_references(bridge: BridgeServer) -> None:
    person = bridge.someone()
    one = sender(bridge, registration=REGISTRATION)
    issuer = bridge.platform.issuer
    told = new(actor={"account": {"homePage": issuer, "name": person.sub}})
    foreign = new(actor={"account": {"homePage": "https://other.example", "name": person.sub}})
    one.post([told, foreign])
    with bridge.house.uow.for_institution(ORG) as tx:
        reference = bridge.house.at(tx).intake._lms.actor(REGISTRATION, person.sub)
    assert one.one(told["id"]).json()["actor"]["account"]["name"] == reference
    assert one.one(foreign["id"]).json()["actor"]["account"]["name"] != reference


def test_statements_are_chained_with_the_hash_of_what_came(bridge: BridgeServer) -> None:
    one = sender(bridge)
    told = [new(), new(actor={"mbox": f"mailto:{bridge.someone().email}"})]
    body = json.dumps(told).encode()
    one.post(body)
    row = bridge.rows("inbox_message", source=f"xapi:{one.source}")[-1]
    assert row["original_sha256"] == hashlib.sha256(body).hexdigest()
    assert one.key in row["verification"]
    kept = {found["statement_id"]: found for found in bridge.rows("xapi_statement", message=row["id"])}
    assert json.loads(row["payload"])["statements"] == [
        [one_told["id"], hashlib.sha256(kept[one_told["id"]]["payload"].encode()).hexdigest()]
        for one_told in told
    ]
    chain = sorted(bridge.rows("inbox_message", chain=f"{ORG}:xapi"), key=lambda link: link["seq"])
    previous = GENESIS
    for link in chain:
        at = link["received_at"]
        received = parse_rfc3339(f"{at}+00:00") if isinstance(at, str) else at.astimezone(None)
        assert link["previous_hash"] == previous
        previous = record_hash(
            previous,
            **{
                name: link[name]
                for name in ("chain", "seq", "source", "original_sha256", "verification", "payload")
            },
            received_at=parse_rfc3339(received.isoformat()),
        )
        assert link["hash"] == previous


@pytest.mark.parametrize("table", ["xapi_statement", "xapi_reference"])
def test_what_is_kept_cannot_be_changed(bridge: BridgeServer, table: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DatabaseError

    one, told = sender(bridge), new()
    one.post([told, voiding(told["id"])])
    for change in (f"UPDATE {table} SET source = 'x'", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(DatabaseError, match="append-only"), bridge.house.engine.begin() as connection:
            connection.execute(text(change))


def test_the_same_again_changes_nothing_and_another_under_its_id_is_refused_whole(
    bridge: BridgeServer,
) -> None:
    one = sender(bridge)
    told = new(result={"duration": "PT1M0.129S"}, actor={"mbox": "mailto:again@lms.example"})
    one.post(told)
    kept = one.one(told["id"]).json()
    with bridge.unchanged():
        assert one.post(told).json() == [told["id"]]
        assert one.post({**kept}).json() == [told["id"]]  # as it was read
        assert one.post({**told, "result": {"duration": "PT1M0.12S"}}).status_code == 200
        put = one.send("PUT", "/statements", told, query={"statementId": told["id"]})
        assert put.status_code == 204
        other = {**told, "verb": {"id": "https://v.example/other"}}
        refused(one.post([new(), other]), 409, "statement_conflict")
        refused(
            one.send("PUT", "/statements", other, query={"statementId": told["id"]}),
            409,
            "statement_conflict",
        )
        refused(one.post({**told, "timestamp": "2020-01-01T00:00:00Z"}), 409, "statement_conflict")


def test_of_a_batch_all_is_kept_or_nothing(bridge: BridgeServer) -> None:
    one = sender(bridge)
    with bridge.unchanged():
        answer = one.post([new(), {**new(), "verb": {"id": "no iri"}}])
        assert (answer.status_code, answer.json()["pointer"]) == (400, "/1/verb/id")
        twice = new()
        assert one.post([twice, twice]).json()["reason"] == "id_duplicate"
        assert one.post([new() for _ in range(1001)]).status_code == 413
        assert one.post(b'{"actor":1,"actor":2}').json()["reason"] == "json_malformed"
        assert one.post(b"[" * 100_000).json()["reason"] == "json_malformed"
        assert one.post(b'[{"result":{"score":{"raw":NaN}}}]').json()["reason"] == "json_malformed"
        assert one.post(b'[{"result":{"score":{"raw":1e999}}}]').json()["reason"] == "json_malformed"
        for odd in ('"\\ud800"', "[" * 900 + "]" * 900):
            text = json.dumps(new(result={"extensions": {"https://x.example/": "ODD"}})).replace('"ODD"', odd)
            assert one.post(text.encode()).json()["reason"] == "json_malformed"
        assert one.post(b"x" * (6 * 1024 * 1024)).status_code == 413
    assert one.find() == []


def test_many_who_send_the_same_at_once_leave_it_once(bridge: BridgeServer) -> None:
    one = sender(bridge)
    told = [new() for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _n: one.post(told).status_code, range(8)))
    assert answers == [200] * 8
    assert sorted(one.find()) == sorted(each["id"] for each in told)
    assert len(bridge.rows("inbox_message", source=f"xapi:{one.source}")) == 1


def test_a_store_of_records_takes_no_attachments(bridge: BridgeServer) -> None:
    content = bridge.someone().name.encode()
    sha2 = hashlib.sha256(content).hexdigest()
    file = {
        "usageType": "https://t.example",
        "display": {},
        "contentType": "text/plain",
        "length": 1,
        "sha2": sha2,
    }
    body = (
        b"--b\r\nContent-Type: application/json\r\n\r\n"
        + json.dumps(new(attachments=[file])).encode()
        + f"\r\n--b\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {sha2}\r\n\r\n".encode()
        + content
        + b"\r\n--b--\r\n"
    )
    one = sender(bridge)
    with bridge.unchanged():
        answer = one.post(body, Content_Type="multipart/mixed; boundary=b")
        assert (answer.status_code, answer.json()["reason"]) == (403, "attachment_refused")


def test_a_store_for_conformance_needs_the_demonstration_and_stands_apart(bridge: BridgeServer) -> None:
    production = Credentials(bridge.house.uow, bridge.house.clock, demonstration=False)
    with pytest.raises(InvalidInput, match="conformance_in_production"):
        production.add(ORG, "suite", [Scope.WRITE], by="op", store=Store.CONFORMANCE)
    suite = sender(bridge, *Scope, store=Store.CONFORMANCE)
    with pytest.raises(Exception, match="credential_wrong"):
        production.authenticate(suite.key, suite.secret)
    told = new(actor={"mbox": "mailto:made-up@example.org"})
    suite.post(told)
    assert suite.one(told["id"]).json()["actor"] == told["actor"]
    refused(sender(bridge, Scope.READ).one(told["id"]), 404, "statement_unknown")
    [row] = bridge.rows("inbox_message", source=f"xapi:{suite.source}")
    assert row["chain"] == f"{ORG}:xapi_conformance"


def test_no_statement_credits_a_second(bridge: BridgeServer) -> None:
    one = sender(bridge, registration=REGISTRATION)
    person, learner = bridge.ready()
    actor = {"account": {"homePage": bridge.platform.issuer, "name": person.sub}}
    video = {"https://w3id.org/xapi/video/extensions/played-segments": "0[.]3600",
             "https://w3id.org/xapi/video/extensions/progress": 1.0}  # fmt: skip
    verbs = ("completed", "passed", "mastered", "initialized", "terminated")
    told = [
        new(
            actor=actor,
            verb={"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
            object={"id": "https://lms.example/unit"},
            result={"completion": True, "success": True, "duration": "PT100H", "extensions": video},
        )
        for verb in verbs
    ]
    with bridge.unchanged(*CLAIMS):
        assert one.post(told).status_code == 200
        bridge.drain()
    assert bridge.papers(learner) == []
