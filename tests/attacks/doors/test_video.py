"""Statements of the video profile over real HTTP: claims beside a unit, whatever is said; never a second of credit."""

from typing import Any
from uuid import uuid4

from bridge.intake.cmi5.claims import UnitClaims
from bridge.intake.video.rules import LENGTH, PLAYED, PROGRESS, TIME
from bridge.intake.xapi.model import Scope
from bridge.kernel.ids import CourseUnitId, LearnerRef
from bridge.kernel.intervals import IntervalSet
from bridge.registry.link_model import LinkKind, LinkTarget
from bridge.wiring.video import SeenBesideOurs, beside_ours
from tests.attacks.doors.cmi5_au import SimulatedAu
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, REGISTRATION, RUN, BridgeServer, refused
from tests.attacks.doors.test_cmi5 import UNIT, begun
from tests.attacks.doors.xapi_sender import Sender, sender
from tests.intake.video.statements import completed, paused

Json = dict[str, Any]


def platform(bridge: BridgeServer) -> Sender:
    """Return a sender whose agents are the LTI platform's accounts; its activity 7 is a unit of the course."""
    with bridge.house.uow.for_institution(ORG) as tx:
        target = LinkTarget(LinkKind.UNIT, RUN, CourseUnitId(UNIT))
        bridge.house.at(tx).links.record(REGISTRATION, "1", "cm-7", target)
    return sender(bridge, Scope.WRITE, registration=REGISTRATION)


def of(bridge: BridgeServer, person: Person, statement: Json, module: int = 7) -> Json:
    """Return the statement as the person's LMS says it."""
    issuer = bridge.platform.issuer
    about = {**statement["object"], "id": f"{issuer}/mod/video/view.php?id={module}"}
    account = {"homePage": issuer, "name": person.sub}
    return {**statement, "id": str(uuid4()), "actor": {"account": account}, "object": about}


def claims(bridge: BridgeServer, learner: LearnerRef) -> dict[str, Json]:
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        found = UnitClaims(tx).of(learner, RUN)
    assert {one.unit for one in found} <= {UNIT}
    return {one.kind: dict(one.value) for one in found if one.profile == "video"}


def test_what_a_platform_says_was_watched_is_a_claim_that_credits_nothing(bridge: BridgeServer) -> None:
    lms = platform(bridge)
    person, learner = bridge.ready()
    ledger = bridge.rows("ledger_entry")
    for statement in (paused("20[.]40"), paused("0[.]30"), completed("0[.]30[,]50[.]100")):
        assert lms.post(of(bridge, person, statement)).status_code == 200
    bridge.drain()
    assert claims(bridge, learner) == {
        "completed": {"progress": "1"},
        "seen": {"segments": [[0, 40_000], [50_000, 100_000]], "length_ms": 100_000},
    }
    assert bridge.rows("ledger_entry") == ledger


def test_a_statement_that_comes_again_or_out_of_order_changes_no_claim(bridge: BridgeServer) -> None:
    lms = platform(bridge)
    person, learner = bridge.ready()
    first, second = (of(bridge, person, paused(text)) for text in ("0[.]30", "20[.]40"))
    assert lms.post([second, first]).status_code == 200
    before = claims(bridge, learner)["seen"]
    assert lms.post([first]).status_code == 200
    assert claims(bridge, learner)["seen"] == before == {"segments": [[0, 40_000]], "length_ms": 100_000}


def test_a_breach_stands_beside_the_unit_and_spoils_nothing_else(bridge: BridgeServer) -> None:
    lms = platform(bridge)
    person, learner = bridge.ready()
    broken = of(bridge, person, paused("0-30"))
    good = of(bridge, person, paused("0[.]10"))
    assert lms.post([broken, good]).status_code == 200
    found = claims(bridge, learner)
    assert found["breach"]["reason"] == "video_segments"
    assert found["seen"]["segments"] == [[0, 10_000]]


def test_what_names_another_platforms_account_or_no_unit_is_nobodys_claim(bridge: BridgeServer) -> None:
    lms = platform(bridge)
    person, learner = bridge.ready()
    foreign = of(bridge, person, paused())
    foreign["actor"]["account"]["homePage"] = "https://other.example"
    elsewhere = of(bridge, person, paused(), module=8)
    other_host = of(bridge, person, paused())
    other_host["object"]["id"] = "https://other.example/mod/video/view.php?id=7"
    assert lms.post([foreign, elsewhere, other_host]).status_code == 200
    assert claims(bridge, learner) == {}
    unbound = sender(bridge, Scope.WRITE)
    assert unbound.post(of(bridge, person, paused())).status_code == 200
    assert claims(bridge, learner) == {}


def in_au(one: SimulatedAu, statement: Json) -> Json:
    """Return a video statement as an AU of a cmi5 session says it."""
    made = one.statement(statement["verb"]["id"], defined=False, result=statement.get("result"))
    made["object"] = {**made["object"], "definition": statement["object"]["definition"]}
    made["context"]["contextActivities"]["category"] = statement["context"]["contextActivities"]["category"]
    made["context"]["extensions"] |= statement["context"]["extensions"]
    return made


def test_an_au_of_cmi5_may_tell_what_was_watched_and_is_refused_where_it_breaks_the_profile(
    bridge: BridgeServer,
) -> None:
    one = begun(bridge)
    learner = LearnerRef(bridge.rows("cmi5_registration", id=one.parameter("registration"))[0]["learner"])
    one.hold(one.send(in_au(one, paused("0[.]46.6"))))
    assert claims(bridge, learner)["seen"] == {"segments": [[0, 46_600]], "length_ms": 100_000}
    with bridge.unchanged():
        refused(one.send(in_au(one, paused("0-5"))), 400, "video_segments")
        lengthless = in_au(one, paused())
        del lengthless["context"]["extensions"][LENGTH]
        refused(one.send(lengthless), 400, "video_length")
    silent = in_au(one, completed())
    silent["result"]["extensions"] = {TIME: 100, PROGRESS: 0.5}
    one.hold(one.send(silent))
    assert claims(bridge, learner)["seen"]["segments"] == [[0, 46_600]]
    assert PLAYED not in silent["result"]["extensions"]


def test_claims_are_held_against_what_the_bridge_saw(bridge: BridgeServer) -> None:
    lms = platform(bridge)
    person, learner = bridge.ready()
    assert lms.post(of(bridge, person, paused("0[.]40[,]60[.]70"))).status_code == 200
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        found = UnitClaims(tx).of(learner, RUN)
    ours = {UNIT: IntervalSet([(0, 30_000), (65_000, 80_000)])}
    assert beside_ours(found, ours) == (SeenBesideOurs(UNIT, 50_000, 45_000, 15_000, 10_000),)
    assert beside_ours(found, {}) == (SeenBesideOurs(UNIT, 50_000, 0, 50_000, 0),)
