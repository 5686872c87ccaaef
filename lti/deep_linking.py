"""Deep Linking 2.0: a teacher chooses what of the tool stands in the course, and the choice goes back signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Literal

from lti.claims import ID_CHARACTERS, TEXT_CHARACTERS, URL_CHARACTERS, LaunchClaims
from lti.errors import LaunchRefused
from lti.registration import Origin, Registration, origin_of
from lti.tool import LtiTool
from lti.tool_messages import BrowserPost, sign_tool_message

DEEP_LINKING_REQUEST = "LtiDeepLinkingRequest"
DEEP_LINKING_RESPONSE = "LtiDeepLinkingResponse"

_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/"
DEEP_LINKING_SETTINGS = _CLAIM + "deep_linking_settings"
CONTENT_ITEMS = _CLAIM + "content_items"
DATA = _CLAIM + "data"

_DATA_CHARACTERS = 32768
_MAX_TYPES = 100
_MAX_ITEMS = 100


@dataclass(frozen=True, slots=True)
class DeepLinkingRequest:
    """A platform asks for content; it stays good for one response, in the session of the teacher who was sent.

    Args:
        deployment_id: repeated in the response.
        return_url: where the response goes; lies on the platform's own origins.
        accept_types, accept_targets, accept_media_types: what the platform takes, in its own words.
        accept_multiple: more than one item may come back; False where the platform does not say.
        accept_lineitem: items may bring a line item; None where the platform does not say.
        auto_create: the platform saves the items without asking the teacher again.
        title, text: what the platform proposes to call the item.
        data: to be sent back unchanged; opaque.
    """

    deployment_id: str
    return_url: str
    accept_types: tuple[str, ...]
    accept_targets: tuple[str, ...]
    accept_media_types: tuple[str, ...] = ()
    accept_multiple: bool = False
    accept_lineitem: bool | None = None
    auto_create: bool = False
    title: str | None = None
    text: str | None = None
    data: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return what a session keeps between launch and choice; `from_json` reads it back."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "DeepLinkingRequest":
        """Return the request that `to_json` gave; only for what the tool itself has kept."""
        lists = ("accept_types", "accept_targets", "accept_media_types")
        members: dict[str, Any] = {**kept, **{name: tuple(kept[name]) for name in lists}}
        return cls(**members)


@dataclass(frozen=True, slots=True)
class LineItem:
    """The column in the gradebook that a link brings with it (AGS 2.0 §3.2).

    Args:
        score_maximum: exact, above 0.
        resource_id, tag: ours, to find the column again.

    Raises:
        ValueError: no label, or a maximum that is not above 0.
    """

    label: str
    score_maximum: Fraction
    resource_id: str | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        if not self.label or self.score_maximum <= 0:
            raise ValueError("a line item has a label and a maximum above 0")


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when, UTC; None where it is open.

    Raises:
        ValueError: an instant without time zone, or an end that is not after the start.
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if any(instant is not None and instant.tzinfo is None for instant in (self.start, self.end)):
            raise ValueError("instants of a window are aware")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("a window ends after it starts")


@dataclass(frozen=True, slots=True)
class LtiResourceLinkItem:
    """A link that launches the tool.

    What the link is for belongs into `custom`: Open edX starts each login with the tool's default address, so a
    launch of an item with another `url` would not be the one that the login asked for.

    Args:
        custom: parameters that come back with each launch.
        url: becomes the link's target_link_uri; lies on the tool's own origin. None: the tool's default address.
        available, submission: when learners may open it, and hand in.
        target: where the platform should open it; None leaves that to the platform.
    """

    title: str
    custom: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    text: str | None = None
    line_item: LineItem | None = None
    available: Window | None = None
    submission: Window | None = None
    target: Literal["iframe", "window"] | None = None


@dataclass(frozen=True, slots=True)
class LinkItem:
    """A plain web link to a public page; no launch, no person."""

    title: str
    url: str
    text: str | None = None


ContentItem = LtiResourceLinkItem | LinkItem


def read_deep_linking_request(
    payload: Mapping[str, Any], claims: LaunchClaims, registration: Registration
) -> DeepLinkingRequest:
    """Return the request in a launch's `payload`.

    Raises:
        LaunchRefused: deep_linking_settings_invalid, deep_link_return_url_invalid, deep_link_return_url_foreign,
            accept_types_invalid, document_targets_invalid.

    Source: Deep Linking 2.0 §4.4.1.
    """
    # From the payload, not from the cleaned claims: `data` has to go back as it came.
    settings = payload.get(DEEP_LINKING_SETTINGS)
    if not isinstance(settings, dict):
        raise LaunchRefused("deep_linking_settings_invalid")
    url = settings.get("deep_link_return_url")
    if not isinstance(url, str) or not 0 < len(url) <= URL_CHARACTERS:
        raise LaunchRefused("deep_link_return_url_invalid")
    if not registration.owns(url):
        raise LaunchRefused("deep_link_return_url_foreign")
    types = _names(settings.get("accept_types"), "accept_types_invalid")
    targets = _names(settings.get("accept_presentation_document_targets"), "document_targets_invalid")
    cleaned = claims.raw[DEEP_LINKING_SETTINGS]
    return DeepLinkingRequest(
        deployment_id=claims.deployment_id,
        return_url=url,
        accept_types=types,
        accept_targets=targets,
        accept_media_types=_media_types(settings.get("accept_media_types")),
        accept_multiple=_flag(settings.get("accept_multiple")) or False,
        accept_lineitem=_flag(settings.get("accept_lineitem")),
        auto_create=_flag(settings.get("auto_create")) or False,
        title=_setting(cleaned.get("title"), TEXT_CHARACTERS),
        text=_setting(cleaned.get("text"), TEXT_CHARACTERS),
        data=_setting(settings.get("data"), _DATA_CHARACTERS),
    )


def _names(value: Any, reason: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_TYPES:
        raise LaunchRefused(reason)
    if not all(isinstance(each, str) and each for each in value):
        raise LaunchRefused(reason)
    return tuple(value)


def _setting(value: Any, limit: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise LaunchRefused("deep_linking_settings_invalid")
    return value


def _flag(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise LaunchRefused("deep_linking_settings_invalid")
    return value


def _media_types(value: Any) -> tuple[str, ...]:
    return tuple(each.strip() for each in (_setting(value, TEXT_CHARACTERS) or "").split(",") if each.strip())


def deep_linking_response_jwt(
    tool: LtiTool,
    registration: Registration,
    request: DeepLinkingRequest,
    items: Sequence[ContentItem],
    *,
    message: str | None = None,
    log: str | None = None,
    error_message: str | None = None,
    error_log: str | None = None,
) -> BrowserPost:
    """Return the signed answer to `request`, for the browser to post; no items mean that nothing was chosen.

    Args:
        registration: of the launch that brought `request`.
        message, error_message: what the platform may show the teacher.
        log, error_log: what the platform may write down.

    Raises:
        LaunchRefused: content_items_too_many, content_type_not_accepted, lineitem_not_accepted,
            document_target_not_accepted, content_item_invalid, content_item_foreign; return_url_foreign.

    Source: Deep Linking 2.0 §4.5, §3 (content items).
    """
    if len(items) > (_MAX_ITEMS if request.accept_multiple else 1):
        raise LaunchRefused("content_items_too_many")
    said = {"msg": message, "log": log, "errormsg": error_message, "errorlog": error_log}
    claims: dict[str, Any] = {CONTENT_ITEMS: [_item(tool, request, item) for item in items]}
    if request.data is not None:
        claims[DATA] = request.data
    claims.update({_CLAIM + name: text for name, text in said.items() if text is not None})
    return sign_tool_message(
        tool, registration, DEEP_LINKING_RESPONSE, request.deployment_id, request.return_url, claims
    )


def _item(tool: LtiTool, request: DeepLinkingRequest, item: ContentItem) -> dict[str, Any]:
    content_type = "ltiResourceLink" if isinstance(item, LtiResourceLinkItem) else "link"
    if content_type not in request.accept_types:
        raise LaunchRefused("content_type_not_accepted")
    if not 0 < len(item.title) <= ID_CHARACTERS or len(item.text or "") > TEXT_CHARACTERS:
        raise LaunchRefused("content_item_invalid")
    origin = _origin(item.url)
    told = _without_none({"type": content_type, "url": item.url, "title": item.title, "text": item.text})
    if isinstance(item, LinkItem):
        return told
    # A launch goes to this address with a person's identity: it must be ours.
    if origin is not None and origin != origin_of(tool.public_url):
        raise LaunchRefused("content_item_foreign")
    if item.line_item is not None:
        if request.accept_lineitem is False:
            raise LaunchRefused("lineitem_not_accepted")
        told["lineItem"] = _line_item(item.line_item)
    if item.target is not None:
        if item.target not in request.accept_targets:
            raise LaunchRefused("document_target_not_accepted")
        told[item.target] = {"targetName": "_blank"} if item.target == "window" else {}
    if item.custom:
        told["custom"] = dict(item.custom)
    for name, window in (("available", item.available), ("submission", item.submission)):
        if window is not None:
            told[name] = _without_none(
                {"startDateTime": _instant(window.start), "endDateTime": _instant(window.end)}
            )
    return told


def _origin(url: str | None) -> Origin | None:
    if url is None:
        return None
    try:
        if len(url) <= URL_CHARACTERS:
            return origin_of(url)
    except ValueError:
        pass
    raise LaunchRefused("content_item_invalid")


def _line_item(item: LineItem) -> dict[str, Any]:
    maximum = item.score_maximum
    return _without_none(
        {
            "label": item.label,
            # JSON has no fractions: the one rounding, at the very end.
            "scoreMaximum": maximum.numerator if maximum.denominator == 1 else float(maximum),
            "resourceId": item.resource_id,
            "tag": item.tag,
        }
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
