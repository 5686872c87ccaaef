"""What real platforms send, file by file in `claim_sets/`; `_source` says which were recorded and which constructed."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lti.keys import KeySource
from lti.launch import Launch
from lti.registration import Registration
from lti.registration_memory import MemoryRegistrations
from tests.lti.doors import TOOL_URL, CoreDoor, World
from tests.lti.platform import Platform

FOLDER = Path(__file__).parent / "claim_sets"
SETS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
ACCEPTED = {name: one for name, one in SETS.items() if one["expected"]["answer"].startswith("accepted")}
# Read here by other means than in the library: whatever looks like contact data or a citizen id.
FORBIDDEN = re.compile(r"[\w.]+@\w+\.[\w.]+|(?<!\d)1[3-9]\d{9}(?!\d)|(?<!\d)\d{17}[\dX](?!\d)")


class OnePlatform:
    """A tool that knows the one platform of a claim set."""

    def __init__(self, one: dict[str, Any]) -> None:
        told = dict(one["registration"])
        header = told.pop("header", {})
        world = World.new()
        platform = Platform(told["issuer"], told["client_id"], world.clock, TOOL_URL)
        platform.target_link_uri = one["claims"]["https://purl.imsglobal.org/spec/lti/claim/target_link_uri"]
        world.lms = platform
        registration = Registration(
            id="registration-1",
            tenant="institution-1",
            deployment_ids=frozenset({told.pop("deployment_id")}),
            service_origins=frozenset(told.pop("service_origins", ())),
            **told,
        )
        self.door = CoreDoor(
            world,
            registrations=MemoryRegistrations([registration]),
            platform_keys=KeySource(platform, world.clock),
        )
        going = self.door.login(platform)
        now = world.clock.seconds()
        claims = {**one["claims"], "nonce": going.nonce, "iat": now, "exp": now + 60}
        self.answer = self.door.launch(going.state, platform.sign(claims, **header))

    @property
    def launch(self) -> Launch:
        assert self.door.launched is not None
        return self.door.launched


@pytest.mark.parametrize("name", SETS)
def test_a_set_gets_its_answer(name: str) -> None:
    assert OnePlatform(SETS[name]).answer == SETS[name]["expected"]["answer"]


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_set_is_read_as_it_should_be(name: str) -> None:
    launch, expected = OnePlatform(SETS[name]).launch, SETS[name]["expected"]
    claims = launch.claims
    assert {
        "answer": f"accepted {claims.role.value}",
        "message": type(launch.message).__name__,
        "person_name": claims.person_name,
        "person_sourcedid": claims.person_sourcedid,
        "username": claims.username,
        "context": claims.context.id if claims.context else None,
        "contact_removed": sorted(claims.contact_removed),
        "citizen_id_seen_in": sorted(claims.citizen_id_seen_in),
    } == {
        **expected,
        "contact_removed": sorted(expected["contact_removed"]),
        "citizen_id_seen_in": sorted(expected["citizen_id_seen_in"]),
    }


@pytest.mark.parametrize("name", ACCEPTED)
def test_nothing_forbidden_goes_further_than_the_door(name: str) -> None:
    one = SETS[name]
    forbidden = set(FORBIDDEN.findall(json.dumps(one["claims"], ensure_ascii=False)))
    launch = OnePlatform(one).launch
    members = asdict(launch.claims)
    del members["sub"]
    shown = f"{members}{launch!r}"
    assert not [found for found in forbidden if found in shown]
    if one["registration"]["issuer"] != "https://canvas.instructure.com" or "email" in one["claims"]:
        assert forbidden, "a set without anything to drop proves nothing"


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_learner_can_go_back_to_the_platform(name: str) -> None:
    presentation = SETS[name]["claims"].get(
        "https://purl.imsglobal.org/spec/lti/claim/launch_presentation", {}
    )
    assert OnePlatform(SETS[name]).launch.return_url == presentation.get("return_url")


def test_every_set_says_where_it_is_from_and_what_it_shows() -> None:
    for name, one in SETS.items():
        platform = name.split("-")[0]
        start = "recorded" if platform in ("moodle", "open") else "constructed"
        assert one["_source"].startswith(start), name
        assert one["_case"], name


def test_each_platform_has_its_sets() -> None:
    for platform in ("moodle-4.5", "open-edx", "canvas", "blackboard"):
        assert {f"{platform}-deep-linking"} <= set(SETS)
        assert sum(name.startswith(platform) for name in SETS) >= 6


def test_people_in_the_sets_are_made_up() -> None:
    for name, one in SETS.items():
        for found in FORBIDDEN.findall(json.dumps(one["claims"], ensure_ascii=False)):
            assert found.endswith("@lms.example") or found in ("440199199003071219", "13800138000"), name
