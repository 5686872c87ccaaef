"""The bridge's own player page: a learner studies a unit whose material the bridge keeps."""

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseUnitId
from bridge.registry.material_model import Material, MaterialKind, page_starts
from bridge.registry.material_text import page_html
from bridge.web.material_answer import answer_material, open_material
from bridge.web.pages.learner_view import gather
from bridge.web.pages.player_view import standing_json, unit_standing
from bridge.web.pages.visitors import LearnerVisit, learner_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.player import look_at_player, player_token, require_unit

PICTURE = "image/webp"


def player_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner/units/<unit>…`."""
    pages = Blueprint("player", __name__, url_prefix="/learner/units/<unit>")

    def material_of(visit: LearnerVisit, unit: str) -> Material:
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            _, own = require_unit(house.at(tx), visit.known, visit.class_run, CourseUnitId(unit))
        return own.material

    @pages.get("")
    @require_role("learner")
    def show(unit: str) -> AnyResponse:
        visit = learner_visit()
        # Without the steps before it the player could only refuse: they are taken on the learner's own page.
        if visit.learner is None or gather(house, visit).steps["study"] == "later":
            return redirect(url_for("learner.home"), code=303)
        view = look_at_player(house, visit.institution, visit.learner, visit.class_run, CourseUnitId(unit))
        own = view.own
        return make_response(
            render_template(
                "learner/player.html",
                visit=visit,
                run=view.sheet.class_run,
                unit=own.unit,
                material=own.material,
                standing=standing_json(view),
                finished=unit_standing(view.earned.seconds, own.unit).finished,
                texts=texts(house, own.material),
                player=_player(unit, own.material, own.unit.nominal_ms),
            )
        )

    @pages.post("/token")
    @require_role("learner")
    @rate_limited("30 per minute", key=lambda: f"account:{session['account_id']}")
    def token(unit: str) -> Response:
        visit = learner_visit()
        material_of(visit, unit)
        made = player_token(house, visit.institution, visit.account_id, visit.class_run, CourseUnitId(unit))
        return jsonify({"token": made})

    @pages.get("/standing")
    @require_role("learner")
    def standing(unit: str) -> Response:
        visit = learner_visit()
        view = look_at_player(house, visit.institution, visit.known, visit.class_run, CourseUnitId(unit))
        return jsonify(standing_json(view))

    @pages.get("/media")
    @require_role("learner")
    def media(unit: str) -> Response:
        material = material_of(learner_visit(), unit)
        if material.kind.paged:
            raise InvalidInput("material_paged", "这份课件是逐页阅读的。", http_status=404)
        return answer_material(house.material_files, material.sha256, material.size, material.media_type)

    @pages.get("/pages/<int:number>")
    @require_role("learner")
    def page(unit: str, number: int) -> Response:
        return answer_page(house, material_of(learner_visit(), unit), number)

    return pages


def answer_page(house: House, material: Material, number: int) -> Response:
    """Return the picture of a page (from 1); InvalidInput("material_page_unknown")."""
    if material.kind is not MaterialKind.PDF or not 1 <= number <= len(material.pages):
        raise InvalidInput("material_page_unknown", "没有这一页,请刷新页面。", http_status=404)
    content = material.pages[number - 1].content
    return answer_material(house.material_files, content.sha256, content.size, PICTURE)


def texts(house: House, material: Material) -> list[str]:
    """Return each page of a text as HTML; nothing for other kinds."""
    if material.kind is not MaterialKind.TEXT:
        return []
    written = []
    for one in material.pages:
        with open_material(house.material_files, one.content.sha256) as file:
            written.append(page_html(file.read().decode()))
    return written


def _player(unit: str, material: Material, nominal_ms: int) -> dict[str, Any]:
    """Return what the page's script must know; no person."""
    times = [page.nominal_ms for page in material.pages]
    starts = page_starts(times)
    return {
        "kind": material.kind.value,
        "nominal_ms": nominal_ms,
        "pages": [
            {
                "start_ms": start,
                "nominal_ms": time,
                "url": url_for("player.page", unit=unit, number=number, v=page.content.sha256[:12])
                if material.kind is MaterialKind.PDF
                else None,
            }
            for number, (page, start, time) in enumerate(zip(material.pages, starts, times, strict=True), 1)
        ],
        "token_url": url_for("player.token", unit=unit),
        "standing_url": url_for("player.standing", unit=unit),
        "home_url": url_for("learner.home"),
    }
