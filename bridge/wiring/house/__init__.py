"""The house: everything that lives as long as the process, made in the file that its line names."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Engine

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
from bridge.kernel.ids import StudySessionId
from bridge.kernel.time import Clock, StudyClock, SystemClock
from bridge.ledger.marks import RowMarks
from bridge.ledger.signing_keys import LedgerKeys
from bridge.presence.ports import StudyPace
from bridge.presence.prompt_store import open_prompts
from bridge.presence.store import open_checks
from bridge.presence.supervised_tables import stretches_attested_since
from bridge.rules.model import RuleBook
from bridge.settings import Settings
from bridge.wiring import keys, paper_seals, player, study_door, supervised, test_gates
from bridge.wiring.adapters import division_names
from bridge.wiring.evidence_store import open_store
from bridge.wiring.frame_queue import JUDGED, FramesWaiting
from bridge.wiring.house import accounts, faces, papers, platforms, regulator
from bridge.wiring.stations import Stations
from bridge.worker.gathered_nudges import GatheredNudges
from bridge.worker.runner import Runner

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

    destroyed = cached_property(keys.destroyed_list)
    receipts = cached_property(keys.receipts)

    lti_registrations = cached_property(platforms.lti_registrations)
    tool_keys = cached_property(platforms.tool_keys)
    lti_tool = cached_property(platforms.lti_tool)
    platform_office = cached_property(platforms.platform_office)
    self_registration = cached_property(platforms.self_registration)
    service_calls = cached_property(platforms.service_calls)
    assessment_control = cached_property(platforms.assessment_control)
    services_seen = cached_property(platforms.services_seen)
    exam_grants_maker = platforms.exam_grants_maker
    learner_states_maker = platforms.learner_states_maker
    lms_scores_maker = platforms.lms_scores_maker
    webhook_sender = platforms.webhook_sender

    sign_in = cached_property(accounts.sign_in)
    second_factors = cached_property(accounts.second_factors)
    passkeys = cached_property(accounts.passkeys)
    province_settings = cached_property(accounts.province_settings)
    province_login = cached_property(accounts.province_login)
    province_logins = accounts.province_logins
    real_name_settings = cached_property(accounts.real_name_settings)
    real_name_providers = cached_property(accounts.real_name_providers)

    face_pack = cached_property(faces.face_pack)
    recogniser = cached_property(faces.recogniser)
    engine_for_faces = cached_property(faces.engine_for_faces)
    face_indexes = cached_property(faces.face_indexes)
    warm_up = faces.warm_up
    capture_reference_frame = study_door.capture_reference_frame

    printer = cached_property(papers.printer)
    seal_settings = cached_property(papers.seal_settings)
    seals = cached_property(papers.seals)
    paper_picture = papers.paper_picture
    signatures_of = paper_seals.signatures_of
    certificate_pdf = study_door.certificate_pdf
    sheet_printer = cached_property(papers.sheet_printer)
    bags = cached_property(papers.bags)
    material_files = cached_property(papers.material_files)
    page_drawer = cached_property(papers.page_drawer)

    batch_format = cached_property(regulator.batch_format)
    feed_rules = cached_property(regulator.feed_rules)
    regulator_feed = cached_property(regulator.regulator_feed)
    courier = regulator.courier

    supervision = supervised.supervision

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
    def ledger_marks(self) -> RowMarks:
        return RowMarks(self.key("ledger marks"))

    @cached_property
    def ledger_keys(self) -> LedgerKeys:
        return LedgerKeys(self.uow, self.cipher, self.ledger_marks)

    @cached_property
    def divisions(self) -> Mapping[str, str]:
        return division_names(self.settings.config / "divisions")

    def pace_after(self, tx: Tx) -> StudyPace:
        """Return a pace that is told once `tx` has committed, when other processes can see its checks."""
        return _AfterCommit(tx, self.pace)

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

    @cached_property
    def runner(self) -> Runner:
        from bridge.wiring import jobs

        return jobs.runner(self)

    def sweep(self) -> None:
        """See `jobs.sweep`."""
        from bridge.wiring import jobs

        jobs.sweep(self)

    def open_study_session(
        self, token: str, resume: tuple[StudySessionId, str] | None = None
    ) -> dict[str, Any]:
        """See `study_door.open_study_session`; `test_gates` and `player` for the bridge's own pages."""
        if token.startswith(player.PLAYER_TOKEN):
            return player.open_player_session(self, token)
        if token.startswith(test_gates.GATE_TOKEN):
            return test_gates.open_gate_session(self, token)
        return study_door.open_study_session(self, token, resume)

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
