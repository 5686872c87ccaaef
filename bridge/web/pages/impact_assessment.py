"""The institution's page of personal data: impact assessments, and what learners have asked to be deleted."""

from datetime import date

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.assessment_files import without_contact
from bridge.identity.deletion_requests import DeletionRequest
from bridge.identity.model import MaskedIdentity
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import legal_date
from bridge.registry.assessment_model import PURPOSES_ZH, RESULTS_ZH, STOPPED_ZH, decide
from bridge.registry.assessments import AssessmentForm
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import require_role, takes_scan
from bridge.wiring import House

_MAX_TYPED = 2000


def impact_assessment_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/privacy`."""
    pages = Blueprint("privacy", __name__, url_prefix="/institution/privacy")

    def page(status: int = 200, **form: object) -> AnyResponse:
        institution = staff_visit().own_institution()
        with house.uow.for_institution(institution, read_only=True) as tx:
            stations = house.at(tx)
            every = stations.assessments.all()
            runs = stations.registry_store.class_runs()
            today = legal_date(house.clock.now())
            switched = {run.id: decide(every, "face", run.id, today) for run in runs}
        with house.uow.across_institutions("logins of who assessed", read_only=True) as tx:
            staff = house.at(tx).staff
            found = {one.recorded_by: staff.by_id(one.recorded_by) for one in every}
        shown = render_template(
            "institution/privacy.html",
            assessments=list(reversed(every)),
            runs=runs,
            switched=switched,
            today=today,
            purposes=PURPOSES_ZH,
            results=RESULTS_ZH,
            logins={"operator": _("运营单位")}
            | {by: account.login for by, account in found.items() if account is not None},
            requests=_deletions(house, staff_visit()),
            stopped=STOPPED_ZH,
            **form,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show() -> AnyResponse:
        return page()

    @pages.post("/assessments")
    @require_role("institution")
    @takes_scan
    def add() -> AnyResponse:
        visit = staff_visit()
        try:
            form = without_contact(_form())
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).assessments.add(form, visit.staff_id)
        except InvalidInput as refused:
            return page(422, wrong=refused.message, typed=request.form)
        flash(_("已登记。登记后的评估不能更改，如有变化请登记新的版本。"))
        return redirect(url_for("privacy.show"), code=303)

    return pages


def _deletions(house: House, visit: StaffVisit) -> list[tuple[DeletionRequest, MaskedIdentity]]:
    """Return what waits, with masked names, each of which is a logged disclosure."""
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        return [
            (
                one,
                stations.identity.disclose(
                    one.learner, purpose="institution.privacy_page", recipient=visit.login, by=visit.staff_id
                ).masked(),
            )
            for one in stations.deletion_requests.waiting()
        ]


def _form() -> AssessmentForm:
    try:
        assessed_on, until = (
            date.fromisoformat(request.form.get(name, "")) for name in ("assessed_on", "until")
        )
    except ValueError as error:
        raise InvalidInput("assessment_dates_malformed", "请填写评估日期和有效期。") from error
    report = request.files.get("report")
    content = b""
    if report is not None:
        content = report.read()
        report.close()
    return AssessmentForm(
        purpose=_typed("purpose"),
        class_run=_typed("class_run"),
        version=_typed("version"),
        assessed_on=assessed_on,
        until=until,
        assessed_by=_typed("assessed_by"),
        result=_typed("result"),
        necessity=_typed("necessity"),
        risks=_typed("risks"),
        measures=_typed("measures"),
        report_sha256=sha256_hex(content) if content else "",
    )


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()[:_MAX_TYPED]
