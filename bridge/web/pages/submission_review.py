"""What a teacher sees of one learner who is in the gradebook: time, checks and tests, and why each counts or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, session

from bridge.hours.model import HoursStatement
from bridge.identity.model import MaskedIdentity
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.gate.model import ControlAction, TestAttempt
from bridge.presence.model import Activity, CheckKind, PresenceCheck, check_sentence
from bridge.registry.model import ClassRun
from bridge.web.pages.lms_visits import TeacherVisit, teacher_visit
from bridge.web.pages.progress import ProgressView, view_progress
from bridge.wiring import House

PURPOSE = "lms.submission_review"


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """All that the page shows; no picture of anybody.

    Args:
        person: masked.
        checks, tests: newest first; a test as the ledger holds it, with the sentences of its decision.
        attempts: tests at the platform with what it was asked to do.
    """

    run: ClassRun
    person: MaskedIdentity
    progress: ProgressView
    hours: HoursStatement
    anchored: bool
    checks: Sequence[PresenceCheck]
    tests: Sequence[Mapping[str, Any]]
    attempts: Sequence[tuple[TestAttempt, Sequence[ControlAction]]]
    unit_titles: dict[str, str]


def submission_review_pages(house: House) -> Blueprint:
    """Return the blueprint of `/submission-review`."""
    pages = Blueprint("submission_review", __name__)

    @pages.get("/submission-review")
    def show() -> str:
        visit = teacher_visit()
        asked = session.get("review")
        if asked is None:
            raise NotPermitted("launch_required", "请从学习平台的成绩册重新打开这名学员的记录。")
        page = _gather(house, visit, LearnerRef(asked["learner"]), ClassRunId(asked["class_run"]))
        return render_template("lms/submission_review.html", page=page, visit=visit, sentence_of=_sentence_of)

    return pages


def _sentence_of(check: PresenceCheck) -> str:
    of_test = check.kind in (CheckKind.TEST_START, CheckKind.IN_TEST)
    return check_sentence(check.state, Activity.TEST if of_test else Activity.STUDY)


def _gather(house: House, visit: TeacherVisit, learner: LearnerRef, class_run: ClassRunId) -> ReviewPage:
    with house.uow.for_institution(visit.institution) as tx:
        person = (
            house.at(tx)
            .identity.disclose(learner, purpose=PURPOSE, recipient="学习平台教师", by=visit.account_id)
            .masked()
        )
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        stations = house.at(tx)
        sheet = stations.registry.class_run_sheet(class_run, learner)
        earned = stations.hours.earned(learner, class_run)
        checks = stations.presence_store.checks_of(learner, class_run)
        entries = stations.ledger.entries(learner, class_run)
        return ReviewPage(
            run=sheet.class_run,
            person=person,
            progress=view_progress(earned.seconds, sheet.course.units),
            hours=earned.hours,
            anchored=earned.seconds.anchored,
            checks=checks[::-1],
            tests=[entry.data for entry in reversed(entries) if entry.kind == "test"],
            attempts=[
                (one, stations.gates.controls(one.id))
                for one in stations.gate_store.of_class_run(learner, class_run)
            ],
            unit_titles={unit.id: unit.title for unit in sheet.course.units},
        )
