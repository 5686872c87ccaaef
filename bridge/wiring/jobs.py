"""What the worker runs: the rows of `bridge.flow`, frames to judge, batches to carry, and the sweep."""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from bridge.completion.learner_states import STATE_ASKED
from bridge.db.outbox import Job, WantedJob, load_event, overdue
from bridge.db.short_memory import ShortMemory
from bridge.db.unit_of_work import EVENT_JOB, Tx
from bridge.flow import MORE, steps
from bridge.identity.roster_sweep import sweep_roster_reads
from bridge.identity.sign_in import sweep_tries
from bridge.intake.launch_state import sweep_used_states
from bridge.intake.quarantine import HELD
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Event
from bridge.kernel.ids import ClassRunId, EventId, InstitutionId, LearnerRef, StudySessionId
from bridge.kernel.time import epoch_ms
from bridge.ledger.ports import ReadBeats
from bridge.ledger.sealing import SEAL
from bridge.ledger.service import EXTENDED_JOB
from bridge.plugin_loader import load
from bridge.presence.face import FaceTemplate
from bridge.presence.frames import FRAME_WAITING, JudgedFrame, judge_material
from bridge.presence.gate.service import CONTROL_WAITING, GRANT_WAITING
from bridge.presence.moving_frames import Means
from bridge.presence.prompt_store import overdue_prompts
from bridge.presence.service import BEATS_WAITING
from bridge.presence.store import overdue_checks
from bridge.web.sessions import sweep_sessions
from bridge.wiring import test_gates
from bridge.wiring.archive_fixity import fixity_works, sweep_fixity
from bridge.wiring.challenges import challenge_works, expire_challenges
from bridge.wiring.earned import Settled
from bridge.wiring.enrolment_jobs import enrolment_works, sweep_previews
from bridge.wiring.face_count import face_count
from bridge.wiring.face_gate import CONSENT_SENTENCE
from bridge.wiring.face_search_jobs import search_works
from bridge.wiring.feed_jobs import feed_works, sweep_feed, sweep_reconciliations
from bridge.wiring.forwarding import forwarding_works, sweep_forwarding
from bridge.wiring.frame_queue import JUDGED
from bridge.wiring.inbox_days import sweep_inbox_days
from bridge.wiring.intake_jobs import note_dead, sweep_quarantine, tidy_quarantine, try_held
from bridge.wiring.key_ends import sweep_keys
from bridge.wiring.ledger_jobs import seal_tree, signing_key, sweep_trees
from bridge.wiring.ledger_standing import STANDING, prepare_review, sweep_standing
from bridge.wiring.paper_batches import batch_works
from bridge.wiring.paper_ends import end_papers
from bridge.wiring.platform_jobs import platform_works, sweep_platforms
from bridge.wiring.review_desk import expire_reviews
from bridge.wiring.rollup_jobs import rollup_works
from bridge.worker.runner import Runner, Work

if TYPE_CHECKING:
    from bridge.wiring.house import House


log = structlog.get_logger()

_NOBODY_JUDGES_MS = 20_000
_FOR_THE_WORKER = ""
_PHOTOGRAPHS = 64


def runner(house: "House") -> Runner:
    """Return the runner of all kinds of jobs."""
    jobs = Jobs(house)
    works = {
        EVENT_JOB: Work(prepare=jobs.carry, apply=jobs.tell),
        FRAME_WAITING: Work(prepare=jobs.judge, apply=jobs.record),
    }
    works[BEATS_WAITING] = Work(prepare=jobs.read_beats, apply=jobs.run_rows)
    works[CONTROL_WAITING] = Work(prepare=jobs.send_control, apply=jobs.note_control)
    works[GRANT_WAITING] = Work(prepare=jobs.carry_grant, apply=jobs.note_grant)
    works[STANDING] = Work(prepare=partial(prepare_review, house), apply=lambda _tx, _job, _reviewed: None)
    works[SEAL] = Work(prepare=partial(signing_key, house), apply=partial(seal_tree, house))
    works.update(challenge_works(house, jobs.roster))
    works.update(platform_works(house))
    works.update(forwarding_works(house))
    works.update(enrolment_works(house))
    works.update(search_works(house))
    works.update(fixity_works(house))
    works.update(batch_works(house))
    works.update(feed_works(house))
    works.update(rollup_works(house))
    for kind in (EXTENDED_JOB, STATE_ASKED):
        works[kind] = Work(prepare=jobs.settle, apply=jobs.run_settled)
    works[HELD] = Work(apply=partial(try_held, house))
    return Runner(house.uow, house.clock, works, partial(note_dead, house))


class Jobs:
    """The kinds of jobs of one house."""

    def __init__(self, house: "House") -> None:
        self._house = house
        # The same ID photo is looked at once for each frame of a registration. Who asks has read it from the vault.
        self._photographs: ShortMemory[bytes, tuple[FaceTemplate | None]] = ShortMemory(_PHOTOGRAPHS)
        house.key_ring.forgets.append(self._photographs.clear)

    def carry(self, job: Job) -> Event:
        """Return the job's event."""
        with self._house.uow.across_institutions("read a job's event", read_only=True) as tx:
            return load_event(tx.session, EventId(job.key))

    def tell(self, tx: Tx, _job: Job, event: Event) -> None:
        """Tell the event's services."""
        stations = self._house.at(tx)
        for row in steps(event.type):
            row.do(stations, event.data)

    def read_beats(self, job: Job) -> ReadBeats:
        """Read what waits of a session with no unit of work open."""
        with self._house.uow.for_institution(job.institution_id, read_only=True) as tx:
            return self._house.at(tx).ledger.read_beats(StudySessionId(job.key))

    def run_rows(self, tx: Tx, job: Job, read: ReadBeats) -> None:
        """Run the rows of work that is asked for by key, on what was read of it."""
        stations = self._house.at(tx)
        for row in steps(job.kind):
            if row.do(stations, {"key": job.key, "read": read}) == MORE:
                tx.want(job.kind, job.key)

    def settle(self, job: Job) -> Settled:
        """Settle a learner's ledger with no unit of work open: the slow part, done while others may write."""
        learner, _, class_run = job.key.partition("|")
        with self._house.uow.for_institution(job.institution_id, read_only=True) as tx:
            return self._house.at(tx).earned.settle(LearnerRef(learner), ClassRunId(class_run))

    def run_settled(self, tx: Tx, job: Job, settled: Settled) -> None:
        """Run the rows on what was settled, unless the ledger has grown since: then the job is wanted again."""
        stations = self._house.at(tx)
        if stations.earned.use(settled):
            stations.earned.keep(settled)
            for row in steps(job.kind):
                row.do(stations, {"key": job.key})

    def judge(self, job: Job) -> JudgedFrame | None:
        """Run the models on a frame; None if it was judged before."""
        with self._house.uow.for_institution(job.institution_id, read_only=True) as tx:
            material = self._house.at(tx).frames.material(job.key)
        if material is None:
            return None
        means = Means(load("frame_marks")(), partial(self._pictures, job.institution_id))
        return judge_material(self._house.engine_for_faces, material, self.roster, means)

    def _pictures(self, institution: InstitutionId, frame_ids: Sequence[str]) -> Mapping[str, bytes]:
        with self._house.uow.for_institution(institution, read_only=True) as tx:
            return self._house.at(tx).challenges.pictures(frame_ids)

    def record(self, tx: Tx, job: Job, judged: JudgedFrame | None) -> None:
        """Record the frame's verdict."""
        if judged is None:
            return
        stations = self._house.at(tx)
        frame = stations.presence_store.frame(job.key)
        if frame is not None and not stations.identity.may_process_face(frame.learner):
            # Withdrawn while the models looked: nothing is kept of what they saw.
            stations.frames.give_up(job.key, CONSENT_SENTENCE)
            return
        stations.frames.record(job.key, judged)

    def send_control(self, job: Job) -> test_gates.Answered | None:
        """See `test_gates.send_control`."""
        return test_gates.send_control(self._house, job)

    def note_control(self, tx: Tx, job: Job, answered: test_gates.Answered | None) -> None:
        """See `test_gates.note_control`."""
        test_gates.note_control(self._house, tx, job, answered)

    def carry_grant(self, job: Job) -> test_gates.Answered | None:
        """See `test_gates.carry_grant`."""
        return test_gates.carry_grant(self._house, job)

    def note_grant(self, tx: Tx, job: Job, answered: test_gates.Answered | None) -> None:
        """See `test_gates.note_grant`."""
        test_gates.note_grant(self._house, tx, job, answered)

    def roster(self, photograph: bytes) -> FaceTemplate | None:
        """Return the template of an ID photo; None if no one face can be used."""
        name = sha256(photograph).digest()
        known = self._photographs.get(name)
        if known is None:
            known = (self._template_of(photograph),)
            self._photographs.put(name, known)
        return known[0]

    def _template_of(self, photograph: bytes) -> FaceTemplate | None:
        try:
            return self._house.engine_for_faces.observe(photograph).template
        except InvalidInput:
            # A photograph that the engine cannot read anchors nobody; the page then asks for a staff check.
            return None


def sweep(house: "House") -> None:
    """Nudge what nobody has in hand, end checks whose time is over, drop what is stale."""
    now = house.clock.now()
    sweep_quarantine(house)
    with house.uow.across_institutions("find jobs that nobody has in hand", read_only=True) as tx:
        jobs = overdue(tx.session, now)
        study_ms = epoch_ms(house.study_clock.now())
        frames_wait = any(one.kind in JUDGED for one in jobs) and house.frames_waiting.waited_ms(tx)
        late = overdue_checks(tx, study_ms)
        unanswered = overdue_prompts(tx, study_ms)
    if jobs:
        house.nudge(jobs)
    if frames_wait > _NOBODY_JUDGES_MS:
        # No judge runs, or none keeps up: the worker helps, slowly, for it loads the models first.
        log.warning("frames_wait", milliseconds=frames_wait)
        house.nudge([WantedJob(one.id, _FOR_THE_WORKER) for one in jobs if one.kind in JUDGED])
    for institution, check_id in late:
        with house.uow.for_institution(institution) as tx:
            stations = house.at(tx)
            check = stations.presence_store.check(check_id)
            if check is not None:
                stations.presence.expire(check)
    for institution, prompt in unanswered:
        with house.uow.for_institution(institution) as tx:
            house.at(tx).prompts.find(prompt)
    test_gates.sweep_attempts(house)
    sweep_platforms(house)
    sweep_forwarding(house)
    sweep_feed(house)
    sweep_trees(house)
    sweep_standing(house)
    sweep_inbox_days(house)
    sweep_keys(house)
    sweep_fixity(house)
    house.wiped_traces.sweep()
    house.face_indexes.sweep(look_at_grounds=now.second < 2)
    if now.second < 2:
        sweep_sessions(house.uow, house.clock)
        house.evidence_ahead.sweep(house.uow)
        if now.minute % 10 == 0:
            sweep_reconciliations(house)
            face_count(house)
        end_papers(house)
        sweep_tries(house.uow, now)
        house.passkeys.sweep()
        sweep_used_states(house.uow, now)
        sweep_roster_reads(house.uow, now)
        tidy_quarantine(house)
        sweep_previews(house)
        expire_challenges(house)
        expire_reviews(house)
