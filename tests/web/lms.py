"""An LMS beside a furnished house: it launches people by every message of LTI, with claims that a test changes."""

import atexit
import html
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from bridge.app import create_app
from bridge.kernel.ids import LearnerRef
from bridge.presence.challenge import Move
from bridge.presence.face import FaceObservation
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.wiring import House
from lti.claims import (
    AGS_ENDPOINT,
    CONTEXT,
    FOR_USER,
    LAUNCH_PRESENTATION,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    ROLES,
)
from lti.deep_linking import DEEP_LINKING_SETTINGS
from lti.keys import KeySource
from lti.proctoring import ACS, ATTEMPT_NUMBER, SESSION_DATA, START_ASSESSMENT_URL
from tests.lti.platform import TEACHER, Platform
from tests.presence.pictures import MOVING, PictureEngine, picture
from tests.presence.registering import register_face
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    JPEG,
    LMS,
    ORG,
    PLATFORM,
    RUN,
    Furnished,
    furnish,
)

Claims = Mapping[str, Any]
NONE: Claims = MappingProxyType({})
CUSTOM = "https://purl.imsglobal.org/spec/lti/claim/custom"
CONTENT_DEVELOPER = ["http://purl.imsglobal.org/vocab/lis/v2/membership#ContentDeveloper"]
COURSE = "demo-course-1"
CHEN_SUB, HUANG_SUB = "lms-user-1001", "lms-user-1002"
RETURN = f"{LMS}/return"
START_URL = f"{LMS}/start"
SECRET_DATA = "session data that only the platform knows"  # made up, and for a test


class _Clock:
    """The house's clock as `Platform` asks it."""

    def __init__(self, furnished: Furnished) -> None:
        self._clock = furnished.clock

    def now(self) -> Any:
        return self._clock.now()

    def seconds(self) -> int:
        return int(self._clock.now().timestamp())


class RosterEngine(PictureEngine):
    """Sees on the enrolment list's stand-in of a photograph the learner's own face; it recognises nobody either."""

    def observe(self, jpeg: bytes) -> FaceObservation:
        return super().observe(picture("0") if jpeg == JPEG else jpeg)


@dataclass
class Lms:
    """The platform, and the house whose registration it is."""

    furnished: Furnished
    platform: Platform

    def launch(self, client: FlaskClient, claims: Claims = NONE) -> TestResponse:
        """Launch in the browser, as a learner of the linked course but for `claims`; None takes one out."""
        going = client.get("/lti/login", query_string=self.platform.login_params())
        assert going.status_code == 302, going.text
        sent = parse_qs(urlsplit(going.headers["Location"]).query)
        token = self.platform.token(sent["nonce"][0], **self.said(claims))
        return client.post("/lti/launch", data={"state": sent["state"][0], "id_token": token})

    def said(self, claims: Claims) -> dict[str, Any]:
        """Return what a launch says beside the platform's own claims."""
        return {
            "sub": CHEN_SUB,
            CONTEXT: {"id": COURSE},
            RESOURCE_LINK: {"id": "entry"},
            LAUNCH_PRESENTATION: {"return_url": f"{LMS}/course"},
            **claims,
        }

    def deep_link(
        self, client: FlaskClient, claims: Claims = NONE, *, settings: Claims = NONE
    ) -> TestResponse:
        """Send a teacher to choose content; `settings` are members of the request's own claim."""
        asked = {
            "deep_link_return_url": RETURN,
            "accept_types": ["ltiResourceLink"],
            "accept_presentation_document_targets": ["iframe", "window"],
            "data": "opaque data of the platform",
            **settings,
        }
        return self.launch(
            client,
            {
                MESSAGE_TYPE: "LtiDeepLinkingRequest",
                ROLES: TEACHER,
                "sub": "lms-user-2001",
                RESOURCE_LINK: None,
                DEEP_LINKING_SETTINGS: asked,
                **claims,
            },
        )

    def review(self, client: FlaskClient, sub: str, claims: Claims = NONE) -> TestResponse:
        """Send a teacher to look at one learner's evidence."""
        return self.launch(
            client,
            {
                MESSAGE_TYPE: "LtiSubmissionReviewRequest",
                ROLES: TEACHER,
                "sub": "lms-user-2001",
                FOR_USER: {"user_id": sub},
                AGS_ENDPOINT: {"scope": [], "lineitem": f"{LMS}/lineitems/1"},
                **claims,
            },
        )

    def start_proctoring(
        self, client: FlaskClient, claims: Claims = NONE, *, attempt: int = 1
    ) -> TestResponse:
        """Send a learner to be checked before the test "quiz-1"."""
        return self.launch(
            client,
            {
                MESSAGE_TYPE: "LtiStartProctoring",
                RESOURCE_LINK: {"id": "quiz-1"},
                START_ASSESSMENT_URL: START_URL,
                SESSION_DATA: SECRET_DATA,
                ATTEMPT_NUMBER: attempt,
                ACS: {"assessment_control_url": f"{LMS}/control", "actions": ["flag", "pause", "resume"]},
                **claims,
            },
        )

    def end_assessment(self, client: FlaskClient, claims: Claims = NONE, *, attempt: int = 1) -> TestResponse:
        """Say that the learner's test is over."""
        return self.launch(
            client,
            {
                MESSAGE_TYPE: "LtiEndAssessment",
                RESOURCE_LINK: {"id": "quiz-1"},
                ATTEMPT_NUMBER: attempt,
                **claims,
            },
        )

    def gate_link(self, client: FlaskClient, claims: Claims = NONE) -> TestResponse:
        """Open a link that a teacher made to be the gate of the test."""
        chosen = {"anxue_item": "gate", "anxue_class_run": RUN, "anxue_unit": "test_final"}
        return self.launch(client, {RESOURCE_LINK: {"id": "gate-link"}, CUSTOM: chosen, **claims})

    def posted(self, answer: TestResponse) -> tuple[str, dict[str, Any]]:
        """Return where a posting page goes, and the claims that it carries, verified with the tool's own keys."""
        assert answer.status_code == 200, answer.text
        action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
        token = re.search(r'name="JWT" value="([^"]+)"', answer.text)
        assert action is not None
        assert token is not None
        published: Any = self.furnished.house.lti_tool.tool_keys.jwks()
        keys = KeySet.import_key_set(published)
        signed = html.unescape(token[1])
        kid = jws.extract_compact(signed.encode()).headers()["kid"]
        (key,) = [key for key in keys.keys if key.kid == kid]
        return html.unescape(action[1]), jwt.decode(signed, key, algorithms=["RS256"]).claims


def lms_of(furnished: Furnished, origin: str = LMS) -> Lms:
    """Return the demonstration's LMS beside `furnished`, whose application knows the LMS's keys from now on."""
    house = furnished.house
    platform = Platform(origin, "anxue-demo", _Clock(furnished), house.settings.public_url)  # type: ignore[arg-type]
    platform.deployment_id, platform.target_link_uri = "1", f"{house.settings.public_url}/lti/launch"
    keys = KeySource(platform, house.clock)
    house.__dict__["lti_tool"] = replace(house.lti_tool, platform_keys=keys)
    house.__dict__["engine_for_faces"] = RosterEngine()
    furnished.app = create_app(house.settings, house)
    furnished.app.testing = True
    return Lms(furnished, platform)


@cache
def _data_of_ready_learners() -> Path:
    """Return a data folder in which both listed people went every step before a test, made once for the process."""
    folder = Path(mkdtemp(prefix="ready-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    lms = lms_of(furnish(folder))
    for sub, name, citizen_id in ((CHEN_SUB, CHEN, CHEN_ID), (HUANG_SUB, HUANG, HUANG_ID)):
        _, learner = lms.furnished.enrol(sub, name, citizen_id)
        furnished = lms.furnished
        register_face(furnished.house, ORG, learner, RUN, furnished.work_off, furnished.clock.advance)
    lms.furnished.house.close()
    return folder / "var" / "bridge"


def lms_of_ready_learners(folder: Path, *, lms: str = LMS, **settings: Any) -> Lms:
    """Return the LMS of a house in `folder` in which both listed people are ready for a test.

    Args:
        lms: origin of an LMS that is really served; the registration is moved there.
        settings: as `furnish` takes them.
    """
    furnished = furnish(folder, with_fonts="assets" not in settings, **settings)
    furnished.house.close()
    data = folder / "var" / "bridge"
    shutil.rmtree(data)
    shutil.copytree(_data_of_ready_learners(), data)
    furnished.house = house = House(furnished.house.settings, clock=furnished.clock)
    with house.uow.for_institution(ORG) as tx:
        row = tx.session.get_one(LtiRegistrationRow, PLATFORM)
        for name in ("issuer", "auth_login_url", "auth_token_url", "jwks_url", "allowed_origin"):
            setattr(row, name, getattr(row, name).replace(LMS, lms))
    return lms_of(furnished, lms)


def person(lms: Lms, sub: str = CHEN_SUB) -> tuple[str, LearnerRef]:
    """Return account and learner of an LMS user who is ready."""
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        account = lms.furnished.house.at(tx).identity.account_for(PLATFORM, sub)
    assert account is not None
    assert account.learner is not None
    return account.account_id, account.learner


def browser(furnished: Furnished) -> FlaskClient:
    """Return a browser that has been nowhere yet."""
    return furnished.app.test_client()


class GateAgent:
    """What the gate's page does in a browser: opens a session with its token, answers checks, beats."""

    def __init__(self, furnished: Furnished, client: FlaskClient, page: str, csrf: str) -> None:
        self.furnished, self.client, self.page, self.csrf = furnished, client, page, csrf
        self.told: dict[str, Any] = {}

    def post(self, path: str, accept: str = "application/json") -> TestResponse:
        return self.client.post(
            f"{self.page}{path}", data={"csrf_token": self.csrf}, headers={"Accept": accept}
        )

    def open(self) -> TestResponse:
        token = self.post("/token")
        assert token.status_code == 200, token.text
        answer = self.client.post("/agent/v1/sessions", json={"v": 1, "token": token.get_json()["token"]})
        if answer.status_code == 201:
            self.told = answer.json or {}
        return answer

    def check(self, says: str = "0") -> str:
        """Send a frame for the open check, and do the movement if one follows; return how the check then stands."""
        (asked,) = [one for one in self.told["commands"] if one["type"] == "check"]
        bearer = {"Authorization": f"Bearer {self.told['secret']}"}
        path = f"/agent/v1/checks/{asked['check']}"

        def show(pictures: Sequence[str]) -> dict[str, Any]:
            state = self.client.get(path, headers=bearer).json
            assert state is not None
            for each in pictures:
                sent = self.client.post(
                    f"{path}/frames",
                    data=picture(each),
                    content_type="image/jpeg",
                    headers={**bearer, "X-Anxue-Nonce": state["nonce"]},
                )
                assert sent.status_code == 202, sent.text
            self.furnished.work_off()
            seen: dict[str, Any] | None = self.client.get(path, headers=bearer).json
            assert seen is not None
            return seen

        state = show([says])
        if state["step"] is not None:
            state = show(MOVING[Move(state["step"]["move"])])
        return str(state["state"])

    def beat(self, *, after_seconds: int = 10) -> TestResponse:
        """Let time pass and send one batch."""
        self.furnished.clock.advance(seconds=after_seconds)
        at = int(self.furnished.clock.now().timestamp() * 1000)
        event = {
            "client_ms": at,
            "media_ms": self.told["next_seq"] * 1000,
            "visible": False,
            "interaction_ms": at,
            "rate": 1,
        }
        batch = {
            "v": 1,
            "session": self.told["session"],
            "seq": self.told["next_seq"],
            "nonce": self.told["nonce"],
            "events": [event],
        }
        answer = self.client.post(
            "/agent/v1/batches",
            data=json.dumps(batch),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.told['secret']}"},
        )
        if answer.status_code == 200 and answer.json is not None:
            self.told = {**self.told, **answer.json}
        return answer

    def told_by(self, path: str) -> dict[str, Any]:
        """Return what a POST to `path` answers as JSON."""
        found = self.post(path).json
        assert found is not None
        return dict(found)

    def state(self) -> dict[str, Any]:
        found = self.client.get(f"{self.page}/state").json
        assert found is not None
        return dict(found)


def csrf_of(page: str) -> str:
    """Return the token of the page's forms."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page) or re.search(r'data-csrf="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])
