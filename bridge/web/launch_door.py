"""Launches: what `lti` verified becomes a claim in the inbox, an account, and a new browser session."""

from flask import Blueprint, Request, Response

from bridge.kernel.ids import RegistrationId
from bridge.registry.lti_model import SeenServices
from bridge.web.errors import error_response
from bridge.web.launches.arrival import Answer, Arrival
from bridge.web.launches.deep_linking import begin_choice
from bridge.web.launches.proctoring import begin_test, end_test
from bridge.web.launches.resource_link import open_link
from bridge.web.launches.submission_review import begin_review
from bridge.wiring import House
from lti.claims import LaunchClaims
from lti.deep_linking import DeepLinkingRequest
from lti.errors import DeploymentUnknown, LaunchRefused
from lti.flask import lti_blueprint
from lti.launch import Launch
from lti.messages import ResourceLinkRequest
from lti.proctoring import EndAssessment, StartProctoring
from lti.submission_review import SubmissionReviewRequest


def launch_door(house: House) -> Blueprint:
    """Return the blueprint of `/lti/…`."""

    def welcome(launch: Launch, _request: Request) -> Response:
        # Before anybody is let in: a teacher's launch proves the platform as well as a learner's.
        house.lti_registrations.note_launch(
            launch.registration,
            contact_removed=launch.claims.contact_removed,
            citizen_ids=launch.claims.citizen_id_seen_in,
            services=_services(launch.claims),
        )
        return _answer(Arrival(house, launch))  # type: ignore[return-value]  # werkzeug's own type

    def refused(refusal: LaunchRefused) -> Response:
        return error_response(refusal.reason, refusal.message_zh, refusal.http_status)

    doors = lti_blueprint(house.lti_tool, welcome, refused)

    @doors.errorhandler(DeploymentUnknown)
    def wait_for_approval(refusal: DeploymentUnknown) -> Response:
        registration = RegistrationId(refusal.registration_id)
        house.lti_registrations.note_unknown_deployment(registration, refusal.deployment_id)
        return refused(refusal)

    return doors


def _answer(arrival: Arrival) -> Answer:
    match arrival.launch.message:
        case ResourceLinkRequest():
            return open_link(arrival)
        case DeepLinkingRequest() as request:
            return begin_choice(arrival, request)
        case SubmissionReviewRequest() as request:
            return begin_review(arrival, request)
        case StartProctoring() as message:
            return begin_test(arrival, message)
        case EndAssessment() as message:
            return end_test(arrival, message)


def _services(claims: LaunchClaims) -> SeenServices:
    return SeenServices(
        line_items_url=claims.ags.lineitems if claims.ags else None,
        line_item_url=claims.ags.lineitem if claims.ags else None,
        memberships_url=claims.nrps.context_memberships_url if claims.nrps else None,
    )
