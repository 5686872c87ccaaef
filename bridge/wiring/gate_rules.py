"""`presence.gate.ports.GateRules`: the pack's values for a test at a platform, on today's date."""

from bridge.kernel.ids import ClassRunId
from bridge.kernel.time import Clock, legal_date
from bridge.presence.gate.model import SESSION_LOST, ControlPolicy
from bridge.presence.model import CheckState
from bridge.registry.service import RegistryService
from bridge.rules.model import LegalDates, ProfileInForce, RuleBook

FINDINGS = (
    *(
        state
        for state in CheckState
        if state not in (CheckState.OPEN, CheckState.PASSED, CheckState.DECLINED)
    ),
    SESSION_LOST,
)


class GateRulesInForce:
    """The values of a class run's profile."""

    def __init__(self, registry: RegistryService, rules: RuleBook, study_clock: Clock) -> None:
        self._registry = registry
        self._rules = rules
        self._study_clock = study_clock

    def control(self, class_run: ClassRunId) -> ControlPolicy:
        profile, dates = self._in_force(class_run)

        def from_severity(action: str) -> str | None:
            allowed = profile.read(f"proctoring.{action}_allowed", dates).boolean()
            return f"proctoring.{action}_from_severity" if allowed else None

        pause, terminate = from_severity("pause"), from_severity("terminate")
        return ControlPolicy(
            severities={
                finding: profile.read(f"proctoring.severity_{finding}", dates).fraction()
                for finding in FINDINGS
            },
            pause_from=None if pause is None else profile.read(pause, dates).fraction(),
            terminate_from=None if terminate is None else profile.read(terminate, dates).fraction(),
        )

    def session_lost_ms(self, class_run: ClassRunId) -> int:
        profile, dates = self._in_force(class_run)
        return profile.read("proctoring.session_lost_seconds", dates).integer() * 1000

    def grant_seconds(self, class_run: ClassRunId, nominal_ms: int) -> int:
        profile, dates = self._in_force(class_run)
        return nominal_ms // 1000 + profile.read("proctoring.grant_margin_seconds", dates).integer()

    def _in_force(self, class_run: ClassRunId) -> tuple[ProfileInForce, LegalDates]:
        run = self._registry.class_run(class_run)
        today = legal_date(self._study_clock.now())
        return self._rules.profile(run.profile), LegalDates(
            opening=run.opens_on, study_second=today, event=today
        )
