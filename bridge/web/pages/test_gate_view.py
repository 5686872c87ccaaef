"""The gate's page put together from the stations: which steps stand before the test, and how the test stands."""

from dataclasses import dataclass

from bridge.kernel.time import legal_date
from bridge.presence.gate.model import AttemptState, GateOrigin
from bridge.registry.model import ClassRun
from bridge.rules.model import Reason
from bridge.web.pages.visitors import LearnerVisit
from bridge.wiring import House
from bridge.wiring.test_gates import GateView, is_waiting_too_long, look

STEPS = ("consent", "real_name", "face")


@dataclass(frozen=True, slots=True)
class GatePage:
    """All that the page shows.

    Args:
        missing: the steps that still stand before the test, in their order.
        against: why the class run may not be taught today; nothing is opened then.
        waits_too_long: the platform may have given up waiting.
    """

    view: GateView
    class_run: ClassRun
    missing: tuple[str, ...]
    against: tuple[Reason, ...]
    waits_too_long: bool

    @property
    def proctored(self) -> bool:
        return self.view.attempt.origin is GateOrigin.PROCTORING

    @property
    def ended(self) -> bool:
        return self.view.attempt.state is AttemptState.ENDED

    @property
    def running(self) -> bool:
        return self.view.attempt.state is AttemptState.RUNNING


def gather(house: House, visit: LearnerVisit, attempt_id: str) -> GatePage:
    """Return the page of the learner's own attempt; InvalidInput("attempt_unknown") for another's."""
    view = look(house, visit.institution, visit.account_id, attempt_id)
    attempt = view.attempt
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(attempt.class_run)
        learner = visit.learner
        enrolled = learner is not None and run.id in stations.registry.class_runs_of(learner)
        reference = None if learner is None else stations.presence_store.reference(learner, run.id)
        supervised = learner is not None and stations.supervised.running(learner, run.id) is not None
        stands = {
            "consent": supervised or stations.identity.has_consent(visit.account_id),
            "real_name": enrolled,
            "face": supervised or (reference is not None and reference.is_of(house.recogniser)),
        }
        today = legal_date(house.study_clock.now())
        return GatePage(
            view=view,
            class_run=run,
            missing=tuple(step for step in STEPS if not stands[step]),
            against=stations.registry.opening_decision(run, today).reasons,
            waits_too_long=is_waiting_too_long(attempt, house.clock.now()),
        )
