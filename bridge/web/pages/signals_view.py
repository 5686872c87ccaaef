"""The pages of signals and of article 27 put together from the stations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.identity.model import MaskedIdentity
from bridge.intake.model import CONTACT_FIELDS
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.registry.contact_service import ContactSheet
from bridge.supervision.signals import SignalPage
from bridge.supervision.signals_model import EXPLANATIONS, SignalCount
from bridge.web.pages.visitors import StaffVisit
from bridge.wiring import House
from bridge.wiring.supervised import signal_count_of_area, signals_of_area

_FIELDS_ZH: Mapping[str, str] = {
    "email": "邮箱",
    "phone1": "电话",
    "phone2": "手机",
    "address": "地址",
    "custom": "自定义栏目",
}
COUNTED = tuple(_FIELDS_ZH[name] for name in CONTACT_FIELDS)
"""What a contact scan counts, in the order of its counts."""


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Article 27 in one class run.

    Args:
        platforms: name by registration.
        logins: of the staff who signed, by staff id; in place of an unknown one its id.
    """

    sheet: ContactSheet
    platforms: Mapping[str, str]
    logins: Mapping[str, str]


def institution_signals(
    house: House, visit: StaffVisit, institution: InstitutionId, class_run: ClassRunId | None
) -> tuple[SignalPage, Mapping[LearnerRef, MaskedIdentity], str | None]:
    """Return the signals, who their learners are (masked; each is a logged disclosure), the class run's title.

    Raises:
        InvalidInput("class_run_unknown"): also for another institution's.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        title = None if class_run is None else stations.registry.class_run(class_run).title
        page = stations.signals.page(class_run)
        people = {
            learner: stations.identity.disclose(
                learner, purpose="institution.signals_page", recipient="培训机构", by=visit.staff_id
            ).masked()
            for learner in dict.fromkeys(
                who for one in page.signals for who in (one.learner, one.other) if who is not None
            )
        }
    return page, people, title


def area_signals(house: House, division_code: str, class_run: ClassRunId | None) -> SignalPage:
    """Return the signals of the officer's area, or of one class run of it; none for any other class run."""
    with house.uow.across_institutions("signals of an area", read_only=True) as tx:
        return signals_of_area(house, tx, division_code, class_run)


def count_of_institution(house: House, institution: InstitutionId) -> SignalCount:
    """Return how many signals the institution has."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        return house.at(tx).signals.count(None)


def count_of_area(house: House, division_code: str, class_run: ClassRunId | None) -> SignalCount:
    """Return how many signals there are in an officer's area, or in one class run of it."""
    with house.uow.across_institutions("count an area's signals", read_only=True) as tx:
        return signal_count_of_area(house, tx, division_code, class_run)


def contact_page(house: House, institution: InstitutionId, class_run: ClassRunId) -> ContactPage:
    """Return the page; InvalidInput("class_run_unknown") also for another institution's."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        sheet = stations.contact_gate.sheet(class_run)
        platforms = {str(one.id): one.name for one in stations.platforms.all()}
        signed = {sign.by for one in sheet.standing.exceptions for sign in one.signatures}
        accounts = [stations.staff.by_id(by) for by in sorted(signed)]
        logins = {one.id: one.login for one in accounts if one is not None}
    return ContactPage(sheet, platforms, logins)


def chart(page: SignalPage) -> dict[str, Any]:
    """Return signals by kind over the last weeks, as static/chart.js reads them."""
    return {
        "title": "异常信号",
        "unit": "条",
        "days": [f"{week:%m-%d} 周" for week in page.weeks],
        "series": [
            {"name": EXPLANATIONS[kind].title, "values": list(numbers)}
            for kind, numbers in page.by_kind.items()
        ],
    }
