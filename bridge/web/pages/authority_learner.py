"""One learner of the area: timeline, checks, tests, papers, signals, evidence – for a purpose that is logged."""

from typing import Any

from flask import Blueprint, make_response, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity import access_log
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.rules.model import NoRuleInForce
from bridge.supervision.model import LearnerView
from bridge.supervision.service import LearnerFile
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.web.pages.authority_view import area_name, looking, own_area
from bridge.web.pages.progress import view_progress
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.supervised import scope_of

_MAX_TYPED = 80
_MAX_ID = 40
_INQUIRY = "inquiry"
"""In the session: of which learner and class run the officer has stated a purpose, and which."""


def authority_learner_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority/class-runs/<id>/learners/<learner>`."""
    pages = Blueprint("authority_learner", __name__, url_prefix="/authority/class-runs/<class_run>/learners")

    def ask(class_run: str, learner: str, wrong: str | None = None) -> AnyResponse:
        with looking(house) as (visit, seen, _tx):
            run, learners = seen.class_run(ClassRunId(class_run))
            if LearnerRef(learner) not in {one.learner for one in learners}:
                raise InvalidInput("not_in_area", "本辖区没有这条记录。", http_status=404)
            shown = render_template(
                "authority/learner_purpose.html",
                area=area_name(house, own_area(visit)),
                run=run,
                learner=learner,
                wrong=wrong,
            )
        return make_response(shown, 422 if wrong else 200)

    @pages.get("/<learner>")
    @require_role("authority")
    def show(class_run: str, learner: str) -> AnyResponse:
        return ask(class_run, learner)

    @pages.post("/<learner>")
    @require_role("authority")
    @rate_limited("30 per minute")
    def look(class_run: str, learner: str) -> AnyResponse:
        purpose = request.form.get("purpose", "")[:_MAX_TYPED]
        try:
            with looking(house) as (visit, seen, tx):
                code = own_area(visit)
                found = seen.look_into(LearnerRef(learner), ClassRunId(class_run), purpose)
                signals = SqlAreaSignals(scope_of(house, tx, code)).of_learner(
                    found.learner.learner, found.run.id
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return ask(class_run, learner, refused.message)
        session[_INQUIRY] = [learner, class_run, " ".join(purpose.split())]
        shown = render_template(
            "authority/learner.html",
            area=area_name(house, code),
            file=found,
            signals=signals,
            **_evidence(house, found),
        )
        return make_response(shown)

    @pages.get("/<learner>/frames/<frame>")
    @require_role("authority")
    @rate_limited("120 per minute", methods=("GET", "HEAD"))
    def frame(class_run: str, learner: str, frame: str) -> AnyResponse:
        inquiry = session.get(_INQUIRY)
        if not inquiry or inquiry[:2] != [learner, class_run]:
            raise NotPermitted("purpose_missing", "请先在学员页面写明查询事由，再查看抓拍照片。")
        with looking(house) as (visit, seen, _tx):
            mine = [
                one for one in seen.class_run(ClassRunId(class_run))[1] if one.learner == LearnerRef(learner)
            ]
            authority = area_name(house, own_area(visit))
        if not mine:
            raise InvalidInput("not_in_area", "本辖区没有这条记录。", http_status=404)
        picture = _picture(
            house, mine[0], frame[:_MAX_ID], purpose=inquiry[2], recipient=authority, by=visit.staff_id
        )
        answer = make_response(picture)
        answer.mimetype = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        return answer

    return pages


def _picture(house: House, row: LearnerView, frame: str, *, purpose: str, recipient: str, by: str) -> bytes:
    """Return a frame of the learner, and log who looked; InvalidInput: face_unknown, evidence_unknown."""
    with house.uow.for_institution(row.institution_id) as tx:
        stations = house.at(tx)
        frames = stations.presence_store.frames_of(row.learner, row.class_run)
        wanted = next((one for one in frames if one.id == frame), None)
        if wanted is None:
            raise InvalidInput("face_unknown", "没有这张照片,请刷新。", http_status=404)
        picture = stations.vault.get(row.institution_id, wanted.evidence_id)
        access_log.note(
            tx,
            house.cipher,
            row.learner,
            what="face",
            purpose=f"supervision: {purpose}"[:64],
            recipient=recipient,
            by=by,
            at=house.clock.now(),
        )
    return picture


def _evidence(house: House, file: LearnerFile) -> dict[str, Any]:
    """Return the timeline and the frames; a profile that says nothing on a day leaves the timeline out and says so."""
    learner, class_run = file.learner.learner, file.run.id
    with house.uow.for_institution(file.learner.institution_id, read_only=True) as tx:
        stations = house.at(tx)
        frames = stations.presence_store.frames_of(learner, class_run)
        try:
            earned = stations.hours.earned(learner, class_run)
        except NoRuleInForce as error:
            return {"progress": None, "hours": None, "stopped": error.message, "frames": frames}
        sheet = stations.registry.class_run_sheet(class_run, learner)
        return {
            "progress": view_progress(earned.seconds, sheet.course.units),
            "hours": earned.hours,
            "ledger_head": earned.ledger_head,
            "stopped": None,
            "frames": frames,
        }
