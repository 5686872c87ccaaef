"""Lists of an area: institutions by their code, class runs by their opening, what was reported. None of them ranks."""

from dataclasses import dataclass

from flask import Blueprint, render_template, request

from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import legal_date
from bridge.supervision.model import RunFilter
from bridge.web.pages.authority_view import area_name, area_of_visit, looking, own_area, this_week
from bridge.web.security import require_role
from bridge.wiring import House

_PAGE = 50
_BATCHES, _RECORDS_PAGE = 20, 200
_MAX_ID = 40
WHEN = {"": "全部", "week": "本周开班", "now": "正在授课"}


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Where in a list the page stands; numbers count pages from 1."""

    number: int
    last: int


def authority_list_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority/institutions`, `/authority/class-runs` and `/authority/reports`."""
    pages = Blueprint("authority_lists", __name__, url_prefix="/authority")

    @pages.get("/institutions")
    @require_role("authority")
    def institutions() -> str:
        with looking(house) as (visit, seen, _tx):
            return render_template(
                "authority/institutions.html",
                area=area_name(house, own_area(visit)),
                may_register=area_of_visit(house, visit).level == "city",
                institutions=seen.institutions(),
                divisions=house.divisions,
                today=legal_date(house.study_clock.now()),
            )

    @pages.get("/class-runs")
    @require_role("authority")
    def class_runs() -> str:
        when = request.args.get("when", "")
        institution = request.args.get("institution", "")[:_MAX_ID]
        chosen = _filter(house, when if when in WHEN else "", institution)
        with looking(house) as (visit, seen, _tx):
            count = seen.class_run_count(chosen)
            place = _place(count)
            return render_template(
                "authority/class_runs.html",
                area=area_name(house, own_area(visit)),
                runs=seen.class_runs(chosen, _PAGE, (place.number - 1) * _PAGE),
                count=count,
                place=place,
                when=when if when in WHEN else "",
                whens=WHEN,
                institution=institution,
                divisions=house.divisions,
            )

    @pages.get("/reports")
    @require_role("authority")
    def reports() -> str:
        before = request.args.get("before", "")[:_MAX_ID] or None
        with looking(house) as (visit, seen, _tx):
            found = seen.batches(_BATCHES + 1, before)
            return render_template(
                "authority/reports.html",
                area=area_name(house, own_area(visit)),
                batches=found[:_BATCHES],
                more=len(found) > _BATCHES,
                before=before,
            )

    @pages.get("/reports/<batch>")
    @require_role("authority")
    def report(batch: str) -> str:
        with looking(house) as (visit, seen, _tx):
            count = seen.batch(batch[:_MAX_ID], 0).record_count
            place = _place(count, _RECORDS_PAGE)
            return render_template(
                "authority/report.html",
                area=area_name(house, own_area(visit)),
                batch=seen.batch(batch[:_MAX_ID], _RECORDS_PAGE, (place.number - 1) * _RECORDS_PAGE),
                place=place,
            )

    return pages


def _filter(house: House, when: str, institution: str) -> RunFilter:
    monday, sunday = this_week(house)
    return RunFilter(
        opens_from=monday if when == "week" else None,
        opens_until=sunday if when == "week" else None,
        on=legal_date(house.study_clock.now()) if when == "now" else None,
        institution=InstitutionId(institution) if institution else None,
    )


def _place(count: int, page: int = _PAGE) -> ListPlace:
    asked = request.args.get("page", "1")
    last = max(1, -(-count // page))
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    return ListPlace(min(max(1, number), last), last)
