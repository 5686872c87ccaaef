"""One learner of a class run, for the institution's staff: the account, and proposing that its binding end.

Another member of staff confirms it on the page of the person (`person`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.db.unit_of_work import Tx
from bridge.identity.bindings import Binding, bindings_of
from bridge.identity.change_model import Change, ChangeKind, ChangeState
from bridge.identity.model import (
    OFFERED_RELEASE_REASONS,
    RELEASE_REASONS,
    REVEAL_REASONS,
    MaskedIdentity,
)
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRun
from bridge.supervision.signals_model import SignalView
from bridge.web.pages.lms_courses_view import account_ref
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House


@dataclass(frozen=True, slots=True)
class AccountPage:
    """What the page shows.

    Args:
        bindings: newest first.
        platforms: name by registration; logins: of staff who ended a binding, by staff id.
        signals: about this learner, in this class run.
        release: the end of the binding that waits for a second person.
    """

    run: ClassRun
    learner: LearnerRef
    person: MaskedIdentity
    bindings: Sequence[Binding]
    platforms: Mapping[str, str]
    logins: Mapping[str, str]
    signals: Sequence[SignalView]
    release: Change | None

    @property
    def holds(self) -> Binding | None:
        """The binding that holds, if one does."""
        return next((one for one in self.bindings if one.ended_at is None), None)


def account_release_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/learners/<learner>`."""
    pages = Blueprint(
        "account_release", __name__, url_prefix="/institution/class-runs/<class_run>/learners/<learner>"
    )

    def page(class_run: str, learner: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        view = _gather(house, visit, ClassRunId(class_run), LearnerRef(learner))
        shown = render_template(
            "institution/learner.html",
            page=view,
            reasons=RELEASE_REASONS,
            offered=OFFERED_RELEASE_REASONS,
            reveal_reasons=REVEAL_REASONS,
            account_ref=account_ref,
            **form,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str, learner: str) -> AnyResponse:
        return page(class_run, learner)

    @pages.post("/release")
    @require_role("institution")
    @rate_limited("20 per minute")
    def release(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        reason = request.form.get("reason", "")
        wrong = None
        if reason not in OFFERED_RELEASE_REASONS:
            wrong = _("请选择解绑原因。")
        elif request.form.get("checked") != "1":
            wrong = _("请先核对学员本人的身份，再勾选确认。")
        if wrong:
            return page(class_run, learner, 422, wrong=wrong, typed=reason)
        with house.uow.for_institution(visit.own_institution()) as tx:
            _propose(house, tx, visit, ClassRunId(class_run), LearnerRef(learner), reason)
        flash(_("已提出，等待另一名工作人员确认。"))
        return redirect(url_for("account_release.show", class_run=class_run, learner=learner), code=303)

    return pages


def _propose(
    house: House, tx: Tx, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef, reason: str
) -> None:
    """Keep that the binding is to end."""
    stations = house.at(tx)
    stations.registry.require_enrolled(class_run, learner)
    account = request.form.get("account", "")
    holds = next((one for one in bindings_of(tx, learner) if one.ended_at is None), None)
    # Only what was shown is ended: the person may have bound another account since.
    if holds is None or holds.account_id != account:
        raise InvalidInput("binding_changed", "这名学员的账号绑定刚刚有变化,请刷新页面。", http_status=409)
    stations.changes.propose_release(learner, account, reason=reason, by=visit.staff_id)


def _gather(house: House, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef) -> AccountPage:
    """Return the page; the masked name on it is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        stations.registry.require_enrolled(class_run, learner)
        person = stations.identity.disclose(
            learner, purpose="institution.learner_page", recipient="培训机构", by=visit.staff_id
        ).masked()
        bindings = list(reversed(bindings_of(tx, learner)))
        staff = [stations.staff.by_id(one.by) for one in bindings if one.by]
        signals = [one for one in stations.signals.page(class_run).signals if one.learner == learner]
        platforms = {str(one.id): one.name for one in stations.platforms.all()}
        waiting = [
            one
            for one in stations.changes.of(learner)
            if one.kind is ChangeKind.RELEASE and one.state is ChangeState.PROPOSED
        ]
    logins = {one.id: one.login for one in staff if one is not None}
    return AccountPage(run, learner, person, bindings, platforms, logins, signals, next(iter(waiting), None))
