"""The hours service: one settlement, one head."""

from bridge.hours.service import HoursService
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model import LedgerHead, SecondsStatement, settle, verify_chain
from bridge.registry.model import ClassRunSheet
from tests.ledger.study import MINUTE, Study, guangdong, rules, sheet


class Ledger:
    """The ledger's port in memory."""

    def __init__(self, study: Study) -> None:
        self._entries = study.entries()

    def statement(
        self, learner: LearnerRef, class_run: ClassRunId, *, whole: bool = True
    ) -> SecondsStatement:
        return settle(sheet(), self._entries, rules())

    def head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        return verify_chain(self._entries)


class Sheets:
    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        return sheet()


def test_hours_come_with_the_seconds_and_the_head_that_prove_them() -> None:
    study = Study().anchor().watch("s", 0, 46 * MINUTE).passes("s", *range(0, 50 * MINUTE, 10 * MINUTE))
    study.check("s", 46 * MINUTE)
    ledger = Ledger(study)

    earned = HoursService(ledger, Sheets(), lambda _: guangdong()).earned(
        LearnerRef("lrn_made_up"), ClassRunId("run_made_up")
    )

    assert earned.hours.online_class_hours == 1
    assert earned.seconds.credited_seconds == 46 * 60
    assert earned.ledger_head == ledger.head(LearnerRef("lrn_made_up"), ClassRunId("run_made_up")).hash
