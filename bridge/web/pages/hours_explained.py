"""The institution's page of one learner's time: each stretch with its clause, and which documents bound the hours."""

from dataclasses import dataclass

from flask import Blueprint, render_template

from bridge.hours.model import HoursStatement
from bridge.identity.model import MaskedIdentity
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRun
from bridge.web.pages.progress import ProgressView, view_progress
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import require_role
from bridge.wiring import House


@dataclass(frozen=True, slots=True)
class HoursPage:
    """What the page shows; the learner reads the same in `learner/progress.html`."""

    run: ClassRun
    person: MaskedIdentity
    progress: ProgressView
    hours: HoursStatement


def hours_explained_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/learners/<learner>/hours`."""
    pages = Blueprint("hours_explained", __name__, url_prefix="/institution/class-runs/<class_run>/learners")

    @pages.get("/<learner>/hours")
    @require_role("institution", "administrator")
    def show(class_run: str, learner: str) -> str:
        page = _gather(house, staff_visit(), ClassRunId(class_run), LearnerRef(learner))
        return render_template("hours/learner.html", page=page)

    return pages


def _gather(house: House, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef) -> HoursPage:
    """Return the page; the masked name on it is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        stations.registry.require_enrolled(class_run, learner)
        person = stations.identity.disclose(
            learner, purpose="institution.hours_page", recipient="培训机构", by=visit.staff_id
        ).masked()
    with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
        stations = house.at(tx)
        sheet = stations.registry.class_run_sheet(class_run, learner)
        earned = stations.hours.earned(learner, class_run)
        return HoursPage(run, person, view_progress(earned.seconds, sheet.course.units), earned.hours)
