"""Launches: what `lti` verified becomes a claim in the inbox, an account, and a new browser session."""

from flask import Blueprint, Request, Response, redirect, session, url_for

from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.lti_model import SeenServices
from bridge.web.errors import error_response
from bridge.web.sessions import WebSession
from bridge.wiring import House
from lti.claims import LaunchClaims
from lti.errors import DeploymentUnknown, LaunchRefused
from lti.flask import lti_blueprint
from lti.launch import Launch
from lti.roles import Role


def launch_door(house: House) -> Blueprint:
    """Return the blueprint of `/lti/…`."""

    def welcome(launch: Launch, _request: Request) -> Response:
        claims = launch.claims
        institution = InstitutionId(launch.registration.tenant)
        registration = RegistrationId(launch.registration.id)
        # Before anybody is let in: a teacher's launch proves the platform as well as a learner's.
        house.lti_registrations.note_launch(
            launch.registration,
            contact_removed=claims.contact_removed,
            citizen_ids=claims.citizen_id_seen_in,
            services=_services(claims),
        )
        with house.uow.for_institution(institution) as tx:
            stations = house.at(tx)
            # Refused inside the unit of work: who is not let in leaves neither a message nor an account.
            if claims.role is not Role.LEARNER:
                raise NotPermitted(
                    "teacher_launch", "这里是学员入口。教师和管理人员请用机构账号登录安学桥的机构页面。"
                )
            account = stations.recognise(registration, claims)
            if account.class_run is None:
                raise NotPermitted("class_run_unlinked", "这门课程还没有关联班次,请联系培训机构。")
            kept = _kept(claims, account.account_id)
            stations.intake.receive_launch(registration, launch.id_token_sha256, kept)
        if isinstance(session, WebSession) or hasattr(session, "rotate"):
            session.rotate()
        session.update(
            role="learner",
            institution_id=institution,
            account_id=account.account_id,
            learner=account.learner,
            class_run=account.class_run,
            registration_id=registration,
            return_url=launch.return_url,
        )
        return redirect(url_for("learner.home"), code=303)  # type: ignore[return-value]  # werkzeug's own type

    def refused(refusal: LaunchRefused) -> Response:
        return error_response(refusal.reason, refusal.message_zh, refusal.http_status)

    doors = lti_blueprint(house.lti_tool, welcome, refused)

    @doors.errorhandler(DeploymentUnknown)
    def wait_for_approval(refusal: DeploymentUnknown) -> Response:
        registration = RegistrationId(refusal.registration_id)
        house.lti_registrations.note_unknown_deployment(registration, refusal.deployment_id)
        return refused(refusal)

    return doors


def _services(claims: LaunchClaims) -> SeenServices:
    return SeenServices(
        line_items_url=claims.ags.lineitems if claims.ags else None,
        line_item_url=claims.ags.lineitem if claims.ags else None,
        memberships_url=claims.nrps.context_memberships_url if claims.nrps else None,
    )


def _kept(claims: LaunchClaims, account_id: str) -> dict[str, object]:
    """Return what of a launch is chained: ids and roles; no name, no contact data.

    Not `sub`: some platforms put a citizen id there. The account stands for it; identity keeps it encrypted.
    """
    return {
        "account": account_id,
        "aud": list(claims.aud),
        "context": claims.context.id if claims.context else None,
        "deployment_id": claims.deployment_id,
        "iss": claims.iss,
        "message_type": claims.message_type,
        "removed": list(claims.contact_removed),
        "resource_link": claims.resource_link.id if claims.resource_link else None,
        "role": claims.role.value,
    }
