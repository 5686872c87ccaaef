"""What the authority's pages show, put together: charts as static/chart.js reads them, and the lists around them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import NotPermitted
from bridge.kernel.time import legal_date
from bridge.supervision.dashboard import Dashboard, credited_hours, dashboard
from bridge.supervision.model import Area
from bridge.supervision.service import SupervisionService
from bridge.supervision.store import SqlSupervisionStore
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.wiring import House
from bridge.wiring.supervised import area_of, scope_of

SPANS: Mapping[str, int] = {"14": 14, "30": 30, "90": 90}
_CHECKS = (
    ("通过", "checks_passed"),
    ("未按时核验", "checks_missed"),
    ("本人停止刷脸", "checks_declined"),
    ("未通过", "checks_failed"),
)


@dataclass(frozen=True, slots=True)
class Charts:
    """The overview's charts, each with the numbers that its table repeats."""

    span: str
    first: date
    last: date
    board: Dashboard
    shown: Sequence[tuple[str, Mapping[str, Any]]]


def own_area(visit: StaffVisit) -> str:
    """Return the division code of the official who visits; NotPermitted("no_area")."""
    if visit.division_code is None:
        raise NotPermitted("no_area", "这个账号没有指定辖区，请联系管理员。")
    return visit.division_code


def area_name(house: House, code: str) -> str:
    """Return the area's name; its code where the list of divisions does not know it."""
    return house.divisions.get(code, code)


@contextmanager
def looking(house: House) -> Iterator[tuple[StaffVisit, SupervisionService, Tx]]:
    """Give who visits, what they may see, and the unit of work in which they look.

    Names are logged in a unit of work of the learner's institution; this one only looks.
    """
    visit = staff_visit()
    area = own_area(visit)
    with house.uow.across_institutions("supervision of an area", read_only=True) as tx:
        yield visit, house.supervision(tx, area, officer=visit.staff_id), tx


def area_of_visit(house: House, visit: StaffVisit) -> Area:
    """Return the area of the official who visits."""
    return area_of(house.divisions, own_area(visit))


def this_week(house: House) -> tuple[date, date]:
    """Return Monday and Sunday of the legal week (study clock, by which class runs open)."""
    today = legal_date(house.study_clock.now())
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=6)


def charts(house: House, tx: Tx, code: str, span: str) -> Charts:
    """Return the charts of the last days."""
    chosen = span if span in SPANS else "14"
    last = legal_date(house.study_clock.now())
    first = last - timedelta(days=SPANS[chosen] - 1)
    store = SqlSupervisionStore(scope_of(house, tx, code))
    board = dashboard(store.days(first, last), store.taught(first, last), first, last)
    days = [f"{day:%m-%d}" for day in board.days]
    none = (0,) * len(days)

    def one(title: str, unit: str, values: Sequence[float]) -> Mapping[str, Any]:
        return {"title": title, "unit": unit, "days": days, "values": list(values)}

    hours = [credited_hours(milliseconds) for milliseconds in board.by_day.get("credited_ms", none)]
    checks = {
        "title": "核验结果",
        "unit": "次",
        "days": days,
        "series": [
            {"name": name, "values": list(board.by_day.get(figure, none))} for name, figure in _CHECKS
        ],
    }
    return Charts(
        chosen,
        first,
        last,
        board,
        (
            ("taught", one("授课班次", "个", board.taught)),
            ("enrolled", one("新入班学员", "人", board.by_day.get("enrolled", none))),
            ("hours", one("计入学习时间", "小时", hours)),
            ("checks", checks),
            ("anomalies", one("异常信号", "条", board.by_day.get("signals", none))),
        ),
    )
