"""The door for an LMS's signed webhooks."""

from flask import Blueprint, Response, jsonify, request

from bridge.intake.service import MAX_WEBHOOK_BYTES, verify_webhook
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import RegistrationId
from bridge.wiring import House


def webhook_door(house: House) -> Blueprint:
    """Return the blueprint of `/webhooks/v1/<registration>`."""
    door = Blueprint("webhooks", __name__, url_prefix="/webhooks/v1")

    @door.post("/<registration_id>")
    def receive(registration_id: str) -> Response:
        if request.content_length is None:
            raise InvalidInput("length_required", "请求须给出 Content-Length", http_status=411)
        if request.content_length > MAX_WEBHOOK_BYTES:
            raise InvalidInput("body_too_large", "回调内容超过 64 KB", http_status=413)
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
        with house.uow.for_institution(institution) as tx:
            answer = house.at(tx).intake.receive_webhook(RegistrationId(registration_id), body)
        response = jsonify({"message": answer.message, "duplicate": answer.duplicate})
        response.status_code = 200 if answer.duplicate else 202
        return response

    return door
