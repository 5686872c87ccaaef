"""The video profile's rules, one breach at a time."""

from typing import Any

import pytest

from bridge.intake.video.rules import (
    FROM,
    LENGTH,
    PLAYED,
    PROGRESS,
    SESSION,
    THRESHOLD,
    TIME,
    TO,
    VIDEO,
    VideoFault,
    claims_video,
    read_video,
)
from tests.intake.video.statements import ADL, SESSION_ID, completed, paused, video

Json = dict[str, Any]


@pytest.mark.parametrize(
    "statement",
    [
        video(f"{ADL}initialized"),
        video(f"{ADL}initialized", {THRESHOLD: 0.95}),
        video(f"{VIDEO}/verbs/played", {LENGTH: None}, {TIME: 0.5}),
        video(f"{VIDEO}/verbs/seeked", {LENGTH: None}, {FROM: 10, TO: 20.125}),
        video(f"{ADL}interacted", result={TIME: 3}),
        video(f"{ADL}terminated", result={TIME: 100.4, PROGRESS: 0.5}),
        paused(),
        completed(),
    ],
)
def test_what_keeps_to_the_profile_is_read(statement: Json) -> None:
    context = statement["context"]["extensions"]
    if context[LENGTH] is None:
        del context[LENGTH]
    assert claims_video(statement)
    assert read_video(statement).length_ms in (None, 100_000)


def test_what_was_watched_is_read() -> None:
    found = read_video(paused())
    assert (found.word, found.length_ms, found.progress) == ("paused", 100_000, None)
    assert found.segments == ((0, 46_600), (60_000, 70_000))
    assert read_video(completed()).progress == "1"


def test_a_statement_of_no_profile_claims_none() -> None:
    statement = paused()
    statement["context"]["contextActivities"] = {"category": {"id": VIDEO}}
    assert claims_video(statement)
    statement["context"]["contextActivities"] = {"grouping": [{"id": VIDEO}]}
    assert not claims_video(statement)
    del statement["context"]
    assert not claims_video(statement)


@pytest.mark.parametrize(
    ("statement", "where", "value", "reason"),
    [
        (paused(), "verb", {"id": f"{ADL}experienced"}, "video_verb"),
        (paused(), "object", {"id": "https://lms.example/1"}, "video_type"),
        (paused(), "object", {"objectType": "Agent", "mbox": "mailto:x@lms.example"}, "video_type"),
        (paused(), "timestamp", None, "video_timestamp"),
        (paused(), LENGTH, None, "video_length"),
        (paused(), LENGTH, "100", "video_length"),
        (paused(), LENGTH, True, "video_length"),
        (paused(), LENGTH, -1, "video_length"),
        (paused(), LENGTH, 100.00001, "video_length"),
        (paused(), SESSION, "one", "video_session"),
        (paused(), SESSION, SESSION_ID.replace("-4", "-1", 1), "video_session"),
        (paused(), THRESHOLD, 1.5, "video_threshold"),
        (paused(), TIME, None, "video_time"),
        (paused(), TIME, 101.5, "video_time"),
        (paused(), PLAYED, "0[.]101.5", "video_segments"),
        (paused(), PLAYED, ["0", "1"], "video_segments"),
        (paused(), PLAYED, "0-5", "video_segments"),
        (completed(), PROGRESS, None, "video_progress"),
        (completed(), PROGRESS, 1.01, "video_progress"),
        (completed(), PROGRESS, True, "video_progress"),
        (video(f"{VIDEO}/verbs/seeked", result={FROM: 10}), TO, None, "video_time"),
    ],
)
def test_each_breach_has_its_reason_and_a_sentence(
    statement: Json, where: str, value: Any, reason: str
) -> None:
    broken = {**statement, "context": {**statement["context"]}, "result": {**statement.get("result", {})}}
    if where in (LENGTH, SESSION, THRESHOLD):
        place = broken["context"]["extensions"] = dict(statement["context"]["extensions"])
    elif where.startswith("https://"):
        place = broken["result"]["extensions"] = dict(statement["result"]["extensions"])
    else:
        place = broken
    place.pop(where, None)
    if value is not None:
        place[where] = value
    with pytest.raises(VideoFault) as caught:
        read_video(broken)
    assert caught.value.reason == reason
    assert any("\u4e00" <= letter <= "\u9fff" for letter in caught.value.message)
