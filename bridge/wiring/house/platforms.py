"""The learning platforms: their registrations, our keys towards them, calls to their services."""

from typing import TYPE_CHECKING, Any

from bridge.intake.launch_state import SqlUsedStates
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.plugin_loader import load
from bridge.registry.lti_office import PlatformOffice
from bridge.registry.lti_registrations import LtiRegistrations
from bridge.registry.lti_self_registration import SelfRegistration
from bridge.registry.lti_tool_keys import ToolKeys
from bridge.wiring.platform_services import SeenLately
from lti.http import GuardedHttp
from lti.keys import KeySource
from lti.proctoring import AssessmentControl
from lti.services import ServiceCall, ServiceTokens
from lti.state import StateSeal
from lti.tool import LtiTool

if TYPE_CHECKING:
    from bridge.wiring.house import House


def lti_registrations(house: "House") -> LtiRegistrations:
    return LtiRegistrations(house.uow, house.cipher)


def tool_keys(house: "House") -> ToolKeys:
    """The tool's keys; made, or taken over from the file of earlier versions, when one is first needed."""
    return ToolKeys(house.uow, house.cipher, old_file=house.settings.data_dir / "keys" / "lti-tool.pem")


def lti_tool(house: "House") -> LtiTool:
    return LtiTool(
        public_url=house.settings.public_url,
        registrations=house.lti_registrations,
        seal=StateSeal(house.key("lti state")),
        used_states=SqlUsedStates(house.uow),
        platform_keys=KeySource(GuardedHttp(), house.clock),
        tool_keys=house.tool_keys,
        clock=house.clock,
    )


def platform_office(house: "House") -> PlatformOffice:
    return PlatformOffice(
        house.uow,
        house.cipher,
        house.lti_registrations,
        house.lti_tool,
        house.tool_keys,
        GuardedHttp(),
        demonstration=house.settings.demonstration,
    )


def self_registration(house: "House") -> SelfRegistration:
    return SelfRegistration(
        house.uow,
        house.cipher,
        GuardedHttp(),
        house.lti_tool,
        demonstration=house.settings.demonstration,
    )


def service_calls(house: "House") -> ServiceCall:
    """Authorised calls to the services of platforms; tokens are kept for as long as the process lives."""
    http = GuardedHttp()
    return ServiceCall(http, ServiceTokens(http, house.tool_keys, house.clock), house.clock)


def assessment_control(house: "House") -> AssessmentControl:
    return AssessmentControl(house.service_calls)


def services_seen(house: "House") -> SeenLately:
    return SeenLately()


def exam_grants_maker(house: "House", kind: str) -> Any:
    """Return what makes the adapter of a kind: (base URL, token, network policy) → `ExamGrants`."""
    return load(f"exam_grants.{kind}")


def learner_states_maker(house: "House", kind: str) -> Any:
    """Return what makes the adapter of a kind: (base URL, token, network policy) → `LearnerStateKeeper`."""
    return load(f"learner_states.{kind}")


def lms_scores_maker(house: "House", kind: str) -> Any:
    """Return what makes the adapter of a kind: (base URL, token, network policy) → `ScoresOfLms`."""
    return load(f"lms_scores.{kind}")


def webhook_sender(
    house: "House", registration: RegistrationId
) -> tuple[InstitutionId, tuple[bytes, ...]] | None:
    """Return whose platform it is and the secrets that may sign; None for an unknown one."""
    try:
        institution = house.lti_registrations.institution_of(registration)
        return institution, house.lti_registrations.webhook_secrets(registration)
    except InvalidInput:
        return None
