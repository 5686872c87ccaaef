"""Reviews of checks for the institution's staff: the queue, one case with its faces side by side, two people's word."""

from collections.abc import Callable

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef
from bridge.presence.review.model import APPEAL_REASONS, DECISIONS, SEND_BACK_REASONS, Review
from bridge.presence.review.service import Reviews
from bridge.web.pages import review_words
from bridge.web.pages.reviews_view import case_page, learner_checks, queue_page
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.review_desk import show_face

_MAX_ID = 40


def review_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/reviews…` and `/institution/class-runs/<id>/learners/<learner>/checks`."""
    pages = Blueprint("reviews", __name__, url_prefix="/institution")

    def step(review: str, do: Callable[[Reviews, StaffVisit], Review], said: str) -> AnyResponse:
        """Do one step of a case and go back to it; what is refused is told by the error page."""
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            do(house.at(tx).reviews, visit)
        flash(said)
        return redirect(url_for("reviews.show", review=review, class_run=_chosen()), code=303)

    @pages.get("/reviews")
    @require_role("institution")
    def queue() -> AnyResponse:
        page = queue_page(house, staff_visit(), _chosen())
        return make_response(render_template("review/queue.html", page=page, words=review_words))

    @pages.get("/reviews/<review>")
    @require_role("institution")
    def show(review: str) -> AnyResponse:
        visit = staff_visit()
        page = case_page(house, visit, review[:_MAX_ID], _chosen())
        shown = render_template(
            "review/case.html",
            page=page,
            visit=visit,
            words=review_words,
            decisions=DECISIONS,
            send_back_reasons=SEND_BACK_REASONS,
            appeal_reasons=APPEAL_REASONS,
            filter=_filter(),
        )
        return make_response(shown)

    @pages.get("/reviews/<review>/faces/<face>")
    @require_role("institution")
    @rate_limited("300 per minute", methods=("GET", "HEAD"))
    def face(review: str, face: str) -> AnyResponse:
        visit = staff_visit()
        picture = show_face(
            house, visit.own_institution(), review[:_MAX_ID], face[:_MAX_ID], by=visit.staff_id
        )
        answer = make_response(picture)
        answer.mimetype = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        return answer

    @pages.post("/reviews/<review>/decide")
    @require_role("institution")
    @rate_limited("120 per minute")
    def decide(review: str) -> AnyResponse:
        reason = request.form.get("reason", "")
        said = _("已记下您的判断，等待另一名工作人员确认。确认前可以撤销。")
        return step(review, lambda reviews, visit: reviews.decide(review, reason, visit.staff_id), said)

    @pages.post("/reviews/<review>/undo")
    @require_role("institution")
    @rate_limited("120 per minute")
    def undo(review: str) -> AnyResponse:
        said = _("已撤销，这件复核回到待复核。")
        return step(review, lambda reviews, visit: reviews.undo(review, visit.staff_id), said)

    @pages.post("/reviews/<review>/send-back")
    @require_role("institution")
    @rate_limited("120 per minute")
    def send_back(review: str) -> AnyResponse:
        reason = request.form.get("reason", "")
        said = _("已退回，这件复核须重新判断。")
        return step(review, lambda reviews, visit: reviews.send_back(review, reason, visit.staff_id), said)

    @pages.post("/reviews/<review>/confirm")
    @require_role("institution")
    @rate_limited("120 per minute")
    def confirm(review: str) -> AnyResponse:
        said = _("已确认，结果为最终结果。需要更正的，稍后记入学员台账。")
        return step(review, lambda reviews, visit: reviews.confirm(review, visit.staff_id), said)

    @pages.get("/class-runs/<class_run>/learners/<learner>/checks")
    @require_role("institution")
    def checks(class_run: str, learner: str) -> AnyResponse:
        page = learner_checks(house, staff_visit(), ClassRunId(class_run), LearnerRef(learner))
        return make_response(render_template("review/learner_checks.html", page=page, words=review_words))

    @pages.post("/class-runs/<class_run>/learners/<learner>/checks/<check>/review")
    @require_role("institution")
    @rate_limited("30 per minute")
    def open_case(class_run: str, learner: str, check: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            stations = house.at(tx)
            stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
            opened = stations.reviews.open_by_staff(
                LearnerRef(learner), ClassRunId(class_run), CheckId(check[:_MAX_ID]), visit.staff_id
            )
        flash(_("已提请复核。"))
        return redirect(url_for("reviews.show", review=opened.id), code=303)

    return pages


def _chosen() -> ClassRunId | None:
    chosen = request.args.get("class_run", "")[:_MAX_ID]
    return ClassRunId(chosen) if chosen else None


def _filter() -> dict[str, str]:
    chosen = _chosen()
    return {} if chosen is None else {"class_run": chosen}
