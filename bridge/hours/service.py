"""Say what a learner's ledger makes in class hours."""

from dataclasses import dataclass

from bridge.hours.model import HoursStatement, credit_class_hours
from bridge.hours.ports import ClassRunSheets, RulesFor, Seconds
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model import SecondsStatement


@dataclass(frozen=True, slots=True)
class Earned:
    """Seconds and class hours of one settlement, and the ledger head that proves them."""

    seconds: SecondsStatement
    hours: HoursStatement
    ledger_head: str


class HoursService:
    """Class hours of one institution's learners, within one unit of work."""

    def __init__(self, seconds: Seconds, sheets: ClassRunSheets, rules_for: RulesFor) -> None:
        self._seconds = seconds
        self._sheets = sheets
        self._rules_for = rules_for

    def earned(self, learner: LearnerRef, class_run: ClassRunId, *, whole: bool = False) -> Earned:
        """Return what the learner has earned now, from one settlement.

        Args:
            whole: of all entries rather than of a snapshot and what came since; the result is the same.

        Raises:
            NoRuleInForce: a needed rule has no value on its day.
        """
        seconds = self._seconds.statement(learner, class_run, whole=whole)
        hours = self.of(seconds, learner, class_run)
        return Earned(seconds, hours, self._seconds.head(learner, class_run).hash)

    def of(self, seconds: SecondsStatement, learner: LearnerRef, class_run: ClassRunId) -> HoursStatement:
        """Return the class hours that `seconds` make; NoRuleInForce as `earned`."""
        sheet = self._sheets.class_run_sheet(class_run, learner)
        return credit_class_hours(seconds, sheet, self._rules_for(sheet))
