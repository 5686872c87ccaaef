"""What one station asks of another, answered by that other: a port on one side, a service on the other."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from bridge.completion.model import Standing, TestEvidence, TestScore
from bridge.identity.service import IdentityService
from bridge.intake.ports import TestUnit
from bridge.intake.store import SqlInbox
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import (
    CheckId,
    ClassRunId,
    LearnerRef,
    RegistrationId,
)
from bridge.kernel.time import StudyClock, epoch_ms, from_epoch_ms, legal_date, parse_rfc3339, rfc3339
from bridge.presence.gate.store import SqlGateStore
from bridge.presence.model import (
    SUPERVISED,
    Activity,
    Backlog,
    CheckKind,
    CheckRules,
    CheckState,
    StudySession,
)
from bridge.presence.prompt_model import PromptRules
from bridge.presence.review.model import overturned
from bridge.presence.review.store import SqlReviewStore
from bridge.presence.store import SqlPresenceStore
from bridge.presence.supervised import SupervisedStudy
from bridge.registry.leaving_model import GONE
from bridge.registry.model import ClassRunSheet
from bridge.registry.service import RegistryService
from bridge.registry.store import SqlRegistryStore
from bridge.rules.model import LegalDates, NoRuleInForce, ProfileInForce, RuleBook
from bridge.wiring.supervised_tests import WatchedSession, unseen


class CheckRulesInForce:
    """`presence.ports.RulesInForce`: the values of the class run's profile on today's study date."""

    def __init__(self, registry: RegistryService, rules: RuleBook, study_clock: StudyClock) -> None:
        self._registry = registry
        self._rules = rules
        self._study_clock = study_clock

    def checks(self, class_run: ClassRunId, activity: Activity) -> CheckRules:
        profile, dates = self._in_force(class_run)
        kind = "test_check" if activity is Activity.TEST else "check"
        return CheckRules(
            gap_min_ms=profile.read(f"presence.{kind}_gap_min_seconds", dates).integer() * 1000,
            gap_max_ms=profile.read(f"presence.{kind}_gap_max_seconds", dates).integer() * 1000,
            answer_window_ms=profile.read("presence.answer_window_seconds", dates).integer() * 1000,
            attempts=profile.read("presence.attempts_per_check", dates).integer(),
            backlog=self._backlog(profile, dates),
            movement=profile.read("presence.movement_at_checks", dates).boolean(),
        )

    @staticmethod
    def _backlog(profile: ProfileInForce, dates: LegalDates) -> Backlog | None:
        try:
            return Backlog(
                wait_limit_ms=profile.read("presence.frame_wait_limit_seconds", dates).integer() * 1000,
                put_off_ms=profile.read("presence.check_put_off_seconds", dates).integer() * 1000,
            )
        except NoRuleInForce:
            return None

    def prompts(self, class_run: ClassRunId) -> PromptRules | None:
        """Return the values for prompts; None where no pack asks for any."""
        profile, dates = self._in_force(class_run)
        try:
            if not profile.read("prompt.required", dates).boolean():
                return None
        except NoRuleInForce:
            return None

        def milliseconds(name: str) -> int:
            return profile.read(f"prompt.{name}_seconds", dates).integer() * 1000

        return PromptRules(
            gap_min_ms=milliseconds("gap_min"),
            gap_max_ms=milliseconds("gap_max"),
            idle_ms=milliseconds("idle"),
            answer_window_ms=milliseconds("answer_window"),
            attempts=profile.read("prompt.attempts", dates).integer(),
        )

    def anchor_good_frames(self, class_run: ClassRunId) -> int:
        profile, dates = self._in_force(class_run)
        return profile.read("presence.anchor_good_frames", dates).integer()

    def beat_interval_ms(self, class_run: ClassRunId) -> int:
        """Return how often the agent is to beat, study ms."""
        profile, dates = self._in_force(class_run)
        return profile.read("study.beat_interval_seconds", dates).integer() * 1000

    def beat_gap_limit_ms(self, class_run: ClassRunId) -> int:
        """Return the longest silence that is no gap, ms."""
        profile, dates = self._in_force(class_run)
        return profile.read("study.beat_gap_limit_seconds", dates).integer() * 1000

    def _in_force(self, class_run: ClassRunId) -> tuple[ProfileInForce, LegalDates]:
        run = self._registry.class_run(class_run)
        today = legal_date(self._study_clock.now())
        return self._rules.profile(run.profile), LegalDates(
            opening=run.opens_on, study_second=today, event=today
        )


class LearnersOfPlatforms:
    """`intake.ports.Learners`: identity knows the account, the registry the test."""

    def __init__(self, identity: IdentityService, registry: RegistryService) -> None:
        self._identity = identity
        self._registry = registry

    def learner_of(self, registration: RegistrationId, sub: str) -> LearnerRef | None:
        account = self._identity.account_for(registration, sub)
        return None if account is None else account.learner

    def test_unit(
        self, registration: RegistrationId, resource_link_id: str, learner: LearnerRef
    ) -> TestUnit | None:
        found = find_unit(self._registry, registration, resource_link_id, learner)
        if found is None or found[1].activity != "test":
            return None
        return TestUnit(found[1].id, found[0].class_run.id)


def find_unit(
    registry: RegistryService, registration: RegistrationId, resource_link_id: str, learner: LearnerRef
) -> tuple[ClassRunSheet, Any] | None:
    """Return the learner's newest class run in which the resource link opens a unit, and that unit."""
    linked = registry.unit_of_link(registration, resource_link_id)
    if linked is None:
        return None
    course_id, unit_id = linked
    for class_run in reversed(registry.class_runs_of(learner)):
        sheet = registry.class_run_sheet(class_run, learner)
        for unit in sheet.course.units:
            if (sheet.course.id, unit.id) == (course_id, unit_id):
                return sheet, unit
    return None


class PresenceOverTests:
    """`completion.ports.TestPresence`: what the test's sessions and checks prove of an attempt, in real time."""

    def __init__(
        self,
        presence: SqlPresenceStore,
        inbox: SqlInbox,
        rules: CheckRulesInForce,
        gates: SqlGateStore,
        supervised: SupervisedStudy,
        reviews: SqlReviewStore,
    ) -> None:
        self._reviews = reviews
        self._presence = presence
        self._inbox = inbox
        self._rules = rules
        self._gates = gates
        self._supervised = supervised

    def evidence(self, score: TestScore) -> TestEvidence:
        """Return the evidence between the attempt's start and finish (the LMS's words for both).

        A silence no longer than the beat gap limit is no gap, also before the first beat and after the last;
        but with no beat at all between start and finish nothing is covered. Where staff watch instead of a camera,
        each silence of theirs that is longer than face checks may be apart is one that failed. A check that two
        people found wrong is passed where they saw the learner in it, and else none.
        """
        start = epoch_ms(parse_rfc3339(score.started_real))
        finish = max(start + 1, epoch_ms(parse_rfc3339(score.finished_real)))
        limit = self._rules.beat_gap_limit_ms(score.class_run)
        start_passed = False
        passed = failed = 0
        references: set[str] = set()
        heard: list[int] = []
        watched: list[WatchedSession] = []
        corrected = overturned(self._reviews.of_learner(score.learner, score.class_run))
        for session in sorted(self._sessions(score), key=lambda one: one.opened_ms):
            checks = self._presence.checks_of_session(session.id)
            for check in checks:
                person_seen = corrected.get(check.id)
                if check.state in (CheckState.OPEN, CheckState.DECLINED) or person_seen is False:
                    continue
                compared_with = self._registered(score) if person_seen else check.reference
                seen = check.state is CheckState.PASSED or person_seen
                if seen and compared_with:
                    references.add(compared_with)
                if not seen:
                    failed += check.kind is not CheckKind.EXIT
                elif check.kind is CheckKind.TEST_START:
                    start_passed = True
                else:
                    passed += 1
            batches = self._inbox.after(session.id, 0, 100_000)
            heard += [epoch_ms(record.received_at) for record in batches]
            watched.append(WatchedSession(session, checks, batches))
        if any(one.session.method == SUPERVISED for one in watched):
            asked = self._rules.checks(score.class_run, Activity.TEST)
            failed += unseen(
                watched,
                self._supervised.of_learner(score.learner),
                start_ms=start,
                finish_ms=finish,
                limit_ms=asked.gap_max_ms + asked.answer_window_ms,
            )
        within = sorted(at for at in heard if start <= at <= finish + limit)
        covered = 0
        if within:
            points = [start, *(min(at, finish) for at in within), finish]
            covered = sum(b - a for a, b in pairwise(points) if b - a <= limit)
        return TestEvidence(start_passed, passed, failed, covered, finish - start, tuple(sorted(references)))

    def watched_by(self, score: TestScore, check: CheckId) -> bool:
        """See `completion.decided_anew.PresenceReviewed`."""
        return any(
            one.id == check
            for session in self._sessions(score)
            for one in self._presence.checks_of_session(session.id)
        )

    def _registered(self, score: TestScore) -> str:
        """Return the face reference with which reviewers compare: the one that is registered; "" for none by name."""
        found = self._presence.reference(score.learner, score.class_run)
        return "" if found is None else found.id

    def _sessions(self, score: TestScore) -> Sequence[StudySession]:
        """Return the sessions that watched the attempt: by its id, else those of the gate that ran over it.

        A test that the platform gives no agent knows nothing of the gate's own id. Before the gate had the test
        opened there was nothing to watch: a start check that failed then and was passed later spoils nothing.
        """
        sessions = self._presence.sessions_of_attempt(score.learner, score.class_run, score.attempt)
        gate = self._gates.of_learner(score.learner, score.attempt)
        attempts = [] if gate is None else [gate]
        if not sessions:
            start, finish = parse_rfc3339(score.started_real), parse_rfc3339(score.finished_real)
            attempts = list(
                self._gates.attempts_within(score.learner, score.class_run, score.unit, start, finish)
            )
        if not attempts:
            return sessions
        watched: list[StudySession] = []
        for one in attempts:
            of_gate = self._presence.sessions_of_attempt(score.learner, score.class_run, one.attempt)
            opened = [session.opened_ms for session in of_gate if session.id == one.start_session]
            watched += [session for session in of_gate if opened and session.opened_ms >= opened[0]]
        return watched


class StandingOfInstitution:
    """`completion.ports.Standings`: the registry's word on connection and city."""

    def __init__(
        self,
        store: SqlRegistryStore,
        registry: RegistryService,
        divisions: Mapping[str, str],
        demonstration: bool,
        *,
        trial_seals: bool,
    ) -> None:
        self._store = store
        self._registry = registry
        self._divisions = divisions
        self._demonstration = demonstration
        self._trial_seals = trial_seals

    def standing(self, sheet: ClassRunSheet, on: date) -> Standing:
        institution = self._store.institution()
        if institution is None:
            raise InvalidInput("institution_unknown", "没有这家机构", http_status=404)
        if self._store.leaving() in GONE:
            # Its numbers go on at the bridge that took it over.
            sentence = "机构已移交到其他网络平台,证明由接任平台出具。"
            raise InvalidInput("institution_left", sentence, http_status=409)
        refused = {reason.code for reason in self._registry.opening_decision(sheet.class_run, on).reasons}
        code = sheet.class_run.division_code
        return Standing(
            institution_name=institution.name,
            uscc=institution.uscc,
            operator_name=institution.operator_name,
            provincially_connected="not_connected" not in refused,
            registered="not_registered_in_city" not in refused,
            demonstration=self._demonstration,
            city_name=self._divisions.get(code, ""),
            trial_seals=self._trial_seals,
        )


class ChecksForArchive:
    """`archive.ports.CheckRecords`: each check with the hashes of its frames."""

    def __init__(self, presence: SqlPresenceStore) -> None:
        self._presence = presence

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, Any]]:
        frames: dict[str | None, list[str]] = {}
        for frame in self._presence.frames_of(learner, class_run):
            frames.setdefault(frame.check_id, []).append(frame.sha256)
        kept: list[Mapping[str, Any]] = [
            {
                "check": check.id,
                "session": check.session,
                "kind": check.kind.value,
                "due": rfc3339(from_epoch_ms(check.due_ms)),
                "outcome": check.state.value,
                "frames_sha256": frames.get(check.id, []),
            }
            for check in self._presence.checks_of(learner, class_run)
        ]
        return [*kept, {"check": None, "kind": "reference", "frames_sha256": frames.get(None, [])}]


@lru_cache(maxsize=4)
def division_names(folder: Path) -> Mapping[str, str]:
    """Return division code → name (GB/T 2260) from the CSV files of `folder`."""
    names: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            names.update({row["code"]: row["name"] for row in csv.DictReader(file)})
    return names
