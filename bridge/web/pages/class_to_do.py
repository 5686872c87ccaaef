"""The class teacher's list: who of a class run cannot go on, why, and what to do; and what waits for the visitor."""

from flask import Blueprint, Flask, make_response, render_template
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.ids import ClassRunId
from bridge.web.pages import review_words
from bridge.web.pages.class_to_do_view import class_to_do, waiting_for
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import require_role
from bridge.wiring import House


def class_to_do_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/to-do`."""
    pages = Blueprint("class_to_do", __name__, url_prefix="/institution/class-runs/<class_run>/to-do")

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        page = class_to_do(house, staff_visit(), ClassRunId(class_run))
        return make_response(render_template("review/class_to_do.html", page=page, words=review_words))

    return pages


def register_class_to_do(app: Flask, house: House) -> None:
    """Give templates `to_do_count`."""

    @app.template_global()
    def to_do_count(class_run: ClassRunId) -> int:
        """Return how many things of the own institution's class run wait for the visitor."""
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
            return sum(one.count for one in waiting_for(house, tx, class_run, visit.staff_id))
