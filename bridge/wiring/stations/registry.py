"""The registry: institutions, class runs, their courses and platforms."""

from typing import TYPE_CHECKING

from bridge.registry.assessments import ImpactAssessments
from bridge.registry.cap_exceptions import CapExceptions
from bridge.registry.contact_service import ContactGate
from bridge.registry.contact_store import SqlContactStore
from bridge.registry.course_copies import CourseCopies
from bridge.registry.exam_services import ExamServices
from bridge.registry.links import LmsLinks
from bridge.registry.lti_platforms import LtiPlatforms
from bridge.registry.materials import Materials
from bridge.registry.model import ClassRunSheet
from bridge.registry.service import RegistryService
from bridge.registry.store import SqlRegistryStore
from bridge.registry.suspensions import Suspensions
from bridge.rules.model import ProfileInForce

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def registry_store(stations: "Stations") -> SqlRegistryStore:
    return SqlRegistryStore(stations.tx, stations.house.cipher)


def registry(stations: "Stations") -> RegistryService:
    return RegistryService(
        stations.registry_store, stations.tx, stations.house.study_clock, stations.house.rules
    )


def profile_for(stations: "Stations", sheet: ClassRunSheet) -> ProfileInForce:
    """Return the rules that apply to a class run."""
    return stations.house.rules.profile(sheet.class_run.profile)


def cap_exceptions(stations: "Stations") -> CapExceptions:
    return CapExceptions(
        stations.tx, stations.registry.class_run, stations.house.study_clock, stations.house.rules
    )


def suspensions(stations: "Stations") -> Suspensions:
    return Suspensions(stations.tx, stations.house.study_clock)


def assessments(stations: "Stations") -> ImpactAssessments:
    return ImpactAssessments(stations.tx, stations.registry.class_run, stations.house.clock)


def contact_gate(stations: "Stations") -> ContactGate:
    house = stations.house
    store = SqlContactStore(stations.tx, house.cipher)
    return ContactGate(store, stations.registry, stations.tx, house.clock, house.study_clock, house.rules)


def platforms(stations: "Stations") -> LtiPlatforms:
    return LtiPlatforms(stations.tx, stations.house.cipher)


def exam_services(stations: "Stations") -> ExamServices:
    return ExamServices(stations.tx, stations.house.cipher)


def links(stations: "Stations") -> LmsLinks:
    return LmsLinks(stations.tx, stations.registry_store)


def materials(stations: "Stations") -> Materials:
    return Materials(stations.tx)


def course_copies(stations: "Stations") -> CourseCopies:
    return CourseCopies(stations.tx, stations.house.cipher)
