"""An office for platforms over a house of tests, on SQLite, with the real tool, keys and guarded client."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bridge.registry.lti_office import PlatformOffice, PlatformStaff
from bridge.registry.lti_registrations import LtiRegistrations
from bridge.registry.lti_tool_keys import ToolKeys
from lti.http import GuardedHttp
from lti.keys import KeySource
from lti.services import CallsPlatforms
from lti.state import MemoryUsedStates, StateSeal
from lti.tool import LtiTool
from tests.identity.house import ORG, House

TOOL = "https://bridge.example"
OPERATOR, STAFF = PlatformStaff("operator", None), PlatformStaff("staff_lin", ORG)


def lti_tool(house: House, folder: Path) -> tuple[LtiTool, ToolKeys]:
    keys = ToolKeys(house.units, house.cipher, old_file=folder / "lti-tool.pem")
    tool = LtiTool(
        public_url=TOOL,
        registrations=LtiRegistrations(house.units, house.cipher),
        seal=StateSeal(bytes(32)),
        used_states=MemoryUsedStates(),
        platform_keys=KeySource(GuardedHttp(), house.clock),
        tool_keys=keys,
        clock=house.clock,
    )
    return tool, keys


def platform_office(
    house: House, folder: Path, *, demonstration: bool = False, http: CallsPlatforms | None = None
) -> PlatformOffice:
    tool, keys = lti_tool(house, folder)
    return PlatformOffice(
        house.units,
        house.cipher,
        LtiRegistrations(house.units, house.cipher),
        tool,
        keys,
        http or GuardedHttp(),
        demonstration=demonstration,
    )


def opened(office: PlatformOffice) -> AbstractContextManager[PlatformOffice]:
    return nullcontext(office)
