"""Where staff say how a platform's tests are opened: the site's address and a token of its web services."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.learner_state_model import Telling
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 600


@dataclass(frozen=True, slots=True)
class Counted:
    """Of how many learners a platform was told, will be told, and would not hear (reason → number)."""

    told: int
    waiting: int
    refused: Mapping[str, int]


def exam_service_pages(house: House) -> Blueprint:
    """Return the blueprint of `/platforms/<registration>/exam-service`."""
    pages = Blueprint("exam_service", __name__, url_prefix="/platforms/<registration>/exam-service")

    def page(registration: str, status: int = 200, **form: object) -> AnyResponse:
        visit = staff_visit()
        platform_id = RegistrationId(registration)
        with house.uow.for_institution(_institution(house, visit, platform_id), read_only=True) as tx:
            stations = house.at(tx)
            platform = stations.platforms.get(platform_id)
            service = stations.exam_services.get(platform_id)
            states = stations.learner_states.counts(platform_id)
        shown = render_template(
            "platforms/exam_service.html", platform=platform, service=service, states=_counted(states), **form
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution", "administrator")
    def show(registration: str) -> AnyResponse:
        return page(registration)

    @pages.post("")
    @require_role("institution", "administrator")
    @rate_limited("20 per hour")
    def set_up(registration: str) -> AnyResponse:
        visit, platform_id = staff_visit(), RegistrationId(registration)
        typed = {name: request.form.get(name, "")[:_MAX_TYPED] for name in ("base_url", "token")}
        try:
            with house.uow.for_institution(_institution(house, visit, platform_id)) as tx:
                house.at(tx).exam_services.set_up(platform_id, **typed, by=visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status != 422:
                raise
            return page(registration, 422, wrong=refused.message, base_url=typed["base_url"])
        flash(_("已保存。学员通过开考核验后，安学桥会请这个平台打开考试；学员的实名和学时也会告知它。"))
        return redirect(url_for("exam_service.show", registration=registration), code=303)

    @pages.post("/tell-again")
    @require_role("institution", "administrator")
    @rate_limited("20 per hour")
    def tell_again(registration: str) -> AnyResponse:
        visit, platform_id = staff_visit(), RegistrationId(registration)
        with house.uow.for_institution(_institution(house, visit, platform_id)) as tx:
            stations = house.at(tx)
            stations.platforms.get(platform_id)
            told = stations.exam_services.tell_states_again(platform_id)
        if told:
            flash(_("已安排重新告知全部学员的实名和学时，稍后刷新本页可见结果。"))
        return redirect(url_for("exam_service.show", registration=registration), code=303)

    @pages.post("/remove")
    @require_role("institution", "administrator")
    def remove(registration: str) -> AnyResponse:
        visit, platform_id = staff_visit(), RegistrationId(registration)
        with house.uow.for_institution(_institution(house, visit, platform_id)) as tx:
            stations = house.at(tx)
            stations.platforms.get(platform_id)
            stations.exam_services.remove(platform_id)
        flash(_("已停用。安学桥不再请这个平台打开考试，设了身份核验的测验将无法开始。"))
        return redirect(url_for("exam_service.show", registration=registration), code=303)

    return pages


def _counted(states: Mapping[tuple[Telling, str], int]) -> Counted:
    """Return how many learners stand where, and the reasons of the refusals with their numbers."""
    sums = {telling: sum(n for (where, _why), n in states.items() if where is telling) for telling in Telling}
    refused = {why: n for (where, why), n in states.items() if where is Telling.REFUSED}
    return Counted(sums[Telling.TOLD], sums[Telling.WAITING], refused)


def _institution(house: House, visit: StaffVisit, registration: RegistrationId) -> InstitutionId:
    """Return in whose rows to look: staff's own institution, an operator's any; "registration_unknown" comes later."""
    return visit.institution or house.lti_registrations.institution_of(registration)
