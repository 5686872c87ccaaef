"""All stations of one institution, bound to one unit of work."""

from functools import cached_property
from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.wiring.platform_services import note_services
from bridge.wiring.review_desk import correct_after_review
from bridge.wiring.stations import archive as of_archive
from bridge.wiring.stations import completion as of_completion
from bridge.wiring.stations import faces as of_faces
from bridge.wiring.stations import identity as of_identity
from bridge.wiring.stations import intake as of_intake
from bridge.wiring.stations import ledger as of_ledger
from bridge.wiring.stations import lms as of_lms
from bridge.wiring.stations import presence as of_presence
from bridge.wiring.stations import registry as of_registry
from bridge.wiring.stations import reporting as of_reporting
from bridge.wiring.stations import supervision as of_supervision

if TYPE_CHECKING:
    from bridge.wiring.house import House


class Stations:
    """Each station's service, made when it is first asked for, in the file that its line names."""

    def __init__(self, house: "House", tx: Tx) -> None:
        self.house = house
        self.tx = tx

    registry_store = cached_property(of_registry.registry_store)
    registry = cached_property(of_registry.registry)
    profile_for = of_registry.profile_for
    cap_exceptions = cached_property(of_registry.cap_exceptions)
    suspensions = cached_property(of_registry.suspensions)
    assessments = cached_property(of_registry.assessments)
    contact_gate = cached_property(of_registry.contact_gate)
    platforms = cached_property(of_registry.platforms)
    exam_services = cached_property(of_registry.exam_services)
    links = cached_property(of_registry.links)
    materials = cached_property(of_registry.materials)
    course_copies = cached_property(of_registry.course_copies)

    inbox = cached_property(of_intake.inbox)
    quarantine = cached_property(of_intake.quarantine)
    lms_references = cached_property(of_intake.lms_references)
    intake = cached_property(of_intake.intake)
    notices = cached_property(of_intake.notices)
    test_results = cached_property(of_intake.test_results)
    wake_held = of_intake.wake_held

    identity_store = cached_property(of_identity.identity_store)
    identity = cached_property(of_identity.identity)
    recognise = of_identity.recognise
    deletion_requests = cached_property(of_identity.deletion_requests)
    name_checks = cached_property(of_identity.name_checks)
    photo_source = of_identity.photo_source
    enrolments = cached_property(of_identity.enrolments)
    changes = cached_property(of_identity.changes)
    rosters = cached_property(of_identity.rosters)
    staff = cached_property(of_identity.staff)

    presence_store = cached_property(of_presence.presence_store)
    check_rules = cached_property(of_presence.check_rules)
    presence = cached_property(of_presence.presence)
    supervised = cached_property(of_presence.supervised)
    prompts = cached_property(of_presence.prompts)
    frames = cached_property(of_presence.frames)
    challenges = cached_property(of_presence.challenges)
    card_checks = cached_property(of_presence.card_checks)
    gate_store = cached_property(of_presence.gate_store)
    gates = cached_property(of_presence.gates)
    review_store = cached_property(of_presence.review_store)
    review_rules = cached_property(of_presence.review_rules)
    reviews = cached_property(of_presence.reviews)
    correct_after_review = correct_after_review

    face_search = cached_property(of_faces.face_search)
    leave_face_search = of_faces.leave_face_search
    stop_faces = of_faces.stop_faces
    withdraw_faces = of_faces.withdraw_faces

    ledger = cached_property(of_ledger.ledger)
    corrections = cached_property(of_ledger.corrections)
    hours = cached_property(of_ledger.hours)
    earned = cached_property(of_ledger.earned)
    learner_news = cached_property(of_ledger.learner_news)

    standings = cached_property(of_completion.standings)
    completion_store = cached_property(of_completion.completion_store)
    presence_over_tests = cached_property(of_completion.presence_over_tests)
    tests_decided_anew = cached_property(of_completion.tests_decided_anew)
    completion = cached_property(of_completion.completion)
    paper_changes = cached_property(of_completion.paper_changes)
    paper_life = cached_property(of_completion.paper_life)

    lms_courses = cached_property(of_lms.lms_courses)
    gradebook = cached_property(of_lms.gradebook)
    hour_scores = cached_property(of_lms.hour_scores)
    learner_states = cached_property(of_lms.learner_states)
    tell_platform_of_all = of_lms.tell_platform_of_all
    note_services = note_services

    vault = cached_property(of_archive.vault)
    archive = cached_property(of_archive.archive)
    legal_holds = cached_property(of_archive.legal_holds)
    disposals = cached_property(of_archive.disposals)
    fixity = cached_property(of_archive.fixity)

    reporting = cached_property(of_reporting.reporting)
    reconciliation = cached_property(of_reporting.reconciliation)

    signals = cached_property(of_supervision.signals)
    raise_if_unanchored = of_supervision.raise_if_unanchored
    progress_notes = cached_property(of_supervision.progress_notes)
    learner_areas = cached_property(of_supervision.learner_areas)
    rollups = cached_property(of_supervision.rollups)
    spot_checks = cached_property(of_supervision.spot_checks)
