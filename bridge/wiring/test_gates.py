"""The gate's use cases that span stations: what it shows, its agent's session, permission, actions, grants."""

import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.model import normalise_name
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import NotPermitted, Unavailable
from bridge.kernel.ids import InstitutionId, LearnerRef, RegistrationId
from bridge.kernel.time import epoch_ms, parse_rfc3339
from bridge.presence.gate.model import (
    AttemptState,
    ControlAction,
    ControlEndpointFacts,
    EndedBy,
    ExamGrant,
    GateOrigin,
    GrantState,
    TestAttempt,
)
from bridge.presence.gate.ports import ExamGrants
from bridge.presence.gate.service import ABANDONED_AFTER, StartCheck
from bridge.presence.gate.store import attempts_to_look_at, forget_messages
from bridge.presence.model import Activity
from bridge.registry.model import CourseUnit
from bridge.wiring.study_door import StepMissing, open_for
from lti.claims import name_in_chinese_order
from lti.errors import LaunchRefused, ServiceFailed
from lti.proctoring import (
    Action,
    Control,
    ControlEndpoint,
    ControlReply,
    StartProctoring,
    start_assessment_jwt,
)
from lti.tool_messages import BrowserPost

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

GATE_TOKEN = "gate~"  # noqa: S105  # a kind of token, not a token
_TOKEN_SECONDS = 300
_KEY = "test gate token"
_LEAST_SILENCE_MS = 30_000
"""Only who was silent for so long is looked at; the pack then says what counts as lost."""


@dataclass(frozen=True, slots=True)
class GateView:
    """How a test at the gate stands.

    Args:
        grant: None where the platform opens its tests without us.
        test_url: where the test is, if that can be told; shown once it is open.
        title: of the test.
    """

    attempt: TestAttempt
    check: StartCheck
    grant: ExamGrant | None
    test_url: str | None
    title: str
    controls: tuple[ControlAction, ...]


def gate_token(house: "House", institution: InstitutionId, attempt: TestAttempt) -> str:
    """Return the token with which the gate's own page opens its agent's session; good once, for five minutes."""
    until = int(house.clock.now().timestamp()) + _TOKEN_SECONDS
    head = f"{GATE_TOKEN}{institution}~{attempt.id}~{until}~{secrets.token_hex(16)}"
    return f"{head}~{_mac(house, head)}"


def _mac(house: "House", head: str) -> str:
    return hmac.new(house.key(_KEY), head.encode(), sha256).hexdigest()


def open_gate_session(house: "House", token: str) -> dict[str, Any]:
    """Open the session that a token of the gate asks for; return what the agent needs to begin.

    Raises:
        NotPermitted: gate_token_invalid, attempt_over, class_run_not_open, token_used.
        StepMissing: real_name_required, consent_required, face_reference_required.
    """
    head, _, mac = token.rpartition("~")
    parts = head.split("~")
    if len(parts) != 5 or not hmac.compare_digest(_mac(house, head).encode(), mac.encode()):
        raise _token_invalid()
    _, institution, attempt_id, until, _ = parts
    if int(until) <= house.clock.now().timestamp():
        raise _token_invalid()
    with house.uow.for_institution(InstitutionId(institution)) as tx:
        stations = house.at(tx)
        attempt = stations.gate_store.get(attempt_id)
        account = None if attempt is None else SqlIdentityStore(tx, house.cipher).account(attempt.account_id)
        if attempt is None or account is None:
            raise _token_invalid()
        if attempt.state is AttemptState.ENDED:
            raise NotPermitted("attempt_over", "这一次考试的监考已经结束。", http_status=409)
        page = f"{house.settings.public_url}/test-gate/{attempt.id}"
        if account.learner is None:
            raise StepMissing("real_name_required", "请先完成实名登记，再开始考试。", page)
        sheet = stations.registry.class_run_sheet(attempt.class_run, account.learner)
        unit = next(one for one in sheet.course.units if one.id == attempt.unit)
        told = open_for(
            house,
            stations,
            account_id=account.account_id,
            learner=account.learner,
            sheet=sheet,
            unit=unit,
            activity=Activity.TEST,
            attempt=attempt.attempt,
            token_id=sha256(token.encode()).hexdigest(),
            page=page,
        )
        stations.gates.watch(attempt, account.learner, told["session"])
    return told


def look(house: "House", institution: InstitutionId, account_id: str, attempt_id: str) -> GateView:
    """Return how the account's attempt stands; InvalidInput("attempt_unknown") for another's."""
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        attempt = stations.gates.own(attempt_id, account_id)
        return _view(house, stations, attempt)


def _view(house: "House", stations: "Stations", attempt: TestAttempt) -> GateView:
    grants = stations.gate_store.grants(attempt.id)
    adapter = exam_grants(house, stations, attempt.registration)
    unit = _unit(stations, attempt)
    return GateView(
        attempt=attempt,
        check=stations.gates.start_check(attempt),
        grant=grants[-1] if grants else None,
        test_url=None if adapter is None else adapter.test_url(unit.resource_link_id or ""),
        title=unit.title,
        controls=tuple(stations.gates.controls(attempt.id)),
    )


def permit(
    house: "House", institution: InstitutionId, account_id: str, attempt_id: str
) -> tuple[GateView, BrowserPost | None]:
    """Let the test begin: return what the browser carries to a platform that waits for it, None to one that does not.

    Raises:
        InvalidInput("attempt_unknown")
        NotPermitted: start_check_required, attempt_over, start_asked_already.
        LaunchRefused: return_url_foreign; registration_disabled.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        attempt, kept = stations.gates.start(stations.gates.own(attempt_id, account_id))
        unit = _unit(stations, attempt)
        stations.gates.grant(attempt, unit.resource_link_id or attempt.resource_link_id, unit.nominal_ms)
        post = None
        if kept is not None:
            message = StartProctoring.from_json(json.loads(kept))
            post = start_assessment_jwt(
                house.lti_tool,
                house.lti_registrations.by_id(attempt.registration),
                message,
                name_verified=_bears_the_name(stations, attempt, message),
            )
        return _view(house, stations, attempt), post


def _unit(stations: "Stations", attempt: TestAttempt) -> CourseUnit:
    course = stations.registry_store.course(stations.registry.class_run(attempt.class_run).course_id)
    if course is None:
        raise RuntimeError(f"class run {attempt.class_run} stands without its course")
    return next(one for one in course.units if one.id == attempt.unit)


def _bears_the_name(stations: "Stations", attempt: TestAttempt, message: StartProctoring) -> bool:
    told = name_in_chinese_order(message.family_name, message.given_name)
    if told is None:
        return False
    person = stations.identity.disclose(
        _known(attempt), purpose="proctoring.verified_user", recipient="学习平台", by=attempt.account_id
    )
    return normalise_name(person.name) == normalise_name(told)


def finish(house: "House", institution: InstitutionId, account_id: str, attempt_id: str, by: EndedBy) -> None:
    """End the account's attempt; InvalidInput("attempt_unknown") for another's."""
    with house.uow.for_institution(institution) as tx:
        gates = house.at(tx).gates
        gates.end(gates.own(attempt_id, account_id), by)


def finish_of(ended: dict[str, Any], first_seen: datetime) -> datetime:
    """Return when a result was reached that the platform shows without a time of its own.

    Args:
        ended: data of `proctoring.assessment_ended`.
        first_seen: when the bridge saw the result first; real clock.
    """
    ended_at = parse_rfc3339(ended["ended_real"])
    return ended_at if ended["ended_by"] == EndedBy.PLATFORM else max(ended_at, first_seen)


def message_of(message: StartProctoring) -> str:
    """Return the platform's message as the gate keeps it until the check is passed."""
    return json.dumps(message.to_json())


def control_of(message: StartProctoring) -> ControlEndpointFacts | None:
    """Return where the platform takes actions."""
    endpoint = message.control
    return None if endpoint is None else ControlEndpointFacts(endpoint.url, endpoint.actions)


def exam_grants(house: "House", stations: "Stations", registration: RegistrationId) -> ExamGrants | None:
    """Return what opens tests at the registration's platform; None where nothing is set up: nothing opens."""
    service = stations.exam_services.get(registration)
    if service is None:
        return None
    make: Callable[..., ExamGrants] = house.exam_grants_maker(service.kind)
    network = house.lti_registrations.by_id(registration).network
    return make(service.base_url, service.token, network)


@dataclass(frozen=True, slots=True)
class Answered:
    """An action or a grant, and what the platform made of it; `refused` is the reason of a refusal for good."""

    of: Any
    reply: ControlReply | None = None
    refused: str | None = None


def send_control(house: "House", job: Job) -> Answered | None:
    """Carry an attempt's oldest waiting action to the platform, with no unit of work open.

    Raises:
        Unavailable: another try may pass.
    """
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        stations = house.at(tx)
        control = stations.gate_store.next_control(job.key)
        attempt = stations.gate_store.read(job.key)
        if control is None or attempt is None or attempt.control is None:
            return None
        account = SqlIdentityStore(tx, house.cipher).account(attempt.account_id)
    if account is None:
        return None
    try:
        registration = house.lti_registrations.by_id(attempt.registration)
        reply = house.assessment_control.act(
            registration,
            ControlEndpoint(attempt.control.url, attempt.control.actions),
            Control(
                user_sub=account.sub,
                resource_link_id=attempt.resource_link_id,
                attempt_number=attempt.attempt_number or 0,
                action=Action(control.action),
                incident_time=control.incident_at,
                incident_severity=control.severity,
                reason_code=control.reason_code,
                reason_message=control.reason_message,
            ),
        )
    except LaunchRefused as refusal:
        return Answered(control, refused=refusal.reason)
    except ServiceFailed as failure:
        if not failure.permanent:
            raise Unavailable(failure.reason, failure.message_zh) from failure
        return Answered(control, refused=failure.reason)
    return Answered(control, reply)


def note_control(house: "House", tx: Tx, job: Job, answered: Answered | None) -> None:
    """Keep the platform's answer with the action."""
    if answered is None:
        return
    reply = answered.reply
    house.at(tx).gates.note_answer(
        job.key, answered.of, None if reply is None else reply.status, answered.refused
    )


def carry_grant(house: "House", job: Job) -> Answered | None:
    """Have the platform open or close a test, with no unit of work open; Unavailable if another try may pass."""
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        stations = house.at(tx)
        grant = stations.gate_store.read_grant(job.key)
        if grant is None or grant.state not in (GrantState.ASKED, GrantState.REVOKING):
            return None
        account = SqlIdentityStore(tx, house.cipher).account(grant.account_id)
        try:
            adapter = exam_grants(house, stations, grant.registration)
        except LaunchRefused as refusal:
            return Answered(grant, refused=refusal.reason)
    if adapter is None or account is None:
        return Answered(grant, refused="exam_service_missing")
    try:
        if grant.state is GrantState.ASKED:
            adapter.grant(
                grant_id=grant.id,
                sub=account.sub,
                resource_link_id=grant.resource_link_id,
                expires_at=grant.expires_at,
            )
        else:
            adapter.revoke(grant_id=grant.id, reason=grant.reason)
    except Unavailable as error:
        if not error.permanent:
            raise
        return Answered(grant, refused=error.reason)
    return Answered(grant)


def note_grant(house: "House", tx: Tx, job: Job, answered: Answered | None) -> None:
    """Record what became of a grant."""
    if answered is not None:
        house.at(tx).gates.note_grant(job.key, answered.of.state, answered.refused)


def sweep_attempts(house: "House") -> None:
    """Look at tests under way whose learners fell silent, or came back."""
    silence = _LEAST_SILENCE_MS * house.study_clock.factor()
    with house.uow.across_institutions("find tests whose learners are not heard", read_only=True) as tx:
        found = attempts_to_look_at(
            tx,
            epoch_ms(house.study_clock.now()) - silence,
            house.clock.now() - ABANDONED_AFTER,
        )
    for institution, attempt_id in found:
        with house.uow.for_institution(institution) as tx:
            house.at(tx).gates.look_at(attempt_id)
    if house.clock.now().second < 2:
        with house.uow.across_institutions("forget messages that nobody answered") as tx:
            forget_messages(tx, house.clock.now() - MESSAGE_KEPT)


def new_link_attempt_id() -> str:
    """Return the id of an attempt that the bridge makes itself, for a platform's test that knows nothing of it."""
    return f"gate-{secrets.token_hex(16)}"


def is_waiting_too_long(attempt: TestAttempt, now: datetime) -> bool:
    """Return whether the platform may have given up waiting for our permission."""
    waiting = attempt.origin is GateOrigin.PROCTORING and attempt.state is AttemptState.WAITING
    return waiting and now - attempt.asked_at > PATIENCE


MESSAGE_KEPT = timedelta(hours=2)
"""Practice: no platform waits for so long, and what it sent is a secret of its own."""
PATIENCE = timedelta(minutes=4)
"""Practice: platforms let their `session_data` expire after some minutes; most after five."""


def _known(attempt: TestAttempt) -> LearnerRef:
    if attempt.learner is None:
        raise NotPermitted("real_name_required", "请先完成实名登记，再开始考试。")
    return attempt.learner


def _token_invalid() -> NotPermitted:
    return NotPermitted("gate_token_invalid", "考试页面已失效，请刷新页面后重试。", http_status=401)
