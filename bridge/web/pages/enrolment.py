"""The institution's pages of a class run's enrolment list: a file, its preview, and taking it over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.documents import KINDS_ZH
from bridge.identity.enrolment import KEPT
from bridge.identity.enrolment_files import LOST_DIGITS
from bridge.identity.enrolment_model import EnrolmentImport, Outcome, PlannedRow
from bridge.identity.enrolment_sheet import TEMPLATE
from bridge.identity.model import mask_citizen_id, mask_name
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.kernel.workbook import MIME, headed, workbook
from bridge.registry.model import ClassRun
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role, takes_list
from bridge.wiring import House
from bridge.wiring.enrolment_jobs import preview_list

_SHOWN = 100
"""Rows of a kind on one page: who has more sees the first, and all errors in the file that can be downloaded."""
_WIDTHS = (14, 22, 26, 32, 22, 22)
FIELDS_ZH = {"name": "姓名", "employer": "单位", "trade": "工种"}


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row of the preview: masked but for values that change, since a person must compare those."""

    row: PlannedRow
    name: str
    number: str


def enrolment_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/enrolment…`."""
    pages = Blueprint("enrolment", __name__, url_prefix="/institution/class-runs/<class_run>/enrolment")

    def first(class_run: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(ClassRunId(class_run))
            earlier = stations.enrolments.latest(run.id)
            staff = [stations.staff.by_id(by) for by in sorted({one.made_by for one in earlier})]
        logins = {one.id: one.login for one in staff if one is not None}
        shown = render_template(
            "institution/enrolment.html", run=run, earlier=earlier, logins=logins, kinds=KINDS_ZH, **form
        )
        return make_response(shown, status)

    def found(class_run: str, import_id: str) -> tuple[ClassRun, EnrolmentImport]:
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(ClassRunId(class_run))
            return run, stations.enrolments.find(run.id, import_id)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return first(class_run)

    @pages.get("/template.xlsx")
    @require_role("institution")
    def template(class_run: str) -> Response:
        return _xlsx([TEMPLATE], _WIDTHS, "enrolment-template.xlsx")

    @pages.post("")
    @require_role("institution")
    @rate_limited("30 per hour")
    @takes_list
    def upload(class_run: str) -> AnyResponse:
        visit = staff_visit()
        content, photos = (_file(name) for name in ("list", "photos"))
        try:
            if not content:
                raise InvalidInput("list_missing", "请选择名单文件。", http_status=422)
            import_id = preview_list(
                house, visit.own_institution(), ClassRunId(class_run), content, photos, visit.staff_id
            )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return first(class_run, refused.http_status, wrong=refused.message)
        return redirect(url_for("enrolment.look", class_run=class_run, import_id=import_id), code=303)

    @pages.get("/imports/<import_id>")
    @require_role("institution")
    def look(class_run: str, import_id: str) -> AnyResponse:
        run, one = found(class_run, import_id)
        shown = {each.value: _shown(one, each) for each in Outcome}
        page = render_template(
            "institution/enrolment_import.html",
            run=run,
            one=one,
            shown=shown,
            fields=FIELDS_ZH,
            minutes=int(KEPT.total_seconds()) // 60,
        )
        return make_response(page)

    @pages.get("/imports/<import_id>/progress")
    @require_role("institution")
    def progress(class_run: str, import_id: str) -> AnyResponse:
        run, one = found(class_run, import_id)
        answer = make_response(render_template("institution/enrolment_progress.html", run=run, one=one))
        if one.state != "running":
            # The page then says how it ended, and stops asking.
            answer.headers["HX-Redirect"] = url_for(
                "enrolment.look", class_run=class_run, import_id=import_id
            )
        return answer

    @pages.get("/imports/<import_id>/errors.xlsx")
    @require_role("institution")
    def errors(class_run: str, import_id: str) -> Response:
        _run, one = found(class_run, import_id)
        wrong = [row for row in one.rows if row.outcome is Outcome.ERROR]
        if not wrong:
            raise InvalidInput("enrolment_no_errors", "没有可下载的错误行,或预览已经结束。", http_status=404)
        heading = (*TEMPLATE, "原行号", "原因")
        lines = [
            (*_cells(row), str(row.line), "".join(said.sentence_zh for said in row.wrong)) for row in wrong
        ]
        return _xlsx([heading, *lines], (*_WIDTHS, 10, 80), "enrolment-errors.xlsx")

    @pages.post("/imports/<import_id>/confirm")
    @require_role("institution")
    def confirm(class_run: str, import_id: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).enrolments.confirm(ClassRunId(class_run), import_id, visit.staff_id)
        return redirect(url_for("enrolment.look", class_run=class_run, import_id=import_id), code=303)

    @pages.post("/imports/<import_id>/discard")
    @require_role("institution")
    def discard(class_run: str, import_id: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            enrolments = house.at(tx).enrolments
            enrolments.expire(enrolments.find(ClassRunId(class_run), import_id).id)
        flash(_("已放弃，预览和照片已清除。"))
        return redirect(url_for("enrolment.show", class_run=class_run), code=303)

    return pages


def _file(name: str) -> bytes:
    file = request.files.get(name)
    return file.stream.read() if file is not None and file.filename else b""


def _shown(one: EnrolmentImport, outcome: Outcome) -> Sequence[ShownRow]:
    rows = [row for row in one.rows if row.outcome is outcome][:_SHOWN]
    return [ShownRow(row, mask_name(row.name), mask_citizen_id(row.number)) for row in rows]


def _cells(row: PlannedRow) -> tuple[str, ...]:
    number = "" if row.number == LOST_DIGITS else row.number
    return row.name, row.stated, number, row.employer or "", row.trade or "", row.photo_name


def _xlsx(rows: Sequence[Sequence[str]], widths: Sequence[int], name: str) -> Response:
    answer = make_response(workbook("报名名单", headed(rows), widths))
    answer.mimetype = MIME
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
