"""Proctoring Services 1.0: the start that is asked for, the permission that goes back (C8, C9), and control."""

import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from joserfc import jwt
from werkzeug.wrappers import Request, Response

from lti.claims import DEPLOYMENT_ID, MESSAGE_TYPE, RESOURCE_LINK, VERSION, ResourceLink
from lti.errors import LaunchRefused, ServiceFailed
from lti.launch import Launch
from lti.proctoring import (
    ACS,
    ATTEMPT_NUMBER,
    CONTROL_SCOPE,
    END_ASSESSMENT,
    END_ASSESSMENT_RETURN,
    ERROR_LOG,
    ERROR_MESSAGE,
    PROCTORING_SETTINGS,
    SESSION_DATA,
    START_PROCTORING,
    VERIFIED_USER,
    Action,
    AssessmentControl,
    Control,
    ControlEndpoint,
    ControlReply,
    EndAssessment,
    StartProctoring,
    start_assessment_jwt,
)
from lti.tool_messages import BrowserPost
from tests.lti.doors import CoreDoor
from tests.lti.message_claims import message_claims
from tests.lti.platform import START, rsa_key
from tests.lti.service_platform import ServicePlatform, answer, service_platform

ALL_ACTIONS = tuple(action.value for action in Action)


class Gate:
    """A learner who was sent to be checked before a test."""

    MESSAGE_TYPE = START_PROCTORING

    def __init__(self, **changes: Any) -> None:
        self.door = CoreDoor()
        lms, going = self.door.world.lms, self.door.login()
        claims = message_claims(lms.issuer, self.MESSAGE_TYPE) | changes
        assert self.door.launch(going.state, lms.token(going.nonce, **claims)) == "accepted learner"
        assert self.door.launched is not None
        self.launch: Launch = self.door.launched

    @property
    def start(self) -> StartProctoring:
        assert isinstance(self.launch.message, StartProctoring)
        return self.launch.message

    def post(self, message: StartProctoring | None = None, **said: bool) -> BrowserPost:
        return start_assessment_jwt(self.door.tool, self.launch.registration, message or self.start, **said)

    def claims(self, message: StartProctoring | None = None, **said: bool) -> dict[str, Any]:
        return dict(jwt.decode(self.post(message, **said).jwt, rsa_key("tool"), ["RS256"]).claims)


class EndGate(Gate):
    MESSAGE_TYPE = END_ASSESSMENT


def test_a_start_says_what_is_needed_to_answer_and_to_act() -> None:
    assert Gate().start == StartProctoring(
        deployment_id="deployment-1",
        start_assessment_url="https://lms.example/start?attempt=1&x=2",
        session_data="opaque.session.a.b@c.example",
        attempt_number=3,
        resource_link=ResourceLink("link-1", "第一单元"),
        control=ControlEndpoint("https://lms.example/acs", ALL_ACTIONS),
        settings="exam=fire",
        given_name="晓明",
        family_name="王",
    )


def test_what_is_optional_may_be_missing() -> None:
    start = Gate(**{ACS: None, PROCTORING_SETTINGS: None, "given_name": None, "family_name": None}).start
    assert (start.control, start.settings, start.given_name, start.family_name) == (None, None, None, None)
    assert Gate(**{PROCTORING_SETTINGS: {}}).start.settings is None


def test_a_start_cannot_be_changed_and_shows_neither_secret_nor_name() -> None:
    start = Gate().start
    with pytest.raises(FrozenInstanceError):
        start.session_data = "x"  # type: ignore[misc]  # what is tested
    assert not [word for word in ("opaque", "晓明", "王", "exam=fire") if word in repr(start)]


@pytest.mark.parametrize("changes", [{}, {ACS: None, ATTEMPT_NUMBER: "7"}])
def test_a_start_outlives_the_launch_in_a_session(changes: dict[str, Any]) -> None:
    start = Gate(**changes).start
    assert StartProctoring.from_json(json.loads(json.dumps(start.to_json()))) == start


@pytest.mark.parametrize(("sent", "attempt"), [(3, 3), ("7", 7), (0, 0)])
def test_an_attempt_is_a_number_and_goes_back_as_it_came(sent: int | str, attempt: int) -> None:
    gate = Gate(**{ATTEMPT_NUMBER: sent})
    assert gate.start.attempt == attempt
    assert gate.claims()[ATTEMPT_NUMBER] == sent


def test_c9_the_permission_repeats_session_attempt_and_link_for_this_platform_alone() -> None:
    gate = Gate(**{RESOURCE_LINK: {"id": "link-1", "title": "考试", "description": "闭卷", "x": 1}})
    claims = gate.claims()
    now = gate.door.world.clock.seconds()
    assert len(claims.pop("nonce")) == 43
    assert claims == {
        "iss": "client-1",
        "sub": "client-1",
        "aud": "https://lms.example",
        "iat": now,
        "exp": now + 300,
        MESSAGE_TYPE: "LtiStartAssessment",
        VERSION: "1.3.0",
        DEPLOYMENT_ID: "deployment-1",
        SESSION_DATA: "opaque.session.a.b@c.example",
        ATTEMPT_NUMBER: 3,
        RESOURCE_LINK: {"id": "link-1", "title": "考试", "description": "闭卷"},
        END_ASSESSMENT_RETURN: True,
    }


def test_the_browser_is_told_where_to_post_it() -> None:
    assert Gate().post().url == "https://lms.example/start?attempt=1&x=2"


def test_the_end_need_not_be_told() -> None:
    assert Gate().claims(end_assessment_return=False)[END_ASSESSMENT_RETURN] is False


def test_a_verified_person_bears_the_platforms_own_two_names_and_nothing_more() -> None:
    assert VERIFIED_USER not in Gate().claims()
    gate = Gate(sub="440199199003071219", email="someone@lms.example", picture="https://lms.example/p.png")
    claims = gate.claims(name_verified=True)
    assert claims[VERIFIED_USER] == {"given_name": "晓明", "family_name": "王"}
    told = json.dumps(claims)
    assert not [word for word in ("440199199003071219", "someone@", "p.png") if word in told]
    assert Gate(given_name=None, family_name=None).claims(name_verified=True)[VERIFIED_USER] == {}


@pytest.mark.parametrize("url", ["https://evil.example/start", "http://lms.example/start", "javascript:x"])
def test_c4_no_permission_is_signed_for_an_address_that_is_not_the_platforms(url: str) -> None:
    gate = Gate()
    with pytest.raises(LaunchRefused, match="return_url_foreign"):
        gate.post(replace(gate.start, start_assessment_url=url))


def test_what_is_just_within_its_limits_is_read() -> None:
    acs = {"assessment_control_url": "https://lms.example/" + "x" * 4076, "actions": ["flag"] * 20}
    start = Gate(**{ATTEMPT_NUMBER: "9" * 18, ACS: acs, SESSION_DATA: "s" * 32768}).start
    assert (start.attempt, len(start.session_data)) == (10**18 - 1, 32768)
    assert start.control is not None
    assert (len(start.control.url), len(start.control.actions)) == (4096, 20)


def test_settings_and_the_words_of_an_end_at_their_limits_are_read() -> None:
    assert Gate(**{PROCTORING_SETTINGS: {"data": "d" * 32768}}).start.settings == "d" * 32768
    end = EndGate(**{ERROR_MESSAGE: "e" * 4096, ERROR_LOG: "l" * 4096}).launch.message
    assert isinstance(end, EndAssessment)
    assert (end.error_message, end.error_log) == ("e" * 4096, "l" * 4096)


def test_what_a_platform_says_of_an_end_stands_in_no_log() -> None:
    end = EndGate(**{ERROR_MESSAGE: "王晓明退出", ERROR_LOG: "closed by 王晓明"}).launch
    assert "晓明" not in repr(end)


def test_an_end_says_which_attempt_and_why() -> None:
    gate = EndGate(
        **{
            ATTEMPT_NUMBER: "3",
            ERROR_MESSAGE: "考生退出 13800138000",
            ERROR_LOG: "closed",
            SESSION_DATA: None,
        },
    )
    end = gate.launch.message
    assert end == EndAssessment("3", ResourceLink("link-1", "第一单元"), "考生退出", "closed")
    assert isinstance(end, EndAssessment)
    assert end.attempt == 3
    assert EndGate().launch.message == EndAssessment(3, ResourceLink("link-1", "第一单元"))


CONTROL = Control(
    user_sub="user-1",
    resource_link_id="link-1",
    attempt_number=3,
    action=Action.FLAG,
    incident_time=START + timedelta(milliseconds=250),
    incident_severity=Decimal("0.35"),
    reason_code="other_face",
    reason_message="画面中不是本人",
)


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


def act(
    lms: ServicePlatform, reply: Response, control: Control = CONTROL, actions: tuple[str, ...] = ALL_ACTIONS
) -> ControlReply:
    def acs(request: Request) -> Response | None:
        if request.path != "/acs":
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return reply if lms.granted.get(token) == CONTROL_SCOPE else Response(status=401)

    lms.odd = acs
    endpoint = ControlEndpoint(f"{lms.origin}/acs", actions)
    return AssessmentControl(lms.call()).act(lms.registration(), endpoint, control)


def test_an_action_says_who_where_when_and_how_sure(lms: ServicePlatform) -> None:
    assert act(lms, answer({"status": "running"})) == ControlReply("running", None)
    sent = lms.asked[-1]
    assert (sent.method, sent.headers["Content-Type"]) == (
        "POST",
        "application/vnd.ims.lti-ap.v1.control+json",
    )
    assert json.loads(lms.bodies[-1]) == {
        "user": {"iss": lms.origin, "sub": "user-1"},
        "resource_link": {"id": "link-1"},
        "attempt_number": 3,
        "action": "flag",
        "incident_time": "2026-11-23T08:00:00.250Z",
        "incident_severity": 0.35,
        "reason_code": "other_face",
        "reason_msg": "画面中不是本人",
    }


@pytest.mark.parametrize("action", list(Action))
def test_every_action_of_the_standard_can_be_sent(lms: ServicePlatform, action: Action) -> None:
    act(lms, answer({"status": "paused"}), replace(CONTROL, action=action))
    assert json.loads(lms.bodies[-1])["action"] == action.value


def test_extra_time_is_granted_in_minutes(lms: ServicePlatform) -> None:
    control = replace(CONTROL, action=Action.UPDATE, extra_time_minutes=10)
    assert act(lms, answer({"status": "running", "extra_time": 15}), control) == ControlReply("running", 15)
    assert json.loads(lms.bodies[-1])["extra_time"] == 10


def test_a_local_time_is_sent_as_the_same_instant(lms: ServicePlatform) -> None:
    beijing = datetime(2026, 11, 23, 16, 0, 0, tzinfo=timezone(timedelta(hours=8)))
    act(lms, answer({"status": "none"}), replace(CONTROL, incident_time=beijing))
    assert json.loads(lms.bodies[-1])["incident_time"] == "2026-11-23T08:00:00.000Z"


def test_an_action_that_is_not_offered_is_not_sent(lms: ServicePlatform) -> None:
    with pytest.raises(ServiceFailed, match="control_not_offered"):
        act(lms, answer({"status": "running"}), actions=("pause",))
    assert lms.asked == []


def test_c5_no_token_goes_to_a_control_address_elsewhere(lms: ServicePlatform) -> None:
    endpoint = ControlEndpoint("https://evil.example/acs", ALL_ACTIONS)
    with pytest.raises(ServiceFailed, match="service_host_foreign"):
        AssessmentControl(lms.call()).act(lms.registration(), endpoint, CONTROL)
    assert lms.asked == []


@pytest.mark.parametrize(
    ("reply", "reason", "permanent"),
    [
        (Response(status=404), "control_refused", True),
        (Response(status=503), "platform_error", False),
        (Response("<p>ok</p>"), "reply_not_json", True),
        (answer(["running"]), "reply_not_json", True),
        (answer({"status": "well"}), "reply_not_json", True),
        (answer({"status": ["running"]}), "reply_not_json", True),
        (answer({"status": "running", "extra_time": "10"}), "reply_not_json", True),
    ],
)
def test_an_odd_answer_is_a_failure_with_a_reason(
    lms: ServicePlatform, reply: Response, reason: str, permanent: bool
) -> None:
    with pytest.raises(ServiceFailed, match=reason) as failed:
        act(lms, reply)
    assert failed.value.permanent is permanent


@pytest.mark.parametrize(
    "changes",
    [
        {"incident_time": datetime(2026, 11, 23)},  # noqa: DTZ001  # what is tested
        {"incident_severity": Decimal("1.01")},
        {"incident_severity": Decimal("-0.01")},
        {"reason_code": "c" * 256},
        {"reason_message": "由" * 256},
        {"action": Action.UPDATE, "extra_time_minutes": 0},
        {"action": Action.PAUSE, "extra_time_minutes": 5},
    ],
)
def test_an_action_that_makes_no_sense_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"incident|reason|extra time"):
        replace(CONTROL, **changes)


def test_the_ends_of_the_scale_belong_to_it() -> None:
    for severity in (Decimal(0), Decimal(1)):
        assert replace(CONTROL, incident_severity=severity).incident_severity == severity


def test_the_person_acted_on_stands_in_no_log() -> None:
    assert "user-1" not in repr(CONTROL)


def test_times_are_utc_by_the_standard() -> None:
    assert CONTROL.incident_time.tzinfo is UTC
