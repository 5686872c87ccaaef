"""`/api/v1/…`: what authorities' and institutions' own programs read. No cookies, nothing is written but the logs."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, render_template, request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.supervision.api_tokens import ApiCaller
from bridge.web.api.asked import Asked
from bridge.web.api.document import document, sections
from bridge.web.api.operations import OPERATIONS, Operation
from bridge.web.api.parameters import PURPOSE_HEADER, Query, read_purpose
from bridge.web.security import rate_limited
from bridge.wiring import House
from bridge.wiring.api import api_tokens

_CALLER = "anxue_api_caller"
_LESS_OFTEN = 10
_SHORTEST_TOKEN, _LONGEST_TOKEN = 20, 200
_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def read_api(house: House) -> Blueprint:
    """Return the blueprint of `/api/v1/…`."""
    door = Blueprint("api", __name__, url_prefix="/api/v1")
    described = document(house.settings.public_url)

    @door.get("/openapi.json")
    @rate_limited("120 per minute", methods=("GET",))
    def openapi() -> AnyResponse:
        return jsonify(described)

    @door.get("/docs")
    @rate_limited("120 per minute", methods=("GET",))
    def docs() -> AnyResponse:
        shown = render_template("api/reference.html", described=described, sections=sections(described))
        return make_response(shown)

    for operation in OPERATIONS:
        path = operation.path.replace("{", "<").replace("}", ">")
        door.add_url_rule(path, operation.id, _view(house, operation), methods=["GET"])
    return door


def _view(house: House, operation: Operation) -> Callable[..., AnyResponse]:
    most = house.settings.api_requests_per_minute
    of_strangers = rate_limited(f"{most} per minute", methods=("GET",))(_who(house))
    # Whoever is named in an answer is logged; a program that goes through everybody should take its time.
    often = most if operation.purpose == "none" else most // _LESS_OFTEN
    of_client = rate_limited(f"{often} per minute", methods=("GET",), key=lambda: _known().client_id)

    def read(**place: str) -> AnyResponse:
        caller = _known()
        caller.require(operation.scope)
        _require_acceptable(operation)
        query = _query(operation.query)
        purpose = None if operation.purpose == "none" else read_purpose(request.headers.get(PURPOSE_HEADER))
        with house.uow.across_institutions("the read API of an office", read_only=True) as tx:
            answer = operation.read(
                Asked(house, tx, caller, operation.id, place, query, purpose, request.base_url)
            )
        if isinstance(answer, AnyResponse):
            answer.headers["Cache-Control"] = "no-store"
            return answer
        return _answered(operation, answer)

    counted = of_client(read)

    def view(**place: str) -> AnyResponse:
        of_strangers()
        return make_response(counted(**place))

    view.counted = counted.counted  # type: ignore[attr-defined]  # read back by `require_counted`
    return view


def _who(house: House) -> Callable[[], str]:
    def who() -> str:
        """Keep who calls; NotPermitted: token_missing, invalid_token (both 401)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise NotPermitted("token_missing", "请用 Authorization: Bearer 给出令牌。", http_status=401)
        if not (token.isascii() and _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN):
            raise NotPermitted("invalid_token", "令牌无效、已过期或已收回,请重新获取。", http_status=401)
        setattr(g, _CALLER, api_tokens(house).caller(token))
        return ""

    return who


def _known() -> ApiCaller:
    caller: ApiCaller = g.get(_CALLER)
    return caller


def _require_acceptable(operation: Operation) -> None:
    """Return if the client takes what is answered; InvalidInput("not_acceptable") (406)."""
    accepts = request.accept_mimetypes
    if accepts and accepts.best_match([operation.media]) is None:
        raise InvalidInput("not_acceptable", f"这里只有 {operation.media}。", http_status=406)


def _query(kind: type[Query]) -> Query:
    """Return what the query says; InvalidInput("parameter_invalid") names the first that does not fit."""
    said = request.args.to_dict(flat=False)
    twice = sorted(name for name, values in said.items() if len(values) != 1)
    if twice:
        raise _invalid(twice[0])
    try:
        return kind.model_validate({name: values[0] for name, values in said.items()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _invalid(str(first["loc"][0]) if first["loc"] else "?") from None


def _invalid(name: str) -> InvalidInput:
    shown = name if name.isascii() and name.replace("_", "").isalnum() and len(name) <= 40 else "?"
    return InvalidInput("parameter_invalid", f"参数 {shown} 不存在、重复或不符合要求,请对照接口文档。")


def _answered(operation: Operation, answer: Any) -> AnyResponse:
    body = _dumped(operation, answer)
    made = Response(body, mimetype="application/json")
    made.headers["Vary"] = "Authorization, Accept"
    following = answer.get("next") if isinstance(answer, dict) else None
    if following is not None:
        made.headers["Link"] = f'<{following}>; rel="next"'
    if operation.purpose != "none":
        # What is said of people is kept by nobody on the way.
        made.headers["Cache-Control"] = "no-store"
        return made
    made.headers["Cache-Control"] = "private, no-cache"
    made.set_etag(sha256(body).hexdigest()[:32])
    return made.make_conditional(request)


def _dumped(operation: Operation, answer: Any) -> bytes:
    if operation.listed or isinstance(answer, BaseModel):
        return _JSON.dump_json(answer)
    return operation.answer.model_validate(answer).model_dump_json().encode()
