"""The doors' use cases: a launch, a signed message. Each is checked, stripped, chained, and then told on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.intake import webhook
from bridge.intake.contact import without_contact_data
from bridge.intake.model import (
    ACTIVITY,
    CONTACT_SCAN,
    PING,
    SCORE,
    SIGNAL,
    ActivityClaim,
    ContactScanClaim,
    PingClaim,
    ScoreClaim,
    SignalClaim,
    WebhookMessage,
)
from bridge.intake.normalisers import EventClaim, normalise, tell
from bridge.intake.ports import Inbox, Learners, Lms, LmsScore
from bridge.intake.quarantine_model import HeldMessage
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Events
from bridge.kernel.ids import InstitutionId, MessageId, RegistrationId
from bridge.kernel.time import Clock, rfc3339

_Claim = ScoreClaim | ActivityClaim | SignalClaim | ContactScanClaim | PingClaim
_READERS: Mapping[str, Callable[[Mapping[str, Any]], _Claim]] = {
    SCORE: webhook.parse_score,
    ACTIVITY: webhook.parse_activity,
    SIGNAL: webhook.parse_signal,
    CONTACT_SCAN: webhook.parse_contact_scan,
    PING: webhook.parse_ping,
}


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What the LMS hears: the message's id, and whether it was known."""

    message: MessageId
    duplicate: bool


def listed_message(score: LmsScore) -> dict[str, Any]:
    """Return a score that the platform lists as the message in which it would tell it."""
    texts = {name: value for name, value in score.data.items() if isinstance(value, str)}
    occurred_at = texts.get("finished_at", "")
    return {"v": 1, "id": score.id, "type": SCORE, "occurred_at": occurred_at, "data": texts}


class IntakeService:
    """Receives what platforms send on behalf of one institution."""

    def __init__(
        self,
        inbox: Inbox,
        events: Events,
        learners: Learners,
        lms: Lms,
        clock: Clock,
        institution_id: InstitutionId,
    ) -> None:
        self._inbox = inbox
        self._events = events
        self._learners = learners
        self._lms = lms
        self._clock = clock
        self._institution_id = institution_id

    def receive_launch(
        self, registration: RegistrationId, id_token_sha256: str, claims: Mapping[str, Any]
    ) -> MessageId | None:
        """Chain a verified launch; None if this very token is in the inbox already.

        Args:
            claims: what is kept of it: no name, no contact data.
        """
        record = self._inbox.append(
            chain=f"{self._institution_id}:lti_launch",
            source=f"lti_launch:{registration}",
            received_at=self._clock.now(),
            original_sha256=id_token_sha256,
            verification="id_token signature, one-time state and nonce",
            idempotency_key=id_token_sha256,
            payload=canonical_json(without_contact_data(claims)).decode(),
        )
        return None if record is None else record.id

    def receive_webhook(self, registration: RegistrationId, body: bytes) -> WebhookAnswer:
        """Chain a verified webhook and tell it on; a message of a batch that carried this id is the same message.

        Raises:
            InvalidInput: as `webhook.parse_webhook` and as `receive_from_batch`.
        """
        return self._receive(registration, webhook.parse_webhook(body), sha256_hex(body), webhook.SIGNED)

    def receive_from_batch(
        self, registration: RegistrationId, value: Any, *, batch: str, body_sha256: str
    ) -> WebhookAnswer:
        """Chain one message of a verified batch and tell it on.

        Args:
            value: the message as decoded JSON.
            body_sha256: of the whole batch as it came; the record points to it.

        Raises:
            InvalidInput: as `webhook.parse_batch_message` and the type's reader; account_unknown, unit_unknown,
                occurred_in_future (422): nothing is stored.
        """
        message = webhook.parse_batch_message(value)
        return self._receive(registration, message, body_sha256, f"{webhook.SIGNED}, batch {batch}")

    def receive_listed(self, registration: RegistrationId, score: LmsScore) -> WebhookAnswer:
        """Take a score that the platform lists, as if it had told it by itself; told again later it is known.

        Raises:
            InvalidInput: as `receive_from_batch`.
        """
        value = listed_message(score)
        return self._receive(
            registration,
            webhook.parse_batch_message(value),
            sha256_hex(canonical_json(value)),
            "listed by the platform, read with a token of ours",
        )

    def receive_held(
        self, registration: RegistrationId, held: HeldMessage, set_aside_at: datetime
    ) -> WebhookAnswer:
        """Take a message that was set aside when it came; InvalidInput as when it came."""
        message = webhook.parse_message(held.value)
        verification = f"{held.verification}, held {rfc3339(set_aside_at)}"
        return self._receive(registration, message, held.original_sha256, verification)

    def _receive(
        self, registration: RegistrationId, message: WebhookMessage, original_sha256: str, verification: str
    ) -> WebhookAnswer:
        claim = _READERS[message.type](message.data)
        source = f"webhook:{registration}"
        known = self._inbox.find(source, message.id)
        if known is not None:
            return WebhookAnswer(known, duplicate=True)
        kept = self._resolve(registration, message, claim)
        record = self._inbox.append(
            chain=f"{self._institution_id}:webhook",
            source=source,
            received_at=self._clock.now(),
            original_sha256=original_sha256,
            verification=verification,
            idempotency_key=message.id,
            # Only what the readers let through, and references of ours: cleaning those would spoil one by chance.
            payload=canonical_json(kept).decode(),
        )
        if record is None:
            # Another request brought the same message at the same time; the chain's lock let it go first.
            known = self._inbox.find(source, message.id)
            if known is None:
                raise InvalidInput("webhook_race", "同一消息正在处理,请稍后重发", http_status=409)
            return WebhookAnswer(known, duplicate=True)
        for told in normalise(record):
            if isinstance(told, EventClaim):
                tell(self._events, told, record.id)
        return WebhookAnswer(record.id, duplicate=False)

    def _resolve(
        self,
        registration: RegistrationId,
        message: WebhookMessage,
        claim: _Claim,
    ) -> Mapping[str, Any]:
        """Return what is chained: the claim with the bridge's own references in place of the LMS's."""
        kept: dict[str, Any] = {"type": message.type, "occurred_at": rfc3339(message.occurred_at)}
        if isinstance(claim, ScoreClaim):
            return {**kept, **self._score(registration, claim)}
        if message.occurred_at > self._clock.now() + webhook.WEBHOOK_WINDOW:
            raise InvalidInput(
                "occurred_in_future", "消息发生的时间晚于服务器时间,请校准时钟", http_status=422
            )
        match claim:
            case ActivityClaim():
                place = self._who_and_where(registration, claim)
                return {**kept, "event": claim.event, **place, "attempt": claim.attempt}
            case SignalClaim():
                who_and_where = self._who_and_where(registration, claim)
                return {
                    **kept,
                    "kind": claim.kind,
                    **who_and_where,
                    "before": claim.before,
                    "after": claim.after,
                }
            case ContactScanClaim():
                course = self._lms.place(registration, claim.context_id, None)
                return {
                    **kept,
                    "context": course.context,
                    "class_run": course.class_run,
                    "learners": claim.learners,
                    "with_contact": claim.with_contact,
                    "counts": list(claim.counts),
                }
            case PingClaim():
                skew = round((claim.clock - self._clock.now()).total_seconds())
                return {**kept, "moodle": claim.moodle, "plugin": claim.plugin, "clock_skew_seconds": skew}

    def _score(self, registration: RegistrationId, claim: ScoreClaim) -> Mapping[str, Any]:
        learner = self._learners.learner_of(registration, claim.sub)
        if learner is None:
            raise InvalidInput("account_unknown", "该账号尚未完成实名,成绩未接收", http_status=422)
        unit = self._learners.test_unit(registration, claim.resource_link_id, learner)
        if unit is None:
            raise InvalidInput("unit_unknown", "该测试未在本桥登记", http_status=422)
        return {
            "attempt": claim.attempt,
            "class_run": unit.class_run,
            "finished_real": rfc3339(claim.finished_real),
            "learner": learner,
            "maximum": webhook.digits(claim.maximum),
            "score": webhook.digits(claim.score),
            "started_real": rfc3339(claim.started_real),
            "unit": unit.unit,
        }

    def _who_and_where(
        self, registration: RegistrationId, claim: ActivityClaim | SignalClaim
    ) -> dict[str, str | None]:
        """Return who and where as references of ours: no id of the LMS is kept."""
        person = None if claim.sub is None else self._lms.person(registration, claim.sub)
        actor = None if claim.actor_sub is None else self._lms.actor(registration, claim.actor_sub)
        place = self._lms.place(registration, claim.context_id, claim.resource_link_id)
        return {
            "account": None if person is None else person.reference,
            "learner": None if person is None else person.learner,
            "actor": actor,
            "context": place.context,
            "class_run": place.class_run,
            "unit": place.unit,
        }
