"""Actions and grants on their way to a platform: in order, again when it was away, and the answer is kept."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import RegistrationId
from bridge.presence.gate.model import ControlAction, ControlState, ExamGrant, GrantState
from bridge.presence.model import Activity
from bridge.registry.tables import CourseUnitRow
from bridge.wiring.test_gates import finish_of
from lti.errors import ServiceFailed
from lti.proctoring import ACS, Control, ControlEndpoint, ControlReply
from lti.registration import Registration
from tests.contracts.remembered_grants import RememberedGrants
from tests.web.furnished import LMS, ORG, OTHER_ORG, PLATFORM, RUN
from tests.web.lms import CHEN_SUB, GateAgent, Lms, browser, csrf_of, lms_of_ready_learners

TOKEN = "0123456789abcdef0123456789abcdef"  # made up


class RememberedControl:
    """Stands in for `AssessmentControl`: remembers what it was asked; `fault` is raised while it is set."""

    def __init__(self) -> None:
        self.asked: list[tuple[Registration, ControlEndpoint, Control]] = []
        self.fault: ServiceFailed | None = None

    def act(self, registration: Registration, endpoint: ControlEndpoint, control: Control) -> ControlReply:
        if self.fault is not None:
            raise self.fault
        self.asked.append((registration, endpoint, control))
        return ControlReply("running", None)


@pytest.fixture
def lms(tmp_path: Path) -> Lms:
    return lms_of_ready_learners(tmp_path)


@pytest.fixture
def control(lms: Lms) -> RememberedControl:
    remembered = RememberedControl()
    lms.furnished.house.__dict__["assessment_control"] = remembered
    return remembered


def running(lms: Lms, **claims: Any) -> GateAgent:
    client = browser(lms.furnished)
    page = lms.start_proctoring(client, claims).headers["Location"]
    agent = GateAgent(lms.furnished, client, page, csrf_of(client.get(page).text))
    agent.open()
    assert agent.check() == "passed"
    assert agent.post("/start", "text/html").status_code == 200
    return agent


def fail_a_check(agent: GateAgent) -> None:
    agent.beat()
    while not [one for one in agent.told["commands"] if one["type"] == "check"]:
        agent.beat(after_seconds=25)
    agent.check("90")
    agent.check("90")


def controls(lms: Lms, agent: GateAgent) -> list[ControlAction]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(lms.furnished.house.at(tx).gates.controls(agent.page.rpartition("/")[2]))


def test_a_flag_names_the_person_as_the_platform_does(lms: Lms, control: RememberedControl) -> None:
    agent = running(lms)

    fail_a_check(agent)

    ((registration, endpoint, sent),) = control.asked
    assert (registration.id, endpoint.url) == (PLATFORM, f"{LMS}/control")
    assert (sent.user_sub, sent.resource_link_id, sent.attempt_number) == (CHEN_SUB, "quiz-1", 1)
    assert (sent.action, sent.reason_code) == ("flag", "check_other_person")
    assert sent.incident_severity == Decimal("1.00")
    assert sent.incident_time.tzinfo is not None
    (kept,) = controls(lms, agent)
    assert (kept.state, kept.answer) == (ControlState.SENT, "running")


def test_a_platform_that_is_away_is_asked_again(lms: Lms, control: RememberedControl) -> None:
    agent = running(lms)
    control.fault = ServiceFailed("platform_unreachable")
    fail_a_check(agent)
    assert [one.state for one in controls(lms, agent)] == [ControlState.WAITING]

    control.fault = None
    lms.furnished.clock.advance(seconds=30)
    lms.furnished.work_off()

    assert [one.state for one in controls(lms, agent)] == [ControlState.SENT]
    assert len(control.asked) == 1


def test_a_refusal_is_kept_with_its_reason_and_the_next_action_goes_on(
    lms: Lms, control: RememberedControl
) -> None:
    agent = running(lms)
    control.fault = ServiceFailed("control_refused")
    fail_a_check(agent)
    control.fault = None
    fail_a_check(agent)

    assert [(one.state, one.error) for one in controls(lms, agent)] == [
        (ControlState.REFUSED, "control_refused"),
        (ControlState.SENT, ""),
    ]


def test_no_token_leaves_for_an_address_that_is_not_the_platforms(lms: Lms) -> None:
    # The real client, up to the guard: nothing is listening anywhere.
    agent = running(lms, **{ACS: {"assessment_control_url": "https://evil.example/c", "actions": ["flag"]}})

    fail_a_check(agent)

    (kept,) = controls(lms, agent)
    assert (kept.state, kept.error) == (ControlState.REFUSED, "service_host_foreign")


def test_without_the_service_nothing_is_asked(lms: Lms, control: RememberedControl) -> None:
    agent = running(lms, **{ACS: None})

    fail_a_check(agent)

    assert controls(lms, agent) == []
    assert control.asked == []


# ---- grants ----------------------------------------------------------------------------------------------------


@pytest.fixture
def grants(lms: Lms, monkeypatch: pytest.MonkeyPatch) -> RememberedGrants:
    """Let the registration's platform open its tests, by a fake; the test is the Moodle module cm-57."""
    house, fake = lms.furnished.house, RememberedGrants()
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        stations.exam_services.set_up(PLATFORM, base_url=LMS, token=TOKEN, by="staff_lin")
        row = tx.session.scalar(select(CourseUnitRow).where(CourseUnitRow.id == "test_final"))
        assert row is not None
        row.resource_link_id = "cm-57"
    monkeypatch.setattr(house, "exam_grants_maker", lambda _kind: lambda *_: fake)
    return fake


def at_gate(lms: Lms) -> GateAgent:
    client = browser(lms.furnished)
    page = lms.gate_link(client).headers["Location"]
    return GateAgent(lms.furnished, client, page, csrf_of(client.get(page).text))


def kept_grants(lms: Lms, agent: GateAgent) -> list[ExamGrant]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(lms.furnished.house.at(tx).gate_store.grants(agent.page.rpartition("/")[2]))


def test_only_a_passed_check_opens_the_quiz_and_the_end_closes_it(lms: Lms, grants: RememberedGrants) -> None:
    agent = at_gate(lms)
    assert agent.told_by("/start")["reason"] == "start_check_required"
    agent.open()
    agent.check()
    lms.furnished.work_off()
    assert grants.open == {}

    assert agent.told_by("/start")["grant"] == "asked"
    assert agent.state()["test_url"] is None
    lms.furnished.work_off()

    ((sub, link, _until),) = grants.open.values()
    assert (sub, link) == (CHEN_SUB, "cm-57")
    assert agent.state()["grant"] == "granted"
    assert agent.state()["test_url"] == "https://lms.example/test/cm-57"
    agent.post("/finish")
    lms.furnished.work_off()
    assert grants.open == {}
    assert [one.state for one in kept_grants(lms, agent)] == [GrantState.REVOKED]


def test_a_lost_session_closes_the_quiz(lms: Lms, grants: RememberedGrants) -> None:
    agent = at_gate(lms)
    agent.open()
    agent.check()
    agent.post("/start")
    lms.furnished.work_off()
    assert grants.open

    lms.furnished.clock.advance(seconds=125)
    lms.furnished.house.sweep()
    lms.furnished.work_off()

    assert grants.open == {}


def test_an_agent_in_the_quiz_itself_takes_over_from_the_gates_page(
    lms: Lms, grants: RememberedGrants
) -> None:
    agent = at_gate(lms)
    agent.open()
    agent.check()
    agent.post("/start")
    lms.furnished.work_off()
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        attempt = stations.gate_store.read(agent.page.rpartition("/")[2])
        assert attempt is not None
        assert attempt.learner is not None
        stations.presence.open_session(
            learner=attempt.learner,
            class_run=RUN,
            unit=attempt.unit,
            activity=Activity.TEST,
            attempt="moodle-attempt-1",
            account_id=attempt.account_id,
            token_id="token-of-moodle",
        )
    lms.furnished.clock.advance(seconds=60)
    house.sweep()
    lms.furnished.work_off()

    assert len(grants.open) == 1


def test_a_platform_that_is_away_is_asked_for_the_grant_again(lms: Lms, grants: RememberedGrants) -> None:
    agent = at_gate(lms)
    agent.open()
    agent.check()
    grants.fault = Unavailable("exam_service_away", "稍后再试")
    agent.post("/start")
    lms.furnished.work_off()
    assert agent.state()["grant"] == "asked"

    grants.fault = None
    agent.beat(after_seconds=20)
    lms.furnished.work_off()
    assert agent.state()["grant"] == "granted"


def test_a_refused_grant_opens_nothing_and_says_why(lms: Lms, grants: RememberedGrants) -> None:
    agent = at_gate(lms)
    agent.open()
    agent.check()
    grants.fault = Unavailable("exam_service_refused", "不行", permanent=True)
    agent.post("/start")
    lms.furnished.work_off()

    assert agent.state()["grant"] == "refused"
    assert agent.state()["test_url"] is None
    assert [one.reason for one in kept_grants(lms, agent)] == ["exam_service_refused"]


def test_without_a_service_nothing_is_opened_at_the_platform(lms: Lms) -> None:
    agent = at_gate(lms)
    agent.open()
    agent.check()

    assert agent.told_by("/start")["grant"] is None
    assert kept_grants(lms, agent) == []


# ---- setting the service up ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        {"base_url": "https://evil.example"},
        {"base_url": "http://127.0.0.1:9"},
        {"base_url": ""},
        {"token": ""},
        {"token": "with spaces"},
        {"kind": "blackboard"},
    ],
)
def test_a_token_is_kept_for_the_platforms_own_site_alone(lms: Lms, typed: dict[str, str]) -> None:
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx, pytest.raises(InvalidInput):
        house.at(tx).exam_services.set_up(PLATFORM, **{"base_url": LMS, "token": TOKEN, "by": "s", **typed})


def test_the_token_is_kept_encrypted_and_another_institution_has_none(lms: Lms) -> None:
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx:
        house.at(tx).exam_services.set_up(PLATFORM, base_url=f"{LMS}/site/", token=TOKEN, by="staff_lin")
    raw = (house.settings.data_dir / "anxue.sqlite3").read_bytes()
    with house.uow.for_institution(ORG, read_only=True) as tx:
        found = house.at(tx).exam_services.get(PLATFORM)
    assert found is not None
    assert (found.base_url, found.token, found.set_by) == (f"{LMS}/site", TOKEN, "staff_lin")
    assert TOKEN not in repr(found)
    assert TOKEN.encode() not in raw
    with house.uow.for_institution(OTHER_ORG) as tx:
        assert house.at(tx).exam_services.get(PLATFORM) is None
        with pytest.raises(InvalidInput):
            house.at(tx).exam_services.set_up(
                RegistrationId(PLATFORM), base_url=LMS, token=TOKEN, by="staff_ping"
            )


# ---- results without a time of their own ----------------------------------------------------------------------


def test_a_result_first_seen_after_the_learner_left_was_reached_then_not_before(lms: Lms) -> None:
    now = lms.furnished.clock.now()
    ended = {"ended_real": "2026-11-24T03:30:00.000Z", "ended_by": "learner"}

    assert finish_of(ended, now) == now
    assert finish_of({**ended, "ended_by": "platform"}, now) < now
