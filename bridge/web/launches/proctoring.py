"""The platform sends a learner to be checked before a test, and says when the test is over."""

from flask import redirect, url_for

from bridge.identity.model import Account
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.presence.gate.model import (
    EndedBy,
    GateOrigin,
    TestAttempt,
    new_attempt,
    proctored_attempt,
)
from bridge.registry.link_model import LinkKind, LinkTarget
from bridge.web.launches.arrival import Answer, Arrival
from bridge.web.launches.resource_link import begin_learner, link_target
from bridge.web.pages.lms_visits import sealed
from bridge.wiring import Stations
from bridge.wiring.test_gates import control_of, message_of
from lti.proctoring import EndAssessment, StartProctoring
from lti.roles import Role

_SHOWN_CHARACTERS = 300


def begin_test(arrival: Arrival, message: StartProctoring) -> Answer:
    """Keep the platform's message until the learner has passed the check, and open the gate.

    Raises:
        NotPermitted: launch_role (a preview by a teacher starts no test), class_run_unlinked, attempt_over.
        InvalidInput: test_unlinked, link_target_unknown, link_malformed.
    """
    with arrival.house.uow.for_institution(arrival.institution) as tx:
        arrival.require_role(Role.LEARNER)
        stations = arrival.house.at(tx)
        target = _test(arrival, stations, message)
        account = arrival.account(stations)
        attempt = stations.gates.ask(_wanted(arrival, account, message, target), message_of(message))
    begin_learner(arrival, account, attempt.class_run, attempt.id)
    return redirect(url_for("test_gate.show", attempt_id=attempt.id), code=303)


def end_test(arrival: Arrival, message: EndAssessment) -> Answer:
    """End the attempt that the platform names, and say what happened.

    Raises:
        NotPermitted("launch_role")
        InvalidInput("attempt_unknown"): the person has no such attempt.
    """
    claims = arrival.claims
    with arrival.house.uow.for_institution(arrival.institution) as tx:
        arrival.require_role(Role.LEARNER)
        stations = arrival.house.at(tx)
        account = arrival.account(stations)
        found: TestAttempt | None
        if message.resource_link is None:
            found = stations.gate_store.latest(
                account.account_id, arrival.registration, attempt_number=message.attempt
            )
        else:
            name = proctored_attempt(
                arrival.registration, claims.deployment_id, message.resource_link.id, message.attempt
            )
            found = stations.gate_store.find(account.account_id, name)
        if found is None:
            raise InvalidInput("attempt_unknown", "没有找到这次考试的监考记录。", http_status=404)
        attempt = stations.gates.end(stations.gates.own(found.id, account.account_id), EndedBy.PLATFORM)
    said = (message.error_message or "")[:_SHOWN_CHARACTERS]
    facts = {"end_said": sealed(arrival.house, account.account_id, {"said": said})} if said else {}
    begin_learner(arrival, account, attempt.class_run, attempt.id, **facts)
    return redirect(url_for("test_gate.show", attempt_id=attempt.id), code=303)


def _test(arrival: Arrival, stations: Stations, message: StartProctoring) -> LinkTarget:
    target = link_target(arrival, stations)
    if target is not None and target.kind is LinkKind.GATE:
        return target
    context = arrival.claims.context
    run = None if context is None else stations.registry.class_run_for(arrival.registration, context.id)
    if run is None:
        raise NotPermitted("class_run_unlinked", "这门课程还没有关联班次,请联系培训机构。")
    return stations.links.test_for(arrival.registration, message.deployment_id, message.resource_link.id, run)


def _wanted(arrival: Arrival, account: Account, message: StartProctoring, target: LinkTarget) -> TestAttempt:
    link = message.resource_link.id
    return new_attempt(
        arrival.house.clock.now(),
        registration=arrival.registration,
        deployment_id=message.deployment_id,
        resource_link_id=link,
        account_id=account.account_id,
        class_run=target.class_run,
        unit=target.unit,
        origin=GateOrigin.PROCTORING,
        attempt=proctored_attempt(arrival.registration, message.deployment_id, link, message.attempt),
        attempt_number=message.attempt,
        control=control_of(message),
        return_url=arrival.launch.return_url,
    )
