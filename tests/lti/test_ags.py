"""Scores: what is sent, to whom, with which token; against a platform that keeps the rules."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from lti.ags import SCORE_SCOPE, Score, ScoreService, ServiceTokens, scores_url
from lti.errors import ServiceFailed
from lti.http import Reply
from lti.registration import NetworkPolicy
from tests.lti.doors import World, tool_keys
from tests.lti.platform import START

LINEITEM = "https://lms.example/lineitems/1?type_id=7"


class Grades:
    """An in-memory platform: a token address, and one for scores."""

    def __init__(self) -> None:
        self.world = World.new()
        self.registration = self.world.lms.registration()
        self.calls: list[tuple[str, Mapping[str, str], bytes]] = []
        self.scores: list[Reply] = []
        self.token_reply: Reply | None = None
        self.tokens = 0
        self.held = ServiceTokens(self, tool_keys(), self.world.clock)
        self.service = ScoreService(self, self.held)

    def post(self, url: str, policy: NetworkPolicy, *, headers: Mapping[str, str], body: bytes) -> Reply:
        self.calls.append((url, headers, body))
        if url.endswith("/token"):
            self.tokens += 1
            good = f'{{"access_token": "t{self.tokens}", "token_type": "Bearer", "expires_in": 3600}}'
            return self.token_reply or Reply(200, good.encode())
        return self.scores.pop(0) if self.scores else Reply(200, b"")

    def give(self, lineitem: str = LINEITEM, registration: Any = None) -> bool:
        score = Score("user-1", Fraction(85), Fraction(100), START)
        return self.service.post_score(registration or self.registration, lineitem, score).already_newer

    def assertions(self) -> list[dict[str, Any]]:
        key = RSAKey.import_key(tool_keys().jwks()["keys"][0])
        forms = [parse_qs(body.decode()) for url, _, body in self.calls if url.endswith("/token")]
        return [
            dict(jwt.decode(form["client_assertion"][0], key, algorithms=["RS256"]).claims) for form in forms
        ]


def failure(grades: Grades, lineitem: str = LINEITEM) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as failed:
        grades.give(lineitem)
    return failed.value


def test_a_score_goes_out_as_the_standard_says() -> None:
    grades = Grades()
    assert grades.give() is False
    url, headers, body = grades.calls[-1]
    assert url == "https://lms.example/lineitems/1/scores?type_id=7"
    assert headers == {"Authorization": "Bearer t1", "Content-Type": "application/vnd.ims.lis.v1.score+json"}
    assert body == (
        b'{"userId": "user-1", "scoreGiven": 85, "scoreMaximum": 100, "activityProgress": "Completed",'
        b' "gradingProgress": "FullyGraded", "timestamp": "2026-11-23T08:00:00.000Z"}'
    )


def test_the_client_assertion_is_short_lived_and_for_the_token_address_alone() -> None:
    grades = Grades()
    grades.give()
    (claims,) = grades.assertions()
    assert claims["iss"] == claims["sub"] == "client-1"
    assert claims["aud"] == "https://lms.example/token"
    assert claims["iat"] == int(START.timestamp())
    assert 0 < claims["exp"] - claims["iat"] <= 300


def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    grades = Grades()
    grades.give()
    grades.world.clock.advance(3539)
    grades.give()
    assert grades.tokens == 1
    grades.world.clock.advance(1)
    grades.give()
    assert grades.tokens == 2
    first, second = (claims["jti"] for claims in grades.assertions())
    assert first != second


def test_c6_tokens_are_kept_apart_by_registration_and_scope() -> None:
    grades = Grades()
    other = grades.world.lms.registration(id="r2", client_id="client-2")
    scope = frozenset({SCORE_SCOPE})
    tokens = [
        grades.held.token(grades.registration, scope),
        grades.held.token(other, scope),
        grades.held.token(
            grades.registration, scope | {"https://purl.imsglobal.org/spec/lti-ags/scope/lineitem"}
        ),
    ]
    assert len(set(tokens)) == 3


@pytest.mark.parametrize(
    "lineitem",
    [
        "https://evil.example/1",
        "https://lms.example.evil.example/1",
        "http://lms.example/1",
        "https://lms.example@evil.example/1",
    ],
)
def test_c5_nothing_is_sent_to_another_host(lineitem: str) -> None:
    grades = Grades()
    assert failure(grades, lineitem).reason == "service_host_foreign"
    assert grades.calls == []


@pytest.mark.parametrize(
    "reply", [Reply(409, b""), Reply(400, b"Refusing score with an earlier timestamp for item")]
)
def test_a_newer_score_at_the_platform_is_success(reply: Reply) -> None:
    grades = Grades()
    grades.scores = [reply]
    assert grades.give() is True


def test_a_token_that_was_dropped_early_is_renewed_once() -> None:
    grades = Grades()
    grades.scores = [Reply(401, b"")]
    assert grades.give() is False
    assert grades.tokens == 2
    grades.scores = [Reply(401, b""), Reply(401, b"")]
    assert failure(grades).reason == "score_refused"


@pytest.mark.parametrize(
    ("status", "reason", "permanent"),
    [
        (400, "score_refused", True),
        (403, "score_refused", True),
        (404, "score_refused", True),
        (429, "platform_error", False),
        (500, "platform_error", False),
        (503, "platform_error", False),
    ],
)
def test_only_what_may_pass_is_worth_another_try(status: int, reason: str, permanent: bool) -> None:
    grades = Grades()
    grades.scores = [Reply(status, b"no")]
    failed = failure(grades)
    assert (failed.reason, failed.permanent) == (reason, permanent)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(400, b'{"error": "invalid_client"}'), "token_refused"),
        (Reply(200, b'{"access_token": "a\\r\\nX: y"}'), "token_refused"),
        (Reply(200, b'{"access_token": ""}'), "token_refused"),
        (Reply(200, b'{"access_token": 7}'), "token_refused"),
        (Reply(200, '{"access_token": "令牌"}'.encode()), "token_refused"),
        (Reply(200, b"[]"), "token_refused"),
        (Reply(200, b"<html>"), "reply_not_json"),
        (Reply(502, b""), "platform_error"),
    ],
)
def test_without_a_token_no_score_leaves(reply: Reply, reason: str) -> None:
    grades = Grades()
    grades.token_reply = reply
    assert failure(grades).reason == reason
    assert len(grades.calls) == 1


@pytest.mark.parametrize(
    ("lineitem", "scores"),
    [
        ("https://l.example/1", "https://l.example/1/scores"),
        ("https://l.example/1/", "https://l.example/1/scores"),
        ("https://l.example/1/lineitem?type_id=2", "https://l.example/1/lineitem/scores?type_id=2"),
    ],
)
def test_score_address(lineitem: str, scores: str) -> None:
    assert scores_url(lineitem) == scores
