"""The institution's page on which staff see a learner with the card, and take two frames of who stands there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.model import DOCUMENTS_ZH, DocumentKind, MaskedIdentity
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.card_checks import FRAMES_NEEDED, CardCheck, CardCheckState, Place
from bridge.presence.face import MAX_FRAME_BYTES
from bridge.registry.model import ClassRun
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.card_checks import (
    add_place,
    check_of,
    confirm_card_check,
    open_card_check,
    take_card_frame,
)

_MAX_TYPED = 60
STATES_ZH = {
    CardCheckState.OPEN: "正在核对",
    CardCheckState.SEEN: "待另一名工作人员核对护照和本人",
    CardCheckState.ANCHORED: "已核对完成",
    CardCheckState.FAILED: "没有通过",
    CardCheckState.EXPIRED: "超时未完成",
    CardCheckState.GIVEN_UP: "已放弃",
}
_AT_THE_CAMERA = {
    CardCheckState.OPEN: "请正对摄像头,拍下一张。",
    CardCheckState.SEEN: "两张照片都与登记的人脸一致。护照须另一名工作人员再核对一次。",
    CardCheckState.ANCHORED: "核对完成,这名学员的学时不再是暂记。",
    CardCheckState.FAILED: "照片与登记的人脸不一致或无法使用,没有通过。请先核实镜头前是不是本人。",
    CardCheckState.EXPIRED: "这次核对超时了,请重新开始。",
    CardCheckState.GIVEN_UP: "这次核对已结束,请重新开始。",
}


@dataclass(frozen=True, slots=True)
class CardCheckPage:
    """What the page shows.

    Args:
        standing: of the face reference: "none", "open" or "anchored".
        newest: the learner's last check, if there was one; document: its document in Chinese.
        logins: of the staff who made it, by staff id.
    """

    run: ClassRun
    learner: LearnerRef
    person: MaskedIdentity
    consented: bool
    standing: str
    places: Sequence[Place]
    newest: CardCheck | None
    document: str
    logins: Mapping[str, str]

    @property
    def may_open(self) -> bool:
        """Whether a check can be begun now."""
        return self.consented and self.standing == "open"


def card_check_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/learners/<learner>/card-check`."""
    pages = Blueprint(
        "card_check",
        __name__,
        url_prefix="/institution/class-runs/<class_run>/learners/<learner>/card-check",
    )

    def page(class_run: str, learner: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        view = _gather(house, visit, ClassRunId(class_run), LearnerRef(learner))
        shown = render_template(
            "institution/card_check.html",
            page=view,
            visit=visit,
            states=STATES_ZH,
            needed=FRAMES_NEEDED,
            **form,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str, learner: str) -> AnyResponse:
        return page(class_run, learner)

    @pages.post("/places")
    @require_role("institution")
    @rate_limited("20 per minute")
    def new_place(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                add_place(house, tx, request.form.get("title", "")[: _MAX_TYPED + 1], by=visit.staff_id)
        except InvalidInput as refused:
            return page(class_run, learner, refused.http_status, wrong_place=refused.message)
        flash(_("已加入核对地点名单。"))
        return _back(class_run, learner)

    @pages.post("/places/<place>/close")
    @require_role("institution")
    def close_place(class_run: str, learner: str, place: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution()) as tx:
            house.at(tx).card_checks.close_place(place)
        flash(_("已从名单中移除，以前的记录不变。"))
        return _back(class_run, learner)

    @pages.post("")
    @require_role("institution")
    @rate_limited("30 per minute")
    def begin(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        if request.form.get("seen") != "1":
            return page(class_run, learner, 422, wrong=_("请先当面核对本人和证件，再勾选确认。"))
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                check, nonce = open_card_check(
                    house,
                    tx,
                    ClassRunId(class_run),
                    LearnerRef(learner),
                    card_number=request.form.get("card_number", "")[:_MAX_TYPED],
                    place_id=request.form.get("place", "")[:_MAX_TYPED],
                    by=visit.staff_id,
                )
        except (InvalidInput, NotPermitted) as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, learner, refused.http_status, wrong=refused.message)
        return page(class_run, learner, taking=check, nonce=nonce)

    @pages.post("/<check>/frames")
    @require_role("institution")
    @rate_limited("60 per minute")
    def take_frame(class_run: str, learner: str, check: str) -> Response:
        visit = staff_visit()
        if request.mimetype != "image/jpeg":
            raise InvalidInput("media_type", "照片须为 image/jpeg。", http_status=415)
        if (request.content_length or 0) > MAX_FRAME_BYTES:
            raise InvalidInput("body_too_large", "照片不能超过 512 KB，请重新拍摄。", http_status=413)
        jpeg = request.get_data(cache=False)
        with house.uow.for_institution(visit.own_institution()) as tx:
            found = check_of(house, tx, ClassRunId(class_run), LearnerRef(learner), check)
            nonce = request.headers.get("X-Card-Check-Nonce", "")[:_MAX_TYPED]
            following = take_card_frame(house, tx, found, nonce, jpeg, by=visit.staff_id)
        return jsonify({"nonce": following, "pending": True, "message": _("正在核对照片，请稍候。")})

    @pages.get("/<check>")
    @require_role("institution")
    def state(class_run: str, learner: str, check: str) -> Response:
        with house.uow.for_institution(staff_visit().own_institution()) as tx:
            found = check_of(house, tx, ClassRunId(class_run), LearnerRef(learner), check)
        ongoing = found.state is CardCheckState.OPEN
        said = found.message if ongoing and found.message else _(_AT_THE_CAMERA[found.state])
        return jsonify(
            {
                "state": found.state.value,
                "pending": found.waiting and ongoing,
                "matched": found.matched,
                "needed": FRAMES_NEEDED,
                "message": said,
            }
        )

    @pages.post("/<check>/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def confirm(class_run: str, learner: str, check: str) -> AnyResponse:
        visit = staff_visit()
        if request.form.get("seen") != "1":
            return page(class_run, learner, 422, wrong_second=_("请先当面核对本人和护照，再勾选确认。"))
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                found = check_of(house, tx, ClassRunId(class_run), LearnerRef(learner), check)
                number = request.form.get("card_number", "")[:_MAX_TYPED]
                confirm_card_check(house, tx, found, card_number=number, by=visit.staff_id)
        except (InvalidInput, NotPermitted) as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, learner, refused.http_status, wrong_second=refused.message)
        flash(_("两名工作人员都已核对，这名学员的学时不再是暂记。"))
        return _back(class_run, learner)

    @pages.post("/<check>/give-up")
    @require_role("institution")
    def give_up(class_run: str, learner: str, check: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution()) as tx:
            found = check_of(house, tx, ClassRunId(class_run), LearnerRef(learner), check)
            house.at(tx).card_checks.give_up(found.id)
        flash(_("这次核对已放弃。"))
        return _back(class_run, learner)

    return pages


def _back(class_run: str, learner: str) -> AnyResponse:
    return redirect(url_for("card_check.show", class_run=class_run, learner=learner), code=303)


def _gather(house: House, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef) -> CardCheckPage:
    """Return the page; the masked name on it is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        stations.registry.require_enrolled(class_run, learner)
        person = stations.identity.disclose(
            learner, purpose="institution.card_check_page", recipient="培训机构", by=visit.staff_id
        ).masked()
        newest = stations.card_checks.newest(learner, class_run)
        reference = stations.presence_store.reference(learner, class_run)
        if reference is None or not reference.is_of(house.recogniser):
            standing = "none"
        else:
            standing = "open" if reference.anchored_ms is None else "anchored"
        staff = [] if newest is None else [newest.opened_by, newest.confirmed_by]
        accounts = [stations.staff.by_id(one) for one in staff if one]
        return CardCheckPage(
            run=run,
            learner=learner,
            person=person,
            consented=stations.identity.may_process_face(learner),
            standing=standing,
            places=stations.card_checks.places(),
            newest=newest,
            document="" if newest is None else DOCUMENTS_ZH[DocumentKind(newest.document)],
            logins={one.id: one.login for one in accounts if one is not None},
        )
