"""What hours needs from outside."""

from collections.abc import Callable
from typing import Protocol

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model import LedgerHead, SecondsStatement
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce

RulesFor = Callable[[ClassRunSheet], ProfileInForce]
"""The profile that applies to a class run."""


class Seconds(Protocol):
    """The ledger, settled."""

    def statement(
        self, learner: LearnerRef, class_run: ClassRunId, *, whole: bool = True
    ) -> SecondsStatement: ...

    def head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead: ...


class ClassRunSheets(Protocol):
    """The registry's sheets."""

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet: ...
