"""The authority's pages: its own city's class runs, hours, papers, and what became of each record it was sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.supervision.model import LearnerView
from bridge.supervision.service import SupervisionService
from bridge.supervision.signals_model import SignalCount
from bridge.web.pages.signals_view import count_of_area
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 80
_NO_NAMES: Mapping[LearnerRef, object] = {}


def authority_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority…`."""
    pages = Blueprint("authority", __name__, url_prefix="/authority")

    @contextmanager
    def supervision(visit: StaffVisit) -> Iterator[SupervisionService]:
        if visit.division_code is None:
            raise NotPermitted("no_area", "这个账号没有指定辖区，请联系管理员。")
        # Names are logged in a unit of work of the learner's institution; this one only looks.
        with house.uow.across_institutions("supervision of an area", read_only=True) as tx:
            yield house.supervision(tx, visit.division_code, officer=visit.staff_id)

    def signal_count(visit: StaffVisit, class_run: ClassRunId | None = None) -> SignalCount:
        return count_of_area(house, visit.division_code or "", class_run)

    def area_name(visit: StaffVisit) -> str:
        code = visit.division_code or ""
        return house.divisions.get(code, code)

    def front(status: int = 200, **search: Any) -> AnyResponse:
        visit = staff_visit()
        with supervision(visit) as seen:
            runs, batches = seen.class_runs(), seen.batches()
        page = render_template(
            "authority/home.html",
            area=area_name(visit),
            runs=runs,
            batches=batches,
            signals=signal_count(visit),
            **search,
        )
        return make_response(page, status)

    def class_run_page(class_run: str, purpose: str | None = None) -> AnyResponse:
        visit = staff_visit()
        wrong, names = None, dict(_NO_NAMES)
        with supervision(visit) as seen:
            run, learners = seen.class_run(ClassRunId(class_run))
            if purpose is not None:
                try:
                    names = {one.learner: seen.show(one.learner, purpose) for one in learners}
                except InvalidInput as refused:
                    wrong = refused.message
        page = render_template(
            "authority/class_run.html",
            area=area_name(visit),
            run=run,
            learners=learners,
            names=names,
            wrong=wrong,
            chart=hours_by_day(learners),
            signals=signal_count(visit, run.id),
        )
        return make_response(page, 422 if wrong else 200)

    @pages.get("")
    @require_role("authority")
    def home() -> AnyResponse:
        return front()

    @pages.get("/class-runs/<class_run>")
    @require_role("authority")
    def show_class_run(class_run: str) -> AnyResponse:
        return class_run_page(class_run)

    @pages.post("/class-runs/<class_run>")
    @require_role("authority")
    @rate_limited("30 per minute")
    def show_names(class_run: str) -> AnyResponse:
        return class_run_page(class_run, request.form.get("purpose", "")[:_MAX_TYPED])

    @pages.post("")
    @require_role("authority")
    @rate_limited("30 per minute")
    def search() -> AnyResponse:
        purpose = request.form.get("purpose", "")[:_MAX_TYPED]
        try:
            with supervision(staff_visit()) as seen:
                found = seen.search(request.form.get("citizen_id", "")[:_MAX_TYPED], purpose)
        except InvalidInput as refused:
            return front(422, search_wrong=refused.message, purpose=purpose)
        return front(found=found, purpose=purpose)

    return pages


def hours_by_day(learners: tuple[LearnerView, ...]) -> dict[str, Any]:
    """Return class hours on hour certificates by legal day of issue, as static/chart.js reads them."""
    totals: dict[str, int] = {}
    for learner in learners:
        for paper in learner.papers:
            if paper.kind == "hour_certificate":
                day = legal_date(paper.issued_at).isoformat()
                totals[day] = totals.get(day, 0) + paper.class_hours
    days = sorted(totals)
    return {"title": "出具学时", "unit": "学时", "days": days, "values": [totals[day] for day in days]}
