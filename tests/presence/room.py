"""Presence on a real database, with clocks that stand, rules that a test sets, and an agent to play."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from bridge.db.engine import open_engine
from bridge.db.outbox import EventRow, JobRow
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.intake.model import BeatBatch, BeatEvent, InboxRecord
from bridge.intake.store import SqlInbox
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import CheckId, ClassRunId, CourseUnitId, InstitutionId, LearnerRef
from bridge.kernel.time import FixedClock, epoch_ms
from bridge.presence.anchoring import ID_PHOTO, anchored
from bridge.presence.bursts import judge_burst_material
from bridge.presence.challenge import Challenge
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.presence.challenges import ChallengeService
from bridge.presence.face import FaceTemplate
from bridge.presence.frames import FrameService, judge_material
from bridge.presence.model import Activity, CheckRules, Command, PresenceCheck
from bridge.presence.movements import Movements
from bridge.presence.moving_frames import Means
from bridge.presence.prompt_model import PromptRules
from bridge.presence.prompt_store import SqlPromptStore
from bridge.presence.prompts import Prompts, Shown, prompt_closed
from bridge.presence.renewal import Vouching, nobody_vouches
from bridge.presence.service import BatchAnswer, OpenedSession, PresenceService
from bridge.presence.store import SqlPresenceStore
from tests.contracts.memory_evidence import MemoryEvidence
from tests.presence.pictures import RECOGNISER, SHOWING, PictureEngine, PictureMarks, picture
from tests.servers.tables import make_tables

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ORG, OTHER_ORG = InstitutionId("org_a"), InstitutionId("org_b")
LEARNER, RUN, UNIT = LearnerRef("lrn_1"), ClassRunId("run_1"), CourseUnitId("unit_1")
MINUTE_MS = 60_000
RULES = CheckRules(gap_min_ms=5 * MINUTE_MS, gap_max_ms=10 * MINUTE_MS, answer_window_ms=60_000, attempts=3)


@dataclass
class MadeRules:
    """`RulesInForce` whose values a test sets."""

    values: CheckRules = RULES
    good_frames: int = 3
    questions: PromptRules | None = None

    def prompts(self, class_run: ClassRunId) -> PromptRules | None:
        return self.questions

    def checks(self, class_run: ClassRunId, activity: Activity) -> CheckRules:
        return self.values

    def anchor_good_frames(self, class_run: ClassRunId) -> int:
        return self.good_frames


@dataclass
class Roster:
    """`RosterPhotographs`: one photograph for everybody, or none."""

    photograph: bytes | None = None

    def roster_photo(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None:
        return self.photograph


@dataclass
class CountedPace:
    """`StudyPace` that counts how often it was told."""

    told: int = 0

    def heard(self) -> None:
        self.beats = getattr(self, "beats", 0) + 1

    def check_opening(self) -> None:
        self.openings = getattr(self, "openings", 0) + 1

    def checks_changed(self) -> None:
        self.told += 1


@dataclass
class MadeQueue:
    """`FrameQueue` whose length a test sets."""

    waited: int = 0

    def waited_ms(self) -> int:
        return self.waited


@dataclass
class Desk:
    """Presence's services inside one unit of work."""

    tx: Tx
    store: SqlPresenceStore
    presence: PresenceService
    frames: FrameService
    prompts: Prompts


@dataclass
class Room:
    """One installation's presence."""

    database_url: str
    rules: MadeRules = field(default_factory=MadeRules)
    roster: Roster = field(default_factory=Roster)
    pace: CountedPace = field(default_factory=CountedPace)
    queue: MadeQueue = field(default_factory=MadeQueue)

    def __post_init__(self) -> None:
        self.engine = open_engine(self.database_url)
        make_tables(self.engine)
        self.clock, self.study_clock = FixedClock(NOW), FixedClock(NOW)
        self.uow = UnitOfWork(self.engine, self.clock)
        self.evidence = MemoryEvidence()
        self.face_engine = PictureEngine()
        self.recogniser = RECOGNISER
        self.vouching: Vouching = nobody_vouches
        self.faces_stopped = False

    @contextmanager
    def open(self, institution: InstitutionId = ORG) -> Iterator[Desk]:
        with self.uow.for_institution(institution) as tx:
            store = SqlPresenceStore(tx)
            prompts = Prompts(SqlPromptStore(tx), tx, self.rules, self.pace, self.study_clock)
            presence = PresenceService(
                store, SqlInbox(tx), tx, self.rules, self.pace, self.study_clock, b"k" * 32, institution, prompts,
                self.queue, lambda _class_run: self.faces_stopped,
            )  # fmt: skip
            frames = FrameService(
                store,
                self.evidence,
                self.roster,
                tx,
                self.clock,
                self.study_clock,
                institution,
                presence.decide,
                self.recogniser,
                Movements(
                    store,
                    SqlChallengeStore(tx),
                    self.evidence,
                    self.clock,
                    self.study_clock,
                    institution,
                    self.face_engine.pack,
                    presence.decide,
                ),
                challenged=False,
            )
            yield Desk(tx, store, presence, frames, prompts)

    def pass_time(self, **delta: int) -> None:
        self.clock.advance(**delta)
        self.study_clock.advance(**delta)

    @property
    def now_ms(self) -> int:
        return epoch_ms(self.study_clock.now())

    def begin(
        self,
        *,
        learner: LearnerRef = LEARNER,
        activity: Activity = Activity.STUDY,
        token: str = "token-1",  # noqa: S107  # the id of a made-up token
        institution: InstitutionId = ORG,
    ) -> "Agent":
        with self.open(institution) as desk:
            opened = desk.presence.open_session(
                learner=learner,
                class_run=RUN,
                unit=UNIT,
                activity=activity,
                attempt="attempt-1" if activity is Activity.TEST else None,
                account_id="acc_1",
                token_id=token,
            )
        return Agent(self, opened)

    def submit(self, check_id: CheckId, nonce: str, jpeg: bytes) -> str:
        with self.open() as desk:
            check = desk.store.check(check_id)
            assert check is not None
            waiting = desk.store.waiting_frames(check.id)
            return desk.frames.submit_for_check(check, nonce, jpeg, at_ms=self.now_ms, waiting=waiting)

    def register(self, jpeg: bytes, learner: LearnerRef = LEARNER) -> str:
        """Send one frame of the face registration and judge it; return its id."""
        with self.open() as desk:
            frame_id = desk.frames.submit_for_reference(learner, RUN, jpeg)
        self.judge(frame_id)
        return frame_id

    def anchor(self) -> None:
        """Anchor the learner's reference: shorter than a challenge, where a test asks about what comes after."""
        with self.open() as desk:
            found = desk.store.reference(LEARNER, RUN)
            assert found is not None
            desk.store.save_reference(anchored(desk.tx, found, self.study_clock.now(), ID_PHOTO))

    def know(self) -> None:
        """Register the learner by three good frames that match the ID photo, and anchor them."""
        self.roster.photograph = picture("0")
        for _ in range(3):
            self.register(picture("0"))
        self.anchor()

    def judge(self, frame_id: str) -> None:
        """Do what the worker does with a frame."""
        with self.open() as desk:
            material = desk.frames.material(frame_id)
        if material is None:
            return
        judged = judge_material(self.face_engine, material, self._template, self.means)
        with self.open() as desk:
            desk.frames.record(frame_id, judged)

    @contextmanager
    def challenges(self) -> Iterator[ChallengeService]:
        with self.open() as desk:
            yield ChallengeService(
                SqlChallengeStore(desk.tx),
                desk.store,
                self.evidence,
                self.roster,
                desk.tx,
                self.rules,
                self.clock,
                self.study_clock,
                ORG,
                self.face_engine.pack,
                lambda _learner, _class_run: ID_PHOTO,
                self.vouching,
            )

    def challenge(self, learner: LearnerRef = LEARNER) -> Challenge:
        """Begin a challenge."""
        with self.challenges() as desk:
            return desk.begin(learner, RUN)

    def burst(self, challenge: Challenge, shown: Sequence[bytes]) -> Challenge:
        """Send the frames once the step's moment has come, and judge them; return how the challenge stands."""
        assert challenge.step is not None
        self.clock.advance(milliseconds=max(0, challenge.step.opens_ms - epoch_ms(self.clock.now())))
        for seq, jpeg in enumerate(shown):
            with self.challenges() as desk:
                desk.submit(challenge.id, challenge.learner, challenge.step.nonce, seq, jpeg)
        self.judge_burst(challenge.id)
        with self.challenges() as desk:
            found = desk.look(challenge.learner, RUN)
        assert found is not None
        return found

    def show(self, challenge: Challenge, says: Sequence[str]) -> Challenge:
        """As `burst`, with new pictures that say so."""
        return self.burst(challenge, [picture(each) for each in says])

    def do_as_asked(self, challenge: Challenge) -> Challenge:
        """Show what the step asks for."""
        assert challenge.step is not None
        return self.show(challenge, SHOWING[challenge.step.move])

    def pass_challenge(self, learner: LearnerRef = LEARNER) -> Challenge:
        """Register the learner's face by a challenge in which everything is shown that is asked for."""
        challenge = self.challenge(learner)
        while challenge.step is not None:
            challenge = self.do_as_asked(challenge)
        return challenge

    def judge_burst(self, challenge_id: str) -> None:
        """Do what the worker does with a burst."""
        with self.challenges() as desk:
            material = desk.material(challenge_id)
            limits = desk.limits(RUN)
        if material is None:
            return

        def fetch(frame_ids: Sequence[str]) -> Mapping[str, bytes]:
            with self.challenges() as desk:
                return desk.pictures(frame_ids)

        judged = judge_burst_material(
            self.face_engine, PictureMarks(), material, limits, self._template, fetch
        )
        with self.challenges() as desk:
            desk.record(challenge_id, judged)

    def answer(self, check_id: CheckId, jpeg: bytes) -> PresenceCheck:
        """Send a frame for the check and judge it; return the check as it then is."""
        self.judge(self.submit(check_id, self.check(check_id).nonce, jpeg))
        return self.check(check_id)

    @property
    def means(self) -> Means:
        """With what pictures of a movement are told from copies."""

        def fetch(frame_ids: Sequence[str]) -> Mapping[str, bytes]:
            with self.challenges() as desk:
                return desk.pictures(frame_ids)

        return Means(PictureMarks(), fetch)

    def move(self, check_id: CheckId, jpegs: Sequence[bytes]) -> PresenceCheck:
        """Send the pictures of the movement that is asked for and judge them; return the check as it then is."""
        nonce = self.check(check_id).nonce
        for frame_id in [self.submit(check_id, nonce, jpeg) for jpeg in jpegs]:
            self.judge(frame_id)
        return self.check(check_id)

    def check(self, check_id: CheckId) -> PresenceCheck:
        with self.open() as desk:
            found = desk.store.check(check_id)
        assert found is not None
        return found

    def events(self, type_: str) -> list[dict[str, Any]]:
        with self.uow.across_institutions("read a test's events", read_only=True) as tx:
            rows = tx.session.scalars(select(EventRow).where(EventRow.type == type_).order_by(EventRow.id))
            return [row.data for row in rows]

    def jobs(self, kind: str) -> list[tuple[str, int]]:
        """Return (key, times wanted) of the jobs of one kind."""
        with self.uow.across_institutions("read a test's jobs", read_only=True) as tx:
            rows = tx.session.scalars(select(JobRow).where(JobRow.kind == kind).order_by(JobRow.id))
            return [(row.key, row.wanted) for row in rows]

    def close(self) -> None:
        self.engine.dispose()

    def _template(self, photograph: bytes) -> FaceTemplate | None:
        return self.face_engine.observe(photograph).template


class Agent:
    """A client that speaks the protocol as it should, one batch every ten seconds."""

    def __init__(self, room: Room, opened: OpenedSession) -> None:
        self._room = room
        self.secret = opened.secret
        self.session = opened.session
        self.nonce = opened.nonce
        self.commands = opened.commands

    @property
    def check(self) -> CheckId:
        """The check that the last answer asked for."""
        (command,) = [c for c in self.commands if c["type"] == "check"]
        return CheckId(command["check"])

    def pass_check(self) -> "Agent":
        """Pass the check that the last answer asked for; return self."""
        assert self._room.answer(self.check, picture("0")).state == "passed"
        return self

    def batch(
        self, *, ending: bool = False, idle_seconds: int = 0, visible: bool = True, touched: bool = True
    ) -> BeatBatch:
        at = self._room.now_ms
        interaction = at - 1000 * idle_seconds if touched else None
        event = BeatEvent(at, 1000 * self.session.next_seq, visible, interaction, 1000)
        return BeatBatch(self.session.id, self.session.next_seq, self.nonce, (event,), ending)

    def send(self, batch: BeatBatch, *, secret: str | None = None) -> BatchAnswer:
        """Send a batch as it is; on success go on from the answer."""
        with self._room.open() as desk:
            answer = desk.presence.accept_batch(
                batch, secret or self.secret, body_sha256(batch), self._room.clock.now()
            )
        self.session, self.nonce, self.commands = answer.session, answer.nonce, answer.commands
        return answer

    def beat(self, *, after_seconds: int = 10, **claims: Any) -> list[Command]:
        self._room.pass_time(seconds=after_seconds)
        return self.send(self.batch(**claims)).commands

    @property
    def prompt(self) -> str:
        """The prompt that the last answer asked for."""
        (command,) = [c for c in self.commands if c["type"] == "prompt"]
        return str(command["prompt"])

    def show_prompt(self, prompt: str | None = None, secret: str | None = None) -> Shown:
        with self._room.open() as desk:
            return desk.prompts.show(desk.presence.prompt(prompt or self.prompt, secret or self.secret))

    def answer_prompt(
        self, nonce: str, answer: Sequence[str], prompt: str | None = None, secret: str | None = None
    ) -> Shown:
        """Answer as the door does."""
        with self._room.open() as desk:
            asked = desk.presence.prompt(prompt or self.prompt, secret or self.secret)
            if not asked.over:
                return desk.prompts.answer(asked, nonce, answer)
        raise prompt_closed(asked)

    def answer_rightly(self) -> Shown:
        shown = self.show_prompt()
        return self.answer_prompt(shown.prompt.nonce, shown.prompt.answer)


def body_sha256(batch: BeatBatch) -> str:
    """Return what the door would make of the batch's bytes."""
    return sha256_hex(repr(batch).encode())


def with_media(batch: BeatBatch, media_ms: int) -> BeatBatch:
    """Return the batch with another claim in it."""
    return replace(batch, events=(batch.events[0]._replace(media_ms=media_ms),))


def inbox(room: Room, agent: Agent) -> list[InboxRecord]:
    """Return the session's batches as they were chained."""
    with room.open() as desk:
        return SqlInbox(desk.tx).after(agent.session.id, 0, 100)
