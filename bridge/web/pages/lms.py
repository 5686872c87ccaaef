"""Where a launch leads that opens nothing for a learner: a teacher's look at a link, and the stranger's sign-in."""

from flask import Blueprint, render_template, session

from bridge.registry.link_model import LinkTarget
from bridge.registry.model import ClassRun, CourseUnit
from bridge.web.pages.lms_visits import TeacherVisit, teacher_visit
from bridge.wiring import House


def lms_pages(house: House) -> Blueprint:
    """Return the blueprint of `/lms…`."""
    pages = Blueprint("lms", __name__, url_prefix="/lms")

    @pages.get("/teacher")
    def teacher() -> str:
        visit = teacher_visit()
        run, unit, target = _link(house, visit)
        return render_template("lms/teacher.html", visit=visit, run=run, unit=unit, target=target)

    @pages.get("/sign-in-first")
    def sign_in_first() -> str:
        return render_template("lms/sign_in_first.html", return_url=session.get("return_url"))

    return pages


def _link(house: House, visit: TeacherVisit) -> tuple[ClassRun | None, CourseUnit | None, LinkTarget | None]:
    target = LinkTarget.from_custom(session.get("link") or {})
    if visit.class_run is None:
        return None, None, target
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        store = house.at(tx).registry_store
        run = store.class_run(visit.class_run)
        course = None if run is None else store.course(run.course_id)
    units = () if course is None or target is None else course.units
    return run, next((one for one in units if target and one.id == target.unit), None), target
