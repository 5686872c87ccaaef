"""What the xAPI door finds again: voiding, references, terms, pages, versions."""

import json

import pytest

from bridge.intake.xapi.model import Version
from tests.attacks.doors.server import BridgeServer, refused
from tests.attacks.doors.xapi_sender import COMPLETED, new, numbers, sender
from tests.intake.xapi.statements import uid, voiding


def test_a_voided_statement_is_found_only_as_such_and_by_no_other_source(bridge: BridgeServer) -> None:
    one, other = sender(bridge), sender(bridge)
    told = new()
    one.post(told)
    other.post(voiding(told["id"], id=uid(next(numbers))))
    assert one.one(told["id"]).status_code == 200
    act = voiding(told["id"], id=uid(next(numbers)))
    one.post(act)
    refused(one.one(told["id"]), 404, "statement_unknown")
    assert one.send("GET", "/statements", query={"voidedStatementId": told["id"]}).json()["id"] == told["id"]
    one.post(voiding(act["id"]))  # what voids cannot be voided
    assert one.one(act["id"]).status_code == 200
    assert told["id"] not in one.find()


def test_a_voiding_that_comes_first_voids_what_comes_later(bridge: BridgeServer) -> None:
    one, told = sender(bridge), new()
    one.post(voiding(told["id"]))
    one.post(told)
    refused(one.one(told["id"]), 404, "statement_unknown")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_who_refers_to_a_statement_is_found_with_it_in_whatever_order_they_came(
    bridge: BridgeServer, order: tuple[int, ...]
) -> None:
    one = sender(bridge)
    registration = uid(next(numbers))
    first = new(context={"registration": registration})
    second = new(object={"objectType": "StatementRef", "id": first["id"]}, verb={"id": "https://v.example/b"})
    third = new(object={"objectType": "StatementRef", "id": second["id"]}, verb={"id": "https://v.example/c"})
    chain = [first, second, third]
    for index in order:
        one.post(chain[index])
    assert set(one.find(registration=registration)) == {each["id"] for each in chain}
    assert set(one.find(registration=registration, verb=COMPLETED)) == {each["id"] for each in chain}
    # The terms of two statements together are no statement's.
    assert one.find(registration=registration, verb="https://v.example/b") == []


def test_a_query_asks_for_all_of_its_terms(bridge: BridgeServer) -> None:
    one = sender(bridge)
    agent = {"account": {"homePage": "https://lms.example", "name": "asked"}}
    part = {"objectType": "Group", "member": [agent]}
    direct = new(actor=agent)
    member = new(actor=part)
    related = new(
        context={"instructor": agent, "contextActivities": {"parent": {"id": "https://a.example/parent"}}}
    )
    one.post([direct, member, related])
    asked = {"agent": json.dumps(agent)}
    assert one.find(**asked, ascending="true") == [direct["id"], member["id"]]
    assert one.find(**asked, related_agents="true") == [related["id"], member["id"], direct["id"]]
    assert one.find(**asked, verb="https://v.example/none") == []
    assert one.find(activity="https://a.example/parent") == []
    assert one.find(activity="https://a.example/parent", related_activities="true") == [related["id"]]


@pytest.mark.parametrize("verb", [None, COMPLETED])
def test_pages_follow_each_other_without_gap_or_repetition(bridge: BridgeServer, verb: str | None) -> None:
    one = sender(bridge)
    told = [new() for _ in range(7)]
    one.post(told[:4])
    bridge.clock.advance(1)
    one.post(told[4:])
    wanted = [each["id"] for each in told]
    for ascending in (True, False):
        query = {
            "limit": "2",
            "ascending": str(ascending).lower(),
            **({} if verb is None else {"verb": verb}),
        }
        answer = one.send("GET", "/statements", query=query).json()
        seen = [found["id"] for found in answer["statements"]]
        while answer["more"]:
            assert "agent" not in answer["more"]
            answer = one.send("GET", answer["more"].removeprefix("/xAPI")).json()
            seen += [found["id"] for found in answer["statements"]]
        assert seen == (wanted if ascending else wanted[::-1])


def test_since_is_after_and_until_is_up_to(bridge: BridgeServer) -> None:
    one = sender(bridge)
    first, second = new(), new()
    one.post(first)
    at = one.one(first["id"]).json()["stored"]
    bridge.clock.advance(1)
    one.post(second)
    assert one.find(since=at) == [second["id"]]
    assert one.find(until=at) == [first["id"]]
    assert one.find(since=at, verb=COMPLETED) == [second["id"]]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"foo": "1"}, "parameter_unknown"),
        ({"Limit": "1"}, "parameter_unknown"),
        ({"limit": "-1"}, "parameter_malformed"),
        ({"limit": "9" * 30}, "parameter_malformed"),
        ({"ascending": "yes"}, "parameter_malformed"),
        ({"format": "other"}, "parameter_malformed"),
        ({"since": "yesterday"}, "parameter_malformed"),
        ({"agent": "{}"}, "parameter_malformed"),
        ({"agent": "[" * 5000}, "parameter_malformed"),
        ({"verb": "no iri"}, "parameter_malformed"),
        ({"registration": "1"}, "parameter_malformed"),
        ({"statementId": "1"}, "parameter_malformed"),
        ({"statementId": uid(1), "limit": "1"}, "parameter_conflict"),
        ({"statementId": uid(1), "voidedStatementId": uid(2)}, "parameter_conflict"),
        ({"cursor": "x"}, "parameter_malformed"),
        ({"cursor": "e30"}, "parameter_malformed"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(
    bridge: BridgeServer, query: dict[str, str], reason: str
) -> None:
    refused(sender(bridge).send("GET", "/statements", query=query), 400, reason)


def test_the_version_is_asked_for_and_told(bridge: BridgeServer) -> None:
    old = sender(bridge, newest=Version.ONE)
    for given, status, told in (("1.0.3", 200, "1.0.3"), ("1.0", 200, "1.0.3"), ("2.0.0", 200, "2.0.0"),
                                ("0.95", 400, "1.0.3"), ("3.0.0", 400, "1.0.3")):  # fmt: skip
        answer = old.send("GET", "/statements", X_Experience_API_Version=given)
        assert (answer.status_code, answer.headers["X-Experience-API-Version"]) == (status, told)
        assert "X-Experience-API-Consistent-Through" in answer.headers
    about_answer = bridge.get("/xAPI/about")
    assert about_answer.json() == {"version": ["2.0.0", "1.0.3"]}
