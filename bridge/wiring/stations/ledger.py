"""The ledger and the hours counted from it."""

from typing import TYPE_CHECKING

from bridge.hours.service import HoursService
from bridge.ledger.correction_tables import SqlCorrectionStore
from bridge.ledger.corrections import Corrections
from bridge.ledger.service import LedgerService
from bridge.ledger.snapshot_store import SqlSnapshotStore
from bridge.ledger.store import SqlLedgerStore
from bridge.wiring.earned import EarnedFromLedger
from bridge.wiring.inbox_batches import BatchesInInbox
from bridge.wiring.learner_news import LearnerNews

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def ledger(stations: "Stations") -> LedgerService:
    return LedgerService(
        SqlLedgerStore(stations.tx, stations.house.ledger_marks),
        stations.profile_for,
        stations.registry,
        BatchesInInbox(stations.inbox, stations.presence_store, stations.quarantine),
        stations.tx,
        stations.house.study_clock,
        SqlSnapshotStore(stations.tx, stations.house.ledger_marks),
    )


def corrections(stations: "Stations") -> Corrections:
    papers = stations.completion_store.papers
    return Corrections(
        SqlCorrectionStore(stations.tx),
        stations.ledger,
        stations.registry,
        stations.tx,
        stations.house.clock,
        lambda learner, class_run: bool(papers(learner, class_run)),
    )


def hours(stations: "Stations") -> HoursService:
    return HoursService(stations.ledger, stations.registry, stations.profile_for)


def earned(stations: "Stations") -> EarnedFromLedger:
    return EarnedFromLedger(stations.ledger, stations.hours, stations.registry, stations.house.rules)


def learner_news(stations: "Stations") -> LearnerNews:
    house = stations.house
    return LearnerNews(
        stations.tx,
        stations.presence_store,
        earned=stations.earned,
        hours=stations.hours,
        registry=stations.registry,
        inbox=stations.inbox,
        rules=house.rules,
        study_clock=house.study_clock,
    )
