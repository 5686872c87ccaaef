"""cmi5's doors: the one-time address that gives an AU its token, and the xAPI endpoint that the token opens.

An AU runs in the learner's browser on an origin of its own. Its token is a bearer secret and no cookie is read, so that
any origin may call; whoever has no token gains nothing by it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from bridge.intake.cmi5.model import PREFERENCES, Cmi5Fault
from bridge.intake.cmi5.sessions import FetchRefused
from bridge.intake.xapi.answers import page_body, person, statement_body, with_attachments
from bridge.intake.xapi.decoding import decoded
from bridge.intake.xapi.model import Resource, StatementFault, Version
from bridge.intake.xapi.query import check_names, flag, read_agent, read_format, single_statement
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.time import rfc3339
from bridge.web.cmi5_scope import AuVisit, check_document, check_person, launch_data_answer
from bridge.web.xapi_documents import document_answers
from bridge.web.xapi_door import register_refusals, sent_batch
from bridge.web.xapi_request import read_request
from bridge.web.xapi_visit import Visit, http_date, speak, spoken
from bridge.wiring import House
from bridge.wiring.cmi5 import Cmi5Desk, caller, fetch_token, open_session

PREFIX = "/cmi5"
_METHODS = ["GET", "PUT", "POST", "DELETE"]
_DOCUMENTS = {
    "/xAPI/activities/state": Resource.STATE,
    "/xAPI/activities/profile": Resource.ACTIVITY_PROFILE,
    "/xAPI/agents/profile": Resource.AGENT_PROFILE,
}
_ONE_FORM = frozenset({"statementId", "format", "attachments"})
_ASKED_WITH = (
    "Authorization, Content-Type, X-Experience-API-Version, If-Match, If-None-Match, Accept-Language"
)
_TOLD_WITH = "ETag, Last-Modified, X-Experience-API-Version, X-Experience-API-Consistent-Through"

Answer = Callable[[AuVisit], Response]


def cmi5_door(house: House) -> Blueprint:
    """Return the blueprint of `/cmi5/…`."""
    door = Blueprint("cmi5", __name__, url_prefix=PREFIX)

    @door.post("/fetch/<key>")
    def fetch(key: str) -> Response:
        # Told with 200 whatever comes of it (§8.2.3).
        try:
            return jsonify({"auth-token": fetch_token(house, key)})
        except FetchRefused as refused:
            return jsonify({"error-code": str(refused.code), "error-text": refused.text})

    answers: Mapping[str, Mapping[str, Answer]] = {
        "/xAPI/statements": {"POST": _post, "PUT": _put, "GET": _get},
        "/xAPI/activities": {"GET": _activity},
        "/xAPI/agents": {"GET": _person},
        **{
            path: {method: _document(resource) for method in _METHODS}
            for path, resource in _DOCUMENTS.items()
        },
    }
    for path, by_method in answers.items():
        door.add_url_rule(
            path,
            endpoint=path.strip("/").replace("/", "_"),
            view_func=lambda by_method=by_method: _answer(house, by_method),
            methods=_METHODS,
        )

    @door.get("/xAPI/about")
    def about() -> Response:
        return jsonify({"version": [str(version) for version in reversed(Version)]})

    @door.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = ", ".join(_METHODS)
            response.headers["Access-Control-Allow-Headers"] = _ASKED_WITH
            response.headers["Access-Control-Max-Age"] = "600"
        response.headers["Access-Control-Expose-Headers"] = _TOLD_WITH
        response.headers["X-Experience-API-Version"] = spoken()
        response.headers["X-Experience-API-Consistent-Through"] = rfc3339(house.clock.now())
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="cmi5", charset="UTF-8"'
        return response

    register_refusals(door)
    return door


def _answer(house: House, answers: Mapping[str, Answer]) -> Response:
    asked = read_request(request)
    institution, session = open_session(house, *asked.credentials())
    version = asked.version()
    speak(version)
    answer = answers.get(asked.method)
    if answer is None:
        raise InvalidInput("method_not_allowed", "不支持这种请求方式", http_status=405)
    visit = AuVisit(Visit(house, asked, caller(institution, session.id), version), session)
    # What ends a session may come twice; whether it does is seen with the statements.
    if not session.active and answer not in (_post, _put):
        raise NotPermitted("session_over", "本次课件会话已结束;请从学习页面重新打开。")
    return answer(visit)


def _post(au: AuVisit) -> Response:
    check_names(au.visit.asked.parameters, frozenset())
    return jsonify(_received(au, None))


def _put(au: AuVisit) -> Response:
    given = au.visit.asked.parameters
    check_names(given, frozenset({"statementId"}))
    named = single_statement(given)
    if named is None:
        raise InvalidInput("parameter_missing", "缺少参数 statementId")
    _received(au, named[0])
    return make_response("", 204)


def _received(au: AuVisit, statement_id: str | None) -> list[str]:
    visit = au.visit
    if visit.asked.media_type == "multipart/mixed":
        raise StatementFault("attachment_refused", http_status=403)
    if statement_id is None:
        _check_ids(decoded(visit.asked.body))
    batch = sent_batch(visit, statement_id)
    with visit.house.uow.for_institution(visit.caller.institution) as tx:
        Cmi5Desk(visit.house, tx, au.session.id).sessions.receive(au.session.id, batch)
    return [one["id"] for one in batch.statements]


def _check_ids(value: Any) -> None:
    """Raise Cmi5Fault for a statement to which its AU gave no id: the xAPI station would give it one."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and not one.get("id"):
            raise Cmi5Fault("cmi5_id_missing")


def _get(au: AuVisit) -> Response:
    """Answer with statements of the session's own registration alone, whatever is asked for."""
    visit, given = au.visit, au.visit.asked.parameters
    languages = list(request.accept_languages.values())
    single = single_statement(given)
    with visit.desk(read_only=True) as desk:
        ours = desk.terms.key("registration", au.session.registration)
        if single is None:
            query = desk.statements.read_query(given)
            query = replace(query, terms=((ours, True), *(one for one in query.terms if one != (ours, True))))
            page, cursor = desk.statements.find(query)
            more = "" if cursor is None else f"{PREFIX}/xAPI/statements?cursor={cursor}"
            body = page_body(page, more, query.format, languages)
        else:
            check_names(given, _ONE_FORM)
            found = desk.statements.one(single[0], voided=single[1])
            if found is None or not au.is_own(found.payload):
                raise InvalidInput("statement_unknown", "没有这条陈述", http_status=404)
            page, body = [found], statement_body(found, read_format(given), languages)
    content_type, content = with_attachments(body, [] if flag(given, "attachments") else None)
    response = make_response(content)
    response.headers["Content-Type"] = content_type
    newest = max((kept.stored for kept in page), default=visit.house.clock.now())
    response.headers["Last-Modified"] = http_date(newest)
    return response


def _document(resource: Resource) -> Answer:
    own = document_answers(resource)

    def answer(au: AuVisit) -> Response:
        check_document(resource, au)
        if resource is Resource.STATE and au.visit.asked.method == "GET":
            told = launch_data_answer(au, own["GET"])
            if told is not None:
                return told
        if resource is Resource.AGENT_PROFILE and not au.session.prepared:
            _note_preferences_read(au)
        return au.visit.answered(own)

    return answer


def _note_preferences_read(au: AuVisit) -> None:
    visit = au.visit
    if visit.asked.method == "GET" and visit.asked.parameters.get("profileId") == PREFERENCES:
        with visit.house.uow.for_institution(visit.caller.institution) as tx:
            Cmi5Desk(visit.house, tx).sessions.note_preferences_read(au.session.id)


def _activity(au: AuVisit) -> Response:
    given = au.visit.asked.parameters
    check_names(given, frozenset({"activityId"}))
    if given.get("activityId") != au.session.activity_id:
        raise NotPermitted("activity_foreign", "课件只能读写本次启动的活动")
    # Nothing more is told: what another learner's browser said of it is no definition.
    return jsonify({"objectType": "Activity", "id": au.session.activity_id})


def _person(au: AuVisit) -> Response:
    given = au.visit.asked.parameters
    check_names(given, frozenset({"agent"}))
    check_person(au)
    return jsonify(person(read_agent(given)))
