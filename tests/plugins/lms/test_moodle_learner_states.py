"""How a state travels to Moodle: which fields, where the token goes, and that only `kept` is a yes."""

from collections.abc import Iterator

import pytest

from bridge.kernel.errors import Unavailable
from lti.registration import NetworkPolicy
from plugins.lms.moodle_learner_states import MoodleLearnerStates
from tests.contracts.moodle_stand_in import PATH, TOKEN, MoodleStandIn
from tests.lti.served import served


@pytest.fixture
def moodle() -> Iterator[tuple[MoodleStandIn, str]]:
    stand_in = MoodleStandIn()
    with served(stand_in) as origin:
        yield stand_in, origin


def tell(origin: str, *, token: str = TOKEN, policy: NetworkPolicy | None = None) -> None:
    adapter = MoodleLearnerStates(f"{origin}/site", token, policy or NetworkPolicy(demo=True))
    adapter.set_learner_state(sub="42", context_id="7", real_name=True, class_hours=3)


def test_the_state_and_the_token_travel_in_the_body_and_in_no_address(
    moodle: tuple[MoodleStandIn, str],
) -> None:
    stand_in, origin = moodle

    tell(origin)

    (seen,) = stand_in.seen
    assert (seen.path, seen.query_string) == (PATH, b"")
    assert seen.form.to_dict() == {
        "wstoken": TOKEN,
        "wsfunction": "local_anxue_set_learner_state",
        "moodlewsrestformat": "json",
        "sub": "42",
        "context_id": "7",
        "real_name": "1",
        "class_hours": "3",
    }


@pytest.mark.parametrize(
    ("status", "body", "permanent"),
    [
        (503, b"<html>", False),
        (429, b"{}", False),
        (200, b"null", True),
        (200, b'{"status":"granted"}', True),
        (200, b'{"exception":"moodle_exception","errorcode":"notregulated","message":"z"}', True),
        (403, b"{}", True),
    ],
)
def test_only_kept_is_a_yes(
    moodle: tuple[MoodleStandIn, str], status: int, body: bytes, permanent: bool
) -> None:
    stand_in, origin = moodle
    stand_in.status, stand_in.body = status, body

    with pytest.raises(Unavailable) as refused:
        tell(origin)

    assert refused.value.permanent is permanent
    assert TOKEN not in str(refused.value)


def test_a_wrong_token_changes_nothing(moodle: tuple[MoodleStandIn, str]) -> None:
    stand_in, origin = moodle
    with pytest.raises(Unavailable):
        tell(origin, token="f" * 32)
    assert stand_in.states == {}


def test_the_guard_holds_here_too(moodle: tuple[MoodleStandIn, str]) -> None:
    stand_in, origin = moodle

    with pytest.raises(Unavailable) as refused:
        tell(origin, policy=NetworkPolicy())

    assert refused.value.reason == "https_required"
    assert stand_in.seen == []
