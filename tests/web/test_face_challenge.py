"""The registration page's doors: what they tell and when, whose frames they take, what they refuse."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.identity.consent import FACE
from bridge.kernel.ids import LearnerRef
from bridge.presence.challenge import Move
from bridge.presence.challenge_store import SqlChallengeStore
from tests.presence.pictures import SHOWING, picture
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, RUN, Furnished, token
from tests.web.lms import RosterEngine

Json = dict[str, Any]


class Registering:
    """A learner's browser on the registration page."""

    def __init__(self, furnished: Furnished, sub: str, name: str, citizen_id: str) -> None:
        self.furnished = furnished
        self.account, self.learner = furnished.enrol(sub, name, citizen_id)
        self.client: FlaskClient = furnished.as_learner(self.account, self.learner)
        self.headers = {"X-CSRFToken": token(self.client, "/learner"), "Accept": "application/json"}

    def begin(self, camera: str = "") -> Json:
        answer = self.client.post("/learner/face/challenge", data={"camera": camera}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json or {}

    def look(self) -> Json:
        return self.client.get("/learner/face/challenge", headers=self.headers).json or {}

    def send(self, told: Json, seq: object, jpeg: bytes, **headers: str) -> TestResponse:
        return self.client.post(
            f"/learner/face/challenge/{told['challenge']}/frames",
            data=jpeg,
            headers={
                "Content-Type": "image/jpeg",
                **self.headers,
                "X-Anxue-Nonce": told["step"].get("nonce", ""),
                "X-Anxue-Frame": str(seq),
                **headers,
            },
        )

    def show(self, told: Json) -> Json:
        """Show what is asked for, wait for what comes next, and return it."""
        for seq, says in enumerate(SHOWING[Move(told["step"]["move"])]):
            assert self.send(told, seq, picture(says)).status_code == 200
        self.furnished.work_off()
        told = self.look()
        if told["step"] is not None:
            self.furnished.clock.advance(milliseconds=told["step"]["wait_ms"])
        return self.look()


@pytest.fixture
def furnished(furnished: Furnished) -> Furnished:
    furnished.house.__dict__["engine_for_faces"] = RosterEngine()
    return furnished


@pytest.fixture
def chen(furnished: Furnished) -> Registering:
    return Registering(furnished, "lms-user-1001", CHEN, CHEN_ID)


def refused(answer: TestResponse, status: int, reason: str) -> None:
    assert (answer.status_code, (answer.json or {}).get("reason")) == (status, reason)


def test_who_shows_what_is_asked_for_is_registered(chen: Registering) -> None:
    told = chen.begin()
    assert (told["state"], told["met"], told["of"]) == ("open", 0, 4)
    moves = []
    while told["state"] == "open":
        moves.append(told["step"]["move"])
        told = chen.show(told)
    assert (told["state"], told["done"], told["step"]) == ("passed", True, None)
    assert moves[0] == "front"
    assert len(set(moves)) == 4
    with chen.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        (kept,) = SqlChallengeStore(tx).challenges_of(chen.learner, RUN)
    assert [move.value for move in kept.met] == moves


def test_the_movement_and_its_nonce_are_not_told_before_their_moment(chen: Registering) -> None:
    told = chen.begin()
    for seq, says in enumerate(SHOWING[Move.FRONT]):
        told = chen.send(told, seq, picture(says)).json or {}
    chen.furnished.work_off()
    early = chen.look()
    assert set(early["step"]) == {"wait_ms", "judging"}
    assert early["step"]["wait_ms"] > 0
    chen.furnished.clock.advance(milliseconds=early["step"]["wait_ms"] - 1)
    assert "move" not in chen.look()["step"]
    chen.furnished.clock.advance(milliseconds=1)
    assert {"move", "nonce"} <= set(chen.look()["step"])


def test_frames_of_another_learner_or_step_are_refused(chen: Registering) -> None:
    huang = Registering(chen.furnished, "lms-user-1002", HUANG, HUANG_ID)
    mine, theirs = chen.begin(), huang.begin()
    refused(chen.send(theirs, 0, picture("0")), 404, "challenge_unknown")
    refused(
        chen.send(mine, 0, picture("0"), **{"X-Anxue-Nonce": theirs["step"]["nonce"]}), 403, "nonce_mismatch"
    )
    refused(chen.send({**mine, "challenge": "chl_x"}, 0, picture("0")), 404, "challenge_unknown")
    later = chen.show(mine)
    refused(
        chen.send(later, 0, picture("0"), **{"X-Anxue-Nonce": mine["step"]["nonce"]}), 403, "nonce_mismatch"
    )


@pytest.mark.parametrize("seq", ["", "1", "-1", "x", "99999", "٣"])
def test_frames_say_which_they_are(chen: Registering, seq: str) -> None:
    refused(chen.send(chen.begin(), seq, picture("0")), 409, "frame_out_of_order")


def test_what_is_no_frame_is_refused(chen: Registering) -> None:
    told = chen.begin()
    refused(chen.send(told, 0, b"not a picture"), 415, "frame_not_jpeg")
    refused(chen.send(told, 0, bytes(600 * 1024)), 413, "body_too_large")
    refused(chen.send(told, 0, picture("0", width=4000)), 413, "frame_too_many_pixels")
    refused(chen.send(told, 0, picture("0"), **{"Content-Type": "image/png"}), 415, "media_type")
    refused(chen.send(told, 0, picture("0"), **{"X-CSRFToken": ""}), 400, "csrf_failed")


def test_without_consent_nothing_is_begun_taken_or_told(chen: Registering) -> None:
    told = chen.begin()
    with chen.furnished.house.uow.for_institution(ORG) as tx:
        chen.furnished.house.at(tx).identity.revoke_consent(chen.account, FACE)
    refused(chen.send(told, 0, picture("0")), 403, "consent_required")
    begun = chen.client.post("/learner/face/challenge", data={}, headers=chen.headers)
    refused(begun, 403, "consent_required")
    refused(chen.client.get("/learner/face/challenge", headers=chen.headers), 403, "consent_required")


def test_a_cameras_name_is_a_hint_for_who_reviews_and_is_not_kept(chen: Registering) -> None:
    chen.begin(camera="OBS Virtual Camera of Chen's laptop")
    with chen.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = chen.furnished.house.at(tx).challenges.look(chen.learner, RUN)
    assert found is not None
    assert found.camera == "virtual"
    assert "laptop" not in repr(found)


@pytest.mark.parametrize(
    "name", ["微信:camera2026", "13800138000's iPhone", "a0b1c2d3-13800138000e-4f5a-8b6c-7d8e9f0a1b2c"]
)
def test_a_cameras_name_that_reads_as_contact_data_keeps_nobody_out(chen: Registering, name: str) -> None:
    assert chen.begin(camera=name)["state"] == "open"


def test_nobody_begins_challenges_without_end(chen: Registering) -> None:
    for _ in range(12):
        chen.begin()
    answer = chen.client.post("/learner/face/challenge", data={}, headers=chen.headers)
    assert answer.status_code == 429


def test_single_frames_register_nobody_where_there_is_a_challenge(chen: Registering) -> None:
    answer = chen.client.post(
        "/learner/face/frames", data=picture("0"), content_type="image/jpeg", headers=chen.headers
    )
    refused(answer, 409, "challenge_required")


def test_a_pack_without_a_model_of_the_heads_pose_says_that_staff_must_look(chen: Registering) -> None:
    house = chen.furnished.house
    pack = house.face_pack
    without = replace(pack, models=tuple(one for one in pack.models if one.job != "pose"), challenge=None)
    house.__dict__["face_pack"] = without
    page = chen.client.get("/learner/face").text
    assert 'data-testid="face-staff-only"' in page
    assert 'data-challenge="no"' in page
    begun = chen.client.post("/learner/face/challenge", data={}, headers=chen.headers)
    refused(begun, 409, "challenge_unsupported")


def test_without_a_challenge_no_number_of_frames_anchors_anybody(chen: Registering) -> None:
    house = chen.furnished.house
    house.__dict__["face_pack"] = replace(house.face_pack, challenge=None)
    for _ in range(5):
        with house.uow.for_institution(ORG) as tx:
            house.at(tx).frames.submit_for_reference(chen.learner, RUN, picture("0"))
        chen.furnished.work_off()
    assert anchored_ms(chen.furnished, chen.learner) is None


def anchored_ms(furnished: Furnished, learner: LearnerRef) -> int | None:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = furnished.house.at(tx).presence_store.reference(learner, RUN)
    assert found is not None
    return found.anchored_ms
