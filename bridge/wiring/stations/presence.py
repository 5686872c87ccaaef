"""The presence: checks while they study, prompts, supervised study, test gates and reviews."""

from typing import TYPE_CHECKING

from bridge.identity.consent import FACE
from bridge.kernel.ids import RegistrationId
from bridge.presence.card_checks import CardChecks
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.presence.challenges import ChallengeService
from bridge.presence.frames import FrameService
from bridge.presence.gate.service import GateService
from bridge.presence.gate.store import SqlGateStore
from bridge.presence.movements import Movements
from bridge.presence.prompt_store import SqlPromptStore
from bridge.presence.prompts import Prompts
from bridge.presence.review.service import Reviews
from bridge.presence.review.store import SqlReviewStore
from bridge.presence.service import PresenceService
from bridge.presence.store import SqlPresenceStore
from bridge.presence.supervised import SupervisedStudy
from bridge.wiring.adapters import CheckRulesInForce
from bridge.wiring.face_renewal import vouched_by_staff
from bridge.wiring.gate_rules import GateRulesInForce
from bridge.wiring.review_desk import ReviewRulesInForce

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def presence_store(stations: "Stations") -> SqlPresenceStore:
    return SqlPresenceStore(stations.tx)


def check_rules(stations: "Stations") -> CheckRulesInForce:
    return CheckRulesInForce(stations.registry, stations.house.rules, stations.house.study_clock)


def presence(stations: "Stations") -> PresenceService:
    house = stations.house
    return PresenceService(
        stations.presence_store,
        stations.inbox,
        stations.tx,
        stations.check_rules,
        house.pace_after(stations.tx),
        house.study_clock,
        house.key("agent-nonce"),
        stations.tx.institution_id,
        stations.prompts,
        house.frames_waiting.within(stations.tx),
        lambda class_run: not stations.assessments.in_force(FACE, class_run).value,
    )


def supervised(stations: "Stations") -> SupervisedStudy:
    house = stations.house
    return SupervisedStudy(
        stations.tx,
        stations.presence_store,
        stations.presence,
        stations.check_rules,
        house.clock,
        house.study_clock,
    )


def prompts(stations: "Stations") -> Prompts:
    house = stations.house
    pace = house.pace_after(stations.tx)
    return Prompts(SqlPromptStore(stations.tx), stations.tx, stations.check_rules, pace, house.study_clock)


def frames(stations: "Stations") -> FrameService:
    house = stations.house
    return FrameService(
        stations.presence_store,
        stations.vault,
        stations.identity,
        stations.tx,
        house.clock,
        house.study_clock,
        stations.tx.institution_id,
        stations.presence.decide,
        house.recogniser,
        movements(stations),
        challenged=house.face_pack.challenge is not None,
    )


def movements(stations: "Stations") -> Movements:
    house = stations.house
    return Movements(
        stations.presence_store,
        SqlChallengeStore(stations.tx),
        stations.vault,
        house.clock,
        house.study_clock,
        stations.tx.institution_id,
        house.face_pack,
        stations.presence.decide,
    )


def challenges(stations: "Stations") -> ChallengeService:
    house = stations.house
    return ChallengeService(
        SqlChallengeStore(stations.tx),
        stations.presence_store,
        stations.vault,
        stations.identity,
        stations.tx,
        stations.check_rules,
        house.clock,
        house.study_clock,
        stations.tx.institution_id,
        house.face_pack,
        stations.photo_source,
        lambda reference: vouched_by_staff(stations, stations.tx.institution_id, reference),
    )


def card_checks(stations: "Stations") -> CardChecks:
    house = stations.house
    return CardChecks(
        stations.tx,
        stations.presence_store,
        stations.frames,
        house.clock,
        house.study_clock,
        house.recogniser,
    )


def gate_store(stations: "Stations") -> SqlGateStore:
    return SqlGateStore(stations.tx, stations.house.cipher)


def gates(stations: "Stations") -> GateService:
    house = stations.house
    return GateService(
        stations.gate_store,
        stations.presence,
        GateRulesInForce(stations.registry, house.rules, house.study_clock),
        stations.tx,
        house.clock,
        house.study_clock,
        lambda registration: stations.exam_services.is_set_up(RegistrationId(registration)),
    )


def review_store(stations: "Stations") -> SqlReviewStore:
    return SqlReviewStore(stations.tx)


def review_rules(stations: "Stations") -> ReviewRulesInForce:
    return ReviewRulesInForce(stations.registry, stations.house.rules, stations.house.study_clock)


def reviews(stations: "Stations") -> Reviews:
    return Reviews(stations.review_store, stations.tx, stations.review_rules, stations.house.study_clock)
