"""Until when what lies under each key is kept, by which value of the packs; read by the schedule, by the answer to a
deletion request and by the learner's own page, so that all three say the same day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.archive.retention import retention_of, years_after
from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.identity.change_model import ChangeState
from bridge.identity.change_tables import IdentityChangeRow
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import LEGAL_ZONE, legal_date
from bridge.registry.model import ClassRun
from bridge.rules.model import NoRuleInForce, ProfileInForce, Resolved

if TYPE_CHECKING:
    from bridge.wiring.house import House

TEMPLATE_DAYS = "retention.face_template_days"
PHOTO_DAYS = "retention.id_photo_days"
CHANGE_EVIDENCE_DAYS = "retention.identity_evidence_days"
LIKENESS_DAYS = "retention.face_likeness_days"
BATCH_YEARS = "retention.regulator_batch_years"
OF_THE_ARCHIVE = frozenset(
    {EvidencePurpose.FACE_FRAME, EvidencePurpose.CERTIFICATE, EvidencePurpose.LEARNER_FILE}
)
"""What is kept as part of the training archive (粤应急规〔2022〕3号 第十五条、第二十六条), for its years."""
_DAYS_AFTER_THE_RUN = {
    EvidencePurpose.FACE_TEMPLATE: TEMPLATE_DAYS,
    EvidencePurpose.ID_PHOTO: PHOTO_DAYS,
}


@dataclass(frozen=True, slots=True)
class Term:
    """Until when something is kept.

    Args:
        until: the last legal day; None while nothing has begun that the time is counted from.
        reason: what stands on the receipt then, a code of `destruction.REASONS`.
        rule: where the day comes from.
    """

    until: date | None
    reason: str
    rule: Resolved

    def is_over(self, today: date) -> bool:
        """Return whether the last day has passed."""
        return self.until is not None and today > self.until


class KeyTerms:
    """The terms of one institution's keys on the legal day of now (real time), within one unit of work."""

    def __init__(self, house: "House", tx: Tx) -> None:
        self._house = house
        self._tx = tx
        self.today = legal_date(house.clock.now())
        self.missing: set[str] = set()
        """Parameters that no rule in force gave when they were asked for; what they would end is kept."""
        self._of_runs: dict[ClassRunId, Mapping[EvidencePurpose, Term]] = {}

    @cached_property
    def runs(self) -> Mapping[ClassRunId, ClassRun]:
        """All class runs of the institution."""
        return {run.id: run for run in self._house.at(self._tx).registry_store.class_runs()}

    def of(self, key: DataKeyRow) -> Term | None:
        """Return the term of what lies under a key; None where no rule in force gives one: then it is kept."""
        if key.purpose not in set(EvidencePurpose):
            return None
        purpose = EvidencePurpose(key.purpose)
        if purpose is EvidencePurpose.IDENTITY_EVIDENCE:
            return self.of_change_evidence(LearnerRef(key.subject))
        if purpose is EvidencePurpose.REGULATOR_BATCH:
            return self.of_batch(key.created_at)
        return self.of_run(ClassRunId(key.class_run_id)).get(purpose)

    def of_run(self, class_run: ClassRunId) -> Mapping[EvidencePurpose, Term]:
        """Return the terms of what is kept for a class run, counted from its last day."""
        found = self._of_runs.get(class_run)
        if found is None:
            run = self.runs.get(class_run)
            found = self._of_runs[class_run] = {} if run is None else dict(self._read(run))
        return found

    def archive(self, class_run: ClassRunId) -> Term | None:
        """Return until when the training archive of a class run is kept."""
        return self.of_run(class_run).get(EvidencePurpose.LEARNER_FILE)

    def of_change_evidence(self, learner: LearnerRef) -> Term | None:
        """Return the term of the evidence for a person's changes: some days after the last of them was decided."""
        rule = self._binding(CHANGE_EVIDENCE_DAYS)
        if rule is None:
            return None
        row = IdentityChangeRow
        with_file = (row.learner == learner, row.evidence.is_not(None))
        decided = self._tx.session.execute(select(row.state, row.decided_at).where(*with_file)).all()
        last = max((one.decided_at for one in decided if one.decided_at is not None), default=None)
        if last is None or any(one.state == ChangeState.PROPOSED.value for one in decided):
            return Term(None, "retention_over", rule)
        return Term(legal_date(last) + timedelta(days=rule.integer()), "retention_over", rule)

    def of_batch(self, made: datetime) -> Term | None:
        """Return the term of a batch that was reported to the authority, counted from when it was made."""
        rule = self._binding(BATCH_YEARS)
        if rule is None:
            return None
        return Term(years_after(legal_date(made), rule.integer()), "retention_over", rule)

    def of_likeness(self, found: datetime) -> Term | None:
        """Return the term of the note that two people's faces were found alike."""
        rule = self._binding(LIKENESS_DAYS)
        if rule is None:
            return None
        return Term(legal_date(found) + timedelta(days=rule.integer()), "retention_over", rule)

    @property
    def likenesses_over_before(self) -> datetime | None:
        """Return the moment before which a note of likeness must have been made for its time to be over."""
        rule = self._binding(LIKENESS_DAYS)
        if rule is None:
            return None
        return datetime.combine(self.today - timedelta(days=rule.integer()), time(), LEGAL_ZONE).astimezone(
            UTC
        )

    def made_before(self, purpose: EvidencePurpose) -> datetime | None:
        """Return the moment before which a key that no class run owns must have been made for its time to be over.

        None where nothing of the purpose can be over.
        """
        batch = purpose is EvidencePurpose.REGULATOR_BATCH
        rule = self._binding(BATCH_YEARS if batch else CHANGE_EVIDENCE_DAYS)
        if rule is None:
            return None
        days = rule.integer() * (365 if batch else 1)
        return self._house.clock.now() - timedelta(days=days)

    def runs_over(self, purpose: EvidencePurpose) -> list[ClassRunId]:
        """Return the class runs of which what is kept for `purpose` must go."""
        return [
            run
            for run in self.runs
            if (term := self.of_run(run).get(purpose)) is not None and term.is_over(self.today)
        ]

    def _read(self, run: ClassRun) -> Iterable[tuple[EvidencePurpose, Term]]:
        profile = self._house.rules.profile(run.profile)
        for purpose, name in _DAYS_AFTER_THE_RUN.items():
            try:
                rule = profile.value(name, self.today)
            except NoRuleInForce as missing:
                self.missing.add(missing.parameter)
            else:
                yield purpose, Term(run.closes_on + timedelta(days=rule.integer()), "class_run_ended", rule)
        try:
            kept = retention_of(run, profile, self.today)
        except NoRuleInForce as missing:
            self.missing.add(missing.parameter)
        else:
            for purpose in OF_THE_ARCHIVE:
                yield purpose, Term(kept.last_day, "archive_expired", kept.rule)

    @cached_property
    def _profiles(self) -> tuple[ProfileInForce, ...]:
        names = sorted({run.profile for run in self.runs.values()})
        return tuple(self._house.rules.profile(name) for name in names)

    def _binding(self, name: str) -> Resolved | None:
        """Return what binds hardest over all profiles of the institution, for what belongs to no class run.

        None where one of them has no value: what nobody gave a time is kept.
        """
        found: Resolved | None = None
        for profile in self._profiles:
            try:
                rule = profile.value(name, self.today)
            except NoRuleInForce as missing:
                self.missing.add(missing.parameter)
                return None
            longer = found is not None and rule.integer() > found.integer()
            if found is None or longer == (rule.parameter.stricter == "max"):
                found = rule
        return found
