"""The authority's first pages: what happens in its area by day and city, class runs, a search for a stated purpose."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.supervision.model import LearnerView, RunFilter
from bridge.web.pages.authority_view import SPANS, area_name, charts, looking, own_area, this_week
from bridge.web.pages.signals_view import count_of_area
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 80
_RUNS_SHOWN, _BATCHES_SHOWN = 5, 5
_NO_NAMES: Mapping[LearnerRef, object] = {}


def authority_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority…`."""
    pages = Blueprint("authority", __name__, url_prefix="/authority")

    def front(status: int = 200, **search: Any) -> AnyResponse:
        monday, sunday = this_week(house)
        opening_this_week = RunFilter(opens_from=monday, opens_until=sunday)
        with looking(house) as (visit, seen, tx):
            code = own_area(visit)
            page = render_template(
                "authority/home.html",
                area=area_name(house, code),
                runs=seen.class_runs(limit=_RUNS_SHOWN),
                run_count=seen.class_run_count(),
                opening=seen.class_runs(opening_this_week, _RUNS_SHOWN),
                opening_count=seen.class_run_count(opening_this_week),
                week=(monday, sunday),
                batches=seen.batches(_BATCHES_SHOWN),
                charts=charts(house, tx, code, request.args.get("days", "")),
                spans=SPANS,
                divisions=house.divisions,
                signals=count_of_area(house, code, None),
                **search,
            )
        return make_response(page, status)

    def class_run_page(class_run: str, purpose: str | None = None) -> AnyResponse:
        wrong, names = None, dict(_NO_NAMES)
        with looking(house) as (visit, seen, _tx):
            code = own_area(visit)
            run, learners = seen.class_run(ClassRunId(class_run))
            units = seen.units(run.id)
            if purpose is not None:
                try:
                    names = {one.learner: seen.show(one.learner, purpose) for one in learners}
                except InvalidInput as refused:
                    wrong = refused.message
        page = render_template(
            "authority/class_run.html",
            area=area_name(house, code),
            run=run,
            learners=learners,
            today=legal_date(house.clock.now()),
            units=units,
            names=names,
            wrong=wrong,
            chart=hours_by_day(learners),
            signals=count_of_area(house, code, run.id),
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
            with looking(house) as (_visit, seen, _tx):
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
