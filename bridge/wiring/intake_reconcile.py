"""Comparing with the LMS: what it has and the bridge has not, and the other way round; what can be, is taken in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.intake.model import ACTIVITY
from bridge.intake.ports import LmsScore
from bridge.intake.reconciliation import Finding, Gap, NotAsked
from bridge.intake.service import listed_message
from bridge.intake.xapi.model import Store
from bridge.intake.xapi.tables import XapiCredentialRow, XapiStatementRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId
from bridge.presence.tables import StudySessionRow
from bridge.wiring.intake_jobs import hold_refused
from bridge.wiring.intake_scores import Asked, Compared, compare_scores, courses, listed
from bridge.wiring.intake_videos import played_units

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

LOOKS_BACK = timedelta(days=30)
_PAGE = 500


def compare(
    house: "House",
    institution: InstitutionId,
    *,
    class_run: ClassRunId | None = None,
    since: datetime | None = None,
) -> Compared:
    """Ask the institution's platforms and return what is missing on either side; nothing is changed.

    Raises:
        InvalidInput("class_run_unknown")
    """
    now = house.clock.now()
    asked = Asked(institution, class_run, since or now - LOOKS_BACK, now + timedelta(seconds=1))
    done = Compared(institution, asked.since, asked.until)
    with house.uow.for_institution(institution, read_only=True) as tx:
        if class_run is not None:
            house.at(tx).registry.class_run(class_run)
        taught = courses(tx, asked)
    for registration in sorted({one for one, _context, _run in taught}):
        compare_scores(house, asked, RegistrationId(registration), done)
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        done.findings += _without_real_name(stations, taught)
        done.findings += _opened_only(tx, stations, asked)
        done.findings += _played_only(house, tx, asked, {one for one, _context, _run in taught})
    return done


def take_in(house: "House", compared: Compared) -> None:
    """Take in every score that can be, through the door that the platform's own messages go through."""
    wanted = {one.take: one for one in compared.findings if one.take is not None}
    by_registration: dict[str, set[str]] = {}
    for take, one in wanted.items():
        by_registration.setdefault(one.registration, set()).add(take)
    for registration, ids in by_registration.items():
        found = listed(
            house, compared.institution, RegistrationId(registration), compared.since, compared.until
        )
        if isinstance(found, NotAsked):
            continue
        for score in found:
            if score.id in ids and _take(house, compared.institution, RegistrationId(registration), score):
                compared.taken += 1
                compared.findings = [one for one in compared.findings if one.take != score.id]


def _take(house: "House", institution: InstitutionId, registration: RegistrationId, score: LmsScore) -> bool:
    try:
        with house.uow.for_institution(institution) as tx:
            house.at(tx).intake.receive_listed(registration, score)
    except InvalidInput as refused:
        value = listed_message(score)
        hold_refused(
            house,
            institution,
            registration,
            value,
            refused,
            original_sha256="0" * 64,
            verification="listed by the platform, read with a token of ours",
        )
        return False
    return True


def _without_real_name(stations: "Stations", courses: Sequence[tuple[str, str, str]]) -> Iterator[Finding]:
    for registration, context, run in courses:
        for account in stations.rosters.not_real_named(RegistrationId(registration), context):
            yield Finding(Gap.REAL_NAME, registration, account, class_run=run)


def _opened_only(tx: Tx, stations: "Stations", asked: Asked) -> Iterator[Finding]:
    """Return units that the LMS says were opened, and that their learners never studied here."""
    opened: dict[tuple[str, str, str], Finding] = {}
    chain, seq = f"{asked.institution}:webhook", 0
    while records := stations.inbox.after(chain, seq, _PAGE):
        seq = records[-1].seq
        for record in records:
            if record.received_at < asked.since:
                continue
            said: Mapping[str, Any] = json.loads(record.payload)
            key = (said.get("learner"), said.get("class_run"), said.get("unit"))
            if said.get("type") != ACTIVITY or None in key or not asked.wants(str(key[1])):
                continue
            found = Finding(
                Gap.UNIT,
                record.source.partition(":")[2],
                str(said["account"]),
                learner=str(key[0]),
                class_run=str(key[1]),
                unit=str(key[2]),
                at=str(said["occurred_at"]),
            )
            opened[str(key[0]), str(key[1]), str(key[2])] = found
    yield from _never_studied(tx, opened)


def _never_studied(tx: Tx, opened: Mapping[tuple[str, str, str], Finding]) -> Iterator[Finding]:
    row = StudySessionRow
    learners = sorted({learner for learner, _run, _unit in opened})
    studied: set[tuple[str, str, str]] = set()
    for start in range(0, len(learners), _PAGE):
        part = learners[start : start + _PAGE]
        sessions = tx.session.execute(
            select(row.learner, row.class_run, row.unit).where(row.learner.in_(part)).distinct()
        )
        studied |= {(learner, run, unit) for learner, run, unit in sessions}
    yield from (one for key, one in sorted(opened.items()) if key not in studied)


def _played_only(house: "House", tx: Tx, asked: Asked, registrations: set[str]) -> Iterator[Finding]:
    """Return units of which a player's statements speak, and that their learners never studied here."""
    for registration in sorted(registrations):
        sources = tx.session.scalars(
            select(XapiCredentialRow.source).where(XapiCredentialRow.registration_id == registration)
        ).all()
        if not sources:
            continue
        row = XapiStatementRow
        statements = tx.session.scalars(
            select(row.payload).where(
                row.institution_id == asked.institution,
                row.store == str(Store.RECORDS),
                row.source.in_(sources),
                row.stored >= asked.since,
            )
        )
        played = played_units(house, tx, RegistrationId(registration), statements)
        wanted = {key: one for key, one in played.items() if asked.wants(key[1])}
        yield from _never_studied(tx, wanted)


def learners_in(compared: Compared) -> set[LearnerRef]:
    """Return the learners of whom the findings speak."""
    return {LearnerRef(one.learner) for one in compared.findings if one.learner is not None}
