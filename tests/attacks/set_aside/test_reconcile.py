"""Comparing with an LMS over HTTP: what is missing on either side is named, and what can be is taken in once."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bridge.cli import main
from bridge.intake.reconciliation import Finding, Gap
from bridge.intake.xapi.model import Scope
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.kernel.time import rfc3339
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.wiring.intake_reconcile import compare, take_in
from bridge.wiring.intake_scores import Compared
from bridge.wiring.intake_videos import link_of
from bridge.wiring.xapi import credentials
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.lms_batches import activity, deliver, scan, score_message, uid
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, REGISTRATION, RUN, BridgeServer
from tests.attacks.doors.test_webhook import decisions_on
from tests.contracts.moodle_stand_in import TOKEN, MoodleStandIn
from tests.lti.served import served


@pytest.fixture(scope="module")
def moodle(bridge: BridgeServer) -> Iterator[MoodleStandIn]:
    """A stand-in for the platform's web services, set up with the bridge."""
    stand_in = MoodleStandIn()
    with served(stand_in) as origin:
        with bridge.house.uow.for_institution(ORG) as tx:
            tx.session.get_one(LtiRegistrationRow, REGISTRATION).auth_token_url = f"{origin}/token"
            tx.session.flush()
            bridge.house.at(tx).exam_services.set_up(
                REGISTRATION, base_url=f"{origin}/site", token=TOKEN, by="staff_1"
            )
        yield stand_in


@pytest.fixture(autouse=True)
def empty(bridge: BridgeServer, moodle: MoodleStandIn) -> None:
    """Begin with an LMS that lists nothing, later than whatever was before."""
    bridge.clock.advance(3600)
    # Once a plugin is heard, a class run wants counts of contact data to stay open.
    deliver(bridge, scan(bridge, 0))
    bridge.drain()
    moodle.scores, moodle.status = [], 200


def lists(
    moodle: MoodleStandIn, bridge: BridgeServer, person: Person, attempt: int, **data: Any
) -> dict[str, Any]:
    now = bridge.clock.now()
    right = {
        "sub": person.sub,
        "resource_link_id": "quiz-1",
        "attempt": str(attempt),
        "score": "88",
        "maximum": "100",
        "started_at": rfc3339(now - timedelta(minutes=20)),
        "finished_at": rfc3339(now),
    }
    one = {"id": uid(), "data": {**right, **data}}
    moodle.scores.append(one)
    return one


def compared(bridge: BridgeServer, **asked: Any) -> Compared:
    return compare(bridge.house, ORG, **{"since": bridge.clock.now() - timedelta(minutes=30), **asked})


def of(found: Compared, gap: Gap) -> list[Finding]:
    return [one for one in found.findings if one.gap is gap]


def test_a_score_that_never_came_is_found_and_taken_in_once(
    bridge: BridgeServer, moodle: MoodleStandIn
) -> None:
    person, ref = bridge.ready()
    listed = lists(moodle, bridge, person, 101)

    with bridge.unchanged():
        found = compared(bridge)
    (one,) = of(found, Gap.SCORE_HERE)
    assert (one.learner, one.class_run, one.unit, one.attempt) == (ref, RUN, "test_final", "101")
    assert (one.take, one.hindrance, one.score) == (listed["id"], None, "88/100")

    take_in(bridge.house, found)
    take_in(bridge.house, found)

    assert (found.taken, of(found, Gap.SCORE_HERE)) == (1, [])
    bridge.drain()
    assert [entry["attempt"] for entry in decisions_on(bridge, ref)] == ["101"]
    message = {**score_message(bridge, person), "id": listed["id"], "data": listed["data"]}
    assert deliver(bridge, message)[0]["status"] == "duplicate"
    assert of(compared(bridge), Gap.SCORE_HERE) == []


def test_what_came_is_not_missing_whichever_way_it_came(bridge: BridgeServer, moodle: MoodleStandIn) -> None:
    person, _ref = bridge.ready()
    listed = lists(moodle, bridge, person, 201)
    # Under another id: by the single door, before there was a plugin that has its own.
    deliver(bridge, {**score_message(bridge, person), "data": listed["data"]})
    bridge.drain()

    found = compared(bridge)

    assert (of(found, Gap.SCORE_HERE), of(found, Gap.SCORE_THERE)) == ([], [])


def test_a_score_of_somebody_without_a_name_says_why_it_cannot_be_taken_and_where_it_waits(
    bridge: BridgeServer, moodle: MoodleStandIn
) -> None:
    stranger, (named, _ref) = bridge.someone(), bridge.ready()
    bridge.account(stranger)
    first = lists(moodle, bridge, stranger, 301)
    lists(moodle, bridge, named, 302, resource_link_id="quiz-of-nobody")
    lists(moodle, bridge, named, 303, score="1e9")
    deliver(bridge, {**score_message(bridge, stranger), "id": first["id"], "data": first["data"]})

    found = of(compared(bridge), Gap.SCORE_HERE)

    assert [(one.hindrance, one.take) for one in found] == [
        ("account_unknown", None),
        ("unit_unknown", None),
        ("score_malformed", None),
    ]
    assert found[0].held is not None
    assert found[1].held is None
    assert found[0].account == bridge.account(stranger)


def test_a_score_that_the_platform_does_not_list_is_shown_and_stays(
    bridge: BridgeServer, moodle: MoodleStandIn
) -> None:
    person, ref = bridge.ready()
    now = rfc3339(bridge.clock.now())
    deliver(bridge, score_message(bridge, person, attempt="401", started_at=now, finished_at=now))
    bridge.drain()

    with bridge.unchanged():
        (one,) = of(compared(bridge), Gap.SCORE_THERE)

    assert (one.learner, one.attempt, one.take) == (ref, "401", None)
    assert of(compared(bridge, since=bridge.clock.now() + timedelta(seconds=1)), Gap.SCORE_THERE) == []


def test_who_is_enrolled_there_and_has_no_name_here_is_named_by_account(bridge: BridgeServer) -> None:
    stranger = bridge.someone()
    account = bridge.account(stranger)
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).rosters.see_launch(REGISTRATION, "demo-course-1", account, "learner")

    assert account in {one.account for one in of(compared(bridge), Gap.REAL_NAME)}
    let_in = bridge.name(account, stranger)
    assert let_in
    assert account not in {one.account for one in of(compared(bridge), Gap.REAL_NAME)}


def test_a_unit_that_was_opened_there_and_never_studied_here_is_found(bridge: BridgeServer) -> None:
    (idle, ref), agent = bridge.ready(), Agent.ready(bridge)
    for person in (idle, agent.person):
        deliver(bridge, activity(bridge, person, resource_link_id="unit-1"))

    found = of(compared(bridge), Gap.UNIT)

    assert [(one.learner, one.unit) for one in found] == [(ref, "unit_electric")]


def test_a_player_that_played_without_study_is_found(bridge: BridgeServer) -> None:
    (idle, ref), agent = bridge.ready(), Agent.ready(bridge)
    issued = credentials(bridge.house).add(
        ORG, "player-1", [Scope.WRITE], by="operator", registration=REGISTRATION
    )
    about = "urn:x:unit-1"
    with _linked(bridge, "unit-1", about):
        for person, activity_id in ((idle, about), (agent.person, about), (idle, "https://x.example/other")):
            statement = {
                "actor": {"account": {"homePage": bridge.platform.issuer, "name": person.sub}},
                "verb": {"id": "https://w3id.org/xapi/video/verbs/played"},
                "object": {"id": activity_id},
            }
            answer = bridge.post(
                "/xAPI/statements",
                statement,
                Authorization=_basic(issued.credential.id, issued.secret),
                X_Experience_API_Version="2.0.0",
            )
            assert answer.status_code == 200, answer.text
        found = of(compared(bridge), Gap.VIDEO)

    assert [(one.learner, one.unit) for one in found] == [(ref, "unit_electric")]


@pytest.mark.parametrize(
    ("iri", "link"),
    [
        ("https://lms.example/mod/page/view.php?id=57", "cm-57"),
        ("https://lms.example/mod/page/view.php?id=x", "https://lms.example/mod/page/view.php?id=x"),
        ("https://lms.example/course?id=57", "https://lms.example/course?id=57"),
        ("urn:x", "urn:x"),
    ],
)
def test_an_activity_of_moodle_is_its_course_module(iri: str, link: str) -> None:
    assert link_of(iri) == link


@pytest.mark.parametrize(
    ("status", "body"), [(503, b""), (200, b'{"status":"told","scores":{}}'), (200, b"[]")]
)
def test_a_platform_that_is_away_or_talks_nonsense_is_named_and_the_rest_is_compared(
    bridge: BridgeServer, moodle: MoodleStandIn, status: int, body: bytes
) -> None:
    idle, _ref = bridge.ready()
    deliver(bridge, activity(bridge, idle, resource_link_id="unit-1"))
    moodle.status, moodle.body = status, body
    try:
        found = compared(bridge)
    finally:
        moodle.body = None
    assert [one.registration for one in found.not_asked] == [REGISTRATION]
    assert len(of(found, Gap.UNIT)) == 1


def test_many_scores_are_read_page_by_page(
    bridge: BridgeServer, moodle: MoodleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.lms.moodle_scores._PAGE", 2)
    person, _ref = bridge.ready()
    for attempt in range(501, 506):
        lists(moodle, bridge, person, attempt)

    found = of(compared(bridge), Gap.SCORE_HERE)

    assert [one.attempt for one in found] == ["501", "502", "503", "504", "505"]


def test_one_class_run_is_compared_alone_and_an_unknown_one_refused(
    bridge: BridgeServer, moodle: MoodleStandIn
) -> None:
    person, _ref = bridge.ready()
    lists(moodle, bridge, person, 601)
    assert len(of(compared(bridge, class_run=RUN), Gap.SCORE_HERE)) == 1
    with pytest.raises(InvalidInput, match="class_run_unknown"):
        compared(bridge, class_run=ClassRunId("run_of_nobody"))


def test_the_command_tells_on_one_line_and_takes_in(
    bridge: BridgeServer, moodle: MoodleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bridge.house.settings
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(Path(settings.var)))
    monkeypatch.setenv("ANXUE_DATABASE_URL", settings.database_url)
    monkeypatch.setattr("bridge.wiring.house.SystemClock", lambda: bridge.clock)
    person, ref = bridge.ready()
    lists(moodle, bridge, person, 701)

    def run(*arguments: str) -> str:
        found = CliRunner().invoke(main, ["intake", "reconcile", *arguments], catch_exceptions=False)
        assert found.exit_code == 1
        return found.stdout

    told = json.loads(run("--json"))
    assert told["takeable"] == 1
    assert "可补收" in run()
    told = json.loads(run("--take", "--json"))
    assert (told["taken"], told["takeable"]) == (1, 0)
    bridge.drain()
    assert [entry["attempt"] for entry in decisions_on(bridge, ref)] == ["701"]


@contextmanager
def _linked(bridge: BridgeServer, link: str, address: str) -> Iterator[None]:
    """Have a unit's link be an address for a while, as a player names it."""
    change = text("UPDATE course_unit SET resource_link_id = :new WHERE resource_link_id = :old")
    with bridge.house.engine.begin() as connection:
        connection.execute(change, {"new": address, "old": link})
    try:
        yield
    finally:
        with bridge.house.engine.begin() as connection:
            connection.execute(change, {"new": link, "old": address})


def _basic(key: str, secret: str) -> str:
    return "Basic " + b64encode(f"{key}:{secret}".encode()).decode()
