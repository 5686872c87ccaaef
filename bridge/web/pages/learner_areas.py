"""Where the learners of a class run work, for the authorities of those places: written down by staff."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MOST = 500
_MAX_ID = 40


def learner_area_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/areas`."""
    pages = Blueprint("learner_areas", __name__, url_prefix="/institution/class-runs/<class_run>/areas")

    def page(class_run: str, status: int = 200, wrong: str | None = None) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(ClassRunId(class_run))
            areas = stations.learner_areas.of_class_run(run.id)
            people = [
                (
                    learner,
                    stations.identity.disclose(
                        learner, purpose="institution.areas_page", recipient=visit.login, by=visit.staff_id
                    ).masked(),
                    areas.get(learner),
                )
                for learner in stations.registry.enrolled(run.id)
            ]
        shown = render_template(
            "institution/areas.html", run=run, people=people, divisions=house.divisions, wrong=wrong
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return page(class_run)

    @pages.post("")
    @require_role("institution")
    @rate_limited("60 per minute")
    def note(class_run: str) -> AnyResponse:
        visit = staff_visit()
        ticked = [LearnerRef(one[:_MAX_ID]) for one in request.form.getlist("learner")[:_MOST]]
        division = request.form.get("division", "")[:6]
        if not ticked or division not in house.divisions:
            return page(class_run, 422, _("请勾选学员并选择工作地。"))
        with house.uow.for_institution(visit.own_institution()) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(ClassRunId(class_run))
            if not set(ticked) <= set(stations.registry.enrolled(run.id)):
                raise InvalidInput("learner_unknown", "学员不在本班次,请刷新页面。", http_status=404)
            stations.learner_areas.note(run.id, ticked, division, by=visit.staff_id)
        flash(_("已记录 %(count)d 人的工作地。", count=len(ticked)))
        return redirect(url_for("learner_areas.show", class_run=class_run), code=303)

    return pages
