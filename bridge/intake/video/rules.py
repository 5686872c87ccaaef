"""Whether a statement of the xAPI video profile keeps to it, and what it says was watched. Pure.

Source: xAPI Video Profile 1.0.3, statement templates (https://w3id.org/xapi/video). What a template recommends may be
missing; what it includes may not; what is there has the form that the profile gives it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.intake.video.segments import read_segments
from bridge.kernel.errors import InvalidInput

VIDEO = "https://w3id.org/xapi/video"
_TYPE = f"{VIDEO}/activity-type/video"
_PREFIX = f"{VIDEO}/extensions/"
LENGTH, SESSION, THRESHOLD = f"{_PREFIX}length", f"{_PREFIX}session-id", f"{_PREFIX}completion-threshold"
TIME, FROM, TO = f"{_PREFIX}time", f"{_PREFIX}time-from", f"{_PREFIX}time-to"
PROGRESS, PLAYED = f"{_PREFIX}progress", f"{_PREFIX}played-segments"
_ADL = "http://adlnet.gov/expapi/verbs/"
_INCLUDED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    f"{_ADL}initialized": ((LENGTH,), ()),
    f"{VIDEO}/verbs/played": ((), (TIME,)),
    f"{VIDEO}/verbs/paused": ((LENGTH,), (TIME,)),
    f"{VIDEO}/verbs/seeked": ((), (FROM, TO)),
    f"{_ADL}interacted": ((), (TIME,)),
    f"{_ADL}completed": ((LENGTH,), (TIME, PROGRESS)),
    f"{_ADL}terminated": ((LENGTH,), (TIME, PROGRESS)),
}
"""Verb → what its template includes in the context and in the result."""
_SESSION_FORM = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
)
_MAX_SECONDS = 24 * 3600
_BEYOND_MS = 1000
"""Players stop a little behind the end of what they said the length is."""

SENTENCES: Mapping[str, str] = {
    "video_verb": "视频陈述使用了规范所列之外的动词",
    "video_type": "视频陈述的对象类型须为 https://w3id.org/xapi/video/activity-type/video",
    "video_timestamp": "视频陈述须带 timestamp",
    "video_length": "须在 context 扩展中给出视频时长 length(秒,至多三位小数)",
    "video_time": "须在 result 扩展中给出播放位置 time(拖动时为 time-from、time-to),以秒计,不超出视频时长",
    "video_progress": "须在 result 扩展中给出进度 progress(0 到 1)",
    "video_threshold": "completion-threshold 须在 0 到 1 之间",
    "video_session": "session-id 须为 UUID(第 4 版)",
    "video_segments": "played-segments 须写作“起[.]止[,]起[.]止”,以秒计,不超出视频时长",
}
"""What each breach says to the person who must mend the player."""


class VideoFault(InvalidInput):
    """A statement claims the video profile and breaks it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, SENTENCES[reason])


@dataclass(frozen=True, slots=True)
class Watched:
    """What a statement says of a video.

    Args:
        word: the verb as people write it.
        length_ms: None where the statement need not say it.
        segments: in the order of watching; empty where none were told.
        progress: from 0 to 1, as written; None where none was told.
    """

    word: str
    length_ms: int | None
    segments: tuple[tuple[int, int], ...]
    progress: str | None


def claims_video(statement: Mapping[str, Any]) -> bool:
    """Return whether the statement says that it is one of the video profile."""
    activities = statement.get("context", {}).get("contextActivities", {}).get("category", [])
    return any(one["id"] == VIDEO for one in (activities if isinstance(activities, list) else [activities]))


def read_video(statement: Mapping[str, Any]) -> Watched:
    """Return what the statement says was watched.

    Raises:
        VideoFault: the first rule that it breaks.
    """
    included = _INCLUDED.get(statement["verb"]["id"])
    if included is None:
        raise VideoFault("video_verb")
    about = statement["object"]
    if about.get("objectType", "Activity") != "Activity" or about.get("definition", {}).get("type") != _TYPE:
        raise VideoFault("video_type")
    if "timestamp" not in statement:
        raise VideoFault("video_timestamp")
    context = statement.get("context", {}).get("extensions", {})
    result = statement.get("result", {}).get("extensions", {})
    length = _seconds(context, LENGTH, LENGTH in included[0], "video_length")
    for name in (TIME, FROM, TO):
        point = _seconds(result, name, name in included[1], "video_time")
        if point is not None and length is not None and point > length + _BEYOND_MS:
            raise VideoFault("video_time")
    progress = _share(result, PROGRESS, PROGRESS in included[1], "video_progress")
    _share(context, THRESHOLD, False, "video_threshold")
    # Some players tell the session among the results.
    session = context.get(SESSION, result.get(SESSION))
    if session is not None and not (isinstance(session, str) and _SESSION_FORM.fullmatch(session)):
        raise VideoFault("video_session")
    return Watched(
        word=statement["verb"]["id"].rpartition("/")[2],
        length_ms=length,
        segments=_segments(result, length),
        progress=None if progress is None else str(progress),
    )


def _seconds(extensions: Mapping[str, Any], name: str, included: bool, reason: str) -> int | None:
    """Return a time in whole milliseconds; None for one that is not there and need not be."""
    value = extensions.get(name)
    if value is None and not included:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_SECONDS:
        raise VideoFault(reason)
    milliseconds = round(value * 1000)
    if abs(value * 1000 - milliseconds) > 0.001:
        raise VideoFault(reason)  # more than three decimals
    return milliseconds


def _share(extensions: Mapping[str, Any], name: str, included: bool, reason: str) -> int | float | None:
    value = extensions.get(name)
    if value is None and not included:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise VideoFault(reason)
    return value


def _segments(result: Mapping[str, Any], length: int | None) -> tuple[tuple[int, int], ...]:
    text = result.get(PLAYED, "")
    if not isinstance(text, str):
        raise VideoFault("video_segments")
    try:
        segments = read_segments(text)
    except ValueError as error:
        raise VideoFault("video_segments") from error
    if length is not None and any(end > length + _BEYOND_MS for _start, end in segments):
        raise VideoFault("video_segments")
    return segments
