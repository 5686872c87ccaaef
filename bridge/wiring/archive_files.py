"""Learner files and class files as they stand now, put together from all stations: to look at, print, take along."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bridge.archive import tar
from bridge.archive.class_file import ClassFacts, LearnerOfClass, class_payload, five_parts
from bridge.archive.missing import Missing, missing_of_class, missing_of_learner
from bridge.archive.print_set import class_sheet, learner_sheet
from bridge.archive.retention import Retention, retention_of
from bridge.archive.sheet import Sheet
from bridge.db.unit_of_work import Tx
from bridge.identity.model import mask_citizen_id, mask_name
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.registry.model import ClassRun
from bridge.rules.model import NoRuleInForce

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

_METHOD = ("hours.", "study.", "presence.", "test.")
"""Areas of the rules by which hours are recorded."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Why a file with names in it is made, for whom, and by whom; it stands in the log of accesses.

    Args:
        whole: names and numbers in full, as a file needs them; a page shows them masked.
    """

    purpose: str
    recipient: str
    by: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class FileNow:
    """A file at one moment.

    Args:
        items: what stands in it, by the file that holds each.
        files: what goes into a bag, by the path under data/.
        sheet: its print set.
    """

    items: dict[str, Any]
    files: dict[str, bytes]
    missing: tuple[Missing, ...]
    sheet: Sheet

    def bag(self, house: "House", identifier: str, description: str, institution: InstitutionId) -> bytes:
        """Return the file as a BagIt bag in one tar."""
        now = house.clock.now()
        info = {
            "Source-Organization": institution,
            "External-Identifier": identifier,
            "External-Description": description,
            "Bagging-Date": legal_date(now).isoformat(),
        }
        return tar.pack(house.bags.seal(self.files, info), now)


def learner_file_now(
    house: "House", institution: InstitutionId, class_run: ClassRunId, learner: LearnerRef, why: Disclosure
) -> FileNow:
    """Return the learner's file (一人一档); InvalidInput("not_enrolled") where the learner is not in the class run."""
    with house.uow.for_institution(institution) as tx:
        return learner_file_in(house, tx, class_run, learner, why)


def learner_file_in(
    house: "House", tx: Tx, class_run: ClassRunId, learner: LearnerRef, why: Disclosure
) -> FileNow:
    """Return the learner's file as an open unit of work sees it; otherwise as `learner_file_now`."""
    stations = house.at(tx)
    found = stations.archive.as_it_stands(
        learner, class_run, purpose=why.purpose, recipient=why.recipient, by=why.by
    )
    owner = stations.registry_store.institution()
    missing = missing_of_learner(found.items)
    items = dict(found.items) if why.whole else _masked_items(found.items)
    sheet = learner_sheet(
        items,
        missing,
        issuer="" if owner is None else owner.name,
        made_at=house.clock.now(),
        digests=_digests(found.files),
    )
    return FileNow(items, dict(found.files), missing, sheet)


def class_file_now(
    house: "House", institution: InstitutionId, class_run: ClassRunId, why: Disclosure
) -> FileNow:
    """Return the class run's file (一期一档); InvalidInput("class_run_unknown")."""
    with house.uow.for_institution(institution) as tx:
        return class_file_in(house, tx, class_run, why)


def class_file_in(house: "House", tx: Tx, class_run: ClassRunId, why: Disclosure) -> FileNow:
    """Return the class run's file as an open unit of work sees it; otherwise as `class_file_now`."""
    facts = class_facts(house, tx, class_run, why)
    parts = five_parts(facts)
    missing, files = missing_of_class(parts), class_payload(facts)
    if not why.whole:
        parts["1-learners.json"]["学员"] = [_masked_row(one) for one in parts["1-learners.json"]["学员"]]
    sheet = class_sheet(parts, missing, made_at=house.clock.now(), digests=_digests(files))
    return FileNow(dict(parts), files, missing, sheet)


def class_facts(house: "House", tx: Tx, class_run: ClassRunId, why: Disclosure) -> ClassFacts:
    """Return all that a class run's file is made of; each learner's name is a logged disclosure."""
    stations = house.at(tx)
    run = stations.registry.class_run(class_run)
    owner = stations.registry_store.institution()
    outline = stations.registry_store.outline(run.outline_id)
    course = stations.registry_store.course(run.course_id)
    if owner is None or outline is None or course is None:
        raise RuntimeError(f"class run {class_run} stands without its institution, outline or course")
    profile = house.rules.profile(run.profile)
    kept = kept_until(house, run)
    return ClassFacts(
        institution=owner,
        run=run,
        outline=outline,
        course=course,
        registrations=[
            one
            for one in stations.registry_store.city_registrations()
            if one.covers(run.division_code, run.opens_on)
        ],
        learners=[_learner(stations, run, learner, why) for learner in stations.registry.enrolled(class_run)],
        waiting_on_list=_waiting(tx, class_run),
        materials=stations.materials.of(course.id),
        packs=profile.packs,
        rules=[one for one in profile.values(run.opens_on) if one.parameter.name.startswith(_METHOD)],
        sessions=stations.registry.offline_sessions(class_run),
        cap_exception=stations.registry_store.cap_exception(class_run),
        keep_until=None if kept is None else kept.last_day.isoformat(),
    )


def kept_until(house: "House", run: ClassRun) -> Retention | None:
    """Return how long the class run's archive is kept by today's rules; None where no rule says so: then for ever."""
    try:
        return retention_of(run, house.rules.profile(run.profile), legal_date(house.clock.now()))
    except NoRuleInForce:
        return None


def _learner(stations: "Stations", run: ClassRun, learner: LearnerRef, why: Disclosure) -> LearnerOfClass:
    store = stations.presence_store
    return LearnerOfClass(
        learner=learner,
        enrolled_on=stations.registry.class_run_sheet(run.id, learner).enrolled_on,
        person=stations.identity.disclose(learner, purpose=why.purpose, recipient=why.recipient, by=why.by),
        earned=stations.earned.earned(learner, run.id),
        test=stations.completion_store.accepted_test(learner, run.id),
        papers=stations.completion_store.papers(learner, run.id),
        sealed=stations.archive.latest(learner, run.id),
        checks=Counter(check.state.value for check in store.checks_of(learner, run.id)),
        corrections=len(stations.corrections.of(learner, run.id)),
    )


def _waiting(tx: Tx, class_run: ClassRunId) -> int:
    return (
        tx.session.scalar(
            select(func.count(EnrolmentListRow.id)).where(
                EnrolmentListRow.class_run_id == class_run,
                EnrolmentListRow.learner.is_(None),
                EnrolmentListRow.institution_id == tx.institution_id,
            )
        )
        or 0
    )


def _masked_items(items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    identity = {
        label: mask_name(value)
        if label == "姓名"
        else value
        if label == "学员编号"
        else mask_citizen_id(value)
        for label, value in items["1-identity.json"].items()
    }
    return {**items, "1-identity.json": identity}


def _masked_row(one: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, "姓名": mask_name(one["姓名"]), "证件号码": mask_citizen_id(one["证件号码"])}


def _digests(files: Any) -> list[tuple[str, str]]:
    return [(name, sha256_hex(files[name])) for name in sorted(files) if "/" not in name]
