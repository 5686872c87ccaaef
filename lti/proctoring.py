"""Proctoring Services 1.0, the tool's side: check the person before a test, let it start, and act while it runs.

The platform sends LtiStartProctoring; the tool makes its checks and answers with LtiStartAssessment through the
browser; at the end the platform may send LtiEndAssessment. Meanwhile the tool reports what it sees to the
Assessment Control Service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from lti.claims import RESOURCE_LINK, TEXT_CHARACTERS, URL_CHARACTERS, LaunchClaims, ResourceLink
from lti.errors import LaunchRefused, ServiceFailed
from lti.registration import Registration
from lti.services import ServiceCall
from lti.tool import LtiTool
from lti.tool_messages import BrowserPost, sign_tool_message

START_PROCTORING = "LtiStartProctoring"
START_ASSESSMENT = "LtiStartAssessment"
END_ASSESSMENT = "LtiEndAssessment"

_CLAIM = "https://purl.imsglobal.org/spec/lti-ap/claim/"
START_ASSESSMENT_URL = _CLAIM + "start_assessment_url"
SESSION_DATA = _CLAIM + "session_data"
ATTEMPT_NUMBER = _CLAIM + "attempt_number"
ACS = _CLAIM + "acs"
PROCTORING_SETTINGS = _CLAIM + "proctoring_settings"
VERIFIED_USER = _CLAIM + "verified_user"
END_ASSESSMENT_RETURN = _CLAIM + "end_assessment_return"
ERROR_MESSAGE = _CLAIM + "errormsg"
ERROR_LOG = _CLAIM + "errorlog"

CONTROL_SCOPE = "https://purl.imsglobal.org/spec/lti-ap/scope/control.all"
_CONTROL_TYPE = "application/vnd.ims.lti-ap.v1.control+json"

_OPAQUE_CHARACTERS = 32768
_ATTEMPT_DIGITS = 18
_MAX_ACTIONS = 20
_REASON_CHARACTERS = 255


class Action(StrEnum):
    """What the tool may ask of a running assessment (§5.2)."""

    FLAG = "flag"
    PAUSE = "pause"
    RESUME = "resume"
    TERMINATE = "terminate"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class ControlEndpoint:
    """Where actions go, and which the platform offers; `AssessmentControl` checks the host before use."""

    url: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartProctoring:
    """A person is about to take a test, and the tool is to check who and where they are first.

    Args:
        deployment_id: repeated in the answer.
        start_assessment_url: where the answer goes; lies on the platform's own origins.
        session_data: to be sent back unchanged; opaque, and a secret of the platform against forged answers.
        attempt_number: as sent (Open edX: a number, others: digits), since it goes back as it came.
        resource_link: the test; goes back as well.
        control: where actions go while the test runs; None if the platform takes none.
        settings: what the tool left with the platform when the test was made (deep linking); opaque.
        given_name, family_name: as the platform knows the person.
    """

    deployment_id: str
    start_assessment_url: str
    session_data: str = field(repr=False)
    attempt_number: int | str
    resource_link: ResourceLink
    control: ControlEndpoint | None = None
    settings: str | None = field(default=None, repr=False)
    given_name: str | None = field(default=None, repr=False)
    family_name: str | None = field(default=None, repr=False)

    @property
    def attempt(self) -> int:
        """The attempt's number, from 0."""
        return int(self.attempt_number)

    def to_json(self) -> dict[str, Any]:
        """Return what a session keeps while the checks run; `from_json` reads it back."""
        kept: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        link, control = self.resource_link, self.control
        kept["resource_link"] = {"id": link.id, "title": link.title, "description": link.description}
        kept["control"] = control and {"url": control.url, "actions": list(control.actions)}
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "StartProctoring":
        """Return the message that `to_json` gave; only for what the tool itself has kept."""
        control = kept["control"]
        return cls(
            **{
                **kept,
                "resource_link": ResourceLink(**kept["resource_link"]),
                "control": control and ControlEndpoint(control["url"], tuple(control["actions"])),
            }
        )


@dataclass(frozen=True, slots=True)
class EndAssessment:
    """A test is over at the platform.

    Args:
        attempt_number: as sent.
        resource_link: the test; None where the platform does not repeat it (the standard does not ask for it).
        error_message, error_log: why it ended early, in the platform's words; for people and for the log.
    """

    attempt_number: int | str
    resource_link: ResourceLink | None
    error_message: str | None = field(default=None, repr=False)
    error_log: str | None = field(default=None, repr=False)

    @property
    def attempt(self) -> int:
        """The attempt's number, from 0."""
        return int(self.attempt_number)


def _required_text(payload: Mapping[str, Any], name: str, limit: int, reason: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise LaunchRefused(reason)
    return value


def _attempt_number(payload: Mapping[str, Any]) -> int | str:
    value = payload.get(ATTEMPT_NUMBER)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_ATTEMPT_DIGITS:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _ATTEMPT_DIGITS:
        return value
    raise LaunchRefused("attempt_number_invalid")


def _control(payload: Mapping[str, Any]) -> ControlEndpoint | None:
    value = payload.get(ACS)
    if value is None:
        return None
    url, actions = (
        (value.get("assessment_control_url"), value.get("actions")) if isinstance(value, dict) else ("", 0)
    )
    if not isinstance(url, str) or not 0 < len(url) <= URL_CHARACTERS:
        raise LaunchRefused("assessment_control_invalid")
    if not isinstance(actions, list) or len(actions) > _MAX_ACTIONS:
        raise LaunchRefused("assessment_control_invalid")
    if not all(isinstance(each, str) for each in actions):
        raise LaunchRefused("assessment_control_invalid")
    return ControlEndpoint(url, tuple(actions))


def _settings(payload: Mapping[str, Any]) -> str | None:
    value = payload.get(PROCTORING_SETTINGS)
    if value is None:
        return None
    data = value.get("data") if isinstance(value, dict) else 0
    if data is not None and (not isinstance(data, str) or len(data) > _OPAQUE_CHARACTERS):
        raise LaunchRefused("proctoring_settings_invalid")
    return data


def read_start_proctoring(
    payload: Mapping[str, Any], claims: LaunchClaims, registration: Registration
) -> StartProctoring:
    """Return the message in a launch's `payload`.

    Raises:
        LaunchRefused: start_assessment_url_invalid, start_assessment_url_foreign, session_data_invalid,
            attempt_number_invalid, resource_link_missing, assessment_control_invalid, proctoring_settings_invalid.

    Source: Proctoring Services 1.0 §4.3.1.
    """
    url = _required_text(payload, START_ASSESSMENT_URL, URL_CHARACTERS, "start_assessment_url_invalid")
    if not registration.owns(url):
        raise LaunchRefused("start_assessment_url_foreign")
    # Opaque values come from the payload, not from the cleaned claims: they have to go back as they came.
    session_data = _required_text(payload, SESSION_DATA, _OPAQUE_CHARACTERS, "session_data_invalid")
    attempt_number = _attempt_number(payload)
    if claims.resource_link is None:
        raise LaunchRefused("resource_link_missing")
    return StartProctoring(
        deployment_id=claims.deployment_id,
        start_assessment_url=url,
        session_data=session_data,
        attempt_number=attempt_number,
        resource_link=claims.resource_link,
        control=_control(payload),
        settings=_settings(payload),
        given_name=claims.given_name,
        family_name=claims.family_name,
    )


def read_end_assessment(payload: Mapping[str, Any], claims: LaunchClaims) -> EndAssessment:
    """Return the message in a launch's `payload`.

    Raises:
        LaunchRefused: attempt_number_invalid, claim_malformed.

    Source: Proctoring Services 1.0 §4.3.3.
    """
    said = [claims.raw.get(name) for name in (ERROR_MESSAGE, ERROR_LOG)]
    for each in said:
        if each is not None and (not isinstance(each, str) or len(each) > TEXT_CHARACTERS):
            raise LaunchRefused("claim_malformed")
    return EndAssessment(_attempt_number(payload), claims.resource_link, *said)


def start_assessment_jwt(
    tool: LtiTool,
    registration: Registration,
    message: StartProctoring,
    *,
    name_verified: bool = False,
    end_assessment_return: bool = True,
) -> BrowserPost:
    """Return the signed permission to start the test of `message`, for the browser to post.

    The standard's `verified_user` may hold whatever the tool has found out. Here it holds the platform's own two
    names at most: what the bridge knows beyond them (the citizen id, the name on the card, a picture) is none of the
    platform's business, and contact data is kept by nobody.

    Args:
        registration: of the launch that brought `message`.
        name_verified: the person proved to bear the names that the platform sent; sends them back as verified.
        end_assessment_return: asks for LtiEndAssessment when the test is over.

    Raises:
        LaunchRefused: return_url_foreign.

    Source: Proctoring Services 1.0 §4.3.2.
    """
    link = message.resource_link
    told = {"id": link.id, "title": link.title, "description": link.description}
    claims: dict[str, Any] = {
        SESSION_DATA: message.session_data,
        ATTEMPT_NUMBER: message.attempt_number,
        RESOURCE_LINK: {name: value for name, value in told.items() if value is not None},
        END_ASSESSMENT_RETURN: end_assessment_return,
    }
    if name_verified:
        names = {"given_name": message.given_name, "family_name": message.family_name}
        claims[VERIFIED_USER] = {name: value for name, value in names.items() if value}
    return sign_tool_message(
        tool, registration, START_ASSESSMENT, message.deployment_id, message.start_assessment_url, claims
    )


@dataclass(frozen=True, slots=True)
class Control:
    """One action on one person's attempt.

    Args:
        user_sub: the launch's `sub`.
        incident_time: when it was seen, aware.
        incident_severity: 0 (nothing) … 1 (certain); exact.
        reason_code: ours, for machines.
        reason_message: for people; without names and numbers of persons.
        extra_time_minutes: granted on top; for `update` and `resume` alone.

    Raises:
        ValueError: a value outside of what is said here.
    """

    user_sub: str = field(repr=False)
    resource_link_id: str
    attempt_number: int
    action: Action
    incident_time: datetime
    incident_severity: Decimal
    reason_code: str | None = None
    reason_message: str | None = None
    extra_time_minutes: int | None = None

    def __post_init__(self) -> None:
        if self.incident_time.tzinfo is None:
            raise ValueError("incident_time is aware")
        if not 0 <= self.incident_severity <= 1:
            raise ValueError("incident_severity is between 0 and 1")
        if any(len(each or "") > _REASON_CHARACTERS for each in (self.reason_code, self.reason_message)):
            raise ValueError(f"a reason has at most {_REASON_CHARACTERS} characters")
        if self.extra_time_minutes is not None and (
            self.extra_time_minutes <= 0 or self.action not in (Action.UPDATE, Action.RESUME)
        ):
            raise ValueError("extra time is above 0 and belongs to update or resume")


@dataclass(frozen=True, slots=True)
class ControlReply:
    """How the attempt stands after the action.

    Args:
        status: none, running, paused, terminated or complete.
        extra_time_minutes: what the platform granted in all; None where it does not say.
    """

    status: str
    extra_time_minutes: int | None


_STATUSES = frozenset({"none", "running", "paused", "terminated", "complete"})


class AssessmentControl:
    """The Assessment Control Service of the platforms. No token leaves for a foreign address."""

    def __init__(self, calls: ServiceCall) -> None:
        self._calls = calls

    def act(self, registration: Registration, endpoint: ControlEndpoint, control: Control) -> ControlReply:
        """Carry out `control` and return how the attempt stands.

        Raises:
            ServiceFailed: control_not_offered (nothing was sent), service_host_foreign, control_refused,
                platform_error, reply_not_json, or what `lti.services.ServiceCall.send` raises.

        Source: Proctoring Services 1.0 §5.
        """
        if control.action not in endpoint.actions:
            raise ServiceFailed("control_not_offered")
        reply = self._calls.send(
            registration,
            "POST",
            endpoint.url,
            frozenset({CONTROL_SCOPE}),
            accept=_CONTROL_TYPE,
            content_type=_CONTROL_TYPE,
            document=_document(registration, control),
        )
        return _reply(self._calls.accepted(reply, "control_refused").json())


def _document(registration: Registration, control: Control) -> dict[str, Any]:
    at = control.incident_time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told: dict[str, Any] = {
        "user": {"iss": registration.issuer, "sub": control.user_sub},
        "resource_link": {"id": control.resource_link_id},
        "attempt_number": control.attempt_number,
        "action": control.action.value,
        "incident_time": at,
        "incident_severity": float(control.incident_severity),
        "reason_code": control.reason_code,
        "reason_msg": control.reason_message,
        "extra_time": control.extra_time_minutes,
    }
    return {name: value for name, value in told.items() if value is not None}


def _reply(answer: Any) -> ControlReply:
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, str) or status not in _STATUSES:
        raise ServiceFailed("reply_not_json")
    extra = answer.get("extra_time")
    if extra is not None and (not isinstance(extra, int) or isinstance(extra, bool)):
        raise ServiceFailed("reply_not_json")
    return ControlReply(status, extra)
