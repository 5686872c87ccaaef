"""What verifiers of credentials fetch: an institution's DID document and its status lists. Public, no cookies."""

from flask import Blueprint, jsonify, make_response
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.web.security import rate_limited
from bridge.wiring import House
from bridge.wiring.credentials import did_json, status_of


def credential_door(house: House) -> Blueprint:
    """Return the blueprint of `/credentials/…`."""
    door = Blueprint("credentials", __name__, url_prefix="/credentials")

    @door.get("/issuers/<institution>/did.json")
    @rate_limited("120 per minute", methods=("GET",))
    def did(institution: str) -> AnyResponse:
        return _for_anyone(jsonify(did_json(house, InstitutionId(institution[:40]))))

    @door.get("/status/<institution>/<listed>")
    @rate_limited("120 per minute", methods=("GET",))
    def status(institution: str, listed: str) -> AnyResponse:
        if not (listed.isascii() and listed.isdigit() and len(listed) <= 9):
            raise InvalidInput("status_list_unknown", "没有这个状态列表。", http_status=404)
        answer = make_response(status_of(house, InstitutionId(institution[:40]), int(listed)))
        answer.mimetype = "application/vc+jwt"
        return _for_anyone(answer)

    return door


def _for_anyone(answer: AnyResponse) -> AnyResponse:
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer
