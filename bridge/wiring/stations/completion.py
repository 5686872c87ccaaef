"""The completion: tests decided, papers issued, changed and withdrawn."""

from typing import TYPE_CHECKING

from bridge.completion.decided_anew import TestsDecidedAnew
from bridge.completion.life import PaperLife
from bridge.completion.life_tables import SqlPaperChanges
from bridge.completion.number_tables import SqlPaperNumbers
from bridge.completion.service import CompletionService
from bridge.completion.store import SqlCompletionStore
from bridge.completion.template_tables import SqlPaperTemplates
from bridge.wiring.adapters import PresenceOverTests, StandingOfInstitution
from bridge.wiring.paper_seals import SealsInTx

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def standings(stations: "Stations") -> StandingOfInstitution:
    house = stations.house
    return StandingOfInstitution(
        stations.registry_store,
        stations.registry,
        house.divisions,
        house.settings.demonstration,
        trial_seals=house.seal_settings.is_test,
    )


def completion_store(stations: "Stations") -> SqlCompletionStore:
    return SqlCompletionStore(stations.tx)


def presence_over_tests(stations: "Stations") -> PresenceOverTests:
    return PresenceOverTests(
        stations.presence_store,
        stations.inbox,
        stations.check_rules,
        stations.gate_store,
        stations.supervised,
        stations.review_store,
    )


def tests_decided_anew(stations: "Stations") -> TestsDecidedAnew:
    house = stations.house
    return TestsDecidedAnew(
        stations.tx,
        stations.registry,
        stations.presence_over_tests,
        house.rules,
        house.clock,
        house.study_clock,
    )


def completion(stations: "Stations") -> CompletionService:
    house = stations.house
    return CompletionService(
        stations.completion_store,
        sheets=stations.registry,
        standings=stations.standings,
        hours=stations.earned,
        presence=stations.presence_over_tests,
        rules=house.rules,
        identity=stations.identity,
        evidence=stations.vault,
        printer=house.printer,
        sealer=SealsInTx(house, stations.tx),
        events=stations.tx,
        clock=house.clock,
        study_clock=house.study_clock,
        public_url=house.settings.public_url,
        numbers=SqlPaperNumbers(stations.tx),
        template=SqlPaperTemplates(stations.tx).source,
    )


def paper_changes(stations: "Stations") -> SqlPaperChanges:
    return SqlPaperChanges(stations.tx)


def paper_life(stations: "Stations") -> PaperLife:
    store, clock = stations.completion_store, stations.house.clock
    return PaperLife(stations.paper_changes, store, stations.completion, stations.tx, clock)
