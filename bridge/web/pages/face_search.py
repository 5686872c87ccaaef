"""The learner's own word on the search among registered faces: offered where it is assessed, beside the consent to
faces and never part of it."""

from flask import Blueprint, Flask, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.consent import FACE, FACE_SEARCH, FACE_SEARCH_CONSENT, ConsentText
from bridge.web.pages.visitors import learner_visit
from bridge.web.security import require_role
from bridge.wiring import House
from bridge.wiring.face_gate import require_face_checking

_MAX_TYPED = 40


def face_search_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner/face-search`."""
    pages = Blueprint("face_search", __name__, url_prefix="/learner/face-search")

    @pages.post("/consent")
    @require_role("learner")
    def give_consent() -> AnyResponse:
        visit = learner_visit()
        with house.uow.for_institution(visit.institution) as tx:
            stations = house.at(tx)
            require_face_checking(stations, visit.class_run, FACE_SEARCH)
            stations.identity.give_consent(
                visit.account_id, FACE_SEARCH, request.form.get("version", "")[:_MAX_TYPED]
            )
        return redirect(url_for("learner.home", _anchor="step-consent"), code=303)

    return pages


def register_face_search(app: Flask, house: House) -> None:
    """Give templates `face_search_offer`."""

    @app.template_global()
    def face_search_offer() -> ConsentText | None:
        """Return the text that the learner may agree to now; None where there is no search, or nothing to ask."""
        visit = learner_visit()
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            stations = house.at(tx)
            identity = stations.identity
            if not stations.face_search.is_on(visit.class_run) or not identity.has_consent(
                visit.account_id, FACE
            ):
                return None
            return None if identity.has_consent(visit.account_id, FACE_SEARCH) else FACE_SEARCH_CONSENT
