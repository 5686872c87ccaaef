"""The doors for an LMS's signed messages: one at a time, or a batch."""

from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request

from bridge.intake.webhook import (
    MAX_BATCH_BYTES,
    MAX_WEBHOOK_BYTES,
    SIGNED,
    decoded,
    id_of,
    parse_batch,
    verify_webhook,
)
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.wiring import House
from bridge.wiring.intake_jobs import hold_refused

log = structlog.get_logger()

HELD_ZH = ";已隔离保存,条件具备后会自动重放,无需重发"


def webhook_door(house: House) -> Blueprint:
    """Return the blueprint of `/webhooks/v1/<registration>` and `/webhooks/v1/<registration>/batches`."""
    door = Blueprint("webhooks", __name__, url_prefix="/webhooks/v1")

    @door.post("/<registration_id>")
    def receive(registration_id: str) -> Response:
        institution, body = _signed_body(house, registration_id, MAX_WEBHOOK_BYTES)
        try:
            with house.uow.for_institution(institution) as tx:
                answer = house.at(tx).intake.receive_webhook(RegistrationId(registration_id), body)
        except InvalidInput as refused:
            if _hold(house, institution, registration_id, body, refused):
                raise InvalidInput(
                    refused.reason, refused.message + HELD_ZH, http_status=refused.http_status
                ) from refused
            raise
        response = jsonify({"message": answer.message, "duplicate": answer.duplicate})
        response.status_code = 200 if answer.duplicate else 202
        return response

    @door.post("/<registration_id>/batches")
    def receive_batch(registration_id: str) -> Response:
        institution, body = _signed_body(house, registration_id, MAX_BATCH_BYTES)
        if request.mimetype != "application/json":
            raise InvalidInput("content_type", "批次的 Content-Type 应为 application/json", http_status=415)
        batch = parse_batch(body)
        verdicts = _Verdicts(house, institution, RegistrationId(registration_id), batch.id, sha256_hex(body))
        results = [verdicts.of(message) for message in batch.messages]
        return jsonify({"batch": batch.id, "results": [one for one in results if one is not None]})

    return door


def _signed_body(house: House, registration_id: str, most: int) -> tuple[InstitutionId, bytes]:
    """Return whose platform sent the request, and its body, once the platform's signature over it is right."""
    if request.content_length is None:
        raise InvalidInput("length_required", "请求须给出 Content-Length", http_status=411)
    if request.content_length > most:
        raise InvalidInput("body_too_large", f"回调内容超过 {most // 1024} KB", http_status=413)
    body = request.get_data(cache=False)
    # An id of ours is printable; other characters are not even asked for, since no database takes NUL.
    known = registration_id.isprintable()
    sender = house.webhook_sender(RegistrationId(registration_id)) if known else None
    if sender is None:
        # The same answer as for a wrong signature: who is registered is nobody's business.
        raise NotPermitted("webhook_signature", "回调签名不符,请核对密钥", http_status=401)
    institution, secrets = sender
    verify_webhook(
        secrets,
        request.headers.get("X-Anxue-Timestamp", ""),
        request.headers.get("X-Anxue-Signature", ""),
        body,
        house.clock.now(),
    )
    return institution, body


def _hold(
    house: House, institution: InstitutionId, registration_id: str, body: bytes, refused: InvalidInput
) -> bool:
    """Return whether the one message in a refused body was set aside."""
    try:
        value = decoded(body)
    except InvalidInput:
        return False
    held = hold_refused(
        house,
        institution,
        RegistrationId(registration_id),
        value,
        refused,
        original_sha256=sha256_hex(body),
        verification=SIGNED,
    )
    return held is not None


class _Verdicts:
    """Takes the messages of one batch, each in a unit of work of its own."""

    def __init__(
        self,
        house: House,
        institution: InstitutionId,
        registration: RegistrationId,
        batch: str,
        body_sha256: str,
    ) -> None:
        self._house = house
        self._institution = institution
        self._registration = registration
        self._batch = batch
        self._body_sha256 = body_sha256
        self._failed = False

    def of(self, message: Any) -> dict[str, str | None] | None:
        """Return the verdict on a message; None if we ourselves failed over it, so that it is sent again."""
        told = {"id": id_of(message)}
        try:
            with self._house.uow.for_institution(self._institution) as tx:
                answer = self._house.at(tx).intake.receive_from_batch(
                    self._registration, message, batch=self._batch, body_sha256=self._body_sha256
                )
        except InvalidInput as refused:
            if refused.reason == "webhook_race":
                return None
            held = hold_refused(
                self._house,
                self._institution,
                self._registration,
                message,
                refused,
                original_sha256=self._body_sha256,
                verification=f"{SIGNED}, batch {self._batch}",
            )
            sentence = refused.message + (HELD_ZH if held else "")
            return {**told, "status": "refused", "reason": refused.reason, "message": sentence}
        except Exception as error:
            # One message that trips us must not keep its neighbours waiting for ever; a second one in the same
            # batch says that the fault is ours alone, and then the whole batch is sent again.
            if self._failed:
                raise
            self._failed = True
            log.error("webhook_message_failed", kind=type(error).__name__, registration=self._registration)
            return None
        return {**told, "status": "duplicate" if answer.duplicate else "accepted"}
