"""The reporting: batches for the regulator, and what it says it has of them."""

import random
from typing import TYPE_CHECKING

from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.reconciliation import ReconciliationService
from bridge.reporting.service import ReportingService
from bridge.reporting.store import SqlReportingStore
from bridge.wiring.feed_sources import StudyForRegulator

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def reporting(stations: "Stations") -> ReportingService:
    house = stations.house
    return ReportingService(
        SqlReportingStore(stations.tx),
        institution_id=stations.tx.institution_id,
        home=stations.registry_store,
        sheets=stations.registry,
        standings=stations.standings,
        papers=stations.completion_store,
        study=StudyForRegulator(stations.tx, stations.presence_store),
        identity=stations.identity,
        batches=house.batch_format,
        evidence=stations.vault,
        events=stations.tx,
        door=SqlDoorStore(stations.tx),
        rules=house.feed_rules,
        clock=house.clock,
        platform_code=house.settings.platform_code,
        chance=random.random(),  # noqa: S311  # spreads pauses; nothing secret hangs on it
    )


def reconciliation(stations: "Stations") -> ReconciliationService:
    return ReconciliationService(
        stations.tx, SqlReportingStore(stations.tx), stations.registry_store, stations.house.clock
    )
