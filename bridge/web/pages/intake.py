"""What was not taken in: things set aside, and the comparison with the LMS. An administrator sees counts alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from bridge.commands.intake_reconcile import facts_of
from bridge.identity.model import MaskedIdentity
from bridge.intake.normalisers import NORMALISERS, family_of
from bridge.intake.quarantine_model import SetAside, State, Step
from bridge.intake.quarantine_tables import IntakeQuarantineRow
from bridge.intake.quarantine_wording import JOBS_ZH, KINDS_ZH, STATES_ZH, STEPS_ZH, explain
from bridge.intake.reconciliation import EXPLANATIONS, Finding, Gap
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import LEGAL_ZONE
from bridge.registry.model import ClassRun
from bridge.registry.tables import InstitutionRow
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.intake_jobs import replay_one
from bridge.wiring.intake_reconcile import compare, take_in
from bridge.wiring.intake_scores import Compared

_MOST_SHOWN = 100
_MOST_AT_ONCE = 200
_MAX_TYPED = 400


@dataclass(frozen=True, slots=True)
class SetAsideView:
    """One thing set aside, with what people read of it."""

    one: SetAside
    source: str
    what: str
    to_do: str
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class IntakePage:
    """What the page shows.

    Args:
        counts: by state; left_out: how many more there are.
        people: masked names by learner; titles: of class runs and units by id; logins: of staff by id.
    """

    shown: Sequence[SetAsideView]
    counts: Mapping[str, int]
    state: State
    left_out: int
    class_runs: Sequence[ClassRun]
    logins: Mapping[str, str]


def intake_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/intake`."""
    pages = Blueprint("intake", __name__, url_prefix="/institution/intake")

    def page(status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        if visit.institution is None:
            return make_response(render_template("intake/overview.html", rows=_overview(house)))
        view = _gather(house, visit.institution, _state_asked())
        shown = render_template(
            "intake/home.html", page=view, kinds=KINDS_ZH, states=STATES_ZH, steps=STEPS_ZH, **form
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution", "administrator")
    def show() -> AnyResponse:
        return page()

    @pages.post("/<quarantine_id>/replay")
    @require_role("institution")
    @rate_limited("60 per minute")
    def replay(quarantine_id: str) -> AnyResponse:
        visit = staff_visit()
        found = replay_one(house, visit.own_institution(), quarantine_id, by=visit.staff_id)
        _tell(found)
        return _back()

    @pages.post("/replay")
    @require_role("institution")
    @rate_limited("6 per minute")
    def replay_all() -> AnyResponse:
        visit = staff_visit()
        institution = visit.own_institution()
        with house.uow.for_institution(institution, read_only=True) as tx:
            waiting = house.at(tx).quarantine.list(limit=_MOST_AT_ONCE)
        tried = [replay_one(house, institution, one.id, by=visit.staff_id) for one in reversed(waiting)]
        taken = sum(one.state is State.TAKEN for one in tried)
        flash(_("已重放 %(all)d 项，其中 %(taken)d 项成功。", all=len(tried), taken=taken))
        return _back()

    @pages.post("/<quarantine_id>/discard")
    @require_role("institution")
    @rate_limited("60 per minute")
    def discard(quarantine_id: str) -> AnyResponse:
        visit = staff_visit()
        note = request.form.get("note", "")[:_MAX_TYPED]
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).quarantine.discard(quarantine_id, by=visit.staff_id, note=note)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(refused.http_status, wrong=refused.message, wrong_at=quarantine_id, typed=note)
        flash(_("已放弃，记录保留，可以撤销。"))
        return _back()

    @pages.post("/<quarantine_id>/restore")
    @require_role("institution")
    @rate_limited("60 per minute")
    def restore(quarantine_id: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).quarantine.restore(quarantine_id, by=visit.staff_id)
        flash(_("已撤销放弃，重新列为待处理。"))
        return _back()

    @pages.get("/compare")
    @require_role("institution")
    @rate_limited("12 per minute", methods=("GET",))
    def compare_with_lms() -> AnyResponse:
        visit = staff_visit()
        compared = _compared(house, visit)
        if request.args.get("format") == "json":
            return jsonify(facts_of(compared))
        return make_response(_comparison(house, visit, compared))

    @pages.post("/compare/take")
    @require_role("institution")
    @rate_limited("6 per minute")
    def take() -> AnyResponse:
        visit = staff_visit()
        compared = _compared(house, visit)
        take_in(house, compared)
        flash(_("已补收 %(count)d 条成绩，稍后按在场记录认定。", count=compared.taken))
        return redirect(url_for("intake.compare_with_lms", **_asked()), code=303)

    return pages


def _back() -> AnyResponse:
    return redirect(url_for("intake.show"), code=303)


def _tell(found: SetAside) -> None:
    if found.state is State.TAKEN:
        flash(_("重放成功。"))
    elif found.job is not None:
        flash(_("任务已重新排队，完成后自动移出本页。"))
    else:
        flash(_("重放没有成功：%(why)s", why=explain(found.reason)[0]))


def _state_asked() -> State:
    try:
        return State(request.args.get("state", State.WAITING.value))
    except ValueError:
        return State.WAITING


def _gather(house: House, institution: InstitutionId, state: State) -> IntakePage:
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        found = stations.quarantine.list(state=state, limit=_MOST_SHOWN)
        counts = stations.quarantine.counts()
        shown = [_view(one, stations.quarantine.steps(one.id)) for one in found]
        staff = {step.by for view in shown for step in view.steps}
        known = [stations.staff.by_id(by) for by in sorted(staff) if by.startswith("staff")]
        runs = stations.registry_store.class_runs()
    return IntakePage(
        shown=shown,
        counts=counts,
        state=state,
        left_out=max(0, counts.get(state, 0) - len(shown)),
        class_runs=runs,
        logins={one.id: one.login for one in known if one is not None},
    )


def _view(one: SetAside, steps: Sequence[Step]) -> SetAsideView:
    family = NORMALISERS.get(family_of(one.source))
    job = JOBS_ZH.get(one.source, "后台任务")
    what, to_do = explain(one.reason)
    return SetAsideView(one, job if family is None else family.name_zh, what, to_do, steps)


def _overview(house: House) -> Sequence[tuple[str, Counter[str]]]:
    """Return (institution's name, how many wait by kind): what an operator needs, and nobody's data."""
    row = IntakeQuarantineRow
    with house.uow.across_institutions("what is set aside, for the administrator", read_only=True) as tx:
        counted = tx.session.execute(
            select(row.institution_id, row.kind, func.count())
            .where(row.state == State.WAITING)
            .group_by(row.institution_id, row.kind)
        ).all()
        names = {one.id: one.name for one in tx.session.scalars(select(InstitutionRow))}
    by: dict[str, Counter[str]] = {}
    for institution, kind, number in counted:
        by.setdefault(names.get(institution, institution), Counter())[kind] += number
    return sorted(by.items())


def _asked() -> dict[str, Any]:
    """Return what the comparison's form asks for, as a link says it again."""
    return {name: request.values[name] for name in ("class_run", "since") if request.values.get(name)}


def _compared(house: House, visit: StaffVisit) -> Compared:
    asked = _asked()
    since = None
    if "since" in asked:
        try:
            day = date.fromisoformat(asked["since"])
        except ValueError as error:
            raise InvalidInput("since_malformed", "请填写核对的起始日期。", http_status=422) from error
        since = datetime.combine(day, time(), LEGAL_ZONE).astimezone(UTC)
    run = asked.get("class_run")
    return compare(
        house, visit.own_institution(), class_run=None if run is None else ClassRunId(run), since=since
    )


def _comparison(house: House, visit: StaffVisit, compared: Compared) -> str:
    people: dict[str, MaskedIdentity] = {}
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        runs = stations.registry_store.class_runs()
        titles = {str(one.id): one.title for one in runs}
        for course in {one.course_id for one in runs}:
            found = stations.registry_store.course(course)
            titles |= {unit.id: unit.title for unit in (() if found is None else found.units)}
        for learner in sorted({one.learner for one in compared.findings[:_MOST_SHOWN] if one.learner}):
            people[learner] = stations.identity.disclose(
                LearnerRef(learner),
                purpose="institution.intake_comparison",
                recipient="培训机构",
                by=visit.staff_id,
            ).masked()
    shown: dict[Gap, list[Finding]] = {}
    for one in compared.findings[:_MOST_SHOWN]:
        shown.setdefault(one.gap, []).append(one)
    return render_template(
        "intake/compare.html",
        compared=compared,
        shown=shown,
        left_out=max(0, len(compared.findings) - _MOST_SHOWN),
        words=EXPLANATIONS,
        hindrances={one.hindrance: explain(one.hindrance)[0] for one in compared.findings if one.hindrance},
        takeable=sum(one.take is not None for one in compared.findings),
        people=people,
        titles=titles,
        class_runs=runs,
        asked=_asked(),
    )
