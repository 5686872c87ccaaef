"""Line items and results: the rest of Assignment and Grade Services 2.0 (scores come in through `services`)."""

import json
from typing import Any
from urllib.parse import quote

from flask import Response, request

from plugins.simulators.demo_lms.access import Refused, require_scope, service_blueprint
from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.names import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, RESULT_SCOPE
from plugins.simulators.demo_lms.oidc import LINE_ITEM, QUIZ_MARKS
from plugins.simulators.demo_lms.paging import page_of
from plugins.simulators.demo_lms.store import Store

blueprint = service_blueprint("grades")

_LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
_LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
_RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
_TEXTS = ("resourceLinkId", "resourceId", "tag", "startDateTime", "endDateTime")
_MOST = 200
_LABEL_CHARACTERS = 255


def known_line_item(store: Store, name: str) -> bool:
    """Return whether the grade book has this column for scores of the tool's; the quiz's marks are our own."""
    return name == LINE_ITEM or _find(store, name) is not None


@blueprint.get("/lti/lineitems")
def line_items() -> Response:
    """All columns that fit the filters."""
    require_scope(LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE)
    asked = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}
    found = [
        item
        for item in (_hours(), _marks(), *_made(desk().store))
        if all(request.args.get(name) in (None, item.get(member)) for name, member in asked.items())
    ]
    return page_of(found, f"{desk().lms.issuer}/lti/lineitems", _LINE_ITEMS_TYPE, lambda page: page)


@blueprint.post("/lti/lineitems")
def make_line_item() -> Response:
    """Make a column for the tool."""
    require_scope(LINE_ITEM_SCOPE)
    document = _sent()
    with desk().store.transaction() as db:
        if db.execute("SELECT count(*) FROM line_item").fetchone()[0] >= _MOST:
            raise Refused("invalid_request", "too many line items")
        number = db.execute("INSERT INTO line_item (document) VALUES (?)", (json.dumps(document),)).lastrowid
    return _reply({**document, "id": _url(str(number))}, 201)


@blueprint.get("/lti/lineitems/<name>")
def read_line_item(name: str) -> Response:
    """One column."""
    require_scope(LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE)
    return _reply(_one(name))


@blueprint.put("/lti/lineitems/<name>")
def change_line_item(name: str) -> Response:
    """Replace a column of the tool's; the platform's own stays as it is."""
    require_scope(LINE_ITEM_SCOPE)
    _require_tools(name)
    document = _sent()
    with desk().store.transaction() as db:
        db.execute("UPDATE line_item SET document = ? WHERE number = ?", (json.dumps(document), int(name)))
    return _reply({**document, "id": _url(name)})


@blueprint.delete("/lti/lineitems/<name>")
def drop_line_item(name: str) -> Response:
    """Drop a column of the tool's with its scores."""
    require_scope(LINE_ITEM_SCOPE)
    _require_tools(name)
    with desk().store.transaction() as db:
        db.execute("DELETE FROM score WHERE line_item = ?", (name,))
        db.execute("DELETE FROM line_item WHERE number = ?", (int(name),))
    return Response(status=204)


@blueprint.get("/lti/lineitems/<name>/results")
def results(name: str) -> Response:
    """What the grade book holds, of all or of one user."""
    require_scope(RESULT_SCOPE)
    maximum = _one(name)["scoreMaximum"]
    wanted = request.args.get("user_id")
    if name == QUIZ_MARKS:
        marks = desk().store.marks()
        found = [
            _result(name, sub, mark, None, maximum) for sub, mark in marks.items() if wanted in (None, sub)
        ]
        return page_of(found, f"{_url(name)}/results", _RESULTS_TYPE, lambda page: page)
    found = [
        _result(name, sub, score.given, score.maximum, maximum)
        for sub, score in desk().store.scores(name).items()
        if score.given is not None and wanted in (None, sub)
    ]
    return page_of(found, f"{_url(name)}/results", _RESULTS_TYPE, lambda page: page)


def _result(name: str, sub: str, given: str, of: str | None, maximum: float) -> dict[str, Any]:
    scaled = float(given) * maximum / float(of or maximum)
    return {
        "id": f"{_url(name)}/results/{quote(sub, safe='')}",
        "scoreOf": _url(name),
        "userId": sub,
        "resultScore": round(scaled, 5),
        "resultMaximum": maximum,
    }


def _hours() -> dict[str, Any]:
    return {
        "id": _url(LINE_ITEM),
        "label": "安全培训学时",
        "scoreMaximum": 100,
        "resourceLinkId": desk().lms.course.entry.resource_link_id,
    }


def _marks() -> dict[str, Any]:
    quiz = desk().lms.course.quiz
    return {
        "id": _url(QUIZ_MARKS),
        "label": quiz.title,
        "scoreMaximum": 100,
        "resourceLinkId": quiz.resource_link_id,
    }


def _made(store: Store) -> list[dict[str, Any]]:
    with store.transaction() as db:
        rows = db.execute("SELECT number, document FROM line_item ORDER BY number").fetchall()
    return [{**json.loads(row["document"]), "id": _url(str(row["number"]))} for row in rows]


def _find(store: Store, name: str) -> dict[str, Any] | None:
    if not name.isdecimal() or len(name) > 9:
        return None
    with store.transaction() as db:
        row = db.execute("SELECT document FROM line_item WHERE number = ?", (int(name),)).fetchone()
    return None if row is None else {**json.loads(row["document"]), "id": _url(name)}


def _one(name: str) -> dict[str, Any]:
    own = {LINE_ITEM: _hours, QUIZ_MARKS: _marks}.get(name)
    found = own() if own else _find(desk().store, name)
    if found is None:
        raise Refused("not_found", "line item", 404)
    return found


def _require_tools(name: str) -> None:
    _one(name)
    if name in (LINE_ITEM, QUIZ_MARKS):
        raise Refused("access_denied", "this line item is the platform's own", 403)


def _sent() -> dict[str, Any]:
    if request.mimetype != _LINE_ITEM_TYPE:
        raise Refused("unsupported_media_type", _LINE_ITEM_TYPE, 415)
    body: Any = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Refused("invalid_request", "no JSON object")
    label, maximum = body.get("label"), body.get("scoreMaximum")
    if not isinstance(label, str) or not 0 < len(label) <= _LABEL_CHARACTERS:
        raise Refused("invalid_request", "label")
    if isinstance(maximum, bool) or not isinstance(maximum, int | float) or not 0 < maximum < 1e9:
        raise Refused("invalid_request", "scoreMaximum")
    if any(not isinstance(body.get(name, ""), str) for name in _TEXTS):
        raise Refused("invalid_request", "the members that are texts")
    link = body.get("resourceLinkId")
    if link is not None and link not in desk().lms.link_titles():
        raise Refused("invalid_request", "resourceLinkId")
    return {name: value for name, value in body.items() if name != "id"}


def _reply(document: dict[str, Any], status: int = 200) -> Response:
    reply = Response(json.dumps(document, ensure_ascii=False), status)
    reply.headers["Content-Type"] = _LINE_ITEM_TYPE
    return reply


def _url(name: str) -> str:
    return f"{desk().lms.issuer}/lti/lineitems/{name}"
