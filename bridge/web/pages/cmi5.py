"""The learner's cmi5 courseware: what there is, what it claims of its units, and a launch."""

from dataclasses import dataclass

from flask import Blueprint, make_response, render_template, session
from werkzeug.wrappers import Response as AnyResponse

from bridge.intake.cmi5.claims import UnitClaim
from bridge.intake.cmi5.model import Au, LaunchMode
from bridge.kernel.errors import InvalidInput
from bridge.web.pages.visitors import LearnerVisit, learner_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.cmi5 import Cmi5Desk


@dataclass(frozen=True, slots=True)
class AuLine:
    """One AU as the page shows it."""

    id: str
    au: Au
    unit_title: str | None
    claims: tuple[UnitClaim, ...]
    satisfied: bool


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package and its AUs."""

    title: str
    lines: tuple[AuLine, ...]


def cmi5_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner/cmi5…`."""
    pages = Blueprint("learner_cmi5", __name__, url_prefix="/learner/cmi5")

    @pages.app_template_global()
    def has_cmi5(visit: LearnerVisit) -> bool:
        """Return whether the learner's class run has courseware to launch."""
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            course = house.at(tx).registry.class_run(visit.class_run).course_id
            return bool(Cmi5Desk(house, tx).packages.of_course(course))

    @pages.get("")
    @require_role("learner")
    def home() -> AnyResponse:
        visit = learner_visit()
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(visit.class_run)
            sheet = stations.registry.class_run_sheet(visit.class_run, visit.known)
            desk = Cmi5Desk(house, tx)
            titles = {str(one.id): one.title for one in sheet.course.units}
            claims = desk.claims.of(visit.known, visit.class_run)
            found = []
            for package in desk.packages.of_course(run.course_id):
                met = desk.registrations.satisfied_of(package, visit.known, visit.class_run)
                lines = tuple(
                    AuLine(
                        au_id,
                        au,
                        titles.get(unit or ""),
                        tuple(one for one in claims if one.unit == unit and one.profile == "cmi5"),
                        au.id in met,
                    )
                    for au_id, unit, au in package.aus
                )
                found.append(PackageView(package.structure.whole.title, lines))
        return make_response(render_template("learner/cmi5.html", class_run=run, packages=found))

    @pages.post("/<au_id>/launch/<mode>")
    @require_role("learner")
    @rate_limited("30 per minute", key=lambda: f"account:{session['account_id']}")
    def launch(au_id: str, mode: str) -> AnyResponse:
        visit = learner_visit()
        modes = {"normal": LaunchMode.NORMAL, "review": LaunchMode.REVIEW}
        if mode not in modes:
            raise InvalidInput("mode_unknown", "没有这种打开方式", http_status=404)
        with house.uow.for_institution(visit.institution) as tx:
            desk = Cmi5Desk(house, tx)
            url = desk.launch(au_id, visit.known, visit.class_run, modes[mode])
            _package, _unit, au = desk.packages.of_au(au_id)
        # A form may not lead to another origin (CSP), and a link may: the learner's browser goes there itself.
        return make_response(render_template("learner/cmi5_launch.html", au=au, url=url, mode=mode))

    return pages
