"""The archive: evidence under its keys, class runs kept, held, and disposed of."""

from typing import TYPE_CHECKING

from bridge.archive.disposal import Disposals
from bridge.archive.fixity import Fixity
from bridge.archive.holds import LegalHolds
from bridge.archive.service import ArchiveService
from bridge.archive.store import SqlArchiveStore
from bridge.db.vault import Vault
from bridge.wiring.adapters import ChecksForArchive
from bridge.wiring.face_search_jobs import ForgettingVault

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def vault(stations: "Stations") -> Vault:
    house = stations.house
    left = stations.leave_face_search
    return ForgettingVault(stations.tx, house.key_ring, house.blobs, house.receipts, left=left)


def archive(stations: "Stations") -> ArchiveService:
    return ArchiveService(
        SqlArchiveStore(stations.tx),
        sheets=stations.registry,
        hours=stations.earned,
        ledger=stations.ledger,
        checks=ChecksForArchive(stations.presence_store),
        papers=stations.completion,
        identity=stations.identity,
        bags=stations.house.bags,
        evidence=stations.vault,
        events=stations.tx,
        clock=stations.house.clock,
    )


def legal_holds(stations: "Stations") -> LegalHolds:
    return LegalHolds(stations.tx, stations.registry.class_run, stations.house.clock)


def disposals(stations: "Stations") -> Disposals:
    return Disposals(stations.tx, stations.house.clock)


def fixity(stations: "Stations") -> Fixity:
    return Fixity(stations.tx, stations.house.clock)
