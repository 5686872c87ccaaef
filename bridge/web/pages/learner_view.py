"""The learner's page put together from the stations: which steps stand, and what each shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.completion.model import IssuedPaper
from bridge.hours.model import HoursStatement
from bridge.identity.consent import FACE, SUPERVISED
from bridge.identity.model import MaskedIdentity
from bridge.kernel.ids import LearnerRef
from bridge.presence.supervised import SupervisedStretch
from bridge.registry.model import ClassRun
from bridge.rules.model import Reason
from bridge.web.pages.progress import ProgressView, view_progress
from bridge.web.pages.visitors import LearnerVisit
from bridge.wiring import House, Stations
from bridge.wiring.face_reset import reset_told
from bridge.wiring.player import OwnUnit, own_units

StepState = Literal["done", "current", "open", "later"]
Way = Literal["face", "supervised", ""]
STEPS = ("consent", "real_name", "face", "study", "papers")


@dataclass(frozen=True, slots=True)
class LearnerPage:
    """All that the page shows.

    Args:
        person: masked; None until the real name is proved.
        enrolled: whether the registry has entered the learner (some moments after the real name).
        good_frames: pictures of the face kept so far.
        by_hand: the enrolment list has no ID photo, so that staff must compare face and card.
        renewal: the face is registered with a model that is no longer in force.
        face_reset: why staff had it registered anew, in words, while that was not done; "" else.
        card_again: it was registered anew after that, and staff must see the card once more.
        own_units: units that the bridge plays itself.
        way: how presence is proved: by face, by staff who supervise, or not chosen yet ("").
        supervision: the stretch under which the learner may study now.
        no_faces: why no face may be processed in the class run.
    """

    class_run: ClassRun
    institution_name: str
    steps: dict[str, StepState]
    person: MaskedIdentity | None
    enrolled: bool
    good_frames: int
    anchored: bool
    by_hand: bool
    renewal: bool
    card_again: bool
    face_reset: str
    progress: ProgressView | None
    hours: HoursStatement | None
    papers: tuple[IssuedPaper, ...]
    own_units: Sequence[OwnUnit]
    way: Way = ""
    supervision: SupervisedStretch | None = None
    no_faces: tuple[Reason, ...] = ()


def gather(house: House, visit: LearnerVisit) -> LearnerPage:
    """Return the page of the learner who visits. The disclosure of the own name is logged like any other."""
    person = None
    if visit.learner is not None:
        with house.uow.for_institution(visit.institution) as tx:
            person = (
                house.at(tx)
                .identity.disclose(
                    visit.learner, purpose="learner.own_page", recipient="学员本人", by=visit.account_id
                )
                .masked()
            )
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        stations = house.at(tx)
        institution = stations.registry_store.institution()
        way = way_of(stations, visit.account_id)
        reference = None
        if visit.learner is not None:
            reference = stations.presence_store.reference(visit.learner, visit.class_run)
        outdated = reference is not None and not reference.is_of(house.recogniser)
        reference = None if outdated else reference
        progress, hours, papers, enrolled = _study(stations, visit.learner, visit)
        anchored = reference is not None and reference.anchored_ms is not None
        supervision = None
        if visit.learner is not None:
            supervision = stations.supervised.running(visit.learner, visit.class_run)
        return LearnerPage(
            class_run=stations.registry.class_run(visit.class_run),
            institution_name=institution.name if institution else "",
            steps=steps(
                consented=way == "face",
                supervised=way == "supervised",
                named=visit.learner is not None,
                anchored=anchored,
                captured=reference is not None,
                learned=hours is not None and hours.online_met,
                papers=len(papers),
            ),
            person=person,
            enrolled=enrolled,
            good_frames=0 if reference is None else len(reference.templates),
            anchored=anchored,
            by_hand=reference is not None and not reference.has_roster_photo and not reference.renews,
            renewal=outdated,
            face_reset=reset_told(stations, visit.learner, visit.class_run)
            if visit.learner is not None and reference is None and not outdated
            else "",
            card_again=reference is not None and bool(reference.renews) and not anchored,
            progress=progress,
            hours=hours,
            papers=papers,
            own_units=_own_units(stations, visit) if enrolled else (),
            way=way,
            supervision=supervision,
            no_faces=stations.assessments.in_force(FACE, visit.class_run).reasons,
        )


def gather_progress(
    house: House, visit: LearnerVisit
) -> tuple[ProgressView | None, HoursStatement | None, tuple[IssuedPaper, ...]]:
    """Return what changes while the learner studies."""
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        progress, hours, papers, _ = _study(house.at(tx), visit.learner, visit)
        return progress, hours, papers


def way_of(stations: Stations, account_id: str) -> Way:
    """Return how the account's owner has chosen to prove presence."""
    if stations.identity.has_consent(account_id, FACE):
        return "face"
    return "supervised" if stations.identity.has_consent(account_id, SUPERVISED) else ""


def steps(
    *,
    consented: bool,
    named: bool,
    anchored: bool,
    captured: bool,
    learned: bool,
    papers: int,
    supervised: bool = False,
) -> dict[str, StepState]:
    """Return the state of each step. Who is supervised by staff registers no face and misses nothing by it."""
    chosen = consented or supervised
    ready = chosen and named
    no_face_needed = supervised and not consented
    states: dict[str, StepState] = {
        "consent": "done" if chosen else "current",
        "real_name": "done" if named else "current" if chosen else "open",
        "face": "done" if no_face_needed or (anchored and consented) else "current" if ready else "later",
        "study": "done" if learned else "current" if ready and (captured or no_face_needed) else "later",
        "papers": "done" if papers else "current" if learned else "later",
    }
    return states


def _own_units(stations: Stations, visit: LearnerVisit) -> Sequence[OwnUnit]:
    sheet = stations.registry.class_run_sheet(visit.class_run, visit.known)
    return own_units(stations, sheet)


def _study(
    stations: Stations, learner: LearnerRef | None, visit: LearnerVisit
) -> tuple[ProgressView | None, HoursStatement | None, tuple[IssuedPaper, ...], bool]:
    if learner is None or visit.class_run not in stations.registry.class_runs_of(learner):
        return None, None, (), False
    sheet = stations.registry.class_run_sheet(visit.class_run, learner)
    earned = stations.hours.earned(learner, visit.class_run)
    return (
        view_progress(earned.seconds, sheet.course.units),
        earned.hours,
        stations.completion_store.papers(learner, visit.class_run),
        True,
    )
