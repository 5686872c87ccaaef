"""A teacher comes to choose what of the bridge stands in the course."""

from dataclasses import replace

from flask import redirect, url_for

from bridge.web.launches.arrival import Answer, Arrival
from bridge.web.pages.lms_visits import LMS_TEACHER, sealed
from lti.deep_linking import DeepLinkingRequest
from lti.roles import Role

CHOOSERS = (Role.TEACHER, Role.ADMINISTRATOR, Role.CONTENT_DEVELOPER)


def begin_choice(arrival: Arrival, request: DeepLinkingRequest) -> Answer:
    """Keep the request in the teacher's session, for one response, and show what may be chosen.

    Raises:
        NotPermitted("launch_role")
    """
    with arrival.house.uow.for_institution(arrival.institution) as tx:
        arrival.require_role(*CHOOSERS)
        account = arrival.account(arrival.house.at(tx))
    # What the platform proposes to call the item is not used, and may hold anything.
    kept = replace(request, title=None, text=None).to_json()
    arrival.begin(
        role=LMS_TEACHER,
        account_id=account.account_id,
        context_id=arrival.claims.context.id if arrival.claims.context else None,
        deep_linking=sealed(arrival.house, account.account_id, kept),
    )
    return redirect(url_for("deep_link.choose"), code=303)
