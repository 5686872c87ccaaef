"""One learner's file as the read API gives it: what the authority's page shows, without the pictures."""

from typing import Any

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.rules.model import NoRuleInForce
from bridge.supervision.api_tokens import ApiCaller
from bridge.supervision.scope import Scope
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.store import SqlSupervisionStore
from bridge.web.api import shapes
from bridge.web.pages.progress import join
from bridge.web.pages.wording import source
from bridge.wiring import House
from bridge.wiring.api import masked_people, scope_of_owner


def learner_file(
    house: House, tx: Tx, caller: ApiCaller, class_run: ClassRunId, learner: LearnerRef, purpose: str
) -> shapes.LearnerFile:
    """Return one learner of one class run; the look is logged with its purpose.

    Raises:
        InvalidInput("not_in_area"): of another area, or of none.
    """
    scope: Scope = scope_of_owner(house, tx, caller.owner)
    store = SqlSupervisionStore(scope)
    row = next((one for one in store.learner(learner) if one.class_run == class_run), None)
    if row is None:
        raise not_in_area()
    person = masked_people(house, [(row.institution_id, learner)], caller, purpose).get(learner)
    if person is None:
        raise not_in_area()
    return shapes.LearnerFile(
        learner=learner,
        class_run=class_run,
        person=shapes.Person(name=person.name, citizen_id=person.citizen_id, employer=person.employer),
        enrolled_on=row.enrolled_on,
        online_class_hours=row.online_class_hours,
        offline_class_hours=row.offline_class_hours,
        **_timeline(house, row.institution_id, learner, class_run),
        checks=[
            shapes.Check(
                check=one.id,
                kind=one.kind,
                state=one.state,
                due_ms=one.due_ms,
                decided_ms=one.decided_ms,
                session=one.session,
            )
            for one in store.checks(learner, class_run)
        ],
        tests=[
            shapes.Test(
                unit=one.unit,
                attempt=one.attempt,
                score=one.score,
                maximum=one.maximum,
                accepted=one.accepted,
                reasons=list(one.reasons),
                decided_at=one.decided_at,
            )
            for one in store.tests(learner, class_run)
        ],
        papers=[one.number for one in row.papers],
        records=[
            shapes.LearnerRecord(
                kind=one.kind, number=one.number, revision=one.revision, state=one.state, reason=one.reason
            )
            for one in store.records(learner, class_run)
        ],
        signals=[
            shapes.LearnerSignal(
                kind=one.kind.value,
                title=one.explanation.title,
                raised_at=one.raised_at,
                acknowledged=one.acknowledgement is not None,
            )
            for one in SqlAreaSignals(scope).of_learner(learner, class_run)
        ],
    )


def not_in_area() -> InvalidInput:
    """Return the answer to whoever asks for what lies elsewhere: it does not exist."""
    return InvalidInput("not_in_area", "本辖区没有这条记录。", http_status=404)


def _timeline(
    house: House, institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId
) -> dict[str, Any]:
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        try:
            earned = stations.hours.earned(learner, class_run)
        except NoRuleInForce as error:
            return {"timeline": None, "stopped": error.message}
    statement = earned.seconds
    figures = statement.figures
    return {
        "timeline": shapes.Timeline(
            credited_seconds=figures.credited_seconds,
            provisional_seconds=figures.provisional_seconds,
            refused_seconds=figures.refused_seconds_total,
            ledger_head=earned.ledger_head,
            stretches=[
                shapes.Stretch(
                    start_ms=one.start_ms,
                    end_ms=one.end_ms,
                    unit=one.unit,
                    session=one.session,
                    verdict=one.verdict.value,
                    reason=one.reason,
                )
                for one in join(statement.timeline)
            ],
            reasons=[
                shapes.Reason(code=code, sentence=reason.sentence_zh, source=source(reason))
                for code, reason in sorted(statement.reasons.items())
            ],
        ),
        "stopped": None,
    }
