"""The learner's pages: consent, real name, face, progress, papers. All after a launch from the LMS."""

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.model import IssuedPaper
from bridge.identity.consent import FACE, FACE_CONSENT, PHOTO_TO_SOURCE, SUPERVISED, SUPERVISED_TEXT
from bridge.kernel.errors import InvalidInput
from bridge.presence.face import MAX_FRAME_BYTES
from bridge.presence.supervised import MODES_ZH
from bridge.rules.model import Reason
from bridge.web.pages.learner_view import gather, gather_progress
from bridge.web.pages.paper_file import known_paper, paper_file, paper_picture
from bridge.web.pages.real_name_view import name_standing
from bridge.web.pages.visitors import LearnerVisit, learner_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 80
_FIELD_OF = {
    "name_malformed": "name",
    "name_mismatch": "name",
    "name_variant": "name",
    "citizen_id_malformed": "citizen_id",
    "citizen_id_check_digit": "citizen_id",
    "not_on_enrolment_list": "citizen_id",
    "real_name_no_record": "citizen_id",
}
_OPEN = frozenset({"real_name_pending", "real_name_staff_check"})
"""Nothing is wrong with what was typed: the page says where it stands."""


def learner_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner…`."""
    pages = Blueprint("learner", __name__, url_prefix="/learner")

    def page(visit: LearnerVisit, status: int = 200, **form: object) -> AnyResponse:
        view = gather(house, visit)
        shown = render_template(
            "learner/home.html",
            page=view,
            visit=visit,
            consent=FACE_CONSENT,
            other_way=SUPERVISED_TEXT,
            modes=MODES_ZH,
            real_name=name_standing(house, visit),
            **form,
        )
        return make_response(shown, status)

    def visit_now() -> LearnerVisit:
        """Return the visitor, whose real name a job or a member of staff may have confirmed meanwhile."""
        visit = learner_visit()
        if visit.learner is not None:
            return visit
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            learner = house.at(tx).identity.owner_of_account(visit.account_id)
        if learner is not None:
            session["learner"] = learner
        return learner_visit()

    @pages.get("")
    @require_role("learner")
    def home() -> AnyResponse:
        return page(visit_now())

    @pages.get("/real-name")
    @require_role("learner")
    def real_name_standing() -> AnyResponse:
        visit = visit_now()
        standing = name_standing(house, visit)
        answer = make_response(render_template("learner/real_name.html", real_name=standing))
        if visit.learner is not None or standing.state != "pending":
            answer.headers["HX-Refresh"] = "true"
        return answer

    @pages.post("/consent")
    @require_role("learner")
    def give_consent() -> AnyResponse:
        visit = learner_visit()
        with house.uow.for_institution(visit.institution) as tx:
            house.at(tx).identity.give_consent(
                visit.account_id, FACE, request.form.get("version", "")[:_MAX_TYPED]
            )
        return redirect(url_for("learner.home", _anchor="step-real_name"), code=303)

    @pages.post("/consent/revoke")
    @require_role("learner")
    def revoke_consent() -> AnyResponse:
        visit = learner_visit()
        with house.uow.for_institution(visit.institution) as tx:
            house.at(tx).withdraw_faces(visit.account_id)
        return redirect(url_for("learner.home", _anchor="step-consent"), code=303)

    @pages.post("/supervised")
    @require_role("learner")
    def choose_supervision() -> AnyResponse:
        visit = learner_visit()
        version = request.form.get("version", "")[:_MAX_TYPED]
        with house.uow.for_institution(visit.institution) as tx:
            house.at(tx).identity.give_consent(visit.account_id, SUPERVISED, version)
        return redirect(url_for("learner.home", _anchor="step-real_name"), code=303)

    @pages.post("/real-name")
    @require_role("learner")
    @rate_limited("20 per hour", key=lambda: f"account:{session['account_id']}")
    def verify_real_name() -> AnyResponse:
        visit = learner_visit()
        typed = {name: request.form.get(name, "")[:_MAX_TYPED] for name in ("name", "citizen_id")}
        photo_version = request.form.get("photo_consent", "")[:_MAX_TYPED]
        with house.uow.for_institution(visit.institution) as tx:
            identity = house.at(tx).identity
            if photo_version:
                identity.give_consent(visit.account_id, PHOTO_TO_SOURCE, photo_version)
            decision = identity.verify_real_name(
                visit.account_id, visit.class_run, typed["name"], typed["citizen_id"]
            )
        if {reason.code for reason in decision.reasons} & _OPEN:
            return redirect(url_for("learner.home", _anchor="step-real_name"), code=303)
        if decision.value is None:
            return page(visit, 422, typed=typed, wrong=_by_field(decision.reasons))
        session["learner"] = decision.value
        return redirect(url_for("learner.home", _anchor="step-face"), code=303)

    @pages.get("/progress")
    @require_role("learner")
    def progress() -> str:
        visit = learner_visit()
        seen, hours, papers = gather_progress(house, visit)
        return render_template("learner/progress.html", progress=seen, hours=hours, papers=papers)

    @pages.get("/face")
    @require_role("learner")
    def face() -> AnyResponse:
        visit = learner_visit()
        view = gather(house, visit)
        if view.way != "face" or view.no_faces or view.steps["real_name"] != "done":
            return redirect(url_for("learner.home"), code=303)
        challenged = house.face_pack.challenge is not None
        shown = render_template("learner/face.html", page=view, visit=visit, challenged=challenged)
        return make_response(shown)

    @pages.post("/face/frames")
    @require_role("learner")
    @rate_limited("60 per minute", key=lambda: f"account:{session['account_id']}")
    def take_face_frame() -> Response:
        visit = learner_visit()
        if request.mimetype != "image/jpeg":
            raise InvalidInput("media_type", "照片须为 image/jpeg。", http_status=415)
        if (request.content_length or 0) > MAX_FRAME_BYTES:
            raise InvalidInput("body_too_large", "照片不能超过 512 KB，请重新拍摄。", http_status=413)
        jpeg = request.get_data(cache=False)
        return jsonify(house.capture_reference_frame(visit.institution, visit.known, visit.class_run, jpeg))

    @pages.get("/certificates/<number>.pdf")
    @require_role("learner")
    def certificate(number: str) -> AnyResponse:
        visit = learner_visit()

        def own(paper: IssuedPaper) -> bool:
            return paper.learner == visit.known

        return paper_file(house, visit.institution, number, own)

    @pages.get("/certificates/<number>/page.png")
    @require_role("learner")
    @rate_limited("60 per minute", methods=("GET",))
    def certificate_picture(number: str) -> AnyResponse:
        visit = learner_visit()
        return paper_picture(house, visit.institution, number, lambda paper: paper.learner == visit.known)

    @pages.get("/certificates/<number>")
    @require_role("learner")
    def certificate_page(number: str) -> AnyResponse:
        visit = learner_visit()
        paper = known_paper(house, visit.institution, number, lambda one: one.learner == visit.known)
        return make_response(render_template("learner/paper.html", paper=paper))

    return pages


def _by_field(reasons: tuple[Reason, ...]) -> dict[str, str]:
    """Return the sentences by the field that they stand at; "form" for those about no field."""
    found: dict[str, str] = {}
    for reason in reasons:
        found.setdefault(_FIELD_OF.get(reason.code, "form"), reason.sentence_zh)
    return found
