"""The xAPI door (1.0.3 and 2.0.0). What it takes are claims; none of them is credit."""

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from bridge.intake.xapi import formats
from bridge.intake.xapi.answers import page_body, person, statement_body, with_attachments
from bridge.intake.xapi.model import Resource, Scope, StatementFault, Version
from bridge.intake.xapi.multipart import boundary_of, parts
from bridge.intake.xapi.query import (
    MORE,
    check_names,
    flag,
    read_agent,
    read_checked,
    read_format,
    single_statement,
)
from bridge.intake.xapi.reading import Said, statements
from bridge.intake.xapi.service import Batch, pack, read_batch
from bridge.kernel.errors import BridgeError, InvalidInput
from bridge.kernel.time import rfc3339
from bridge.web.xapi_documents import document_answers
from bridge.web.xapi_visit import Doorkeeper, Visit, http_date, speak, spoken
from bridge.wiring import House
from bridge.wiring.xapi import keeping_of

PREFIX = "/xAPI"
_METHODS = ["GET", "PUT", "POST", "DELETE"]
_DOCUMENTS = {
    "/activities/state": Resource.STATE,
    "/activities/profile": Resource.ACTIVITY_PROFILE,
    "/agents/profile": Resource.AGENT_PROFILE,
}
_ONE_FORM = frozenset({"statementId", "format", "attachments"})
_ONE_VOIDED = frozenset({"voidedStatementId", "format", "attachments"})


def xapi_door(house: House) -> Blueprint:
    """Return the blueprint of `/xAPI/…`."""
    door = Blueprint("xapi", __name__, url_prefix=PREFIX)
    doorkeeper = Doorkeeper(house)
    resources = {
        "/statements": {"POST": _post_statements, "PUT": _put_statement, "GET": _get_statements},
        "/activities": {"GET": _get_activity},
        "/agents": {"GET": _get_person},
        **{path: document_answers(resource) for path, resource in _DOCUMENTS.items()},
    }
    for path, answers in resources.items():
        door.add_url_rule(
            path,
            endpoint=path.strip("/").replace("/", "_"),
            view_func=lambda answers=answers: doorkeeper.answer(answers),
            methods=_METHODS,
        )

    @door.get("/about")
    def about() -> Response:
        given = request.headers.get("X-Experience-API-Version")
        if given is not None:
            version = Version.named(given)
            if version is None:
                raise InvalidInput("version_unsupported", "本桥支持 xAPI 1.0.x 和 2.0.x")
            speak(version)
        return jsonify({"version": [str(version) for version in reversed(Version)]})

    @door.after_request
    def add_headers(response: Response) -> Response:
        response.headers["X-Experience-API-Version"] = spoken()
        # What was answered is durable and is seen by the next query: nothing is ever behind.
        response.headers["X-Experience-API-Consistent-Through"] = rfc3339(house.clock.now())
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="xAPI", charset="UTF-8"'
        return response

    register_refusals(door)
    return door


def register_refusals(door: Blueprint) -> None:
    """Have a door answer every refusal as JSON with reason and sentence."""

    @door.errorhandler(BridgeError)
    def refuse(error: BridgeError) -> Response:
        pointer = {"pointer": error.pointer} if isinstance(error, StatementFault) else {}
        return _refusal(error.reason, error.message, error.http_status, **pointer)

    @door.errorhandler(DataError)
    def unstorable(_error: DataError) -> Response:
        return _refusal("value_malformed", "提交的内容中有无法识别的字符或过长", 400)

    @door.errorhandler(RecursionError)
    def too_deep(_error: RecursionError) -> Response:
        return _refusal("json_malformed", "JSON 的嵌套过深", 400)

    @door.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.code == 413:
            return _refusal("body_too_large", "请求内容过大", 413)
        return _refusal("http_error", "请求无法处理", error.code or 500)


def _post_statements(visit: Visit) -> Response:
    visit.needs(Scope.WRITE)
    check_names(visit.asked.parameters, frozenset())
    return jsonify(_received(visit, sent_batch(visit)))


def _put_statement(visit: Visit) -> Response:
    visit.needs(Scope.WRITE)
    given = visit.asked.parameters
    check_names(given, frozenset({"statementId"}))
    named = single_statement(given)
    if named is None:
        raise InvalidInput("parameter_missing", "缺少参数 statementId")
    _received(visit, sent_batch(visit, named[0]))
    return make_response("", 204)


def sent_batch(visit: Visit, statement_id: str | None = None) -> Batch:
    """Return the statements that the request brought; `statement_id`: the one that it must be (PUT)."""
    asked = visit.asked
    if asked.media_type == "multipart/mixed":
        content, attachments = parts(asked.body, boundary_of(asked.content_type))
    elif asked.media_type == "application/json":
        content, attachments = asked.body, []
    else:
        raise InvalidInput("content_type", "Content-Type 应为 application/json 或 multipart/mixed")
    value = statements(content, visit.recall)
    if statement_id is not None:
        if not isinstance(value, Said) or not isinstance(value.value, dict):
            raise StatementFault("statement_expected")
        if str(value.value.setdefault("id", statement_id)).lower() != statement_id:
            raise StatementFault("id_differs", "/id")
    return read_batch(value, attachments, visit.version, asked.body, visit.recall)


def _received(visit: Visit, batch: Batch) -> list[str]:
    # Before the unit of work: who waits for it must not wait for this as well.
    packed = pack(batch, keeping_of(visit.house, visit.caller), visit.caller, visit.recall)
    return visit.together(lambda desk: desk.receive(batch, packed))


def _get_statements(visit: Visit) -> Response:
    visit.needs(Scope.READ, Scope.READ_OWN)
    given = visit.asked.parameters
    languages = list(request.accept_languages.values())
    single = single_statement(given)
    with visit.desk(read_only=True) as desk:
        if single is None:
            query = desk.statements.read_query(given)
            page, cursor = desk.statements.find(query)
            more = "" if cursor is None else f"{PREFIX}/statements?{MORE}={cursor}"
            body = page_body(page, more, query.format, languages)
            wants_attachments = query.attachments
        else:
            statement_id, voided = single
            check_names(given, _ONE_VOIDED if voided else _ONE_FORM)
            form, wants_attachments = read_format(given), flag(given, "attachments")
            found = desk.statements.one(statement_id, voided=voided)
            if found is None:
                raise InvalidInput("statement_unknown", "没有这条陈述", http_status=404)
            page = [found]
            body = statement_body(found, form, languages)
        attachments = desk.statements.attachments_of(page) if wants_attachments else None
    content_type, content = with_attachments(body, attachments)
    response = make_response(content)
    response.headers["Content-Type"] = content_type
    newest = max((kept.stored for kept in page), default=visit.house.clock.now())
    response.headers["Last-Modified"] = http_date(newest)
    return response


def _get_activity(visit: Visit) -> Response:
    visit.needs(Scope.READ, Scope.READ_OWN)
    given = visit.asked.parameters
    check_names(given, frozenset({"activityId"}))
    if "activityId" not in given:
        raise InvalidInput("parameter_missing", "缺少参数 activityId")
    activity_id = read_checked(given, "activityId", formats.iri)
    with visit.desk(read_only=True) as desk:
        return jsonify(desk.statements.activity(activity_id))


def _get_person(visit: Visit) -> Response:
    visit.needs(Scope.READ, Scope.READ_OWN)
    given = visit.asked.parameters
    check_names(given, frozenset({"agent"}))
    if "agent" not in given:
        raise InvalidInput("parameter_missing", "缺少参数 agent")
    agent = read_agent(given)
    with visit.desk(read_only=True) as desk:
        return jsonify(person(desk.keeping.agent(agent)))


def _refusal(reason: str, message: str, status: int, **more: Any) -> Response:
    response = jsonify({"reason": reason, "message": message, **more})
    response.status_code = status
    return response
