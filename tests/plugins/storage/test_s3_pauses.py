"""A bucket that fails for a while is asked again after pauses that grow, differ, and end; a refusal is told at once."""

from collections.abc import Sequence

import pytest
import requests

from bridge.db.store_settings import StoreSettings
from bridge.kernel.errors import Unavailable
from plugins.storage.s3_bucket import S3BucketBlobs

NAME = "ab/evd_1ab"
SETTINGS = StoreSettings(
    evidence_store="s3",
    s3_endpoint="http://127.0.0.1:9",
    s3_bucket="evidence",
    s3_access_key="a",
    s3_secret_key="b",
)


class Answers:
    """Stands in for the connection: what it answers, one after the other; None is no answer."""

    def __init__(self, statuses: Sequence[int | None]) -> None:
        self._statuses = list(statuses)
        self.asked = 0

    def request(self, *_words: object, **_more: object) -> requests.Response:
        self.asked += 1
        status = self._statuses.pop(0)
        if status is None:
            raise requests.ConnectionError("nobody there")
        answer = requests.Response()
        answer.status_code = status
        answer._content = b"content"
        return answer


def asked(
    monkeypatch: pytest.MonkeyPatch, statuses: Sequence[int | None]
) -> tuple[S3BucketBlobs, Answers, list[float]]:
    pauses: list[float] = []
    store, answers = S3BucketBlobs(SETTINGS, pauses.append), Answers(statuses)
    monkeypatch.setattr(store, "_session", lambda: answers)
    return store, answers, pauses


def test_each_pause_may_be_longer_than_the_one_before_and_no_two_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounds: list[float] = []

    def longest(_low: float, high: float) -> float:
        bounds.append(high)
        return high

    monkeypatch.setattr("plugins.storage.s3_bucket.random.uniform", longest)
    store, answers, pauses = asked(monkeypatch, [503, None, 500, 429, 200])
    assert store.get(NAME) == b"content"
    assert answers.asked == 5
    assert pauses == bounds[:4]
    assert pauses == sorted(set(pauses))


def test_pauses_are_spread_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    spread: set[float] = set()
    for _ in range(5):
        store, _, pauses = asked(monkeypatch, [503, 200])
        store.get(NAME)
        spread |= set(pauses)
    assert len(spread) == 5


def test_it_ends_after_the_last_try(monkeypatch: pytest.MonkeyPatch) -> None:
    store, answers, pauses = asked(monkeypatch, [503] * 9)
    with pytest.raises(Unavailable) as told:
        store.put(NAME, b"x")
    assert (told.value.permanent, answers.asked, len(pauses)) == (False, 5, 4)


def test_no_try_begins_once_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("plugins.storage.s3_bucket.time.monotonic", lambda: now[0])
    store, answers, pauses = asked(monkeypatch, [503] * 9)

    def slow(*words: object, **more: object) -> requests.Response:
        now[0] += 15
        return Answers.request(answers, *words, **more)

    monkeypatch.setattr(answers, "request", slow)
    with pytest.raises(Unavailable):
        store.delete(NAME)
    assert (answers.asked, len(pauses)) == (2, 1)


def test_a_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, answers, pauses = asked(monkeypatch, [403])
    with pytest.raises(Unavailable) as told:
        store.get(NAME)
    assert (told.value.permanent, answers.asked, pauses) == (True, 1, [])
