"""Comparing scores: each that an LMS lists with what it told, and each that it told with what it lists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.completion.gradebook_model import ItemState
from bridge.db.outbox import EventRow
from bridge.db.unit_of_work import Tx
from bridge.identity.tables import AccountBindingRow, LmsAccountRow
from bridge.intake.normalisers import SCORE_RECEIVED
from bridge.intake.ports import LmsScore, ScoresOfLms
from bridge.intake.reconciliation import Finding, Gap, NotAsked
from bridge.intake.service import listed_message
from bridge.intake.webhook import parse_batch_message, parse_score
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import ClassRunId, InstitutionId, RegistrationId
from bridge.kernel.time import parse_rfc3339, rfc3339
from bridge.registry.tables import LtiContextRow
from bridge.wiring.adapters import LearnersOfPlatforms
from bridge.wiring.lms_references import LmsReferences
from bridge.wiring.platform_calls import CallFailed, call_platform
from lti.ags import GradeService
from lti.errors import SERVICE_FAILURES
from lti.registration import Registration

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


@dataclass(slots=True)
class Compared:
    """What a comparison found; `taken` is how many scores were taken in by it."""

    institution: InstitutionId
    since: datetime
    until: datetime
    findings: list[Finding] = field(default_factory=list)
    not_asked: list[NotAsked] = field(default_factory=list)
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared: one institution, or one of its class runs."""

    institution: InstitutionId
    class_run: ClassRunId | None
    since: datetime
    until: datetime

    def wants(self, class_run: str | None) -> bool:
        return self.class_run in (None, class_run)


def courses(tx: Tx, asked: Asked) -> Sequence[tuple[str, str, str]]:
    """Return (registration, context, class run) of the LMS courses that are compared."""
    row = LtiContextRow
    wanted = select(row.registration_id, row.context_id, row.class_run_id)
    if asked.class_run is not None:
        wanted = wanted.where(row.class_run_id == asked.class_run)
    found = tx.session.execute(wanted.order_by(row.registration_id, row.context_id))
    return [(registration, context, run) for registration, context, run in found]


def listed(
    house: "House", institution: InstitutionId, registration: RegistrationId, since: datetime, until: datetime
) -> Sequence[LmsScore] | NotAsked:
    """Return the scores that the platform lists, or why it could not be asked."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        service = house.at(tx).exam_services.get(registration)
    if service is None:
        return NotAsked(
            registration,
            "exam_service_missing",
            "该学习平台没有设置网络服务,不能逐次核对成绩(平台页面可设置)。",
        )

    def call(known: Registration) -> Sequence[LmsScore]:
        lms: ScoresOfLms = house.lms_scores_maker(service.kind)(
            service.base_url, service.token, known.network
        )
        return list(lms.scores(since, until))

    try:
        found = call_platform(house, registration, call)
    except Unavailable as error:
        return NotAsked(registration, error.reason, error.message)
    if isinstance(found, CallFailed):
        return NotAsked(
            registration,
            found.reason,
            SERVICE_FAILURES.get(found.reason, (False, "学习平台没有响应,请稍后再核对。"))[1],
        )
    return found


def compare_scores(house: "House", asked: Asked, registration: RegistrationId, done: Compared) -> None:
    """Add to `done` what is missing of a platform's scores on either side."""
    found = listed(house, asked.institution, registration, asked.since, asked.until)
    if isinstance(found, NotAsked):
        done.not_asked.append(found)
        done.findings += _results_only(house, asked, registration)
        return
    with house.uow.for_institution(asked.institution, read_only=True) as tx:
        stations = house.at(tx)
        lms = LmsReferences(stations.identity, stations.registry_store, house.cipher, asked.institution)
        learners = LearnersOfPlatforms(stations.identity, stations.registry)
        claims = _score_claims(tx, asked, registration)
        there: set[tuple[str, str, str]] = set()
        for score in found:
            try:
                claim = parse_score(parse_batch_message(listed_message(score)).data)
            except InvalidInput as fault:
                done.findings.append(Finding(Gap.SCORE_HERE, registration, "", hindrance=fault.reason))
                continue
            person = lms.person(registration, claim.sub)
            test = None
            if person.learner is not None:
                test = learners.test_unit(registration, claim.resource_link_id, person.learner)
            if person.learner is not None and test is not None:
                there.add((person.learner, test.unit, claim.attempt))
                known = (person.learner, test.unit, claim.attempt) in claims
            else:
                known = False
            if known or stations.inbox.find(f"webhook:{registration}", score.id) is not None:
                continue
            run = None if test is None else str(test.class_run)
            if not asked.wants(run) and person.learner is not None:
                continue
            held = stations.quarantine.holds(f"webhook:{registration}", score.id)
            hindrance = None
            if person.learner is None:
                hindrance = "account_unknown"
            elif test is None:
                hindrance = "unit_unknown"
            done.findings.append(
                Finding(
                    Gap.SCORE_HERE,
                    registration,
                    person.reference,
                    learner=person.learner,
                    class_run=run,
                    unit=None if test is None else test.unit,
                    attempt=claim.attempt,
                    at=rfc3339(claim.finished_real),
                    score=f"{score.data['score']}/{score.data['maximum']}",
                    take=score.id if hindrance is None else None,
                    hindrance=hindrance,
                    held=held,
                )
            )
        done.findings += [
            one for key, one in claims.items() if key not in there and asked.wants(one.class_run)
        ]


def _score_claims(tx: Tx, asked: Asked, registration: RegistrationId) -> dict[tuple[str, str, str], Finding]:
    """Return the scores that the platform's learners have here, by learner, unit and attempt, as gaps to be closed."""
    accounts = dict(
        tx.session.execute(
            select(AccountBindingRow.learner, AccountBindingRow.account_id)
            .join(LmsAccountRow, LmsAccountRow.id == AccountBindingRow.account_id)
            .where(LmsAccountRow.registration_id == registration)
        ).all()
    )
    rows = tx.session.execute(
        select(EventRow.data, EventRow.idempotency_key).where(
            EventRow.institution_id == asked.institution, EventRow.type == SCORE_RECEIVED
        )
    )
    found = {}
    for data, key in rows:
        finished = parse_rfc3339(data["finished_real"])
        # What was read from a gradebook has an attempt of ours, which no list of the platform can name.
        mine = data["learner"] in accounts and str(key).startswith("webhook:")
        if mine and asked.since <= finished < asked.until:
            found[data["learner"], data["unit"], data["attempt"]] = Finding(
                Gap.SCORE_THERE,
                registration,
                accounts[data["learner"]],
                learner=data["learner"],
                class_run=data["class_run"],
                unit=data["unit"],
                attempt=data["attempt"],
                at=data["finished_real"],
                score=f"{data['score']}/{data['maximum']}",
            )
    return found


def _results_only(house: "House", asked: Asked, registration: RegistrationId) -> list[Finding]:
    """Return who has a result in a gradebook that the bridge may read, and no score here: there is nothing to take."""
    with house.uow.for_institution(asked.institution, read_only=True) as tx:
        columns = _columns(house.at(tx), tx, asked, registration)
    service = GradeService(house.service_calls)
    results: list[tuple[str, str, str]] = []
    for link, url in columns:

        def call(known: Registration, link: str = link, url: str = url) -> list[tuple[str, str, str]]:
            return [
                (link, one.user_id, f"{one.score}/{one.maximum}")
                for page in service.results(known, url)
                for one in page.results
                if one.score is not None
            ]

        found = call_platform(house, registration, call)
        if not isinstance(found, CallFailed):
            results += found
    with house.uow.for_institution(asked.institution, read_only=True) as tx:
        return list(_results_without_claim(house, tx, asked, registration, results))


def _columns(
    stations: "Stations", tx: Tx, asked: Asked, registration: RegistrationId
) -> list[tuple[str, str]]:
    """Return (resource link, column) of the tests whose columns launches named."""
    found: dict[str, str] = {}
    for _registration, _context, run in courses(tx, asked):
        course = stations.registry.class_run(ClassRunId(run)).course_id
        sheet = stations.registry_store.course(course)
        for unit in () if sheet is None else sheet.units:
            if unit.activity == "test" and unit.resource_link_id:
                for item in stations.gradebook.of_link(registration, unit.resource_link_id):
                    if item.state is ItemState.OTHER and item.url:
                        found[unit.resource_link_id] = item.url
                        break
    return sorted(found.items())


def _results_without_claim(
    house: "House",
    tx: Tx,
    asked: Asked,
    registration: RegistrationId,
    results: Sequence[tuple[str, str, str]],
) -> Iterator[Finding]:
    stations = house.at(tx)
    lms = LmsReferences(stations.identity, stations.registry_store, house.cipher, asked.institution)
    learners = LearnersOfPlatforms(stations.identity, stations.registry)
    scored = {
        (data["learner"], data["unit"])
        for data in tx.session.scalars(
            select(EventRow.data).where(
                EventRow.institution_id == asked.institution, EventRow.type == SCORE_RECEIVED
            )
        )
    }
    for link, sub, score in results:
        person = lms.person(registration, sub)
        test = None if person.learner is None else learners.test_unit(registration, link, person.learner)
        if person.learner is not None and test is not None and (person.learner, test.unit) in scored:
            continue
        run = None if test is None else str(test.class_run)
        if person.learner is not None and not asked.wants(run):
            continue
        yield Finding(
            Gap.SCORE_HERE,
            registration,
            person.reference,
            learner=person.learner,
            class_run=run,
            unit=None if test is None else test.unit,
            score=score,
            hindrance="account_unknown" if person.learner is None else "attempt_not_told",
        )
