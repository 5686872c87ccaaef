"""The page on which staff supervise learners of a class run who do without a face: begin, confirm, end."""

from dataclasses import dataclass

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.model import MaskedIdentity
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.presence.supervised import MODES_ZH, SupervisedStretch
from bridge.registry.model import ClassRun
from bridge.web.pages.learner_view import Way, way_of
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 40
_MOST = 200


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One learner of the class run.

    Args:
        way: see `learner_view.way_of`; `stretch`: what nobody has ended yet; minutes_left: until staff are to confirm.
    """

    learner: LearnerRef
    person: MaskedIdentity
    way: Way
    stretch: SupervisedStretch | None
    minutes_left: int


def supervision_desk_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/supervision`."""
    pages = Blueprint(
        "supervision_desk", __name__, url_prefix="/institution/class-runs/<class_run>/supervision"
    )

    def page(class_run: str, status: int = 200, **form: object) -> AnyResponse:
        visit = staff_visit()
        run, rows = _rows(house, visit, ClassRunId(class_run))
        shown = render_template(
            "institution/supervision.html",
            run=run,
            running=[row for row in rows if row.stretch is not None],
            others=sorted(
                (row for row in rows if row.stretch is None), key=lambda row: row.way != "supervised"
            ),
            modes=MODES_ZH,
            **form,
        )
        return make_response(shown, status)

    def back(class_run: str) -> AnyResponse:
        return redirect(url_for("supervision_desk.show", class_run=class_run), code=303)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return page(class_run)

    @pages.post("")
    @require_role("institution")
    def start(class_run: str) -> AnyResponse:
        visit = staff_visit()
        learners = [LearnerRef(ref[:_MAX_TYPED]) for ref in request.form.getlist("learner")[:_MOST]]
        try:
            if not learners:
                raise InvalidInput("learner_missing", "请先勾选要监督的学员。")
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                enrolled = set(stations.registry.enrolled(ClassRunId(class_run)))
                for learner in learners:
                    if learner not in enrolled:
                        raise InvalidInput("learner_unknown", "学员不在本班次,请刷新页面。", http_status=404)
                    stations.supervised.start(
                        learner,
                        ClassRunId(class_run),
                        mode=request.form.get("mode", "")[:_MAX_TYPED],
                        by=visit.staff_id,
                        card_checked=request.form.get("card_checked") == "1",
                    )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, refused.http_status, wrong=refused.message, ticked=learners)
        flash(_("已开始监督 %(count)d 人。学员现在可以打开学习或考试页面。", count=len(learners)))
        return back(class_run)

    @pages.post("/confirm")
    @require_role("institution")
    @rate_limited("60 per minute")
    def confirm(class_run: str) -> AnyResponse:
        """Take the word of staff for each learner that is ticked; one that lapsed is told, the others count."""
        visit, late = staff_visit(), 0
        ticked = request.form.getlist("stretch")[:_MOST]
        seen = request.form.get("do") != "abandon"
        for stretch in ticked:
            with house.uow.for_institution(visit.own_institution()) as tx:
                supervised = house.at(tx).supervised
                if request.form.get("do") in ("end", "abandon"):
                    supervised.stop(stretch[:_MAX_TYPED], ClassRunId(class_run), visit.staff_id, seen=seen)
                    continue
                try:
                    supervised.attest(stretch[:_MAX_TYPED], ClassRunId(class_run), visit.staff_id)
                except InvalidInput as refused:
                    if refused.reason != "supervision_lapsed":
                        raise
                    late += 1
        if not ticked:
            flash(_("请先勾选学员。"))
        elif late:
            flash(_("%(count)d 人距上次确认太久，须重新核对证件后再开始。", count=late))
        else:
            flash(_("已记录 %(count)d 人。", count=len(ticked)))
        return back(class_run)

    return pages


def _rows(house: House, visit: StaffVisit, class_run: ClassRunId) -> tuple[ClassRun, list[DeskRow]]:
    """Return the class run and its learners; each masked name is a logged disclosure."""
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        accounts = SqlIdentityStore(tx, house.cipher)
        stretches = {one.learner: one for one in stations.supervised.of_class_run(class_run)}
        now_ms = epoch_ms(house.study_clock.now())
        rows = []
        for learner in stations.registry.enrolled(class_run):
            person = stations.identity.disclose(
                learner,
                purpose="institution.supervision_page",
                recipient=visit.login,
                by=visit.staff_id,
            ).masked()
            owner = accounts.owner(learner)
            found = stretches.get(learner)
            left = 0 if found is None else max(0, (found.attest_by_ms - now_ms) // 60_000)
            rows.append(
                DeskRow(learner, person, "" if owner is None else way_of(stations, owner), found, left)
            )
    return run, rows
