"""Token endpoint, score intake and webhook of the demo LMS, over real HTTP."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.plugins.simulators.demo_lms_server import SECRET, TOOL_KEY, DemoLmsServer, server

__all__ = ["server"]

SCORE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
READ = "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem.readonly"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def assertion(server: DemoLmsServer, *, key: RSAKey = TOOL_KEY, kid: str = "tool-1", **changed: Any) -> str:
    now = int(server.clock.now().timestamp())
    claims: dict[str, Any] = {
        "iss": "anxue-demo",
        "sub": "anxue-demo",
        "aud": f"{server.url}/lti/token",
        "iat": now,
        "exp": now + 60,
        "jti": "jti-1",
    }
    claims.update(changed)
    return jwt.encode(
        {"alg": "RS256", "kid": kid},
        {name: value for name, value in claims.items() if value is not None},
        key,
    )


def ask(server: DemoLmsServer, signed: str, *, scope: str = SCORE, **changed: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": signed,
        "scope": scope,
        **changed,
    }
    return requests.post(f"{server.url}/lti/token", data=form, timeout=5)


def bearer(server: DemoLmsServer, scope: str = SCORE, jti: str = "jti-b") -> dict[str, str]:
    reply = ask(server, assertion(server, jti=jti), scope=scope)
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def score(**changed: Any) -> dict[str, Any]:
    body = {
        "userId": "lms-user-1001",
        "timestamp": "2026-11-23T16:00:00.250+08:00",
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "scoreGiven": 2,
        "scoreMaximum": 2,
        "comment": "网络学时 2",
    }
    body.update(changed)
    return {name: value for name, value in body.items() if value is not None}


def post_score(server: DemoLmsServer, headers: dict[str, str], body: dict[str, Any]) -> requests.Response:
    return requests.post(
        f"{server.url}/lti/lineitems/training-hours/scores",
        data=json.dumps(body),
        headers={"Content-Type": "application/vnd.ims.lis.v1.score+json", **headers},
        timeout=5,
    )


def test_a_right_assertion_gets_a_token_for_the_scopes_that_are_offered(server: DemoLmsServer) -> None:
    reply = ask(server, assertion(server), scope=f"{SCORE} https://elsewhere.example/scope")

    assert reply.status_code == 200
    assert reply.json()["scope"] == SCORE
    assert reply.json()["token_type"] == "bearer"


def test_a_replayed_assertion_is_refused(server: DemoLmsServer) -> None:
    signed = assertion(server)
    assert ask(server, signed).status_code == 200
    again = ask(server, signed)

    assert again.status_code == 401
    assert again.json()["error"] == "invalid_client"
    assert "jti" in again.json()["error_description"]


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"sub": "another"},
        {"aud": "http://127.0.0.1:9/lti/token"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"exp": 1795420800 - 61},
        {"exp": 1795420800 + 3600},
        {"exp": "soon"},
        {"iat": 1795420800 + 120, "exp": 1795420800 + 200},
        {"iat": 1795420800 - 3600, "exp": 1795420800 + 30},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 256},
        {"kid": "unknown"},
        {"key": RSAKey.generate_key(2048)},
    ],
    ids=lambda changed: (
        ",".join(f"{name}={str(value)[:24]}" for name, value in changed.items() if name != "key")
        or "foreign key"
    ),
)
def test_a_wrong_assertion_is_refused(server: DemoLmsServer, changed: dict[str, Any]) -> None:
    assert int(server.clock.now().timestamp()) == 1795420800
    reply = ask(server, assertion(server, **changed))

    assert reply.status_code == 401
    assert reply.json()["error"] == "invalid_client"


def test_an_assertion_signed_with_a_shared_secret_or_not_at_all_is_refused(server: DemoLmsServer) -> None:
    header, payload, _ = assertion(server).split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoidG9vbC0xIn0"  # {"alg":"none","kid":"tool-1"}

    for signed in (f"{none}.{payload}.", f"{header}.{payload}.", "no.token", ""):
        assert ask(server, signed).status_code == 401


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "other"}, "invalid_request"),
        ({"scope": "https://elsewhere.example/scope"}, "invalid_scope"),
    ],
)
def test_a_token_request_of_another_kind_is_refused(
    server: DemoLmsServer, changed: dict[str, str], error: str
) -> None:
    reply = ask(server, assertion(server), **changed)

    assert reply.status_code == 400
    assert reply.json()["error"] == error


def test_a_score_is_stored_and_shown_and_an_older_one_is_a_conflict(server: DemoLmsServer) -> None:
    headers = bearer(server)
    assert post_score(server, headers, score()).status_code == 204
    same = post_score(server, headers, score(scoreGiven=0))
    earlier = post_score(server, headers, score(timestamp="2026-11-23T07:59:59Z", scoreGiven=0))
    assert (same.status_code, earlier.status_code) == (409, 409)
    assert (
        post_score(server, headers, score(timestamp="2026-11-23T08:00:00.251Z", scoreGiven=1.5)).status_code
        == 204
    )

    with requests.Session() as browser:
        server.sign_in(browser, "lms-user-1001")
        page = browser.get(f"{server.url}/course").text
    assert '<b data-testid="hours-given">1.5</b> / 2' in page
    assert "网络学时 2" in page


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"userId": "nobody"}, 404),
        ({"timestamp": None}, 400),
        ({"timestamp": "2026-11-23T08:00:00"}, 400),
        ({"timestamp": 5}, 400),
        ({"activityProgress": "Done"}, 400),
        ({"gradingProgress": None}, 400),
        ({"scoreMaximum": None}, 400),
        ({"scoreMaximum": 0}, 400),
        ({"scoreGiven": -1}, 400),
        ({"scoreGiven": "NaN"}, 400),
        ({"scoreGiven": True}, 400),
        ({"comment": 5}, 400),
    ],
    ids=str,
)
def test_a_malformed_score_is_refused_and_changes_nothing(
    server: DemoLmsServer, changed: dict[str, Any], status: int
) -> None:
    assert post_score(server, bearer(server), score(**changed)).status_code == status
    assert server.desk.store.score("training-hours", "lms-user-1001") is None


def test_the_intake_asks_for_a_token_with_the_scope(server: DemoLmsServer) -> None:
    assert post_score(server, {}, score()).status_code == 401
    assert post_score(server, {"Authorization": "Bearer made-up"}, score()).status_code == 401
    assert post_score(server, bearer(server, READ), score()).status_code == 403
    headers = bearer(server, jti="jti-c")
    server.clock.advance(seconds=3601)
    assert post_score(server, headers, score()).status_code == 401


def test_a_score_of_another_media_type_is_refused(server: DemoLmsServer) -> None:
    reply = post_score(server, {**bearer(server), "Content-Type": "application/json"}, score())

    assert reply.status_code == 415


def hand_in(server: DemoLmsServer, browser: requests.Session, answers: dict[str, int]) -> str:
    """Take the quiz without a page; return the address of the attempt."""
    server.sign_in(browser, "lms-user-1001")
    token = server.form_token(browser, "/quiz")
    attempt = browser.post(f"{server.url}/quiz/attempts", data={"form_token": token}).url
    headers = {"X-CSRFToken": token}
    assert browser.post(f"{attempt}/begin", headers=headers).status_code == 200
    server.clock.advance(seconds=90)
    assert browser.post(f"{attempt}/answers", json={"answers": answers}, headers=headers).status_code == 200
    assert browser.post(f"{attempt}/answers", json={"answers": {}}, headers=headers).status_code == 409
    browser.post(f"{attempt}/deliver", data={"form_token": token})
    return attempt


def settle(
    browser: requests.Session, attempt: str, reached: Callable[[dict[str, str]], bool]
) -> dict[str, str]:
    for _ in range(200):
        state: dict[str, str] = browser.get(f"{attempt}/delivery").json()
        if reached(state):
            return state
        time.sleep(0.05)
    raise AssertionError(f"the delivery stayed {state}")


def test_a_graded_attempt_is_sent_signed_until_it_is_taken(server: DemoLmsServer) -> None:
    server.webhook_replies = [
        (503, {"reason": "busy", "message": "系统繁忙。"}),
        (202, {"message": "msg_77"}),
    ]
    server.desk.courier.start()
    with requests.Session() as browser:
        attempt = hand_in(server, browser, {"0": 1, "1": 1, "2": 2, "3": 1, "4": 0})
        state = settle(browser, attempt, lambda state: state["state"] == "accepted")
    server.desk.courier.stop()

    assert state["words"] == "安学桥已收到成绩，收件编号 msg_77。"
    assert len(server.webhooks) == 2
    (headers, first), (_, second) = server.webhooks
    assert first == second
    signed = headers["X-Anxue-Timestamp"].encode() + b"." + first
    assert headers["X-Anxue-Signature"] == "v1=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    assert headers["registration"] == "reg_demo_lms"
    body = json.loads(first)
    assert body["type"] == "attempt.graded"
    assert body["data"] == {
        "sub": "lms-user-1001",
        "resource_link_id": "quiz-1",
        "attempt": attempt.rsplit("/", 1)[1],
        "score": "80",
        "maximum": "100",
        "started_at": "2026-11-23T08:00:00.000Z",
        "finished_at": "2026-11-23T08:01:30.000Z",
    }


def test_a_refused_attempt_shows_the_bridges_words_and_can_be_sent_again(server: DemoLmsServer) -> None:
    server.webhook_replies = [
        (422, {"reason": "x", "message": "成绩缺少人脸核验记录。"}),
        (200, {"duplicate": True}),
    ]
    server.desk.courier.start()
    with requests.Session() as browser:
        attempt = hand_in(server, browser, {})
        state = settle(browser, attempt, lambda state: state["state"] == "refused")
        assert state["words"] == "成绩缺少人脸核验记录。"
        browser.post(f"{attempt}/deliver", data={"form_token": server.form_token(browser, "/quiz")})
        state = settle(browser, attempt, lambda state: state["state"] == "accepted")
    server.desk.courier.stop()

    assert state["words"] == "安学桥此前已收到这份成绩，没有重复登记。"


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"answers": []}, {"answers": {"9": 1}}, {"answers": {"0": "1"}}, {"answers": {"-1": 0}}],
    ids=str,
)
def test_malformed_answers_are_refused(server: DemoLmsServer, body: Any) -> None:
    with requests.Session() as browser:
        server.sign_in(browser, "lms-user-1001")
        token = server.form_token(browser, "/quiz")
        attempt = browser.post(f"{server.url}/quiz/attempts", data={"form_token": token}).url
        browser.post(f"{attempt}/begin", headers={"X-CSRFToken": token})
        reply = browser.post(f"{attempt}/answers", json=body, headers={"X-CSRFToken": token})

    assert reply.status_code == 400


def test_an_attempt_belongs_to_one_user(server: DemoLmsServer) -> None:
    with requests.Session() as browser, requests.Session() as other:
        server.sign_in(browser, "lms-user-1001")
        token = server.form_token(browser, "/quiz")
        attempt = browser.post(f"{server.url}/quiz/attempts", data={"form_token": token}).url
        server.sign_in(other, "lms-user-1002")

        assert browser.get(attempt).status_code == 200
        assert other.get(attempt).status_code == 404
