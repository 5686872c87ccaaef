"""The platform's side of Deep Linking 2.0, and of Submission Review 1.0: what a teacher opens at the tool."""

import json
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import Desk, desk, signed_in_user
from plugins.simulators.demo_lms.names import (
    AGS_ENDPOINT,
    AGS_SCOPES,
    CONTENT_ITEMS,
    CUSTOM,
    DL_DATA,
    DL_SETTINGS,
    FOR_USER,
    LEARNER,
    MESSAGE_TYPE,
    RESOURCE_LINK,
)
from plugins.simulators.demo_lms.opening import Opening, send_to_tool
from plugins.simulators.demo_lms.tool_documents import NotGenuine, tool_message

blueprint = Blueprint("deep_links", __name__)

_TYPES = ("ltiResourceLink", "link")
_MOST_ITEMS = 20
_DATA_SECONDS = 3600
_TEXT_CHARACTERS = 4096


@blueprint.get("/deep-links/choose")
def choose() -> AnyResponse:
    """Send the teacher to the tool to choose contents."""
    here, user = desk(), _teacher()
    data = f"deep-linking:{secrets.token_urlsafe(24)}"
    here.store.put_hint(data, user.sub, "deep linking", here.epoch() + _DATA_SECONDS)
    settings = {
        "deep_link_return_url": f"{here.lms.issuer}/lti/deep-links",
        "accept_types": list(_TYPES),
        "accept_presentation_document_targets": ["iframe", "window"],
        "accept_multiple": True,
        "accept_lineitem": True,
        "auto_create": False,
        "data": data,
    }
    claims = {
        MESSAGE_TYPE: "LtiDeepLinkingRequest",
        RESOURCE_LINK: None,
        AGS_ENDPOINT: {"scope": list(AGS_SCOPES), "lineitems": f"{here.lms.issuer}/lti/lineitems"},
        DL_SETTINGS: settings,
    }
    return send_to_tool(here, user, Opening("", "选择安学桥内容", claims=claims))


@blueprint.post("/lti/deep-links")
def take() -> Response:
    """Take what was chosen: the browser brings it from the tool, signed, once."""
    here = desk()
    try:
        claims = tool_message(request.form.get("JWT", ""), "LtiDeepLinkingResponse")
        items = _items(here, claims)
        _use_data(here, claims.get(DL_DATA))
    except NotGenuine as refused:
        page = render_template("deep_links_taken.html", user=signed_in_user(), refused=refused.what, items=[])
        return make_response(page, 503 if refused.unreachable else 400)
    for item in items:
        _keep(here, item)
    return make_response(
        render_template("deep_links_taken.html", user=signed_in_user(), refused="", items=items)
    )


@blueprint.get("/deep-links/<int:number>")
def open_item(number: int) -> AnyResponse:
    """Open something that a teacher added."""
    here, user = desk(), signed_in_user()
    if user is None:
        return redirect("/")
    found = next((item for item in tool_items(here) if item["number"] == number), None)
    if found is None:
        abort(404)
    if found["type"] == "link":
        return redirect(found["url"])
    endpoint: dict[str, Any] = {"scope": list(AGS_SCOPES), "lineitems": f"{here.lms.issuer}/lti/lineitems"}
    if found["line_item"]:
        endpoint["lineitem"] = f"{here.lms.issuer}/lti/lineitems/{found['line_item']}"
    claims = {CUSTOM: found.get("custom") or None, AGS_ENDPOINT: endpoint}
    return send_to_tool(here, user, Opening(f"item-{number}", found["title"], found.get("url") or "", claims))


@blueprint.get("/reviews/<sub>")
def review(sub: str) -> AnyResponse:
    """Send the teacher to the tool to see one learner's work."""
    here, user = desk(), _teacher()
    learner = here.lms.user(sub)
    if learner is None or learner.role != "learner":
        abort(404)
    claims = {
        MESSAGE_TYPE: "LtiSubmissionReviewRequest",
        FOR_USER: {"user_id": sub, "name": learner.name, "email": learner.email, "roles": LEARNER},
    }
    entry = here.lms.course.entry
    return send_to_tool(here, user, Opening(entry.resource_link_id, entry.title, claims=claims))


def tool_items(here: Desk) -> list[dict[str, Any]]:
    """Return what teachers added: the content items, with `number` and `line_item` ("" for none)."""
    with here.store.transaction() as db:
        rows = db.execute("SELECT * FROM tool_item ORDER BY number").fetchall()
    return [
        {**json.loads(row["document"]), "number": row["number"], "line_item": row["line_item"]}
        for row in rows
    ]


def _teacher() -> User:
    user = signed_in_user()
    if user is None or user.role != "teacher":
        abort(403)
    return user


def _use_data(here: Desk, data: Any) -> None:
    if not isinstance(data, str) or here.store.take_hint(data, here.epoch()) is None:
        raise NotGenuine("data: nobody here asked for this, or it was answered before")


def _items(here: Desk, claims: dict[str, Any]) -> Sequence[dict[str, Any]]:
    sent = claims.get(CONTENT_ITEMS, [])
    if not isinstance(sent, list) or len(sent) > _MOST_ITEMS:
        raise NotGenuine("content_items")
    return [_item(here, each) for each in sent]


def _item(here: Desk, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or item.get("type") not in _TYPES:
        raise NotGenuine("type of a content item")
    title, url, custom = item.get("title"), item.get("url"), item.get("custom", {})
    if not isinstance(title, str) or not 0 < len(title) <= _TEXT_CHARACTERS:
        raise NotGenuine("title of a content item")
    if url is not None and not isinstance(url, str):
        raise NotGenuine("url of a content item")
    if item["type"] == "ltiResourceLink" and url and _origin(url) != _origin(here.lms.bridge_url):
        # A launch goes there with a person's identity.
        raise NotGenuine("url of a content item: not the tool's own")
    if item["type"] == "link" and (not url or urlsplit(url).scheme not in ("http", "https")):
        raise NotGenuine("url of a content item")
    if not isinstance(custom, dict) or not all(isinstance(value, str) for value in custom.values()):
        raise NotGenuine("custom of a content item")
    line_item = item.get("lineItem")
    if line_item is not None and (
        not isinstance(line_item, dict)
        or isinstance(line_item.get("scoreMaximum"), bool)
        or not isinstance(line_item.get("scoreMaximum"), int | float)
        or line_item["scoreMaximum"] <= 0
    ):
        raise NotGenuine("lineItem of a content item")
    return item


def _keep(here: Desk, item: dict[str, Any]) -> None:
    wanted = item.get("lineItem")
    with here.store.transaction() as db:
        number = db.execute(
            "INSERT INTO tool_item (document, line_item) VALUES (?, '')", (json.dumps(item),)
        ).lastrowid
        if wanted is not None:
            column = {
                "label": wanted.get("label") or item["title"],
                **wanted,
                "resourceLinkId": f"item-{number}",
            }
            made = db.execute("INSERT INTO line_item (document) VALUES (?)", (json.dumps(column),)).lastrowid
            db.execute("UPDATE tool_item SET line_item = ? WHERE number = ?", (str(made), number))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
