"""One person's record for the institution's staff: dated versions, merged records, the history of accounts.

Names, numbers and employers are masked; what a second person confirms they type off the evidence themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.db.unit_of_work import Tx
from bridge.identity.bindings import Binding, bindings_of
from bridge.identity.change_model import (
    EVIDENCE_ZH,
    KINDS_ZH,
    STATES_ZH,
    VERSIONS,
    Change,
    ChangeKind,
    ChangeState,
)
from bridge.identity.changes import MAX_EVIDENCE_BYTES
from bridge.identity.model import (
    FACE_RESET_REASONS,
    RELEASE_REASONS,
    UNMERGE_REASONS,
    DisclosedIdentity,
    MaskedIdentity,
    mask_citizen_id,
    mask_name,
)
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRun
from bridge.web.pages.lms_courses_view import account_ref
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role, takes_scan
from bridge.web.sessions import end_sessions_of_account
from bridge.wiring import House
from bridge.wiring.deletion import PURPOSES_ZH
from bridge.wiring.face_reset import propose_face_reset
from bridge.wiring.merge_undone import LeftOver, give_back_places, left_over
from bridge.wiring.person_changes import confirm_change, propose_merge

_MAX_TYPED = 120
_OFFERED = ("new_card", "household_register", "public_security", "immigration", "employer_letter",
            "labour_contract", "roster_error")  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordOfPerson:
    """One record of the human: its accounts, newest first."""

    learner: LearnerRef
    masked: MaskedIdentity
    goes_on: bool
    bindings: Sequence[Binding]


@dataclass(frozen=True, slots=True)
class PersonPage:
    """What the page shows.

    Args:
        records: the one that goes on first.
        changes: newest first.
        face_anchored: whether a face is registered in this class run that is known to be the person's.
        left: what each undone merge into this record leaves to staff, newest first.
        logins: of staff, by staff id; platforms: name by registration.
    """

    run: ClassRun
    learner: LearnerRef
    person: MaskedIdentity
    records: Sequence[RecordOfPerson]
    changes: Sequence[Change]
    face_anchored: bool
    left: Sequence[LeftOver]
    logins: Mapping[str, str]
    platforms: Mapping[str, str]

    @property
    def goes_on(self) -> bool:
        """Whether this record is the one that goes on."""
        return self.records[0].learner == self.learner


def person_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/learners/<learner>/person`."""
    pages = Blueprint(
        "person", __name__, url_prefix="/institution/class-runs/<class_run>/learners/<learner>/person"
    )

    def page(class_run: str, learner: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            view = _gather(house, tx, visit, ClassRunId(class_run), LearnerRef(learner))
        shown = render_template(
            "institution/person.html",
            page=view,
            visit=visit,
            kinds=KINDS_ZH,
            states=STATES_ZH,
            evidence=EVIDENCE_ZH,
            offered=_OFFERED,
            versions=[kind.value for kind in ChangeKind if kind in VERSIONS],
            reasons={**RELEASE_REASONS, **UNMERGE_REASONS, **FACE_RESET_REASONS},
            unmerge_reasons=UNMERGE_REASONS,
            face_reset_reasons=FACE_RESET_REASONS,
            purposes=PURPOSES_ZH,
            masked=masked_value,
            account_ref=account_ref,
            **form,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str, learner: str) -> AnyResponse:
        return page(class_run, learner)

    @pages.post("/versions")
    @require_role("institution")
    @rate_limited("20 per minute")
    @takes_scan
    def propose(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            kind, from_date = _kind(), _day()
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
                stations.changes.propose_version(
                    kind,
                    LearnerRef(learner),
                    value=_typed("value"),
                    from_date=from_date,
                    evidence_kind=_typed("evidence_kind"),
                    evidence=_file(),
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, learner, 422, wrong=refused.message)
        flash(_("已提出，等待另一名工作人员确认。确认前可以撤回。"))
        return _back(class_run, learner)

    @pages.post("/merge")
    @require_role("institution")
    @rate_limited("20 per minute")
    @takes_scan
    def merge(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
                number, content = _typed("other_number"), _file()
                propose_merge(house, tx, LearnerRef(learner), number, evidence=content, by=visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, learner, 422, wrong_merge=refused.message)
        flash(_("已提出，等待另一名工作人员确认。确认前可以撤回。"))
        return _back(class_run, learner)

    @pages.post("/unmerge")
    @require_role("institution")
    @rate_limited("20 per minute")
    @takes_scan
    def unmerge(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
                stations.changes.propose_unmerge(
                    LearnerRef(learner),
                    LearnerRef(_typed("other")),
                    reason=_typed("reason"),
                    evidence=_file(),
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, learner, 422, wrong_unmerge=refused.message)
        flash(_("已提出，等待另一名工作人员确认。确认前可以撤回。"))
        return _back(class_run, learner)

    @pages.post("/face-reset")
    @require_role("institution")
    @rate_limited("20 per minute")
    def face_reset(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            if request.form.get("checked") != "1":
                raise InvalidInput("not_checked", "请先核对学员本人，再勾选确认。", http_status=422)
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
                propose_face_reset(
                    stations,
                    LearnerRef(learner),
                    ClassRunId(class_run),
                    reason=_typed("reason"),
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, learner, refused.http_status, wrong_face=refused.message)
        flash(_("已提出，等待另一名工作人员确认。确认前可以撤回。"))
        return _back(class_run, learner)

    @pages.post("/changes/<change>/<word>")
    @require_role("institution")
    @rate_limited("30 per minute")
    def decide(class_run: str, learner: str, change: str, word: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                found = _change(house, tx, class_run, learner, change)
                changes, by = house.at(tx).changes, visit.staff_id
                if word == "confirm":
                    if request.form.get("checked") != "1":
                        raise InvalidInput("not_checked", "请先核对证明材料，再勾选确认。", http_status=422)
                    typed = _typed("value")
                    confirm_change(
                        house, tx, change, by=by, typed=typed, end_sessions=end_sessions_of_account
                    )
                    said = _("已确认。")
                elif word == "withdraw":
                    changes.withdraw(change, by=by)
                    said = _("已撤回。")
                elif word == "refuse":
                    changes.refuse(change, by=by)
                    said = _("已记为不予确认。")
                elif word == "give-back" and _undid(found):
                    given = give_back_places(house, tx, found)
                    said = _("已归还 %(count)s 个报名。", count=given)
                else:
                    raise InvalidInput("not_found", "没有找到这个页面,请检查网址。", http_status=404)
        except (InvalidInput, NotPermitted) as refused:
            if refused.http_status == 404:
                raise
            return page(
                class_run, learner, refused.http_status, wrong_change=change, wrong_said=refused.message
            )
        flash(said)
        return _back(class_run, learner)

    @pages.get("/changes/<change>/evidence")
    @require_role("institution")
    @rate_limited("30 per minute", methods=("GET",))
    def evidence(class_run: str, learner: str, change: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            found = _change(house, tx, class_run, learner, change)
            stations = house.at(tx)
            content = stations.changes.file(found)
            stations.identity.disclose(
                LearnerRef(learner),
                purpose="institution.change_evidence",
                recipient="培训机构",
                by=visit.staff_id,
                what="identity_evidence",
            )
        answer = make_response(content)
        answer.headers["Content-Type"] = found.evidence_type
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Content-Disposition"] = f'attachment; filename="{found.id}"'
        return answer

    return pages


def _undid(change: Change) -> bool:
    return change.kind is ChangeKind.UNMERGE and change.state is ChangeState.CONFIRMED


def masked_value(change: Change) -> str:
    """Return a version's value as pages show it."""
    if change.kind in (ChangeKind.DOCUMENT, ChangeKind.MERGE, ChangeKind.UNMERGE):
        return mask_citizen_id(change.value)
    return mask_name(change.value) if change.kind is ChangeKind.NAME else change.value


def _back(class_run: str, learner: str) -> AnyResponse:
    return redirect(url_for("person.show", class_run=class_run, learner=learner), code=303)


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()[:_MAX_TYPED]


def _kind() -> ChangeKind:
    typed = _typed("kind")
    if typed not in {kind.value for kind in VERSIONS}:
        raise InvalidInput("change_kind_unknown", "请选择要变更的内容。", http_status=422)
    return ChangeKind(typed)


def _day() -> date:
    try:
        return date.fromisoformat(_typed("from_date"))
    except ValueError as error:
        raise InvalidInput("from_date_unlikely", "请填写生效日期。", http_status=422) from error


def _file() -> bytes:
    sent = request.files.get("evidence")
    if sent is None:
        return b""
    content: bytes = sent.read(MAX_EVIDENCE_BYTES + 1)
    sent.close()
    return content


def _change(house: House, tx: Tx, class_run: str, learner: str, change_id: str) -> Change:
    """Return a change of this learner's record; InvalidInput("change_unknown") for any other."""
    stations = house.at(tx)
    stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
    found = stations.changes.get(change_id)
    if found.learner != learner:
        raise InvalidInput("change_unknown", "没有这项变更,请刷新页面。", http_status=404)
    return found


def _gather(
    house: House, tx: Tx, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef
) -> PersonPage:
    """Return the page; each masked name on it is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    stations = house.at(tx)
    run = stations.registry.class_run(class_run)
    stations.registry.require_enrolled(class_run, learner)

    def disclosed(record: LearnerRef) -> DisclosedIdentity:
        return stations.identity.disclose(
            record, purpose="institution.person_page", recipient="培训机构", by=visit.staff_id
        )

    found = stations.changes.records_of(learner)
    records = [
        RecordOfPerson(one, disclosed(one).masked(), one == found[0], list(reversed(bindings_of(tx, one))))
        for one in found
    ]
    changes = list(reversed(stations.changes.of(learner)))
    staff = {by for one in changes for by in (one.proposed_by, one.decided_by) if by}
    staff |= {binding.by for record in records for binding in record.bindings if binding.by}
    accounts = [stations.staff.by_id(one) for one in staff]
    own = next(record for record in records if record.learner == learner)
    face = stations.presence_store.reference(learner, class_run)
    return PersonPage(
        run=run,
        learner=learner,
        person=own.masked,
        records=records,
        changes=changes,
        face_anchored=face is not None and face.anchored_ms is not None,
        left=[left_over(house, tx, one) for one in changes if _undid(one) and one.learner == learner],
        logins={one.id: one.login for one in accounts if one is not None},
        platforms={str(one.id): one.name for one in stations.platforms.all()},
    )
