"""A link of the course is opened: by a learner, a teacher, or somebody who is not signed in at the platform."""

from flask import redirect, session, url_for

from bridge.identity.model import Account
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, CourseUnitId, LearnerRef
from bridge.presence.gate.model import GateOrigin, new_attempt
from bridge.registry.link_model import LinkKind, LinkTarget
from bridge.web.launches.arrival import Answer, Arrival
from bridge.web.pages.lms_visits import LMS_TEACHER
from bridge.wiring import Stations
from bridge.wiring.adapters import find_unit
from bridge.wiring.test_gates import new_link_attempt_id


def open_link(arrival: Arrival) -> Answer:
    """Let the person in to where the link leads.

    Raises:
        InvalidInput: link_malformed, link_target_unknown.
        NotPermitted: link_of_other_class_run, class_run_unlinked.
    """
    if arrival.claims.sub is None:
        # Nobody: no account, no message in the inbox, no role.
        arrival.begin(role=None)
        return redirect(url_for("lms.sign_in_first"), code=303)
    if not arrival.is_learner:
        return _show_to_teacher(arrival)
    gate = played = None
    with arrival.house.uow.for_institution(arrival.institution) as tx:
        stations = arrival.house.at(tx)
        # Refused inside the unit of work: who is not let in leaves neither a message nor an account.
        target = link_target(arrival, stations)
        account = arrival.account(stations)
        class_run = account.class_run or (target.class_run if target else None)
        if class_run is None:
            raise NotPermitted("class_run_unlinked", "这门课程还没有关联班次,请联系培训机构。")
        if target is not None and target.kind is LinkKind.GATE:
            gate = _gate(arrival, stations, account, target)
        elif account.learner is not None:
            played = _played_here(arrival, stations, account.learner, target)
    begin_learner(arrival, account, class_run, gate)
    if gate is not None:
        return redirect(url_for("test_gate.show", attempt_id=gate), code=303)
    if played is not None:
        session["class_run"], unit = played
        return redirect(url_for("player.show", unit=unit), code=303)
    return redirect(url_for("learner.home"), code=303)


def begin_learner(
    arrival: Arrival, account: Account, class_run: ClassRunId, gate: str | None, **facts: object
) -> None:
    """Begin a learner's session; `gate` is the attempt that the learner came for."""
    arrival.begin(
        role="learner",
        account_id=account.account_id,
        learner=account.learner,
        class_run=class_run,
        test_gate=gate,
        **facts,
    )


def link_target(arrival: Arrival, stations: Stations) -> LinkTarget | None:
    """Return what the launched link is for: as its custom parameters say, else as it was recorded; None for neither.

    Raises:
        InvalidInput: link_malformed, link_target_unknown (made up, or another institution's).
        NotPermitted("link_of_other_class_run")
    """
    link_id, deployment = arrival.resource_link_id, arrival.claims.deployment_id
    if link_id is None:
        return None
    said = LinkTarget.from_custom(arrival.claims.custom)
    if said is None:
        known = stations.links.current(arrival.registration, deployment, link_id)
        said = None if known is None else known.target
    if said is None:
        return None
    stations.links.require(said)
    context = arrival.claims.context
    run = None if context is None else stations.registry.class_run_for(arrival.registration, context.id)
    if run is not None and run != said.class_run:
        raise NotPermitted(
            "link_of_other_class_run",
            "这个链接属于另一个班次,不能在这门课程中使用,请教师删除后重新添加。",
        )
    return stations.links.record(arrival.registration, deployment, link_id, said).target


def _gate(arrival: Arrival, stations: Stations, account: Account, target: LinkTarget) -> str:
    if target.unit is None or arrival.resource_link_id is None:
        raise InvalidInput("link_malformed", "考试入口的链接不完整,请教师删除后重新添加。", http_status=422)
    wanted = new_attempt(
        arrival.house.clock.now(),
        registration=arrival.registration,
        deployment_id=arrival.claims.deployment_id,
        resource_link_id=arrival.resource_link_id,
        account_id=account.account_id,
        class_run=target.class_run,
        unit=target.unit,
        origin=GateOrigin.LINK,
        attempt=new_link_attempt_id(),
        attempt_number=None,
        control=None,
        return_url=arrival.launch.return_url,
    )
    return stations.gates.ask(wanted, None).id


def _played_here(
    arrival: Arrival, stations: Stations, learner: LearnerRef, target: LinkTarget | None
) -> tuple[ClassRunId, CourseUnitId] | None:
    """Return class run and unit where the link is for a study unit that has a material here; None for others."""
    sheet = unit = None
    if target is not None and target.unit is not None:
        if target.class_run in stations.registry.class_runs_of(learner):
            sheet = stations.registry.class_run_sheet(target.class_run, learner)
            unit = next((one for one in sheet.course.units if one.id == target.unit), None)
    elif arrival.resource_link_id is not None:
        found = find_unit(stations.registry, arrival.registration, arrival.resource_link_id, learner)
        sheet, unit = found or (None, None)
    if sheet is None or unit is None or unit.activity != "study":
        return None
    return (
        None if stations.materials.find(sheet.course.id, unit.id) is None else (sheet.class_run.id, unit.id)
    )


def _show_to_teacher(arrival: Arrival) -> Answer:
    with arrival.house.uow.for_institution(arrival.institution) as tx:
        stations = arrival.house.at(tx)
        target = link_target(arrival, stations)
        stations.note_services(arrival.launch, None)
        run = target.class_run if target else None
        context = arrival.claims.context
        if run is None and context is not None:
            run = stations.registry.class_run_for(arrival.registration, context.id)
    arrival.begin(
        role=LMS_TEACHER,
        class_run=run,
        link=None if target is None else target.custom(),
    )
    return redirect(url_for("lms.teacher"), code=303)
