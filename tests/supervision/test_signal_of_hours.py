"""A paper that was refused since its hours were reckoned otherwise is a signal that the authority sees."""

from typing import Any

from bridge.db.unit_of_work import UnitOfWork
from bridge.flow import steps
from bridge.kernel.ids import InstitutionId
from bridge.supervision.signals import SignalService
from bridge.supervision.signals_model import SignalKind
from bridge.supervision.signals_store import SqlSignalStore
from tests.supervision.test_supervision import uow

__all__ = ["uow"]

REFUSED = {
    "learner": "lr_gz",
    "class_run": "cr_gz",
    "kind": "hour_certificate",
    "reason": "hours_differ",
    "expected": {
        "ledger_head": "0" * 64,
        "credited_seconds": 28800,
        "online_class_hours": 8,
        "offline_class_hours": 0,
    },
    "recomputed": {
        "ledger_head": "0" * 64,
        "credited_seconds": 28801,
        "online_class_hours": 8,
        "offline_class_hours": 0,
    },
}


class Stations:
    """The one service that the step may use."""

    def __init__(self, signals: SignalService) -> None:
        self.signals = signals


def test_hours_that_differ_are_raised_once_with_both_figures(uow: UnitOfWork) -> None:
    (step,) = steps("completion.paper_refused")
    with uow.for_institution(InstitutionId("in_gz")) as tx:
        stations: Any = Stations(SignalService(SqlSignalStore(tx), uow.clock))
        for _ in range(2):
            step.do(stations, REFUSED)
        (seen,) = stations.signals.page(None).signals
    assert (seen.kind, seen.learner, seen.class_run) == (SignalKind.HOURS_DIFFER, "lr_gz", "cr_gz")
    assert seen.change == "8+0 学时,28800 秒 → 8+0 学时,28801 秒"
