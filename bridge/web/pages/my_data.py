"""The learner's own data: what is kept, until when, by which rule, who looked, consents, a copy, deletion."""

import io
import json
import zipfile

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.consent import CURRENT, FACE, FACE_SEARCH, PHOTO_TO_SOURCE, SUPERVISED
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import parse_rfc3339
from bridge.web.pages.access_log import purpose_zh
from bridge.web.pages.visitors import LearnerVisit, learner_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.my_data import own_data

_REVOCABLE = (FACE, FACE_SEARCH, PHOTO_TO_SOURCE, SUPERVISED)
_MAX_TYPED = 40
_NAME = "anxue-my-data"


def my_data_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner/my-data`."""
    pages = Blueprint("my_data", __name__, url_prefix="/learner/my-data")

    def page(visit: LearnerVisit, template: str = "learner/my_data.html") -> tuple[str, dict[str, object]]:
        found = own_data(house, visit.institution, visit.account_id, visit.known)
        shown = render_template(
            template, data=found, purpose_zh=purpose_zh, instant=parse_rfc3339, appeals=_appeals()
        )
        return shown, found

    @pages.get("")
    @require_role("learner")
    def show() -> AnyResponse:
        visit = learner_visit()
        if visit.learner is None:
            return redirect(url_for("learner.home", _anchor="step-real_name"), code=303)
        return make_response(page(visit)[0])

    @pages.get("/export")
    @require_role("learner")
    @rate_limited("10 per hour", methods=("GET",), key=lambda: f"account:{session['account_id']}")
    def export() -> Response:
        """Give a ZIP of the same as JSON and as a page that any browser shows without us."""
        text, found = page(learner_visit(), "learner/my_data_file.html")
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{_NAME}.json", json.dumps(found, ensure_ascii=False, indent=2) + "\n")
            archive.writestr(f"{_NAME}.html", text)
        answer = current_app.response_class(content.getvalue(), mimetype="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="{_NAME}.zip"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.post("/consents/revoke")
    @require_role("learner")
    def revoke() -> AnyResponse:
        visit, purpose = learner_visit(), request.form.get("purpose", "")[:_MAX_TYPED]
        if purpose not in _REVOCABLE:
            raise InvalidInput("consent_purpose_unknown", "没有这一项同意,请刷新页面后重试。")
        with house.uow.for_institution(visit.institution) as tx:
            stations = house.at(tx)
            if purpose == FACE:
                stations.withdraw_faces(visit.account_id)
            else:
                stations.identity.revoke_consent(visit.account_id, purpose)
        flash(_("已撤回“%(title)s”。", title=CURRENT[purpose].title))
        return redirect(url_for("my_data.show", _anchor="consents"), code=303)

    @pages.post("/deletion")
    @require_role("learner")
    @rate_limited("10 per hour", key=lambda: f"account:{session['account_id']}")
    def ask_for_deletion() -> AnyResponse:
        visit = learner_visit()
        if request.form.get("understood") != "1":
            raise InvalidInput("deletion_not_confirmed", "请先阅读后果,勾选确认后再提交。")
        with house.uow.for_institution(visit.institution) as tx:
            stations = house.at(tx)
            stations.withdraw_faces(visit.account_id)
            stations.deletion_requests.ask(visit.account_id, visit.known)
        flash(_("已提交。人脸特征已经销毁；其余由培训机构处理，结果显示在本页。"))
        return redirect(url_for("my_data.show", _anchor="deletion"), code=303)

    return pages


def _appeals() -> str | None:
    """Return where a learner appeals against a check."""
    known = "learner_checks.show" in current_app.view_functions
    return url_for("learner_checks.show") if known else None
