"""The house: everything that lives as long as the process, and the doors' use cases that span stations."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Engine

from bridge.archive.ports import SheetPrinter
from bridge.completion.ports import SealWorks
from bridge.completion.seal_model import SignaturesFound
from bridge.completion.seal_settings import SealSettings
from bridge.db.destroyed_list import DestroyedList
from bridge.db.destruction import Receipts
from bridge.db.engine import open_engine
from bridge.db.evidence_ahead import EvidenceAhead
from bridge.db.field_cipher import FieldCipher
from bridge.db.key_settings import KeySettings
from bridge.db.master_key import derive
from bridge.db.outbox import WantedJob
from bridge.db.store_settings import StoreSettings
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.db.wiped_traces import WipedTraces
from bridge.demonstration_clock import ConstantPace, DemonstrationClock
from bridge.identity.passkeys import Passkeys
from bridge.identity.ports import RealNameProvider
from bridge.identity.provider_settings import RealNameSettings
from bridge.identity.province_logins import ProvinceLogin, ProvinceLogins
from bridge.identity.province_settings import ProvinceLoginSettings
from bridge.identity.second_factors import SecondFactors
from bridge.identity.sign_in import SignIn
from bridge.intake.launch_state import SqlUsedStates
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import (
    ClassRunId,
    InstitutionId,
    LearnerRef,
    RegistrationId,
    StudySessionId,
)
from bridge.kernel.time import Clock, StudyClock, SystemClock, legal_date
from bridge.ledger.marks import RowMarks
from bridge.ledger.signing_keys import LedgerKeys
from bridge.plugin_loader import load
from bridge.presence.face import FaceEngine
from bridge.presence.face_pack import FacePack, licence_objections
from bridge.presence.model import RecogniserInForce
from bridge.presence.ports import StudyPace
from bridge.presence.prompt_store import open_prompts
from bridge.presence.store import open_checks
from bridge.presence.supervised_tables import stretches_attested_since
from bridge.registry.lti_office import PlatformOffice
from bridge.registry.lti_registrations import LtiRegistrations
from bridge.registry.lti_self_registration import SelfRegistration
from bridge.registry.lti_tool_keys import ToolKeys
from bridge.registry.material_ports import MaterialFiles, PageDrawer
from bridge.reporting.courier import Courier
from bridge.reporting.door import DoorRules
from bridge.reporting.service import ReportingService
from bridge.rules.model import RuleBook
from bridge.settings import Settings
from bridge.supervision.service import SupervisionService
from bridge.wiring import keys, paper_seals, player, study_door, supervised, test_gates
from bridge.wiring.adapters import division_names
from bridge.wiring.evidence_store import open_store
from bridge.wiring.face_search import FaceIndexes
from bridge.wiring.feed_rules import door_rules
from bridge.wiring.frame_queue import JUDGED, FramesWaiting
from bridge.wiring.platform_services import SeenLately
from bridge.wiring.stations import Stations
from bridge.worker.gathered_nudges import GatheredNudges
from bridge.worker.runner import Runner
from lti.http import GuardedHttp
from lti.keys import KeySource
from lti.proctoring import AssessmentControl
from lti.services import ServiceCall, ServiceTokens
from lti.state import StateSeal
from lti.tool import LtiTool

_ORIGINS_SECONDS = 5.0
_STAFF_AT_HAND = timedelta(minutes=16)
"""So long after a word of staff the demonstration's clock runs no faster than they can speak again."""


class House:
    """One bridge in one process."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.engine: Engine = open_engine(settings.database_url, pool_size=settings.web_threads + 2)
        self.key_settings = KeySettings()
        self.key_ring = keys.open_ring(settings.data_dir / keys.KEYS, self.key_settings, self.clock)
        self._keys: dict[str, bytes] = {}
        self.cipher = FieldCipher(self.key_ring.root, self.key_ring.algorithm)
        self.uow = UnitOfWork(self.engine, self.clock, self.nudge)
        self.blobs = open_store(settings.data_dir / "evidence", StoreSettings())
        self.wiped_traces = WipedTraces(self.uow)
        self.evidence_ahead = EvidenceAhead(self.key_ring, self.blobs, settings.data_dir / "evidence-begun")
        self.study_clock: StudyClock
        self.pace: StudyPace
        if settings.demonstration:
            scaled = DemonstrationClock.build(settings, self.clock, self._count_open_checks)
            self.study_clock, self.pace = scaled, scaled
        else:
            self.study_clock, self.pace = SystemClock(), ConstantPace()
        self.frames_waiting = FramesWaiting()
        self.sealed_stretch = -1
        """The stretch of time in which this process last asked for the ledgers to be sealed."""
        self.reviewed_stretch = -1
        """The same for the review of what is frozen."""
        self.inbox_swept: datetime | None = None
        """The hour in which this process last looked after the inbox's days."""
        self.keys_swept: datetime | None = None
        """The hour in which it last looked after keys whose time is over."""
        self.fixity_swept: datetime | None = None
        """The hour in which it last looked for stores that are to be hashed again."""
        self._origins: tuple[float, frozenset[str]] = (0.0, frozenset())

    @classmethod
    def build(cls, settings: Settings) -> "House":
        """Return the house on these settings."""
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        house = cls(settings)
        # A mistake in them is told at the start.
        _ = house.real_name_settings, house.province_settings, house.seal_settings
        house.destroyed.at_start(house.engine, house.uow)
        return house

    def close(self) -> None:
        """Let go of database connections."""
        if "face_indexes" in self.__dict__:
            self.face_indexes.close()
        if isinstance(nudger := self.__dict__.get("_nudger"), GatheredNudges):
            nudger.settle()
        self.engine.dispose()

    def at(self, tx: Tx) -> Stations:
        """Return the stations bound to an open unit of work."""
        return Stations(self, tx)

    def key(self, purpose: str) -> bytes:
        """Return the 32-byte key for `purpose`, derived from the root key."""
        found = self._keys.get(purpose)
        if found is None:
            found = self._keys[purpose] = derive(self.key_ring.root, purpose)
        return found

    @cached_property
    def rules(self) -> RuleBook:
        from bridge.rules.loader import load_rule_book

        return load_rule_book(self.settings.config)

    @cached_property
    def divisions(self) -> Mapping[str, str]:
        return division_names(self.settings.config / "divisions")

    @cached_property
    def ledger_marks(self) -> RowMarks:
        return RowMarks(self.key("ledger marks"))

    @cached_property
    def ledger_keys(self) -> LedgerKeys:
        return LedgerKeys(self.uow, self.cipher, self.ledger_marks)

    @cached_property
    def destroyed(self) -> DestroyedList:
        """The list of destroyed keys, outside of the database."""
        return keys.destroyed_list(self)

    @cached_property
    def receipts(self) -> Receipts:
        return keys.receipts(self)

    @cached_property
    def lti_registrations(self) -> LtiRegistrations:
        return LtiRegistrations(self.uow, self.cipher)

    @cached_property
    def tool_keys(self) -> ToolKeys:
        """The tool's keys; made, or taken over from the file of earlier versions, when one is first needed."""
        return ToolKeys(self.uow, self.cipher, old_file=self.settings.data_dir / "keys" / "lti-tool.pem")

    @cached_property
    def lti_tool(self) -> LtiTool:
        return LtiTool(
            public_url=self.settings.public_url,
            registrations=self.lti_registrations,
            seal=StateSeal(self.key("lti state")),
            used_states=SqlUsedStates(self.uow),
            platform_keys=KeySource(GuardedHttp(), self.clock),
            tool_keys=self.tool_keys,
            clock=self.clock,
        )

    @cached_property
    def platform_office(self) -> PlatformOffice:
        return PlatformOffice(
            self.uow,
            self.cipher,
            self.lti_registrations,
            self.lti_tool,
            self.tool_keys,
            GuardedHttp(),
            demonstration=self.settings.demonstration,
        )

    @cached_property
    def self_registration(self) -> SelfRegistration:
        return SelfRegistration(
            self.uow,
            self.cipher,
            GuardedHttp(),
            self.lti_tool,
            demonstration=self.settings.demonstration,
        )

    @cached_property
    def service_calls(self) -> ServiceCall:
        """Authorised calls to the services of platforms; tokens are kept for as long as the process lives."""
        http = GuardedHttp()
        return ServiceCall(http, ServiceTokens(http, self.tool_keys, self.clock), self.clock)

    @cached_property
    def assessment_control(self) -> AssessmentControl:
        return AssessmentControl(self.service_calls)

    @cached_property
    def services_seen(self) -> SeenLately:
        return SeenLately()

    def exam_grants_maker(self, kind: str) -> Any:
        """Return what makes the adapter of a kind: (base URL, token, network policy) → `ExamGrants`."""
        return load(f"exam_grants.{kind}")

    def learner_states_maker(self, kind: str) -> Any:
        """Return what makes the adapter of a kind: (base URL, token, network policy) → `LearnerStateKeeper`."""
        return load(f"learner_states.{kind}")

    def lms_scores_maker(self, kind: str) -> Any:
        """Return what makes the adapter of a kind: (base URL, token, network policy) → `ScoresOfLms`."""
        return load(f"lms_scores.{kind}")

    @cached_property
    def recogniser(self) -> RecogniserInForce:
        """The model with which faces are compared, as the pack names it; no model is loaded for that."""
        model = self.face_pack.model("recogniser")
        return RecogniserInForce(model.id, model.sha256 or "")

    @cached_property
    def face_indexes(self) -> FaceIndexes:
        """The indexes of registered faces in this process; empty until a worker loads them."""
        return FaceIndexes(self, lambda: load("face_index")(self.recogniser))

    @cached_property
    def engine_for_faces(self) -> FaceEngine:
        """The face engine; Unavailable("face_licence") in real use of a pack whose licence does not allow it."""
        engine: FaceEngine = load("face")(self.settings.assets, self.settings.face_pack)
        objections = licence_objections(engine.pack, legal_date(self.clock.now()))
        if objections and not self.settings.demonstration:
            raise Unavailable("face_licence", objections[0], permanent=True)
        return engine

    @cached_property
    def face_pack(self) -> FacePack:
        """The pack in force as its file says; no model is loaded for that."""
        pack: FacePack = load("face_pack")(self.settings.face_pack)
        return pack

    @cached_property
    def sign_in(self) -> SignIn:
        return SignIn(
            self.uow,
            self.clock,
            self.cipher,
            self.key("known browser"),
            tries=self.settings.sign_in_tries,
            longest_wait=timedelta(minutes=self.settings.sign_in_wait_minutes),
        )

    @cached_property
    def second_factors(self) -> SecondFactors:
        return SecondFactors(self.uow, self.clock, self.cipher)

    @cached_property
    def passkeys(self) -> Passkeys:
        return Passkeys(self.uow, self.clock, self.settings.public_url)

    @cached_property
    def printer(self) -> Any:
        return load("printer.typst")(self.settings.assets / "fonts", self.seal_settings.fonts)

    @cached_property
    def seal_settings(self) -> SealSettings:
        return SealSettings()

    @cached_property
    def seals(self) -> SealWorks:
        works: SealWorks = load("seals.pades")(self.seal_settings)
        return works

    def signatures_of(self, pdf: bytes) -> SignaturesFound:
        """See `paper_seals.signatures_of`."""
        return paper_seals.signatures_of(self, pdf)

    def paper_picture(self, pdf: bytes) -> bytes:
        """Return a paper's page as PNG."""
        picture: bytes = load("picture.paper")(pdf)
        return picture

    @cached_property
    def material_files(self) -> MaterialFiles:
        files: MaterialFiles = load("materials.local_folder")(self.settings.data_dir / "materials")
        return files

    @cached_property
    def page_drawer(self) -> PageDrawer:
        drawer: PageDrawer = load("materials.pdf_pages")()
        return drawer

    @cached_property
    def bags(self) -> Any:
        return load("bag.bagit")()

    @cached_property
    def sheet_printer(self) -> SheetPrinter:
        printer: SheetPrinter = load("sheets.typst")(self.settings.assets / "fonts")
        return printer

    @cached_property
    def batch_format(self) -> Any:
        settings = self.settings
        return load("reporting.guangdong")(
            lambda: load("signer.guangdong")(
                settings.regulator_signature,
                self.key("regulator feed signature"),
                settings.regulator_signing_key,
            )
        )

    @cached_property
    def feed_rules(self) -> DoorRules:
        return door_rules(self.settings.config)

    @cached_property
    def regulator_feed(self) -> Any:
        """The regulator's door; Unavailable("regulator_missing") if there is nowhere to send to."""
        settings = self.settings
        if not settings.regulator_url:
            raise Unavailable("regulator_missing", "尚未设置监管平台地址,批次保留在待发队列中。")
        return load("feed.guangdong")(
            settings.regulator_url, settings.regulator_key, ca_file=settings.regulator_ca
        )

    @cached_property
    def real_name_settings(self) -> RealNameSettings:
        return RealNameSettings()

    @cached_property
    def real_name_providers(self) -> Sequence[RealNameProvider]:
        """The providers that a job asks, the fallback last; none where the enrolment lists are the source."""
        chosen = self.real_name_settings
        if chosen.provider == "roster":
            return ()
        make = load("real_name.remote")
        return tuple(make(name, chosen, self.clock) for name in chosen.chosen)

    @cached_property
    def province_settings(self) -> ProvinceLoginSettings:
        return ProvinceLoginSettings()

    @cached_property
    def province_login(self) -> ProvinceLogin:
        """The province's server of the unified login."""
        login: ProvinceLogin = load("province_login")(
            self.province_settings, demonstration=self.settings.demonstration
        )
        return login

    def province_logins(self, tx: Tx) -> ProvinceLogins:
        """Return the operator's list of who signs in by the province, in a unit of work across institutions."""
        return ProvinceLogins(tx.session, self.cipher, self.clock, self.province_settings.token_url)

    def pace_after(self, tx: Tx) -> StudyPace:
        """Return a pace that is told once `tx` has committed, when other processes can see its checks."""
        return _AfterCommit(tx, self.pace)

    def courier(self, institution: InstitutionId) -> Courier:
        """Return who carries the institution's batches; Unavailable("regulator_missing") if there is nowhere to."""
        feed = self.regulator_feed

        @contextmanager
        def unit() -> Iterator[ReportingService]:
            with self.uow.for_institution(institution) as tx:
                yield self.at(tx).reporting

        units: Callable[[], AbstractContextManager[ReportingService]] = unit
        return Courier(units, feed)

    def allowed_origin(self, origin: str) -> bool:
        """Return whether pages of `origin` may call the agent's doors."""
        seen_at, origins = self._origins
        if time.monotonic() - seen_at > _ORIGINS_SECONDS:
            origins = self.lti_registrations.origins()
            self._origins = (time.monotonic(), origins)
        return origin in origins

    def platform_origins(self) -> frozenset[str]:
        """Return the origins of all registered platforms (who may frame our pages)."""
        self.allowed_origin("")
        return self._origins[1]

    def webhook_sender(self, registration: RegistrationId) -> tuple[InstitutionId, tuple[bytes, ...]] | None:
        """Return whose platform it is and the secrets that may sign; None for an unknown one."""
        try:
            institution = self.lti_registrations.institution_of(registration)
            return institution, self.lti_registrations.webhook_secrets(registration)
        except InvalidInput:
            return None

    @cached_property
    def runner(self) -> Runner:
        from bridge.wiring import jobs

        return jobs.runner(self)

    def sweep(self) -> None:
        """See `jobs.sweep`."""
        from bridge.wiring import jobs

        jobs.sweep(self)

    def warm_up(self) -> None:
        """Load the models before the first frame waits for them; a missing pack is met when a frame is judged."""
        with suppress(Unavailable):
            self.engine_for_faces  # noqa: B018  # built by being looked at

    def supervision(self, tx: Tx, division_code: str, *, officer: str) -> SupervisionService:
        """See `supervised.supervision`."""
        return supervised.supervision(self, tx, division_code, officer=officer)

    def open_study_session(
        self, token: str, resume: tuple[StudySessionId, str] | None = None
    ) -> dict[str, Any]:
        """See `study_door.open_study_session`; `test_gates` and `player` for the bridge's own pages."""
        if token.startswith(player.PLAYER_TOKEN):
            return player.open_player_session(self, token)
        if token.startswith(test_gates.GATE_TOKEN):
            return test_gates.open_gate_session(self, token)
        return study_door.open_study_session(self, token, resume)

    def capture_reference_frame(
        self, institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, jpeg: bytes
    ) -> dict[str, Any]:
        """See `study_door.capture_reference_frame`."""
        return study_door.capture_reference_frame(self, institution, learner, class_run, jpeg)

    def certificate_pdf(self, institution: InstitutionId, number: str) -> bytes:
        """See `study_door.certificate_pdf`."""
        return study_door.certificate_pdf(self, institution, number)

    def invite_first_administrator(self) -> str | None:
        """Return the token of an invitation if there is no administrator yet; None otherwise."""
        with self.uow.across_institutions("first start: is there an administrator?") as tx:
            staff = self.at(tx).staff
            return None if staff.exists("administrator") else staff.invite("administrator", "admin").token

    def judge_frames(self) -> None:
        """Judge every frame that waits; for the processes that do nothing else."""
        self.runner.run_all(JUDGED)

    def nudge(self, waiting: Sequence[WantedJob]) -> None:
        """Send a nudge for each job."""
        self._nudger(waiting)

    @cached_property
    def _nudger(self) -> GatheredNudges:
        # Celery takes a quarter of a second to import; who only reads never needs it.
        from bridge.worker.celery_app import JUDGES, celery_app, nudger

        queues = dict.fromkeys(JUDGED, JUDGES) if self.settings.judges else {}
        send = nudger(celery_app(self.settings), queues)
        return GatheredNudges(send, queues, self.settings.judges)

    def _count_open_checks(self) -> int:
        with self.uow.across_institutions("pace of the demonstration", read_only=True) as tx:
            watched = stretches_attested_since(tx, self.clock.now() - _STAFF_AT_HAND)
            return open_checks(tx) + open_prompts(tx) + watched


class _AfterCommit:
    """`StudyPace` that waits for the commit."""

    def __init__(self, tx: Tx, pace: StudyPace) -> None:
        self._tx = tx
        self._pace = pace

    def check_opening(self) -> None:
        self._pace.check_opening()

    def checks_changed(self) -> None:
        self._tx.after_commit.append(self._pace.checks_changed)

    def heard(self) -> None:
        self._tx.after_commit.append(self._pace.heard)
