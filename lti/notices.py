"""Platform Notification Service 1.0: what a platform tells the tool without a browser, signed, a hundred at a time.

A notice has the same key, `typ` and audience as a launch, so the two are told apart by what they say: a notice has
the claim `notice` and no message type, a launch the reverse (RFC 8725 §3.12).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lti.claims import (
    CONTEXT,
    DEPLOYMENT_ID,
    ID_CHARACTERS,
    LTI_VERSION,
    MESSAGE_TYPE,
    NOTICE,
    VERSION,
    Context,
    NotificationService,
    identifier,
    read_context,
    texts,
    without_accounts,
)
from lti.clock import epoch_seconds
from lti.contact import strip_contact_claims
from lti.errors import LaunchRefused, ServiceFailed
from lti.jose import verify_signed
from lti.launch import check_audience
from lti.registration import Registration
from lti.services import JSON, ServiceCall
from lti.strict_json import parse_object
from lti.times import check_times
from lti.tool import LtiTool

HELLO_WORLD = "LtiHelloWorldNotice"
CONTEXT_COPY = "LtiContextCopyNotice"
KNOWN_NOTICES = frozenset({HELLO_WORLD, CONTEXT_COPY})

ORIGIN_CONTEXTS = "https://purl.imsglobal.org/spec/lti/claim/origin_contexts"
NOTICE_HANDLERS_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"

MAX_NOTICES = 100
MAX_BODY_BYTES = 2 << 20
# Platforms that try again sign anew, so an old signature is a replay; Canvas lets its notices live for an hour.
_MAX_AGE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Notice:
    """One verified notice. Act once for each (registration, id): platforms send again, with another signature.

    Args:
        id: unique by platform; the same in each repetition.
        type: the standard's name; whether it is in `KNOWN_NOTICES` is for the caller to ask.
        happened_at: when the thing happened at the platform, UTC; not when it was signed.
        context: the course that it is about; for a copy, the new one.
        origin_contexts: ids of the courses that were copied from.
        raw: all claims but contact data, citizen ids, `sub` and `user_id`.
        sha256: of the compact form, hexadecimal.
    """

    registration: Registration
    id: str
    type: str
    happened_at: datetime
    deployment_id: str
    context: Context | None
    origin_contexts: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False)
    sha256: str

    @property
    def known(self) -> bool:
        """Whether this library knows what the type means; the others are only reported."""
        return self.type in KNOWN_NOTICES


@dataclass(frozen=True, slots=True)
class RefusedNotice:
    """A notice that is not believed: its place in the batch, from 0, and why."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class NoticeBatch:
    """What came in one request. Answer 2xx once `notices` are kept: most platforms never send again."""

    notices: tuple[Notice, ...]
    refused: tuple[RefusedNotice, ...]


def verify_notices(
    tool: LtiTool, registration: Registration, body: bytes, *, max_age_seconds: int = _MAX_AGE_SECONDS
) -> NoticeBatch:
    """Return the notices in `body`, the request of a platform to the handler address of `registration`.

    One notice that is wrong never spoils the others.

    Raises:
        LaunchRefused: request_too_large, notices_malformed, notices_too_many; insecure_transport.

    Source: Platform Notification Service 1.0 §3 (notices), §4 (handlers).
    """
    tool.require_transport(registration)
    if len(body) > MAX_BODY_BYTES:
        raise LaunchRefused("request_too_large")
    try:
        sent = parse_object(body).get("notices")
    except ValueError:
        raise LaunchRefused("notices_malformed") from None
    if not isinstance(sent, list):
        raise LaunchRefused("notices_malformed")
    if len(sent) > MAX_NOTICES:
        raise LaunchRefused("notices_too_many")
    notices: list[Notice] = []
    refused: list[RefusedNotice] = []
    for position, each in enumerate(sent):
        try:
            notices.append(_verify(tool, registration, each, max_age_seconds))
        except LaunchRefused as refusal:
            refused.append(RefusedNotice(position, refusal.reason))
    return NoticeBatch(tuple(notices), tuple(refused))


def _verify(tool: LtiTool, registration: Registration, each: Any, max_age_seconds: int) -> Notice:
    token = each.get("jwt") if isinstance(each, dict) else None
    if not isinstance(token, str):
        raise LaunchRefused("token_missing")
    signed = verify_signed(token, registration, tool.platform_keys)
    payload = signed.payload
    if signed.typ.upper() not in ("", "JWT") or MESSAGE_TYPE in payload:
        raise LaunchRefused("token_type_wrong")
    if payload.get("iss") != registration.issuer:
        raise LaunchRefused("issuer_mismatch")
    check_audience(payload, registration.client_id)
    check_times(
        payload,
        epoch_seconds(tool.clock),
        leeway_seconds=tool.leeway_seconds,
        max_age_seconds=max_age_seconds,
    )
    nonce = payload.get("nonce")
    if not isinstance(nonce, str) or not 0 < len(nonce) <= ID_CHARACTERS:
        raise LaunchRefused("nonce_missing")
    if payload.get(VERSION) != LTI_VERSION:
        raise LaunchRefused("version_unsupported")
    deployment_id = identifier(payload.get(DEPLOYMENT_ID), "deployment_id_missing", "deployment_id_invalid")
    if deployment_id not in registration.deployment_ids:
        raise LaunchRefused("deployment_unknown")
    return _read(registration, payload, deployment_id, signed.sha256)


def _read(registration: Registration, payload: Mapping[str, Any], deployment_id: str, sha256: str) -> Notice:
    told = payload.get(NOTICE)
    if not isinstance(told, dict):
        raise LaunchRefused("notice_missing")
    try:
        clean = strip_contact_claims(payload).claims
        happened_at = datetime.fromisoformat(str(told.get("timestamp")))
    except ValueError:
        raise LaunchRefused("notice_missing") from None
    if happened_at.tzinfo is None:
        raise LaunchRefused("notice_missing")
    return Notice(
        registration=registration,
        id=identifier(told.get("id"), "notice_missing", "notice_missing"),
        type=identifier(told.get("type"), "notice_missing", "notice_missing"),
        happened_at=happened_at.astimezone(UTC),
        deployment_id=deployment_id,
        context=read_context(clean.get(CONTEXT)),
        origin_contexts=texts(payload.get(ORIGIN_CONTEXTS)),
        raw=without_accounts(clean),
        sha256=sha256,
    )


@dataclass(frozen=True, slots=True)
class NoticeHandler:
    """Where a platform sends notices of one type; "" is nowhere."""

    notice_type: str
    url: str


class NoticeHandlers:
    """Tells platforms where notices go. No token leaves for a foreign address."""

    def __init__(self, calls: ServiceCall) -> None:
        self._calls = calls

    def put(self, registration: Registration, service: NotificationService, handler: NoticeHandler) -> None:
        """Register `handler` (one for each type; its host must be the tool's own), or with url "" take it away.

        Raises:
            ServiceFailed: notice_type_not_offered (nothing was sent), service_host_foreign, notice_handler_refused,
                platform_error, or what `lti.services.ServiceCall.send` raises.

        Source: Platform Notification Service 1.0 §5.
        """
        if handler.notice_type not in service.notice_types:
            raise ServiceFailed("notice_type_not_offered")
        document: dict[str, Any] = {"notice_type": handler.notice_type, "handler": handler.url}
        if handler.url:
            document["max_batch_size"] = MAX_NOTICES
        reply = self._calls.send(
            registration,
            "PUT",
            service.url,
            frozenset({NOTICE_HANDLERS_SCOPE}),
            content_type=JSON,
            document=document,
        )
        self._calls.accepted(reply, "notice_handler_refused")

    def read(self, registration: Registration, service: NotificationService) -> tuple[NoticeHandler, ...]:
        """Return what the platform has noted.

        Raises:
            ServiceFailed: as `put`; reply_not_json.
        """
        reply = self._calls.send(registration, "GET", service.url, frozenset({NOTICE_HANDLERS_SCOPE}))
        answer = self._calls.accepted(reply, "notice_handler_refused").json()
        noted = answer.get("notice_handlers") if isinstance(answer, dict) else None
        if not isinstance(noted, list):
            raise ServiceFailed("reply_not_json", status=reply.status)
        found = [
            NoticeHandler(each["notice_type"], each["handler"])
            for each in noted
            if isinstance(each, dict)
            and isinstance(each.get("notice_type"), str)
            and isinstance(each.get("handler"), str)
        ]
        return tuple(found)
