"""The institution's pages of a class run's own materials: one person puts a file in, another reviews it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId
from bridge.registry.material_model import Material
from bridge.registry.materials import take_in
from bridge.registry.model import ClassRun, Course, CourseUnit
from bridge.web.material_answer import answer_material
from bridge.web.pages.player import answer_page, texts
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role, takes_upload
from bridge.wiring import House, Stations

KINDS_ZH = {"video": "视频", "audio": "音频", "pdf": "PDF", "text": "文字"}


@dataclass(frozen=True, slots=True)
class MaterialsPage:
    """What the pages show.

    Args:
        logins: of staff, by id.
    """

    run: ClassRun
    course: Course
    materials: Mapping[CourseUnitId, Material]
    logins: Mapping[str, str]

    @property
    def units(self) -> Sequence[CourseUnit]:
        return [unit for unit in self.course.units if unit.activity == "study"]

    def unit(self, unit: str) -> CourseUnit:
        """Return the study unit; InvalidInput("course_unit_unknown")."""
        found = next((one for one in self.units if one.id == unit), None)
        if found is None:
            raise InvalidInput("course_unit_unknown", "没有这个学习单元,请刷新后重试。", http_status=404)
        return found


def material_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/materials…`."""
    pages = Blueprint("materials", __name__, url_prefix="/institution/class-runs/<class_run>/materials")

    def listed(class_run: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        shown = render_template(
            "institution/materials.html",
            page=_gather(house, visit, class_run),
            visit=visit,
            kinds=KINDS_ZH,
            **form,
        )
        return make_response(shown, status)

    def one(class_run: str, unit: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        page = _gather(house, visit, class_run)
        found = page.unit(unit)
        material = page.materials.get(found.id)
        if material is None:
            return redirect(url_for("materials.show", class_run=class_run), code=303)
        shown = render_template(
            "institution/material.html",
            page=page,
            visit=visit,
            unit=found,
            material=material,
            texts=texts(house, material),
            kinds=KINDS_ZH,
            **form,
        )
        return make_response(shown, status)

    def to_unit(class_run: str, unit: str) -> AnyResponse:
        return redirect(url_for("materials.show_unit", class_run=class_run, unit=unit), code=303)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return listed(class_run)

    @pages.post("/<unit>")
    @require_role("institution")
    @rate_limited("60 per hour")
    @takes_upload
    def enter(class_run: str, unit: str) -> AnyResponse:
        visit = staff_visit()
        course = _gather(house, visit, class_run).course.id
        try:
            file = request.files.get("file")
            if file is None or not file.filename:
                raise InvalidInput("material_file", "请选择课件文件。", http_status=422)
            with closing(file):
                # Before the unit of work: drawing a PDF takes seconds, and nobody else could write meanwhile.
                offered = take_in(cast(BinaryIO, file.stream), house.material_files, house.page_drawer)
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).materials.enter(course, CourseUnitId(unit), offered, visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return listed(class_run, refused.http_status, wrong=refused.message, wrong_unit=unit)
        flash(_("已上传。请核对内容和每页时间，再请另一名工作人员审核。"))
        return to_unit(class_run, unit)

    @pages.get("/<unit>")
    @require_role("institution")
    def show_unit(class_run: str, unit: str) -> AnyResponse:
        return one(class_run, unit)

    @pages.post("/<unit>/times")
    @require_role("institution")
    def set_times(class_run: str, unit: str) -> AnyResponse:
        visit = staff_visit()
        page = _gather(house, visit, class_run)
        try:
            times = _times(request.form.getlist("seconds"), page.unit(unit).nominal_ms)
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).materials.set_times(
                    page.course.id, CourseUnitId(unit), request.form.get("version", ""), times, visit.staff_id
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            typed = request.form.getlist("seconds")
            return one(class_run, unit, refused.http_status, wrong=refused.message, typed=typed)
        flash(_("每页时间已保存，等待另一名工作人员审核。"))
        return to_unit(class_run, unit)

    @pages.post("/<unit>/review")
    @require_role("institution")
    def review(class_run: str, unit: str) -> AnyResponse:
        visit = staff_visit()
        course = _gather(house, visit, class_run).course.id
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).materials.review(
                course, CourseUnitId(unit), request.form.get("version", ""), visit.staff_id
            )
        flash(_("审核通过，学员可以学习了。课件从此不能再换。"))
        return to_unit(class_run, unit)

    @pages.get("/<unit>/media")
    @require_role("institution")
    def media(class_run: str, unit: str) -> Response:
        material = _material(house, class_run, unit)
        return answer_material(house.material_files, material.sha256, material.size, material.media_type)

    @pages.get("/<unit>/pages/<int:number>")
    @require_role("institution")
    def picture(class_run: str, unit: str, number: int) -> Response:
        return answer_page(house, _material(house, class_run, unit), number)

    return pages


def _gather(house: House, visit: StaffVisit, class_run: str) -> MaterialsPage:
    """Return the page; InvalidInput("class_run_unknown"), also for another institution's."""
    with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(ClassRunId(class_run))
        course = _course(stations, run.course_id)
        materials = stations.materials.of(course.id)
        people = {
            by for one in materials.values() for by in (one.entered_by, one.reviewed_by) if by is not None
        }
        staff = [stations.staff.by_id(by) for by in sorted(people)]
    return MaterialsPage(run, course, materials, {one.id: one.login for one in staff if one is not None})


def _course(stations: Stations, course_id: CourseId) -> Course:
    course = stations.registry_store.course(course_id)
    if course is None:
        raise RuntimeError(f"course {course_id} is missing")
    return course


def _material(house: House, class_run: str, unit: str) -> Material:
    page = _gather(house, staff_visit(), class_run)
    found = page.materials.get(page.unit(unit).id)
    if found is None:
        raise InvalidInput("material_missing", "这个单元没有课件,请刷新页面。", http_status=404)
    return found


def _times(typed: Sequence[str], nominal_ms: int) -> list[int]:
    """Return the pages' times in milliseconds from whole seconds; what a second does not hold falls to the last page.

    Raises:
        InvalidInput("material_page_time")
    """
    if not all(one.strip().isascii() and one.strip().isdigit() and len(one.strip()) <= 6 for one in typed):
        raise InvalidInput("material_page_time", "每页时间请填写整数秒。", http_status=422)
    times = [int(one) * 1000 for one in typed]
    if times:
        times[-1] += nominal_ms % 1000
    return times
