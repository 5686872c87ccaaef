"""State and profile documents at the xAPI door."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from tests.attacks.doors.server import BridgeServer, refused
from tests.attacks.doors.xapi_sender import place, sender
from tests.intake.xapi.statements import uid


def test_a_document_is_cleaned_and_found_by_whom_it_is_about(bridge: BridgeServer) -> None:
    one, person = sender(bridge), bridge.someone()
    where = place(agent=json.dumps({"mbox": f"mailto:{person.email}", "name": person.name}))
    told = {"page": 3, "email": person.email, "note": f"打电话 {person.phone}", "real_name": person.name}
    with bridge.unchanged("xapi_document"):
        assert one.send("PUT", "/activities/state", told, query=where).status_code == 204
    answer = one.send("GET", "/activities/state", query=where)
    assert answer.json() == {"page": 3, "note": "打电话 [已去除联系方式]"}
    assert (
        answer.headers["ETag"].strip('"') == hashlib.sha1(answer.content, usedforsecurity=False).hexdigest()
    )
    text = f"页 3 {person.email}".encode()
    put = {"If_Match": answer.headers["ETag"], "Content_Type": "application/octet-stream"}
    assert one.send("PUT", "/activities/state", text, query=where, **put).status_code == 204
    assert one.send("GET", "/activities/state", query=where).content.decode() == "页 3 [已去除联系方式]"
    picture = one.send("POST", "/agents/profile", b"\xff\xd8\xff", query={"agent": where["agent"], "profileId": "p"},
                       Content_Type="image/jpeg")  # fmt: skip
    refused(picture, 400, "document_refused")


def test_another_source_has_other_documents(bridge: BridgeServer) -> None:
    one, other = sender(bridge), sender(bridge)
    one.send("PUT", "/activities/state", {"page": 1}, query=place())
    refused(other.send("GET", "/activities/state", query=place()), 404, "document_unknown")
    other.send("DELETE", "/activities/state", query=place())
    assert one.send("GET", "/activities/state", query=place()).json() == {"page": 1}


def test_who_does_not_know_a_document_does_not_overwrite_it(bridge: BridgeServer) -> None:
    one = sender(bridge)
    one.send("PUT", "/activities/state", {"page": 1}, query=place())
    tag = one.send("GET", "/activities/state", query=place()).headers["ETag"]
    for headers, status, reason in (
        ({}, 409, "document_exists"),
        ({"If_None_Match": "*"}, 412, "precondition_failed"),
        ({"If_Match": '"0"'}, 412, "precondition_failed"),
    ):
        refused(one.send("PUT", "/activities/state", {"page": 2}, query=place(), **headers), status, reason)
    assert one.send("DELETE", "/activities/state", query=place(), If_Match='"0"').status_code == 412
    assert one.send("PUT", "/activities/state", {"page": 2}, query=place(), If_Match=tag).status_code == 204
    with ThreadPoolExecutor(8) as pool:
        tag = one.send("GET", "/activities/state", query=place()).headers["ETag"]
        answers = pool.map(
            lambda page: (
                one.send("PUT", "/activities/state", {"page": page}, query=place(), If_Match=tag).status_code
            ),
            range(10, 18),
        )
    assert sorted(answers) == [204] + [412] * 7


def test_documents_are_merged_listed_and_deleted(bridge: BridgeServer) -> None:
    one = sender(bridge)
    for name in ("a", "b"):
        one.send("POST", "/activities/state", {"x": 1, "y": 1}, query=place(stateId=name))
    one.send("POST", "/activities/state", {"y": 2}, query=place(stateId="a"))
    assert one.send("GET", "/activities/state", query=place(stateId="a")).json() == {"x": 1, "y": 2}
    every = {name: value for name, value in place().items() if name != "stateId"}
    assert one.send("GET", "/activities/state", query=every).json() == ["a", "b"]
    assert one.send("GET", "/activities/state", query={**every, "registration": uid(1)}).json() == []
    assert one.send("POST", "/activities/state", [1], query=place(stateId="c")).status_code == 400
    assert one.send("DELETE", "/activities/state", query=every).status_code == 204
    assert one.send("GET", "/activities/state", query=every).json() == []
    assert one.send("DELETE", "/agents/profile", query={"agent": place()["agent"]}).status_code == 400


def test_of_many_who_make_a_document_at_once_one_does(bridge: BridgeServer) -> None:
    one = sender(bridge)

    def make(page: int) -> int:
        return one.send(
            "PUT", "/activities/state", {"page": page}, query=place(), If_None_Match="*"
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(make, range(8)))
    assert answers[0] == 204
    assert set(answers[1:]) <= {409, 412}


def test_a_document_that_no_reader_would_read_alike_is_refused(bridge: BridgeServer) -> None:
    one = sender(bridge)
    for body in (b"{", b'{"a":1,"a":2}', b'"\\ud800"', b"[" * 100_000, b'{"a":NaN}'):
        for method in ("PUT", "POST"):
            refused(one.send(method, "/activities/state", body, query=place()), 400, "json_malformed")
