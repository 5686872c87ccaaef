"""Caliper 1.1 and 1.2 envelopes: read strictly, each event kept by allow-list.

A field that is not named here is never looked at: names, descriptions, extensions, client addresses end at the door.
Every IRI becomes a blind reference, since users' names and numbers stand in them; words are kept only if they are the
standard's own. A profile that is not about learning records is kept as unknown, not refused.

Source: 1EdTech Caliper Analytics Specification 1.1 (§3 profiles, §4 data model, §5 Sensor API: envelope, endpoint) and
1.2 (the same envelope, `dataVersion` v1p2, ToolLaunchEvent).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from bridge.intake.learning import UNKNOWN, Blind, LearningEvent, mark, strict_instant
from bridge.kernel.errors import InvalidInput

VERSIONS: Mapping[str, str] = {
    "http://purl.imsglobal.org/ctx/caliper/v1p1": "caliper-1.1",
    "http://purl.imsglobal.org/ctx/caliper/v1p2": "caliper-1.2",
}
MAX_ENVELOPE_BYTES = 1024 * 1024
MAX_EVENTS = 500
_MAX_IRI = 2048
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
"""The standard wants urn:uuid; Blackboard sends the bare UUID."""
_IRI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{0,30}:|_:)[^\s\x00-\x1f\x7f\ud800-\udfff<>\"{}|\\^`]+")
_SECONDS = re.compile(
    r"PT(?=[0-9])(?:([0-9]{1,3})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,7}(?:\.[0-9]{1,6})?)S)?", re.ASCII
)
_PEOPLE = frozenset({"Person", "Agent"})

_EVENTS_WORDS = """
    AnnotationEvent AssessmentEvent AssessmentItemEvent AssignableEvent Event FeedbackEvent ForumEvent
    GradeEvent MediaEvent MessageEvent NavigationEvent QuestionnaireEvent QuestionnaireItemEvent
    ResourceManagementEvent SearchEvent SessionEvent SurveyEvent SurveyInvitationEvent ThreadEvent
    ToolLaunchEvent ToolUseEvent ViewEvent
"""
EVENTS = frozenset(_EVENTS_WORDS.split())
_ACTIONS_WORDS = """
    Abandoned Accepted Activated Added Archived Attached Bookmarked ChangedResolution ChangedSize
    ChangedSpeed ChangedVolume Classified ClosedPopout Commented Completed Copied Created Deactivated
    Declined Deleted Described DisabledClosedCaptioning Disliked Downloaded EnabledClosedCaptioning
    Ended EnteredFullScreen ExitedFullScreen ForwardedTo Graded Hid Highlighted Identified JumpedTo
    Launched Liked Linked LoggedIn LoggedOut MarkedAsRead MarkedAsUnread Modified Muted NavigatedTo
    OpenedPopout OptedIn OptedOut Paused Posted Printed Published Questioned Ranked Recommended Removed
    Reset Restarted Restored Resumed Retracted Retrieved Returned Reviewed Rewound Saved Searched Sent
    Shared Showed Skipped Started Submitted Subscribed Tagged TimedOut Unmuted Unpublished Unsubscribed
    Uploaded Used Viewed
"""
ACTIONS = frozenset(_ACTIONS_WORDS.split())
_ENTITIES_WORDS = """
    Agent Annotation Assessment AssessmentItem AssignableDigitalResource Attempt AudioObject
    BookmarkAnnotation Chapter Collection Comment CourseOffering CourseSection DigitalResource
    DigitalResourceCollection Document Entity EpubChapter EpubPart EpubSubChapter EpubVolume Forum Frame
    Group HighlightAnnotation ImageObject LearningObjective Link LtiLink LtiSession MediaLocation
    MediaObject Membership Message Organization Page Person Query Question Questionnaire
    QuestionnaireItem Rating Reading Response Result Score SearchResponse Session SharedAnnotation
    SoftwareApplication Survey SurveyInvitation TagAnnotation Thread VideoObject WebPage
"""
ENTITIES = frozenset(_ENTITIES_WORDS.split())


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope whose events nothing has looked at yet.

    Args:
        sensor: as it came; it is compared, and never kept.
    """

    sensor: str
    form: str
    data: tuple[Any, ...]


def read_envelope(value: Any, now: datetime) -> Envelope:
    """Return the envelope in decoded JSON.

    Raises:
        InvalidInput: envelope_malformed, version_unknown, sensor_malformed, instant_malformed,
            occurred_in_future, events_count (422).
    """
    if not isinstance(value, dict):
        raise InvalidInput("envelope_malformed", "请求内容应为 Caliper 信封(JSON 对象)", http_status=422)
    version = value.get("dataVersion")
    form = VERSIONS.get(version) if isinstance(version, str) else None
    if form is None:
        raise InvalidInput(
            "version_unknown", "dataVersion 不受支持,应为 Caliper v1p1 或 v1p2 的网址", http_status=422
        )
    sensor = value.get("sensor")
    if not isinstance(sensor, str) or not _is_iri(sensor):
        raise InvalidInput("sensor_malformed", "sensor 应为 IRI", http_status=422)
    strict_instant(value.get("sendTime"), "sendTime", now)
    data = value.get("data")
    if not isinstance(data, list) or not 1 <= len(data) <= MAX_EVENTS:
        raise InvalidInput("events_count", f"data 须含 1–{MAX_EVENTS} 个事件", http_status=422)
    return Envelope(sensor, form, tuple(data))


def is_described_entity(value: Any) -> bool:
    """Return whether an item of `data` describes an entity: a sensor may send both, and only events are records."""
    return isinstance(value, dict) and not {"action", "eventTime", "actor"} & value.keys()


def id_of(value: Any) -> str | None:
    """Return the id under which an event's verdict is told; None for one that has none of the standard's form."""
    found = value.get("id") if isinstance(value, dict) else None
    match = _UUID.fullmatch(found) if isinstance(found, str) else None
    return None if match is None else f"urn:uuid:{match[1].lower()}"


def read_event(value: Any, form: str, blind: Blind, now: datetime) -> LearningEvent:
    """Return the event as it is kept.

    Raises:
        InvalidInput: event_malformed, event_id_malformed, field_missing, entity_malformed, instant_malformed,
            occurred_in_future (422).
    """
    if not isinstance(value, dict):
        raise InvalidInput("event_malformed", "data 中的事件应为 JSON 对象", http_status=422)
    key = id_of(value)
    if key is None:
        raise InvalidInput("event_id_malformed", "事件的 id 应为 urn:uuid", http_status=422)
    event, action = (_word(value, name) for name in ("type", "action"))
    actor, about = _Entity.of(value, "actor"), _Entity.of(value, "object")
    made, group = _Entity.of(value, "generated", needed=False), _Entity.of(value, "group", needed=False)
    target = _Entity.of(value, "target", needed=False)
    attempt = next((one for one in (about, made) if one is not None and one.type == "Attempt"), None)
    if attempt is None and made is not None:
        attempt = made.inner("attempt")
    graded = made if made is not None and made.type in ("Score", "Result") else None
    assignee = None if attempt is None else attempt.inner("assignee")
    thing = about.inner("assignable") if about.type == "Attempt" else None
    thing = thing or about
    # Without a type an actor is the standard's usual one, a person.
    is_person = actor.type is None or actor.type in _PEOPLE
    learner = assignee or (actor if is_person else None)
    return LearningEvent(
        form=form,
        event=event if event in EVENTS else UNKNOWN,
        action=action if action in ACTIONS else UNKNOWN,
        key=key,
        occurred_at=strict_instant(value.get("eventTime"), "eventTime", now),
        actor=blind(actor.iri),
        learner=None if learner is None else blind(learner.iri),
        object=blind(thing.iri),
        object_type=thing.word,
        context=None if group is None else blind(group.iri),
        attempt=None if attempt is None else blind(attempt.iri),
        score=None if graded is None else mark(graded.value.get("scoreGiven")),
        maximum=None if graded is None else mark(graded.value.get("maxScore")),
        position_ms=None if target is None else _milliseconds(target.value.get("currentTime")),
    )


@dataclass(frozen=True, slots=True)
class _Entity:
    """An entity as it came: its IRI, its type, and the rest of it."""

    iri: str
    type: str | None
    value: Mapping[str, Any]

    @staticmethod
    def of(event: Mapping[str, Any], name: str, *, needed: bool = True) -> Any:
        """Return the entity in a property, which may be an IRI alone; None if there is none and none is needed."""
        found = event.get(name)
        if found is None:
            if needed:
                raise InvalidInput("field_missing", f"事件缺少 {name}", http_status=422)
            return None
        value = found if isinstance(found, dict) else {"id": found}
        iri, type_ = value.get("id"), value.get("type")
        if not isinstance(iri, str) or not _is_iri(iri) or not isinstance(type_, str | None):
            raise InvalidInput("entity_malformed", f"{name} 应为 IRI,或带有 id 的对象", http_status=422)
        return _Entity(iri, type_, value)

    @property
    def word(self) -> str | None:
        """The type as it is kept."""
        return None if self.type is None else self.type if self.type in ENTITIES else UNKNOWN

    def inner(self, name: str) -> "_Entity | None":
        """Return the entity in a property of this one."""
        found: _Entity | None = _Entity.of(self.value, name, needed=False)
        return found


def _word(event: Mapping[str, Any], name: str) -> str:
    found = event.get(name)
    if not isinstance(found, str) or not found:
        raise InvalidInput("field_missing", f"事件缺少 {name}", http_status=422)
    return found


def _is_iri(text: str) -> bool:
    return len(text) <= _MAX_IRI and _IRI.fullmatch(text) is not None


def _milliseconds(duration: Any) -> int | None:
    found = _SECONDS.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        return None
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return int(((hours * 60 + minutes) * 60 + seconds) * 1000)
