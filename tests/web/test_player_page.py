"""The player's page: opened from the learner's page and from a launch, with a session of the bridge's own."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.registry.tables import CityRegistrationRow
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, Furnished, token
from tests.web.lms import Lms, lms_of_ready_learners, person
from tests.web.materials import MEDIA_UNIT, TEXT_UNIT, THREE_PAGES, film, give_material, ready_learner

PAGE = f"/learner/units/{TEXT_UNIT}"


@pytest.fixture
def learner(furnished: Furnished) -> tuple[FlaskClient, LearnerRef]:
    give_material(furnished.house, TEXT_UNIT, THREE_PAGES.encode())
    account, known = ready_learner(furnished, "lms-user-1001", CHEN, CHEN_ID)
    return furnished.as_learner(account, known), known


def player_token(client: FlaskClient, page: str = PAGE) -> str:
    csrf = re.search(r'data-csrf="([^"]+)"', client.get(page).text)
    assert csrf is not None
    answer = client.post(f"{page}/token", headers={"X-CSRFToken": csrf[1]})
    assert answer.status_code == 200, answer.text
    return str((answer.json or {})["token"])


def open_session(client: FlaskClient, made: str) -> Any:
    return client.post("/agent/v1/sessions", json={"v": 1, "token": made})


def test_the_learners_page_names_the_units_that_are_played_here(
    furnished: Furnished, learner: tuple[FlaskClient, LearnerRef]
) -> None:
    client, _ = learner
    give_material(furnished.house, MEDIA_UNIT, film(), reviewed=False)

    home = client.get("/learner").text

    assert f'href="{PAGE}" data-testid="own-unit-open"' in home
    assert f'href="/learner/units/{MEDIA_UNIT}"' not in home
    assert 'data-reviewed="no"' in home


def test_a_text_is_shown_page_by_page_with_its_times(learner: tuple[FlaskClient, LearnerRef]) -> None:
    page = learner[0].get(PAGE)

    assert page.status_code == 200
    assert page.text.count('data-testid="player-page"') == 3
    assert "<h1>第二页</h1>" in page.text
    told = re.search(r"data-player='([^']+)'", page.text)
    assert told is not None
    assert [(one["start_ms"], one["nominal_ms"]) for one in json.loads(told[1])["pages"]] == [
        (0, 20_000),
        (20_000, 20_000),
        (40_000, 20_000),
    ]


def test_who_has_steps_to_take_first_is_led_to_them(furnished: Furnished) -> None:
    account, known = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    for client in (furnished.as_learner(account), furnished.as_learner(account, known)):
        answer = client.get(PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/learner")


def test_the_token_opens_one_session_of_that_unit(
    furnished: Furnished, learner: tuple[FlaskClient, LearnerRef]
) -> None:
    client, known = learner
    made = player_token(client)

    opened = open_session(client, made)

    assert opened.status_code == 201, opened.text
    assert opened.json["nominal_ms"] == 60_000
    assert [one["type"] for one in opened.json["commands"]] == ["check"]
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        (session,) = furnished.house.at(tx).presence_store.open_sessions(known)
    assert (session.unit, session.learner) == (TEXT_UNIT, known)
    assert open_session(client, made).status_code in (403, 409)


def test_the_token_needs_the_pages_own_form_token(learner: tuple[FlaskClient, LearnerRef]) -> None:
    answer = learner[0].post(f"{PAGE}/token")
    assert answer.status_code == 400
    assert "csrf_failed" in answer.text


@pytest.mark.parametrize("change", ["unit", "account", "until", "mac", "parts"])
def test_a_changed_token_opens_nothing(learner: tuple[FlaskClient, LearnerRef], change: str) -> None:
    parts = player_token(learner[0]).split("~")
    if change == "parts":
        parts.insert(3, "run_demo")
    else:
        at = {"unit": 4, "account": 2, "until": 5, "mac": 7}[change]
        parts[at] = {"unit": MEDIA_UNIT, "account": "acc_other", "until": "9999999999", "mac": "0" * 64}[
            change
        ]

    answer = open_session(learner[0], "~".join(parts))

    assert answer.status_code == 401
    assert answer.json["reason"] == "player_token_invalid"


def test_a_token_that_lay_about_opens_nothing(
    furnished: Furnished, learner: tuple[FlaskClient, LearnerRef]
) -> None:
    made = player_token(learner[0])
    furnished.clock.advance(seconds=301)
    assert open_session(learner[0], made).json["reason"] == "player_token_invalid"


def test_a_material_that_is_no_longer_reviewed_opens_nothing(
    furnished: Furnished, learner: tuple[FlaskClient, LearnerRef]
) -> None:
    made = player_token(learner[0])
    give_material(furnished.house, TEXT_UNIT, "换了\n".encode(), reviewed=False)
    answer = open_session(learner[0], made)
    assert (answer.status_code, answer.json["reason"]) == (403, "material_unreviewed")


def test_no_session_opens_for_a_class_run_that_may_not_be_taught(
    furnished: Furnished, learner: tuple[FlaskClient, LearnerRef]
) -> None:
    made = player_token(learner[0])
    with furnished.house.uow.for_institution(ORG) as tx:
        tx.session.execute(delete(CityRegistrationRow).where(CityRegistrationRow.institution_id == ORG))
    answer = open_session(learner[0], made)
    assert (answer.status_code, answer.json["reason"]) == (403, "class_run_not_open")


def test_what_counted_and_what_did_not_is_told_with_a_way_to_make_it_up(
    furnished: Furnished, learner: tuple[FlaskClient, LearnerRef]
) -> None:
    client, known = learner
    start = NOW - timedelta(minutes=10)
    furnished.record(known, [("anchor", {"at_ms": epoch_ms(start), "method": "id_photo", "good_frames": 3})])
    furnished.watch(known, "ses_own", TEXT_UNIT, start, 60, hidden=(20, 40))
    for second in (0, 60):
        furnished.check(known, "ses_own", start + timedelta(seconds=second))

    told = client.get(f"{PAGE}/standing").json

    assert told is not None
    assert told["unit"]["seen"][0][0] == 0
    assert told["unit"]["furthest_ms"] == 60_000
    assert told["unit"]["finished"] is True
    assert told["unit"]["complete"] is False
    assert 0 < told["today_seconds"] < 60
    assert told["today_seconds"] * 1000 == told["unit"]["seen_ms"]
    assert told["units_left"] == 2
    assert told["milestone"].startswith("再计入 ")
    (hidden,) = [line for line in told["reasons"] if line["code"] == "hidden"]
    assert hidden["kind"] == "refused"
    assert "回看补学" in hidden["todo"]
    assert hidden["source"]


@pytest.fixture
def lms(tmp_path_factory: pytest.TempPathFactory) -> Lms:
    made = lms_of_ready_learners(tmp_path_factory.mktemp("lms"))
    give_material(made.furnished.house, TEXT_UNIT, THREE_PAGES.encode())
    return made


def test_a_launch_of_the_units_own_link_opens_the_player(lms: Lms) -> None:
    client = lms.furnished.client()
    answer = lms.launch(client, {"https://purl.imsglobal.org/spec/lti/claim/resource_link": {"id": "unit-1"}})

    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert person(lms)[1] not in page.text


def test_a_launch_of_a_unit_without_material_or_of_the_entry_leads_to_the_learners_page(lms: Lms) -> None:
    for link in ("quiz-1", "course-entry"):
        client = lms.furnished.client()
        answer = lms.launch(client, {"https://purl.imsglobal.org/spec/lti/claim/resource_link": {"id": link}})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/learner")


def test_a_launch_of_an_unreviewed_unit_stops_with_its_reason(lms: Lms) -> None:
    give_material(lms.furnished.house, TEXT_UNIT, "还没审核\n".encode(), reviewed=False)
    client = lms.furnished.client()
    answer = lms.launch(client, {"https://purl.imsglobal.org/spec/lti/claim/resource_link": {"id": "unit-1"}})

    shown = client.get(answer.headers["Location"])
    assert shown.status_code == 403
    assert "material_unreviewed" in shown.text


def test_no_form_of_staff_reaches_the_player(furnished: Furnished) -> None:
    staff = furnished.as_staff("staff-lin")
    made = token(staff, "/institution/class-runs/run_demo/materials/unit_electric")
    answer = staff.post(f"{PAGE}/token", headers={"X-CSRFToken": made})
    assert answer.status_code == 403
