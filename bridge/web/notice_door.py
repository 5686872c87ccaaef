"""The door for what a platform tells by itself: signed notices, up to a hundred at once, answered at once."""

import structlog
from flask import Blueprint, Response, jsonify, request

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.web.errors import error_response
from bridge.wiring import House
from lti.errors import LaunchRefused
from lti.notices import MAX_BODY_BYTES, verify_notices

log = structlog.get_logger()


def notice_door(house: House) -> Blueprint:
    """Return the blueprint of `/lti/notices/<registration>`."""
    door = Blueprint("notices", __name__, url_prefix="/lti/notices")

    @door.post("/<registration_id>")
    def receive(registration_id: str) -> Response:
        if request.content_length is None:
            raise InvalidInput("length_required", "请求须给出 Content-Length", http_status=411)
        if request.content_length > MAX_BODY_BYTES:
            raise LaunchRefused("request_too_large")
        request.max_content_length = MAX_BODY_BYTES
        body = request.get_data(cache=False)
        if not registration_id.isprintable():
            raise LaunchRefused("issuer_unknown")  # no database takes NUL
        registration = house.lti_registrations.by_id(registration_id)
        batch = verify_notices(house.lti_tool, registration, body)
        new = 0
        if batch.notices:
            # One unit of work: most platforms never send again, so all are kept or the platform hears of it.
            with house.uow.for_institution(InstitutionId(registration.tenant)) as tx:
                notices = house.at(tx).notices
                new = sum(notices.receive(notice) for notice in batch.notices)
        for refused in batch.refused:
            log.warning("notice_refused", registration=registration.id, reason=refused.reason)
        response = jsonify(
            {
                "accepted": new,
                "duplicates": len(batch.notices) - new,
                "refused": [{"position": one.position, "reason": one.reason} for one in batch.refused],
            }
        )
        # Of a batch in which nothing is right the sender must hear; one that is right in part was taken.
        response.status_code = 400 if batch.refused and not batch.notices else 200
        return response

    @door.errorhandler(LaunchRefused)
    def refuse(refusal: LaunchRefused) -> Response:
        return error_response(refusal.reason, refusal.message_zh, refusal.http_status)

    return door
