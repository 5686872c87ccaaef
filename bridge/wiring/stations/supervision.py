"""The supervision: figures, signals and spot checks for the authorities."""

from typing import TYPE_CHECKING

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.supervision.areas import LearnerAreas
from bridge.supervision.progress_store import SqlProgressStore
from bridge.supervision.rollups import Rollups
from bridge.supervision.service import ProgressNotes
from bridge.supervision.signals import SignalService
from bridge.supervision.signals_store import SqlSignalStore
from bridge.supervision.spot_checks import SpotCheckDesk

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def signals(stations: "Stations") -> SignalService:
    return SignalService(SqlSignalStore(stations.tx), stations.house.clock)


def raise_if_unanchored(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> None:
    """Raise a signal of who has studied for long and was never seen to be the person (article 16)."""
    earned = stations.earned.earned(learner, class_run)
    if earned.anchored:
        return
    rules = stations.house.rules.profile(stations.registry.class_run(class_run).profile)
    today = legal_date(stations.house.study_clock.now())
    limit = rules.value("supervision.unanchored_signal_seconds", today).integer()
    if earned.provisional_seconds >= limit:
        stations.signals.raise_for_unanchored(learner, class_run, earned.provisional_seconds)


def progress_notes(stations: "Stations") -> ProgressNotes:
    return ProgressNotes(SqlProgressStore(stations.tx))


def learner_areas(stations: "Stations") -> LearnerAreas:
    return LearnerAreas(stations.tx)


def rollups(stations: "Stations") -> Rollups:
    return Rollups(stations.tx)


def spot_checks(stations: "Stations") -> SpotCheckDesk:
    return SpotCheckDesk(stations.tx)
