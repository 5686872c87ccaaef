"""The line of the law as one table: what happened → which service hears of it.

Read from top to bottom it is a learner's road. Each row runs in the unit of work that ends its job, so its
effects and its being done are one; each service is idempotent, so being told twice is being told once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.completion.model import PaperKind, TestScore
from bridge.identity.consent import FACE, FACE_SEARCH
from bridge.kernel.ids import ClassRunId, LearnerRef, StudySessionId
from bridge.presence.service import BATCHES_AT_ONCE
from bridge.wiring.stations import Stations

Data = Mapping[str, Any]

MORE = "more"
"""What a step of work by key returns to be run again, in a unit of work of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the line.

    Args:
        event: its type; for work that many events ask for once, the kind of the job.
        article: of 粤应急规〔2022〕3号, which the step serves.
        do: calls the service; for a job the data is {"key": …}.
    """

    event: str
    article: int
    does: str
    do: Callable[[Stations, Data], object]


def _learner(data: Data) -> tuple[LearnerRef, ClassRunId]:
    return LearnerRef(data["learner"]), ClassRunId(data["class_run"])


def _pair(data: Data) -> tuple[LearnerRef, ClassRunId]:
    learner, _, class_run = data["key"].partition("|")
    return LearnerRef(learner), ClassRunId(class_run)


def _ask_for_states(stations: Stations, data: Data) -> None:
    learner = LearnerRef(data["learner"])
    for class_run in stations.registry.class_runs_of(learner):
        stations.learner_states.ask(learner, class_run)


def _assess_class_run(stations: Stations, data: Data) -> None:
    class_run = ClassRunId(data["class_run"])
    for learner in stations.registry.enrolled(class_run):
        stations.completion.assess(learner, class_run)


def _record_beats(stations: Stations, data: Data) -> object:
    recorded = stations.ledger.record_beats(StudySessionId(data["key"]), lots=1, read=data.get("read"))
    return MORE if recorded >= BATCHES_AT_ONCE else None


def _class_runs(stations: Stations, data: Data) -> Sequence[ClassRunId]:
    one = data.get("class_run")
    return stations.registry.class_runs_of(LearnerRef(data["learner"])) if one is None else [ClassRunId(one)]


FLOW: tuple[Row, ...] = (
    Row("identity.verified", 24, "enrol the person who proved a real name",
        lambda s, d: s.registry.enrol(*_learner(d), d["enrolment_list_row"])),
    Row("identity.verified", 29, "have the enrolment counted for the authority's charts",
        lambda s, d: s.rollups.ask_rest(*_learner(d))),
    Row("identity.verified", 24, "have platforms told whose activities open by it",
        lambda s, d: s.learner_states.ask(*_learner(d))),
    Row("identity.verified", 24, "take the scores that came before anybody knew whose they are",
        lambda s, d: s.wake_held(LearnerRef(d["learner"]))),
    Row("identity.account_bound", 24, "have platforms told where the person uses another account",
        _ask_for_states),
    Row("identity.account_bound", 24, "take the scores that came for the account before",
        lambda s, d: s.wake_held(LearnerRef(d["learner"]))),
    Row("identity.account_released", 16, "show that staff ended the binding of an account",
        lambda s, d: s.signals.raise_for_release(d, s.registry.class_runs_of(LearnerRef(d["learner"])))),
    Row("identity.person_changed", 16, "show that staff undid a merge or had a face registered anew",
        lambda s, d: s.signals.raise_for_person(d, _class_runs(s, d))),
    Row("identity.account_released", 24, "take back what platforms were told of it",
        lambda s, d: s.learner_states.note_release(LearnerRef(d["learner"]), d["account"])),
    Row("identity.consent_given", 28, "search for faces that were registered before that was allowed",
        lambda s, d: s.face_search.ask(LearnerRef(d["learner"])) if d["purpose"] == FACE_SEARCH else None),
    Row("identity.account_released", 28, "take the face out of the search: under another account it is asked anew",
        lambda s, d: s.leave_face_search(LearnerRef(d["learner"]))),
    Row("identity.consent_revoked", 28, "take the face out of the search",
        lambda s, d: s.leave_face_search(LearnerRef(d["learner"]))),
    Row("presence.challenge_suspected", 16, "show a registration in which something was suspected",
        lambda s, d: s.signals.raise_for_registration(d)),
    Row("presence.face_under_two_names", 16, "show that one face was registered for two people",
        lambda s, d: s.signals.raise_for_faces(d)),
    Row("identity.consent_revoked", 28, "stop what rests on the consent",
        lambda s, d: s.stop_faces(LearnerRef(d["learner"])) if d["purpose"] == FACE else None),
    Row("registry.learner_states_wanted", 24, "tell a platform that takes them now of all its learners",
        lambda s, d: s.tell_platform_of_all(d["registration"])),
    Row("learner_state.asked", 24, "put real name and hours on their way where they changed",
        lambda s, d: s.learner_states.note(*_pair(d))),
    Row("presence.anchored", 24, "let the person's credit become final",
        lambda s, d: s.ledger.record_anchor(d)),
    Row("study.beats_waiting", 26, "enter what the server saw of a session",
        _record_beats),
    Row("presence.check_decided", 24, "enter how a check ended",
        lambda s, d: s.ledger.record_check(d)),
    Row("presence.check_decided", 29, "have its day counted for the authority's charts",
        lambda s, d: s.rollups.ask_check(ClassRunId(d["class_run"]), d["at_ms"])),
    Row("presence.check_decided", 24, "put a check that ended in doubt before people",
        lambda s, d: s.reviews.note_check(d)),
    Row("presence.review_closed", 24, "correct the ledger where two people saw that the check was wrong",
        lambda s, d: s.correct_after_review(d)),
    Row("presence.review_closed", 24, "decide a test anew over which two people saw that a check was wrong",
        lambda s, d: s.tests_decided_anew.note_review(d)),
    Row("presence.prompt_ended", 24, "enter how a question to the learner ended",
        lambda s, d: s.ledger.record_prompt(d)),
    Row("presence.check_decided", 24, "act on it where a platform's test is running",
        lambda s, d: s.gates.note_check(d)),
    Row("intake.plugin_heard", 27, "ask for counts of contact data from now on",
        lambda s, d: s.contact_gate.note_plugin(d)),
    Row("intake.context_copied", 5, "show that a platform copied a class run's course",
        lambda s, d: s.course_copies.note(d)),
    Row("intake.platform_pinged", 5, "know the platform's versions and clock",
        lambda s, d: s.contact_gate.note_ping(d)),
    Row("intake.contact_scanned", 27, "hold a count of contact data against the class run's opening",
        lambda s, d: s.contact_gate.note_scan(d)),
    Row("registry.contact_data_found", 16, "show that an LMS keeps contact data",
        lambda s, d: s.signals.raise_for_contact_data(d)),
    Row("registry.contact_exception_signed", 16, "show that staff signed for it",
        lambda s, d: s.signals.raise_for_exception(d)),
    Row("registry.test_link_changed", 16, "show that staff changed which test of an LMS is the course's",
        lambda s, d: s.signals.raise_for_test_link(d)),
    Row("registry.test_link_changed", 24, "take the scores that waited for the test",
        lambda s, d: s.quarantine.wake_units(d["registration"])),
    Row("intake.signal_received", 16, "show what an LMS tells against its own operator",
        lambda s, d: s.signals.raise_from_lms(d)),
    Row("registry.offline_confirmed", 19, "enter an offline session that two people stand for",
        lambda s, d: s.ledger.record_offline(d)),
    Row("ledger.correction_confirmed", 26, "enter a correction that two people stand for",
        lambda s, d: s.corrections.enter(d["correction"])),
    Row("ledger.correction_confirmed", 16, "show that staff corrected a ledger",
        lambda s, d: s.signals.raise_for_correction(d)),
    Row("registry.cap_exception_confirmed", 19, "see which papers are due without the online cap",
        _assess_class_run),
    Row("proctoring.assessment_started", 24, "remember which result the platform kept before the test",
        lambda s, d: s.test_results.begin(d)),
    Row("proctoring.assessment_ended", 24, "ask the platform what has come of the test",
        lambda s, d: s.test_results.end(d)),
    Row("proctoring.assessment_abandoned", 24, "stop waiting for what has come of a test that nobody ended",
        lambda s, d: s.test_results.abandon(d)),
    Row("intake.score_received", 24, "decide a test by its mark and by the presence over it",
        lambda s, d: s.completion.decide_test(TestScore(**{name: d[name] for name in TestScore.__slots__}))),
    Row("completion.test_decided", 26, "enter the decision",
        lambda s, d: s.ledger.record_test(d)),
    Row("completion.score_refused", 16, "show a second score for an attempt that was decided",
        lambda s, d: s.signals.raise_for_second_score(d)),
    Row("completion.test_decided", 29, "have its day counted for the authority's charts",
        lambda s, d: s.rollups.ask_rest(*_learner(d))),
    Row("completion.test_decided", 16, "show a score that nobody was seen to earn",
        lambda s, d: s.signals.raise_for_score(d)),
    Row("ledger.extended", 26, "tell the learner's page what counts, what does not and what to do",
        lambda s, d: s.learner_news.note(*_pair(d))),
    Row("ledger.extended", 29, "note the figures that the authority sees",
        lambda s, d: s.progress_notes.note(*_pair(d), s.earned.earned(*_pair(d)))),
    Row("ledger.extended", 16, "show who studied for long without being seen to be the person",
        lambda s, d: s.raise_if_unanchored(*_pair(d))),
    Row("ledger.extended", 29, "have the day counted for the authority's charts",
        lambda s, d: s.rollups.ask_learner(*_pair(d))),
    Row("ledger.extended", 25, "see which papers are due",
        lambda s, d: s.completion.assess(*_pair(d))),
    Row("ledger.extended", 25, "put the hours on their way to gradebooks that take them",
        lambda s, d: s.hour_scores.note(*_pair(d))),
    Row("ledger.extended", 24, "put whole hours on their way to platforms that open activities by them",
        lambda s, d: s.learner_states.note(*_pair(d))),
    Row("completion.paper_refused", 16, "show that hours reckoned again were other hours",
        lambda s, d: s.signals.raise_for_hours(d)),
    Row("completion.due", 25, "issue the paper at once",
        lambda s, d: s.completion.issue(*_learner(d), PaperKind(d["kind"]), d.get("figures"))),
    Row("archive.fixity_broken", 26, "show that something stored is not as it was stored",
        lambda s, d: s.signals.raise_for_fixity(d)),
    Row("certificate.issued", 26, "seal the learner's file",
        lambda s, d: s.archive.seal_learner_file(*_learner(d))),
    Row("certificate.status_changed", 26, "seal the learner's file anew: it says which papers are valid",
        lambda s, d: s.archive.seal_learner_file(*_learner(d))),
    Row("certificate.status_changed", 29, "report what has become of the paper",
        lambda s, d: s.reporting.queue_status(d["number"])),
    Row("certificate.issued", 25, "put the finished hours on their way to gradebooks that take them",
        lambda s, d: s.hour_scores.note(*_learner(d))),
    Row("certificate.issued", 29, "have its day counted for the authority's charts",
        lambda s, d: s.rollups.ask_rest(*_learner(d))),
    Row("certificate.issued", 29, "queue the paper's records for the authority",
        lambda s, d: s.reporting.queue_certificate(d["number"])),
    Row("reporting.batch_ready", 29, "have the batch carried, after those before it",
        lambda s, d: s.reporting.ask_for_delivery(d["batch"])),
)  # fmt: skip

TOLD_ONLY: Mapping[str, str] = {
    "identity.consent_given": "the next page and the next session ask for it themselves",
    "archive.sealed": "the file stands; a hand-over packs files as they are then",
    "reporting.receipt_received": "the verdicts stand on the records; the authority's page shows them",
}
"""Events that are kept, with no step after them yet."""


def steps(event: str) -> tuple[Row, ...]:
    """Return the rows of an event, in the order of the table; KeyError for one that nobody foresaw."""
    rows = tuple(row for row in FLOW if row.event == event)
    if not rows and event not in TOLD_ONLY:
        raise KeyError(event)
    return rows
