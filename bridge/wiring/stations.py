"""All stations of one institution, bound to one unit of work."""

import random
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bridge.archive.disposal import Disposals
from bridge.archive.fixity import Fixity
from bridge.archive.holds import LegalHolds
from bridge.archive.service import ArchiveService
from bridge.archive.store import SqlArchiveStore
from bridge.completion.decided_anew import TestsDecidedAnew
from bridge.completion.gradebook import Gradebook
from bridge.completion.hour_scores import HourScores
from bridge.completion.learner_states import LearnerStates
from bridge.completion.life import PaperLife
from bridge.completion.life_tables import SqlPaperChanges
from bridge.completion.service import CompletionService
from bridge.completion.store import SqlCompletionStore
from bridge.completion.template_tables import SqlPaperTemplates
from bridge.db.unit_of_work import Tx
from bridge.db.vault import Vault
from bridge.hours.service import HoursService
from bridge.identity.changes import Changes
from bridge.identity.consent import FACE, PHOTO_TO_SOURCE, SUPERVISED, SUPERVISED_TEXT
from bridge.identity.deletion_requests import DeletionRequests
from bridge.identity.enrolment import EnrolmentImports
from bridge.identity.model import Account
from bridge.identity.name_checks import NameChecks, OnTheSpot
from bridge.identity.ports import RealNameDesk
from bridge.identity.rosters import Rosters
from bridge.identity.service import IdentityService
from bridge.identity.staff import StaffService
from bridge.identity.store import SqlIdentityStore
from bridge.intake.notices import Notices
from bridge.intake.quarantine import Quarantine
from bridge.intake.results import TestResults
from bridge.intake.service import IntakeService
from bridge.intake.store import SqlInbox
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef, RegistrationId
from bridge.kernel.time import legal_date
from bridge.ledger.correction_tables import SqlCorrectionStore
from bridge.ledger.corrections import Corrections
from bridge.ledger.service import LedgerService
from bridge.ledger.snapshot_store import SqlSnapshotStore
from bridge.ledger.store import SqlLedgerStore
from bridge.plugin_loader import load
from bridge.presence.anchoring import ID_PHOTO, PROVIDER
from bridge.presence.card_checks import CardChecks
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.presence.challenges import ChallengeService
from bridge.presence.frames import FrameService
from bridge.presence.gate.service import GateService
from bridge.presence.gate.store import SqlGateStore
from bridge.presence.prompt_store import SqlPromptStore
from bridge.presence.prompts import Prompts
from bridge.presence.review.service import Reviews
from bridge.presence.review.store import SqlReviewStore
from bridge.presence.search.service import FaceSearch
from bridge.presence.search.store import SqlSearchStore
from bridge.presence.service import PresenceService
from bridge.presence.store import SqlPresenceStore
from bridge.presence.supervised import SupervisedStudy
from bridge.registry.assessments import ImpactAssessments
from bridge.registry.cap_exceptions import CapExceptions
from bridge.registry.contact_service import ContactGate
from bridge.registry.contact_store import SqlContactStore
from bridge.registry.course_copies import CourseCopies
from bridge.registry.exam_services import ExamServices
from bridge.registry.links import LmsLinks
from bridge.registry.lti_platforms import LtiPlatforms
from bridge.registry.materials import Materials
from bridge.registry.model import ClassRunSheet
from bridge.registry.service import RegistryService
from bridge.registry.store import SqlRegistryStore
from bridge.registry.suspensions import Suspensions
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.reconciliation import ReconciliationService
from bridge.reporting.service import ReportingService
from bridge.reporting.store import SqlReportingStore
from bridge.rules.model import ProfileInForce
from bridge.supervision.areas import LearnerAreas
from bridge.supervision.progress_store import SqlProgressStore
from bridge.supervision.rollups import Rollups
from bridge.supervision.service import ProgressNotes
from bridge.supervision.signals import SignalService
from bridge.supervision.signals_store import SqlSignalStore
from bridge.supervision.spot_checks import SpotCheckDesk
from bridge.wiring.adapters import (
    CheckRulesInForce,
    ChecksForArchive,
    LearnersOfPlatforms,
    PresenceOverTests,
    StandingOfInstitution,
)
from bridge.wiring.earned import EarnedFromLedger
from bridge.wiring.face_renewal import vouched_by_staff
from bridge.wiring.face_search import leave_search
from bridge.wiring.face_search_jobs import ForgettingVault, PermissionInForce
from bridge.wiring.feed_sources import StudyForRegulator
from bridge.wiring.gate_rules import GateRulesInForce
from bridge.wiring.inbox_batches import BatchesInInbox
from bridge.wiring.learner_news import LearnerNews
from bridge.wiring.lms_courses import LmsCourses
from bridge.wiring.lms_references import LmsReferences
from bridge.wiring.paper_seals import SealsInTx
from bridge.wiring.platform_services import note_services
from bridge.wiring.review_desk import ReviewRulesInForce, correct_after_review
from lti.claims import LaunchClaims
from lti.launch import Launch

if TYPE_CHECKING:
    from bridge.wiring.house import House


class Stations:
    """Each station's service, made when it is first asked for."""

    def __init__(self, house: "House", tx: Tx) -> None:
        self._house = house
        self._tx = tx

    @cached_property
    def inbox(self) -> SqlInbox:
        return SqlInbox(self._tx)

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self._tx, self._house.cipher)

    @cached_property
    def vault(self) -> Vault:
        house = self._house
        left = self.leave_face_search
        return ForgettingVault(self._tx, house.key_ring, house.blobs, house.receipts, left=left)

    @cached_property
    def registry_store(self) -> SqlRegistryStore:
        return SqlRegistryStore(self._tx, self._house.cipher)

    @cached_property
    def registry(self) -> RegistryService:
        return RegistryService(self.registry_store, self._tx, self._house.study_clock, self._house.rules)

    @cached_property
    def cap_exceptions(self) -> CapExceptions:
        return CapExceptions(self._tx, self.registry.class_run, self._house.study_clock, self._house.rules)

    @cached_property
    def suspensions(self) -> Suspensions:
        return Suspensions(self._tx, self._house.study_clock)

    @cached_property
    def assessments(self) -> ImpactAssessments:
        return ImpactAssessments(self._tx, self.registry.class_run, self._house.clock)

    @cached_property
    def contact_gate(self) -> ContactGate:
        house = self._house
        store = SqlContactStore(self._tx, house.cipher)
        return ContactGate(store, self.registry, self._tx, house.clock, house.study_clock, house.rules)

    @cached_property
    def signals(self) -> SignalService:
        return SignalService(SqlSignalStore(self._tx), self._house.clock)

    @cached_property
    def platforms(self) -> LtiPlatforms:
        return LtiPlatforms(self._tx, self._house.cipher)

    @cached_property
    def identity(self) -> IdentityService:
        store = SqlIdentityStore(self._tx, self._house.cipher)
        desk: RealNameDesk = self.name_checks
        if not self._house.real_name_providers:
            desk = OnTheSpot(load("real_name.roster")(store.names_listed_for), self.name_checks)
        return IdentityService(store, self._tx, self._house.clock, desk, self.registry, self.vault)

    @cached_property
    def deletion_requests(self) -> DeletionRequests:
        return DeletionRequests(self._tx, self._house.clock)

    @cached_property
    def name_checks(self) -> NameChecks:
        providers = self._house.real_name_providers
        needs_photo = bool(providers) and providers[0].facts.needs_photo

        def photo_allowed(account_id: str) -> bool:
            return self.identity.has_consent(account_id, PHOTO_TO_SOURCE)

        return NameChecks(self._tx, self._house.cipher, photo_allowed if needs_photo else None)

    @cached_property
    def enrolments(self) -> EnrolmentImports:
        store = SqlIdentityStore(self._tx, self._house.cipher)
        return EnrolmentImports(self._tx, self._house.cipher, store, self.vault, self._house.clock)

    @cached_property
    def changes(self) -> Changes:
        store = SqlIdentityStore(self._tx, self._house.cipher)
        return Changes(store.changes, store, self.vault, self._house.clock)

    @cached_property
    def rosters(self) -> Rosters:
        return Rosters(self._tx, SqlIdentityStore(self._tx, self._house.cipher))

    @cached_property
    def staff(self) -> StaffService:
        return StaffService(self._tx.session, self._house.clock, self._house.settings.password_length)

    @cached_property
    def intake(self) -> IntakeService:
        learners = LearnersOfPlatforms(self.identity, self.registry)
        institution = self._tx.institution_id
        lms = LmsReferences(self.identity, self.registry_store, self._house.cipher, institution)
        return IntakeService(self.inbox, self._tx, learners, lms, self._house.clock, institution)

    @cached_property
    def notices(self) -> Notices:
        lms = LmsReferences(self.identity, self.registry_store, self._house.cipher, self._tx.institution_id)
        return Notices(self._tx, self.inbox, lms)

    @cached_property
    def test_results(self) -> TestResults:
        return TestResults(self._tx, self.inbox)

    @cached_property
    def presence_store(self) -> SqlPresenceStore:
        return SqlPresenceStore(self._tx)

    @cached_property
    def check_rules(self) -> CheckRulesInForce:
        return CheckRulesInForce(self.registry, self._house.rules, self._house.study_clock)

    @cached_property
    def presence(self) -> PresenceService:
        house = self._house
        return PresenceService(
            self.presence_store,
            self.inbox,
            self._tx,
            self.check_rules,
            house.pace_after(self._tx),
            house.study_clock,
            house.key("agent-nonce"),
            self._tx.institution_id,
            self.prompts,
            house.frames_waiting.within(self._tx),
            lambda class_run: not self.assessments.in_force(FACE, class_run).value,
        )

    @cached_property
    def supervised(self) -> SupervisedStudy:
        house = self._house
        return SupervisedStudy(
            self._tx, self.presence_store, self.presence, self.check_rules, house.clock, house.study_clock
        )

    @cached_property
    def prompts(self) -> Prompts:
        house = self._house
        pace = house.pace_after(self._tx)
        return Prompts(SqlPromptStore(self._tx), self._tx, self.check_rules, pace, house.study_clock)

    @cached_property
    def frames(self) -> FrameService:
        house = self._house
        return FrameService(
            self.presence_store,
            self.vault,
            self.identity,
            self._tx,
            house.clock,
            house.study_clock,
            self._tx.institution_id,
            self.presence.decide,
            house.recogniser,
            challenged=house.face_pack.challenge is not None,
        )

    @cached_property
    def challenges(self) -> ChallengeService:
        house = self._house
        return ChallengeService(
            SqlChallengeStore(self._tx),
            self.presence_store,
            self.vault,
            self.identity,
            self._tx,
            self.check_rules,
            house.clock,
            house.study_clock,
            self._tx.institution_id,
            house.face_pack,
            self._photo_source,
            lambda reference: vouched_by_staff(self, self._tx.institution_id, reference),
        )

    @cached_property
    def card_checks(self) -> CardChecks:
        house = self._house
        return CardChecks(
            self._tx, self.presence_store, self.frames, house.clock, house.study_clock, house.recogniser
        )

    @cached_property
    def review_store(self) -> SqlReviewStore:
        return SqlReviewStore(self._tx)

    @cached_property
    def review_rules(self) -> ReviewRulesInForce:
        return ReviewRulesInForce(self.registry, self._house.rules, self._house.study_clock)

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(self.review_store, self._tx, self.review_rules, self._house.study_clock)

    @cached_property
    def face_search(self) -> FaceSearch:
        house = self._house
        permission = PermissionInForce(
            self.identity.consent_in_force,
            lambda purpose, class_run: self.assessments.in_force(purpose, class_run).value,
        )
        return FaceSearch(
            SqlSearchStore(self._tx),
            self.presence_store,
            self.vault,
            permission,
            self._tx,
            house.clock,
            self._tx.institution_id,
            house.face_pack,
        )

    def leave_face_search(self, learner: LearnerRef, class_run: ClassRunId | None = None) -> None:
        """Take a learner's faces out of the search, and out of memory once that is durable."""
        leave_search(
            self._house.face_indexes,
            self._tx.institution_id,
            self._tx.after_commit,
            self.face_search,
            learner,
            class_run,
        )

    @cached_property
    def gate_store(self) -> SqlGateStore:
        return SqlGateStore(self._tx, self._house.cipher)

    @cached_property
    def exam_services(self) -> ExamServices:
        return ExamServices(self._tx, self._house.cipher)

    @cached_property
    def gates(self) -> GateService:
        house = self._house
        return GateService(
            self.gate_store,
            self.presence,
            GateRulesInForce(self.registry, house.rules, house.study_clock),
            self._tx,
            house.clock,
            house.study_clock,
            lambda registration: self.exam_services.is_set_up(RegistrationId(registration)),
        )

    @cached_property
    def links(self) -> LmsLinks:
        return LmsLinks(self._tx, self.registry_store)

    @cached_property
    def materials(self) -> Materials:
        return Materials(self._tx)

    @cached_property
    def course_copies(self) -> CourseCopies:
        return CourseCopies(self._tx, self._house.cipher)

    @cached_property
    def ledger(self) -> LedgerService:
        return LedgerService(
            SqlLedgerStore(self._tx, self._house.ledger_marks),
            self.profile_for,
            self.registry,
            BatchesInInbox(self.inbox, self.presence_store, self.quarantine),
            self._tx,
            self._house.study_clock,
            SqlSnapshotStore(self._tx, self._house.ledger_marks),
        )

    @cached_property
    def corrections(self) -> Corrections:
        papers = self.completion_store.papers
        return Corrections(
            SqlCorrectionStore(self._tx),
            self.ledger,
            self.registry,
            self._tx,
            self._house.clock,
            lambda learner, class_run: bool(papers(learner, class_run)),
        )

    @cached_property
    def hours(self) -> HoursService:
        return HoursService(self.ledger, self.registry, self.profile_for)

    @cached_property
    def earned(self) -> EarnedFromLedger:
        return EarnedFromLedger(self.ledger, self.hours, self.registry, self._house.rules)

    @cached_property
    def learner_news(self) -> LearnerNews:
        house = self._house
        return LearnerNews(
            self._tx,
            self.presence_store,
            earned=self.earned,
            hours=self.hours,
            registry=self.registry,
            inbox=self.inbox,
            rules=house.rules,
            study_clock=house.study_clock,
        )

    @cached_property
    def standings(self) -> StandingOfInstitution:
        house = self._house
        return StandingOfInstitution(
            self.registry_store,
            self.registry,
            house.divisions,
            house.settings.demonstration,
            trial_seals=house.seal_settings.is_test,
        )

    @cached_property
    def completion_store(self) -> SqlCompletionStore:
        return SqlCompletionStore(self._tx)

    @cached_property
    def presence_over_tests(self) -> PresenceOverTests:
        return PresenceOverTests(
            self.presence_store,
            self.inbox,
            self.check_rules,
            self.gate_store,
            self.supervised,
            self.review_store,
        )

    @cached_property
    def tests_decided_anew(self) -> TestsDecidedAnew:
        house = self._house
        return TestsDecidedAnew(
            self._tx, self.registry, self.presence_over_tests, house.rules, house.clock, house.study_clock
        )

    @cached_property
    def completion(self) -> CompletionService:
        house = self._house
        return CompletionService(
            self.completion_store,
            sheets=self.registry,
            standings=self.standings,
            hours=self.earned,
            presence=self.presence_over_tests,
            rules=house.rules,
            identity=self.identity,
            evidence=self.vault,
            printer=house.printer,
            sealer=SealsInTx(house, self._tx),
            events=self._tx,
            clock=house.clock,
            study_clock=house.study_clock,
            public_url=house.settings.public_url,
            template=SqlPaperTemplates(self._tx).source,
        )

    @cached_property
    def paper_changes(self) -> SqlPaperChanges:
        return SqlPaperChanges(self._tx)

    @cached_property
    def paper_life(self) -> PaperLife:
        store, clock = self.completion_store, self._house.clock
        return PaperLife(self.paper_changes, store, self.completion, self._tx, clock)

    @cached_property
    def lms_courses(self) -> LmsCourses:
        return LmsCourses(self._tx, SqlIdentityStore(self._tx, self._house.cipher), self.rosters)

    @cached_property
    def gradebook(self) -> Gradebook:
        return Gradebook(self._tx)

    @cached_property
    def hour_scores(self) -> HourScores:
        return HourScores(self._tx, self.gradebook, self.lms_courses, self.registry, self.earned)

    @cached_property
    def learner_states(self) -> LearnerStates:
        offered = self.exam_services.is_set_up
        return LearnerStates(self._tx, self.lms_courses, self.identity, self.earned, offered)

    @cached_property
    def archive(self) -> ArchiveService:
        return ArchiveService(
            SqlArchiveStore(self._tx),
            sheets=self.registry,
            hours=self.earned,
            ledger=self.ledger,
            checks=ChecksForArchive(self.presence_store),
            papers=self.completion,
            identity=self.identity,
            bags=self._house.bags,
            evidence=self.vault,
            events=self._tx,
            clock=self._house.clock,
        )

    @cached_property
    def legal_holds(self) -> LegalHolds:
        return LegalHolds(self._tx, self.registry.class_run, self._house.clock)

    @cached_property
    def disposals(self) -> Disposals:
        return Disposals(self._tx, self._house.clock)

    @cached_property
    def fixity(self) -> Fixity:
        return Fixity(self._tx, self._house.clock)

    @cached_property
    def reporting(self) -> ReportingService:
        house = self._house
        return ReportingService(
            SqlReportingStore(self._tx),
            institution_id=self._tx.institution_id,
            home=self.registry_store,
            sheets=self.registry,
            standings=self.standings,
            papers=self.completion_store,
            study=StudyForRegulator(self._tx, self.presence_store),
            identity=self.identity,
            batches=house.batch_format,
            evidence=self.vault,
            events=self._tx,
            door=SqlDoorStore(self._tx),
            rules=house.feed_rules,
            clock=house.clock,
            platform_code=house.settings.platform_code,
            chance=random.random(),  # noqa: S311  # spreads pauses; nothing secret hangs on it
        )

    @cached_property
    def reconciliation(self) -> ReconciliationService:
        return ReconciliationService(
            self._tx, SqlReportingStore(self._tx), self.registry_store, self._house.clock
        )

    @cached_property
    def progress_notes(self) -> ProgressNotes:
        return ProgressNotes(SqlProgressStore(self._tx))

    def raise_if_unanchored(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Raise a signal of who has studied for long and was never seen to be the person (article 16)."""
        earned = self.earned.earned(learner, class_run)
        if earned.anchored:
            return
        rules = self._house.rules.profile(self.registry.class_run(class_run).profile)
        today = legal_date(self._house.study_clock.now())
        limit = rules.value("supervision.unanchored_signal_seconds", today).integer()
        if earned.provisional_seconds >= limit:
            self.signals.raise_for_unanchored(learner, class_run, earned.provisional_seconds)

    @cached_property
    def learner_areas(self) -> LearnerAreas:
        return LearnerAreas(self._tx)

    @cached_property
    def rollups(self) -> Rollups:
        return Rollups(self._tx)

    @cached_property
    def spot_checks(self) -> SpotCheckDesk:
        return SpotCheckDesk(self._tx)

    def _photo_source(self, learner: LearnerRef, class_run: ClassRunId) -> str:
        row = SqlIdentityStore(self._tx, self._house.cipher).list_row_of(class_run, learner)
        return PROVIDER if row is not None and self.name_checks.photo_confirmed(row) else ID_PHOTO

    def stop_faces(self, learner: LearnerRef) -> None:
        """Stop what rests on the consent to faces, unless it was given again meanwhile."""
        if not self.identity.may_process_face(learner):
            for record in self.changes.records_of(learner):
                self.presence.withdraw(record)
                self.challenges.forget(record)

    def withdraw_faces(self, account_id: str) -> None:
        """Withdraw the consent to faces and let all that rests on it end within this unit of work.

        The learner goes on by the other way, which asks for nothing but staff.
        """
        learner = self.identity.owner_of_account(account_id)
        records = () if learner is None else self.changes.records_of(learner)
        for record in records:
            # Before the templates' keys: a burst that is recorded now holds the challenge, and adds a template.
            self.challenges.forget(record)
        self.identity.revoke_consent(account_id, FACE)
        self.identity.give_consent(account_id, SUPERVISED, SUPERVISED_TEXT.version)
        for record in records:
            self.presence.withdraw(record)

    def tell_platform_of_all(self, registration: RegistrationId) -> None:
        """Have a platform told of all its learners' states, whatever it was told before."""
        self.learner_states.tell_again(registration)
        for learner, class_run in self.lms_courses.learners_at(registration):
            self.learner_states.ask(learner, class_run)

    def wake_held(self, learner: LearnerRef) -> None:
        """Have tried again at once what a platform told of the learner before anybody knew who that is."""
        identity = SqlIdentityStore(self._tx, self._house.cipher)
        owner = identity.owner(learner)
        account = None if owner is None else identity.account(owner)
        if account is not None:
            lms = LmsReferences(
                self.identity, self.registry_store, self._house.cipher, self._tx.institution_id
            )
            self.quarantine.wake([lms.actor(account.registration_id, account.sub)])

    def correct_after_review(self, data: Mapping[str, Any]) -> None:
        """See `review_desk.correct_after_review`."""
        correct_after_review(self, data)

    def profile_for(self, sheet: ClassRunSheet) -> ProfileInForce:
        """Return the rules that apply to a class run."""
        return self._house.rules.profile(sheet.class_run.profile)

    def note_services(self, launch: Launch, account_id: str | None) -> None:
        """See `platform_services.note_services`."""
        note_services(self._house, self, self._tx, launch, account_id)

    def recognise(self, registration: RegistrationId, claims: LaunchClaims) -> Account:
        """Return the account behind a launch; NotPermitted("anonymous_launch") without `sub`."""
        if claims.sub is None:
            raise NotPermitted("anonymous_launch", "学习平台没有给出账号,请登录学习平台后重新进入。")
        raw: Mapping[str, object] = claims.raw
        return self.identity.recognise(registration, claims.sub, raw)
