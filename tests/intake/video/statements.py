"""Made-up statements of the video profile."""

from typing import Any

from bridge.intake.video.rules import LENGTH, PLAYED, PROGRESS, SESSION, TIME, VIDEO

Json = dict[str, Any]
TYPE = "https://w3id.org/xapi/video/activity-type/video"
SESSION_ID = "5b1f6c1e-7f5a-4a11-9b5e-0a6a5b2f7c11"
ADL = "http://adlnet.gov/expapi/verbs/"


def video(verb: str, context: Json | None = None, result: Json | None = None, **more: Any) -> Json:
    """Return a statement of the profile about a video of 100 seconds."""
    extensions = {LENGTH: 100.0, SESSION: SESSION_ID, **(context or {})}
    return {
        "id": "f5a9a1b5-0000-4000-8000-000000000009",
        "timestamp": "2026-11-24T04:00:10Z",
        "actor": {"account": {"homePage": "https://lms.example", "name": "1001"}},
        "verb": {"id": verb},
        "object": {"id": "https://lms.example/video/1", "definition": {"type": TYPE}},
        "context": {"contextActivities": {"category": [{"id": VIDEO}]}, "extensions": extensions},
        **({} if result is None else {"result": {"extensions": result}}),
        **more,
    }


def paused(segments: str = "0[.]46.6[,]60[.]70", time: float = 70) -> Json:
    return video(f"{VIDEO}/verbs/paused", result={TIME: time, PLAYED: segments})


def completed(segments: str = "0[.]100") -> Json:
    return video(f"{ADL}completed", result={TIME: 100, PROGRESS: 1, PLAYED: segments})
