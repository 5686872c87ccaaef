"""The Moodle adapter's own ways: where the token goes, what counts as an answer, what is tried again."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bridge.kernel.errors import Unavailable
from lti.registration import NetworkPolicy
from plugins.lms.moodle_grants import MoodleGrants
from tests.contracts.moodle_stand_in import PATH, TOKEN, MoodleStandIn
from tests.lti.served import served

UNTIL = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.fixture
def moodle() -> Iterator[tuple[MoodleStandIn, str]]:
    stand_in = MoodleStandIn()
    with served(stand_in) as origin:
        yield stand_in, origin


def grant(origin: str, *, token: str = TOKEN, sub: str = "42", policy: NetworkPolicy | None = None) -> None:
    adapter = MoodleGrants(f"{origin}/site", token, policy or NetworkPolicy(demo=True))
    adapter.grant(grant_id="grt_1", sub=sub, resource_link_id="cm-57", expires_at=UNTIL)


def test_the_token_travels_in_the_body_and_in_no_address(moodle: tuple[MoodleStandIn, str]) -> None:
    stand_in, origin = moodle

    grant(origin)

    (seen,) = stand_in.seen
    assert (seen.path, seen.query_string) == (PATH, b"")
    assert seen.form["wstoken"] == TOKEN


@pytest.mark.parametrize(
    ("status", "body", "permanent"),
    [
        (500, b"", False),
        (503, b"<html>", False),
        (429, b"{}", False),
        (200, b"<html>busy</html>", True),
        (200, b"null", True),
        (200, b"[]", True),
        (200, b'{"exception":"x","errorcode":"y","message":"z"}', True),
        (200, b'{"status":"maybe"}', True),
        (403, b"{}", True),
    ],
)
def test_only_a_clear_yes_is_a_yes(
    moodle: tuple[MoodleStandIn, str], status: int, body: bytes, permanent: bool
) -> None:
    stand_in, origin = moodle
    stand_in.status, stand_in.body = status, body

    with pytest.raises(Unavailable) as refused:
        grant(origin)

    assert refused.value.permanent is permanent
    assert TOKEN not in str(refused.value)


def test_a_wrong_token_and_somebody_who_is_no_learner_are_refused(moodle: tuple[MoodleStandIn, str]) -> None:
    stand_in, origin = moodle
    with pytest.raises(Unavailable):
        grant(origin, token="f" * 32)
    with pytest.raises(Unavailable):
        grant(origin, sub="admin")
    assert stand_in.open == {}


def test_the_guard_holds_here_too(moodle: tuple[MoodleStandIn, str]) -> None:
    stand_in, origin = moodle

    with pytest.raises(Unavailable) as refused:
        grant(origin, policy=NetworkPolicy())

    assert refused.value.reason == "https_required"
    assert stand_in.seen == []
