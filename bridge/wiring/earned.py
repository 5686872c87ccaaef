"""`completion.ports.EarnedHours`: seconds and hours of one settlement, as completion wants to read them."""

from dataclasses import dataclass

from bridge.completion.model import Attendance, Earned, EarnedUnit
from bridge.hours.model import HoursStatement, OutlineUnitHours
from bridge.hours.service import HoursService
from bridge.kernel.citation import Basis
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model.entries import LedgerHead
from bridge.ledger.model.facts import attendance_records
from bridge.ledger.model.statement import SecondsStatement
from bridge.ledger.service import LedgerService
from bridge.ledger.settling import Standing
from bridge.registry.model import ClassRunSheet
from bridge.registry.service import RegistryService
from bridge.rules.model import ProfileInForce, RuleBook


@dataclass(frozen=True, slots=True)
class Settled:
    """What a ledger made at one moment: it holds as long as `head` is the ledger's last link."""

    learner: LearnerRef
    class_run: ClassRunId
    head: LedgerHead
    earned: Earned
    standing: Standing | None = None


class EarnedFromLedger:
    """Reads the ledger, never an event's word; settles anew whenever the ledger has grown in this unit of work."""

    def __init__(
        self, ledger: LedgerService, hours: HoursService, registry: RegistryService, rules: RuleBook
    ) -> None:
        self._ledger = ledger
        self._hours = hours
        self._registry = registry
        self._rules = rules
        self._settled: Settled | None = None

    def earned(self, learner: LearnerRef, class_run: ClassRunId) -> Earned:
        """Return what the learner has earned, from the whole ledger unless a job settled it; NoRuleInForce."""
        known = self._settled
        if known is None or (known.learner, known.class_run) != (learner, class_run) or not self.use(known):
            head = self._ledger.head(learner, class_run)
            statement = self._ledger.statement(learner, class_run)
            self._settled = known = Settled(
                learner, class_run, head, self._earned(learner, class_run, statement, head, whole=True)
            )
        return known.earned

    def seconds(self, learner: LearnerRef, class_run: ClassRunId) -> SecondsStatement:
        """Return the settlement behind `earned`: a job's, while it holds, else one made for this; NoRuleInForce."""
        known = self._settled
        same = known is not None and (known.learner, known.class_run) == (learner, class_run)
        if known is not None and same and known.standing is not None and self.use(known):
            return known.standing.statement
        return self._ledger.statement(learner, class_run, whole=False)

    def settle(self, learner: LearnerRef, class_run: ClassRunId) -> Settled:
        """Return what the ledger says now from its snapshot, and the link up to which it was read."""
        standing = self._ledger.standing(learner, class_run)
        earned = self._earned(learner, class_run, standing.statement, standing.head, whole=False)
        return Settled(learner, class_run, standing.head, earned, standing)

    def keep(self, settled: Settled) -> None:
        """Keep the snapshot that came of settling."""
        if settled.standing is not None:
            self._ledger.keep(settled.learner, settled.class_run, settled.standing)

    def use(self, settled: Settled) -> bool:
        """Take `settled` as the present; False if its ledger has grown since it was made."""
        if self._ledger.head(settled.learner, settled.class_run) != settled.head:
            return False
        self._settled = settled
        return True

    def _earned(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        seconds: SecondsStatement,
        head: LedgerHead,
        *,
        whole: bool,
    ) -> Earned:
        sheet = self._registry.class_run_sheet(class_run, learner)
        hours = self._hours.of(seconds, learner, class_run)
        first, last = seconds.credited_span or (None, None)
        profile = self._rules.profile(sheet.class_run.profile)
        return Earned(
            anchored=seconds.anchored,
            credited_seconds=seconds.credited_seconds,
            provisional_seconds=seconds.provisional_seconds,
            refused_seconds=seconds.refused_seconds,
            online_class_hours=hours.online_class_hours,
            counted_online_class_hours=hours.online_share.value,
            offline_class_hours=hours.offline_class_hours,
            units=tuple(_unit(unit) for unit in hours.units),
            online_done=hours.online_met,
            offline_done=hours.offline_met,
            shares_allowed=hours.shares_allowed,
            reasons=hours.reasons,
            first_ms=first,
            last_ms=last,
            ledger_head=head.hash,
            packs=profile.pack_hashes,
            documents=_documents(profile, hours),
            attendances=self._attendances(sheet, seconds) if whole else (),
            timeline=tuple((s.start_ms, s.end_ms, s.verdict.value, s.reason) for s in seconds.timeline)
            if whole
            else (),
            whole=whole,
            unanchored_tests=seconds.unanchored_tests,
        )

    def _attendances(self, sheet: ClassRunSheet, seconds: SecondsStatement) -> tuple[Attendance, ...]:
        if not seconds.offline:
            return ()  # the chain is long, and read for nothing while nobody has met
        found = attendance_records(self._ledger.entries(sheet.learner, sheet.class_run.id))
        return tuple(
            Attendance(
                outline_unit=one.outline_unit,
                start_ms=one.start_ms,
                end_ms=one.end_ms,
                place=found[one.key]["place"],
                teacher=found[one.key]["teacher"],
                class_hours=one.class_hours,
            )
            for one in seconds.offline
        )


def _unit(unit: OutlineUnitHours) -> EarnedUnit:
    return EarnedUnit(
        id=unit.id,
        title=unit.title,
        mode=unit.mode,
        required_class_hours=unit.required_class_hours,
        earned_seconds=unit.counted_ms // 1000,
        met=unit.met,
    )


def _documents(profile: ProfileInForce, hours: HoursStatement) -> tuple[str, ...]:
    """Return the documents that a paper cites, in the profile's order: laws and standards that bound its hours."""
    cited = (Basis.LAW, Basis.STANDARD)
    bound = {one.pack_id for one in hours.bound if one.parameter.citation.basis in cited}
    return tuple(pack.document for pack in profile.packs if pack.id in bound)
