"""A platform whose services live elsewhere than its sign-in (Canvas, Blackboard): the school's own address is added."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.identity.house import House
from tests.registry.platforms import Room
from tests.registry.test_lti_commands import BlockedMoodle, Terminal
from tests.web.furnished import PLATFORM, Furnished, token

SCHOOL = "https://school.instructure.example"
ROSTER = f"{SCHOOL}/api/lti/courses/1/names_and_roles"
MOVE = f"/platforms/{PLATFORM}/move"


def post(client: FlaskClient, **form: str) -> tuple[int, str]:
    answer = client.post(MOVE, data={"csrf_token": token(client, MOVE), **form})
    return answer.status_code, answer.text


@pytest.fixture
def hosted(furnished: Furnished) -> Furnished:
    """A platform that registered without saying where its services are."""
    assert not furnished.house.lti_registrations.by_id(PLATFORM).owns(ROSTER)
    return furnished


def test_a_services_address_is_shown_before_it_is_added_and_the_rest_stays(hosted: Furnished) -> None:
    client = hosted.as_staff("staff-lin")

    status, preview = post(client, service_origins=SCHOOL)
    assert status == 200
    assert 'data-testid="change-service_origins"' in preview
    assert preview.count('data-testid="change-') == 1
    assert not hosted.house.lti_registrations.by_id(PLATFORM).owns(ROSTER)
    assert post(client, service_origins=SCHOOL, meant="1", reason="成绩服务在学校网址")[0] == 303

    registration = hosted.house.lti_registrations.by_id(PLATFORM)
    assert registration.owns(ROSTER)
    assert not registration.owns("https://other.instructure.example/api")
    assert SCHOOL in client.get(f"/platforms/{PLATFORM}").text


@pytest.mark.parametrize(
    "typed", [f"{SCHOOL}/api", "http://school.example", "*", "https://*.instructure.example", "学校"]
)
def test_what_is_no_origin_is_named_at_its_field(hosted: Furnished, typed: str) -> None:
    status, page = post(hosted.as_staff("staff-lin"), service_origins=typed, meant="1", reason="因")

    assert status == 422
    assert 'data-testid="service_origins-error"' in page
    assert hosted.house.lti_registrations.by_id(PLATFORM).service_origins == frozenset()


def test_the_same_by_command(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path / 'anxue.sqlite3'}", tmp_path)
    terminal = Terminal(Room(house), tmp_path, http=BlockedMoodle())
    registration = terminal.register()
    wanted = ("move", registration, "--service-origin", SCHOOL, "--service-origin", "https://two.example")

    assert terminal.json(*wanted)["moved"] is False
    told = terminal.json(*wanted, "--yes", "--reason", "成绩服务在学校网址")

    assert told["changes"] == [
        {"field": "service_origins", "from": "", "to": f"{SCHOOL}、https://two.example"},
    ]
    house.close()
