"""The registration page's doors: begin the challenge, ask how it stands, send a frame of a movement."""

from flask import Blueprint, Response, jsonify, request, session

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import MAX_FRAME_BYTES
from bridge.web.pages.visitors import learner_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.challenges import begin_challenge, look_at_challenge, take_challenge_frame

_MAX_LABEL = 200
_MAX_SEQ = 99


def _account() -> str:
    return f"account:{session['account_id']}"


def face_challenge_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner/face/challenge…`."""
    pages = Blueprint("face_challenge", __name__, url_prefix="/learner/face/challenge")

    @pages.post("")
    @require_role("learner")
    @rate_limited("12 per hour", key=_account)
    def begin() -> Response:
        visit = learner_visit()
        label = request.form.get("camera", "")[:_MAX_LABEL]
        return _fresh(begin_challenge(house, visit.institution, visit.known, visit.class_run, label))

    @pages.get("")
    @require_role("learner")
    def look() -> Response:
        visit = learner_visit()
        return _fresh(look_at_challenge(house, visit.institution, visit.known, visit.class_run))

    @pages.post("/<challenge_id>/frames")
    @require_role("learner")
    @rate_limited("240 per minute", key=_account)
    def take_frame(challenge_id: str) -> Response:
        visit = learner_visit()
        if request.mimetype != "image/jpeg":
            raise InvalidInput("media_type", "照片须为 image/jpeg。", http_status=415)
        if (request.content_length or 0) > MAX_FRAME_BYTES:
            raise InvalidInput("body_too_large", "照片不能超过 512 KB，请重新拍摄。", http_status=413)
        nonce, seq = request.headers.get("X-Anxue-Nonce", ""), _seq(request.headers.get("X-Anxue-Frame", ""))
        jpeg = request.get_data(cache=False)
        where = (visit.institution, visit.known, visit.class_run, challenge_id)
        return _fresh(take_challenge_frame(house, *where, nonce, seq, jpeg))

    return pages


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= _MAX_SEQ):
        raise InvalidInput("frame_out_of_order", "照片的顺序不对,请重新做这个动作", http_status=409)
    return int(text)


def _fresh(told: dict[str, object]) -> Response:
    answer = jsonify(told)
    answer.headers["Cache-Control"] = "no-store"
    return answer
