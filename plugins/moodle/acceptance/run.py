"""What the steps of one acceptance run share."""

from dataclasses import dataclass, field

from plugins.moodle.acceptance.bridge_side import BridgeSide
from plugins.moodle.acceptance.person import Person
from plugins.moodle.acceptance.school import School
from plugins.moodle.acceptance.site import Site, WebService
from plugins.simulators.demonstration.http_walk import HttpTab
from plugins.simulators.demonstration.steps import Journal


@dataclass(slots=True)
class Run:
    """One run: the Moodle, what it makes there, the bridge that listens, and the journal of its steps."""

    site: Site
    admin: Person
    admin_login: tuple[str, str] = field(repr=False)
    school: School
    bridge: BridgeSide
    journal: Journal
    services: list[WebService] = field(default_factory=list)
    staff: list[HttpTab] = field(default_factory=list)
    refused_before: int = 0

    @property
    def service(self) -> WebService:
        """Return the bridge's way into Moodle."""
        return self.services[0]
